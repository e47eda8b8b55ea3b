"""The CSV that Athena writes, as Arrow columns of the types that the statement has.

Every value is in quotation marks and NULL is nothing at all, so that an empty text is not NULL.
How values are written is said in `athena_sql`.
Keep out: where the file is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from polly_resources.errors import BadQuery, Unavailable


def table(text: bytes, schema: pa.Schema) -> pa.Table:
    """The result; its first line names columns in our way, `c0`, `c1`, ...

    Raises BadQuery for a value that is not of its column's type, Unavailable for a file that is
    not the result of such a statement.
    """
    names = [f"c{index}" for index in range(len(schema))]
    try:
        found = csv.read_csv(
            pa.BufferReader(text),
            parse_options=csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
            convert_options=csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.large_string()),
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid as error:
        raise _strange(str(error)) from error
    if found.column_names != names:
        raise _strange(f"its columns are {found.column_names}, expected {names}")
    columns = [_column(column, field) for column, field in zip(found.columns, schema, strict=True)]
    fields = [pa.field(field.name, field.type) for field in schema]
    return pa.table(columns, schema=pa.schema(fields))


def _column(texts: pa.ChunkedArray, field: pa.Field) -> pa.ChunkedArray:
    kind = field.type
    try:
        if pa.types.is_nested(kind):
            read = _reader(kind)
            values = [
                None if text is None else read(json.loads(text, parse_float=Decimal))
                for text in texts.to_pylist()
            ]
            return pa.chunked_array([pa.array(values, kind)])
        if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
            values = [None if text is None else bytes.fromhex(text) for text in texts.to_pylist()]
            return pa.chunked_array([pa.array(values, kind)])
        if pa.types.is_null(kind):
            return pa.chunked_array([pa.nulls(len(texts))])
        if pa.types.is_timestamp(kind) and kind.tz:
            moments = texts.cast(pa.string()).cast(pa.timestamp(kind.unit))
            return pc.assume_timezone(moments, kind.tz)
        return texts.cast(pa.string()).cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError, ArithmeticError) as error:
        raise BadQuery(
            "out_of_range",
            f"column {field.name} has a value that is no {kind}: {error}",
            hint="CAST it to VARCHAR",
        ) from None


def _reader(kind: pa.DataType) -> Callable[[Any], Any]:
    """What makes a value that Arrow takes of a value as JSON has it."""
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        item = _optional(kind.value_type)
        return lambda value: [item(one) for one in value]
    if pa.types.is_map(kind):
        key, item = _key(kind.key_type), _optional(kind.item_type)
        return lambda value: [(key(name), item(one)) for name, one in value.items()]
    if pa.types.is_struct(kind):
        fields = [_optional(field.type) for field in kind]
        return lambda value: _row(kind, fields, value)
    return _scalar_reader(kind)


def _scalar_reader(kind: pa.DataType) -> Callable[[Any], Any]:
    if pa.types.is_floating(kind):
        return float
    if pa.types.is_decimal(kind):
        return lambda value: Decimal(str(value))
    if pa.types.is_temporal(kind):
        return lambda value: pa.scalar(value, pa.string()).cast(kind).as_py()
    return lambda value: value


def _optional(kind: pa.DataType) -> Callable[[Any], Any]:
    read = _reader(kind)
    return lambda value: None if value is None else read(value)


def _key(kind: pa.DataType) -> Callable[[str], Any]:
    """Keys of objects are text; JSON says them as it would say the value."""
    if pa.types.is_string(kind) or pa.types.is_temporal(kind):
        return _reader(kind)
    return lambda name: _reader(kind)(json.loads(name, parse_float=Decimal))


def _row(kind: pa.DataType, fields: Sequence[Callable[[Any], Any]], value: Any) -> dict[str, Any]:
    """A row is an object, in the order of its fields; older engines write a list."""
    given = list(value.values() if isinstance(value, dict) else value)
    if len(given) != len(fields):
        raise ValueError(f"a row of {len(given)} fields, expected {len(fields)}")
    named = zip(kind, fields, given, strict=True)
    return {field.name: read(one) for field, read, one in named}


def _strange(why: str) -> Unavailable:
    return Unavailable(
        "query_result_damaged",
        f"Athena's result file cannot be read: {why}",
        hint="run the query again; nobody else may write to the output location",
    )
