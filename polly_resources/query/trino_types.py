"""Trino's result types and values in Arrow: the types that the embedded engine gives, too.

A type comes as the protocol's signature, `{"rawType": "array", "arguments": [...]}`, and values
as its JSON: numbers, text for what JSON cannot hold (decimals, times, NaN), lists and objects.
Add a type here when a function that statements may call returns it.
Keep out: the SQL names of types (`trino_sql`), and connections.
"""

from __future__ import annotations

import base64
import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pyarrow as pa

from polly_resources.errors import BadQuery

Signature = Mapping[str, Any]

_MICROSECONDS = pa.timestamp("us")
_MOMENTS = pa.timestamp("us", tz="UTC")
_SIMPLE: Mapping[str, pa.DataType] = {
    "unknown": pa.null(),
    "boolean": pa.bool_(),
    "tinyint": pa.int8(),
    "smallint": pa.int16(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "real": pa.float32(),
    "double": pa.float64(),
    "varchar": pa.string(),
    "char": pa.string(),
    "json": pa.string(),
    "varbinary": pa.binary(),
    "date": pa.date32(),
    "time": pa.time64("us"),
    "timestamp": _MICROSECONDS,
    "timestamp with time zone": _MOMENTS,
    "interval day to second": pa.month_day_nano_interval(),
    "interval year to month": pa.month_day_nano_interval(),
}
_KEYS = ("boolean", "tinyint", "smallint", "integer", "bigint")


def arrow_type(signature: Signature) -> pa.DataType:
    """The Arrow type of a result type. Raises BadQuery `not_supported` for one without."""
    name = str(signature["rawType"])
    if name in _SIMPLE:
        return _SIMPLE[name]
    if name == "decimal":
        precision, scale = (int(argument["value"]) for argument in signature["arguments"])
        return pa.decimal128(precision, scale)
    if name == "array":
        return pa.list_(arrow_type(_inner(signature)[0]))
    if name == "map":
        key, value = _inner(signature)
        return pa.map_(arrow_type(key), arrow_type(value))
    if name == "row":
        fields = zip(field_names(signature), _inner(signature), strict=True)
        return pa.struct([pa.field(name, arrow_type(kind)) for name, kind in fields])
    raise BadQuery(
        "not_supported",
        f"a result of type {name} cannot be given",
        hint="CAST it to VARCHAR",
    )


def array(signature: Signature, values: Sequence[Any]) -> pa.Array:
    """One column of a result.

    Raises BadQuery `out_of_range` for a value that Arrow's type cannot hold, `not_supported`
    for a type that has none.
    """
    name = str(signature["rawType"])
    if name in _NESTED:
        return _NESTED[name](signature, values)
    kind = arrow_type(signature)
    try:
        if name in _READERS:
            return _READERS[name](values)
        if name == "decimal":
            return pa.array(values, pa.string()).cast(kind)
        return pa.array(values, kind)
    except (pa.ArrowInvalid, ValueError, OverflowError) as error:
        raise BadQuery(
            "out_of_range",
            f"a {name} of the result does not fit: {error}",
            hint="CAST it to VARCHAR",
        ) from None


def _inner(signature: Signature) -> list[Signature]:
    """The types that a nested type is made of."""
    found = [argument["value"] for argument in signature["arguments"]]
    return [value.get("typeSignature", value) for value in found]


def field_names(signature: Signature) -> list[str]:
    """Names of a row's fields; those without are called as the embedded engine does."""
    named = [argument["value"].get("fieldName") for argument in signature["arguments"]]
    return [field["name"] if field else f"_{index}" for index, field in enumerate(named)]


def _list(signature: Signature, values: Sequence[Any]) -> pa.Array:
    (inner,) = _inner(signature)
    items = [item for value in values if value is not None for item in value]
    return pa.ListArray.from_arrays(_offsets(values), array(inner, items), mask=_absent(values))


def _map(signature: Signature, values: Sequence[Any]) -> pa.Array:
    key, value = _inner(signature)
    pairs = [pair for entries in values if entries is not None for pair in entries.items()]
    keys = array(key, _key_values(key, [name for name, _ in pairs]))
    items = array(value, [item for _, item in pairs])
    return pa.MapArray.from_arrays(_offsets(values), keys, items, mask=_absent(values))


def _key_values(signature: Signature, keys: list[str]) -> list[Any]:
    """Keys of maps come as the text of what they would be as values."""
    name = str(signature["rawType"])
    if name in _NESTED:
        raise BadQuery(
            "not_supported",
            f"a map whose keys are of type {name} cannot be given",
            hint="select MAP_ENTRIES(...) of it",
        )
    if name == "boolean":
        return [key == "true" for key in keys]
    return [int(key) for key in keys] if name in _KEYS else list(keys)


def _row(signature: Signature, values: Sequence[Any]) -> pa.Array:
    inner = _inner(signature)
    columns = [
        array(kind, [None if value is None else value[index] for value in values])
        for index, kind in enumerate(inner)
    ]
    fields = [
        pa.field(name, column.type)
        for name, column in zip(field_names(signature), columns, strict=True)
    ]
    return pa.StructArray.from_arrays(columns, fields=fields, mask=_absent(values))


def _offsets(values: Sequence[Any]) -> pa.Array:
    """Where each list begins and the last one ends."""
    ends = accumulate((0 if value is None else len(value) for value in values), initial=0)
    return pa.array(list(ends), pa.int32())


def _absent(values: Sequence[Any]) -> pa.Array:
    return pa.array([value is None for value in values], pa.bool_())


def _each(kind: pa.DataType, read: Callable[[str], Any]) -> Callable[[Sequence[Any]], pa.Array]:
    def column(values: Sequence[Any]) -> pa.Array:
        return pa.array([None if value is None else read(value) for value in values], kind)

    return column


def _floats(kind: pa.DataType) -> Callable[[Sequence[Any]], pa.Array]:
    """NaN and infinities are text in JSON."""
    return _each(kind, float)


def _parsed(kind: pa.DataType) -> Callable[[Sequence[Any]], pa.Array]:
    def column(values: Sequence[Any]) -> pa.Array:
        return pa.array([_six(value) for value in values], pa.string()).cast(kind)

    return column


def _six(value: str | None) -> str | None:
    """A time with at most six digits of its second: Arrow's microseconds."""
    if value is None:
        return None
    whole, dot, fraction = value.partition(".")
    return f"{whole}{dot}{fraction[:6]}" if dot else whole


def _clock(text: str) -> dt.time:
    return dt.time.fromisoformat(_six(text) or text)


def _moments(values: Sequence[Any]) -> pa.Array:
    """Moments with a zone, in UTC; nearly all are given in UTC already."""
    if all(value is None or value.endswith(" UTC") for value in values):
        plain = [None if value is None else value[:-4] for value in values]
        return _parsed(_MICROSECONDS)(plain).cast(_MOMENTS)
    return pa.array([None if value is None else _moment(value) for value in values], _MOMENTS)


def _moment(text: str) -> dt.datetime:
    """`2020-01-05 06:07:08.123 Europe/Berlin` or `... +01:00` as a moment in UTC."""
    local, _, zone = text.rpartition(" ")
    moment = dt.datetime.fromisoformat(_six(local) or local)
    offset = re.fullmatch(r"([+-])(\d\d):(\d\d)", zone)
    if offset:
        minutes = int(offset[2]) * 60 + int(offset[3])
        shift = dt.timedelta(minutes=-minutes if offset[1] == "-" else minutes)
        return moment.replace(tzinfo=dt.timezone(shift)).astimezone(dt.UTC)
    try:
        return moment.replace(tzinfo=ZoneInfo(zone)).astimezone(dt.UTC)
    except ZoneInfoNotFoundError:
        raise ValueError(f"the time zone of {text!r} is not known here") from None


def _days(text: str) -> pa.MonthDayNano:
    found = re.fullmatch(r"(-?)(\d+) (\d+):(\d+):(\d+)\.(\d+)", text)
    if found is None:
        raise ValueError(f"{text!r} is no interval")
    days, hours, minutes, seconds = (int(part) for part in found.groups()[1:5])
    nanoseconds = ((hours * 60 + minutes) * 60 + seconds) * 10**9 + int(found[6].ljust(9, "0"))
    sign = -1 if found[1] else 1
    return pa.MonthDayNano([0, sign * days, sign * nanoseconds])


def _months(text: str) -> pa.MonthDayNano:
    found = re.fullmatch(r"(-?)(\d+)-(\d+)", text)
    if found is None:
        raise ValueError(f"{text!r} is no interval")
    months = int(found[2]) * 12 + int(found[3])
    return pa.MonthDayNano([-months if found[1] else months, 0, 0])


_NESTED: Mapping[str, Callable[[Signature, Sequence[Any]], pa.Array]] = {
    "array": _list,
    "map": _map,
    "row": _row,
}
_READERS: Mapping[str, Callable[[Sequence[Any]], pa.Array]] = {
    "real": _floats(pa.float32()),
    "double": _floats(pa.float64()),
    "varbinary": _each(pa.binary(), base64.b64decode),
    "date": _parsed(pa.date32()),
    "time": _each(pa.time64("us"), _clock),
    "timestamp": _parsed(_MICROSECONDS),
    "timestamp with time zone": _moments,
    "interval day to second": _each(pa.month_day_nano_interval(), _days),
    "interval year to month": _each(pa.month_day_nano_interval(), _months),
}
