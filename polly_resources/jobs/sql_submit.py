"""How an SQL ledger takes requests: what is new, what is known, what overtakes what.

Owns the rules of `JobLedger.submit`. A call runs in one write transaction and looks the
sources up by the hundred, so ten thousand requests cost some sixty statements.
Keep out: claims and outcomes (`sql`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, bindparam, func, insert, or_, select, update

from polly_resources.jobs.ids import new_ids
from polly_resources.jobs.sql_tables import JOBS, chunks, queued_row
from polly_resources.records import JobAction, JobRequest, JobStatus

_C = JOBS.c
_ACTIVE = (JobStatus.QUEUED, JobStatus.RUNNING)
_CHANGES = (JobAction.INGEST, JobAction.DELETE)
_ENDED = (JobStatus.SUCCEEDED, JobStatus.ERRORED, JobStatus.DELETED)
_REPLACED = ("shard", "dataset_id", "fingerprint", "etag", "size", "rank", "attempt", "stage")
_REPLACE = (
    update(JOBS)
    .where(_C.job_id == bindparam("id"), _C.status == JobStatus.QUEUED)
    .values({name: bindparam(f"new_{name}") for name in _REPLACED})
)

_Row = dict[str, Any]
_Source = tuple[str, str]


def submit(connection: Connection, requests: Sequence[JobRequest], now: datetime) -> list[_Row]:
    """Record the requests, in order; the row of each one's job as it is at the end."""
    last = connection.scalar(select(func.max(_C.job_id)))
    ids = new_ids(now, len(requests), last)
    known: dict[str, _Row] = {}
    rows: list[_Row] = []
    for part in chunks(list(zip(requests, ids, strict=True)), 500):
        desk = _Desk(connection, [request for request, _ in part], known)
        rows += [desk.take(request, queued_row(request, job_id, now)) for request, job_id in part]
        desk.write(connection)
    return rows


class _Desk:
    """The state of some sources, and what a run of requests changes in it."""

    def __init__(
        self, connection: Connection, requests: list[JobRequest], known: dict[str, _Row]
    ) -> None:
        self._known = known
        self._active = _active(connection, requests, known)
        self._done = _done(connection, requests)
        self._new: list[_Row] = []
        self._replaced: dict[str, _Row] = {}

    def take(self, request: JobRequest, row: _Row) -> _Row:
        """The job for the request: a known one, a queued one made new, or `row`."""
        active = self._active[request.atlas, request.source]
        for job in active:
            if all(job[n] == row[n] for n in ("action", "dataset_id", "fingerprint")):
                return job
        if request.action == JobAction.INGEST:
            for job in reversed(active):
                if job["action"] == JobAction.INGEST and job["status"] == JobStatus.QUEUED:
                    return self._replace(job, row)
            # While another content is being read, or a dataset removed, nothing is unchanged.
            changing = any(job["action"] in _CHANGES for job in active)
            if not changing and self._done.get(_source(row)) == request.fingerprint:
                row |= {"status": str(JobStatus.UNCHANGED), "finished_at": row["created_at"]}
        self._new.append(row)
        self._known[row["job_id"]] = row
        if row["status"] == JobStatus.QUEUED:
            active.append(row)
        return row

    def _replace(self, job: _Row, row: _Row) -> _Row:
        rank = min(job["rank"], row["rank"])
        job |= {name: row[name] for name in _REPLACED} | {"rank": rank}
        self._replaced[job["job_id"]] = job
        return job

    def write(self, connection: Connection) -> None:
        """Store what changed."""
        if self._new:
            connection.execute(insert(JOBS), self._new)
        values = [
            {"id": job["job_id"]} | {f"new_{name}": job[name] for name in _REPLACED}
            for job in self._replaced.values()
        ]
        if values:
            connection.execute(_REPLACE, values)


def _source(row: _Row) -> _Source:
    return row["atlas"], row["source"]


def _by_atlas(requests: list[JobRequest]) -> dict[str, list[str]]:
    sources: dict[str, set[str]] = defaultdict(set)
    for request in requests:
        sources[request.atlas].add(request.source)
    return {atlas: sorted(names) for atlas, names in sources.items()}


def _active(
    connection: Connection, requests: list[JobRequest], known: dict[str, _Row]
) -> defaultdict[_Source, list[_Row]]:
    """Queued and running jobs by source; one shared dict per job through a whole call."""
    jobs: defaultdict[_Source, list[_Row]] = defaultdict(list)
    for atlas, sources in _by_atlas(requests).items():
        query = select(JOBS).where(
            _C.atlas == atlas, _C.source.in_(sources), _C.status.in_(_ACTIVE)
        )
        for found in connection.execute(query.order_by(_C.job_id)).mappings():
            row = known.setdefault(found["job_id"], dict(found))
            jobs[_source(row)].append(row)
    return jobs


def _done(connection: Connection, requests: list[JobRequest]) -> dict[_Source, str]:
    """The fingerprint of each source whose newest ingest succeeded and still stands.

    The newest ingest is the last to finish with all other datasets of its batch; one
    failed dataset fails it, and so does one that was deleted since or is about to be.
    """
    done: dict[_Source, str] = {}
    ingests = [request for request in requests if request.action == JobAction.INGEST]
    for atlas, sources in _by_atlas(ingests).items():
        newest = _newest_ingests(connection, atlas, sources)
        datasets = sorted({row["dataset_id"] for rows in newest.values() for row in rows})
        gone = _deletions(connection, atlas, datasets)
        for source, rows in newest.items():
            if all(_stands(row, gone) for row in rows):
                done[atlas, source] = rows[0]["fingerprint"]
    return done


def _stands(row: _Row, gone: dict[str, datetime | None]) -> bool:
    if row["status"] != JobStatus.SUCCEEDED:
        return False
    if row["dataset_id"] not in gone:
        return True
    deleted_at = gone[row["dataset_id"]]
    return deleted_at is not None and deleted_at < row["finished_at"]


def _newest_ingests(
    connection: Connection, atlas: str, sources: list[str]
) -> dict[str, list[_Row]]:
    """The finished jobs of each source's newest ingest."""
    query = select(
        _C.source, _C.dataset_id, _C.fingerprint, _C.batch_id, _C.status, _C.finished_at
    ).where(
        _C.atlas == atlas,
        _C.source.in_(sources),
        _C.action == JobAction.INGEST,
        _C.status.in_(_ENDED),
    )
    newest: dict[str, list[_Row]] = {}
    for found in connection.execute(query.order_by(_C.finished_at, _C.job_id)).mappings():
        row = dict(found)
        rows = newest.setdefault(row["source"], [])
        if rows and rows[-1]["batch_id"] != row["batch_id"]:
            rows.clear()
        rows.append(row)
    return newest


def _deletions(
    connection: Connection, atlas: str, dataset_ids: list[str]
) -> dict[str, datetime | None]:
    """When each deleted dataset was last deleted; None where that is still to come."""
    deleted = or_(
        _C.status == JobStatus.DELETED,
        and_(
            _C.action == JobAction.DELETE,
            _C.status.in_((*_ACTIVE, JobStatus.SUCCEEDED)),
        ),
    )
    gone: dict[str, datetime | None] = {}
    for part in chunks(dataset_ids):
        query = select(_C.dataset_id, _C.finished_at).where(
            _C.atlas == atlas, _C.dataset_id.in_(part), deleted
        )
        for name, at in connection.execute(query):
            before = gone.get(name, at)
            gone[name] = None if at is None or before is None else max(at, before)
    return gone
