"""The items of a DynamoDB ledger: jobs, sources and deletions; and the way to records and back.

Every item has a version that each write raises. A job has the attributes that the table's
indexes sort by; a `Source` says which jobs of a landed source are active and what its newest
ingest came to; a `Deletion` says when a dataset was deleted. See docs/adr/0006.
Add a field of `records.Job` to `_TEXTS`, `_WHOLE` or `_TIMES`.
Keep out: requests to DynamoDB (`dynamodb_table`) and the rules of the ledger.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, astuple, dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from polly_resources.jobs.ids import member_id
from polly_resources.records import Failure, Job, JobAction, JobStatus, Notice, Priority

RANKED = (Priority.HIGH, Priority.MEDIUM, Priority.LOW)
"""Priorities in the order of claims."""

MOST_DATASETS = 500
"""The datasets of one ingest that a source remembers; a file with more is never `unchanged`."""

MOST_WARNINGS = 16_000
"""The bytes that a job's warnings may take. DynamoDB allows 400 kB an item, 4 MB a transaction."""

MOST_TEXT = 2_000
"""The characters of one text of an error."""

Item = dict[str, dict[str, str]]
Key = tuple[str, str]

_TEXTS = (
    "job_id", "atlas", "action", "source", "dataset_id", "fingerprint", "etag", "priority",
    "status", "stage", "batch_id", "owner", "format",
)  # fmt: skip
_WHOLE = ("shard", "size", "attempt", "samples", "features")
_TIMES = ("lease_until", "created_at", "started_at", "finished_at")


@dataclass(frozen=True, slots=True)
class Ended:
    """How one job of an ingest ended."""

    dataset_id: str
    succeeded: bool
    finished_at: datetime


@dataclass(frozen=True, slots=True)
class Ingest:
    """The newest ingest of a source to finish: its jobs by id, one for each dataset."""

    batch_id: str | None
    fingerprint: str
    jobs: Mapping[str, Ended]


@dataclass(frozen=True, slots=True)
class Source:
    """What decides whether a source's jobs may be added, claimed and ended.

    `active` are its queued and running jobs, oldest first; `latest` is its newest job.
    """

    atlas: str
    source: str
    active: tuple[str, ...] = ()
    running: str | None = None
    latest: str = ""
    ingest: Ingest | None = None


@dataclass(frozen=True, slots=True)
class Deletion:
    """When a dataset was last deleted, and the queued and running jobs that will delete it."""

    atlas: str
    dataset_id: str
    pending: tuple[str, ...] = ()
    deleted_at: datetime | None = None


Record = Job | Source | Deletion


def job_key(job_id: str) -> Key:
    """Where a job is: all jobs of one file are neighbours, in its first job's partition."""
    return f"job#{member_id(job_id, 0)}", job_id


def source_key(atlas: str, source: str) -> Key:
    """Where a source is; a digest, for DynamoDB limits the length of keys."""
    return f"source#{digest(atlas, source)}", "-"


def deletion_key(atlas: str, dataset_id: str) -> Key:
    """Where the deletion of a dataset is."""
    return f"deletion#{digest(atlas, dataset_id)}", "-"


def key_of(record: Record) -> Key:
    """Where a record is."""
    if isinstance(record, Job):
        return job_key(record.job_id)
    if isinstance(record, Source):
        return source_key(record.atlas, record.source)
    return deletion_key(record.atlas, record.dataset_id)


def key_item(key: Key) -> Item:
    """A key as DynamoDB takes it."""
    return {"pk": {"S": key[0]}, "sk": {"S": key[1]}}


def digest(*names: str) -> str:
    """A short word that stands for the names."""
    return sha256(json.dumps(names).encode()).hexdigest()[:40]


def item_of(record: Record, version: int) -> Item:
    """The record as an item."""
    values = key_item(key_of(record)) | {"version": {"N": str(version)}}
    if isinstance(record, Job):
        return values | _job_item(record)
    values["atlas"] = {"S": record.atlas}
    if isinstance(record, Deletion):
        values["dataset_id"] = {"S": record.dataset_id}
        values["pending"] = {"S": " ".join(record.pending)}
        if record.deleted_at is not None:
            values["deleted_at"] = {"S": _text(record.deleted_at)}
        return values
    values["source"] = {"S": record.source}
    values["active"] = {"S": " ".join(record.active)}
    values["latest"] = {"S": record.latest}
    if record.running is not None:
        values["running"] = {"S": record.running}
    if record.ingest is not None:
        values["ingest"] = {"S": json.dumps(astuple(record.ingest), default=_text)}
    return values


def record_of(item: Item) -> tuple[Record, int]:
    """The record of an item, and its version."""
    kind = item["pk"]["S"].partition("#")[0]
    version = int(item["version"]["N"])
    if kind == "job":
        return _job(item), version
    return (_source(item) if kind == "source" else _deletion(item)), version


def queue_of(atlas: str, shard: int, priority: Priority) -> str:
    """The index key that the queued jobs of a shard and priority share."""
    return f"{RANKED.index(priority)}#{shard}#{atlas}"


def state_of(status: JobStatus, priority: Priority) -> str:
    """The index key that jobs of a status share; queued ones are apart by priority."""
    return f"queued-{RANKED.index(priority)}" if status == JobStatus.QUEUED else str(status)


def bounded_error(error: Failure | None) -> Failure | None:
    """The error with texts that an item has room for; what was cut is told."""
    if error is None:
        return None
    return Failure(**{name: _cut(text) for name, text in asdict(error).items()})


def bounded_warnings(warnings: tuple[Notice, ...]) -> tuple[Notice, ...]:
    """The first warnings that an item has room for; how many were left out is told."""
    kept: list[Notice] = []
    room = MOST_WARNINGS
    for notice in warnings:
        room -= len(json.dumps(asdict(notice)))
        if room < 0:
            left = len(warnings) - len(kept)
            kept.append(Notice("more_warnings", f"{left} further warnings are not kept here"))
            break
        kept.append(notice)
    return tuple(kept)


def _job_item(job: Job) -> Item:
    values: Item = {
        "kind": {"S": "job"},
        "state": {"S": state_of(job.status, job.priority)},
        "source_key": {"S": digest(job.source)},
        "dataset_key": {"S": digest(job.dataset_id)},
        "warnings": {"S": json.dumps([asdict(notice) for notice in job.warnings])},
    }
    if job.status == JobStatus.QUEUED:
        values["queue"] = {"S": queue_of(job.atlas, job.shard, job.priority)}
    if job.batch_id is not None:
        values["batch_key"] = {"S": digest(job.batch_id)}
    if job.seconds is not None:
        values["seconds"] = {"N": repr(float(job.seconds))}
    if job.error is not None:
        values["error"] = {"S": json.dumps(asdict(job.error))}
    given = (("S", _TEXTS, str), ("N", _WHOLE, str), ("S", _TIMES, _text))
    for kind, names, write in given:
        for name in names:
            if (value := getattr(job, name)) is not None:
                values[name] = {kind: write(value)}
    return values


def _job(item: Item) -> Job:
    values: dict[str, Any] = {name: _get(item, name) for name in _TEXTS}
    values |= {n: int(item[n]["N"]) if n in item else None for n in _WHOLE}
    values |= {n: _time(item[n]["S"]) if n in item else None for n in _TIMES}
    values["action"] = JobAction(values["action"])
    values["status"] = JobStatus(values["status"])
    values["priority"] = Priority(values["priority"])
    values["seconds"] = float(item["seconds"]["N"]) if "seconds" in item else None
    warnings = json.loads(item["warnings"]["S"])
    values["warnings"] = tuple([Notice(**notice) for notice in warnings])
    values["error"] = Failure(**json.loads(item["error"]["S"])) if "error" in item else None
    return Job(**values)


def _source(item: Item) -> Source:
    ingest = None
    if "ingest" in item:
        batch_id, fingerprint, told = json.loads(item["ingest"]["S"])
        ended = {job_id: Ended(name, ok, _time(at)) for job_id, (name, ok, at) in told.items()}
        ingest = Ingest(batch_id, fingerprint, ended)
    return Source(
        item["atlas"]["S"],
        item["source"]["S"],
        tuple(item["active"]["S"].split()),
        _get(item, "running"),
        item["latest"]["S"],
        ingest,
    )


def _deletion(item: Item) -> Deletion:
    at = _get(item, "deleted_at")
    return Deletion(
        item["atlas"]["S"],
        item["dataset_id"]["S"],
        tuple(item["pending"]["S"].split()),
        None if at is None else _time(at),
    )


def _get(item: Item, name: str) -> str | None:
    return item[name]["S"] if name in item else None


def _text(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="microseconds")


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _cut(text: str) -> str:
    cut = len(text) - MOST_TEXT
    return text if cut <= 0 else f"{text[:MOST_TEXT]} ... ({cut} characters cut)"
