"""The tables that users query, made known to the SQL engine.

Engines beside the store (Trino, Athena) find tables by name in a catalog of theirs; the embedded
engine is handed its files. An engine that is away delays nobody's data: the tables are stored,
and are made known with the next batch or when they are first asked for.
Keep out: how an engine keeps its catalog; Dagster.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from polly_assets import atlases
from polly_assets.schema import ATLASES, ONTOLOGY_ANCESTORS, ONTOLOGY_TERMS, SQL_TABLES
from polly_resources.errors import NotFound, PollyError
from polly_resources.query.base import QueryEngine
from polly_resources.tables.base import TableFiles, TableStore

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Catalogued:
    """What an engine knows now: how many of these tables; and why it is none, where it failed."""

    tables: int
    engine: str = ""
    warning: str = ""


def known_tables(tables: TableStore, atlas: str) -> list[TableFiles]:
    """The stored tables that a statement over the atlas may name, with their declared columns."""
    named = {f"{atlas}/{spec.name}": spec for spec in SQL_TABLES}
    named[atlases.TABLE] = ATLASES
    named |= {f"ontology/{spec.name}": spec for spec in (ONTOLOGY_TERMS, ONTOLOGY_ANCESTORS)}
    found = ((_pinned(tables, name), spec) for name, spec in named.items())
    return [replace(table, schema=spec.schema()) for table, spec in found if table is not None]


def _pinned(tables: TableStore, name: str) -> TableFiles | None:
    try:
        return tables.files(name)
    except NotFound:
        return None


def catalogued(tables: TableStore, atlas: str, engine: Callable[[], QueryEngine]) -> Catalogued:
    """Make the atlas's tables known to the engine that `engine` opens; a failure is a warning."""
    known = known_tables(tables, atlas)
    try:
        opened = engine()
        opened.publish(known)
        return Catalogued(len(known), opened.about())
    except PollyError as error:
        LOG.warning("the SQL engine does not know the tables of %s: %s", atlas, error)
        return Catalogued(0, warning=f"{error.code}: {error}")
