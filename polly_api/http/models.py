"""The shapes of requests and replies that are not already records of the platform.

Owns the JSON of the HTTP interface. Records (`Job`, `AtlasInfo`, `SearchAnswer`, ...) go over
the wire as they are; add a shape here only for what they do not cover.
Keep out: behaviour.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import BaseModel, Field

from polly_resources.records import JobStatus


@dataclass(frozen=True, slots=True)
class ErrorDetail:
    """Why a request failed: the error's class, a stable code, and what to do about it."""

    type: str
    code: str
    message: str
    file: str = ""
    place: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class ErrorReply:
    """The body of every reply that is not a success."""

    error: ErrorDetail


@dataclass(frozen=True, slots=True)
class Health:
    """That the server answers, and its version."""

    status: str
    version: str


@dataclass(frozen=True, slots=True)
class SqlQuery:
    """A read-only statement in the SQL dialect of the platform (Trino's)."""

    query: str
    max_rows: int | None = None


@dataclass(frozen=True, slots=True)
class SqlColumn:
    """One column of a result, with its Arrow type."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class SqlReply:
    """A result as JSON rows; what JSON cannot say (NaN, times, bytes) is text."""

    columns: Sequence[SqlColumn]
    rows: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """Words, exact filters (all must hold) and the fields whose values are counted."""

    atlas: str
    text: str = ""
    filters: Mapping[str, Sequence[str]] = field(default_factory=dict)
    facets: Sequence[str] = ()
    limit: int = 20
    offset: int = 0


@dataclass(frozen=True, slots=True)
class NewAtlas:
    """The name of an atlas to create, what it holds, and its number of hash buckets."""

    atlas: str
    description: str = ""
    shards: int = 1


class JobQuery(BaseModel):
    """The fields of `records.JobFilter` as parameters of an address; empty = any."""

    job_ids: list[str] = []
    atlas: str | None = None
    shard: int | None = None
    statuses: list[JobStatus] = []
    sources: list[str] = []
    dataset_ids: list[str] = []
    batch_id: str | None = None
    latest_per_source: bool = False
    limit: Annotated[int, Field(ge=1, le=10_000)] = 1000
    after: str | None = None


@dataclass(frozen=True, slots=True)
class JobIds:
    """Jobs by id."""

    job_ids: Sequence[str]


@dataclass(frozen=True, slots=True)
class DatasetIds:
    """Datasets of one atlas."""

    atlas: str
    dataset_ids: Sequence[str]


@dataclass(frozen=True, slots=True)
class CurateQuery:
    """Records `{id, study?, title?, source?, characteristics?, description?}` to curate.

    Records of one study may be read together, so send a study whole.
    """

    records: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class CurateReply:
    """For each record, in order: its id and a list of values per curated field."""

    records: Sequence[Mapping[str, Any]]
