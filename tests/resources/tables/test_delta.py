"""Delta tables on disk."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow as pa
import pytest

from polly_resources.errors import Misconfigured
from polly_resources.tables.base import Column, TableSpec
from polly_resources.tables.delta import DeltaStore
from tests.contracts.tables import SPEC, TablesContract, ids, rows


class TestDelta(TablesContract):
    TESTED = ("`delta://`",)

    @pytest.fixture
    def store(self, tmp_path: Path) -> DeltaStore:
        return DeltaStore(f"delta://{tmp_path}/with%20space")


def test_two_stores_see_each_other(tmp_path: Path) -> None:
    one, two = DeltaStore(f"delta://{tmp_path}"), DeltaStore(f"delta://{tmp_path}")
    one.write("a/things", SPEC, rows("d1"))
    assert two.version("a/things") == 0
    one.write("a/things", SPEC, rows("d2"))
    assert two.read("a/things").num_rows == 2
    two.write("a/things", SPEC, rows("d3"))
    assert one.files("a/things").rows == 3


def test_stores_write_in_turns(tmp_path: Path) -> None:
    stores = [DeltaStore(f"delta://{tmp_path}") for _ in range(2)]
    for number in range(6):
        version = stores[number % 2].write(
            "a/things", SPEC, rows(f"d{number}"), replace=[f"d{number}"]
        )
        assert version == number
    stores[0].write("a/things", SPEC, rows("d1", value=2.0), replace=["d1"])
    stores[1].maintain("a/things")
    stores[0].write("a/things", SPEC, rows("d6"), replace=["d6"])
    assert ids(stores[1].read("a/things")) == [f"d{number}" for number in range(7)]


def test_a_table_that_vanished_is_made_again(tmp_path: Path) -> None:
    store = DeltaStore(f"delta://{tmp_path}")
    for name in ("d1", "d2"):
        store.write("a/things", SPEC, rows(name))
    shutil.rmtree(tmp_path / "a")
    store.write("a/things", SPEC, rows("d3"))
    assert ids(DeltaStore(f"delta://{tmp_path}").read("a/things")) == ["d3"]


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(Misconfigured) as caught:
        DeltaStore(f"delta://{tmp_path}/file/tables").write("a/things", SPEC, rows("d1"))
    assert caught.value.code == "tables_unwritable"


@pytest.mark.parametrize(
    "address",
    [
        *("delta://", "delta://host/path", "delta:///path?region=x", "file:///path"),
        *("delta+s3://", "delta+s3:///prefix", "delta+s3://bucket?unknown=1"),
        *("delta+s3://bucket/a%20b", "delta+s3://bucket/a//b", "delta+s3://bucket/../b"),
    ],
)
def test_addresses_of_no_place(address: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        DeltaStore(address)
    assert caught.value.code == "bad_address"


def test_an_address_opens_nothing() -> None:
    DeltaStore("delta+s3://bucket/prefix?endpoint=http://127.0.0.1:1")


def test_a_range_asks_for_what_a_list_asks_for(tmp_path: Path) -> None:
    store = DeltaStore(f"delta://{tmp_path}")
    schema = pa.schema([("dataset_id", pa.string()), ("at", pa.int32())])
    spec = TableSpec("numbers", "", tuple(Column(f.name, f.type, "") for f in schema))
    for first in (0, 50):
        numbers = list(range(first, first + 50))
        made = pa.table({"dataset_id": ["d"] * 50, "at": numbers}, schema=schema)
        store.write("a/numbers", spec, made)
    for wanted in (range(40, 60), range(-5, 3), range(99, 200), range(7, 7), range(0, 99, 7)):
        found = store.read("a/numbers", where={"at": wanted})["at"].to_pylist()
        assert sorted(found) == [n for n in range(100) if n in wanted]
        assert len(store.files("a/numbers", where={"at": wanted}).files) >= bool(found)
    assert len(store.files("a/numbers", where={"at": range(60, 70)}).files) == 1
