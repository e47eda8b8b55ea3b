"""Streams of rows become files: how large, how grouped, what is told of them, what remains."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from polly_resources.errors import BadInput, Misconfigured
from polly_resources.tables import delta_files
from polly_resources.tables.base import Column, TableSpec
from polly_resources.tables.delta import DeltaStore
from tests.contracts.tables import SPEC, ids, rows, stream

TABLE = "a/things"


@pytest.fixture
def store(tmp_path: Path) -> DeltaStore:
    return DeltaStore(f"delta://{tmp_path}")


def groups(path: str) -> list[int]:
    file = pq.ParquetFile(path).metadata
    return [file.row_group(number).num_rows for number in range(file.num_row_groups)]


def data_files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.parquet"))


def small_groups(spec: TableSpec, most: int) -> TableSpec:
    return TableSpec(spec.name, spec.description, spec.columns, rows_per_group=most)


def test_what_comes_together_is_split_only_where_it_must(store: DeltaStore) -> None:
    parts = [rows(*[name] * count) for name, count in (("a", 3), ("b", 5), ("c", 13), ("d", 2))]
    store.write(TABLE, small_groups(SPEC, 6), stream(*parts))
    (path,) = store.files(TABLE).files
    assert groups(path) == [3, 5, 6, 6, 1, 2]


def test_groups_and_files_are_bounded_by_bytes(
    store: DeltaStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delta_files, "GROUP_BYTES", 100)
    monkeypatch.setattr(delta_files, "TARGET_FILE_BYTES", 1)
    store.write(TABLE, SPEC, stream(*[rows(*[f"d{n}"] * 9) for n in range(4)]))
    found = store.files(TABLE).files
    assert len(found) == 4
    assert all(len(groups(path)) > 1 for path in found)
    assert len(store.files(TABLE, where={"dataset_id": ["d2"]}).files) == 1
    assert len(ids(store.read(TABLE))) == 36


@pytest.mark.parametrize(("count", "found"), [(13, [13]), (15, [8, 7]), (27, [9, 9, 9])])
def test_groups_that_bytes_bound_are_alike(
    store: DeltaStore, monkeypatch: pytest.MonkeyPatch, count: int, found: list[int]
) -> None:
    given = rows(*["d1"] * count)
    monkeypatch.setattr(delta_files, "GROUP_BYTES", given.drop_columns("shard").nbytes * 9 // count)
    store.write(TABLE, SPEC, stream(given))
    (path,) = store.files(TABLE).files
    assert groups(path) == found


def test_a_dictionary_is_of_numbers_that_repeat(store: DeltaStore) -> None:
    kinds = {"few": pa.float64(), "many": pa.float64(), "whole": pa.int64()}
    columns = (Column(name, kind, "x") for name, kind in kinds.items())
    spec = TableSpec("n", "Numbers.", (Column("dataset_id", pa.string(), "Key."), *columns))
    codes = pa.array(["d1"] * 100).dictionary_encode()
    many = [number / 7 for number in range(100)]
    given = pa.table(
        {"dataset_id": codes, "few": [0.5, 1.5] * 50, "many": many, "whole": list(range(100))}
    )
    store.write(TABLE, spec, given.to_reader())
    (path,) = store.files(TABLE).files
    group = pq.ParquetFile(path).metadata.row_group(0)
    coded = [group.column(at).has_dictionary_page for at in range(4)]
    assert coded == [True, True, False, True]
    assert store.read(TABLE)["many"].to_pylist() == many


def test_statistics_are_of_whole_numbers_and_short_texts(store: DeltaStore, tmp_path: Path) -> None:
    spec = TableSpec(
        "odd",
        "Odd values.",
        (
            Column("dataset_id", pa.string(), "Key."),
            *(Column(name, pa.string(), "Text.") for name in ("long", "none", "some")),
            *(Column(name, kind, "x") for name, kind in (("n", pa.int64()), ("f", pa.float64()))),
            Column("words", pa.list_(pa.string()), "Words."),
        ),
    )
    given = pa.table(
        {
            "dataset_id": ["b", "a", "ü"],
            "long": ["x" * 1000, "y", "z"],
            "none": pa.nulls(3, pa.string()),
            "some": [None, "s", None],
            "n": [3, -4, None],
            "f": [float("nan"), 1.0, -0.0],
            "words": [["w"], [], None],
        },
        schema=spec.schema(),
    )
    store.write(TABLE, spec, given.to_reader())
    (line,) = [
        json.loads(text)["add"]["stats"]
        for text in (tmp_path / TABLE / "_delta_log" / f"{1:020}.json").read_text().splitlines()
        if "add" in json.loads(text)
    ]
    told = json.loads(line)
    assert told["numRecords"] == 3
    assert told["minValues"] == {"dataset_id": "a", "some": "s", "n": -4}
    assert told["maxValues"] == {"dataset_id": "ü", "some": "s", "n": 3}
    assert told["nullCount"] == {"dataset_id": 0, "long": 0, "none": 3, "some": 2, "n": 1, "f": 0}
    for name, value, found in (("some", "s", 1), ("some", "t", 0), ("n", 3, 1), ("long", "y", 1)):
        assert store.read(TABLE, where={name: [value]}).num_rows == found


def test_what_breaks_off_leaves_no_file(store: DeltaStore, tmp_path: Path) -> None:
    store.write(TABLE, SPEC, rows("d1"))
    before = data_files(tmp_path)
    fault = BadInput("damaged_chunk", "a chunk cannot be read")
    with pytest.raises(BadInput):
        store.write(TABLE, SPEC, stream(rows("d2"), rows("d3", shard=1), error=fault))
    assert data_files(tmp_path) == before


def test_a_defect_of_the_rows_is_not_one_of_the_store(store: DeltaStore) -> None:
    with pytest.raises(ZeroDivisionError):
        store.write(TABLE, SPEC, stream(rows("d1"), error=ZeroDivisionError()))
    assert store.version(TABLE) is None


@pytest.mark.parametrize("words", [["a b", "é/=%?#", None], [" "]])
def test_partitions_of_texts(store: DeltaStore, tmp_path: Path, words: list[str | None]) -> None:
    columns = (Column("dataset_id", pa.string(), "Key."), Column("word", pa.string(), "Word."))
    spec = TableSpec("split", "By words.", columns, partition_by=("word",))
    made = {"dataset_id": [f"d{n}" for n in range(len(words))], "word": words}
    given = pa.table(made, schema=spec.schema())
    for _ in range(2):
        store.write(TABLE, spec, given.to_reader(), replace=made["dataset_id"])
    assert store.read(TABLE).sort_by("dataset_id").select(["word"])["word"].to_pylist() == words
    found = store.files(TABLE).files
    assert len(found) == len(words) and all(Path(path).exists() for path in found)
    assert DeltaTable(f"{tmp_path}/{TABLE}").vacuum() == []
    store.maintain(TABLE)
    assert store.read(TABLE).num_rows == len(words)


def test_rows_of_others_are_written_again_only_where_they_lie(store: DeltaStore) -> None:
    store.write(TABLE, SPEC, rows("a", "b"))
    store.write(TABLE, SPEC, stream(rows("c")))
    store.write(TABLE, SPEC, stream(rows("e", "e")))
    kept = set(store.files(TABLE, where={"dataset_id": ["e"]}).files)
    store.write(TABLE, SPEC, stream(rows("c", value=2.0)), replace=["b", "c", "bb"])
    assert ids(store.read(TABLE)) == ["a", "c", "e", "e"]
    assert kept < set(store.files(TABLE).files)
    assert len(store.files(TABLE).files) == 3


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(Misconfigured) as caught:
        DeltaStore(f"delta://{tmp_path}/file/tables").write(TABLE, SPEC, stream(rows("d1")))
    assert caught.value.code == "tables_unwritable"
