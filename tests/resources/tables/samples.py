"""A table with a column of every type that specifications may use, and odd values in each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pyarrow as pa

from polly_resources.tables.base import Column, TableSpec

BERLIN = timezone(timedelta(hours=1))
NOON = datetime(2026, 3, 1, 12, 0, 0, 456_789, UTC)
BEFORE_1970 = datetime(1903, 2, 3, 4, 5, 6, 999_000, UTC)

TYPES: tuple[tuple[str, pa.DataType, Sequence[Any]], ...] = (
    ("flag", pa.bool_(), [True, False]),
    ("i8", pa.int8(), [-128, 127]),
    ("i16", pa.int16(), [-(2**15), 2**15 - 1]),
    ("i32", pa.int32(), [-(2**31), 2**31 - 1]),
    ("i64", pa.int64(), [-(2**63), 2**63 - 1]),
    ("u8", pa.uint8(), [0, 255]),
    ("u16", pa.uint16(), [0, 65_535]),
    ("u32", pa.uint32(), [0, 2**32 - 1]),
    ("u64", pa.uint64(), [0, 2**63 - 1]),
    ("f16", pa.float16(), [0.5, -65504.0]),
    ("f32", pa.float32(), [float("inf"), 0.1]),
    ("f64", pa.float64(), [float("-inf"), 0.1]),
    ("text", pa.string(), ["", "ä '\"\\ \u2028 \U0001f9ec"]),
    ("large", pa.large_string(), ["NULL", "x" * 40]),
    ("view", pa.string_view(), ["a", "b"]),
    ("word", pa.dictionary(pa.int32(), pa.string()), ["a", "b"]),
    ("bytes", pa.binary(), [b"", b"\x00\xff"]),
    ("bytes_view", pa.binary_view(), [b"a", b"b"]),
    ("fixed", pa.binary(2), [b"ab", b"\x00\x01"]),
    ("day", pa.date32(), [date(1, 1, 2), date(9999, 12, 30)]),
    ("day64", pa.date64(), [date(1969, 12, 31), date(2026, 2, 28)]),
    ("at", pa.timestamp("us", "UTC"), [NOON, BEFORE_1970]),
    ("local", pa.timestamp("ns", "Europe/Berlin"), [NOON.astimezone(BERLIN), BEFORE_1970]),
    ("naive", pa.timestamp("us"), [NOON.replace(tzinfo=None), datetime(1903, 2, 3)]),
    ("money", pa.decimal128(38, 10), [Decimal("-1.5"), Decimal("9" * 28 + ".0000000001")]),
    ("wide", pa.decimal256(20, 2), [Decimal("0.01"), Decimal("-7")]),
    ("texts", pa.list_(pa.string()), [[], ["a", None, ""]]),
    ("views", pa.large_list(pa.string_view()), [["a"], []]),
    ("pair", pa.list_(pa.uint8(), 2), [[0, 255], [1, 2]]),
    ("times", pa.list_(pa.timestamp("us", "UTC")), [[NOON], [None]]),
    ("deep", pa.list_(pa.list_(pa.int32())), [[[1], []], []]),
    (
        "record",
        pa.struct([("a", pa.uint16()), ("b", pa.list_(pa.string()))]),
        [{"a": 65_535, "b": []}, {"a": None, "b": None}],
    ),
    ("map", pa.map_(pa.string(), pa.uint32()), [[("k", 2**32 - 1)], []]),
    ("nothing", pa.string(), [None, None]),
    ("nothings", pa.list_(pa.string()), [None, None]),
)
"""Column, its type as declared, two values; a third row is NULL in all of them."""

SPEC = TableSpec(
    name="types",
    description="Every type.",
    columns=(
        Column("dataset_id", pa.string(), "Key.", False),
        *(Column(name, kind, "Values.") for name, kind, _ in TYPES),
        Column("part", pa.string(), "Text that splits the files."),
        Column("shard", pa.int32(), "Number that splits the files.", False),
    ),
    partition_by=("part", "shard"),
)

PARTS = ("a b/c=d%e+ä?&#", "x:y", None)


def everything() -> pa.Table:
    """Three rows: the first values, the second values, and NULL."""
    columns: dict[str, pa.Array] = {"dataset_id": pa.array(["first", "second", "null"])}
    for name, kind, values in TYPES:
        given = pa.array([*values, None]) if name.startswith("nothing") else None
        columns[name] = pa.array([*values, None], kind) if given is None else given
    columns["part"] = pa.array(PARTS).dictionary_encode()
    columns["shard"] = pa.array([0, 1, 2], pa.int8())
    return pa.table(columns)


def expected() -> list[dict[str, Any]]:
    """The rows as Python values, points in time cut to milliseconds and in UTC."""
    return [{name: _seen(value) for name, value in row.items()} for row in everything().to_pylist()]


def _seen(value: Any) -> Any:
    if isinstance(value, list):
        return [_seen(one) for one in value]
    if isinstance(value, datetime) and value.tzinfo:
        exact = value.astimezone(UTC)
        return exact.replace(microsecond=exact.microsecond // 1000 * 1000)
    return value
