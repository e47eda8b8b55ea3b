"""How a DynamoDB ledger finds jobs: the narrowest index says where to look, the items decide.

An index may lag behind the table by moments, so that a job may be found late there; what is
found is always the job as it is. Jobs asked for by id are never late.
Add a way to look for jobs to `_places`.
Keep out: whether a job may be claimed (`dynamodb_claim`).
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain, groupby, islice
from sys import maxsize
from typing import NamedTuple

from polly_resources.jobs.dynamodb_items import (
    RANKED,
    digest,
    job_key,
    queue_of,
    source_key,
    state_of,
)
from polly_resources.jobs.dynamodb_sheet import Sheet
from polly_resources.jobs.dynamodb_table import MOST_AT_ONCE, Table
from polly_resources.records import Job, JobFilter, JobStatus, Priority

_FEW = 100
"""How many sources or datasets are looked up one by one; more, and all jobs are walked."""

_PAGE = 1000
_ID_LENGTH = 26


class Ref(NamedTuple):
    """Where a job may be found."""

    job_id: str
    atlas: str
    source: str


class Wanted:
    """A filter with its lists as sets."""

    def __init__(self, filter: JobFilter) -> None:
        self._filter = filter
        self._job_ids = frozenset(filter.job_ids)
        self._statuses = frozenset(filter.statuses)
        self._sources = frozenset(filter.sources)
        self._dataset_ids = frozenset(filter.dataset_ids)

    def may_be(self, ref: Ref) -> bool:
        """Whether the job is worth reading, by what never changes."""
        return self._filter.atlas in (None, ref.atlas) and (
            not self._sources or ref.source in self._sources
        )

    def is_met(self, job: Job) -> bool:
        """Whether the job matches; whether it is its source's latest is another question."""
        lists = (
            (self._job_ids, job.job_id),
            (self._statuses, job.status),
            (self._sources, job.source),
            (self._dataset_ids, job.dataset_id),
        )
        return (
            self._filter.atlas in (None, job.atlas)
            and self._filter.shard in (None, job.shard)
            and self._filter.batch_id in (None, job.batch_id)
            and (self._filter.after is None or job.job_id < self._filter.after)
            and all(not values or value in values for values, value in lists)
        )


def find(table: Table, filter: JobFilter) -> list[Job]:
    """The jobs that match, newest first."""
    wanted = Wanted(filter)
    refs = _newest_first(table, filter, wanted)
    found: list[Job] = []
    while (missing := filter.limit - len(found)) > 0:
        part = list(islice(refs, min(max(missing, 10), MOST_AT_ONCE)))
        if not part:
            break
        sheet = Sheet(table)
        sheet.read(map(job_key, part))
        read = map(sheet.job, part)
        jobs = [job for job in read if job is not None and wanted.is_met(job)]
        if filter.latest_per_source:
            sheet.read(source_key(job.atlas, job.source) for job in jobs)
            jobs = [j for j in jobs if sheet.source(j.atlas, j.source).latest == j.job_id]
        found += jobs[:missing]
    return found


def in_claim_order(table: Table, filter: JobFilter) -> Iterator[Ref]:
    """Where queued jobs that may match are: high priority first, then oldest first."""
    if filter.statuses and JobStatus.QUEUED not in filter.statuses:
        return iter(())
    if filter.job_ids or filter.batch_id is not None or _few(filter.sources, filter.dataset_ids):
        queued = find(table, replace(filter, statuses=[JobStatus.QUEUED], limit=maxsize))
        queued.sort(key=lambda job: (RANKED.index(job.priority), job.job_id))
        return (Ref(job.job_id, job.atlas, job.source) for job in queued)

    def of(priority: Priority) -> Iterator[Ref]:
        place = "state", state_of(JobStatus.QUEUED, priority)
        if filter.atlas is not None and filter.shard is not None:
            place = "queue", queue_of(filter.atlas, filter.shard, priority)
        return _walk(table, place, filter, newest_first=False)

    return _worth_reading(chain.from_iterable(map(of, RANKED)), Wanted(filter))


def _worth_reading(refs: Iterator[Ref], wanted: Wanted) -> Iterator[Ref]:
    """Those that are worth reading."""
    return (ref for ref in refs if wanted.may_be(ref))


def _newest_first(table: Table, filter: JobFilter, wanted: Wanted) -> Iterator[str]:
    """The ids of jobs that may match, each once."""
    if filter.job_ids:
        ids = {job_id for job_id in filter.job_ids if len(job_id) == _ID_LENGTH}
        return iter(sorted(ids, reverse=True))
    walks = (_walk(table, place, filter, newest_first=True) for place in _places(filter))
    refs = _worth_reading(heapq.merge(*walks, key=lambda ref: ref.job_id, reverse=True), wanted)
    # A job that moves while we look may be seen in both places.
    return (job_id for job_id, _ in groupby(refs, key=lambda ref: ref.job_id))


def _places(filter: JobFilter) -> list[tuple[str, str]]:
    """Indexes and the values in them that together have every job that matches."""
    if filter.batch_id is not None:
        return [("batch", digest(filter.batch_id))]
    if _few(filter.sources):
        return [("source", digest(source)) for source in dict.fromkeys(filter.sources)]
    if _few(filter.dataset_ids):
        return [("dataset", digest(name)) for name in dict.fromkeys(filter.dataset_ids)]
    if filter.statuses:
        # In the order of a job's life: one that moves on while we look is not missed.
        states = [state_of(s, p) for s in JobStatus for p in RANKED if s in filter.statuses]
        return [("state", state) for state in dict.fromkeys(states)]
    return [("jobs", "job")]


def _walk(
    table: Table, place: tuple[str, str], filter: JobFilter, *, newest_first: bool
) -> Iterator[Ref]:
    page = min(max(filter.limit, 10), _PAGE)
    index, value = place
    items = table.index(index, value, before=filter.after, newest_first=newest_first, page=page)
    for item in items:
        yield Ref(item["job_id"]["S"], item["atlas"]["S"], item["source"]["S"])


def _few(*lists: Sequence[str]) -> bool:
    return any(0 < len(values) <= _FEW for values in lists)
