"""The ledger's one table, its indexes, and the way between its rows and records.

Add a column together with the field of `records.Job` that it stores.
Keep out: the rules of the ledger (`sql`, `sql_submit`) and SQL of one database.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from itertools import product
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    ColumnElement,
    DateTime,
    Dialect,
    Float,
    Index,
    Integer,
    MetaData,
    Row,
    Table,
    Text,
    TypeDecorator,
    exists,
    select,
)

from polly_resources.records import (
    Failure,
    Job,
    JobAction,
    JobFilter,
    JobOutcome,
    JobRequest,
    JobStatus,
    Notice,
    Priority,
)

RANKS: Mapping[Priority, int] = {Priority.HIGH: 0, Priority.MEDIUM: 1, Priority.LOW: 2}
"""Priorities as stored: ascending order is the order of claims."""

LIST_SIZE = 5000
"""The most values that one SQL list holds; databases limit parameters to some 32,000."""

_PRIORITIES = {rank: priority for priority, rank in RANKS.items()}


class _UtcTime(TypeDecorator[datetime]):
    """Aware times in, UTC stored, aware UTC times out."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


# Under PostgreSQL's other collations "CH" may sort after "CZ", or "AA" after "Z".
_JOB_ID = Text().with_variant(Text(collation="C"), "postgresql")

METADATA = MetaData()

JOBS = Table(
    "jobs",
    METADATA,
    Column("job_id", _JOB_ID, primary_key=True),
    Column("atlas", Text, nullable=False),
    Column("shard", Integer, nullable=False),
    Column("action", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("dataset_id", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("etag", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("rank", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("stage", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("batch_id", Text),
    Column("owner", Text),
    Column("lease_until", _UtcTime),
    Column("created_at", _UtcTime, nullable=False),
    Column("started_at", _UtcTime),
    Column("finished_at", _UtcTime),
    Column("format", Text),
    Column("samples", BigInteger),
    Column("features", BigInteger),
    Column("seconds", Float),
    Column("warnings", JSON, nullable=False),
    Column("error", JSON(none_as_null=True)),
)

_C = JOBS.c
_RUNNING = _C.status == JobStatus.RUNNING

Index("jobs_queue", _C.status, _C.rank, _C.job_id)
Index("jobs_shard_queue", _C.status, _C.atlas, _C.shard, _C.rank, _C.job_id)
Index("jobs_source", _C.atlas, _C.source, _C.status, _C.job_id)
Index("jobs_dataset", _C.atlas, _C.dataset_id)
Index("jobs_batch", _C.batch_id)
Index(
    "jobs_one_running",
    _C.atlas,
    _C.source,
    unique=True,
    sqlite_where=_RUNNING,
    postgresql_where=_RUNNING,
)


def queued_row(request: JobRequest, job_id: str, now: datetime) -> dict[str, Any]:
    """The row of a new queued job."""
    row = {column.name: None for column in JOBS.columns}
    return row | {
        "job_id": job_id,
        "atlas": request.atlas,
        "shard": request.shard,
        "action": str(request.action),
        "source": request.source,
        "dataset_id": request.dataset_id,
        "fingerprint": request.fingerprint,
        "etag": request.etag,
        "size": request.size,
        "rank": RANKS[request.priority],
        "status": str(JobStatus.QUEUED),
        "stage": "",
        "attempt": 1,
        "created_at": now,
        "warnings": [],
    }


def outcome_values(outcome: JobOutcome, now: datetime) -> dict[str, Any]:
    """The columns that an outcome sets."""
    return {
        "status": str(outcome.status),
        "lease_until": None,
        "finished_at": now,
        "format": outcome.format,
        "samples": outcome.samples,
        "features": outcome.features,
        "seconds": outcome.seconds,
        "warnings": [asdict(notice) for notice in outcome.warnings],
        "error": asdict(outcome.error) if outcome.error else None,
    }


def job_of(row: Mapping[str, Any] | Row[Any]) -> Job:
    """The record of a row."""
    values = row._asdict() if isinstance(row, Row) else dict(row)
    values["action"] = JobAction(values["action"])
    values["status"] = JobStatus(values["status"])
    values["priority"] = _PRIORITIES[values.pop("rank")]
    values["warnings"] = tuple([Notice(**notice) for notice in values["warnings"]])
    values["error"] = Failure(**values["error"]) if values["error"] else None
    return Job(**values)


def matches(filter: JobFilter) -> list[ColumnElement[bool]]:
    """The filter as conditions; `limit` is the caller's."""
    found: list[ColumnElement[bool]] = []
    for name in ("atlas", "shard", "batch_id"):
        if (value := getattr(filter, name)) is not None:
            found.append(_C[name] == value)
    lists = {
        "job_id": filter.job_ids,
        "status": [str(status) for status in filter.statuses],
        "source": filter.sources,
        "dataset_id": filter.dataset_ids,
    }
    found += [_C[name].in_(values) for name, values in lists.items() if values]
    if filter.after is not None:
        found.append(_C.job_id < filter.after)
    if filter.latest_per_source:
        newer = JOBS.alias()
        same = (newer.c.atlas == _C.atlas) & (newer.c.source == _C.source)
        found.append(~exists(select(1).where(same, newer.c.job_id > _C.job_id).correlate(JOBS)))
    return found


def split(filter: JobFilter) -> Iterator[JobFilter]:
    """Filters with short lists that together match what the filter matches, each job once."""
    lists = (set(filter.job_ids), set(filter.sources), set(filter.dataset_ids))
    parts = [list(chunks(sorted(values))) or [[]] for values in lists]
    for job_ids, sources, dataset_ids in product(*parts):
        yield replace(filter, job_ids=job_ids, sources=sources, dataset_ids=dataset_ids)


def chunks(values: list[Any], size: int = LIST_SIZE) -> Iterator[list[Any]]:
    """The values in lists of at most `size`."""
    for start in range(0, len(values), size):
        yield values[start : start + size]
