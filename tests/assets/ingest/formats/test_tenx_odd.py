"""Odd and broken 10x and MatrixMarket files, each with the dataset or the one error that it gives.

Expected values are made by hand, and compared with scipy.io.mmread. scanpy's `read_10x_h5` agrees
on all of H5_GOOD but `ids only`, which it refuses, and `read_10x_mtx` on versions 2 and 3, gzipped
or not, and on real numbers (seen by hand: scanpy is no dependency).
"""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io
import scipy.sparse as sp

from polly_assets.ingest.formats.base import ParsedDataset, Source
from polly_assets.ingest.formats.grouping import group_sources
from polly_assets.ingest.formats.hdf5 import values as h5_values
from polly_assets.ingest.formats.tenx.h5 import TenxH5Reader
from polly_assets.ingest.formats.tenx.mtx import MtxReader
from polly_resources.errors import BadInput
from tests.assets.ingest.formats.tenx import (
    BANNER,
    barcodes,
    counts,
    features,
    market,
    version_2,
    version_3,
    whole,
)

X = counts((5, 3), seed=7)
CELLS = "".join(f"{name}\n" for name in barcodes(3))
GENES = "".join(f"{one}\t{two}\n" for one, two in features(5))
FEATURES = GENES.replace("\n", "\tGene Expression\n")
PLAIN = {"matrix.mtx": market(X), "barcodes.tsv": CELLS, "features.tsv": FEATURES}


def packed(text: str) -> bytes:
    return gzip.compress(text.encode())


def read(folder: Path, files: dict[str, str | bytes]) -> ParsedDataset:
    """The one dataset of a folder, put together as ingest would."""
    for name, content in files.items():
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    (group,) = group_sources(sorted(files))
    beside = {key: folder / name for key, name in group.sidecars.items()}
    (dataset,) = MtxReader().read(Source(folder / group.main, f"run1/{group.main}", beside))
    assert isinstance(dataset, ParsedDataset)
    return dataset


def codes(dataset: ParsedDataset) -> list[str]:
    return [notice.code for notice in dataset.notices]


def _as_integer_real(text: str) -> str:
    return text.replace("integer", "real")


def _transposed(form: str) -> str:
    """The matrix as scipy writes it, cells x features."""
    file = io.BytesIO()
    scipy.io.mmwrite(file, X.T.astype(form), comment="by scipy")
    return file.getvalue().decode()


GOOD: dict[str, tuple[dict[str, str | bytes], list[str]]] = {
    "version 3": (PLAIN, []),
    "version 3, gz": ({f"{n}.gz": packed(t) for n, t in PLAIN.items()}, []),
    "version 2": ({"matrix.mtx": market(X), "barcodes.tsv": CELLS, "genes.tsv": GENES}, []),
    "mixed gz": (
        {"matrix.mtx.gz": packed(market(X)), "barcodes.tsv": CELLS, "genes.tsv.gz": packed(GENES)},
        [],
    ),
    "gz without its ending": ({**PLAIN, "matrix.mtx": packed(market(X))}, []),
    "two gzip members": (
        {**PLAIN, "matrix.mtx": packed(market(X)[:40]) + packed(market(X)[40:])},
        [],
    ),
    "GEO's prefix": ({f"GSM1_s1_{n}": t for n, t in PLAIN.items()}, []),
    "both lists, gz and not": ({**PLAIN, "barcodes.tsv.gz": packed(CELLS)}, ["list_given_twice"]),
    "genes and features": ({**PLAIN, "genes.tsv": GENES}, ["list_given_twice"]),
    "swapped lists": (
        {"matrix.mtx": market(X), "barcodes.tsv": FEATURES, "features.tsv": CELLS},
        ["lists_exchanged"],
    ),
    "swapped lists, turned": (
        {"matrix.mtx": market(X.T), "barcodes.tsv": FEATURES, "features.tsv": CELLS},
        ["lists_exchanged", "transposed_x"],
    ),
    "Windows line ends": ({n: t.replace("\n", "\r\n") for n, t in PLAIN.items()}, []),
    "no last line end": ({n: t.rstrip("\n") for n, t in PLAIN.items()}, []),
    "byte order marks": ({n: "\ufeff" + t for n, t in PLAIN.items()}, []),
    "one column": ({**PLAIN, "features.tsv": "".join(f"{one}\n" for one, _ in features(5))}, []),
    "blank last lines": (
        {n: t + "\n\n" for n, t in PLAIN.items() if n == "matrix.mtx"}
        | {n: t for n, t in PLAIN.items() if n != "matrix.mtx"},
        [],
    ),
    "real": ({**PLAIN, "matrix.mtx": _as_integer_real(market(X))}, []),
    "double": ({**PLAIN, "matrix.mtx": market(X).replace("integer", "double")}, []),
    "unsigned": ({**PLAIN, "matrix.mtx": market(X).replace("integer", "unsigned-integer")}, []),
    "turned by scipy": ({**PLAIN, "matrix.mtx": _transposed("float64")}, ["transposed_x"]),
    "1.0 and 1e0": (
        {**PLAIN, "matrix.mtx": _as_integer_real(market(X)).replace(" 1\n", " 1.0\n", 1)},
        [],
    ),
    "comments of Cell Ranger": (
        {**PLAIN, "matrix.mtx": market(X).replace("\n", '\n%metadata_json: {"a": 1}\n%\n', 1)},
        [],
    ),
    "quoted lists of R": (
        {
            **PLAIN,
            "barcodes.tsv": '"x"\n' + "".join(f'"{name}"\n' for name in barcodes(3)),
            "features.tsv": '"V1"\t"V2"\n' + "".join(f'"{a}"\t"{b}"\n' for a, b in features(5)),
        },
        ["header_in_list", "header_in_list"],
    ),
    "row numbers and spaces of R": (
        {
            **PLAIN,
            "barcodes.tsv": '"x"\n'
            + "".join(f'"{i}" "{name}"\n' for i, name in enumerate(barcodes(3), 1)),
            "features.tsv": '"V1"\t"V2"\n'
            + "".join(f'"{i}"\t"{a}"\t"{b}"\n' for i, (a, b) in enumerate(features(5), 1)),
        },
        ["row_numbers", "header_in_list", "row_numbers", "header_in_list"],
    ),
    "row numbers alone": (
        {**PLAIN, "barcodes.tsv": "".join(f"{i}\t{n}\n" for i, n in enumerate(barcodes(3)))},
        ["row_numbers"],
    ),
    "spaces for tabs": (
        {
            **PLAIN,
            "features.tsv": "".join(f"{a} {b} Gene Expression\n" for a, b in features(5)),
        },
        [],
    ),
    "commas for tabs": (
        {**PLAIN, "features.tsv": "".join(f"{a},{b}\n" for a, b in features(5))},
        [],
    ),
    "sorted by feature": (
        {
            **PLAIN,
            "matrix.mtx": market(X).split("\n", 2)[0]
            + f"\n5 3 {X.nnz}\n"
            + "".join(
                f"{i + 1} {j + 1} {X[i, j]}\n" for i in range(5) for j in range(3) if X[i, j]
            ),
        },
        [],
    ),
}


@pytest.mark.parametrize("name", GOOD)
def test_good_triples(tmp_path, name):
    files, notices = GOOD[name]
    dataset = read(tmp_path, files)
    (matrix,) = dataset.matrices
    assert np.array_equal(whole(matrix).toarray(), X.toarray())
    assert dataset.samples["sample_id"].to_list() == barcodes(3)
    assert dataset.features["feature_id"].to_list() == [one for one, _ in features(5)]
    assert codes(dataset) == notices
    peer = (
        scipy.io.mmread(tmp_path / next(n for n in files if "matrix" in n and ".gz" not in n))
        if name in ("version 3", "real", "sorted by feature")
        else None
    )
    assert peer is None or (sp.csr_matrix(peer) != X).nnz == 0


def test_barcodes_without_a_gem_group_and_of_several(tmp_path):
    cells = "AAAC\nAAAG-1\nAAAC-2\n"
    dataset = read(tmp_path, {**PLAIN, "barcodes.tsv": cells})
    assert dataset.samples["sample_id"].to_list() == cells.split()


def test_feature_types_stay_in_their_order(tmp_path):
    kinds = ["Antibody Capture", "CRISPR Guide Capture", "Gene Expression", "Multiplexing Capture"]
    rows = [f"{a}\t{b}\t{c}" for (a, b), c in zip(features(5), [*kinds, "Peaks"], strict=True)]
    dataset = read(tmp_path, {**PLAIN, "features.tsv": "\n".join(rows) + "\n"})
    assert dataset.features["feature_type"].to_list() == [*kinds, "Peaks"]
    assert np.array_equal(whole(dataset.matrices[0]).toarray(), X.toarray())


def test_no_entries(tmp_path):
    dataset = read(tmp_path, {**PLAIN, "matrix.mtx": f"{BANNER}5 3 0\n"})
    assert (whole(dataset.matrices[0]).nnz, dataset.matrices[0].shape) == (0, (5, 3))


BODY = market(X)
FIRST = BODY.split("\n")[2]

BROKEN: dict[str, tuple[dict[str, str | bytes], str, str]] = {
    "row 0": ({"matrix.mtx": BODY.replace(FIRST, "0 1 2", 1)}, "index_out_of_range", "line 3"),
    "row beyond": ({"matrix.mtx": BODY.replace(FIRST, "6 1 2", 1)}, "index_out_of_range", "line 3"),
    "column beyond": (
        {"matrix.mtx": BODY.replace(FIRST, "1 4 2", 1)},
        "index_out_of_range",
        "line 3, column 2",
    ),
    "value of text": ({"matrix.mtx": BODY.replace(FIRST, "1 1 NA", 1)}, "not_a_number", "line 3"),
    "decimals of integers": (
        {"matrix.mtx": BODY.replace(FIRST, "1 1 2.5", 1)},
        "not_a_number",
        "line 3, column 3",
    ),
    "nan with letters": (
        {"matrix.mtx": _as_integer_real(BODY).replace(FIRST, "1 1 nan(1)", 1)},
        "not_a_number",
        "line 3, column 3",
    ),
    "hexadecimal": (
        {"matrix.mtx": _as_integer_real(BODY).replace(FIRST, "1 1 0x1p3", 1)},
        "not_a_number",
        "line 3, column 3",
    ),
    "commas": ({"matrix.mtx": BODY.replace(FIRST, "1,1,2", 1)}, "ragged_row", "line 3"),
    "fewer entries": ({"matrix.mtx": BODY.rsplit("\n", 2)[0] + "\n"}, "entry_count_mismatch", ""),
    "more entries": ({"matrix.mtx": BODY + "1 1 1\n"}, "entry_count_mismatch", ""),
    "cut line": ({"matrix.mtx": BODY.rstrip("\n").rsplit(" ", 1)[0]}, "ragged_row", ""),
    "no banner": ({"matrix.mtx": BODY.split("\n", 1)[1]}, "bad_header", "line 1"),
    "no size line": ({"matrix.mtx": BANNER + "%\n"}, "bad_header", "line 3"),
    "two sizes": ({"matrix.mtx": BANNER + "5 3\n1 1 1\n"}, "bad_header", "line 2"),
    "negative size": ({"matrix.mtx": BANNER + "-5 3 1\n1 1 1\n"}, "bad_header", "line 2"),
    "complex": ({"matrix.mtx": BODY.replace("integer", "complex")}, "unsupported_matrix", "line 1"),
    "hermitian": (
        {"matrix.mtx": BODY.replace("general", "hermitian")},
        "unsupported_matrix",
        "line 1",
    ),
    "symmetric, not square": (
        {"matrix.mtx": BODY.replace("general", "symmetric")},
        "bad_header",
        "line 2",
    ),
    "pattern with values": (
        {"matrix.mtx": BODY.replace("integer", "pattern")},
        "ragged_row",
        "line 3",
    ),
    "empty matrix": ({"matrix.mtx": ""}, "empty_file", ""),
    "truncated gz": ({"matrix.mtx": packed(BODY * 50)[:-30]}, "corrupt_gzip", ""),
    "a web page": ({"matrix.mtx": "<!DOCTYPE html><html>404</html>\n"}, "bad_header", "line 1"),
    "fewer cells": ({"barcodes.tsv": "A\nB\n"}, "shape_mismatch", "line 2"),
    "fewer features": ({"features.tsv": "A\nB\n"}, "shape_mismatch", "line 2"),
    "a cell twice": ({"barcodes.tsv": "A\nB\nA\n"}, "duplicate_sample_ids", "line 3"),
    "a cell without a name": ({"barcodes.tsv": "A\n\nB\n"}, "missing_sample_id", "line 2"),
    "NUL in a list": ({"barcodes.tsv": "A\nB\0\nC\n"}, "binary_content", "line 2"),
    "two lists that differ": ({"genes.tsv": GENES.replace("ENSG", "X")}, "conflicting_lists", ""),
    "two lists of other lengths": ({"genes.tsv": "A\n"}, "conflicting_lists", ""),
    "endless size": (
        {"matrix.mtx": BANNER + "5 3 999999999999\n1 1 1\n"},
        "entry_count_mismatch",
        "line 3",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_triples(tmp_path, name):
    files, code, place = BROKEN[name]
    with pytest.raises(BadInput) as caught:
        read(tmp_path, PLAIN | files)
    error = caught.value
    assert (error.code, error.place.startswith(place)) == (code, True), error
    assert error.file and error.hint


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(h5_values, "_SMALLEST", 0)


def read_h5(path: Path) -> ParsedDataset:
    (dataset,) = TenxH5Reader().read(Source(path, path.name))
    assert isinstance(dataset, ParsedDataset)
    return dataset


def _with(path: Path, change: Callable[[h5py.File], object]) -> Path:
    with h5py.File(path, "r+") as file:
        change(file)
    return path


def _chunked(file: h5py.File) -> None:
    for name in ("data", "indices", "indptr"):
        values = file[f"matrix/{name}"][:]
        del file[f"matrix/{name}"]
        file["matrix"].create_dataset(
            name, data=values, chunks=(4,), compression="gzip", shuffle=True, fletcher32=False
        )


def _replace(name: str, values: object, **how: object) -> Callable[[h5py.File], object]:
    def change(file: h5py.File) -> None:
        del file[name]
        file.create_dataset(name, data=values, **how)

    return change


def _shuffled_rows(file: h5py.File) -> None:
    """Each cell's features in falling order, as other writers leave them."""
    ends = file["matrix/indptr"][:]
    for start, stop in pairwise(ends):
        for name in ("data", "indices"):
            file[f"matrix/{name}"][start:stop] = file[f"matrix/{name}"][start:stop][::-1]


H5_GOOD: dict[str, tuple[Callable[[h5py.File], object], list[str]]] = {
    "as it is": (lambda file: None, []),
    "chunks, shuffled and deflated": (_chunked, []),
    "unsorted features": (_shuffled_rows, []),
    "int32 offsets": (_replace("matrix/indptr", X.indptr.astype("int32")), []),
    "unsigned indices": (_replace("matrix/indices", X.indices.astype("uint32")), []),
    "big-endian values": (_replace("matrix/data", X.data.astype(">i4")), []),
    "CellBender's members": (
        lambda file: file["matrix"].create_dataset("barcode_indices_for_latents", data=[0, 1]),
        ["not_loaded"],
    ),
    "CellBender's groups": (
        lambda file: file.create_dataset("droplet_latents/gene_expression", data=np.zeros(3)),
        ["not_loaded"],
    ),
    "target sets": (
        lambda file: file.create_dataset("matrix/features/target_sets/panel", data=[0, 1]),
        ["not_loaded"],
    ),
    "attributes that are no metadata": (
        lambda file: file.attrs.update({"version": 2, "phase": 1j, "none": h5py.Empty("f")}),
        ["not_loaded"],
    ),
    "no tags": (lambda file: file.__delitem__("matrix/features/_all_tag_keys"), []),
    "no genome": (lambda file: file.__delitem__("matrix/features/genome"), []),
    "ids only": (
        lambda file: [
            file.__delitem__(f"matrix/features/{key}") for key in ("name", "feature_type", "genome")
        ],
        [],
    ),
}


@pytest.mark.parametrize("name", H5_GOOD)
def test_good_h5(tmp_path, name):
    change, notices = H5_GOOD[name]
    dataset = read_h5(_with(version_3(tmp_path / "a.h5", X), change))
    assert np.array_equal(whole(dataset.matrices[0]).toarray(), X.toarray())
    assert dataset.samples["sample_id"].to_list() == barcodes(3)
    assert dataset.features["feature_id"].to_list() == [one for one, _ in features(5)]
    assert codes(dataset) == notices


H5_BROKEN: dict[str, tuple[Callable[[h5py.File], object], str, str]] = {
    **{
        f"without {key}": (
            lambda file, key=key: file.__delitem__(f"matrix/{key}"),
            "missing_element",
            f"/matrix/{key}",
        )
        for key in ("barcodes", "data", "indices", "indptr", "shape")
    },
    "without ids": (
        lambda file: file.__delitem__("matrix/features/id"),
        "missing_element",
        "/matrix/features/id",
    ),
    "feature beyond": (
        lambda file: file["matrix/indices"].__setitem__(2, 99),
        "bad_sparse",
        "/matrix/indices[2]",
    ),
    "feature below 0": (
        lambda file: file["matrix/indices"].__setitem__(2, -1),
        "bad_sparse",
        "/matrix/indices[2]",
    ),
    "offsets fall": (
        lambda file: file["matrix/indptr"].__setitem__(1, 99),
        "bad_sparse",
        "/matrix/indptr",
    ),
    "names of other features": (
        _replace("matrix/features/name", [b"A"]),
        "shape_mismatch",
        "/matrix/features/name",
    ),
    "features in an array": (
        _replace("matrix/features", [b"A"] * 5),
        "bad_sparse",
        "/matrix/features",
    ),
    "no features": (
        lambda file: file.__delitem__("matrix/features"),
        "missing_element",
        "/matrix/features",
    ),
    "turned shape": (_replace("matrix/shape", [3, 5]), "shape_mismatch", "/matrix/shape"),
    "a cell twice": (
        _replace("matrix/barcodes", np.array(["A", "B", "A"], "S")),
        "duplicate_sample_ids",
        "/matrix/barcodes[2]",
    ),
    "indices of decimals": (
        _replace("matrix/indices", X.indices + 0.5),
        "bad_sparse",
        "/matrix/indices",
    ),
    "values of text": (
        _replace("matrix/data", np.array(["x"] * X.nnz, "S")),
        "bad_values",
        "/matrix/data",
    ),
    "fewer values": (
        _replace("matrix/data", X.data[:-1].astype("i4")),
        "shape_mismatch",
        "/matrix/data",
    ),
}


@pytest.mark.parametrize("name", H5_BROKEN)
def test_broken_h5(tmp_path, name):
    change, code, place = H5_BROKEN[name]
    path = _with(version_3(tmp_path / "a.h5", X), change)
    with pytest.raises(BadInput) as caught:
        read_h5(path)
    error = caught.value
    assert (error.code, error.place, error.file) == (code, place, "a.h5"), error
    assert error.hint


def test_damaged_chunk(tmp_path):
    """isal refuses it, then HDF5's own word is the error."""
    path = _with(version_3(tmp_path / "a.h5", counts((50, 40))), _chunked)
    with h5py.File(path) as file:
        found = file["matrix/data"].id.get_chunk_info(0)
    data = bytearray(path.read_bytes())
    data[found.byte_offset : found.byte_offset + found.size] = bytes(found.size)
    path.write_bytes(data)
    with pytest.raises(BadInput) as caught:
        read_h5(path)
    assert (caught.value.code, caught.value.place) == ("corrupt_hdf5", "/matrix/data")


def test_chunks_that_were_never_written_are_zeros(tmp_path):
    def change(file: h5py.File) -> None:
        del file["matrix/data"]
        file["matrix"].create_dataset("data", (X.nnz,), "i4", chunks=(4,), compression="gzip")

    dataset = read_h5(_with(version_3(tmp_path / "a.h5", X), change))
    found = whole(dataset.matrices[0])
    assert (found.nnz, found.sum()) == (X.nnz, 0)


def test_a_gene_list_per_genome_and_cellbender_of_version_2(tmp_path):
    path = version_2(tmp_path / "a.h5", background_removed=X)
    assert np.array_equal(whole(read_h5(path).matrices[0]).toarray(), X.toarray())
