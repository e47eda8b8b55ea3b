"""AnnData files that exports write, read back by anndata and the platform's own reader."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import anndata as ad
import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from polly_assets.ingest.formats.base import SparseBlock
from polly_assets.publish.exports import h5ad, tables
from tests.assets.publish.test_exports import (
    content,
    large,
    large_sparse,
    rich_samples,
    sparse,
    written,
)


class TestH5ad:
    def test_tables(self, tmp_path):
        data = ad.read_h5ad(written("h5ad", tmp_path, content(samples=rich_samples())))
        assert data.obs_names.tolist() == ["s1", "s2"]
        assert data.obs.index.name == "sample_id"
        assert data.obs.columns.tolist() == [
            *("title", "note", "lead", "n", "u8", "flag", "sure", "f32", "mg_dL", "__", "__index_"),
            *("none", "day", "mixed", "curated_disease", "curated_tissue"),
        ]
        kinds = {name: str(kind) for name, kind in data.obs.dtypes.items()}
        wanted = {"n": "Int64", "u8": "uint8", "flag": "boolean", "sure": "bool", "f32": "float32"}
        assert wanted.items() <= kinds.items()
        obs = {name: [None if pd.isna(x) else x for x in data.obs[name]] for name in data.obs}
        assert obs["title"] == ["=1+1", None]
        assert obs["note"] == ["tab\there", 'line\nend "q"']
        assert obs["n"] == [1, None]
        assert obs["flag"] == [True, None]
        assert obs["day"] == ["2026-01-02", None]
        assert obs["mixed"] == ['{"a": 1}', "x"]
        assert obs["none"] == [None, None]
        assert obs["curated_disease"] == ["a|b\\|c", ""]
        assert obs["curated_tissue"] == [None, "lung"]
        assert data.var["symbol"].tolist()[::2] == ["TP53", "A/B"]

    def test_uns(self, tmp_path):
        metadata = {
            **{"title": "A study", "n": 3, "big": 2**70, "sure": True, "p": 0.1, "gone": None},
            **{"tags": ["a", "b"], "none": [], "sizes": [1, 2], "mixed": [1, "x"]},
            **{"deep": {"a/b": {"c": 1.5}}, "a/b": "x", "curated": "ours", "nul": "a\0b"},
            **{"records": [{"a": 1}], "flags": [True, False], "half \ud800": "\ud800"},
        }
        curated = {"curated_disease": ["flu"], "curated_cell_line": None}
        origin = {"version": 2, "ingested_at": datetime(2026, 1, 2, tzinfo=UTC)}
        dataset = content(samples=rich_samples(), metadata=metadata, curated=curated | origin)
        uns = ad.read_h5ad(written("h5ad", tmp_path, dataset)).uns
        lists, names = json.loads(uns.pop("lists")), json.loads(uns.pop("original_names"))
        found = {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in uns.items()}
        found["curated"] = {k: v.tolist() for k, v in found["curated"].items()}
        assert found == {
            **{"title": "A study", "n": 3, "big": str(2**70), "sure": True, "p": 0.1},
            **{"tags": ["a", "b"], "none": [], "sizes": [1, 2], "mixed": '[1, "x"]'},
            **{"deep": {"a_b": {"c": 1.5}}, "a_b": "x", "curated.1": "ours", "nul": "a\ufffdb"},
            **{"records": '[{"a": 1}]', "flags": [True, False], "half ?": "?"},
            "curated": {"curated_disease": ["flu"]},
            "provenance": {
                **{"atlas": "geo", "dataset_id": "GSE1", "version": 2},
                "ingested_at": "2026-01-02T00:00:00+00:00",
            },
        }
        assert lists["obs"] == {
            "curated_disease": {"a|b\\|c": ["a", "b|c"], "": []},
            "curated_tissue": {"lung": ["lung"]},
        }
        assert names["obs"] == {"mg_dL": "mg/dL", "__": "", "__index_": "_index"}
        assert names["uns"] == {
            "a_b": "a/b",
            "curated.1": "curated",
            "half ?": "half ?",
        }

    @pytest.mark.parametrize("kind", ["float32", "float64", "int32", "int64"])
    def test_matrices(self, tmp_path, kind):
        x = np.array([[0, 1], [2, 0], [0, 3]], kind)
        dataset = content({"X": sparse(x), "layers/a/b": x * 2, "raw/X": sparse(x * 3)})
        data = ad.read_h5ad(written("h5ad", tmp_path, dataset))
        assert isinstance(data.X, sp.csr_matrix)
        assert data.X.has_canonical_format
        assert (data.X.dtype, data.layers["a_b"].dtype, data.raw.X.dtype) == (kind, kind, kind)
        assert np.array_equal(data.X.toarray(), x.T)
        assert np.array_equal(data.layers["a_b"], x.T * 2)
        assert np.array_equal(data.raw.X.toarray(), x.T * 3)
        assert json.loads(data.uns["original_names"])["layers"] == {"a_b": "layers/a/b"}

    @pytest.mark.parametrize("kind", ["float32", "float64", "int32", "int64"])
    def test_matrices_that_are_not_held(self, tmp_path, monkeypatch, kind):
        monkeypatch.setattr(h5ad, "TURNED_ENTRIES", 2)
        monkeypatch.setattr(h5ad, "RUN_ENTRIES", 3)
        monkeypatch.setattr(h5ad, "CHUNK", (1, 2))
        monkeypatch.setattr(tables, "BLOCK_CELLS", 5)
        x = np.array([[0, 1], [2, 0], [0, 3]], kind)
        few = x * (x > 1)
        matrices = {"X": large_sparse(x), "layers/few": large_sparse(few), "raw/X": large(x)}
        data = ad.read_h5ad(written("h5ad", tmp_path, content(matrices)))
        assert isinstance(data.X, sp.csc_matrix)
        assert isinstance(data.layers["few"], sp.csr_matrix)
        assert data.X.has_canonical_format
        assert (data.X.dtype, data.layers["few"].dtype, data.raw.X.dtype) == (kind, kind, kind)
        assert np.array_equal(data.X.toarray(), x.T)
        assert np.array_equal(data.layers["few"].toarray(), few.T)
        assert np.array_equal(data.raw.X, x.T)

    def test_text_that_repeats_is_categories(self, tmp_path):
        samples = pl.DataFrame(
            {"sample_id": ["a", "b", "a", "a"], "two": list("xyxy"), "three": list("xyzx")}
        )
        dataset = content({"X": np.zeros((3, 4))}, samples)
        with pytest.warns(UserWarning, match="not unique"):
            data = ad.read_h5ad(written("h5ad", tmp_path, dataset))
        assert data.obs_names.tolist() == ["a", "b", "a", "a"]
        assert data.obs["two"].tolist() == ["x", "y", "x", "y"]
        assert data.obs["three"].tolist() == ["x", "y", "z", "x"]
        assert data.obs["two"].dtype == "category" != data.obs["three"].dtype

    def test_without_matrix(self, tmp_path):
        data = ad.read_h5ad(written("h5ad", tmp_path, content(matrices={})))
        assert data.X is None
        assert data.shape == (2, 3)

    @settings(
        max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(st.data())
    def test_our_own_reader_gives_back_what_was_written(self, tmp_path, data):
        from polly_assets.ingest.formats.base import Source
        from polly_assets.ingest.formats.h5ad.reader import H5adReader

        n = data.draw(st.integers(1, 4))
        word = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5)
        samples = pl.DataFrame(
            {
                "sample_id": [f"s{i}" for i in range(n)],
                "text": data.draw(st.lists(st.none() | word, min_size=n, max_size=n)),
                "int": data.draw(
                    st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), min_size=n, max_size=n)
                ),
                "float": data.draw(
                    st.lists(st.none() | st.floats(allow_nan=False), min_size=n, max_size=n)
                ),
                "flag": data.draw(st.lists(st.none() | st.booleans(), min_size=n, max_size=n)),
            },
            schema={
                "sample_id": pl.String,
                "text": pl.String,
                "int": pl.Int64,
                "float": pl.Float64,
                "flag": pl.Boolean,
            },
        )
        cell = st.sampled_from([0.0, 0.0, 1.5, -2.25, 1e300])
        x = np.array(
            data.draw(st.lists(st.lists(cell, min_size=n, max_size=n), min_size=3, max_size=3))
        )
        stored = sparse(x) if data.draw(st.booleans()) else x
        path = written("h5ad", tmp_path, content({"X": stored}, samples))
        (back,) = H5adReader().read(Source(path, path.name))
        assert back.samples.equals(samples)
        assert back.samples.schema == samples.schema
        (block,) = back.matrices[0].blocks()
        if isinstance(block, SparseBlock):
            block = sp.csr_matrix((block.values, block.indices, block.indptr), x.shape).toarray()
        assert np.array_equal(block, x)
        assert (back.metadata["title"], back.metadata["n"]) == ("A study", 3)
