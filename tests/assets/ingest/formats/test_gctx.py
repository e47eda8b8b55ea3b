"""GctxReader against files built with h5py as cmapPy, cmapR and cmapM lay them out."""

from __future__ import annotations

import gzip
from pathlib import Path

import h5py
import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from polly_assets.ingest.formats.base import DenseMatrix, Matrix, ParsedDataset, Source
from polly_assets.ingest.formats.gctx import GctxReader
from polly_assets.ingest.formats.grouping import group_sources
from polly_assets.ingest.formats.hdf5 import dense as h5_dense
from polly_assets.ingest.formats.registry import reader_for
from polly_resources.errors import BadInput

SAMPLES, FEATURES = ["s1", "s2", "s3"], ["g1", "g2", "g3", "g4", "g5"]
VALUES = np.arange(15, dtype="float32").reshape(5, 3) / 7
"""Features x samples."""


def build(path: Path, values: np.ndarray = VALUES, **how: object) -> Path:
    """A file as cmapPy writes it: samples x features, ids as fixed-length bytes."""
    with h5py.File(path, "w") as file:
        file.attrs["version"] = np.bytes_("GCTX1.0")
        file.create_dataset("0/DATA/0/matrix", data=values.T, **how)
        samples = [f"s{i + 1}" for i in range(values.shape[1])]
        features = [f"g{i + 1}" for i in range(values.shape[0])]
        file.create_dataset("0/META/COL/id", data=np.array(samples, "S"), compression="gzip")
        file.create_dataset("0/META/ROW/id", data=np.array(features, "S"), compression="gzip")
    return path


def read(path: Path, **sidecars: Path) -> ParsedDataset:
    (dataset,) = GctxReader().read(Source(path, path.name, sidecars))
    assert isinstance(dataset, ParsedDataset)
    return dataset


def fails(path: Path) -> BadInput:
    with pytest.raises(BadInput) as caught:
        read(path)
    assert caught.value.file == path.name
    return caught.value


def values(matrix: Matrix, features: int = 2) -> np.ndarray:
    found = np.concatenate([np.asarray(block) for block in matrix.blocks(features)])
    assert found.shape == matrix.shape
    assert str(found.dtype) == matrix.dtype
    return found


def codes(dataset: ParsedDataset) -> list[str]:
    return [notice.code for notice in dataset.notices]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return build(tmp_path / "study 1.gctx")


def test_features_are_rows_and_ids_are_those_of_meta(path):
    dataset = read(path)
    assert (dataset.dataset_id, dataset.format, dataset.notices) == ("study_1", "gctx", ())
    assert dataset.metadata == {"version": "GCTX1.0"}
    assert dataset.samples["sample_id"].to_list() == SAMPLES
    assert dataset.features["feature_id"].to_list() == FEATURES
    (matrix,) = dataset.matrices
    assert (matrix.name, matrix.dtype, matrix.sparse) == ("X", "float32", False)
    assert np.array_equal(values(matrix), VALUES)


def test_metadata_keeps_its_type_and_its_values(path):
    """cmapPy would give NaN for -666, and numbers for the text of `plate`."""
    with h5py.File(path, "r+") as file:
        file.attrs["src"] = "a plate"
        col, row = file["0/META/COL"], file["0/META/ROW"]
        col["dose"] = np.array([b"-666", b"10 \xc2\xb5M", b""])
        col["n"] = np.array([-666, 2, 3], "int32")
        col["score"] = np.array([-666, np.nan, 2.5])
        col["ok"] = np.array([True, False, True])
        col.create_dataset("text", data=["a", "é", "c"], dtype=h5py.string_dtype())
        col["plate"] = np.array([b"01", b"02", b"03"])
        col["mg/dL"] = np.arange(3)
        col["sample_id"] = np.array([b"x", b"y", b"z"])
        row["symbol"] = np.array([b"A"] * 5)
    dataset = read(path)
    assert dataset.samples.drop("sample_id").to_dict(as_series=False) == {
        "dose": ["-666", "10 µM", ""],
        "mg/dL": [0, 1, 2],
        "n": [-666, 2, 3],
        "ok": [True, False, True],
        "plate": ["01", "02", "03"],
        "sample_id.1": ["x", "y", "z"],
        "score": [-666.0, None, 2.5],
        "text": ["a", "é", "c"],
    }
    assert dataset.samples.schema["n"] == pl.Int32
    assert dataset.features["symbol"].to_list() == ["A"] * 5
    assert dataset.metadata["src"] == "a plate"
    assert dataset.notices == ()


def test_latin_1_is_told(path):
    with h5py.File(path, "r+") as file:
        file["0/META/COL/dose"] = np.array([b"10 \xb5M"] * 3)
    dataset = read(path)
    assert dataset.samples["dose"][0] == "10 µM"
    assert [(n.code, n.place) for n in dataset.notices] == [("not_utf8", "/0/META/COL/dose")]


def test_numbers_as_ids_and_variable_text(tmp_path):
    path = build(tmp_path / "a.gctx")
    with h5py.File(path, "r+") as file:
        del file["0/META/ROW/id"], file["0/META/COL/id"]
        file["0/META/ROW/id"] = np.array([5720, 466, 6009, 1, 2])
        file["0/META/COL/id"] = np.array(["a:1", "b", "c"], object)
    dataset = read(path)
    assert dataset.features["feature_id"].to_list() == ["5720", "466", "6009", "1", "2"]
    assert dataset.samples["sample_id"].to_list() == ["a:1", "b", "c"]


@pytest.mark.parametrize(
    ("kind", "stored"),
    [("float64", "float64"), (">f4", "float32"), ("int32", "int32"), ("int16", "int32")],
)
def test_value_types(tmp_path, kind, stored):
    dataset = read(build(tmp_path / "a.gctx", np.arange(15).reshape(5, 3).astype(kind)))
    assert dataset.matrices[0].dtype == stored
    assert values(dataset.matrices[0]).tolist() == np.arange(15).reshape(5, 3).tolist()
    assert codes(dataset) == (["type_widened"] if kind == "int16" else [])


def test_a_matrix_stored_the_other_way_round_is_recognised(path):
    with h5py.File(path, "r+") as file:
        del file["0/DATA/0/matrix"]
        file["0/DATA/0/matrix"] = VALUES
    dataset = read(path)
    assert codes(dataset) == ["transposed_x"]
    assert np.array_equal(values(dataset.matrices[0]), VALUES)


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    shape=st.tuples(st.integers(1, 150), st.integers(1, 9)),
    turned=st.booleans(),
    whole=st.integers(1, 6000),
    features=st.integers(1, 70),
    chunked=st.booleans(),
)
def test_large_matrices_are_read_in_blocks(
    tmp_path, monkeypatch, shape, turned, whole, features, chunked
):
    wanted = np.random.default_rng(1).normal(size=shape).astype("float32")
    path = build(tmp_path / "a.gctx", wanted, chunks=(1, min(7, shape[0])) if chunked else None)
    turned = turned and shape[0] != shape[1]
    if turned:
        with h5py.File(path, "r+") as file:
            del file["0/DATA/0/matrix"]
            file["0/DATA/0/matrix"] = wanted
    monkeypatch.setattr(h5_dense, "WHOLE_BYTES", whole)
    (matrix,) = read(path).matrices
    assert isinstance(matrix, DenseMatrix) == (wanted.nbytes <= whole)
    assert (matrix.shape, matrix.dtype, matrix.sparse) == (shape, "float32", False)
    blocks = list(matrix.blocks(features))
    assert all(len(block) == features for block in blocks[:-1])
    assert np.array_equal(np.concatenate(blocks), wanted)


def test_a_large_matrix_can_be_read_twice_and_after_its_file_is_gone(path, monkeypatch):
    monkeypatch.setattr(h5_dense, "WHOLE_BYTES", 8)
    (matrix,) = read(path).matrices
    path.unlink()
    for _ in range(2):
        assert np.array_equal(values(matrix), VALUES)


def test_damage_in_a_large_matrix_names_file_and_place(tmp_path, monkeypatch):
    noise = np.random.default_rng(1).normal(size=(500, 40))
    path = build(tmp_path / "a.gctx", noise, compression="gzip", chunks=(40, 20))
    with h5py.File(path) as file:
        offset = file["0/DATA/0/matrix"].id.get_chunk_info(0).byte_offset
    data = bytearray(path.read_bytes())
    data[offset : offset + 100] = bytes(100)
    path.write_bytes(data)
    assert fails(path).place == "/0/DATA/0/matrix"
    monkeypatch.setattr(h5_dense, "WHOLE_BYTES", 8)
    (matrix,) = read(path).matrices
    with pytest.raises(BadInput) as caught:
        list(matrix.blocks())
    error = caught.value
    assert (error.code, error.file, error.place) == ("corrupt_hdf5", "a.gctx", "/0/DATA/0/matrix")


def test_many_samples(tmp_path):
    wanted = np.zeros((2, 100_000), "float32")
    dataset = read(build(tmp_path / "a.gctx", wanted, compression="gzip"))
    assert dataset.matrices[0].shape == (2, 100_000)
    assert dataset.samples["sample_id"][-1] == "s100000"


def test_gzip_and_sidecars(path, tmp_path):
    packed = tmp_path / "study 1.gctx.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    sidecar = tmp_path / "study 1.json"
    sidecar.write_text('{"dataset_id": "L1", "samples": {"s2": {"tissue": "liver"}}, "n": 1}')
    dataset = read(packed, json=sidecar)
    assert (dataset.dataset_id, dataset.metadata["n"]) == ("L1", 1)
    assert dataset.samples["tissue"].to_list() == [None, "liver", None]
    assert np.array_equal(values(dataset.matrices[0]), VALUES)


def test_what_else_the_file_holds_is_told(path):
    with h5py.File(path, "r+") as file:
        file["0/DATA/1/matrix"] = VALUES
        file["0/META/COL/wide"] = np.zeros((3, 2))
        file["more"] = 1
        del file.attrs["version"]
    dataset = read(path)
    assert codes(dataset) == ["no_version", "not_loaded"]
    assert "0/META/COL/wide, more, 0/DATA/1" in dataset.notices[1].message


def test_attributes_of_any_name_and_kind(path):
    with h5py.File(path, "r+") as file:
        file.attrs[b"v\x80"] = "x"
        file.attrs["n"] = np.array([7])
        file.attrs["many"] = np.arange(3)
    dataset = read(path)
    assert dataset.metadata == {"version": "GCTX1.0", "v\ufffd": "x", "n": 7}
    assert dataset.notices[0].message.endswith(": @many")


def test_repeated_features_are_kept_and_none_are_no_matrix(path, tmp_path):
    with h5py.File(path, "r+") as file:
        file["0/META/ROW/id"][1] = b"g1"
    dataset = read(path)
    assert codes(dataset) == ["duplicate_feature_ids"]
    assert dataset.matrices[0].shape == (5, 3)
    dataset = read(build(tmp_path / "empty.gctx", np.zeros((0, 3), "float32"), chunks=None))
    assert (dataset.matrices, codes(dataset)) == ((), ["no_matrix"])


def test_features_without_id_are_told(path):
    with h5py.File(path, "r+") as file:
        file["0/META/ROW/id"][0] = b""
    dataset = read(path)
    assert (dataset.features["feature_id"][0], codes(dataset)) == ("", ["empty_feature_ids"])


def _replace(place: str, new: object):
    def edit(file: h5py.File) -> None:
        del file[place]
        if new is not None:
            file[place] = new

    return edit


@pytest.mark.parametrize(
    ("edit", "code", "place"),
    [
        (_replace("0/DATA/0/matrix", None), "missing_element", "/0/DATA/0/matrix"),
        (_replace("0/DATA", None), "missing_element", "/0/DATA/0/matrix"),
        (_replace("0", None), "missing_element", "/0/DATA/0/matrix"),
        (_replace("0/META/ROW", None), "missing_element", "/0/META/ROW/id"),
        (_replace("0/META/COL/id", None), "missing_element", "/0/META/COL/id"),
        (_replace("0/META", np.arange(3)), "missing_element", "/0/META/COL/id"),
        (_replace("0/DATA/0/matrix", np.zeros(15)), "bad_matrix", "/0/DATA/0/matrix"),
        (
            lambda f: f["0/DATA/0"].move("matrix", "m") or f.create_group("0/DATA/0/matrix"),
            "bad_matrix",
            "/0/DATA/0/matrix",
        ),
        (_replace("0/DATA/0/matrix", np.zeros((3, 4))), "shape_mismatch", "/0/DATA/0/matrix"),
        (_replace("0/META/COL/id", [b"a", b"b"]), "shape_mismatch", "/0/DATA/0/matrix"),
        (_replace("0/DATA/0/matrix", np.full((3, 5), b"x")), "bad_values", "/0/DATA/0/matrix"),
        (
            lambda f: f.__setitem__("0/META/ROW/n", np.arange(4)),
            "column_length",
            "/0/META/ROW/n",
        ),
        (
            _replace("0/META/COL/id", [b"a", b"b", b"a"]),
            "duplicate_sample_ids",
            "/0/META/COL/id[2]",
        ),
        (_replace("0/META/COL/id", [b"a", b"", b"c"]), "missing_sample_id", "/0/META/COL/id[1]"),
        (_replace("0/META/COL/id", [1, np.nan, 3]), "missing_sample_id", "/0/META/COL/id[1]"),
        (lambda f: f.attrs.__setitem__("version", "GCTX10"), "unsupported_version", "/@version"),
        (_replace("0/META/COL/id", np.zeros((3, 2))), "bad_index", "/0/META/COL/id"),
        (_replace("0/META/COL/id", np.zeros(0, "S3")), "no_samples", "/0/META/COL/id"),
        (lambda f: f.attrs.__setitem__("version", "GCTX2.0"), "unsupported_version", "/@version"),
        (_replace("0/META/COL/id", h5py.SoftLink("/x")), "linked_element", "/0/META/COL/id"),
        (
            lambda f: (
                f.__delitem__("0/DATA/0/matrix")
                or f.create_dataset("0/DATA/0/matrix", (10**6, 10**5), "f4", chunks=(1000, 1000))
            ),
            "shape_mismatch",
            "/0/DATA/0/matrix",
        ),
        (
            lambda f: (
                f.__delitem__("0/META/COL/id")
                or f.create_dataset("0/META/COL/id", (10**11,), "S9", chunks=(1000,))
            ),
            "declared_too_large",
            "/0/META/COL/id",
        ),
    ],
)
def test_what_is_wrong_and_where(path, edit, code, place):
    with h5py.File(path, "r+") as file:
        edit(file)
    error = fails(path)
    assert (error.code, error.place) == (code, place)
    assert error.hint


def test_cut_short_anywhere(path):
    whole = path.read_bytes()
    for size in (0, 4, *range(100, len(whole), len(whole) // 9)):
        path.write_bytes(whole[:size])
        assert fails(path).code in ("corrupt_hdf5", "not_hdf5")


def test_who_reads_it():
    assert reader_for("a/x.gctx.gz", b"\x89HDF\r\n\x1a\n").name == "gctx"
    assert not GctxReader().sniff("x.gctx", b"#1.3\n")
    assert not GctxReader().sniff("x.h5", b"\x89HDF\r\n\x1a\n")
    (group,) = group_sources(["x.gctx", "x.json", "x_samples.csv", "x.cls"])
    assert (group.main, sorted(group.sidecars)) == ("x.gctx", ["cls", "csv", "json"])


def test_a_real_file(real_data):
    """Facts that cmapPy 4.0.1 gives: `parse(path, convert_neg_666=False)`; it has 25 samples of
    50 features, and no value of `-666`. cmapPy narrows to float32; the file holds float64."""
    dataset = read(real_data / "formats" / "gct" / "modzs_n25x50.gctx")
    x = values(dataset.matrices[0])
    assert (x.shape, dataset.matrices[0].dtype) == ((50, 25), "float64")
    assert dataset.features["feature_id"][:2].to_list() == ["200814_at", "222103_at"]
    assert dataset.samples["sample_id"][1] == "BRAF001_HEK293T_24H:BRD-U73308409-000-01-9:0.625"
    assert np.float32(x[1, 2]) == np.float32(-1.6331583)
    assert x.astype("float32").astype("float64").sum() == pytest.approx(-130.54970951689756)
    kinds = {name: kind for name, kind in dataset.samples.schema.items() if kind != pl.String}
    assert kinds == {
        **dict.fromkeys(["distil_cc_q75", "distil_ss", "pct_self_rank_q25"], pl.Float64),
        **dict.fromkeys(["distil_nsample", "is_gold"], pl.Int32),
        **dict.fromkeys(["ngenes_modulated_dn_lm", "ngenes_modulated_up_lm"], pl.Int32),
    }
    assert dataset.features.columns == [
        *("feature_id", "is_bing", "is_lm", "pr_gene_id", "pr_gene_symbol", "pr_gene_title")
    ]
    assert dataset.notices == ()
