"""What becomes of claimed jobs in a DynamoDB ledger: renewed, ended, back in the queue.

Owns the rules of `JobLedger.renew`, `finish` and `requeue`. A move changes a job, its source
and, of a deletion, its dataset in one transaction; a call moves jobs by the few dozen.
Keep out: claims (`dynamodb_claim`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from sys import maxsize
from typing import TypeVar

from polly_resources.jobs.base import MAX_ATTEMPTS
from polly_resources.jobs.dynamodb_find import find
from polly_resources.jobs.dynamodb_items import (
    MOST_DATASETS,
    Ended,
    Ingest,
    Source,
    bounded_error,
    bounded_warnings,
    deletion_key,
    job_key,
    source_key,
)
from polly_resources.jobs.dynamodb_sheet import Sheet, settle
from polly_resources.jobs.dynamodb_table import MOST_AT_ONCE, Table
from polly_resources.jobs.ids import member_id, member_number
from polly_resources.records import Failure, Job, JobAction, JobFilter, JobOutcome, JobStatus

_OUTCOMES = 25
"""The most outcomes of one file, and of one transaction: with their longest texts, 3 MB."""

T = TypeVar("T")


def renew(table: Table, batch_id: str, lease_until: datetime, stages: Mapping[str, str]) -> int:
    """Extend the leases of the batch's running jobs; how many."""

    def extend(part: list[Job]) -> int:
        sheet = Sheet(table)
        sheet.read(job_key(job.job_id) for job in part)
        found = (sheet.job(job.job_id) for job in part)
        held = [job for job in found if job and _is_held(job, batch_id)]
        for job in held:
            stage = stages.get(job.job_id, job.stage)
            sheet.put(replace(job, lease_until=lease_until, stage=stage))
        sheet.store()
        return len(held)

    running = JobFilter(batch_id=batch_id, statuses=[JobStatus.RUNNING], limit=maxsize)
    jobs = find(table, running)
    return sum(_settle_parts(table, jobs, MOST_AT_ONCE, extend))


def finish(
    table: Table, batch_id: str, by_job: Mapping[str, Sequence[JobOutcome]], now: datetime
) -> None:
    """Record the outcomes of jobs that the batch holds."""
    for part in _outcome_parts(by_job):

        def end(part: Mapping[str, Sequence[JobOutcome]] = part) -> None:
            sheet = Sheet(table)
            sheet.read(job_key(job_id) for job_id in part)
            found = (sheet.job(job_id) for job_id in part)
            jobs = [job for job in found if job and job.batch_id == batch_id]
            _read_around(sheet, jobs, [one for job in jobs for one in part[job.job_id]])
            for job in jobs:
                _finish_file(sheet, job, part[job.job_id], now)
            sheet.store()

        settle(end, table)


def requeue(
    table: Table,
    filter: JobFilter,
    *,
    expired_at: datetime | None,
    now: datetime,
    error: Failure | None,
) -> list[Job]:
    """Return the jobs that the filter finds to the queue, or end them; those moved, by id.

    Args:
        table: the ledger's.
        filter: of running jobs, or of errored ones to be retried.
        expired_at: only those whose lease has run out by then.
        now: when those out of attempts end.
        error: why they end.
    """

    def move(part: list[Job]) -> list[Job]:
        sheet = Sheet(table)
        sheet.read(job_key(job.job_id) for job in part)
        found = [sheet.job(job.job_id) for job in part]
        jobs = [
            job
            for job in found
            if job
            and job.status in filter.statuses
            and filter.batch_id in (None, job.batch_id)
            and (expired_at is None or (job.lease_until and job.lease_until <= expired_at))
        ]
        _read_around(sheet, jobs, ())
        moved = [_move_back(sheet, job, now, error) for job in jobs]
        sheet.store()
        return moved

    # A job, its source and its dataset.
    parts = _settle_parts(table, find(table, filter), MOST_AT_ONCE // 3, move)
    return sorted((job for part in parts for job in part), key=lambda job: job.job_id)


def _finish_file(sheet: Sheet, job: Job, outcomes: Sequence[JobOutcome], now: datetime) -> None:
    """End one held job, and add a job for each further dataset of its file."""
    ended = []
    if job.status == JobStatus.RUNNING:
        first = outcomes[0]
        dataset_id = first.dataset_id or job.dataset_id
        before, job = job, replace(_ended(job, first, now), dataset_id=dataset_id)
        _tell_deletion(sheet, before, job, now)
        ended.append(job)
    ended += _further(sheet, job, outcomes, now)
    source = sheet.source(job.atlas, job.source)
    for one in ended:
        sheet.put(one)
        source = _noted(source, one, now)
    sheet.put(source)


def _further(sheet: Sheet, job: Job, outcomes: Sequence[JobOutcome], now: datetime) -> list[Job]:
    """New jobs for the datasets that the file was not known to hold."""
    if len(outcomes) == 1 and outcomes[0].dataset_id in ("", job.dataset_id):
        return []
    members = sheet.neighbours(job.job_id)
    known = {m.dataset_id for m in members if m.batch_id == job.batch_id and m.job_id != job.job_id}
    known |= {job.dataset_id, ""}
    number = max(member_number(member.job_id) for member in members)
    added = []
    for outcome in outcomes:
        if outcome.dataset_id not in known:
            known.add(outcome.dataset_id)
            number += 1
            member = replace(
                _ended(job, outcome, now),
                job_id=member_id(job.job_id, number),
                dataset_id=outcome.dataset_id,
            )
            _tell_deletion(sheet, None, member, now)
            added.append(member)
    return added


def _ended(job: Job, outcome: JobOutcome, now: datetime) -> Job:
    return replace(
        job,
        status=outcome.status,
        lease_until=None,
        finished_at=now,
        format=outcome.format,
        samples=outcome.samples,
        features=outcome.features,
        seconds=outcome.seconds,
        warnings=bounded_warnings(outcome.warnings),
        error=bounded_error(outcome.error),
    )


def _move_back(sheet: Sheet, job: Job, now: datetime, error: Failure | None) -> Job:
    """The job queued again or, where it is out of attempts, errored."""
    source = sheet.source(job.atlas, job.source)
    unclaimed = replace(job, batch_id=None, owner=None, lease_until=None)
    if job.status == JobStatus.RUNNING and job.attempt >= MAX_ATTEMPTS:
        failure = bounded_error(error or _lost(job))
        moved = replace(unclaimed, status=JobStatus.ERRORED, finished_at=now, error=failure)
        source = _noted(source, moved, now)
    else:
        moved = _queued(unclaimed, 1 if job.status == JobStatus.ERRORED else job.attempt + 1)
        active = tuple(sorted({*source.active, job.job_id}))
        running = None if source.running == job.job_id else source.running
        source = replace(source, active=active, running=running)
    sheet.put(moved)
    sheet.put(source)
    _tell_deletion(sheet, job, moved, now)
    return moved


def _queued(job: Job, attempt: int) -> Job:
    return replace(
        job,
        status=JobStatus.QUEUED,
        attempt=attempt,
        stage="",
        started_at=None,
        finished_at=None,
        format=None,
        samples=None,
        features=None,
        seconds=None,
        warnings=(),
        error=None,
    )


def _noted(source: Source, job: Job, now: datetime) -> Source:
    """The source once a job of it has ended."""
    ingest = source.ingest
    if job.action == JobAction.INGEST:
        if ingest is None or ingest.batch_id != job.batch_id:
            ingest = Ingest(job.batch_id, job.fingerprint, {})
        end = Ended(job.dataset_id, job.status == JobStatus.SUCCEEDED, now)
        jobs = {**ingest.jobs, job.job_id: end}
        if len(jobs) > MOST_DATASETS:
            jobs = {"": replace(end, succeeded=False)}
        ingest = replace(ingest, jobs=jobs)
    return replace(
        source,
        active=tuple(job_id for job_id in source.active if job_id != job.job_id),
        running=None if source.running == job.job_id else source.running,
        latest=max(source.latest, job.job_id),
        ingest=ingest,
    )


def _tell_deletion(sheet: Sheet, before: Job | None, after: Job, now: datetime) -> None:
    """Note with its dataset that a deletion is to come, is done, or has failed."""
    deletes = after.action == JobAction.DELETE
    if deletes and before is not None:
        old = sheet.deletion(before.atlas, before.dataset_id)
        sheet.put(replace(old, pending=tuple(j for j in old.pending if j != before.job_id)))
    new = sheet.deletion(after.atlas, after.dataset_id) if deletes or _is_gone(after) else None
    if new is not None and after.status == JobStatus.QUEUED:
        sheet.put(replace(new, pending=(*new.pending, after.job_id)))
    elif new is not None and _is_gone(after):
        sheet.put(replace(new, deleted_at=max(now, new.deleted_at or now)))


def _is_gone(job: Job) -> bool:
    """Whether the job has removed its dataset."""
    return job.status == JobStatus.DELETED or (
        job.action == JobAction.DELETE and job.status == JobStatus.SUCCEEDED
    )


def _read_around(sheet: Sheet, jobs: Sequence[Job], outcomes: Sequence[JobOutcome]) -> None:
    """Read the jobs' sources, and the datasets whose deletion they may tell of."""
    keys = [source_key(job.atlas, job.source) for job in jobs]
    gone = {one.job_id for one in outcomes if one.status == JobStatus.DELETED}
    for job in jobs:
        if job.action == JobAction.DELETE or job.job_id in gone:
            names = {one.dataset_id for one in outcomes if one.job_id == job.job_id}
            keys += [deletion_key(job.atlas, name) for name in {job.dataset_id, *names}]
    sheet.read(keys)


def _outcome_parts(
    by_job: Mapping[str, Sequence[JobOutcome]],
) -> Iterator[dict[str, Sequence[JobOutcome]]]:
    """The outcomes in portions of `_OUTCOMES`, the parts of one file one after the other."""
    part: dict[str, Sequence[JobOutcome]] = {}
    size = 0
    for job_id, outcomes in by_job.items():
        for start in range(0, len(outcomes), _OUTCOMES):
            some = outcomes[start : start + _OUTCOMES]
            if size + len(some) > _OUTCOMES:
                yield part
                part, size = {}, 0
            part[job_id] = some
            size += len(some)
    if part:
        yield part


def _settle_parts(
    table: Table, jobs: Sequence[Job], size: int, work: Callable[[list[Job]], T]
) -> Iterator[T]:
    """What `work` makes of the jobs, so many at a time."""
    for start in range(0, len(jobs), size):
        part = list(jobs[start : start + size])

        def one(part: list[Job] = part) -> T:
            return work(part)

        yield settle(one, table)


def _is_held(job: Job, batch_id: str) -> bool:
    return job.status == JobStatus.RUNNING and job.batch_id == batch_id


def _lost(job: Job) -> Failure:
    return Failure(
        "lease_expired",
        f"attempt {job.attempt} of {MAX_ATTEMPTS} ended without an outcome",
        file=job.source,
        place=f"batch {job.batch_id}, stage {job.stage or 'not reported'}",
        hint="look for the end of that run, such as lack of memory; then retry the job",
    )
