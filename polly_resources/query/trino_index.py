"""The search index as a table of Trino: one row per dataset, one array per facet.

The index of an atlas is `"<catalog>"."default"."<prefix><atlas>"`; its facets are fields of one row
column. An index that nobody has filled yet has no rows, and a value too long for it is there as
its digest.
Keep out: how documents are indexed, and searching for words.
"""

from __future__ import annotations

from collections.abc import Collection

import pyarrow as pa

from polly_resources.query import trino_sql
from polly_resources.query.sql_words import quote
from polly_resources.query.trino_client import Client
from polly_resources.query.trino_errors import Refused
from polly_resources.query.trino_types import field_names

_PLAIN = ("dataset_id", "title")
_FACETS = "facets"


class Indexes:
    """The indexes that one catalog of Trino shows."""

    def __init__(self, client: Client, catalog: str, prefix: str) -> None:
        self._client = client
        self._catalog = catalog
        self._prefix = prefix

    def select(self, atlas: str, schema: pa.Schema, present: Collection[str] | None) -> str:
        """The query for an atlas's index as the declared columns; see `trino_sql.select`."""
        if present is not None and not present:
            return trino_sql.select_nothing(schema)
        names = [name for name in schema.names if present is None or name.lower() in present]
        columns = ", ".join(
            quote(name) if name in _PLAIN else f"{quote(_FACETS)}.{quote(name)} AS {quote(name)}"
            for name in names
        )
        source = f"(SELECT {columns or '1'} FROM {self._name(atlas)})"  # noqa: S608 - quoted
        return trino_sql.select(schema, source, present)

    def columns(self, atlas: str) -> frozenset[str]:
        """The columns and facets that the index has; none where it is not there. Raises Refused."""
        try:
            found = self._client.run(f"SELECT * FROM {self._name(atlas)} LIMIT 0")  # noqa: S608
        except Refused as error:
            if error.unknown_table:
                return frozenset()
            raise
        plain = {column["name"] for column in found.columns}
        facets = next((c for c in found.columns if c["name"] == _FACETS), None)
        inner = field_names(facets["typeSignature"]) if facets is not None else []
        return frozenset(name.lower() for name in (*plain, *inner) if name != _FACETS)

    def _name(self, atlas: str) -> str:
        return f'{quote(self._catalog)}."default".{quote(self._prefix + atlas)}'
