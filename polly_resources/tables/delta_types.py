"""The types in which rows are stored: those that every engine reads alike.

Owns the way from declared Arrow types to stored ones, and the refusal of what Delta, Trino or
Athena would lose. Add a type here when a specification needs it. Keep out: writing.
"""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from polly_resources.errors import BadInput
from polly_resources.tables.base import TableSpec

_Test = Callable[[pa.DataType], bool]

_EXACT: dict[pa.DataType, pa.DataType] = {
    # Parquet's unsigned integers are signed ones of the same width to Delta.
    pa.uint8(): pa.int16(),
    pa.uint16(): pa.int32(),
    pa.uint32(): pa.int64(),
    pa.uint64(): pa.int64(),
    pa.float16(): pa.float32(),
    pa.date64(): pa.date32(),
}
_ALIKE: tuple[tuple[_Test, pa.DataType], ...] = (
    (pa.types.is_large_string, pa.string()),
    (pa.types.is_string_view, pa.string()),
    (pa.types.is_large_binary, pa.binary()),
    (pa.types.is_binary_view, pa.binary()),
    (pa.types.is_fixed_size_binary, pa.binary()),
)
_PLAIN: tuple[_Test, ...] = (
    pa.types.is_boolean,
    pa.types.is_signed_integer,
    pa.types.is_float32,
    pa.types.is_float64,
    pa.types.is_string,
    pa.types.is_binary,
    pa.types.is_date32,
)
_LISTS: tuple[_Test, ...] = (
    pa.types.is_list,
    pa.types.is_large_list,
    pa.types.is_fixed_size_list,
    pa.types.is_list_view,
    pa.types.is_large_list_view,
)
DECIMAL_DIGITS = 38


def stored(kind: pa.DataType) -> pa.DataType | None:
    """The type in which values of a type are stored; None where no engine could read them.

    Unsigned integers become wider signed ones (64 bits: up to 2^63 - 1), points in time
    microseconds, encodings and views their plain equals. Durations, times of day, decimals of
    more than 38 digits, unions and the type of nothing cannot be stored.
    """
    if kind in _EXACT or any(test(kind) for test in _PLAIN):
        return _EXACT.get(kind, kind)
    for test, plain in _ALIKE:
        if test(kind):
            return plain
    if pa.types.is_timestamp(kind):
        return pa.timestamp("us", tz="UTC" if kind.tz else None)
    if pa.types.is_decimal(kind):
        fits = 0 <= kind.scale <= kind.precision <= DECIMAL_DIGITS
        return pa.decimal128(kind.precision, kind.scale) if fits else None
    if pa.types.is_dictionary(kind):
        return stored(kind.value_type)
    return _nested(kind, stored)


def _nested(
    kind: pa.DataType, change: Callable[[pa.DataType], pa.DataType | None]
) -> pa.DataType | None:
    """A nested type with other leaves; None where one has none, or for what is not nested."""
    if any(test(kind) for test in _LISTS):
        value = change(kind.value_type)
        return value and pa.list_(pa.field("element", value, kind.value_field.nullable))
    if pa.types.is_map(kind):
        key, item = change(kind.key_type), change(kind.item_type)
        return key and item and pa.map_(key, pa.field("value", item, kind.item_field.nullable))
    if pa.types.is_struct(kind) and kind.num_fields:
        fields = [(field, change(field.type)) for field in kind]
        if all(changed is not None for _, changed in fields):
            return pa.struct([field.with_type(changed) for field, changed in fields])
    return None


def conform(rows: pa.Table, spec: TableSpec, table: str) -> pa.Table:
    """The rows with the columns of a specification, in the types in which they are stored.

    Points in time with a zone lose what is below a millisecond, for Trino and Athena do not
    see it, and one value must be the same in every engine.

    Raises:
        BadInput: for other columns, values that the types cannot hold, types that cannot be
            stored, and an empty text in a column of partitions, which would be NULL when read.
    """
    schema = spec.schema()
    if set(rows.column_names) != set(schema.names):
        missing = sorted(set(schema.names) - set(rows.column_names))
        extra = sorted(set(rows.column_names) - set(schema.names))
        raise BadInput(
            "wrong_columns", f"table {table}: missing columns {missing}, unexpected columns {extra}"
        )
    ordered = rows.select(schema.names)
    target = _storable(schema, table)
    try:
        kept = ordered.cast(_keeping_dictionaries(target, ordered.schema, spec.partition_by))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError) as error:
        raise BadInput("wrong_type", f"table {table}: {error}") from error
    _refuse_empty_partitions(kept, spec, table)
    return _to_milliseconds(kept)


def _storable(schema: pa.Schema, table: str) -> pa.Schema:
    fields = []
    for field in schema:
        kind = stored(field.type)
        if kind is None:
            raise BadInput(
                "unstorable_type",
                f"table {table}: column {field.name!r} has type {field.type}, which Delta's"
                " readers do not share",
                hint="declare another type, such as text or a number with its unit",
            )
        fields.append(field.with_type(kind))
    return pa.schema(fields)


def _keeping_dictionaries(
    target: pa.Schema, given: pa.Schema, partition_by: tuple[str, ...]
) -> pa.Schema:
    """Dictionary columns are stored as their value type but written much faster as they are."""
    fields = []
    for field in target:
        kind = given.field(field.name).type
        keep = pa.types.is_dictionary(kind) and kind.value_type == field.type
        whole = keep and field.name not in partition_by and not pa.types.is_timestamp(field.type)
        fields.append(field.with_type(kind) if whole else field)
    return pa.schema(fields)


def _refuse_empty_partitions(rows: pa.Table, spec: TableSpec, table: str) -> None:
    for name in spec.partition_by:
        column = rows[name]
        if pa.types.is_string(column.type) and pc.any(pc.equal(column, "")).as_py():
            raise BadInput(
                "empty_partition",
                f"table {table}: column {name!r} splits the files and holds an empty text,"
                " which would be read as NULL",
                hint="use NULL, or a word for 'none'",
            )


def _to_milliseconds(rows: pa.Table) -> pa.Table:
    fields = [field.with_type(_milliseconds(field.type)) for field in rows.schema]
    coarse = pa.schema(fields)
    # Nothing but the unit differs, so the unchecked cast can cut nothing else.
    return rows if coarse == rows.schema else rows.cast(coarse, safe=False).cast(rows.schema)


def _milliseconds(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_timestamp(kind) and kind.tz:
        return pa.timestamp("ms", tz=kind.tz)
    return _nested(kind, _milliseconds) or kind


def plain(rows: pa.Table) -> pa.Table:
    """View types and dictionaries, which few readers know, as their plain equals."""
    fields = [field.with_type(stored(field.type) or field.type) for field in rows.schema]
    return rows.cast(pa.schema(fields))
