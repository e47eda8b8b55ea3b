"""The words of the door for its users: records, errors and settings, under one name.

`polly_client` reaches what lies below the door only through here. Light to import.
Add a name when a client needs it. Keep out: anything that does work.
"""

from __future__ import annotations

from polly_assets.ingest.given import collect
from polly_resources.errors import (
    BadInput,
    BadQuery,
    Conflict,
    Misconfigured,
    NotFound,
    Permanent,
    PollyError,
    Transient,
    Unavailable,
)
from polly_resources.records import (
    Failure,
    Job,
    JobAction,
    JobFilter,
    JobStatus,
    Notice,
    Priority,
    SearchAnswer,
    SearchHit,
    SearchRequest,
)
from polly_resources.settings import Settings, environment, load

FINISHED = frozenset(
    {JobStatus.SUCCEEDED, JobStatus.ERRORED, JobStatus.UNCHANGED, JobStatus.DELETED}
)
"""The statuses in which a job needs nothing more."""

__all__ = [
    "FINISHED",
    "BadInput",
    "BadQuery",
    "Conflict",
    "Failure",
    "Job",
    "JobAction",
    "JobFilter",
    "JobStatus",
    "Misconfigured",
    "NotFound",
    "Notice",
    "Permanent",
    "PollyError",
    "Priority",
    "SearchAnswer",
    "SearchHit",
    "SearchRequest",
    "Settings",
    "Transient",
    "Unavailable",
    "collect",
    "environment",
    "load",
]
