"""Address to backend: the one table that says which file serves which scheme.

A backend is imported on first use, so an optional library costs nothing until it is
asked for. Add a backend as one row, in alphabetical order.
Keep out: anything a backend does.
"""

from __future__ import annotations

import functools
import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from polly_resources.addresses import insert_password
from polly_resources.errors import Misconfigured
from polly_resources.settings import Settings, password

if TYPE_CHECKING:
    from polly_resources.events.base import EventSource
    from polly_resources.jobs.base import JobLedger
    from polly_resources.objects.base import ObjectStore
    from polly_resources.ontologies.base import OntologySource
    from polly_resources.query.base import QueryEngine
    from polly_resources.search.base import SearchIndex
    from polly_resources.tables.base import TableStore


@dataclass(frozen=True, slots=True)
class Backend:
    """Where a backend lives and which extra brings its library."""

    target: str
    extra: str = ""


BACKENDS: dict[tuple[str, str], Backend] = {
    ("events", "listing"): Backend("polly_resources.events.listing:ListingEvents"),
    ("events", "sqs"): Backend("polly_resources.events.sqs:SqsEvents", "aws"),
    ("jobs", "dynamodb"): Backend("polly_resources.jobs.dynamodb:DynamoLedger", "aws"),
    ("jobs", "postgresql"): Backend("polly_resources.jobs.sql:SqlLedger", "servers"),
    ("jobs", "sqlite"): Backend("polly_resources.jobs.sql:SqlLedger"),
    ("objects", "file"): Backend("polly_resources.objects.files:FileStore"),
    ("objects", "s3"): Backend("polly_resources.objects.s3:S3Store", "aws"),
    ("ontologies", "packages"): Backend("polly_resources.ontologies.packages:PackageOntologies"),
    ("query", "athena"): Backend("polly_resources.query.athena:AthenaEngine", "aws"),
    ("query", "duckdb"): Backend("polly_resources.query.duckdb:DuckDBEngine"),
    ("query", "trino"): Backend("polly_resources.query.trino:TrinoEngine", "servers"),
    ("query", "trino+https"): Backend("polly_resources.query.trino:TrinoEngine", "servers"),
    ("search", "opensearch"): Backend(
        "polly_resources.search.opensearch:OpenSearchIndex", "servers"
    ),
    ("search", "opensearch+https"): Backend(
        "polly_resources.search.opensearch:OpenSearchIndex", "servers"
    ),
    ("search", "tantivy"): Backend("polly_resources.search.tantivy:TantivyIndex"),
    ("tables", "delta"): Backend("polly_resources.tables.delta:DeltaStore"),
    ("tables", "delta+s3"): Backend("polly_resources.tables.delta:DeltaStore"),
}


@functools.cache
def open_backend(capability: str, address: str) -> object:
    """The backend that serves the address, constructed with it; one per process.

    Raises Misconfigured without an address, where its scheme is unknown, or where its
    library is missing.
    """
    if not address:
        raise Misconfigured(
            "missing_address",
            f"the profile does not know where {capability} are",
            hint=f"set POLLY_{capability.upper()}; docs/settings.md has examples",
        )
    scheme = address.partition("://")[0]
    backend = BACKENDS.get((capability, scheme))
    if backend is None:
        known = ", ".join(s for c, s in BACKENDS if c == capability)
        raise Misconfigured(
            "unknown_backend",
            f"{capability} address {address!r} has scheme {scheme!r}",
            hint=f"set POLLY_{capability.upper()} to one of: {known}",
        )
    module, _, name = backend.target.partition(":")
    try:
        cls = getattr(importlib.import_module(module), name)
    except ImportError as error:
        hint = f"pip install 'polly-open[{backend.extra}]'" if backend.extra else "reinstall"
        raise Misconfigured("missing_package", f"{scheme} needs {error.name}", hint=hint) from error
    return cast(object, cls(insert_password(address, password(capability))))


class Backends:
    """The capabilities of one settings object, each opened on first use."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @property
    def events(self) -> EventSource:
        """What tells of landed objects."""
        return cast("EventSource", open_backend("events", self.settings.events))

    @property
    def jobs(self) -> JobLedger:
        """The job ledger."""
        return cast("JobLedger", open_backend("jobs", self.settings.jobs))

    @property
    def objects(self) -> ObjectStore:
        """The object store."""
        return cast("ObjectStore", open_backend("objects", self.settings.objects))

    @property
    def ontologies(self) -> OntologySource:
        """The source of ontology releases."""
        return cast("OntologySource", open_backend("ontologies", self.settings.ontologies))

    @property
    def query(self) -> QueryEngine:
        """The SQL engine."""
        return cast("QueryEngine", open_backend("query", self.settings.query))

    @property
    def search(self) -> SearchIndex:
        """The search index."""
        return cast("SearchIndex", open_backend("search", self.settings.search))

    @property
    def tables(self) -> TableStore:
        """The versioned tables."""
        return cast("TableStore", open_backend("tables", self.settings.tables))
