"""Large matrices of h5ad files, which are read in stretches, strips and tiles; made small here."""

from __future__ import annotations

import gzip
from pathlib import Path

import anndata
import h5py
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from polly_assets.ingest.formats.base import DenseMatrix, Matrix, ParsedDataset, Source
from polly_assets.ingest.formats.h5ad.reader import H5adReader
from polly_assets.ingest.formats.hdf5 import dense as h5_dense
from polly_assets.ingest.formats.hdf5 import sparse as h5_sparse
from polly_assets.ingest.formats.hdf5 import values as h5_values
from polly_assets.ingest.formats.hdf5.dense import SpooledDenseMatrix, StripedMatrix
from polly_assets.ingest.formats.hdf5.sparse import CompressedMatrix
from polly_assets.ingest.formats.streams import spool_sparse
from polly_assets.ingest.formats.streams.spool_sparse import SpooledMatrix
from polly_resources.errors import BadInput
from tests.assets.ingest.formats.tenx import whole

EACH = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """What is large, and how much is read at once, in a few entries."""
    monkeypatch.setattr(h5_dense, "WHOLE_BYTES", 2000)
    monkeypatch.setattr(h5_sparse, "WHOLE_BYTES", 0)
    monkeypatch.setattr(h5_sparse, "STRETCH", 50)
    monkeypatch.setattr(h5_values, "_SMALLEST", 0)
    for name, value in (("PORTION", 40), ("_PER_FEATURE", 0), ("BAND", 30), ("KEPT_BYTES", 500)):
        monkeypatch.setattr(spool_sparse, name, value)


def stored(tmp_path: Path, x: np.ndarray | sp.spmatrix, **how: object) -> Path:
    """An AnnData file whose X is stored in that way."""
    path = tmp_path / "a.h5ad"
    anndata.AnnData(np.zeros(x.shape, "f4")).write_h5ad(path)
    with h5py.File(path, "r+") as file:
        del file["X"]
        if isinstance(x, np.ndarray):
            file.create_dataset("X", data=x, **how)
            return path
        group = file.create_group("X")
        group.attrs.update({"encoding-type": f"{x.format}_matrix", "shape": x.shape})
        for name in ("data", "indices", "indptr"):
            group.create_dataset(name, data=getattr(x, name), **how)
    return path


def read(path: Path) -> Matrix:
    (dataset,) = H5adReader().read(Source(path, path.name))
    assert isinstance(dataset, ParsedDataset)
    return dataset.matrices[0]


@EACH
@given(
    shape=st.tuples(st.integers(1, 90), st.integers(1, 90)),
    chunks=st.one_of(st.none(), st.tuples(st.integers(1, 90), st.integers(1, 90))),
    kind=st.sampled_from(["float32", "int64", "uint8", ">f8"]),
    step=st.sampled_from([1, 7, 64]),
)
def test_dense(tmp_path, shape, chunks, kind, step):
    x = np.random.default_rng(0).integers(0, 100, shape).astype(kind)
    if chunks:
        chunks = tuple(min(pair) for pair in zip(chunks, shape, strict=True))
    path = stored(tmp_path, x, chunks=chunks, compression="gzip" if chunks else None)
    matrix = read(path)
    assert isinstance(matrix, DenseMatrix) == (x.nbytes <= 2000)
    path.unlink()
    for _ in range(2):
        blocks = list(matrix.blocks(step))
        assert [len(block) for block in blocks[:-1]] == [step] * (len(blocks) - 1)
        found = np.concatenate(blocks)
        assert (str(found.dtype), found.shape) == (matrix.dtype, matrix.shape)
        assert np.array_equal(found, x.T)


@pytest.mark.parametrize(
    ("chunks", "kind"),
    [(None, SpooledDenseMatrix), ((50, 1), StripedMatrix), ((7, 90), SpooledDenseMatrix)],
)
def test_how_dense_is_read(tmp_path, chunks, kind):
    x = np.random.default_rng(0).normal(size=(200, 90))
    assert isinstance(read(stored(tmp_path, x, chunks=chunks)), kind)


@EACH
@given(data=st.data())
def test_sparse(tmp_path, data):
    """Both ways round; rows may be unsorted and repeat places, as scipy reads them."""
    rows, columns = data.draw(st.tuples(st.integers(1, 30), st.integers(1, 30)))
    count = data.draw(st.integers(0, 150))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    form = data.draw(st.sampled_from(["csr", "csc"]))
    sound = data.draw(st.booleans())
    values = rng.integers(1, 100, count).astype(data.draw(st.sampled_from(["i4", "f4", "f8"])))
    coo = sp.coo_matrix(
        (values, (rng.integers(0, rows, count), rng.integers(0, columns, count))), (rows, columns)
    )
    expected = coo.toarray()
    x = coo.asformat(form)
    if not sound:  # scipy has sorted and summed: undo it
        majors, minors = (coo.row, coo.col) if form == "csr" else (coo.col, coo.row)
        order = np.argsort(majors, kind="stable")
        ends = np.cumsum(np.bincount(majors, minlength=len(x.indptr) - 1))
        kind = type(x)
        x = kind((coo.data[order], minors[order], np.concatenate(([0], ends))), coo.shape)
    index = data.draw(st.sampled_from(["i4", "i8", "u2"]))
    path = stored(tmp_path, x, chunks=None)
    with h5py.File(path, "r+") as file:
        del file["X/indices"]
        how = {"chunks": (16,), "compression": "gzip"} if len(x.indices) > 15 else {}
        file["X"].create_dataset("indices", data=x.indices.astype(index), **how)
    matrix = read(path)
    assert isinstance(matrix, CompressedMatrix | SpooledMatrix)
    path.unlink()
    for step in (1, 7, 64):
        assert np.array_equal(whole(matrix, step).toarray(), expected.T)


def test_sums_that_need_64_bits(tmp_path):
    x = sp.csr_matrix((np.array([2**31 - 1, 1], "i4"), [0, 0], [0, 2]), (1, 2))
    matrix = read(stored(tmp_path, x))
    assert (matrix.dtype, whole(matrix).toarray().ravel().tolist()) == ("int64", [2**31, 0])


@pytest.mark.parametrize("form", ["csr", "csc"])
def test_gzipped_files_stay_open_as_well(tmp_path, form):
    x = sp.random(40, 30, 0.3, form, dtype="f4", random_state=1)
    path = stored(tmp_path, x)
    packed = tmp_path / "b.h5ad.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    matrix = read(packed)
    packed.unlink()
    assert np.array_equal(whole(matrix).toarray(), x.toarray().T)


@pytest.mark.parametrize("form", ["csr", "csc"])
@pytest.mark.parametrize("wrong", [-1, 30, 2**33])
def test_index_faults_far_into_the_file(tmp_path, form, wrong):
    x = sp.random(30, 30, 0.5, form, dtype="f4", random_state=1)
    x.indices = x.indices.astype("i8")
    path = stored(tmp_path, x)
    with h5py.File(path, "r+") as file:
        values = file["X/indices"][:].astype("i8")
        values[170] = wrong
        del file["X/indices"]
        file["X/indices"] = values
    with pytest.raises(BadInput) as caught:
        read(path)
    error = caught.value
    assert (error.code, error.place, error.file) == ("bad_sparse", "/X/indices", "a.h5ad")
    assert f"found {wrong} at entry 170" in error.message


def test_damage_that_blocks_meet(tmp_path):
    x = sp.random(60, 50, 0.5, "csc", dtype="f8", random_state=1)
    path = stored(tmp_path, x, chunks=(20,), compression="gzip")
    with h5py.File(path) as file:
        found = file["X/data"].id.get_chunk_info(40)
    data = bytearray(path.read_bytes())
    data[found.byte_offset : found.byte_offset + found.size] = bytes(found.size)
    path.write_bytes(data)
    matrix = read(path)
    for _ in range(2):
        with pytest.raises(BadInput) as caught:
            list(matrix.blocks())
        error = caught.value
        assert (error.code, error.place, error.file) == ("corrupt_hdf5", "/X/data", "a.h5ad")
