"""The job ledger in an SQL database: SQLite on one machine, PostgreSQL for many.

Every call is one transaction, and every move of a job is an UPDATE on condition of a
status that may legally move there, so neither a race nor a kill leaves a job between states.
Add a rule of the contract here (of `submit`: in `sql_submit`).
Keep out: the table (`sql_tables`), transactions (`sql_engine`) and what is particular to one
database (`sql_sqlite`, `sql_postgresql`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    bindparam,
    insert,
    or_,
    select,
    tuple_,
    update,
)

from polly_resources.addresses import bad_address, strip_password
from polly_resources.jobs.base import LEGAL_MOVES, MAX_ATTEMPTS, JobLedger
from polly_resources.jobs.ids import member_id, member_number
from polly_resources.jobs.outcomes import by_job
from polly_resources.jobs.sql_engine import Database
from polly_resources.jobs.sql_postgresql import PostgresqlDatabase
from polly_resources.jobs.sql_sqlite import SqliteDatabase
from polly_resources.jobs.sql_submit import submit
from polly_resources.jobs.sql_tables import (
    JOBS,
    METADATA,
    chunks,
    job_of,
    matches,
    outcome_values,
    split,
)
from polly_resources.records import Failure, Job, JobFilter, JobOutcome, JobRequest, JobStatus

_DATABASES: Mapping[str, type[SqliteDatabase] | type[PostgresqlDatabase]] = {
    "postgresql": PostgresqlDatabase,
    "sqlite": SqliteDatabase,
}
"""The database of each scheme of addresses."""

_C = JOBS.c
_UNCLAIMED = {"batch_id": None, "owner": None, "lease_until": None}
_EMPTY: Mapping[str, Any] = _UNCLAIMED | {
    "stage": "",
    "started_at": None,
    "finished_at": None,
    "format": None,
    "samples": None,
    "features": None,
    "seconds": None,
    "warnings": [],
    "error": None,
}


def _now() -> datetime:
    return datetime.now(UTC)


class SqlLedger(JobLedger):
    """A ledger at `sqlite:///absolute/path/jobs.db` or `postgresql://USER@HOST:PORT/DATABASE`.

    Many processes may use one database; its tables are made on first use.

    Args:
        address: where the database is; `sql_sqlite` and `sql_postgresql` say what it may have.
        clock: tells the time, with its zone.
        busy_seconds: how long a call waits for another writer before Unavailable.
    """

    def __init__(
        self, address: str, *, clock: Callable[[], datetime] = _now, busy_seconds: float = 30.0
    ) -> None:
        kind = _DATABASES.get(address.partition("://")[0])
        if kind is None:
            known = ", ".join(f"{scheme}://" for scheme in _DATABASES)
            why = f"its scheme is none of {known}"
            raise bad_address(strip_password(address)[0], "jobs", why, SqliteDatabase.example)
        self._database: Database = kind(address, METADATA, busy_seconds)
        self._clock = clock

    def about(self) -> str:
        """See `Served.about`."""
        with self._database.read() as connection:
            return self._database.about(connection)

    def submit(self, requests: Sequence[JobRequest]) -> list[Job]:
        """See `JobLedger.submit`. An overtaken job keeps its place and the higher priority."""
        if not requests:
            return []
        with self._database.write() as connection:
            return [job_of(row) for row in submit(connection, requests, self._clock())]

    def claim(
        self,
        batch_id: str,
        owner: str,
        *,
        lease_seconds: float,
        filter: JobFilter | None = None,
        max_jobs: int = 500,
        max_bytes: int | None = None,
    ) -> list[Job]:
        """See `JobLedger.claim`. The filter's `limit` is not used."""
        with self._database.write() as connection:
            now = self._clock()
            ids = _choose(connection, matches(filter or JobFilter()), max_jobs, max_bytes)
            values = {
                "batch_id": batch_id,
                "owner": owner,
                "lease_until": now + timedelta(seconds=lease_seconds),
                "started_at": now,
            }
            _move(connection, ((job_id, values) for job_id in ids), JobStatus.RUNNING)
            return _jobs(connection, ids)

    def renew(
        self, batch_id: str, *, lease_seconds: float, stages: Mapping[str, str] | None = None
    ) -> int:
        """See `JobLedger.renew`."""
        held = (_C.batch_id == batch_id, _C.status == JobStatus.RUNNING)
        with self._database.write() as connection:
            until = self._clock() + timedelta(seconds=lease_seconds)
            renewed = connection.execute(update(JOBS).where(*held).values(lease_until=until))
            if stages:
                connection.execute(
                    update(JOBS)
                    .where(*held, _C.job_id == bindparam("id"))
                    .values(stage=bindparam("new_stage")),
                    [{"id": job_id, "new_stage": stage} for job_id, stage in stages.items()],
                )
            return renewed.rowcount

    def finish(self, batch_id: str, outcomes: Sequence[JobOutcome]) -> None:
        """See `JobLedger.finish`; repeating a call changes nothing.

        Raises Conflict for an outcome that is no end of a running job.
        """
        found = by_job(outcomes)
        with self._database.write() as connection:
            now = self._clock()
            for ids in chunks(list(found)):
                held = select(JOBS).where(_C.batch_id == batch_id, _C.job_id.in_(ids))
                rows = [dict(row) for row in connection.execute(held).mappings()]
                for row in rows:
                    _finish_file(connection, row, found[row["job_id"]], now)

    def requeue(
        self,
        *,
        batch_id: str | None = None,
        job_ids: Sequence[str] = (),
        retry: bool = False,
        error: Failure | None = None,
    ) -> list[Job]:
        """See `JobLedger.requeue`. Returns the jobs that moved, oldest first."""
        if retry and not job_ids:
            return []
        with self._database.write() as connection:
            now = self._clock()
            status = JobStatus.ERRORED if retry else JobStatus.RUNNING
            chosen = JobFilter(batch_id=batch_id, job_ids=job_ids, statuses=[status])
            expired = [] if batch_id is not None or job_ids else [_C.lease_until <= now]
            rows: list[dict[str, Any]] = []
            for part in split(chosen):
                query = select(JOBS).where(*matches(part), *expired)
                rows += [dict(row) for row in connection.execute(query).mappings()]
            spent = [r for r in rows if not retry and r["attempt"] >= MAX_ATTEMPTS]
            again = [r for r in rows if r not in spent]
            attempts = ((r["job_id"], 1 if retry else r["attempt"] + 1) for r in again)
            queued = ((job_id, {**_EMPTY, "attempt": number}) for job_id, number in attempts)
            _move(connection, queued, JobStatus.QUEUED)
            errored = ((r["job_id"], _lost(r, now, error)) for r in spent)
            _move(connection, errored, JobStatus.ERRORED)
            return _jobs(connection, sorted(row["job_id"] for row in rows))

    def find(self, filter: JobFilter) -> list[Job]:
        """See `JobLedger.find`. With `latest_per_source`, only a source's newest job can match."""
        limit = max(filter.limit, 0)
        rows: list[Any] = []
        with self._database.read() as connection:
            for part in split(filter):
                query = select(JOBS).where(*matches(part)).order_by(_C.job_id.desc()).limit(limit)
                rows += connection.execute(query).all()
        rows.sort(key=lambda row: str(row.job_id), reverse=True)
        return [job_of(row) for row in rows[:limit]]


def _choose(
    connection: Connection,
    conditions: list[ColumnElement[bool]],
    max_jobs: int,
    max_bytes: int | None,
) -> list[str]:
    """The ids to claim: of one atlas and shard, one per source, in the order of claims."""
    queue = (
        select(_C.job_id, _C.atlas, _C.shard, _C.source, _C.size, _C.attempt, _C.rank)
        .where(_C.status == JobStatus.QUEUED, *conditions, _idle())
        .order_by(_C.rank, _C.job_id)
    )
    first = connection.execute(queue.limit(1)).first()
    if first is None or max_jobs < 1:
        return []
    if first.attempt >= MAX_ATTEMPTS:
        return [first.job_id]
    of_shard = queue.where(
        _C.atlas == first.atlas, _C.shard == first.shard, _C.attempt < MAX_ATTEMPTS
    )
    chosen: dict[str, str] = {}
    total = 0
    for row in _pages(connection, of_shard, min(max_jobs + 10, 1000)):
        if row.source in chosen:
            continue
        total += row.size
        if chosen and max_bytes is not None and total > max_bytes:
            break
        chosen[row.source] = row.job_id
        if len(chosen) == max_jobs:
            break
    return list(chosen.values())


def _idle() -> ColumnElement[bool]:
    """That the job's source has no running job.

    Asked per job and with a limit, so that a database looks it up in its index: as a join its
    cost rests on statistics, which a queue outruns.
    """
    running = JOBS.alias()
    busy = select(running.c.job_id).where(
        running.c.status == JobStatus.RUNNING,
        running.c.atlas == _C.atlas,
        running.c.source == _C.source,
    )
    return busy.limit(1).correlate(JOBS).scalar_subquery().is_(None)


def _pages(connection: Connection, query: Select[Any], size: int) -> Iterator[Row[Any]]:
    """The rows of a query ordered by rank and id, fetched `size` at a time."""
    page = connection.execute(query.limit(size)).all()
    yield from page
    while len(page) == size:
        after = tuple_(_C.rank, _C.job_id) > tuple_(page[-1].rank, page[-1].job_id)
        page = connection.execute(query.where(after).limit(size)).all()
        yield from page


def _move(
    connection: Connection, jobs: Iterable[tuple[str, Mapping[str, Any]]], to: JobStatus
) -> None:
    """Set the status and the values of each job whose status may legally become `to`."""
    rows = [{"id": job_id, **{f"new_{k}": v for k, v in values.items()}} for job_id, values in jobs]
    if not rows:
        return
    legal = or_(*(_C.status == status for status, targets in LEGAL_MOVES.items() if to in targets))
    names = [name.removeprefix("new_") for name in rows[0] if name != "id"]
    connection.execute(
        update(JOBS)
        .where(_C.job_id == bindparam("id"), legal)
        .values({"status": str(to)} | {name: bindparam(f"new_{name}") for name in names}),
        rows,
    )


def _finish_file(
    connection: Connection, row: dict[str, Any], outcomes: list[JobOutcome], now: datetime
) -> None:
    """End one held job, and add a job for each further dataset of its file."""
    if row["status"] == JobStatus.RUNNING:
        first = outcomes[0]
        dataset_id = first.dataset_id or row["dataset_id"]
        values = outcome_values(first, now) | {"dataset_id": dataset_id}
        _move(connection, [(row["job_id"], values)], first.status)
        row |= values
    if len(outcomes) == 1 and outcomes[0].dataset_id in ("", row["dataset_id"]):
        return
    members = connection.execute(
        select(_C.job_id, _C.dataset_id, _C.batch_id).where(
            _C.job_id >= member_id(row["job_id"], 0),
            _C.job_id <= member_id(row["job_id"], 32**4 - 1),
        )
    ).all()
    known = {m.dataset_id for m in members if m.batch_id == row["batch_id"]} | {""}
    number = max(member_number(m.job_id) for m in members)
    added = []
    for outcome in outcomes:
        if outcome.dataset_id not in known:
            known.add(outcome.dataset_id)
            number += 1
            values = outcome_values(outcome, now) | {"dataset_id": outcome.dataset_id}
            added.append(row | values | {"job_id": member_id(row["job_id"], number)})
    if added:
        connection.execute(insert(JOBS), added)


def _lost(row: Mapping[str, Any], now: datetime, error: Failure | None) -> dict[str, Any]:
    failure = error or Failure(
        "lease_expired",
        f"attempt {row['attempt']} of {MAX_ATTEMPTS} ended without an outcome",
        file=row["source"],
        place=f"batch {row['batch_id']}, stage {row['stage'] or 'not reported'}",
        hint="look for the end of that run, such as lack of memory; then retry the job",
    )
    return _UNCLAIMED | {"finished_at": now, "error": asdict(failure)}


def _jobs(connection: Connection, ids: list[str]) -> list[Job]:
    """The jobs of these ids, in their order."""
    found: dict[str, Job] = {}
    for part in chunks(ids):
        for row in connection.execute(select(JOBS).where(_C.job_id.in_(part))):
            found[row.job_id] = job_of(row)
    return [found[job_id] for job_id in ids]
