"""The matrices of an AnnData file, dense or compressed sparse, as features x samples.

Owns value types, orientation and the turn from cells-first to features-first storage.
Add a matrix encoding in `read_matrix`; keep out the tables (`h5ad_frames`) and `uns`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from polly_assets.ingest.formats.base import (
    BLOCK_FEATURES,
    Block,
    DenseMatrix,
    Matrix,
    SparseBlock,
)
from polly_assets.ingest.formats.h5ad_access import (
    Findings,
    Node,
    attribute,
    child,
    read_array,
    text_attribute,
)
from polly_resources.errors import BadInput

_READ = 1 << 22
"""Stored entries read from the file at once; bounds the memory beside the result."""

_SORT = 1 << 18
"""Stored entries sorted at once: what a processor's cache holds."""

_KEPT = ("float32", "float64", "int32", "int64")
_WIDENED = {
    "bool": "int32",
    "float16": "float32",
    "int8": "int32",
    "int16": "int32",
    "uint8": "int32",
    "uint16": "int32",
    "uint32": "int64",
    "uint64": "int64",
}

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SparseMatrix(Matrix):
    """A matrix in memory, compressed by feature: indices are samples, ascending, unique."""

    indptr: Ints
    indices: npt.NDArray[np.int32]
    values: npt.NDArray[Any]
    samples: int
    name: str = "X"

    @property
    def dtype(self) -> str:  # type: ignore[override]
        """The numpy name of the value type."""
        return str(self.values.dtype)

    @property
    def shape(self) -> tuple[int, int]:  # type: ignore[override]
        """Features, samples."""
        return (len(self.indptr) - 1, self.samples)

    @property
    def sparse(self) -> bool:  # type: ignore[override]
        """Always True."""
        return True

    def blocks(self, features: int = BLOCK_FEATURES) -> Iterator[Block]:
        """Slices of the three arrays."""
        for start in range(0, len(self.indptr) - 1, features):
            offsets = self.indptr[start : start + features + 1]
            stored = slice(int(offsets[0]), int(offsets[-1]))
            yield SparseBlock(offsets - offsets[0], self.indices[stored], self.values[stored])


@dataclass(frozen=True, slots=True)
class Layout:
    """How the matrices of a file lie: samples x features, or the reverse where exchanged."""

    samples: int
    features: int
    exchanged: bool = False

    @property
    def stored(self) -> tuple[int, int]:
        """The shape that a matrix has in the file, by its tables."""
        shape = (self.samples, self.features)
        return shape[::-1] if self.exchanged else shape


def read_matrix(node: Node, name: str, layout: Layout, findings: Findings) -> Matrix | None:
    """A matrix as its tables say, or turned round as some R writers leave it.

    None where the element is empty or no matrix (a table, say). Raises BadInput
    `shape_mismatch`, `bad_values` or `bad_sparse`.
    """
    if isinstance(node, h5py.Dataset):
        return None if node.shape is None else _dense(node, name, layout, findings)
    parts = [child(node, part) for part in ("data", "indices", "indptr")]
    if not all(isinstance(part, h5py.Dataset) for part in parts):
        return None
    return _sparse(node, name, layout, findings)


def _dense(dataset: h5py.Dataset, name: str, layout: Layout, findings: Findings) -> Matrix:
    shape, (rows, columns) = tuple(dataset.shape), layout.stored
    if len(shape) == 1 and shape[0] == rows * columns and 1 in (rows, columns):
        shape = layout.stored  # AnnData before 0.7 squeezed a matrix of one row or column
    turned = _is_turned(shape, layout, dataset.name, findings)
    convert = conversion(dataset.dtype, dataset.name, findings)
    values = convert(read_array(dataset)).reshape(shape)
    return DenseMatrix(values if turned else values.T, name)


def _is_turned(shape: tuple[int, ...], layout: Layout, place: str, findings: Findings) -> bool:
    """Whether rows are features."""
    rows, columns = layout.stored
    if shape == (rows, columns):
        return layout.exchanged
    if shape == (columns, rows):
        findings.note("transposed_x", f"stored as {columns} var x {rows} obs; read as such", place)
        return not layout.exchanged
    raise BadInput(
        "shape_mismatch",
        f"found shape {' x '.join(map(str, shape)) or '()'}, expected {rows} observations x "
        f"{columns} variables as in obs and var",
        place=place,
        hint="the matrix and its tables are from different files; write it anew with AnnData",
    )


def conversion(
    kind: np.dtype[Any], place: str, findings: Findings
) -> Callable[[npt.NDArray[Any]], npt.NDArray[Any]]:
    """How values of this type are stored: as they are, or widened without loss.

    Raises BadInput `bad_values` for text, structures and numbers of more than 64 bits.
    """
    found = kind.newbyteorder("=").name if kind.names is None else "a structure"
    if found in _KEPT:
        return lambda values: values
    if found not in _WIDENED or kind.kind not in "biuf":
        raise BadInput(
            "bad_values",
            f"found values of type {found}, expected numbers of at most 64 bits",
            place=place,
            hint="store the matrix as float32 or int32",
        )
    target = _WIDENED[found]
    findings.note("type_widened", f"{found} values are stored as {target}", place)

    def widen(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        if found == "uint64" and values.size and values.max() > np.iinfo(np.int64).max:
            raise BadInput(
                "bad_values",
                f"found {values.max()}, expected at most {np.iinfo(np.int64).max}",
                place=place,
                hint="store the matrix as float64",
            )
        return values.astype(target)

    return widen


def _sparse(group: h5py.Group, name: str, layout: Layout, findings: Findings) -> Matrix:
    indptr = _integers(group, "indptr").astype(np.int64, copy=False)
    rows_first, shape = _encoding(group, len(indptr) - 1, layout.stored)
    turned = _is_turned(shape, layout, group.name, findings)
    major, minor = shape if rows_first else shape[::-1]
    indices = _checked_indices(group, indptr, major, minor)
    data = group["data"]
    convert = conversion(data.dtype, data.name, findings)
    if rows_first == turned:  # compressed by feature already
        values = convert(read_array(data, 0, len(indices)))
    else:
        indptr, indices, values = _by_feature(
            indptr,
            indices,
            lambda start, stop: convert(read_array(data, start, stop)),
            layout.features,
        )
    tidy_up = _tidy(indptr, indices, values)
    if len(tidy_up[1]) < len(indices):
        findings.note(
            "duplicate_entries",
            f"{len(indices) - len(tidy_up[1])} repeated entries were summed",
            group.name,
        )
    return SparseMatrix(*tidy_up, layout.samples, name)


def _integers(group: h5py.Group, part: str) -> npt.NDArray[Any]:
    dataset = group[part]
    if dataset.shape is None or len(dataset.shape) != 1 or dataset.dtype.kind not in "iu":
        raise _bad_sparse(group, part, f"found {dataset.dtype} of {dataset.shape}")
    return read_array(dataset)


def _bad_sparse(group: h5py.Group, part: str, found: str) -> BadInput:
    return BadInput(
        "bad_sparse",
        f"{found}; expected the {part} of a compressed sparse matrix",
        place=f"{group.name}/{part}",
        hint="write the file anew with AnnData or scipy.sparse",
    )


def _encoding(
    group: h5py.Group, majors: int, expected: tuple[int, int]
) -> tuple[bool, tuple[int, ...]]:
    """Whether rows are compressed (CSR), and the stored shape."""
    word = text_attribute(group, "encoding-type") or text_attribute(group, "h5sparse_format")
    if word is not None and word[:3] not in ("csr", "csc"):
        raise _bad_sparse(group, "encoding-type", f"found {word!r}")
    rows_first = majors == expected[0] if word is None else word.startswith("csr")
    shape = attribute(group, "shape")
    if shape is None:
        shape = attribute(group, "h5sparse_shape")
    stored = child(group, "shape")
    if shape is None and isinstance(stored, h5py.Dataset):
        shape = _integers(group, "shape")
    if shape is None:
        return rows_first, expected
    shape = tuple(int(n) for n in np.ravel(shape))
    if len(shape) != 2 or shape[0 if rows_first else 1] != majors:
        found = f"found shape {shape} with {majors + 1} offsets"
        raise _bad_sparse(group, "indptr", found)
    return rows_first, shape


def _checked_indices(
    group: h5py.Group, indptr: Ints, major: int, minor: int
) -> npt.NDArray[np.int32]:
    indices = _integers(group, "indices")
    data = group["data"]
    if data.shape != indices.shape:
        raise _bad_sparse(group, "data", f"found {data.shape} values and {indices.shape} indices")
    if len(indptr) != major + 1 or indptr[0] != 0 or np.any(np.diff(indptr) < 0):
        found = f"found {len(indptr)} offsets for {major} rows, or not ascending from 0"
        raise _bad_sparse(group, "indptr", found)
    if indptr[-1] > len(indices):
        raise _bad_sparse(group, "indptr", f"ends at {indptr[-1]} of {len(indices)} entries")
    indices = indices[: indptr[-1]]
    if len(indices) and (indices.min() < 0 or indices.max() >= minor):
        found = f"found {indices.min()} to {indices.max()} with {minor} places"
        raise _bad_sparse(group, "indices", found)
    return indices.astype(np.int32, copy=False)


def _by_feature(
    indptr: Ints,
    indices: npt.NDArray[np.int32],
    values: Callable[[int, int], npt.NDArray[Any]],
    features: int,
) -> tuple[Ints, npt.NDArray[np.int32], npt.NDArray[Any]]:
    """Sample-major storage turned into feature-major storage.

    A counting sort in chunks: entries of one feature stay in the order of their samples,
    and only one chunk of the input's values is held beside the result.
    """
    totals = np.bincount(indices, minlength=features)
    out_ptr = np.concatenate(([0], np.cumsum(totals))).astype(np.int64)
    out_indices = np.empty(len(indices), np.int32)
    out_values = np.empty(len(indices), values(0, 0).dtype)
    free = out_ptr[:-1].copy()
    for start, found in _portions(values, len(indices), max(_SORT, features)):
        stop = start + len(found)
        part = indices[start:stop]
        order = _stable_order(part, features)
        counts = np.bincount(part, minlength=features)
        target = np.repeat(free - (np.cumsum(counts) - counts), counts) + np.arange(len(found))
        out_indices[target] = _majors(indptr, start, stop)[order]
        out_values[target] = found[order]
        free += counts
    return out_ptr, out_indices, out_values


def _portions(
    values: Callable[[int, int], npt.NDArray[Any]], total: int, size: int
) -> Iterator[tuple[int, npt.NDArray[Any]]]:
    """All values in order, as (position, portion): read in large steps, given in small."""
    for start in range(0, total, _READ):
        read = values(start, min(start + _READ, total))
        for within in range(0, len(read), size):
            yield start + within, read[within : within + size]


def _majors(indptr: Ints, start: int, stop: int) -> npt.NDArray[np.int32]:
    """The row of each stored entry from start to stop."""
    first = int(np.searchsorted(indptr, start, side="right")) - 1
    last = int(np.searchsorted(indptr, stop, side="left"))
    ends = np.clip(indptr[first : last + 1], start, stop)
    sizes = ends[1:] - ends[:-1]
    return np.repeat(np.arange(first, last, dtype=np.int32), sizes)


def _stable_order(keys: npt.NDArray[np.int32], bound: int) -> npt.NDArray[np.intp]:
    """A stable argsort; numpy sorts 16-bit keys by radix, in linear time."""
    low = np.argsort((keys & 0xFFFF).astype(np.uint16), kind="stable")
    if bound <= 1 << 16:
        return low
    return low[np.argsort((keys >> 16).astype(np.uint16)[low], kind="stable")]


def _tidy(
    indptr: Ints, indices: npt.NDArray[np.int32], values: npt.NDArray[Any]
) -> tuple[Ints, npt.NDArray[np.int32], npt.NDArray[Any]]:
    """Samples of each feature ascending; values of a repeated place summed, as scipy does."""
    starts = indptr[:-1][indptr[:-1] < len(indices)]
    rising = np.ones(len(indices), bool)
    np.greater(indices[1:], indices[:-1], out=rising[1:])
    rising[starts] = True
    if rising.all():
        return indptr, indices, values
    features = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
    order = np.lexsort((indices, features))
    features, indices, values = features[order], indices[order], values[order]
    fresh = np.ones(len(indices), bool)
    fresh[1:] = (indices[1:] != indices[:-1]) | (features[1:] != features[:-1])
    sums = np.add.reduceat(values, np.flatnonzero(fresh), dtype=values.dtype)
    counts = np.bincount(features[fresh], minlength=len(indptr) - 1)
    return np.concatenate(([0], np.cumsum(counts))).astype(np.int64), indices[fresh], sums
