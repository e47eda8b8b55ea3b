"""Answers to SHOW SCHEMAS, SHOW TABLES and DESCRIBE, with Trino's column names.

Keep out: which tables there are (`catalog`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

import pyarrow as pa

from polly_api.sql.catalog import Catalog, TableInfo
from polly_api.sql.metadata import listed
from polly_api.sql.names import find, find_schema
from polly_api.sql.parse import Listing
from polly_api.sql.scopes import Resolved

_TYPES: tuple[tuple[Callable[[pa.DataType], bool], str], ...] = (
    (pa.types.is_boolean, "boolean"),
    (pa.types.is_int8, "tinyint"),
    (pa.types.is_int16, "smallint"),
    (pa.types.is_int32, "integer"),
    (pa.types.is_integer, "bigint"),
    (pa.types.is_float32, "real"),
    (pa.types.is_floating, "double"),
    (pa.types.is_binary, "varbinary"),
    (pa.types.is_date, "date"),
)


def answer(listing: Listing, catalog: Catalog) -> pa.Table:
    """The rows that the listing asks for. Raises BadQuery for unknown names."""
    if listing.table:
        return _columns(listing, catalog)
    if listing.schema:
        schema = find_schema(listing.schema, listing.place, catalog)
        return _names("Table", catalog.tables(schema), listing.like)
    return _names("Schema", catalog.schemas(), listing.like)


def type_name(kind: pa.DataType) -> str:
    """Trino's name of an Arrow type."""
    for test, name in _TYPES:
        if test(kind):
            return name
    if pa.types.is_timestamp(kind):
        return "timestamp(6) with time zone" if kind.tz else "timestamp(6)"
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return f"array({type_name(kind.value_type)})"
    if pa.types.is_map(kind):
        return f"map({type_name(kind.key_type)}, {type_name(kind.item_type)})"
    return "varchar"


def _names(title: str, names: Sequence[str], like: str) -> pa.Table:
    wanted = _pattern(like) if like else re.compile("")
    rows = sorted(name for name in names if wanted.match(name))
    return pa.table({title: pa.array(rows, pa.string())})


def _pattern(like: str) -> re.Pattern[str]:
    wild = {"%": ".*", "_": "."}
    return re.compile("".join(wild.get(c, re.escape(c)) for c in like) + r"\Z", re.I | re.S)


def _columns(listing: Listing, catalog: Catalog) -> pa.Table:
    found = find(listing.schema, listing.table, listing.place, catalog)
    rows = [*_own(found.info), *_fields(found, catalog)]
    wanted = _pattern(listing.like) if listing.like else re.compile("")
    kept = [row for row in rows if wanted.match(row[0])]
    schema = pa.schema([(name, pa.string()) for name in ("Column", "Type", "Extra", "Comment")])
    return pa.Table.from_arrays(
        [pa.array(values, pa.string()) for values in zip(*kept, strict=True)]
        or [pa.array([], pa.string())] * len(schema),
        schema=schema,
    )


def _own(info: TableInfo) -> Iterator[tuple[str, str, str, str]]:
    for field in info.schema:
        yield field.name, type_name(field.type), "", info.descriptions.get(field.name, "")


def _fields(found: Resolved, catalog: Catalog) -> Iterator[tuple[str, str, str, str]]:
    """The columns that `*` leaves out: the submitter's own metadata."""
    own = {name.lower() for name in found.info.schema.names}
    for column in listed(own, catalog.fields(found.schema, found.table)):
        yield column.name, type_name(column.type), "metadata", ", ".join(column.fields)
