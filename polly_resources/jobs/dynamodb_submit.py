"""How a DynamoDB ledger takes requests: what is new, what is known, what overtakes what.

Owns the rules of `JobLedger.submit`. Requests are taken by the few dozen, in order: one
reading of their sources, one transaction.
Keep out: claims and outcomes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from polly_resources.jobs.dynamodb_items import RANKED, deletion_key, job_key, key_item, source_key
from polly_resources.jobs.dynamodb_sheet import Sheet, settle
from polly_resources.jobs.dynamodb_table import MOST_AT_ONCE, Overtaken, Table
from polly_resources.jobs.ids import new_ids
from polly_resources.records import Job, JobAction, JobRequest, JobStatus

ACTIVE = frozenset({JobStatus.QUEUED, JobStatus.RUNNING})

_CHANGES = (JobAction.INGEST, JobAction.DELETE)
_LAST = ("ledger#last", "-")

Asked = tuple[JobRequest, str]


def submit(table: Table, requests: Sequence[JobRequest], now: datetime) -> list[Job]:
    """Record the requests, in order; the job of each one as it is at the end."""
    if not requests:
        return []
    ids = _reserve(table, len(requests), now)
    known: dict[str, Job] = {}
    answers: list[str] = []
    for part in _parts(zip(requests, ids, strict=True)):

        def take(part: list[Asked] = part) -> list[Job]:
            return _take(table, part, now)

        jobs = settle(take, table)
        answers += [job.job_id for job in jobs]
        known |= {job.job_id: job for job in jobs}
    return [known[job_id] for job_id in answers]


def _reserve(table: Table, count: int, now: datetime) -> list[str]:
    """New ids above every id that was ever reserved."""
    last: str | None = None

    def reserve() -> list[str]:
        nonlocal last
        ids = new_ids(now, count, last)
        try:
            table.call(
                "update_item",
                TableName=table.name,
                Key=key_item(_LAST),
                UpdateExpression="SET #last = :last",
                ConditionExpression="attribute_not_exists(#last) OR #last < :first",
                ExpressionAttributeNames={"#last": "last"},
                ExpressionAttributeValues={":last": {"S": ids[-1]}, ":first": {"S": ids[0]}},
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except Overtaken as error:
            last = error.item["last"]["S"] if error.item else last
            raise
        return ids

    return settle(reserve, table)


def _parts(asked: Iterator[Asked]) -> Iterator[list[Asked]]:
    """The requests in lists that one transaction has room for."""
    part: list[Asked] = []
    room = MOST_AT_ONCE
    for one in asked:
        # A job and its source, and for a deletion its dataset.
        items = 3 if one[0].action == JobAction.DELETE else 2
        if items > room:
            yield part
            part, room = [], MOST_AT_ONCE
        part.append(one)
        room -= items
    yield part


def _take(table: Table, asked: list[Asked], now: datetime) -> list[Job]:
    sheet = Sheet(table)
    sheet.read(source_key(request.atlas, request.source) for request, _ in asked)
    sources = [sheet.source(request.atlas, request.source) for request, _ in asked]
    active = [job_id for source in sources for job_id in source.active]
    sheet.read(job_key(job_id) for job_id in active)
    for job_id in active:
        job = sheet.job(job_id)
        if job is None or job.status not in ACTIVE:  # it ended since its source was read
            raise Overtaken
    keys = []
    for (request, _), source in zip(asked, sources, strict=True):
        if request.action == JobAction.DELETE:
            keys.append(deletion_key(request.atlas, request.dataset_id))
        elif source.ingest and source.ingest.fingerprint == request.fingerprint:
            ended = source.ingest.jobs.values()
            keys += [deletion_key(request.atlas, one.dataset_id) for one in ended]
    sheet.read(keys)
    ids = [_take_one(sheet, request, job_id, now) for request, job_id in asked]
    sheet.store()
    return [job for job_id in ids if (job := sheet.job(job_id))]


def _take_one(sheet: Sheet, request: JobRequest, job_id: str, now: datetime) -> str:
    """The id of the job for the request: of a known one, a queued one made new, a new one."""
    source = sheet.source(request.atlas, request.source)
    active = [job for one in source.active if (job := sheet.job(one))]
    same = (request.action, request.dataset_id, request.fingerprint)
    for job in active:
        if (job.action, job.dataset_id, job.fingerprint) == same:
            return job.job_id
    status = JobStatus.QUEUED
    if request.action == JobAction.INGEST:
        for job in reversed(active):
            if job.action == JobAction.INGEST and job.status == JobStatus.QUEUED:
                sheet.put(_overtake(job, request))
                return job.job_id
        # While another content is being read, or a dataset removed, nothing is unchanged.
        changing = any(job.action in _CHANGES for job in active)
        if not changing and _is_known(sheet, request):
            status = JobStatus.UNCHANGED
    sheet.put(_new_job(request, job_id, status, now))
    added = (job_id,) if status == JobStatus.QUEUED else ()
    latest = max(source.latest, job_id)
    sheet.put(replace(source, active=source.active + added, latest=latest))
    if request.action == JobAction.DELETE:
        deletion = sheet.deletion(request.atlas, request.dataset_id)
        sheet.put(replace(deletion, pending=(*deletion.pending, job_id)))
    return job_id


def _is_known(sheet: Sheet, request: JobRequest) -> bool:
    """Whether the source's newest ingest had this content, succeeded, and still stands."""
    ingest = sheet.source(request.atlas, request.source).ingest
    if ingest is None or ingest.fingerprint != request.fingerprint:
        return False
    for ended in ingest.jobs.values():
        deletion = sheet.deletion(request.atlas, ended.dataset_id)
        at = deletion.deleted_at
        if not ended.succeeded or deletion.pending or (at is not None and at >= ended.finished_at):
            return False
    return True


def _overtake(job: Job, request: JobRequest) -> Job:
    return replace(
        job,
        shard=request.shard,
        dataset_id=request.dataset_id,
        fingerprint=request.fingerprint,
        etag=request.etag,
        size=request.size,
        priority=min(job.priority, request.priority, key=RANKED.index),
        attempt=1,
        stage="",
    )


def _new_job(request: JobRequest, job_id: str, status: JobStatus, now: datetime) -> Job:
    return Job(
        job_id=job_id,
        atlas=request.atlas,
        shard=request.shard,
        action=request.action,
        source=request.source,
        dataset_id=request.dataset_id,
        fingerprint=request.fingerprint,
        etag=request.etag,
        size=request.size,
        priority=request.priority,
        status=status,
        stage="",
        attempt=1,
        batch_id=None,
        owner=None,
        lease_until=None,
        created_at=now,
        finished_at=now if status == JobStatus.UNCHANGED else None,
    )
