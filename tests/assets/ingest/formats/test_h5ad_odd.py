"""Odd and broken h5ad files: equal to what `anndata.read_h5ad` gives, or exactly one clear error.

Each file is one that AnnData wrote, changed by hand. Values, names and categories are compared
with anndata's; where anndata fails or accepts what is wrong, our rule is stated instead.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp

from polly_assets.ingest.formats.base import ParsedDataset, Source
from polly_assets.ingest.formats.registry import reader_for
from polly_assets.ingest.formats.streams.text import head
from polly_resources.errors import BadInput
from tests.assets.ingest.formats.test_h5ad import assert_equals_anndata

TEXT = h5py.string_dtype()
N, M = 5, 4
Change = Callable[[h5py.File], object]


@pytest.fixture(autouse=True)
def quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def base(rows: int = N, columns: int = M, x: object = None) -> ad.AnnData:
    values = np.arange(rows * columns, dtype="float32").reshape(rows, columns)
    return ad.AnnData(
        values if x is None else x,
        obs=pd.DataFrame(index=[f"c{i}" for i in range(rows)]),
        var=pd.DataFrame(index=[f"g{i}" for i in range(columns)]),
    )


def made(tmp_path: Path, change: Change, data: ad.AnnData | None = None) -> Path:
    path = tmp_path / "odd.h5ad"
    (base() if data is None else data).write_h5ad(path)
    with h5py.File(path, "r+") as file:
        change(file)
    return path


def read(path: Path) -> ParsedDataset:
    """By the reader that ingest takes, to the last value."""
    reader = reader_for(path.name, head(path))
    (dataset,) = reader.read(Source(path, path.name))
    assert isinstance(dataset, ParsedDataset)
    for matrix in dataset.matrices:
        for _ in matrix.blocks():
            pass
    return dataset


def x_is(values: object, **how: object) -> Change:
    def change(file: h5py.File) -> None:
        del file["X"]
        file.create_dataset("X", data=values, **how)
        file["X"].attrs.update({"encoding-type": "array", "encoding-version": "0.2.0"})

    return change


def index_is(key: str, values: object, **how: object) -> Change:
    def change(file: h5py.File) -> None:
        attributes = dict(file[key]["_index"].attrs)
        del file[key]["_index"]
        file[key].create_dataset("_index", data=values, **how)
        file[key]["_index"].attrs.update(attributes)

    return change


def column(fill: Callable[[h5py.Group], object], order: object = ("z",)) -> Change:
    def change(file: h5py.File) -> None:
        file["obs"].attrs["column-order"] = np.array(order, dtype=object)
        fill(file["obs"])

    return change


def z(values: object, **how: object) -> Change:
    return column(lambda obs: obs.create_dataset("z", data=values, **how))


def categorical(codes: object, words: object = ("a", "b")) -> Change:
    def fill(obs: h5py.Group) -> None:
        group = obs.create_group("z")
        group["codes"] = codes
        group.create_dataset("categories", data=list(words), dtype=TEXT)
        for node, kind in ((group, "categorical"), (group["codes"], "array")):
            node.attrs.update({"encoding-type": kind, "encoding-version": "0.2.0"})
        group["categories"].attrs.update(
            {"encoding-type": "string-array", "encoding-version": "0.2.0"}
        )
        group.attrs["ordered"] = False

    return column(fill)


OLD = "/obs/__categories/z"


def old_categories(words: object) -> Change:
    def fill(obs: h5py.Group) -> None:
        obs["z"], obs["__categories/z"] = np.zeros(N, "i1"), words

    return column(fill)


def masked(mask: object) -> Change:
    def fill(obs: h5py.Group) -> None:
        group = obs.create_group("z")
        group["values"], group["mask"] = np.arange(N), mask
        group.attrs.update({"encoding-type": "nullable-integer", "encoding-version": "0.1.0"})

    return column(fill)


def order(names: object) -> Change:
    return lambda file: file["obs"].attrs.__setitem__("column-order", names)


def sparse(**parts: object) -> Change:
    def change(file: h5py.File) -> None:
        given = {
            "data": np.array([1.0, 2, 3, 4]),
            "indices": np.array([0, 1, 2, 3]),
            "indptr": np.array([0, 1, 2, 3, 4, 4]),
            "encoding": "csr_matrix",
            "shape": np.array([N, M]),
            **parts,
        }
        del file["X"]
        group = file.create_group("X")
        for name in ("data", "indices", "indptr"):
            if given[name] is not None:
                group[name] = given[name]
        for name, key in (("encoding-type", "encoding"), ("shape", "shape")):
            if given[key] is not None:
                group.attrs[name] = given[key]
        group.attrs["encoding-version"] = "0.1.0"

    return change


def put(place: str, values: object, **how: object) -> Change:
    def change(file: h5py.File) -> None:
        if place in file:
            del file[place]
        file.create_dataset(place, data=values, **how)

    return change


def structured(*values: tuple[object, ...], kind: object) -> Change:
    return put("obs", np.array(list(values), dtype=kind))


ROWS = [(f"c{i}", "t") for i in range(N)]

EQUAL: dict[str, Change] = {
    "index of bytes": index_is("obs", np.array([b"a", b"bb", b"c", b"d", b"e"])),
    "index of var repeated": index_is("var", list("aabc"), dtype=TEXT),
    "codes of 64 bits": categorical(np.array([0, 1, -1, 0, 0])),
    "no categories": categorical(np.full(N, -1, "int8"), ()),
    "largest integers": z(np.array([2**63 - 1, -(2**63), 0, 1, 2])),
    "largest unsigned": z(np.array([2**64 - 1, 0, 0, 1, 2], "uint64")),
    "infinite": z(np.array([np.inf, -np.inf, np.nan, 0, -0.0])),
    "order as one word": column(lambda obs: obs.create_dataset("z", data=np.arange(N)), "z"),
    "name beyond ASCII": column(lambda obs: obs.create_dataset("µm²", data=np.ones(N)), ["µm²"]),
    "structured obs": structured(*ROWS, kind=[("index", TEXT), ("p", TEXT)]),
    "X of NaN": x_is(np.full((N, M), np.nan)),
    "X never written": x_is(None, shape=(N, M), dtype="f4", chunks=(2, 2)),
    "X with a sum of checks": x_is(
        np.arange(20.0).reshape(N, M), fletcher32=True, shuffle=True, compression="gzip"
    ),
    "X by LZF": x_is(np.arange(20.0).reshape(N, M), compression="lzf"),
    "X by scale and offset": x_is(np.arange(20).reshape(N, M), scaleoffset=0),
    "offsets of 64 bits": sparse(indptr=np.array([0, 1, 2, 3, 4, 4], "int64")),
    "unsigned parts": sparse(
        indptr=np.array([0, 1, 2, 3, 4, 4], "uint32"), indices=np.array([0, 1, 2, 3], "uint16")
    ),
    "unsorted": sparse(indices=np.array([3, 0, 1, 2]), indptr=np.array([0, 4, 4, 4, 4, 4])),
    "repeated entries": sparse(indices=np.array([1, 1, 1, 0]), indptr=np.array([0, 3, 4, 4, 4, 4])),
    "zeros stored": sparse(data=np.array([0.0, 2, 0, 4])),
    "NaN stored": sparse(data=np.array([np.nan, 2, 0, 4])),
    "CSC": sparse(encoding="csc_matrix", indptr=np.array([0, 1, 2, 3, 4])),
    "shape of floats": sparse(shape=np.array([5.0, 4.0])),
}


@pytest.mark.parametrize("name", EQUAL)
def test_equal_to_anndata(tmp_path, name):
    if name == "NaN stored":
        path = made(tmp_path, EQUAL[name])
        theirs = ad.read_h5ad(path).X.toarray()
        ours = next(read(path).matrices[0].blocks())
        found = sp.csr_matrix((ours.values, ours.indices, ours.indptr), (M, N)).toarray().T
        assert np.array_equal(found, theirs, equal_nan=True)
    elif name == "X of NaN":
        block = next(read(made(tmp_path, EQUAL[name])).matrices[0].blocks())
        assert block.shape == (M, N) and np.isnan(block).all()
    else:
        assert_equals_anndata(made(tmp_path, EQUAL[name]))


def test_big_endian_column(tmp_path):
    found = read(made(tmp_path, z(np.array([1, 2, -3, 2**31 - 1, 5], ">i4")))).samples["z"]
    assert (found.to_list(), found.dtype) == ([1, 2, -3, 2**31 - 1, 5], pl.Int32)


COLUMNS = {
    "unordered": pd.Categorical(list("abcab")),
    "ordered": pd.Categorical(list("abcab"), categories=list("cba"), ordered=True),
    "unused": pd.Categorical(list("abcab"), categories=list("abcxyz")),
    "NaN": pd.Categorical(["a", None, "b", None, "a"]),
    "all NaN": pd.Categorical([None] * 5, categories=["a"]),
    "of integers": pd.Categorical([1, 2, 1, 2, 3]),
    "of truth": pd.Categorical([True, False, True, True, False]),
    "of floats": pd.Categorical([0.1, 0.2, 0.1, 1e10, 0.2]),
    "truth": np.array([1, 0, 1, 0, 1], bool),
    "nullable truth": pd.array([True, None, False, True, True], "boolean"),
    "float32": np.array([1.5, np.nan, 3, 4, 5], "float32"),
    "uint8": np.arange(5, dtype="uint8"),
    "text with gaps": np.array(["a", None, "b", "", "c"], dtype=object),
}


@pytest.mark.parametrize("compression", [None, "gzip", "lzf"])
@pytest.mark.parametrize("name", COLUMNS)
def test_columns(tmp_path, name, compression):
    data = base()
    data.obs["z"] = COLUMNS[name]
    data.write_h5ad(tmp_path / "odd.h5ad", compression=compression)
    if name == "nullable truth":
        assert read(tmp_path / "odd.h5ad").samples["z"].to_list() == [True, None, False, True, True]
    else:
        assert_equals_anndata(tmp_path / "odd.h5ad")


@pytest.mark.parametrize(("rows", "columns"), [(0, 4), (5, 0), (0, 0), (1, 1), (1, 4), (5, 1)])
@pytest.mark.parametrize("form", [np.asarray, sp.csr_matrix, sp.csc_matrix])
def test_small_shapes(tmp_path, rows, columns, form):
    path = tmp_path / "odd.h5ad"
    base(rows, columns, form(np.ones((rows, columns), "float32"))).write_h5ad(path)
    assert_equals_anndata(path)


NOTED: dict[str, tuple[Change, str, str]] = {
    "column of dates": (
        z(np.arange(N).astype("M8[s]").astype(h5py.opaque_dtype(np.dtype("M8[s]")))),
        "not_loaded",
        "obs/z",
    ),
    "complex column": (z(np.zeros(N, complex)), "not_loaded", "obs/z"),
    "one value as column": (z(3), "not_loaded", "obs/z"),
    "empty as column": (z(h5py.Empty("f4")), "not_loaded", "obs/z"),
    "matrix as column": (z(np.zeros((N, 3))), "not_loaded", "obs/z"),
    "lists as column": (
        column(lambda obs: obs.create_dataset("z", (N,), dtype=h5py.vlen_dtype("i4"))),
        "not_loaded",
        "obs/z",
    ),
    "bytes of any kind": (z(np.array([b"abc"] * N, "V3")), "not_loaded", "obs/z"),
    "pickle": (z(np.void(b"\x80\x04cos\nsystem")), "not_loaded", "obs/z"),
    "references": (
        column(lambda obs: obs.create_dataset("z", (N,), dtype=h5py.ref_dtype)),
        "not_loaded",
        "obs/z",
    ),
    "awkward array": (
        column(
            lambda obs: obs.create_group("z").attrs.update(
                {"encoding-type": "awkward-array", "encoding-version": "0.1.0"}
            )
        ),
        "not_loaded",
        "obs/z",
    ),
    "fields in fields": (
        structured(
            *[(b"c%d" % i, (1, 2)) for i in range(N)],
            kind=[("index", "S4"), ("p", [("a", "i4"), ("b", "i4")])],
        ),
        "not_loaded",
        "obs/p",
    ),
    "array in each row": (
        column(lambda obs: obs.create_dataset("z", (N,), dtype=np.dtype(("f4", (3,))))),
        "not_loaded",
        "obs/z",
    ),
    "entries behind the last offset": (
        sparse(indptr=np.array([0, 1, 2, 3, 3, 3])),
        "unused_entries",
        "1 stored",
    ),
    "layer of nothing": (lambda f: f.create_group("layers/a/b"), "not_loaded", "layers/a"),
    "layers that are none": (put("layers", [1]), "not_loaded", "layers"),
    "uns that is none": (put("uns", [1]), "not_loaded", "uns"),
    "linked embedding": (
        lambda f: f.require_group("obsm").__setitem__("a", h5py.ExternalLink("o.h5", "/x")),
        "not_loaded",
        "obsm/a",
    ),
    "latin-1 index": (
        index_is("obs", np.array([b"a\xe9", b"b", b"c", b"d", b"e"])),
        "not_utf8",
        "",
    ),
    "feature without name": (
        index_is("var", ["", "b", "c", "d"], dtype=TEXT),
        "empty_feature_ids",
        "row 0",
    ),
    "raw of another var": (
        lambda f: (
            f.create_dataset("raw/X", data=np.zeros((N, 2))),
            f.create_dataset("raw/var/_index", data=["r", "s"], dtype=TEXT),
        ),
        "raw_not_loaded",
        "(2)",
    ),
    "raw without var": (put("raw/X", np.zeros((N, M))), "raw_not_loaded", "no var"),
    "raw of nothing": (
        lambda f: (
            f.create_group("raw/X"),
            f.create_dataset("raw/var/_index", data=[f"g{i}" for i in range(M)], dtype=TEXT),
        ),
        "raw_not_loaded",
        "no matrix",
    ),
    "X gone": (lambda f: f.__delitem__("X"), "no_matrix", "no X"),
    "X empty": (put("X", h5py.Empty("f4")), "no_matrix", "no X"),
    "X of half floats": (x_is(np.ones((N, M), "f2")), "type_widened", "float32"),
    "X of truth": (x_is(np.ones((N, M), bool)), "type_widened", "int32"),
    "X of uint64": (x_is(np.ones((N, M), "u8")), "type_widened", "int64"),
    "sparse truth": (sparse(data=np.array([True, False, True, True])), "type_widened", "int32"),
}


@pytest.mark.parametrize("name", NOTED)
def test_what_is_odd_is_said(tmp_path, name):
    change, code, word = NOTED[name]
    dataset = read(made(tmp_path, change))
    notices = [notice for notice in dataset.notices if notice.code == code]
    assert notices and word in notices[0].message
    assert dataset.samples.height == N


def filtered(code: int) -> Change:
    def change(file: h5py.File) -> None:
        del file["X"]
        plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plan.set_chunk((N, M))
        plan.set_filter(code, h5py.h5z.FLAG_OPTIONAL, ())
        space = h5py.h5s.create_simple((N, M))
        stored = h5py.h5d.create(file.id, b"X", h5py.h5t.NATIVE_FLOAT, space, plan)
        stored.write_direct_chunk((0, 0), b"x" * 20, 0)

    return change


def virtual(file: h5py.File) -> None:
    del file["X"]
    layout = h5py.VirtualLayout((N, M), "f4")
    layout[:] = h5py.VirtualSource("other.h5", "x", (N, M))
    file.create_virtual_dataset("X", layout)


def linked(place: str, link: object) -> Change:
    def change(file: h5py.File) -> None:
        if place in file:
            del file[place]
        file[place] = link

    return change


def declared(place: str, shape: tuple[int, ...], kind: object) -> Change:
    def change(file: h5py.File) -> None:
        del file[place]
        file.create_dataset(place, shape, kind, chunks=tuple(min(n, 1000) for n in shape))

    return change


HUGE = 10**10
REFUSED: dict[str, tuple[Change, str, str]] = {
    "repeated names": (index_is("obs", list("aabcd"), dtype=TEXT), "duplicate_sample_ids", "/obs"),
    "no name": (
        index_is("obs", ["", "b", "c", "d", "e"], dtype=TEXT), "missing_sample_id", "/obs"
    ),
    "too few names": (index_is("obs", list("abc"), dtype=TEXT), "shape_mismatch", "/X"),
    "too many names": (index_is("obs", list("abcdefg"), dtype=TEXT), "shape_mismatch", "/X"),
    "names in a matrix": (index_is("obs", np.zeros((N, 2))), "bad_index", "/obs/_index"),
    "one name": (index_is("obs", "a", dtype=TEXT), "bad_index", "/obs/_index"),
    "index elsewhere": (
        lambda f: f["obs"].attrs.__setitem__("_index", "gone"), "missing_element", "/obs/gone"
    ),
    "column gone": (column(lambda obs: None), "missing_element", "/obs/z"),
    "column above": (column(lambda obs: None, [".."]), "missing_element", "/obs/.."),
    "column short": (z([1, 2]), "column_length", "/obs/z"),
    "more columns than there are": (
        column(lambda obs: None, [f"c{i}" for i in range(4000)]), "missing_element", "/obs/c0"
    ),
    "codes too large": (categorical(np.array([0, 1, 9, 0, 0])), "bad_categories", "/obs/z"),
    "codes below -1": (categorical(np.array([0, 1, -2, 0, 0])), "bad_categories", "/obs/z"),
    "codes in a matrix": (categorical(np.zeros((N, 2), int)), "bad_categories", "/obs/z"),
    "categories gone": (
        lambda f: (
            categorical(np.array([0, 1, 0, 0, 0]))(f), f.__delitem__("obs/z/categories")
        ),
        "bad_categories", "/obs/z"
    ),
    "MuData": (
        lambda f: (f.__delitem__("X"), f.create_group("mod/rna"), f.create_group("mod/prot")),
        "unsupported_format", "/mod"
    ),
    "codes of floats": (categorical(np.zeros(N)), "bad_categories", "/obs/z"),
    "no codes": (categorical(h5py.Empty("i1")), "bad_categories", "/obs/z"),
    "categories in a matrix": (
        lambda f: (
            categorical(np.zeros(N, "i1"))(f),
            put("obs/z/categories", np.zeros((2, 2)))(f),
        ),
        "bad_categories", "/obs/z"
    ),
    "old categories in a matrix": (old_categories(np.zeros((2, 2))), "bad_categories", OLD),
    "no old categories": (old_categories(h5py.Empty("S1")), "bad_categories", OLD),
    "mask of words": (masked(np.array([b"no"] * N)), "bad_mask", "/obs/z/mask"),
    "mask short": (masked([True]), "bad_mask", "/obs/z/mask"),
    "no mask": (masked(h5py.Empty("?")), "bad_mask", "/obs/z/mask"),
    "order in numbers": (order(1.5), "bad_frame", "/obs@column-order"),
    "column without a name": (order([""]), "missing_element", "/obs/"),
    "codes short": (categorical(np.array([0, 1])), "column_length", "/obs/z"),
    "obs gone": (lambda f: f.__delitem__("obs"), "missing_element", "/obs"),
    "var gone": (lambda f: f.__delitem__("var"), "missing_element", "/var"),
    "obs of numbers": (put("obs", np.arange(N)), "bad_frame", "/obs"),
    "obs empty": (put("obs", h5py.Empty("f4")), "bad_frame", "/obs"),
    "obs of two axes": (
        put("obs", np.zeros((N, 2), dtype=[("index", "S2")])), "missing_index", "/obs"
    ),
    "X of text": (x_is(np.full((N, M), "a", object), dtype=TEXT), "bad_values", "/X"),
    "X complex": (x_is(np.zeros((N, M), complex)), "bad_values", "/X"),
    "X of long doubles": (x_is(np.ones((N, M), "g")), "bad_values", "/X"),
    "X of fields": (x_is(np.zeros((N, M), dtype=[("a", "f4")])), "bad_values", "/X"),
    "X beyond int64": (x_is(np.full((N, M), 2**63, "u8")), "bad_values", "/X"),
    "X of three axes": (x_is(np.zeros((N, M, 1))), "shape_mismatch", "/X"),
    "X of one axis": (x_is(np.zeros(N * M)), "shape_mismatch", "/X"),
    "X of one value": (x_is(3.0), "shape_mismatch", "/X"),
    "X short": (x_is(np.zeros((N - 1, M))), "shape_mismatch", "/X"),
    "layer of another shape": (put("layers/a", np.zeros((2, 2))), "shape_mismatch", "/layers/a"),
    "index too large": (sparse(indices=np.array([0, 1, 2, 4])), "bad_sparse", "/X/indices"),
    "index negative": (sparse(indices=np.array([0, 1, -1, 3])), "bad_sparse", "/X/indices"),
    "offsets descend": (sparse(indptr=np.array([0, 2, 1, 3, 4, 4])), "bad_sparse", "/X/indptr"),
    "offsets short": (sparse(indptr=np.array([0, 1, 2, 3, 4])), "bad_sparse", "/X/indptr"),
    "offsets beyond int64": (
        sparse(indptr=np.array([0, 1, 2, 3, 4, 2**63], "u8")), "bad_sparse", "/X/indptr"
    ),
    "offsets too large": (sparse(indptr=np.array([0, 1, 2, 3, 4, 9])), "bad_sparse", "/X/indptr"),
    "values short": (sparse(data=np.array([1.0, 2])), "bad_sparse", "/X/data"),
    "sparse text": (sparse(data=np.array([b"a", b"b", b"c", b"d"])), "bad_values", "/X/data"),
    "COO": (sparse(encoding="coo_matrix"), "bad_sparse", "/X/encoding-type"),
    "shape in words": (sparse(shape="abc"), "bad_sparse", "/X/shape"),
    "sparse of another shape": (sparse(shape=np.array([N, M + 1])), "shape_mismatch", "/X"),
    "offsets gone": (sparse(indptr=None), "bad_matrix", "/X"),
    "external link": (linked("X", h5py.ExternalLink("/etc/passwd", "/x")), "linked_element", "/X"),
    "soft link to itself": (linked("obs", h5py.SoftLink("/obs")), "linked_element", "/obs"),
    "soft link in uns": (linked("uns/a", h5py.SoftLink("/X")), "linked_element", "/uns/a"),
    "virtual": (virtual, "linked_element", "/X"),
    "Blosc": (filtered(32001), "unsupported_filter", "/X"),
    "Zstandard": (filtered(32015), "unsupported_filter", "/X"),
    "no known filter": (filtered(40_000), "unsupported_filter", "/X"),
    "names declared": (declared("obs/_index", (HUGE,), "i8"), "declared_too_large", "/obs/_index"),
    "text declared": (declared("obs/_index", (HUGE,), TEXT), "declared_too_large", "/obs/_index"),
    "X declared": (declared("X", (N, HUGE), "f4"), "shape_mismatch", "/X"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_broken_is_refused(tmp_path, name):
    change, code, place = REFUSED[name]
    path = made(tmp_path, change)
    with pytest.raises(BadInput) as caught:
        read(path)
    error = caught.value
    assert (error.code, error.place, error.file) == (code, place, "odd.h5ad")
    assert error.message and error.hint


@pytest.mark.parametrize(("code", "name"), [(32001, "Blosc"), (32015, "Zstandard"), (9, "filter 9")])  # fmt: skip  # noqa: E501
def test_a_filter_is_named(tmp_path, code, name):
    with pytest.raises(BadInput, match=name):
        read(made(tmp_path, filtered(code)))


def copied(path: Path, **how: object) -> h5py.File:
    """A file of the same content, open, made in another way."""
    other = path.with_name("source.h5ad")
    base().write_h5ad(other)
    file = h5py.File(path, "w", **how)
    with h5py.File(other) as source:
        for key in source:
            source.copy(key, file)
    return file


class TestWholeFiles:
    def test_latest_superblock(self, tmp_path):
        copied(tmp_path / "odd.h5ad", libver="latest").close()
        assert_equals_anndata(tmp_path / "odd.h5ad")

    def test_user_block(self, tmp_path):
        path = tmp_path / "odd.h5ad"
        copied(path, userblock_size=512).close()
        with path.open("r+b") as file:
            file.write(b"words before the data")
        assert_equals_anndata(path)

    def test_a_writer_that_has_not_closed_it(self, tmp_path):
        path = tmp_path / "odd.h5ad"
        with copied(path, libver="latest") as file:
            file.swmr_mode = True
            file.flush()
            content = path.read_bytes()
        path.write_bytes(content)
        with pytest.raises(BadInput) as caught:
            read(path)
        assert (caught.value.code, caught.value.place) == ("not_closed", "/")

    @pytest.mark.parametrize(
        ("content", "code"),
        [(b"", "not_hdf5"), (b"<!DOCTYPE html><html>404", "not_hdf5"), (b"PK\3\4", "not_hdf5")],
    )
    def test_no_hdf5(self, tmp_path, content, code):
        path = tmp_path / "odd.h5ad"
        path.write_bytes(content)
        from polly_assets.ingest.formats.h5ad.reader import H5adReader

        with pytest.raises(BadInput) as caught:
            list(H5adReader().read(Source(path, path.name)))
        assert caught.value.code == code

    def test_a_file_that_changes_meanwhile_is_no_crash(self, tmp_path):
        path = made(tmp_path, lambda f: None)
        reader = reader_for(path.name, head(path))
        path.write_bytes(path.read_bytes()[:3000])
        with pytest.raises(BadInput) as caught:
            list(reader.read(Source(path, path.name)))
        assert caught.value.code == "corrupt_hdf5"


@pytest.mark.parametrize("none", [h5py.Empty("S1"), np.empty(0)])
def test_an_order_of_no_columns(tmp_path, none):
    data = base()
    data.obs["z"] = range(N)
    samples = read(made(tmp_path, order(none), data)).samples
    assert samples.columns == ["sample_id"]


@pytest.mark.parametrize(
    ("names", "cells", "expected"),
    [
        ({"FALSE": 0, "TRUE": 1, "NA": 2}, [0, 1, 2, 1, 0], [False, True, None, True, False]),
        ({"low": 0, "high": 1}, [0, 1, 7, 1, 0], ["low", "high", "7", "high", "low"]),
    ],
)
def test_enumerations(tmp_path, names, cells, expected):
    kind = h5py.enum_dtype(names, basetype="i1")
    path = made(tmp_path, z(np.array(cells, "i1"), dtype=kind))
    assert read(path).samples["z"].to_list() == expected
