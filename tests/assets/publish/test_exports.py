"""Exports read back by anndata, pandas, pyarrow and the platform's own readers."""

from __future__ import annotations

import json
import resource
from datetime import UTC, date, datetime
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import polars as pl
import pyarrow.parquet as pq
import pytest
import scipy.sparse as sp

from polly_assets.publish.content import DatasetContent, LargeMatrix, SparseColumns
from polly_assets.publish.exports import parquet, tables
from polly_assets.publish.exports.registry import EXPORTS, export_named
from polly_resources.errors import BadInput, NotFound, Unavailable

TABULAR = ("csv", "gct", "parquet")


def sparse(x: np.ndarray) -> SparseColumns:
    csr = sp.csr_matrix(x)
    return SparseColumns(
        csr.indptr.astype(np.int64), csr.indices.astype(np.int32), csr.data, x.shape
    )


def large(x: np.ndarray | SparseColumns) -> LargeMatrix:
    """As if it were read, each run of about so many values; nothing is, until it is asked for."""
    whole = x if isinstance(x, SparseColumns) else None
    entries = x.size if whole is None else len(whole.values)

    def runs(values: int):
        step = x.shape[0] if values >= entries else max(1, values // x.shape[1])
        for at in range(0, x.shape[0], step):
            if whole is None:
                yield x[at : at + step]
            else:
                offsets = whole.indptr[at : at + step + 1]
                part = slice(offsets[0], offsets[-1])
                shape = (len(offsets) - 1, x.shape[1])
                own = (whole.indices[part], whole.values[part])
                yield SparseColumns(offsets - offsets[0], *own, shape)

    kind = x.dtype if whole is None else whole.values.dtype
    return LargeMatrix(x.shape, str(kind), None if whole is None else entries, runs)


def large_sparse(x: np.ndarray) -> LargeMatrix:
    return large(sparse(x))


def content(
    matrices: dict | None = None, samples: pl.DataFrame | None = None, **more
) -> DatasetContent:
    """Three features, two samples, unless told otherwise."""
    x = np.array([[1.5, np.nan], [0, -2], [0.1, 1e-300]])
    fields = {
        "atlas": "geo",
        "dataset_id": "GSE1",
        "metadata": {"title": "A study", "n": 3},
        "curated": {"version": 2, "ingested_at": datetime(2026, 1, 2, tzinfo=UTC), "p": np.nan},
        "samples": samples if samples is not None else pl.DataFrame({"sample_id": ["s1", "s2"]}),
        "features": pl.DataFrame(
            {
                "feature_id": ["g1", "g2", "g3"],
                "symbol": ["TP53", None, "A/B"],
                "curie": ["HGNC:1", None, None],
            }
        ),
        "matrices": {"X": x} if matrices is None else matrices,
    }
    return DatasetContent(**{**fields, **more})


def rich_samples() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "sample_id": ["s1", "s2"],
            "title": ["=1+1", None],
            "note": ["tab\there", 'line\nend "q"'],
            "lead": ['"quoted" x', "-5"],
            "n": [1, None],
            "u8": pl.Series([1, 255], dtype=pl.UInt8),
            "flag": [True, None],
            "sure": [True, False],
            "f32": pl.Series([0.1, None], dtype=pl.Float32),
            "mg/dL": [1.0, 2.0],
            "": ["x", "y"],
            "_index": ["x", "y"],
            "none": pl.Series([None, None], dtype=pl.Null),
            "day": [date(2026, 1, 2), None],
            "mixed": pl.Series([{"a": 1}, "x"], dtype=pl.Object),
            "curated_disease": [["a", "b|c"], []],
            "curated_tissue": pl.Series([None, ["lung"]], dtype=pl.List(pl.String)),
        }
    )


def written(name: str, tmp_path: Path, dataset: DatasetContent) -> Path:
    export = export_named(name)
    out = tmp_path / f"study{export.suffix}"
    export.write(dataset, out)
    assert not [path for path in tmp_path.iterdir() if path.name.endswith(".part")]
    return out


def parse_gct(path: Path) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Values, row metadata and column metadata, by the letter of the format."""
    lines = [line.split("\t") for line in path.read_text().split("\n")]
    assert lines[0] == ["#1.3"]
    assert lines.pop() == [""]
    rows, columns, row_notes, column_notes = map(int, lines[1])
    header, top, body = lines[2], lines[3 : 3 + column_notes], lines[3 + column_notes :]
    assert len(body) == rows
    assert all(len(line) == 1 + row_notes + columns for line in lines[2:])
    ids, names = [line[0] for line in body], header[1 + row_notes :]
    data = [[float(cell) for cell in line[1 + row_notes :]] for line in body]
    notes = [line[1 : 1 + row_notes] for line in body]
    about = {line[0]: line[1 + row_notes :] for line in top}
    return (
        pd.DataFrame(data, ids, names),
        pd.DataFrame(notes, ids, header[1 : 1 + row_notes]),
        pd.DataFrame(about, names),
    )


def matrix_of(name: str, path: Path) -> tuple[list[str], list[str], np.ndarray]:
    """Feature ids, column names and values, read by a library that is not ours."""
    if name == "csv":
        table = pd.read_csv(
            path,
            index_col=0,
            float_precision="round_trip",
            keep_default_na=False,
            na_values=["NaN"],
        )
    elif name == "gct":
        table = parse_gct(path)[0]
    else:
        table = pq.read_table(path).to_pandas(ignore_metadata=True).set_index("feature_id")
    return [str(i) for i in table.index], list(table.columns), table.to_numpy()


class TestRegistry:
    def test_every_row_is_an_export_of_that_name(self):
        assert list(EXPORTS) == sorted(EXPORTS)
        for name in EXPORTS:
            export = export_named(name)
            assert (export.name, export.suffix) == (name, f".{name}")

    def test_unknown(self):
        with pytest.raises(NotFound) as caught:
            export_named("xlsx")
        assert "h5ad" in caught.value.hint


class TestAll:
    @pytest.mark.parametrize("name", EXPORTS)
    def test_a_failure_leaves_nothing_behind(self, tmp_path, name):
        out = tmp_path / "study.x"
        out.write_text("before")
        broken = content(curated={"x": 1}, matrices={"X": np.full((3, 2), {}, dtype=object)})
        with pytest.raises(Exception):  # noqa: B017 - whatever the library raises
            export_named(name).write(broken, out)
        assert [path.name for path in tmp_path.iterdir()] == ["study.x"]
        assert out.read_text() == "before"

    @pytest.mark.parametrize("name", TABULAR)
    def test_no_matrix(self, tmp_path, name):
        with pytest.raises(NotFound) as caught:
            written(name, tmp_path, content(matrices={"layers/a": np.zeros((3, 2))}))
        assert caught.value.code == "no_matrix"
        assert "layers/a" in caught.value.message

    @pytest.mark.parametrize("name", ["csv", "gct", "h5ad"])
    @pytest.mark.parametrize("entries", [None, 5 * 10**17])
    def test_longer_than_the_disk(self, tmp_path, name, entries):
        huge = LargeMatrix((10**9, 10**9), "float32", entries, lambda _: iter(()))
        with pytest.raises(BadInput) as caught:
            written(name, tmp_path, content(matrices={"X": huge}))
        assert caught.value.code == "too_large"
        assert caught.value.file.endswith(f"study.{name}")
        assert "takes 4,000,000,000.0 GB at least" in caught.value.message
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize(
        "shape, found",
        [
            ((1_000, 200_000), "200,000 columns and 1,400,000 entries"),
            ((1, 200_001), "200,001 columns and 200,001 entries"),
        ],
    )
    def test_more_columns_than_a_file_can_have(self, tmp_path, shape, found):
        starts = np.zeros(shape[0] + 1, np.int64)
        empty = SparseColumns(starts, np.zeros(0, np.int32), np.zeros(0), shape)
        with pytest.raises(BadInput) as caught:
            written("parquet", tmp_path, content(matrices={"X": empty}))
        assert caught.value.code == "too_large"
        assert f"{found} in its index, expected at most 200,000" in caught.value.message

    @pytest.mark.parametrize("name", EXPORTS)
    def test_no_such_folder(self, tmp_path, name):
        for out in (tmp_path / "none" / "x", tmp_path):
            with pytest.raises(BadInput) as caught:
                export_named(name).write(content(), out)
            assert (caught.value.code, caught.value.file) == ("bad_output", str(out))

    @pytest.mark.parametrize("name", EXPORTS)
    def test_a_full_disk(self, tmp_path, name):
        x = np.random.default_rng(0).normal(size=(1_000, 200))
        ids = pl.DataFrame({"feature_id": [f"g{i}" for i in range(1_000)]})
        samples = pl.DataFrame({"sample_id": [f"s{i}" for i in range(200)]})
        dataset = content({"X": x}, samples, features=ids)
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
        try:
            with pytest.raises(Unavailable) as caught:
                export_named(name).write(dataset, tmp_path / "study.x")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert caught.value.code == "cannot_write"
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize("name", TABULAR)
    @pytest.mark.parametrize("kind", ["float32", "float64", "int32", "int64"])
    @pytest.mark.parametrize("form", [np.asarray, np.asfortranarray, sparse, large, large_sparse])
    def test_values_in_blocks(self, tmp_path, monkeypatch, name, kind, form):
        monkeypatch.setattr(tables, "BLOCK_CELLS", 5)
        monkeypatch.setattr(parquet, "GROUP_CELLS", 5)
        x = (np.random.default_rng(0).normal(0, 9, (7, 2)) * np.array([0, 1])).astype(kind)
        features = pl.DataFrame({"feature_id": [f"g{i}" for i in range(7)]})
        path = written(name, tmp_path, content({"X": form(x)}, features=features))
        ids, columns, got = matrix_of(name, path)
        assert (ids, columns) == (features["feature_id"].to_list(), ["s1", "s2"])
        assert np.array_equal(got, x)
        if name == "parquet":
            assert str(got.dtype) == kind

    @pytest.mark.parametrize("name", EXPORTS)
    @pytest.mark.parametrize("shape", [(0, 2), (3, 0), (0, 0)])
    def test_empty(self, tmp_path, name, shape):
        dataset = content(
            {"X": np.zeros(shape)},
            samples=pl.DataFrame(
                {"sample_id": ["s1", "s2"][: shape[1]]}, schema={"sample_id": pl.String}
            ),
            features=pl.DataFrame(
                {"feature_id": ["a", "b", "c"][: shape[0]]}, schema={"feature_id": pl.String}
            ),
        )
        path = written(name, tmp_path, dataset)
        if name == "h5ad":
            assert ad.read_h5ad(path).shape == shape[::-1]
        else:
            ids, columns, _ = matrix_of(name, path)
            assert (len(ids), len(columns)) == shape


class TestCsv:
    def test_tables_beside_the_matrix(self, tmp_path):
        path = written("csv", tmp_path, content(samples=rich_samples()))
        assert sorted(p.name for p in tmp_path.iterdir()) == [
            "study.csv",
            "study.features.csv",
            "study.samples.csv",
        ]
        samples = pd.read_csv(tmp_path / "study.samples.csv", keep_default_na=False, dtype=str)
        assert samples["title"].tolist() == ["'=1+1", ""]
        assert samples["note"].tolist() == ["tab\there", 'line\nend "q"']
        assert samples["lead"].tolist() == ['"quoted" x', "-5"]
        assert samples["curated_disease"].tolist() == ["a|b\\|c", ""]
        assert samples["day"].tolist() == ["2026-01-02", ""]
        features = pd.read_csv(tmp_path / "study.features.csv")
        assert features["symbol"].tolist()[::2] == ["TP53", "A/B"]
        assert path.read_text().splitlines()[1] == "g1,1.5,NaN"

    def test_formulas_are_text_everywhere(self, tmp_path):
        samples = pl.DataFrame({"sample_id": ["@a", "'@a"], "=x": [" +y", "+1e5"]})
        features = pl.DataFrame({"feature_id": ["-g", "g", "=g"]})
        path = written("csv", tmp_path, content(samples=samples, features=features))
        ids, columns, _ = matrix_of("csv", path)
        assert ids == ["'-g", "g", "'=g"]
        assert columns == ["'@a", "'@a.1"]
        lines = (tmp_path / "study.samples.csv").read_text().splitlines()
        assert lines == ["sample_id,'=x", "'@a,' +y", "'@a,+1e5"]


class TestGct:
    def test_metadata(self, tmp_path):
        path = written("gct", tmp_path, content(samples=rich_samples()))
        data, rows, columns = parse_gct(path)
        assert np.array_equal(data.to_numpy(), content().matrices["X"], equal_nan=True)
        assert rows["symbol"].tolist() == ["TP53", "NaN", "A/B"]
        assert columns["note"].tolist() == ["tab here", 'line end "q"']
        assert columns["lead"].tolist() == ["'quoted' x", "-5"]
        assert columns["n"].tolist() == ["1", "NaN"]
        assert columns["curated_tissue"].tolist() == ["NaN", "lung"]

    def test_our_own_reader_reads_it(self, tmp_path):
        gct = pytest.importorskip("polly_assets.ingest.formats.gct")
        from polly_assets.ingest.formats.base import Source

        path = written("gct", tmp_path, content(samples=rich_samples()))
        (dataset,) = gct.GctReader().read(Source(path, path.name))
        (block,) = dataset.matrices[0].blocks()
        assert np.array_equal(block, content().matrices["X"], equal_nan=True)
        assert dataset.samples["sample_id"].to_list() == ["s1", "s2"]
        assert dataset.samples["note"].to_list() == ["tab here", 'line end "q"']


class TestParquet:
    def test_metadata(self, tmp_path):
        path = written("parquet", tmp_path, content(samples=rich_samples()))
        table = pq.read_table(path)
        about = {key.decode(): value for key, value in table.schema.metadata.items()}
        assert json.loads(about["polly.dataset"])["metadata"] == {"title": "A study", "n": 3}
        assert json.loads(about["polly.dataset"])["curated"]["p"] is None
        samples = json.loads(about["polly.samples"])
        assert samples[0]["curated_disease"] == ["a", "b|c"]
        assert samples[1]["curated_tissue"] == ["lung"]
        assert json.loads(about["polly.features"])[2]["symbol"] == "A/B"
        assert np.isnan(table["s2"][0].as_py())
        assert pl.read_parquet(path).columns == ["feature_id", "s1", "s2"]

    def test_odd_sample_names(self, tmp_path):
        names = ["feature_id", "feature_id.1", "", "a.b"]
        samples = pl.DataFrame({"sample_id": names})
        path = written("parquet", tmp_path, content({"X": np.zeros((3, 4))}, samples))
        table = pq.read_table(path)
        assert table.column_names == [
            "feature_id",
            "feature_id.2",
            "feature_id.1",
            "unnamed",
            "a.b",
        ]
        assert list(json.loads(table.schema.metadata[b"polly.columns"]).values()) == names


def variants() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "sample_id": ["s1", None],
            "position": [7, 2**40],
            "alt": ["T", "-"],
            "filters": [["PASS"], ["a|b", "c"]],
            "qual": [1.5, None],
            "metadata": ['{"x": "=1"}', None],
        }
    )


class TestVariants:
    def test_parquet(self, tmp_path):
        out = tmp_path / "x.parquet"
        export_named("parquet").write(content({}, variants=variants()), out)
        assert pl.read_parquet(out).equals(variants())
        said = json.loads(pq.read_metadata(out).metadata[b"polly.samples"])
        assert [sample["sample_id"] for sample in said] == ["s1", "s2"]

    def test_csv(self, tmp_path):
        out = tmp_path / "x.csv"
        export_named("csv").write(content({}, variants=variants()), out)
        back = pl.read_csv(out)
        assert back["alt"].to_list() == ["T", "-"]
        assert back["position"].to_list() == [7, 2**40] and back["filters"][1] == r"a\|b|c"
        assert (tmp_path / "x.samples.csv").exists() and (tmp_path / "x.features.csv").exists()

    def test_gct_says_what_takes_them(self, tmp_path):
        with pytest.raises(NotFound) as caught:
            export_named("gct").write(content({}, variants=variants()), tmp_path / "x.gct")
        assert caught.value.code == "no_matrix" and "csv or parquet" in caught.value.hint

    def test_a_matrix_comes_first(self, tmp_path):
        out = tmp_path / "x.csv"
        export_named("csv").write(content(variants=variants()), out)
        assert pl.read_csv(out).columns == ["feature_id", "s1", "s2"]
