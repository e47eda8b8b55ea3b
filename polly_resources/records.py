"""The words that every part of the platform shares, as frozen dataclasses.

Owns the shapes that cross a contract: jobs, annotations, terms, failures, search requests.
Add a record when two packages must agree on its fields; add a field with its unit.
Keep out: behaviour beyond construction, and anything that only one module uses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


@dataclass(frozen=True, slots=True)
class Failure:
    """Why something failed, for people and machines; see `errors.PollyError`."""

    code: str
    message: str
    file: str = ""
    place: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """A warning recorded with a dataset that was nevertheless accepted."""

    code: str
    message: str
    place: str = ""


class JobStatus(StrEnum):
    """The states of a job. Legal moves: see `jobs.base.LEGAL_MOVES`."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    ERRORED = "errored"
    UNCHANGED = "unchanged"
    DELETED = "deleted"


class JobAction(StrEnum):
    """What a job does to its dataset."""

    INGEST = "ingest"
    DELETE = "delete"
    RECURATE = "recurate"
    REINDEX = "reindex"


class Priority(StrEnum):
    """The order in which queued jobs are claimed."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class JobRequest:
    """A job to be submitted.

    `source` is the landing key of the main object; `dataset_id` is the id expected from
    the file's name (for an ingest) or the dataset concerned (for the other actions).
    `fingerprint` is the SHA-256 over the main object and its sidecars; `etag` is the
    store's cheap version mark over the same objects. `size` is in bytes.
    """

    atlas: str
    shard: int
    action: JobAction
    source: str
    dataset_id: str
    fingerprint: str
    etag: str = ""
    size: int = 0
    priority: Priority = Priority.MEDIUM


@dataclass(frozen=True, slots=True)
class Job:
    """One upload, update, delete, recurate or reindex of one dataset. Times are UTC."""

    job_id: str
    atlas: str
    shard: int
    action: JobAction
    source: str
    dataset_id: str
    fingerprint: str
    etag: str
    size: int
    priority: Priority
    status: JobStatus
    stage: str
    attempt: int
    batch_id: str | None
    owner: str | None
    lease_until: datetime | None
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    format: str | None = None
    samples: int | None = None
    features: int | None = None
    seconds: float | None = None
    warnings: tuple[Notice, ...] = ()
    error: Failure | None = None


@dataclass(frozen=True, slots=True)
class JobOutcome:
    """How one dataset of a claimed job ended.

    A file may hold several datasets: outcomes after the first that name the same
    `job_id` with another `dataset_id` become jobs of their own in the ledger.
    `seconds` is the working time spent on the dataset.
    """

    job_id: str
    dataset_id: str
    status: JobStatus
    format: str | None = None
    samples: int | None = None
    features: int | None = None
    seconds: float | None = None
    warnings: tuple[Notice, ...] = ()
    error: Failure | None = None


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Which jobs to list; empty fields do not restrict. Newest first."""

    job_ids: Sequence[str] = ()
    atlas: str | None = None
    shard: int | None = None
    statuses: Sequence[JobStatus] = ()
    sources: Sequence[str] = ()
    dataset_ids: Sequence[str] = ()
    batch_id: str | None = None
    latest_per_source: bool = False
    limit: int = 1000
    after: str | None = None


@dataclass(frozen=True, slots=True)
class Term:
    """One ontology term. `ancestors` excludes the term itself."""

    curie: str
    label: str
    synonyms: tuple[str, ...] = ()
    ancestors: tuple[str, ...] = ()
    deprecated: bool = False
    replaced_by: str | None = None


@dataclass(frozen=True, slots=True)
class Annotation:
    """One curated value with its provenance.

    `start` and `end` are character offsets of `text` in the named source field.
    `confidence` is in [0, 1]. A value that is not an ontology term (sex, age, strain
    text, is_control) has an empty `curie` or the closest term's.
    """

    field: str
    curie: str
    label: str
    ontology_version: str
    text: str
    start: int
    end: int
    source_field: str
    method: str
    confidence: float
    model_version: str = ""
    status: str = "auto"
    curator: str = ""


@dataclass(frozen=True, slots=True)
class SearchDocument:
    """One dataset in the search index.

    `text` holds free text (title, summary, sample descriptions); `concepts` holds the
    labels, synonyms and ancestors of the curated terms; `facets` maps a field to its
    exact values; `stored` is returned with each hit.
    """

    dataset_id: str
    title: str
    text: str
    concepts: str
    facets: Mapping[str, Sequence[str]]
    stored: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """A search in one atlas: words, exact filters (all must hold), facets to count."""

    text: str
    filters: Mapping[str, Sequence[str]] = field(default_factory=dict)
    facets: Sequence[str] = ()
    limit: int = 20
    offset: int = 0


@dataclass(frozen=True, slots=True)
class SearchHit:
    """One dataset found, with its relevance score and stored fields."""

    dataset_id: str
    score: float
    stored: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """What the search index holds of one dataset: its title and the values of its facets."""

    dataset_id: str
    title: str
    facets: Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class SearchAnswer:
    """Hits on one page, the total count, and value counts per requested facet."""

    total: int
    hits: tuple[SearchHit, ...]
    facets: Mapping[str, Mapping[str, int]]
