"""The jobs of bundles: what is in a landed bundle lands as files, each with a job of its own.

Owns this step for bundles that others put into the landing area, and for refused ones, whose
jobs fail here with the reason. Keep out: unpacking (`bundles`) and landing (`landing`).
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from polly_assets.ingest import landing
from polly_assets.ingest.bundles import unbundled
from polly_assets.work import Work
from polly_resources.errors import BadInput
from polly_resources.records import Job, JobOutcome, JobStatus, Notice

FORMAT = "bundle"


def opened(work: Work, job: Job) -> JobOutcome:
    """Land and queue what is in the bundle of a job. Raises BadInput, Conflict, Transient."""
    name = job.source.removeprefix(landing.prefix(work.atlas.name))
    with (
        work.objects.local(job.source) as path,
        tempfile.TemporaryDirectory(prefix="polly-bundles-") as folder,
    ):
        files, refused = unbundled({name: path}, Path(folder))
        if refused:
            raise refused[name]
        requests = landing.land_files(work.objects, work.atlas, files, job.priority)
    if not requests:
        raise BadInput(
            "empty_bundle",
            f"none of the {len(files)} files in the bundle is data",
            file=name,
            hint="hidden files, README, LICENSE and *.md are not data",
        )
    queued = work.ledger.submit(requests)
    new = [one for one in queued if one.status != JobStatus.UNCHANGED]
    message = f"{len(files)} files were unpacked; {len(new)} of {len(queued)} jobs are new"
    notice = Notice("bundle_unpacked", message)
    return JobOutcome(
        job.job_id, job.dataset_id, JobStatus.SUCCEEDED, format=FORMAT, warnings=(notice,)
    )
