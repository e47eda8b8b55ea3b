"""Arrow tables as JSON rows and CSV text, exactly.

Owns how a value looks in JSON: what JSON cannot say becomes text instead of being lost
(`"NaN"`, `"Infinity"`, ISO 8601 times, base64 bytes, decimals that no float equals).
In CSV, nested values are JSON text, a missing value is empty and an empty text is `""`.
Add a type's form to `_scalar`. Keep out: HTTP, terminals and files.
"""

from __future__ import annotations

import base64
import io
import json
import math
from collections.abc import Callable, Iterator
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv

CHUNK_ROWS = 8192


def unique_columns(table: pa.Table) -> pa.Table:
    """The table with repeated column names told apart: a, a becomes a, a_2."""
    names: list[str] = []
    for name in table.column_names:
        fresh, count = name, 1
        while fresh in names or (count > 1 and fresh in table.column_names):
            count += 1
            fresh = f"{name}_{count}"
        names.append(fresh)
    return table if names == table.column_names else table.rename_columns(names)


def json_rows(table: pa.Table) -> Iterator[dict[str, Any]]:
    """Each row as a dictionary that `json.dumps` writes without loss."""
    table = unique_columns(table)
    names = table.column_names
    for batch in table.to_batches(max_chunksize=CHUNK_ROWS):
        columns = [_values(column) for column in batch.columns]
        for row in zip(*columns, strict=True):
            yield dict(zip(names, row, strict=True))


def json_lines(table: pa.Table) -> Iterator[str]:
    """Each row as one line of JSON, without the line end."""
    for row in json_rows(table):
        yield dumps(row)


def csv_chunks(table: pa.Table) -> Iterator[bytes]:
    """The table as CSV (UTF-8, header first), in pieces."""
    table = unique_columns(table)
    flat = [_flat(field.type) for field in table.schema]
    schema = pa.schema(
        [
            field if plain else pa.field(field.name, pa.string())
            for field, plain in zip(table.schema, flat, strict=True)
        ]
    )
    sink = io.BytesIO()
    with pa_csv.CSVWriter(sink, schema) as writer:
        for batch in table.to_batches(max_chunksize=CHUNK_ROWS):
            columns = [
                column if plain else pa.array(_texts(column), pa.string())
                for column, plain in zip(batch.columns, flat, strict=True)
            ]
            writer.write_batch(pa.record_batch(columns, schema=schema))
            yield sink.getvalue()
            sink.seek(0)
            sink.truncate()
    if rest := sink.getvalue():
        yield rest


def arrow_chunks(table: pa.Table) -> Iterator[bytes]:
    """The table as an Arrow IPC stream, in pieces."""
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        for batch in table.to_batches():
            writer.write_batch(batch)
            yield sink.getvalue()
            sink.seek(0)
            sink.truncate()
    yield sink.getvalue()


def dumps(value: Any) -> str:
    """JSON on one line; raises ValueError for a bare NaN, which is no JSON."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _values(column: pa.Array) -> list[Any]:
    convert = _converter(column.type)
    values: list[Any] = column.to_pylist(maps_as_pydicts="strict")
    return values if convert is None else [convert(value) for value in values]


def _texts(column: pa.Array) -> list[str | None]:
    return [
        value if value is None or isinstance(value, str) else dumps(value)
        for value in _values(column)
    ]


def _converter(kind: pa.DataType) -> Callable[[Any], Any] | None:
    plain = (
        pa.types.is_integer(kind)
        or pa.types.is_boolean(kind)
        or pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or (pa.types.is_list(kind) and _converter(kind.value_type) is None)
    )
    return None if plain else _json


def _flat(kind: pa.DataType) -> bool:
    """Whether Arrow's CSV writer takes the type as it is."""
    return not (
        pa.types.is_nested(kind)
        or pa.types.is_duration(kind)
        or pa.types.is_interval(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_dictionary(kind)
    )


def _json(value: Any) -> Any:
    if isinstance(value, dict):
        return {_key(key): _json(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_json(part) for part in value]
    return _scalar(value)


def _key(key: Any) -> str:
    part = _scalar(key)
    return part if isinstance(part, str) else dumps(part)


def _scalar(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else _nonfinite(value)
    if isinstance(value, Decimal):
        return _decimal(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    return str(value)


def _nonfinite(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def _decimal(value: Decimal) -> int | float | str:
    if not value.is_finite():
        return str(value)
    if value == value.to_integral_value():
        return int(value)
    near = float(value)
    return near if Decimal(repr(near)) == value else str(value)
