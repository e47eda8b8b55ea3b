"""`<atlas>.search_index`: what the search index holds, as an SQL table.

An engine that federates reads the index itself; for the others the rows are made here.
Keep out: the index itself, and its columns (`polly_assets.schema.SEARCH_INDEX`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

import pyarrow as pa

from polly_api.pinned import narrowed
from polly_assets.schema import SEARCH_INDEX
from polly_resources.backends import Backends
from polly_resources.query.base import Relation
from polly_resources.records import IndexEntry
from polly_resources.search.base import SearchIndex
from polly_resources.tables.base import Where

_OWN = ("dataset_id", "title")


def search_relation(
    backends: Backends, atlas: str, columns: Collection[str] | None, where: Where
) -> Relation:
    """The index of an atlas, for the engine to read; or its rows, where the engine cannot."""
    schema = narrowed(SEARCH_INDEX, columns, where)
    if backends.query.federates(backends.settings.search):
        return Relation(schema, index=atlas)
    return Relation(schema, rows=_rows(backends.search, atlas, schema, where))


def _rows(search: SearchIndex, atlas: str, schema: pa.Schema, where: Where) -> pa.Table:
    found = list(_matching(search.scan(atlas), where))
    columns = [
        pa.array([_value(entry, field.name) for entry in found], field.type) for field in schema
    ]
    return pa.table(columns, schema=schema)


def _matching(entries: Iterator[IndexEntry], where: Where) -> Iterator[IndexEntry]:
    """The entries of the datasets asked for; other filters are the engine's."""
    if "dataset_id" not in where:
        yield from entries
        return
    wanted = frozenset(where["dataset_id"])
    yield from (entry for entry in entries if entry.dataset_id in wanted)


def _value(entry: IndexEntry, column: str) -> object:
    """A text, or the values of a facet: a dataset without any is not in the facet (NULL)."""
    if column in _OWN:
        return getattr(entry, column)
    return list(entry.facets.get(column, ())) or None
