"""Parsed datasets through the stored tables and back: nothing changes on the way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from polly_assets import knowledge
from polly_assets.ingest import normalize
from polly_assets.ingest.formats.base import (
    BLOCK_FEATURES,
    Block,
    DenseMatrix,
    FailedDataset,
    Matrix,
    ParsedDataset,
    SparseBlock,
)
from polly_assets.publish.blocks import assemble
from polly_assets.publish.content import SparseColumns
from polly_assets.publish.load import _restored
from polly_assets.schema import FEATURES, MATRICES, NORMALIZED_DATASETS, NORMALIZED_SAMPLES
from polly_resources.errors import BadInput
from polly_resources.records import Notice
from tests.assets.curate.small import SmallOntologies

DTYPES = ("float32", "float64", "int32", "int64")
NOW = datetime(2026, 1, 2, tzinfo=UTC)
EXTREMES = {
    "float32": [np.nan, np.inf, -np.inf, -0.0, 1e-40, 3.4e38, 0.1],
    "float64": [np.nan, np.inf, -np.inf, -0.0, 5e-324, 1.7e308, 0.1],
    "int32": [-(2**31), 2**31 - 1, 0, -1],
    "int64": [-(2**63), 2**63 - 1, 2**53 + 1, 0],
}


class Sparse(Matrix):
    """A scipy matrix, delivered as a reader would."""

    def __init__(self, csr: sp.csr_matrix, name: str = "X") -> None:
        self.csr, self.name = csr, name
        self.dtype, self.shape, self.sparse = str(csr.dtype), csr.shape, True

    def blocks(self, features: int = BLOCK_FEATURES) -> Iterator[Block]:
        for start in range(0, self.shape[0], features):
            part = self.csr[start : start + features]
            yield SparseBlock(
                part.indptr.astype(np.int64), part.indices.astype(np.int32), part.data
            )


def values(dtype: str, shape: tuple[int, int], seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    picked = rng.choice(np.array(EXTREMES[dtype], dtype=dtype), size=shape)
    plain = rng.integers(-9, 9, size=shape).astype(dtype)
    return np.where(rng.random(shape) < 0.5, picked, plain)


def back(matrix: Matrix) -> np.ndarray | SparseColumns:
    import pyarrow as pa

    pieces = list(normalize.matrix_rows("d", matrix, 3))
    table = pa.concat_tables(pieces)
    assert table.schema == MATRICES.schema()
    return assemble(table).content()


def same_bits(one: np.ndarray, other: np.ndarray) -> bool:
    return (
        one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("features", [1, 63, 64, 65, 128, 130])
@pytest.mark.parametrize("samples", [0, 1, 5])
def test_dense_bit_for_bit(dtype, features, samples):
    x = values(dtype, (features, samples))
    assert same_bits(back(DenseMatrix(x)), x)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("features", [1, 64, 65, 130])
def test_sparse_entry_for_entry(dtype, features):
    x = values(dtype, (features, 7))
    x[features // 2] = 0  # a feature without entries
    csr = sp.csr_matrix(x)
    content = back(Sparse(csr))
    assert content.shape == csr.shape
    assert same_bits(content.values, csr.data)
    assert (content.indices == csr.indices).all() and (content.indptr == csr.indptr).all()


def test_stored_zeros_of_sparse_data_stay_stored():
    csr = sp.csr_matrix((np.array([0.0, -0.0, 1.0]), [0, 1, 1], [0, 2, 3]), shape=(2, 2))
    assert same_bits(back(Sparse(csr)).values, csr.data)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("sparse", [False, True])
def test_a_matrix_without_features_keeps_type_and_width(dtype, sparse):
    x = np.zeros((0, 4), dtype)
    content = back(Sparse(sp.csr_matrix(x)) if sparse else DenseMatrix(x))
    assert content.shape == (0, 4)
    assert (content.values if sparse else content).dtype == dtype


def test_any_strides():
    x = values("float64", (70, 6))
    assert same_bits(back(DenseMatrix(np.asfortranarray(x))), x)
    assert same_bits(back(DenseMatrix(x[::-1, ::2])), np.ascontiguousarray(x[::-1, ::2]))


@pytest.mark.parametrize("piece", [1, 64 * 3 * 8, 64 * 3 * 8 + 1, 10**9])
@pytest.mark.parametrize("sparse", [False, True])
def test_pieces_join_whatever_their_size(monkeypatch, piece, sparse):
    monkeypatch.setattr(normalize, "PIECE_BYTES", piece)
    x = values("int64", (300, 3))
    matrix = Sparse(sp.csr_matrix(x)) if sparse else DenseMatrix(x)
    pieces = list(normalize.matrix_rows("d", matrix, 3))
    assert len(pieces) == (1 if piece == 10**9 else 5 if piece == 1 else len(pieces))
    starts = [i for p in pieces for i in p["feature_start"].to_pylist()]
    assert starts == [0, 64, 128, 192, 256]
    assert [i for p in pieces for i in p["block"].to_pylist()] == [0, 1, 2, 3, 4]
    content = back(matrix)
    assert same_bits(content.values if sparse else content, sp.csr_matrix(x).data if sparse else x)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_matrix(data):
    dtype = data.draw(st.sampled_from(DTYPES))
    shape = data.draw(st.tuples(st.integers(0, 140), st.integers(0, 4)))
    seed = data.draw(st.integers(0, 2**16))
    x = values(dtype, shape, seed)
    assert same_bits(back(DenseMatrix(x)), x)


def parsed(
    samples: pl.DataFrame | None = None, features: pl.DataFrame | None = None, **more: Any
) -> ParsedDataset:
    fields: dict[str, Any] = {
        "dataset_id": "d",
        "format": "gct",
        "metadata": {"title": "t"},
        "samples": pl.DataFrame({"sample_id": ["s1", "s2"]}) if samples is None else samples,
        "features": pl.DataFrame({"feature_id": ["TP53"]}) if features is None else features,
        "matrices": (),
    }
    return ParsedDataset(**(fields | more))


def sample_rows(dataset: ParsedDataset, shard: int) -> pa.Table:
    return pa.concat_tables(normalize.sample_rows(dataset, shard))


def restored_samples(frame: pl.DataFrame) -> pl.DataFrame:
    dataset = parsed(samples=frame)
    rows = pl.DataFrame(sample_rows(dataset, 0))
    record = normalize.dataset_row(dataset, origin(), 0.1).to_pylist()[0]
    return _restored(rows, "sample_id", record["sample_columns"], [])


def origin(**more: Any) -> normalize.Origin:
    fields: dict[str, Any] = {
        "source": "landing/demo/d.gct",
        "fingerprint": "f",
        "shard": 2,
        "version": 4,
        "ingested_at": NOW,
    }
    return normalize.Origin(**(fields | more))


TYPED = pl.DataFrame(
    {
        "sample_id": ["a", "b", "c"],
        "text": ["x", None, 'é\n"q" \U0001f600'],
        "": ["", " ", "NA"],
        "flag": [True, None, False],
        "list": [["a", None], [], None],
        "float": [0.1, None, -1e-300],
        "infinite": [np.inf, -np.inf, 0.1],
        "long": [2**63 - 1, None, -(2**63)],
    }
).with_columns(
    pl.Series("small", [1, None, -128], dtype=pl.Int8),
    pl.Series("unsigned", [2**64 - 1, None, 0], dtype=pl.UInt64),
    pl.Series("single", [0.1, None, 1e-40], dtype=pl.Float32),
    pl.Series("endless", [np.inf, None, 0.1], dtype=pl.Float32),
    pl.Series("sample_id.1", [1, 2, 3]),
)


class TestMetadata:
    def test_types_and_values_come_back(self):
        assert restored_samples(TYPED).equals(TYPED)
        assert restored_samples(TYPED).schema == TYPED.schema

    def test_no_rows_and_no_columns(self):
        assert restored_samples(TYPED.clear()).schema == TYPED.schema
        bare = TYPED.select("sample_id")
        assert restored_samples(bare).equals(bare)
        assert restored_samples(bare.clear()).equals(bare.clear())

    def test_not_a_number_is_missing(self):
        frame = pl.DataFrame({"sample_id": ["a", "b"], "x": [np.nan, 1.0], "y": [np.nan, np.inf]})
        assert restored_samples(frame)["x"].to_list() == [None, 1.0]
        assert restored_samples(frame)["y"].to_list() == [None, np.inf]

    def test_infinities_are_stored_as_every_engine_reads_them(self):
        frame = pl.DataFrame({"sample_id": ["a", "b", "c"], "x": [np.inf, -np.inf, 0.1]})
        rows = sample_rows(parsed(samples=frame), 0)
        stored = [json.loads(text)["x"] for text in rows["metadata"].to_pylist()]
        assert stored == ["Infinity", "-Infinity", "0.1"]
        assert restored_samples(frame).equals(frame)

    @pytest.mark.parametrize("at_once", [1, 2])
    def test_pieces_are_of_one_kind(self, monkeypatch, at_once):
        """What a column becomes is decided over all of its pieces."""
        whole = sample_rows(parsed(samples=TYPED), 0)
        monkeypatch.setattr(normalize, "SAMPLES_AT_ONCE", at_once)
        pieces = list(normalize.sample_rows(parsed(samples=TYPED), 0))
        assert [piece.num_rows for piece in pieces] == [1, 1, 1] if at_once == 1 else [2, 1]
        assert pa.concat_tables(pieces).equals(whole)

    def test_other_types_become_text(self):
        frame = pl.DataFrame(
            {
                "sample_id": ["a", "b"],
                "day": [date(2020, 1, 2), None],
                "kind": pl.Series(["u", "v"], dtype=pl.Categorical),
                "nothing": pl.Series([None, None], dtype=pl.Null),
            }
        )
        found = restored_samples(frame)
        assert found["day"].to_list() == ["2020-01-02", None]
        assert found["kind"].to_list() == ["u", "v"]
        assert found["nothing"].to_list() == [None, None]

    def test_a_name_that_curation_also_uses(self):
        frame = pl.DataFrame({"sample_id": ["a"], "x": [1], "curated_age": [2]})
        rows = pl.DataFrame(sample_rows(parsed(samples=frame), 0))
        rows = rows.with_columns(curated_age=pl.lit("58 years"))
        kinds = json.dumps({"x": "Int64", "curated_age": "Int64"})
        found = _restored(rows, "sample_id", kinds, ["curated_age"])
        assert found.columns == ["sample_id", "x", "curated_age", "curated_age.curated"]

    @settings(max_examples=60, deadline=None)
    @given(
        st.lists(
            st.tuples(
                st.none() | st.text(st.characters(codec="utf-8")),
                st.none() | st.floats(allow_nan=False),
                st.none() | st.integers(-(2**63), 2**63 - 1),
                st.none() | st.floats(allow_nan=False, width=32),
            ),
            max_size=6,
        )
    )
    def test_any_values(self, rows):
        schema = {"t": pl.String, "f": pl.Float64, "i": pl.Int64, "s": pl.Float32}
        frame = pl.DataFrame(rows, schema=schema, orient="row")
        frame.insert_column(0, pl.Series("sample_id", [f"s{i}" for i in range(len(rows))]))
        found = restored_samples(frame.cast({"sample_id": pl.String}))
        assert found.schema == frame.cast({"sample_id": pl.String}).schema
        for name in schema:
            assert repr(found[name].to_list()) == repr(frame[name].to_list())


class TestRows:
    def test_samples(self):
        rows = sample_rows(parsed(samples=TYPED), 7)
        assert rows.schema == NORMALIZED_SAMPLES.schema()
        assert rows["sample_index"].to_pylist() == [0, 1, 2]
        assert set(rows["shard"].to_pylist()) == {7}
        assert json.loads(rows["metadata"][0].as_py())["text"] == "x"
        bare = sample_rows(parsed(), 0)
        assert bare["metadata"].to_pylist() == ["{}", "{}"]

    def test_features_are_named(self):
        frame = pl.DataFrame({"feature_id": ["TP53", "unknown_1", "TP53"]})
        genes = knowledge.genes(SmallOntologies())
        rows = normalize.feature_rows(parsed(features=frame), 1, genes)
        assert rows.schema == FEATURES.schema()
        assert rows["symbol"].to_pylist() == ["TP53", None, "TP53"]
        assert rows["curie"].to_pylist() == ["HGNC:11998", None, "HGNC:11998"]
        assert rows["name"].to_pylist() == ["TP53", "unknown_1", "TP53"]
        assert rows["feature_index"].to_pylist() == [0, 1, 2]
        assert rows["metadata"].to_pylist() == [None] * 3

    def test_dataset(self):
        failed = FailedDataset("e", BadInput("odd", "m", file="f", place="line 1", hint="h"))
        made = parsed(
            metadata={"title": "é", "n": 3, "list": [1, None], "bad": np.nan, "e": [np.inf]},
            notices=(Notice("w", "message", "line 2"),),
            matrices=(DenseMatrix(np.zeros((1, 2))), DenseMatrix(np.ones((1, 2)), "layers/a")),
        )
        alone = normalize.dataset_row(made, origin(), 0.25)
        assert alone["file_failures"].to_pylist() == ["[]"]
        table = normalize.with_failures(alone, [failed])
        assert table.schema == NORMALIZED_DATASETS.schema()
        (row,) = table.to_pylist()
        metadata = json.loads(row["metadata"], parse_constant=pytest.fail)
        assert metadata == {"title": "é", "n": 3, "list": [1, None], "bad": None, "e": ["Infinity"]}
        assert json.loads(row["notices"]) == [
            {"code": "w", "message": "message", "place": "line 2"}
        ]
        assert json.loads(row["file_failures"]) == [
            {"dataset_id": "e", "code": "odd", "message": "m"}
            | {"file": "f", "place": "line 1", "hint": "h"}
        ]
        assert row["matrices"] == ["X", "layers/a"] and row["data_type"] is None
        assert (row["version"], row["shard"], row["read_seconds"]) == (4, 2, 0.25)
        assert (row["total_num_samples"], row["total_num_features"]) == (2, 1)
