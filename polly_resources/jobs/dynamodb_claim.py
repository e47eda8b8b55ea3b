"""How a DynamoDB ledger hands out jobs: who claims what, in which order.

Owns the rules of `JobLedger.claim`. Candidates come from an index by the few dozen, are read
as they are, and are taken in one transaction with their sources; where another claimer was
faster, others further down the queue are looked at.
Keep out: what becomes of a claimed job (`dynamodb_moves`).
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice

from polly_resources.jobs.base import MAX_ATTEMPTS
from polly_resources.jobs.dynamodb_find import Ref, Wanted, in_claim_order
from polly_resources.jobs.dynamodb_items import RANKED, job_key, source_key
from polly_resources.jobs.dynamodb_sheet import Sheet, settle
from polly_resources.jobs.dynamodb_table import MOST_AT_ONCE, Overtaken, Table
from polly_resources.records import Job, JobFilter, JobStatus

_MOST_CANDIDATES = MOST_AT_ONCE // 2
"""A job is claimed together with its source: two items."""

_FEW_CANDIDATES = 10


@dataclass(frozen=True, slots=True)
class Order:
    """What a claimer asks for."""

    batch_id: str
    owner: str
    now: datetime
    lease_until: datetime
    filter: JobFilter
    max_jobs: int
    max_bytes: int | None


def claim(table: Table, order: Order) -> list[Job]:
    """The jobs claimed, in the order of claims."""
    if order.max_jobs <= 0:
        return []
    jobs = settle(lambda: _claim(table, order), table)
    return sorted(jobs, key=lambda job: (RANKED.index(job.priority), job.job_id))


def _claim(table: Table, order: Order) -> list[Job]:
    first = _first(table, order.filter)
    if first is None:
        return []
    if first.attempt >= MAX_ATTEMPTS:
        return [_alone(table, order, first)]
    shard = replace(order.filter, atlas=first.atlas, shard=first.shard)
    batch = _Batch(table, replace(order, filter=shard))
    refs = in_claim_order(table, shard)
    while not batch.full and (part := list(islice(refs, batch.candidates()))):
        try:
            batch.take(part)
        except Overtaken:
            # Claimers in step would meet at the next jobs again.
            skipped = islice(refs, random.randrange(_MOST_CANDIDATES))  # noqa: S311
            deque(skipped, maxlen=0)
    if not batch.jobs:  # others took all that we saw: look again, perhaps at another shard
        raise Overtaken
    return batch.jobs


def _first(table: Table, filter: JobFilter) -> Job | None:
    """The job that decides on atlas and shard."""
    refs = in_claim_order(table, filter)
    size = _FEW_CANDIDATES
    while part := list(islice(refs, size)):
        for job in _claimable(_read(table, part), part, filter):
            return job
        size = _MOST_CANDIDATES
    return None


def _alone(table: Table, order: Order, first: Job) -> Job:
    part = [Ref(first.job_id, first.atlas, first.source)]
    sheet = _read(table, part)
    if _claimable(sheet, part, order.filter) != [first]:
        raise Overtaken
    job = _run(sheet, first, order)
    sheet.store()
    return job


class _Batch:
    """The jobs of one shard that a claim takes, part by part."""

    def __init__(self, table: Table, order: Order) -> None:
        self.jobs: list[Job] = []
        self.full = False
        self._table = table
        self._order = order

    def candidates(self) -> int:
        """How many to look at next: not all can be claimed."""
        missing = self._order.max_jobs - len(self.jobs)
        return min(max(2 * missing, _FEW_CANDIDATES), _MOST_CANDIDATES)

    def take(self, part: Sequence[Ref]) -> None:
        """Claim what fits of these. Raises Overtaken, and then took none of them."""
        sheet = _read(self._table, part)
        found = _claimable(sheet, part, self._order.filter)
        fit, full = self._fit([job for job in found if job.attempt < MAX_ATTEMPTS])
        jobs = [_run(sheet, job, self._order) for job in fit]
        sheet.store()
        self.jobs += jobs
        self.full = full or len(self.jobs) >= self._order.max_jobs

    def _fit(self, jobs: list[Job]) -> tuple[list[Job], bool]:
        """The jobs that the claim has room for, and whether it is full then."""
        fit: list[Job] = []
        sources = {job.source for job in self.jobs}
        room = self._order.max_jobs - len(self.jobs)
        size = sum(job.size for job in self.jobs)
        most = self._order.max_bytes
        for job in jobs:
            heavy = most is not None and size + job.size > most and (fit or self.jobs)
            if heavy or len(fit) >= room:
                return fit, True
            if job.source not in sources:
                sources.add(job.source)
                fit.append(job)
                size += job.size
        return fit, False


def _read(table: Table, part: Sequence[Ref]) -> Sheet:
    sheet = Sheet(table)
    keys = [job_key(ref.job_id) for ref in part]
    sheet.read(keys + [source_key(ref.atlas, ref.source) for ref in part])
    return sheet


def _claimable(sheet: Sheet, part: Sequence[Ref], filter: JobFilter) -> list[Job]:
    """The jobs that match and that no running job of their source holds back."""
    wanted = Wanted(filter)
    found = []
    for ref in part:
        job, source = sheet.job(ref.job_id), sheet.source(ref.atlas, ref.source)
        if job is None or job.status != JobStatus.QUEUED or source.running is not None:
            continue
        latest = not filter.latest_per_source or source.latest == job.job_id
        if latest and wanted.is_met(job):
            found.append(job)
    return found


def _run(sheet: Sheet, job: Job, order: Order) -> Job:
    source = sheet.source(job.atlas, job.source)
    running = replace(
        job,
        status=JobStatus.RUNNING,
        batch_id=order.batch_id,
        owner=order.owner,
        lease_until=order.lease_until,
        started_at=order.now,
    )
    sheet.put(running)
    sheet.put(replace(source, running=job.job_id))
    return running
