"""`platform.jobs`: the job ledger as an SQL table.

Add a column here where users ask about something a job records.
Keep out: the ledger itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa

from polly_resources.jobs.base import JobLedger
from polly_resources.records import Job, JobFilter, JobStatus
from polly_resources.tables.base import Column, TableSpec, Where

_TEXT = pa.string()
_TIME = pa.timestamp("us", tz="UTC")

JOBS = TableSpec(
    name="jobs",
    description="The job ledger.",
    columns=(
        Column("job_id", _TEXT, "Job; ids sort by time of creation.", False),
        Column("atlas", _TEXT, "Atlas.", False),
        Column("action", _TEXT, "ingest, delete, recurate or reindex.", False),
        Column("source", _TEXT, "Landing key of the file.", False),
        Column("dataset_id", _TEXT, "Dataset.", False),
        Column("status", _TEXT, "queued, running, succeeded, errored, ...", False),
        Column("stage", _TEXT, "Layer that is at work.", False),
        Column("attempt", pa.int32(), "Attempt, from 1.", False),
        Column("format", _TEXT, "File format."),
        Column("samples", pa.int64(), "Samples read."),
        Column("features", pa.int64(), "Features read."),
        Column("seconds", pa.float64(), "Seconds spent reading."),
        Column("error_code", _TEXT, "Why it failed, in one word."),
        Column("error_message", _TEXT, "Why it failed."),
        Column("created_at", _TIME, "When it was asked for.", False),
        Column("finished_at", _TIME, "When it ended."),
    ),
    key="job_id",
)
_PAGE = 10_000
_STATUSES = frozenset(JobStatus)


def job_rows(ledger: JobLedger, where: Where) -> pa.Table:
    """At least the jobs that satisfy `where`."""
    rows = [_row(job) for job in _found(ledger, where)]
    return pa.Table.from_pylist(rows, schema=JOBS.schema())


def _found(ledger: JobLedger, where: Where) -> Iterator[Job]:
    atlases = where.get("atlas", ())
    last: str | None = None
    while True:
        page = ledger.find(
            JobFilter(
                job_ids=where.get("job_id", ()),
                atlas=atlases[0] if len(atlases) == 1 else None,
                statuses=[JobStatus(v) for v in where.get("status", ()) if v in _STATUSES],
                sources=where.get("source", ()),
                dataset_ids=where.get("dataset_id", ()),
                limit=_PAGE,
                after=last,
            )
        )
        yield from page
        if len(page) < _PAGE:
            return
        last = page[-1].job_id


def _row(job: Job) -> dict[str, object]:
    own: Sequence[str] = [n for n in JOBS.schema().names if not n.startswith("error_")]
    code, message = (job.error.code, job.error.message) if job.error else (None, None)
    return {
        **{name: getattr(job, name) for name in own},
        "error_code": code,
        "error_message": message,
    }
