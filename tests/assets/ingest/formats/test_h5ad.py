"""H5adReader against files built with anndata and, for older ages, by hand with h5py."""

from __future__ import annotations

import gzip
import importlib.util
import json
import warnings
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from polly_assets.ingest.formats.base import Matrix, ParsedDataset, Source
from polly_assets.ingest.formats.h5ad.exchanged import exchanged
from polly_assets.ingest.formats.h5ad.reader import H5adReader
from polly_assets.ingest.formats.hdf5 import sparse as h5_sparse
from polly_assets.ingest.formats.streams import spool_sparse
from polly_resources.errors import BadInput

TEXT = h5py.string_dtype()
N, M = 5, 4


def read(path: Path, **sidecars: Path) -> ParsedDataset:
    (dataset,) = H5adReader().read(Source(path, path.name, sidecars))
    assert isinstance(dataset, ParsedDataset)
    return dataset


def fails(path: Path) -> BadInput:
    with pytest.raises(BadInput) as caught:
        read(path)
    assert caught.value.file == path.name
    return caught.value


def codes(dataset: ParsedDataset) -> list[str]:
    return [notice.code for notice in dataset.notices]


def values(matrix: Matrix, features: int = 2) -> np.ndarray:
    """All values as samples x features, put together from blocks."""
    blocks = []
    for block in matrix.blocks(features):
        if isinstance(block, np.ndarray):
            blocks.append(block)
        else:
            assert block.indices.dtype == np.int32
            assert block.indptr[0] == 0
            shape = (len(block.indptr) - 1, matrix.shape[1])
            blocks.append(
                sp.csr_matrix((block.values, block.indices, block.indptr), shape).todense()
            )
    if not blocks:
        return np.zeros(matrix.shape).T
    joined = np.asarray(np.concatenate(blocks))
    assert joined.shape == matrix.shape
    assert str(joined.dtype) == matrix.dtype
    return joined.T


def counts(kind: str = "float32") -> np.ndarray:
    rng = np.random.default_rng(1)
    return (rng.poisson(0.7, (N, M)) * 3).astype(kind)


def annotated(x: object = None, **more: object) -> ad.AnnData:
    obs = pd.DataFrame(index=[f"cell{i}" for i in range(N)])
    var = pd.DataFrame(index=[f"gene{i}" for i in range(M)])
    return ad.AnnData(counts() if x is None else x, obs=obs, var=var, **more)


def saved(data: ad.AnnData, tmp_path: Path, name: str = "study 1.h5ad", **how: object) -> Path:
    path = tmp_path / name
    data.write_h5ad(path, **how)
    return path


def by_hand(tmp_path: Path, shape: tuple[int, int] = (N, M), name: str = "hand.h5ad") -> h5py.File:
    """An open file with obs and var in the current encoding and nothing else."""
    file = h5py.File(tmp_path / name, "w")
    for key, word, n in (("obs", "cell", shape[0]), ("var", "gene", shape[1])):
        group = file.create_group(key)
        group.attrs["_index"] = "_index"
        group.attrs["column-order"] = np.array([], dtype="float64")
        group.create_dataset("_index", data=[f"{word}{i}" for i in range(n)], dtype=TEXT)
    return file


class TestSniff:
    def test_takes_hdf5_called_h5ad(self):
        reader = H5adReader()
        assert reader.sniff("a.h5ad", b"\x89HDF\r\n\x1a\n....")
        assert reader.sniff("a.h5ad.gz", b"\x89HDF\r\n\x1a\n....")
        assert reader.sniff("a.h5ad", b"\0" * 512 + b"\x89HDF\r\n\x1a\n")

    def test_leaves_other_files(self):
        assert not H5adReader().sniff("a.h5", b"\x89HDF\r\n\x1a\n")
        assert not H5adReader().sniff("a.h5ad", b"#1.3\n")


class TestMatrices:
    @pytest.mark.parametrize("kind", ["float32", "float64", "int32", "int64"])
    @pytest.mark.parametrize(
        "form", [np.ascontiguousarray, np.asfortranarray, sp.csr_matrix, sp.csc_matrix]
    )
    def test_values_and_types_are_kept(self, tmp_path, kind, form):
        x = counts(kind)
        dataset = read(saved(annotated(form(x)), tmp_path))
        (matrix,) = dataset.matrices
        assert (matrix.name, matrix.dtype, matrix.shape) == ("X", kind, (M, N))
        assert matrix.sparse == sp.issparse(form(x))
        assert np.array_equal(values(matrix), x)
        assert dataset.notices == ()

    @pytest.mark.parametrize("form", [np.asarray, sp.csr_matrix, sp.csc_matrix])
    @pytest.mark.parametrize(
        ("found", "stored"),
        [
            ("float16", "float32"),
            ("int8", "int32"),
            ("uint16", "int32"),
            ("uint32", "int64"),
            ("uint64", "int64"),
            ("bool", "int32"),
            (">f8", "float64"),
        ],
    )
    def test_other_types_are_widened_with_a_notice(self, tmp_path, form, found, stored):
        x = counts(found)
        with by_hand(tmp_path) as file:
            if form is np.asarray:
                file["X"] = x
            else:
                store_sparse(file, form(x.astype(stored)), found)
        dataset = read(tmp_path / "hand.h5ad")
        assert dataset.matrices[0].dtype == stored
        assert np.array_equal(values(dataset.matrices[0]), x.astype(stored))
        assert codes(dataset) == ([] if found == ">f8" else ["type_widened"])

    def test_uint64_beyond_int64_is_refused(self, tmp_path):
        with by_hand(tmp_path) as file:
            file["X"] = np.full((N, M), 2**63, "uint64")
        assert fails(tmp_path / "hand.h5ad").code == "bad_values"

    def test_layers_and_raw(self, tmp_path):
        data = annotated(sp.csr_matrix(counts()), layers={"counts": counts("int64")})
        data.raw = data.copy()
        dataset = read(saved(data, tmp_path))
        assert [m.name for m in dataset.matrices] == ["X", "layers/counts", "raw/X"]
        assert np.array_equal(values(dataset.matrices[1]), counts("int64"))
        assert np.array_equal(values(dataset.matrices[2]), counts())

    def test_raw_of_other_features_stays_in_the_file(self, tmp_path):
        data = annotated()
        data.raw = data.copy()
        dataset = read(saved(data[:, :2].copy(), tmp_path))
        assert [m.name for m in dataset.matrices] == ["X"]
        assert codes(dataset) == ["raw_not_loaded"]

    def test_no_x(self, tmp_path):
        by_hand(tmp_path).close()
        dataset = read(tmp_path / "hand.h5ad")
        assert dataset.matrices == ()
        assert codes(dataset) == ["no_matrix"]
        assert (dataset.samples.height, dataset.features.height) == (N, M)

    def test_no_x_but_layers(self, tmp_path):
        data = annotated(layers={"a": counts()})
        data.X = None
        dataset = read(saved(data, tmp_path))
        assert [m.name for m in dataset.matrices] == ["layers/a"]
        assert codes(dataset) == ["no_matrix"]

    @pytest.mark.parametrize("shape", [(0, M), (N, 0), (0, 0)])
    @pytest.mark.parametrize("form", [np.asarray, sp.csr_matrix, sp.csc_matrix])
    def test_empty(self, tmp_path, shape, form):
        with by_hand(tmp_path, shape) as file:
            x = np.zeros(shape, "float32")
            if form is np.asarray:
                file["X"] = x
            else:
                store_sparse(file, form(x))
        dataset = read(tmp_path / "hand.h5ad")
        assert dataset.matrices[0].shape == shape[::-1]
        assert sum(1 for _ in dataset.matrices[0].blocks()) == (1 if shape[1] else 0)

    @pytest.mark.parametrize("form", [np.asarray, sp.csr_matrix, sp.csc_matrix])
    def test_transposed_x(self, tmp_path, form):
        with by_hand(tmp_path) as file:
            if form is np.asarray:
                file["X"] = counts().T
            else:
                store_sparse(file, form(counts().T))
        dataset = read(tmp_path / "hand.h5ad")
        assert codes(dataset) == ["transposed_x"]
        assert np.array_equal(values(dataset.matrices[0]), counts())

    def test_squeezed_x_of_one_feature(self, tmp_path):
        with by_hand(tmp_path, (N, 1)) as file:
            file["X"] = np.arange(N, dtype="float32")
        assert values(read(tmp_path / "hand.h5ad").matrices[0])[:, 0].tolist() == [0, 1, 2, 3, 4]

    @pytest.mark.parametrize("where", ["X", "layers/a"])
    def test_shape_mismatch(self, tmp_path, where):
        with by_hand(tmp_path) as file:
            file["X"] = counts()
            if where in file:
                del file[where]
            file[where] = np.zeros((N, M + 1))
        error = fails(tmp_path / "hand.h5ad")
        assert (error.code, error.place) == ("shape_mismatch", f"/{where}")
        assert "5 x 5" in error.message
        assert "5 observations x 4 variables" in error.message

    def test_matrix_of_text(self, tmp_path):
        with by_hand(tmp_path) as file:
            file.create_dataset("X", data=np.full((N, M), "a", dtype=object), dtype=TEXT)
        assert fails(tmp_path / "hand.h5ad").code == "bad_values"


def store_sparse(file: h5py.File, x: sp.spmatrix, kind: str = "", key: str = "X") -> h5py.Group:
    group = file.create_group(key)
    group.attrs["h5sparse_format"] = x.format
    group.attrs["h5sparse_shape"] = x.shape
    group["data"] = x.data.astype(kind) if kind else x.data
    group["indices"], group["indptr"] = x.indices, x.indptr
    return group


class TestSparse:
    @settings(
        max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(st.data())
    def test_equals_scipy_whatever_the_order(self, tmp_path, data):
        obs, var = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 6))
        entry = st.tuples(st.integers(0, obs - 1), st.integers(0, var - 1), st.integers(-9, 9))
        entries = data.draw(st.lists(entry, max_size=30))
        rows_first = data.draw(st.booleans())
        entries.sort(key=lambda e: e[0] if rows_first else e[1])
        major = [e[0] if rows_first else e[1] for e in entries]
        minor = [e[1] if rows_first else e[0] for e in entries]
        indptr = np.searchsorted(major, np.arange((obs if rows_first else var) + 1))
        cls = sp.csr_matrix if rows_first else sp.csc_matrix
        given_values = np.array([e[2] for e in entries], "float64")
        x = cls((given_values, np.array(minor, "int64"), indptr), shape=(obs, var))
        with by_hand(tmp_path, (obs, var)) as file:
            store_sparse(file, x)
        dataset = read(tmp_path / "hand.h5ad")
        assert np.array_equal(values(dataset.matrices[0]), x.toarray())
        places = {e[:2] for e in entries}
        assert ("duplicate_entries" in codes(dataset)) == (len(places) < len(entries))

    def test_many_chunks_give_the_same(self, tmp_path, monkeypatch):
        x = sp.random(40, 30, 0.3, "csr", dtype="float32", random_state=2)
        with by_hand(tmp_path, (40, 30)) as file:
            store_sparse(file, x)
        monkeypatch.setattr(h5_sparse, "WHOLE_BYTES", 0)
        monkeypatch.setattr(spool_sparse, "PORTION", 7)
        monkeypatch.setattr(spool_sparse, "_PER_FEATURE", 0)
        assert np.array_equal(values(read(tmp_path / "hand.h5ad").matrices[0]), x.toarray())

    def test_more_features_than_16_bits(self, tmp_path):
        x = sp.random(3, 70_000, 0.01, "csr", random_state=3)
        with by_hand(tmp_path, (3, 70_000)) as file:
            store_sparse(file, x)
        assert np.array_equal(values(read(tmp_path / "hand.h5ad").matrices[0], 20_000), x.toarray())

    def test_without_attributes_the_offsets_tell_the_format(self, tmp_path):
        for form in (sp.csr_matrix, sp.csc_matrix):
            with by_hand(tmp_path) as file:
                group = store_sparse(file, form(counts()))
                del group.attrs["h5sparse_format"], group.attrs["h5sparse_shape"]
            assert np.array_equal(values(read(tmp_path / "hand.h5ad").matrices[0]), counts())

    @pytest.mark.parametrize(
        ("part", "bad", "place"),
        [
            ("indices", [0, 1, 9], "indices"),
            ("indices", [0, 1, -1], "indices"),
            ("indices", [0, 1], "data"),
            ("indptr", [0, 1, 2, 2, 2, 9], "indptr"),
            ("indptr", [0, 2, 1, 2, 2, 3], "indptr"),
            ("indptr", [1, 1, 1, 2, 2, 3], "indptr"),
            ("indptr", [0, 3], "indptr"),
            ("indptr", [0.0] * 6, "indptr"),
        ],
    )
    def test_broken_parts_are_named(self, tmp_path, part, bad, place):
        x = sp.csr_matrix(([1.0, 2, 3], [0, 1, 2], [0, 1, 2, 2, 2, 3]), shape=(N, M))
        with by_hand(tmp_path) as file:
            group = store_sparse(file, x)
            del group[part]
            group[part] = np.array(bad)
        error = fails(tmp_path / "hand.h5ad")
        assert (error.code, error.place) == ("bad_sparse", f"/X/{place}")


class TestFrames:
    def test_every_current_encoding(self, tmp_path):
        data = annotated()
        data.obs["cat"] = pd.Categorical(["b", "a", None, "a", "b"], ["b", "a"], ordered=True)
        data.obs["cat_int"] = pd.Categorical([3, 1, 3, 1, None])
        data.obs["cat_float"] = pd.Categorical(np.array([0.1, 2, 0.1, 2, 1e20], "float32"))
        data.obs["cat_bool"] = pd.Categorical([True, False, True, True, None])
        data.obs["nint"] = pd.array([1, None, 3, 2**60, 5], "Int64")
        data.obs["nbool"] = pd.array([True, None, False, True, True], "boolean")
        data.obs["text"] = ["é", "", "NA", "x y", "1"]
        data.obs["flag"] = [True, False, True, False, True]
        data.obs["f32"] = np.array([1.5, np.nan, 3, 4, 5], "float32")
        data.obs["u8"] = np.array([1, 2, 3, 4, 255], "uint8")
        data.obs["sample_id"] = list("vwxyz")
        data.var["feature_id"] = np.arange(M)
        path = saved(data, tmp_path, convert_strings_to_categoricals=False)
        dataset = read(path)
        assert dataset.samples.columns == [
            *("sample_id", "cat", "cat_int", "cat_float", "cat_bool", "nint", "nbool", "text"),
            *("flag", "f32", "u8", "sample_id.1"),
        ]
        got = dataset.samples.to_dict(as_series=False)
        assert got["sample_id"] == [f"cell{i}" for i in range(N)]
        assert got["cat"] == ["b", "a", None, "a", "b"]
        assert got["cat_int"] == ["3", "1", "3", "1", None]
        assert got["cat_float"] == ["0.1", "2.0", "0.1", "2.0", "1e+20"]
        assert got["cat_bool"] == ["True", "False", "True", "True", None]
        assert got["nint"] == [1, None, 3, 2**60, 5]
        assert got["nbool"] == [True, None, False, True, True]
        assert got["text"] == ["é", "", "NA", "x y", "1"]
        assert got["f32"] == [1.5, None, 3, 4, 5]
        assert got["sample_id.1"] == list("vwxyz")
        kinds = dict(dataset.samples.schema)
        assert (kinds["f32"], kinds["u8"], kinds["flag"]) == (pl.Float32, pl.UInt8, pl.Boolean)
        assert dataset.features["feature_id.1"].to_list() == [0, 1, 2, 3]

    def test_nullable_strings(self, tmp_path):
        data = annotated()
        data.obs["s"] = pd.array(["a", None, "", "d", "e"], "string")
        with ad.settings.override(allow_write_nullable_strings=True):
            path = saved(data, tmp_path, convert_strings_to_categoricals=False)
        assert read(path).samples["s"].to_list() == ["a", None, "", "d", "e"]

    def test_names_with_slashes_and_a_named_index(self, tmp_path):
        with by_hand(tmp_path) as file:
            obs = file["obs"]
            obs.attrs["_index"] = np.array([b"bar/code"])
            obs.attrs["column-order"] = np.array(["mg/dL"], dtype=object)
            obs.move("_index", "bar/code")
            obs["mg/dL"] = np.arange(N)
        samples = read(tmp_path / "hand.h5ad").samples
        assert samples["mg/dL"].to_list() == [0, 1, 2, 3, 4]
        assert samples["sample_id"][0] == "cell0"

    def test_numbers_and_categories_as_index(self, tmp_path):
        with by_hand(tmp_path) as file:
            del file["obs/_index"], file["var/_index"]
            file["obs/_index"] = np.arange(N)
            index = file.create_group("var/_index")
            index["codes"] = np.arange(M)[::-1]
            index.create_dataset("categories", data=list("abcd"), dtype=TEXT)
        dataset = read(tmp_path / "hand.h5ad")
        assert dataset.samples["sample_id"].to_list() == ["0", "1", "2", "3", "4"]
        assert dataset.features["feature_id"].to_list() == ["d", "c", "b", "a"]

    def test_odd_columns(self, tmp_path):
        with by_hand(tmp_path) as file:
            obs = file["obs"]
            del obs.attrs["column-order"]
            obs["bytes"] = np.array([b"a", b"bb", b"", b"d", b"e"])
            obs["column"] = np.arange(N).reshape(N, 1)
            obs["latin"] = np.array([b"\xe9"] * N)
            obs["wide"] = np.zeros((N, 2))
            obs["complex"] = np.zeros(N, complex)
            kind = h5py.enum_dtype({"low": 0, "high": 1}, basetype="i1")
            obs.create_dataset("enum", data=[0, 1, 1, 0, 0], dtype=kind)
        dataset = read(tmp_path / "hand.h5ad")
        got = dataset.samples.to_dict(as_series=False)
        assert got["bytes"] == ["a", "bb", "", "d", "e"]
        assert got["column"] == [0, 1, 2, 3, 4]
        assert got["latin"] == ["é"] * N
        assert got["enum"] == ["low", "high", "high", "low", "low"]
        notices = {notice.code: notice for notice in dataset.notices}
        assert notices["not_utf8"].place == "/obs/latin"
        assert "obs/complex, obs/wide" in notices["not_loaded"].message

    def test_columns_outside_the_order_are_reported(self, tmp_path):
        with by_hand(tmp_path) as file:
            file["obs/stray"] = np.arange(N)
        dataset = read(tmp_path / "hand.h5ad")
        assert dataset.samples.columns == ["sample_id"]
        assert "obs/stray" in dataset.notices[-1].message

    @pytest.mark.parametrize("by_reference", [True, False])
    def test_categories_of_anndata_0_7(self, tmp_path, by_reference):
        with by_hand(tmp_path) as file:
            obs = file["obs"]
            obs.attrs["column-order"] = np.array(["state", "n"], dtype=object)
            obs["state"] = np.array([0, 1, -1, 1, 0], "int8")
            obs["n"] = np.arange(N)
            names = obs.create_dataset("__categories/state", data=["on", "off"], dtype=TEXT)
            if by_reference:
                obs["state"].attrs["categories"] = names.ref
        samples = read(tmp_path / "hand.h5ad").samples
        assert samples["state"].to_list() == ["on", "off", None, "off", "on"]
        assert samples["n"].to_list() == [0, 1, 2, 3, 4]

    def test_structured_tables_of_anndata_0_5(self, tmp_path):
        obs = np.array(
            [(b"c1", 0, 1.5, 7), (b"c2", -1, np.nan, 8), (b"c3", 1, 2.5, 9)],
            dtype=[("index", "S4"), ("phase", "i1"), ("score", "f4"), ("n", "i8")],
        )
        var = np.array([(b"g1", True), (b"g2", False)], dtype=[("index", "S4"), ("hv", "?")])
        with h5py.File(tmp_path / "old.h5ad", "w") as file:
            file["obs"], file["var"] = obs, var
            file["X"] = np.arange(6, dtype="f4").reshape(3, 2)
            file["uns/phase_categories"] = np.array([b"G1", b"S"])
            file["uns/n_categories"] = np.array([b"one"])
            file["uns/method"] = np.array([b"umap"])
            store_sparse(file, sp.csr_matrix(np.eye(3, 2)), key="raw.X")
            file["raw.var"] = var[["index"]]
        dataset = read(tmp_path / "old.h5ad")
        assert dataset.samples.to_dict(as_series=False) == {
            "sample_id": ["c1", "c2", "c3"],
            "phase": ["G1", None, "S"],
            "score": [1.5, None, 2.5],
            "n": [7, 8, 9],
        }
        assert dataset.features["hv"].to_list() == [True, False]
        assert dataset.metadata == {"method": "umap", "n_categories": "one"}
        assert [m.name for m in dataset.matrices] == ["X", "raw/X"]
        assert np.array_equal(values(dataset.matrices[1]), np.eye(3, 2))

    def test_repeated_ids(self, tmp_path):
        with by_hand(tmp_path) as file:
            file["var/_index"][1] = "gene0"
        notice = read(tmp_path / "hand.h5ad").notices[0]
        assert (notice.code, "'gene0'" in notice.message) == ("duplicate_feature_ids", True)
        with by_hand(tmp_path) as file:
            file["obs/_index"][1] = "cell0"
        error = fails(tmp_path / "hand.h5ad")
        assert (error.code, error.place) == ("duplicate_sample_ids", "/obs")

    @pytest.mark.parametrize(
        ("edit", "code", "place"),
        [
            (lambda f: f.__delitem__("obs"), "missing_element", "/obs"),
            (lambda f: f.__delitem__("var"), "missing_element", "/var"),
            (lambda f: f.__delitem__("obs/_index"), "missing_element", "/obs/_index"),
            (
                lambda f: f["obs"].attrs.__setitem__("column-order", ["gone"]),
                "missing_element",
                "/obs/gone",
            ),
            (
                lambda f: (
                    f["obs"].attrs.__setitem__("column-order", ["short"])
                    or f.__setitem__("obs/short", [1])
                ),
                "column_length",
                "/obs/short",
            ),
            (
                lambda f: f["obs"].attrs.__delitem__("_index") or f["obs"].move("_index", "i"),
                "missing_index",
                "/obs@_index",
            ),
            (lambda f: f.__setitem__("X", h5py.SoftLink("/layers/a")), "linked_element", "/X"),
            (
                lambda f: f.__setitem__("X", h5py.ExternalLink("other.h5", "/X")),
                "linked_element",
                "/X",
            ),
            (
                lambda f: f.create_dataset("X", (N, M), "f4", external=[("raw.bin", 0, 80)]),
                "linked_element",
                "/X",
            ),
            (lambda f: f.create_group("X"), "bad_matrix", "/X"),
        ],
    )
    def test_what_is_wrong_and_where(self, tmp_path, edit, code, place):
        with by_hand(tmp_path) as file:
            edit(file)
        error = fails(tmp_path / "hand.h5ad")
        assert (error.code, error.place) == (code, place)
        assert error.hint

    def test_codes_beyond_the_categories(self, tmp_path):
        with by_hand(tmp_path) as file:
            file["obs"].attrs["column-order"] = ["c"]
            file["obs/c/codes"] = np.array([0, 1, 2, 0, 0])
            file["obs/c/categories"] = np.array([b"a", b"b"])
        assert fails(tmp_path / "hand.h5ad").code == "bad_categories"


GENES = [f"ENSG{i:011}" for i in range(3)] + ["x"]


class TestExchanged:
    """Genes x cells, written as they are: obs describes genes and var cells."""

    @staticmethod
    def stored(tmp_path: Path, x: object, genes: list[str], square: bool = False) -> Path:
        cells = [f"AAACCTGAGG-{i}" for i in range(len(genes) if square else 5)]
        obs = pd.DataFrame({"symbol": list("ABCD"), "sample_id": list("stuv")}, index=genes)
        var = pd.DataFrame({"state": list("ppqqq")[: len(cells)]}, index=cells)
        var["feature_id"] = np.arange(len(cells))
        return saved(ad.AnnData(x, obs=obs, var=var), tmp_path)

    @pytest.mark.parametrize("form", [np.asarray, sp.csr_matrix, sp.csc_matrix])
    @pytest.mark.parametrize("genes", [GENES, ["Actb", "Gapdh", "Malat1", "Xkr4"]])
    def test_var_is_read_as_samples(self, tmp_path, form, genes):
        x = counts().T[:, :5].copy()
        dataset = read(self.stored(tmp_path, form(x), genes))
        assert codes(dataset) == ["obs_var_exchanged"]
        assert dataset.features["feature_id"].to_list() == genes
        assert dataset.features["sample_id"].to_list() == list("stuv")
        assert dataset.samples.columns == ["sample_id", "state", "feature_id"]
        assert dataset.samples["state"].to_list() == list("ppqqq")
        assert dataset.matrices[0].shape == (4, 5)
        assert np.array_equal(values(dataset.matrices[0]), x.T)

    @pytest.mark.parametrize("form", [np.asarray, sp.csr_matrix, sp.csc_matrix])
    def test_a_square_matrix(self, tmp_path, form):
        x = np.arange(16, dtype="float32").reshape(4, 4)
        path = self.stored(tmp_path, form(x), GENES, square=True)
        assert np.array_equal(values(read(path).matrices[0]), x.T)

    def test_tables_alone_exchanged(self, tmp_path):
        path = self.stored(tmp_path, counts().T.copy(), GENES)
        with h5py.File(path, "r+") as file:
            del file["X"]
            file["X"] = counts()
        dataset = read(path)
        assert codes(dataset) == ["obs_var_exchanged", "transposed_x"]
        assert np.array_equal(values(dataset.matrices[0]), counts())

    def test_layers_raw_and_repeated_cells(self, tmp_path):
        path = self.stored(tmp_path, counts().T.copy(), GENES)
        data = ad.read_h5ad(path)
        data.layers["counts"] = data.X
        data.raw = data
        data.write_h5ad(path)
        dataset = read(path)
        assert [m.name for m in dataset.matrices] == ["X", "layers/counts", "raw/X"]
        assert all(np.array_equal(values(m), counts()) for m in dataset.matrices)
        with h5py.File(path, "r+") as file:
            file["var/_index"][1] = "AAACCTGAGG-0"
        error = fails(path)
        assert (error.code, error.place) == ("duplicate_sample_ids", "/var")

    @pytest.mark.parametrize(
        ("obs", "var"),
        [
            (["Gut", "Skin", "Ear"], ["TACGTAGG", "TACGTACC"]),
            (["liver", "brain", "heart"], ["1007_s_at", "1053_at"]),
            (GENES, [*GENES, "y"]),
            (["ACTB", "GAPDH", "c"], ["d", "e"]),
            ([], []),
        ],
    )
    def test_what_could_be_either_stays(self, obs, var):
        assert not exchanged(pl.Series(obs, dtype=pl.String), pl.Series(var, dtype=pl.String))


class TestMetadata:
    def test_uns(self, tmp_path):
        data = annotated()
        data.obsm["X_umap"] = np.zeros((N, 2))
        data.uns = {
            "title": "A study",
            "n": 3,
            "score": 0.5,
            "ok": True,
            "bad": float("nan"),
            "words": np.array(["a", "b"]),
            "one": np.array([7]),
            "deep": {"er": {"key": "v"}},
            "pca": {"variance": np.arange(50.0)},
            "frame": pd.DataFrame({"a": [1]}, index=["x"]),
            "graph": sp.csr_matrix(np.eye(3)),
        }
        dataset = read(saved(data, tmp_path))
        assert dataset.metadata == {
            **{"title": "A study", "n": 3, "score": 0.5, "ok": True, "bad": None},
            **{"words": ["a", "b"], "one": [7], "deep": {"er": {"key": "v"}}},
        }
        json.dumps(dataset.metadata, allow_nan=False)
        (notice,) = dataset.notices
        assert notice.code == "not_loaded"
        for place in ("uns/frame", "uns/graph", "uns/pca/variance", "obsm/X_umap"):
            assert place in notice.message

    def test_endless_groups_in_uns(self, tmp_path):
        with by_hand(tmp_path) as file:
            file["uns/a/title"] = "t"
            file["uns/a/again"] = file["uns"]
        assert read(tmp_path / "hand.h5ad").metadata["a"]["title"] == "t"

    def test_ids_and_data_type(self, tmp_path):
        dataset = read(saved(annotated(), tmp_path))
        assert (dataset.dataset_id, dataset.data_type) == ("study_1", "Single cell")
        assert dataset.format == "h5ad"

    def test_sidecar(self, tmp_path):
        sidecar = tmp_path / "study 1.json"
        sidecar.write_text(
            json.dumps(
                {"dataset_id": "GSE 7", "data_type": "Bulk transcriptomics", "title": "T", "n": 1}
            )
        )
        data = annotated()
        data.uns = {"title": "Old", "n": 1}
        dataset = read(saved(data, tmp_path), json=sidecar, csv=sidecar)
        assert (dataset.dataset_id, dataset.data_type) == ("GSE_7", "Bulk transcriptomics")
        assert dataset.metadata == {"title": "T", "n": 1, "data_type": "Bulk transcriptomics"}
        assert codes(dataset) == ["sidecar_not_used", "metadata_overridden"]

    @pytest.mark.parametrize("text", ["[1]", "{", '{"dataset_id": 7}', '{"dataset_id": "//"}'])
    def test_bad_sidecar(self, tmp_path, text):
        sidecar = tmp_path / "study 1.json"
        sidecar.write_text(text)
        with pytest.raises(BadInput) as caught:
            read(saved(annotated(), tmp_path), json=sidecar)
        assert caught.value.code in ("bad_sidecar", "bad_dataset_id")


class TestFiles:
    def test_gzipped(self, tmp_path):
        plain = saved(annotated(), tmp_path)
        packed = tmp_path / "study 1.h5ad.gz"
        packed.write_bytes(gzip.compress(plain.read_bytes()))
        dataset = read(packed)
        assert dataset.dataset_id == "study_1"
        assert np.array_equal(values(dataset.matrices[0]), counts())

    def test_compressed_inside(self, tmp_path):
        path = saved(annotated(), tmp_path, compression="gzip")
        assert np.array_equal(values(read(path).matrices[0]), counts())

    @pytest.mark.parametrize("content", [b"", b"hello", b"\x89HDF\r\n\x1a\n"])
    def test_not_hdf5(self, tmp_path, content):
        path = tmp_path / "a.h5ad"
        path.write_bytes(content)
        assert fails(path).code in ("not_hdf5", "corrupt_hdf5")

    def test_cut_short_anywhere(self, tmp_path):
        whole = saved(annotated(), tmp_path).read_bytes()
        path = tmp_path / "cut.h5ad"
        for size in range(100, len(whole), len(whole) // 9):
            path.write_bytes(whole[:size])
            assert fails(path).code == "corrupt_hdf5"

    def test_the_file_is_closed_before_it_is_yielded(self, tmp_path):
        path = saved(annotated(), tmp_path)
        datasets = H5adReader().read(Source(path, path.name))
        next(datasets)
        with h5py.File(path, "r+") as file:
            file["new"] = 1


class TestRealFiles:
    @pytest.mark.parametrize(
        "name",
        ["GSE216457", "anndata_v0.5.0", "anndata_v0.7.8", "cellxgene_example_valid"],
    )
    def test_equal_to_anndata(self, real_data, name):
        assert_equals_anndata(real_data / "formats" / "h5ad" / f"{name}.h5ad")

    def test_scanpy_example(self):
        spec = importlib.util.find_spec("scanpy")
        if spec is None or spec.submodule_search_locations is None:
            pytest.skip("scanpy is not installed")
        folder = Path(spec.submodule_search_locations[0])
        dataset = assert_equals_anndata(folder / "datasets" / "10x_pbmc68k_reduced.h5ad")
        assert dataset.samples["bulk_labels"][0] == "CD14+ Monocyte"
        assert [m.name for m in dataset.matrices] == ["X", "raw/X"]

    def test_cellxgene_ids_stay(self, real_data):
        dataset = read(real_data / "formats" / "h5ad" / "cellxgene_example_valid.h5ad")
        assert dataset.samples["cell_type_ontology_term_id"].to_list() == ["CL:0000066"] * 2
        assert dataset.metadata["organism_ontology_term_id"] == "NCBITaxon:9606"


def assert_equals_anndata(path: Path) -> ParsedDataset:
    dataset = read(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        other = ad.read_h5ad(path)
    for ours, theirs in ((dataset.samples, other.obs), (dataset.features, other.var)):
        assert ours.columns[1:] == list(theirs.columns)
        assert ours.to_series(0).to_list() == list(theirs.index)
        for name in theirs.columns:
            wanted = theirs[name]
            if isinstance(wanted.dtype, pd.CategoricalDtype):
                wanted = wanted.astype(object).map(str, na_action="ignore")
            else:
                assert (
                    str(wanted.dtype) == ours[name].to_numpy().dtype.name or wanted.dtype == object
                )
            wanted = [None if pd.isna(item) else item for item in wanted.tolist()]
            assert ours[name].to_list() == wanted
    found = {matrix.name: matrix for matrix in dataset.matrices}
    wanted = {"X": other.X, **{f"layers/{key}": layer for key, layer in other.layers.items()}}
    if "raw/X" in found:
        wanted["raw/X"] = other.raw.X
    assert found.keys() == wanted.keys()
    for name, matrix in found.items():
        x = wanted[name]
        assert matrix.dtype == str(x.dtype)
        assert matrix.sparse == sp.issparse(x)
        assert np.array_equal(values(matrix, 64), x.toarray() if sp.issparse(x) else x)
    return dataset
