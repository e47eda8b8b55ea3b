"""What changes of the landing area ask for: ingests of what came, deletions of what went.

Owns the meaning of an event and of a look at everything. Both only say where to look, and the
store decides: so doubled, late and reordered events do no harm, and a look finds lost ones.
Keep out: where events come from, and carrying anything out.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from polly_assets.atlases import Atlas
from polly_assets.ingest import landing
from polly_assets.ingest.formats.counts.names import around
from polly_assets.ingest.formats.grouping import beginnings_of
from polly_assets.schema import NORMALIZED_DATASETS
from polly_assets.work import Work
from polly_resources.errors import BadInput, NotFound
from polly_resources.jobs.base import JobLedger
from polly_resources.objects.base import ObjectInfo, ObjectStore
from polly_resources.records import Job, JobAction, JobFilter, JobRequest, JobStatus, Notice
from polly_resources.tables.base import TableStore

LOG = logging.getLogger(__name__)

_ACTIVE = (JobStatus.QUEUED, JobStatus.RUNNING)


def at_names(
    objects: ObjectStore,
    ledger: JobLedger,
    tables: TableStore,
    atlas: Atlas,
    names: Collection[str],
) -> list[JobRequest]:
    """Requests for the sources that files of these names belong to or belonged to.

    Deletions come first: what a removed file held may be in a file that came.
    """
    infos = _around(objects, atlas, names)
    # With the removed files as if they were there, for what they belonged to has changed.
    supposed = [landing.members(g).values() for g in landing.sources([*infos, *names])]
    touched = {name for each in supposed if not set(names).isdisjoint(each) for name in each}
    groups = [
        group
        for group in landing.sources(list(infos))
        if not touched.isdisjoint(landing.members(group).values())
    ]
    root = landing.prefix(atlas.name)
    known = landing.taken(ledger, atlas, sorted(root + name for name in touched)) if touched else {}
    gone = sorted(known.keys() - {root + group.main for group in groups})
    datasets = _datasets(tables, atlas, gone) | _expected(ledger, atlas, gone)
    now = datetime.now(UTC)
    arrived = landing.untaken(objects, atlas, groups, infos, known=known, now=now)
    return _deletions(atlas, datasets) + arrived


def everywhere(
    objects: ObjectStore, ledger: JobLedger, tables: TableStore, atlas: Atlas
) -> list[JobRequest]:
    """Requests for all that landed or vanished unnoticed; deletions come first.

    Sources that a job is at are not taken for vanished: the next look decides.
    """
    now = datetime.now(UTC)
    root = landing.prefix(atlas.name)
    infos = landing.listed(objects, atlas)
    groups = landing.sources(list(infos))
    known = landing.taken(ledger, atlas)
    there = {root + group.main for group in groups}
    gone = sorted(source for source, one in known.items() if source not in there and not one.busy)
    datasets = _datasets(tables, atlas, gone)
    if datasets and _all_gone(set(_datasets(tables, atlas).values()), infos, atlas):
        datasets = {}
    due = landing.settled(groups, infos, now)
    arrived = landing.untaken(objects, atlas, due, infos, known=known, now=now)
    return _deletions(atlas, datasets) + arrived


def _all_gone(sources: Collection[str], infos: Mapping[str, ObjectInfo], atlas: Atlas) -> bool:
    """Whether no file is left of several; more likely the landing area is not there."""
    root = landing.prefix(atlas.name)
    if len(sources) < 2 or any(source.removeprefix(root) in infos for source in sources):
        return False
    LOG.warning(
        "all %d landed files of atlas %s are gone, so nothing is deleted: is the landing area "
        "there? To delete their datasets: polly delete DATASET... --atlas %s",
        len(sources),
        atlas.name,
        atlas.name,
    )
    return True


def kept(work: Work, jobs: Sequence[Job]) -> dict[str, Notice]:
    """By job, why a deletion that followed from a file being gone is not to be carried out.

    Since it was queued the file may have come back, or another may have brought the dataset.
    """
    due = [job for job in jobs if job.fingerprint == landing.GONE]
    if not due:
        return {}
    back = landing.landed(work.objects, [job.source for job in due])
    columns, ids = ["dataset_id", "source"], [job.dataset_id for job in due]
    rows = work.read(NORMALIZED_DATASETS, columns, where={"dataset_id": ids}).to_pylist()
    owners = {row["dataset_id"]: row["source"] for row in rows}
    found = {}
    for job in due:
        owner = owners.get(job.dataset_id, job.source)
        if job.source in back:
            found[job.job_id] = Notice("file_is_back", f"{job.source} is there again")
        elif owner != job.source:
            found[job.job_id] = Notice("other_file", f"the dataset comes from {owner} now")
    return found


def _around(objects: ObjectStore, atlas: Atlas, names: Collection[str]) -> Mapping[str, ObjectInfo]:
    """The landed files that may belong together with these, without listing the whole folder.

    They begin alike but for case; spellings other than these three wait for reconciliation.
    """
    beginnings: set[str] = set()
    infos: dict[str, ObjectInfo] = {}
    known: Collection[str] = names
    with ThreadPoolExecutor(max_workers=8) as pool:
        # Twice, for what is found may be part of a triple with others that begin otherwise.
        for _ in range(2):
            more = {each for name in known for each in _beginnings(name)} - beginnings
            for found in pool.map(lambda each: _listed(objects, atlas, each), sorted(more)):
                infos |= found
            beginnings |= more
            known = infos
    return infos


def _beginnings(name: str) -> set[str]:
    folder, slash, _ = name.rpartition("/")
    starts = [(folder + slash, base) for base in beginnings_of(name)]
    if (beside := around(name)) is not None:  # a series is described beside its files' folder
        starts.append(beside)
    return {at + each for at, base in starts for each in (base, base.lower(), base.upper())}


def _listed(objects: ObjectStore, atlas: Atlas, beginning: str) -> Mapping[str, ObjectInfo]:
    try:
        return landing.listed(objects, atlas, beginning)
    except BadInput as error:
        LOG.warning("event passed over: %s", error)
        return {}


def _datasets(
    tables: TableStore, atlas: Atlas, sources: Sequence[str] | None = None
) -> dict[str, str]:
    """The source of each dataset that came of these sources, or of any, and is there still."""
    if sources is not None and not sources:
        return {}
    where = None if sources is None else {"source": sources}
    try:
        rows = tables.read(
            f"{atlas.name}/{NORMALIZED_DATASETS.name}",
            columns=["dataset_id", "source"],
            where=where,
        )
    except NotFound:
        return {}
    return {row["dataset_id"]: row["source"] for row in rows.to_pylist()}


def disowned(work: Work, names: Collection[str], fingerprint: str) -> list[JobRequest]:
    """Deletions of what came, or is about to come, of landed files that are no data after all.

    `fingerprint` is that of the file that says so.
    """
    sources = sorted(landing.prefix(work.atlas.name) + name for name in names)
    datasets = _datasets(work.tables, work.atlas, sources)
    datasets |= _expected(work.ledger, work.atlas, sources)
    return _deletions(work.atlas, datasets, fingerprint)


def _expected(ledger: JobLedger, atlas: Atlas, sources: Sequence[str]) -> dict[str, str]:
    """The datasets that queued and running ingests of these sources are expected to make."""
    if not sources:
        return {}
    wanted = JobFilter(atlas=atlas.name, sources=sources, statuses=_ACTIVE, limit=100_000)
    return {
        job.dataset_id: job.source for job in ledger.find(wanted) if job.action == JobAction.INGEST
    }


def _deletions(
    atlas: Atlas, datasets: Mapping[str, str], fingerprint: str = landing.GONE
) -> list[JobRequest]:
    return [
        JobRequest(
            atlas=atlas.name,
            shard=atlas.shard_of(dataset_id),
            action=JobAction.DELETE,
            source=source,
            dataset_id=dataset_id,
            fingerprint=fingerprint,
        )
        for dataset_id, source in sorted(datasets.items())
    ]
