"""The Dagster faces of the capabilities: one thin resource each.

Owns nothing but an address and the way to open it; the backends do the work.
Keep out: logic.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import dagster as dg
from pydantic import Field

from polly_resources.backends import open_backend
from polly_resources.events.base import EventSource
from polly_resources.jobs.base import JobLedger
from polly_resources.objects.base import ObjectStore
from polly_resources.ontologies.base import OntologySource
from polly_resources.query.base import QueryEngine
from polly_resources.search.base import SearchIndex
from polly_resources.settings import Settings
from polly_resources.tables.base import TableStore


class EventsResource(dg.ConfigurableResource[EventSource]):
    """What tells of landed objects."""

    address: str = Field(description="Where events come from: listing:// or sqs://QUEUE")

    def open(self) -> EventSource:
        """The source at the address."""
        return cast(EventSource, open_backend("events", self.address))


class QueryResource(dg.ConfigurableResource[QueryEngine]):
    """The SQL engine."""

    address: str = Field(description="The SQL engine, such as duckdb:// or trino://HOST:PORT/lake")

    def open(self) -> QueryEngine:
        """The engine at the address."""
        return cast(QueryEngine, open_backend("query", self.address))


class JobsResource(dg.ConfigurableResource[JobLedger]):
    """The job ledger."""

    address: str = Field(description="Where jobs are kept, such as sqlite:////srv/polly/jobs.db")

    def open(self) -> JobLedger:
        """The ledger at the address."""
        return cast(JobLedger, open_backend("jobs", self.address))


class ObjectsResource(dg.ConfigurableResource[ObjectStore]):
    """The object store that files land in."""

    address: str = Field(description="Where objects are kept, such as file:///srv/polly/objects")

    def open(self) -> ObjectStore:
        """The store at the address."""
        return cast(ObjectStore, open_backend("objects", self.address))


class TablesResource(dg.ConfigurableResource[TableStore]):
    """The versioned tables."""

    address: str = Field(description="Where tables are kept, such as delta:///srv/polly/tables")

    def open(self) -> TableStore:
        """The store at the address."""
        return cast(TableStore, open_backend("tables", self.address))


class SearchResource(dg.ConfigurableResource[SearchIndex]):
    """The search index."""

    address: str = Field(description="Where the index is kept, such as tantivy:///srv/polly/search")

    def open(self) -> SearchIndex:
        """The index at the address."""
        return cast(SearchIndex, open_backend("search", self.address))


class OntologiesResource(dg.ConfigurableResource[OntologySource]):
    """The source of ontology releases."""

    address: str = Field(description="Where releases come from, such as packages:///srv/cache")

    def open(self) -> OntologySource:
        """The source at the address."""
        return cast(OntologySource, open_backend("ontologies", self.address))


class LimitsResource(dg.ConfigurableResource[None]):
    """How much work a batch takes and how long a claim holds."""

    cache: str = Field(description="Folder of what can be made again, such as compiled models")
    lease_seconds: float = Field(description="Seconds that a claim holds without renewal")
    batch_bytes: int = Field(description="Bytes of landed files that close a batch")
    batch_jobs: int = Field(description="Jobs that close a batch")
    workers: int = Field(description="Files read at once")
    patience_seconds: float = Field(description="Seconds to wait for a store that is away")

    def cache_of(self, name: str) -> Path:
        """The cache folder of one part of the platform."""
        return Path(self.cache) / name


def from_settings(settings: Settings) -> dict[str, Any]:
    """Every resource by name, as the settings say."""
    return {
        "events": EventsResource(address=settings.events),
        "jobs": JobsResource(address=settings.jobs),
        "objects": ObjectsResource(address=settings.objects),
        "tables": TablesResource(address=settings.tables),
        "query": QueryResource(address=settings.query),
        "search": SearchResource(address=settings.search),
        "ontologies": OntologiesResource(address=settings.ontologies),
        "limits": LimitsResource(
            cache=str(settings.cache),
            lease_seconds=settings.lease_seconds,
            batch_bytes=settings.batch_bytes,
            batch_jobs=settings.batch_jobs,
            workers=settings.workers,
            patience_seconds=settings.patience_seconds,
        ),
    }
