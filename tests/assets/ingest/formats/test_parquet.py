"""Parquet: either orientation, ids as pandas keeps them, types, big files, and each fault."""

from __future__ import annotations

import datetime
import decimal
import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polly_assets.ingest.formats.base import ParsedDataset, Source
from polly_assets.ingest.formats.parquet import values as parquet_values
from polly_assets.ingest.formats.parquet.reader import ParquetReader
from polly_assets.ingest.formats.parquet.values import ParquetMatrix, reblocked
from polly_assets.ingest.reading import datasets
from polly_resources.errors import BadInput

IDS = {"gene": ["A", "B"]}


def parse(path: Path, **sidecars: Path) -> ParsedDataset:
    (found,) = ParquetReader().read(Source(path, path.name, sidecars))
    assert isinstance(found, ParsedDataset)
    return found


def ingested(path: Path) -> ParsedDataset:
    """As ingest reads it, in a process of its own."""
    (found,) = datasets(Source(path, path.name))
    assert isinstance(found, ParsedDataset)
    return found


def table(folder: Path, columns: dict[str, Any], **how: Any) -> Path:
    path = folder / "x.parquet"
    pq.write_table(pa.table(columns), path, **how)
    return path


def refuse(path: Path) -> BadInput:
    with pytest.raises(BadInput) as caught:
        parse(path)
    assert caught.value.hint
    return caught.value


def values(found: ParsedDataset, features: int = 64) -> np.ndarray:
    blocks = list(found.matrices[0].blocks(features))
    assert all(len(block) == features for block in blocks[:-1])  # type: ignore[arg-type]
    return np.vstack(blocks)  # type: ignore[arg-type]


def codes(found: ParsedDataset) -> list[str]:
    return [notice.code for notice in found.notices]


FRAME = pd.DataFrame({"S1": [1, 2, 3], "S.1": [4, 5, 6], "S": [7, 8, 9]}, index=["A", "B", "C"])


@pytest.mark.parametrize("index", [None, "gene", "S 0"])
@pytest.mark.parametrize("name", ["x.parquet", "x.pq", "x.data", "x.csv"])
def test_frames_of_pandas(tmp_path: Path, index: str | None, name: str) -> None:
    FRAME.rename_axis(index).to_parquet(tmp_path / name)
    found = ingested(tmp_path / name)
    assert (found.format, found.matrices[0].dtype, found.notices) == ("parquet", "int64", ())
    assert found.features.rows() == [("A",), ("B",), ("C",)]
    assert found.samples["sample_id"].to_list() == ["S1", "S.1", "S"]
    np.testing.assert_array_equal(values(found), FRAME.to_numpy())


@pytest.mark.parametrize("reset", [FRAME.rename_axis("gene").reset_index()])
def test_frame_without_an_index(tmp_path: Path, reset: pd.DataFrame) -> None:
    reset.to_parquet(tmp_path / "x.parquet")
    found = parse(tmp_path / "x.parquet")
    assert found.features["feature_id"].to_list() == ["A", "B", "C"]
    reset.to_parquet(tmp_path / "x.parquet", index=False)
    assert parse(tmp_path / "x.parquet").features.equals(found.features)


def test_index_of_numbers_and_of_two_levels(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    FRAME.set_index(pd.Index([7157, 1956, 4609])).to_parquet(path)
    assert parse(path).features.rows() == [("7157",), ("1956",), ("4609",)]
    FRAME.set_index([["A", "B", "C"], ["x", "y", "z"]]).rename_axis(["g", "t"]).to_parquet(path)
    assert parse(path).features.rows() == [("A", "x"), ("B", "y"), ("C", "z")]


def test_gzipped(tmp_path: Path) -> None:
    path = table(tmp_path, {**IDS, "S1": [1.5, 2.5]})
    packed = tmp_path / "x.parquet.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert parse(packed).matrices[0].shape == (2, 1)
    assert parse(packed).dataset_id == "x"


def test_samples_as_rows(tmp_path: Path) -> None:
    path = table(tmp_path, {"cell": ["c1", "c2", "c3"], "t": ["a", "b", "a"], "TP53": [1, 2, 3]})
    sidecar = tmp_path / "x.samples.csv"
    sidecar.write_text("cell,age\nc2,2\nc1,1\nc3,3\n")
    found = parse(path, csv=sidecar)
    assert found.samples.rows() == [("c1", "a", "1"), ("c2", "b", "2"), ("c3", "a", "3")]
    assert found.features.rows() == [("TP53",)]
    np.testing.assert_array_equal(values(found), [[1, 2, 3]])


@pytest.mark.parametrize(
    ("columns", "dtype", "expected"),
    [
        ([pa.array([1, 2], pa.int8())], "int32", [[1], [2]]),
        ([pa.array([1, 2], pa.uint32())], "int64", [[1], [2]]),
        ([pa.array([1, 2], pa.uint64())], "int64", [[1], [2]]),
        ([pa.array([1, None], pa.int32())], "float64", [[1], [np.nan]]),
        ([pa.array([2**60, 2], pa.int64())], "int64", [[2**60], [2]]),
        ([pa.array([1.5, None], pa.float32())], "float32", [[1.5], [np.nan]]),
        ([pa.array(np.array([1.5, 2], np.float16))], "float32", [[1.5], [2]]),
        ([pa.array([0.1, np.nan], pa.float64())], "float64", [[0.1], [np.nan]]),
        ([pa.array([1, 2], pa.int32()), pa.array([0.5, 1], pa.float32())], "float64",
         [[1, 0.5], [2, 1]]),
        ([pa.array([1, 2], pa.int32()), pa.nulls(2)], "float64", [[1, np.nan], [2, np.nan]]),
        ([pa.array([decimal.Decimal("1.50"), None])], "float64", [[1.5], [np.nan]]),
        ([pa.array([3, 3], pa.int32()).dictionary_encode()], "int32", [[3], [3]]),
    ],
)  # fmt: skip
def test_types_of_numbers(
    tmp_path: Path, columns: list[pa.Array], dtype: str, expected: list[list[float]]
) -> None:
    names = {f"S{i}": column for i, column in enumerate(columns)}
    for how in ({}, {"write_statistics": False}):
        found = parse(table(tmp_path, {**IDS, **names}, **how))
        assert found.matrices[0].dtype == dtype
        assert values(found).dtype == dtype
        np.testing.assert_array_equal(values(found), np.array(expected))


def test_columns_that_describe(tmp_path: Path) -> None:
    day = datetime.date(2024, 2, 1)
    found = parse(
        table(
            tmp_path,
            {
                "gene": pa.array(["A", "B"]).dictionary_encode(),
                "Length": [10, 20],
                "kind": pa.array(["x", None], pa.large_string()),
                "S1": [0.5, 1.5],
                "seen": [day, None],
                "known": [True, None],
                "raw": [b"a", b"\xc3\xa9"],
            },
        )
    )
    assert found.features.rows() == [
        ("A", 10, "x", day, True, "a"),
        ("B", 20, None, None, None, "é"),
    ]
    assert found.features.schema["seen"] == pl.Date
    assert found.samples["sample_id"].to_list() == ["S1"]
    assert codes(found) == ["columns_as_feature_metadata"]


@pytest.mark.parametrize(
    ("columns", "code", "place"),
    [
        ({**IDS, "S1": [[1], [2]]}, "nested_column", "column 'S1'"),
        ({**IDS, "S1": [{"a": 1}, {"a": 2}]}, "nested_column", "column 'S1'"),
        ({"S1": [1.0, 2.0], "S2": [1.0, 2.0]}, "no_ids", ""),
        ({**IDS, "tissue": ["a", "b"]}, "no_numeric_columns", ""),
        ({**IDS, "padj": [0.1, 0.2]}, "no_sample_columns", ""),
        ({"gene": pa.array([], pa.string()), "S1": pa.array([], pa.int64())}, "no_rows", ""),
        ({}, "no_rows", ""),
        ({**IDS, "S1": pa.array([2**63, 1], pa.uint64())}, "bad_values", "column 'S1'"),
        ({**IDS, "S1": [2**60 + 1, None]}, "bad_values", "column 'S1'"),
        ({**IDS, "": [1, 2]}, "missing_sample_id", "column ''"),
        ({**IDS, "raw": [b"\xff", b""], "S1": [1, 2]}, "bad_values", "column 'raw'"),
        (
            {"gene": ["A", "A"], "sample": ["S1", "S2"], "value": [1.0, 2.0]},
            "long_table",
            "",
        ),
    ],
)
def test_tables_that_are_no_matrix(
    tmp_path: Path, columns: dict[str, Any], code: str, place: str
) -> None:
    error = refuse(table(tmp_path, columns))
    assert (error.code, error.place, error.file) == (code, place, "x.parquet")


def test_columns_of_one_name(tmp_path: Path) -> None:
    columns = [pa.array(["A"]), pa.array([1]), pa.array([2])]
    pq.write_table(pa.table(columns, names=["gene", "S1", "S1"]), tmp_path / "x.parquet")
    error = refuse(tmp_path / "x.parquet")
    assert (error.code, error.place) == ("duplicate_columns", "column 'S1'")


def test_damaged_files(tmp_path: Path) -> None:
    path = table(tmp_path, {**IDS, "S1": [1, 2], "S2": [0.5, 1]})
    whole = path.read_bytes()
    for data, code in (
        (b"", "empty_file"),
        (whole[:-1], "corrupt_parquet"),
        (whole[:20], "corrupt_parquet"),
        (b"PAR1" + b"\0" * 99 + b"PAR1", "corrupt_parquet"),
        (b"PARE" + whole[4:-4] + b"PARE", "unsupported_parquet"),
        (b"gene,S1\nA,1\n", "corrupt_parquet"),
        (whole.replace(b"S1", b"\xe71"), "corrupt_parquet"),
    ):
        path.write_bytes(data)
        assert refuse(path).code == code


@pytest.mark.parametrize(
    "name",
    [
        "batch=1/x.parquet",
        "a/part-00000-4f.snappy.parquet",
        "part-0.parquet",
        "part.1.parquet",
    ],
)
def test_parts_of_a_table_are_no_dataset(tmp_path: Path, name: str) -> None:
    path = table(tmp_path, {**IDS, "S1": [1, 2]})
    with pytest.raises(BadInput) as caught:
        list(ParquetReader().read(Source(path, name)))
    assert (caught.value.code, caught.value.file) == ("partial_table", name)


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (pa.array([b"ab", b"cd"], pa.binary(2)), ["ab", "cd"]),
        (pa.array([datetime.timedelta(days=1), datetime.timedelta(0, 1.5)]), ["P1D", "PT1.5S"]),
        (pa.array(['{"a": 1}', None], pa.json_()), ['{"a": 1}', None]),
        (pa.array([decimal.Decimal("1e40"), None], pa.decimal256(60, 2)), [1e40, None]),
    ],
)
def test_columns_of_samples_in_types_that_few_know(
    tmp_path: Path, cells: pa.Array, expected: list[object]
) -> None:
    columns = {"sample_id": ["a", "b"], "tissue": ["x", "y"], "sex": ["m", "f"], "k": cells}
    assert ingested(table(tmp_path, columns)).samples["k"].to_list() == expected


def test_every_byte_changed(tmp_path: Path) -> None:
    path = table(tmp_path, {"gene": ["A", "B", "C"], "S1": [1, 2, None], "S2": [0.5, 1, 2]})
    whole = path.read_bytes()
    for at in range(0, len(whole), 9):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x5A]) + whole[at + 1 :])
        try:
            values(ingested(path))
        except BadInput as error:
            assert error.code != "internal_error", at


def test_big_files_stay_in_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_values, "WHOLE_BYTES", 1 << 12)
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(333, 70)).round(3))
    frame.index, frame.columns = [f"g{i}" for i in frame.index], [f"S{i}" for i in frame.columns]
    path = tmp_path / "x.parquet"
    frame.to_parquet(path, row_group_size=100)
    found = parse(path)
    path.unlink()
    assert isinstance(found.matrices[0], ParquetMatrix)
    for features in (64, 7, 1000):
        np.testing.assert_array_equal(values(found, features), frame.to_numpy())
    frame.T.to_parquet(path, row_group_size=30)
    (tmp_path / "x.json").write_text('{"orientation": "samples_as_rows"}')
    turned = parse(path, json=tmp_path / "x.json")
    assert isinstance(turned.matrices[0], ParquetMatrix)
    for features in (64, 7, 1000):
        np.testing.assert_array_equal(values(turned, features), frame.to_numpy())


def test_damage_in_the_values_is_told_by_the_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet_values, "WHOLE_BYTES", 1)
    path = table(tmp_path, {"gene": ["A"] * 9, "S1": np.arange(9.0)}, compression="zstd")
    at = pq.ParquetFile(path).metadata.row_group(0).column(1).data_page_offset
    data = bytearray(path.read_bytes())
    data[at : at + 8] = b"\xff" * 8
    path.write_bytes(data)
    found = parse(path)
    with pytest.raises(BadInput) as caught:
        values(found)
    assert (caught.value.code, caught.value.file) == ("corrupt_parquet", "x.parquet")


def test_metadata_of_the_file(tmp_path: Path) -> None:
    content = pa.table({**IDS, "S1": [1, 2]}).replace_schema_metadata({"title": "T", "pandas": "{"})
    pq.write_table(content, tmp_path / "x.parquet")
    assert parse(tmp_path / "x.parquet").metadata == {"title": "T"}


@given(st.lists(st.integers(0, 9), max_size=9), st.integers(1, 5))
def test_blocks_of_one_height(heights: list[int], features: int) -> None:
    strips = [np.full((height, 2), i) for i, height in enumerate(heights)]
    found = list(reblocked(strips, features))
    assert all(len(block) == features for block in found[:-1])
    assert sum(map(len, found)) == sum(heights)
    if found:
        np.testing.assert_array_equal(np.vstack(found), np.vstack(strips))


@settings(deadline=None, max_examples=30)
@given(
    st.lists(
        st.sampled_from(["int8", "uint16", "int32", "int64", "float32", "float64"]),
        min_size=1,
        max_size=4,
    ),
    st.integers(1, 9),
    st.integers(1, 4),
)
def test_what_pandas_writes_is_read(
    tmp_path_factory: pytest.TempPathFactory, kinds: list[str], rows: int, group: int
) -> None:
    rng = np.random.default_rng(rows)
    frame = pd.DataFrame(
        {f"S{i}": rng.integers(0, 100, rows).astype(kind) for i, kind in enumerate(kinds)},
        index=[f"g{i}" for i in range(rows)],
    )
    path = tmp_path_factory.getbasetemp() / "round.parquet"
    frame.to_parquet(path, row_group_size=group)
    np.testing.assert_array_equal(values(parse(path)), frame.to_numpy())
