"""The long table holds exactly the values of the matrices, ordered by gene."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.sparse as sp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from polly_assets import knowledge
from polly_assets.ingest import normalize
from polly_assets.ingest.formats.base import DenseMatrix, ParsedDataset
from polly_assets.publish import large_measurements, measurements
from polly_assets.schema import FEATURES, MATRICES, MEASUREMENTS, NORMALIZED_SAMPLES
from tests.assets.ingest.test_normalize import NOW, Sparse, values
from tests.assets.instance import Instance


def store(instance, dataset_id, matrix, genes=None, samples=None, shard=0):
    """Normalized rows of one dataset; its `normalized_datasets` row."""
    features, width = matrix.shape
    genes = genes or [f"g{i % 5}" for i in range(features)]
    parsed = ParsedDataset(
        dataset_id,
        "gct",
        {},
        pl.DataFrame({"sample_id": samples or [f"{dataset_id}_s{i}" for i in range(width)]}),
        pl.DataFrame({"feature_id": genes}),
        (matrix,),
    )
    work = instance.work()
    index = knowledge.genes(instance.backends.ontologies)
    for rows in normalize.matrix_rows(dataset_id, matrix, shard):
        work.tables.write(work.name(MATRICES), MATRICES, rows)
    work.replace(FEATURES, normalize.feature_rows(parsed, shard, index), [dataset_id])
    samples_made = pa.concat_tables(normalize.sample_rows(parsed, shard))
    work.replace(NORMALIZED_SAMPLES, samples_made, [dataset_id])
    origin = normalize.Origin("s", "f", shard, 1, NOW)
    return normalize.dataset_row(parsed, origin, 0.0).to_pylist()[0]


def expected(dataset_id, x, stored=None):
    """(gene, sample, value) of every value, NaN as None; sparse ones where `stored`."""
    return sorted(
        (
            (f"g{i % 5}", f"{dataset_id}_s{j}", None if np.isnan(x[i, j]) else float(x[i, j]))
            for i, j in np.ndindex(x.shape)
            if stored is None or stored[i, j]
        ),
        key=repr,
    )


def found(instance, dataset_id):
    rows = instance.rows("measurements", dataset_id=dataset_id)
    return sorted(((row["name"], row["sample_id"], row["value"]) for row in rows), key=repr)


def test_dense_and_sparse_of_different_widths_in_one_chunk(instance):
    rng = np.random.default_rng(1)
    a = rng.normal(size=(70, 3))
    b = rng.integers(0, 2, size=(130, 5)).astype(np.float32)
    c = rng.integers(-5, 5, size=(7, 1))
    a[3, 1] = np.nan
    rows = [
        store(instance, "a", DenseMatrix(a)),
        store(instance, "b", Sparse(sp.csr_matrix(b))),
        store(instance, "c", DenseMatrix(c.astype(np.int64))),
    ]
    written = measurements.measurements(instance.work(), rows)
    assert written == a.size + int((b != 0).sum()) + c.size
    assert found(instance, "a") == expected("a", a)
    assert found(instance, "b") == expected("b", b, stored=b != 0)
    assert found(instance, "c") == expected("c", c)


def test_ordered_by_name_in_each_file_and_missing_is_null(instance):
    x = values("float64", (100, 3), 5)
    rows = [store(instance, name, DenseMatrix(x)) for name in ("b", "a")]
    measurements.measurements(instance.work(), rows)
    for file in instance.tables.files("demo/measurements").files:
        names = pq.read_table(file, columns=["name"])["name"].to_pylist()
        assert all(one <= other for one, other in pairwise(names))
    stored = [row["value"] for row in instance.rows("measurements")]
    assert stored.count(None) == 2 * np.isnan(x).sum()
    assert not any(value is not None and np.isnan(value) for value in stored)
    assert found(instance, "a") == expected("a", x)


def test_a_large_matrix_is_ordered_by_name_range_by_range(instance, monkeypatch):
    monkeypatch.setattr(measurements, "CHUNK_VALUES", 200)
    x = values("float64", (100, 3), 5)
    before = instance.tables.version("demo/measurements")
    measurements.measurements(instance.work(), [store(instance, "a", DenseMatrix(x))])
    assert before is None and instance.tables.version("demo/measurements") == 1  # 0 made it
    (file,) = instance.tables.files("demo/measurements").files
    names = pq.read_table(file, columns=["name"])["name"].to_pylist()
    falls = sum(one > other for one, other in pairwise(names))
    assert falls == 1  # blocks of 64 and of 36 features
    assert found(instance, "a") == expected("a", x)


def test_blocks_are_read_together_by_the_values_that_they_store(instance):
    dense, sparse = np.ones((130, 40)), np.zeros((130, 40))
    sparse[::13, 3] = 1.0
    runs = {}
    for name, matrix in {"a": DenseMatrix(dense), "b": Sparse(sp.csr_matrix(sparse))}.items():
        row = store(instance, name, matrix)
        runs[name] = sum(1 for _ in large_measurements.long_rows(instance.work(), row, 2_560))
    assert runs == {"a": 3, "b": 1}


def test_symbols_names_and_shards(instance):
    row = store(
        instance, "a", DenseMatrix(np.array([[1.0], [2.0]])), ["TP53", "zzz"], ["a_s0"], shard=3
    )
    measurements.measurements(instance.work(), [row])
    rows = instance.rows("measurements")
    assert sorted((r["name"], r["feature_id"], r["shard"]) for r in rows) == [
        ("TP53", "TP53", 3),
        ("zzz", "zzz", 3),
    ]


@pytest.mark.parametrize("limit", [1, 199, 400, 10**9])
def test_chunks_join(instance, monkeypatch, limit):
    monkeypatch.setattr(measurements, "CHUNK_VALUES", limit)
    xs = {name: values("float64", (100, 2), n) for n, name in enumerate("abc")}
    rows = [store(instance, name, DenseMatrix(x)) for name, x in xs.items()]
    measurements.measurements(instance.work(), rows)
    files = len(instance.tables.files("demo/measurements").files)
    assert files == {1: 3, 199: 3, 400: 2, 10**9: 1}[limit]
    for name, x in xs.items():
        assert found(instance, name) == expected(name, x)


def test_again_replaces(instance):
    row = store(instance, "a", DenseMatrix(np.ones((70, 2))))
    for _ in range(2):
        measurements.measurements(instance.work(), [row])
    assert len(instance.rows("measurements")) == 140
    without = row | {"matrices": ["layers/counts"]}
    assert measurements.measurements(instance.work(), [without]) == 0
    assert instance.rows("measurements") == []


def test_nothing(instance):
    assert measurements.measurements(instance.work(), []) == 0
    empty = store(instance, "a", DenseMatrix(np.zeros((0, 2))))
    assert measurements.measurements(instance.work(), [empty]) == 0
    assert instance.work().read(MEASUREMENTS).num_rows == 0


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_any_matrices(tmp_path_factory, data):
    instance = Instance(tmp_path_factory.mktemp("i") / "home")
    wanted = {}
    rows = []
    for n in range(data.draw(st.integers(1, 3))):
        shape = data.draw(st.tuples(st.integers(1, 70), st.integers(1, 4)))
        dtype = data.draw(st.sampled_from(["float32", "float64", "int32"]))
        x = values(dtype, shape, data.draw(st.integers(0, 99)))
        sparse = data.draw(st.booleans())
        rows.append(
            store(instance, f"d{n}", Sparse(sp.csr_matrix(x)) if sparse else DenseMatrix(x))
        )
        wanted[f"d{n}"] = expected(f"d{n}", x, stored=(x != 0) if sparse else None)
    with pytest.MonkeyPatch.context() as patch:
        limit = data.draw(st.sampled_from([1, 100, 10**9]))
        patch.setattr(measurements, "CHUNK_VALUES", limit)
        stored = measurements.measurements(instance.work(), rows)
    assert stored == sum(map(len, wanted.values()))
    for name, triples in wanted.items():
        assert found(instance, name) == triples
