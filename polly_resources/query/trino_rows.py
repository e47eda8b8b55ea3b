"""Rows in memory as part of an SQL text, for engines that cannot be handed them.

Each row is a JSON array in one literal. Every value travels as text and is cast to the declared
type afterwards: JSON has neither NaN nor dates, and its numbers would be read as what they seem.
Keep out: relations in files (`trino_sql`).
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pyarrow as pa

from polly_resources.errors import Misconfigured
from polly_resources.query import trino_sql
from polly_resources.query.base import Relation
from polly_resources.query.sql_words import literal, quote


def select_rows(relation: Relation) -> str:
    """The query that gives a relation's rows as the declared columns.

    Raises Misconfigured for a type that cannot travel so.
    """
    schema, rows = relation.schema, relation.rows
    if rows is None or not rows.num_rows:
        return trino_sql.select_nothing(schema)
    names = [f"c{index}" for index in range(len(schema))]
    columns = [
        [_text(field.type, value) for value in rows.column(field.name).to_pylist()]
        for field in schema
    ]
    data = json.dumps(list(zip(*columns, strict=True)), ensure_ascii=False, separators=(",", ":"))
    kinds = ", ".join(
        f"{name} {_carrier(field.type)}" for name, field in zip(names, schema, strict=True)
    )
    casts = ", ".join(_cast(name, field) for name, field in zip(names, schema, strict=True))
    parsed = f"CAST(JSON_PARSE({literal(data)}) AS ARRAY(ROW({kinds})))"
    return f"SELECT {casts} FROM UNNEST({parsed}) AS r ({', '.join(names)})"  # noqa: S608 - quoted


def _cast(name: str, field: pa.Field) -> str:
    kind = field.type
    value = f"FROM_BASE64({name})" if _is_binary(kind) else name
    # In memory, moments may have microseconds.
    name = trino_sql.type_name(kind).replace("TIMESTAMP(3) WITH", "TIMESTAMP(6) WITH")
    return f"CAST({value} AS {name}) AS {quote(field.name)}"


def _carrier(kind: pa.DataType) -> str:
    """The type that JSON is read as: the declared one with text in place of every value."""
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return f"ARRAY({_inner(kind.value_type)})"
    if pa.types.is_map(kind):
        return f"MAP({_inner(kind.key_type)}, {_inner(kind.item_type)})"
    if pa.types.is_struct(kind):
        fields = ", ".join(f"{quote(f.name)} {_inner(f.type)}" for f in kind)
        return f"ROW({fields})"
    return "VARCHAR"


def _inner(kind: pa.DataType) -> str:
    if _is_binary(kind):
        raise Misconfigured("unknown_type", f"Arrow's {kind} inside a list, map or struct")
    return _carrier(kind)


def _is_binary(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _text(kind: pa.DataType, value: Any) -> Any:
    """A value as JSON holds it: text, or lists and objects of text."""
    if value is None:
        return None
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return [_text(kind.value_type, item) for item in value]
    if pa.types.is_map(kind):
        return {_text(kind.key_type, key): _text(kind.item_type, item) for key, item in value}
    if pa.types.is_struct(kind):
        return [_text(field.type, value[field.name]) for field in kind]
    return _scalar(value)


def _scalar(value: Any) -> str:
    for kind, write in _WRITERS:
        if isinstance(value, kind):
            return write(value)
    return str(value)


def _float(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return repr(value) if math.isfinite(value) else ("Infinity" if value > 0 else "-Infinity")


def _moment(value: dt.datetime) -> str:
    if value.tzinfo is None:
        return value.isoformat(sep=" ", timespec="microseconds")
    utc = value.astimezone(dt.UTC).replace(tzinfo=None)
    return f"{utc.isoformat(sep=' ', timespec='microseconds')} UTC"


def _bytes(value: bytes) -> str:
    return base64.b64encode(value).decode()


_WRITERS: tuple[tuple[type, Callable[[Any], str]], ...] = (
    (bool, lambda value: "true" if value else "false"),
    (float, _float),
    (dt.datetime, _moment),
    (dt.date, dt.date.isoformat),
    (dt.time, dt.time.isoformat),
    (bytes, _bytes),
    (Decimal, lambda value: format(value, "f")),
)
