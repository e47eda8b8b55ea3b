"""Tables read at one version each, for as long as a statement needs them.

Keep out: what the tables mean.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import pyarrow as pa

from polly_resources.query.base import Relation
from polly_resources.tables.base import TableSpec, TableStore, Where


class Pinned:
    """Remembers the version that it first saw of each table."""

    def __init__(self, tables: TableStore) -> None:
        self.tables = tables
        self._versions: dict[str, int | None] = {}

    def version(self, name: str) -> int | None:
        """The pinned version, or None where the table did not exist."""
        if name not in self._versions:
            self._versions[name] = self.tables.version(name)
        return self._versions[name]

    def relation(
        self, name: str, spec: TableSpec, columns: Collection[str] | None, where: Where
    ) -> Relation:
        """The files of a table that may hold rows of `where`, and the columns asked for."""
        version = self.version(name)
        schema = narrowed(spec, columns, where)
        if version is None:
            return Relation(schema, rows=schema.empty_table())
        return Relation(schema, files=self.tables.files(name, version=version, where=where))

    def read(
        self, name: str, spec: TableSpec, columns: Sequence[str] | None, where: Where
    ) -> pa.Table:
        """The rows of a table that satisfy `where`; none where it did not exist."""
        version = self.version(name)
        if version is None:
            schema = spec.schema()
            return schema.empty_table().select(list(columns or schema.names))
        return self.tables.read(name, version=version, columns=columns, where=where)


def narrowed(spec: TableSpec, columns: Collection[str] | None, where: Where) -> pa.Schema:
    """The table's schema, of these columns and those filtered by (None: all); never empty."""
    schema = spec.schema()
    if columns is None:
        return schema
    wanted = {*columns, *where} or {spec.key}
    return pa.schema([field for field in schema if field.name in wanted])
