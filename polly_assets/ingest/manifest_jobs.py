"""The jobs of manifests: what a landed manifest says lands as sidecars beside its files.

Owns this step for manifests that others put into the landing area; those given to `polly ingest`
and in bundles are followed before anything lands. Keep out: what manifests say (`manifests`).
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

from polly_assets.ingest import changes, landing
from polly_assets.ingest.manifests import follow
from polly_assets.work import Work
from polly_resources.objects.base import ObjectStore
from polly_resources.records import Job, JobOutcome, JobStatus, Notice

FORMAT = "manifest"


def followed(work: Work, job: Job) -> JobOutcome:
    """Land and queue what the manifest of a job says. Raises BadInput, Transient.

    Sidecars that are there are changed where it says otherwise, for they may come of an older
    version of it; datasets of the tables that it puts to others are removed.
    """
    root = landing.prefix(work.atlas.name)
    name = job.source.removeprefix(root)
    beside = landing.listed(work.objects, work.atlas, name.rpartition("/")[0])
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="polly-manifest-"))
        files = _Local(work.objects, root, beside, stack)
        said = follow(files, name, Path(folder), overrule=True)
        requests = landing.land_files(work.objects, work.atlas, said.made, job.priority)
    requests = changes.disowned(work, said.tables, job.fingerprint) + requests
    queued = work.ledger.submit(requests)
    new = sum(one.status != JobStatus.UNCHANGED for one in queued)
    if said.rows:
        notice = Notice("manifest_followed", f"{said.rows} files are described; {new} jobs are new")
    else:
        notice = Notice("other_manifest", "the file has no column of files, and says nothing to us")
    return JobOutcome(
        job.job_id, job.dataset_id, JobStatus.SUCCEEDED, format=FORMAT, warnings=(notice,)
    )


class _Local(Mapping[str, Path]):
    """Landed files by name, each fetched when it is asked for."""

    def __init__(
        self, objects: ObjectStore, root: str, names: Collection[str], stack: ExitStack
    ) -> None:
        self._objects, self._root, self._names, self._stack = objects, root, names, stack

    def __getitem__(self, name: str) -> Path:
        return self._stack.enter_context(self._objects.local(self._root + name))

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)
