"""What Delta tables hold of each type, and what is refused."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable
from hypothesis import given
from hypothesis import strategies as st

from polly_resources.errors import BadInput
from polly_resources.tables.base import Column, TableSpec
from polly_resources.tables.delta import DeltaStore
from polly_resources.tables.delta_types import conform, stored
from tests.resources.tables.samples import PARTS, SPEC, everything, expected

READABLE = {
    *("boolean", "byte", "short", "integer", "long", "float", "double", "string", "binary"),
    *("date", "timestamp", "timestamp_ntz", "decimal(38,10)", "decimal(20,2)"),
}


def one_column(kind: pa.DataType) -> TableSpec:
    return TableSpec("one", "One column.", (Column("x", kind, "Value."),), key="x")


@pytest.fixture
def store(tmp_path: Path) -> DeltaStore:
    return DeltaStore(f"delta://{tmp_path}")


def test_every_type_is_read_as_it_was_given(store: DeltaStore) -> None:
    store.write("a/types", SPEC, everything())
    store.write("a/types", SPEC, everything(), replace=["first", "second", "null"])
    got = store.read("a/types").sort_by("shard").to_pylist()
    assert got == expected()
    assert [row["part"] for row in got] == list(PARTS)


def test_the_log_names_only_types_that_every_engine_reads(store: DeltaStore) -> None:
    store.write("a/types", SPEC, everything())
    files = store.files("a/types")
    table = DeltaTable(files.location)

    def leaves(kind: Any) -> set[str]:
        if hasattr(kind, "fields"):
            return set().union(*(leaves(field.type) for field in kind.fields))
        parts = [getattr(kind, name, None) for name in ("element_type", "key_type", "value_type")]
        inner = [leaves(part) for part in parts if part is not None]
        return set().union(*inner) if inner else {kind.type}

    assert leaves(table.schema()) <= READABLE
    protocol = table.protocol()
    assert set(protocol.reader_features or ()) <= {"timestampNtz"}
    assert all(Path(path).is_file() for path in files.files)
    assert all(path.startswith(f"{files.location}/part=") for path in files.files)


def test_columns_of_nothing_keep_their_declared_type(store: DeltaStore) -> None:
    kinds = [pa.string(), pa.float64(), pa.list_(pa.string()), pa.struct([("a", pa.int32())])]
    for number, kind in enumerate(kinds):
        store.write(f"a/n{number}", one_column(kind), pa.table({"x": pa.nulls(2)}))
        store.write(f"a/n{number}", one_column(kind), pa.table({"x": pa.nulls(1, kind)}))
        assert store.read(f"a/n{number}")["x"].null_count == 3
        assert stored(store.read(f"a/n{number}").schema.field("x").type) == stored(kind)


@pytest.mark.parametrize(
    "kind",
    [
        *(pa.null(), pa.time32("s"), pa.time64("us"), pa.duration("s"), pa.decimal256(39, 2)),
        *(pa.decimal128(5, -2), pa.month_day_nano_interval(), pa.struct([])),
        *(pa.list_(pa.duration("us")), pa.map_(pa.string(), pa.time64("ns"))),
        pa.struct([("a", pa.int8()), ("b", pa.null())]),
    ],
    ids=str,
)
def test_types_without_readers_are_refused(store: DeltaStore, kind: pa.DataType) -> None:
    with pytest.raises(BadInput, match="'x'") as caught:
        store.write("a/one", one_column(kind), pa.table({"x": pa.nulls(1)}))
    assert caught.value.code == "unstorable_type"
    assert store.version("a/one") is None


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (pa.uint64(), pa.array([2**63], pa.uint64())),
        (pa.date32(), pa.array([1], pa.date64())),
        (pa.timestamp("us"), pa.array([1], pa.timestamp("ns"))),
        (pa.int32(), pa.array([1.5])),
        (pa.decimal128(3, 1), pa.array(["123.4"]).cast(pa.decimal128(4, 1))),
    ],
    ids=str,
)
def test_values_that_a_type_cannot_hold_are_refused(
    store: DeltaStore, kind: pa.DataType, value: pa.Array
) -> None:
    with pytest.raises(BadInput) as caught:
        store.write("a/one", one_column(kind), pa.table({"x": value}))
    assert caught.value.code == "wrong_type"


def test_an_empty_text_cannot_be_a_partition(store: DeltaStore) -> None:
    columns = (Column("x", pa.string(), "Splits."), Column("y", pa.int32(), "Value."))
    spec = TableSpec("split", "Two columns.", columns, key="y", partition_by=("x",))
    for texts in (pa.array(["a", ""]), pa.array(["a", ""]).dictionary_encode()):
        with pytest.raises(BadInput, match="'x'") as caught:
            store.write("a/split", spec, pa.table({"x": texts, "y": [1, 2]}))
        assert caught.value.code == "empty_partition"
    store.write("a/split", spec, pa.table({"x": ["a", None, " "], "y": [1, 2, 3]}))
    got = {row["y"]: row["x"] for row in store.read("a/split").to_pylist()}
    assert got == {1: "a", 2: None, 3: " "}


def test_dictionaries_may_hold_null(store: DeltaStore) -> None:
    hidden = pa.DictionaryArray.from_arrays(pa.array([0, 1]), pa.array(["a", None]))
    store.write("a/one", one_column(pa.string()), pa.table({"x": hidden}))
    assert store.read("a/one")["x"].to_pylist() == ["a", None]


@given(st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC)))
def test_points_in_time_are_kept_to_the_millisecond(at: datetime) -> None:
    kind = pa.timestamp("us", "UTC")
    nested = pa.list_(pa.struct([("at", kind)]))
    for declared, value, back in (
        (kind, at, lambda x: x),
        (nested, [{"at": at}], lambda x: x[0]["at"]),
    ):
        rows = pa.table({"x": pa.array([value], declared)})
        got = back(conform(rows, one_column(declared), "t")["x"].to_pylist()[0])
        assert abs(at - got) < timedelta(milliseconds=1)
        assert got.microsecond % 1000 == 0
        again = pa.table({"x": pa.array([got if declared == kind else [{"at": got}]], declared)})
        assert back(conform(again, one_column(declared), "t")["x"].to_pylist()[0]) == got


def test_filters_take_numbers_of_every_kind(store: DeltaStore) -> None:
    store.write("a/types", SPEC, everything())
    for column, value in (("f64", 0.1), ("f64", float("-inf")), ("u8", 255), ("flag", True)):
        found = store.read("a/types", columns=[column], where={column: [value]})
        assert found[column].to_pylist() == [value]
    assert date(1969, 12, 31) in store.read("a/types", columns=["day64"])["day64"].to_pylist()
