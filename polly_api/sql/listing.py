"""Answers to SHOW SCHEMAS, SHOW TABLES and DESCRIBE, with Trino's column names.

Keep out: which tables there are (`catalog`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import pyarrow as pa

from polly_api.sql.catalog import Catalog
from polly_api.sql.names import find, find_schema
from polly_api.sql.parse import Listing

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
    found = find(listing.schema, listing.table, listing.place, catalog).info
    wanted = _pattern(listing.like) if listing.like else re.compile("")
    fields = [field for field in found.schema if wanted.match(field.name)]
    texts = pa.string()
    return pa.table(
        {
            "Column": pa.array([field.name for field in fields], texts),
            "Type": pa.array([type_name(field.type) for field in fields], texts),
            "Extra": pa.array(["" for _ in fields], texts),
            "Comment": pa.array([found.descriptions.get(f.name, "") for f in fields], texts),
        }
    )
