"""The matrices of an AnnData file, dense or compressed sparse, as features x samples.

Owns value types, orientation and what the file must say of its lists. Add a matrix encoding in
`read_matrix`; keep out how values are brought into feature order (`hdf5.sparse`, `hdf5.dense`), the
tables (`frames`) and `uns`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import h5py
import numpy as np
import numpy.typing as npt

from polly_assets.ingest.formats.base import DenseMatrix, Matrix
from polly_assets.ingest.formats.hdf5.access import (
    Findings,
    attribute,
    child,
    read_array,
    text_attribute,
)
from polly_assets.ingest.formats.hdf5.dense import read_dense
from polly_assets.ingest.formats.hdf5.nodes import Dataset, Group, Node
from polly_assets.ingest.formats.hdf5.sparse import (
    CompressedMatrix,
    by_feature,
    by_sample,
    outliving,
    stored,
)
from polly_assets.ingest.formats.wording import counted
from polly_assets.native.sparse import KeyOutOfRange
from polly_resources.errors import BadInput

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
class Layout:
    """How the matrices of a file lie: samples x features, or the reverse where exchanged.

    `file` is named in errors of matrices that are read later.
    """

    samples: int
    features: int
    exchanged: bool = False
    file: str = ""

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
    if isinstance(node, Dataset):
        return None if node.shape is None else _dense(node, name, layout, findings)
    found = [child(node, part) for part in ("indptr", "indices", "data")]
    lists = [part for part in found if isinstance(part, Dataset)]
    if len(lists) < len(found):
        return None
    offsets = _integers(node, "indptr", lists[0]).astype(np.int64, copy=False)
    return _sparse(node, _Lists(offsets, lists[1], lists[2]), layout, name, findings)


def _dense(dataset: Dataset, name: str, layout: Layout, findings: Findings) -> Matrix:
    shape, (rows, columns) = tuple(dataset.shape), layout.stored
    if len(shape) == 1 and shape[0] == rows * columns and 1 in (rows, columns):
        shape = layout.stored  # AnnData before 0.7 squeezed a matrix of one row or column
    turned = _is_turned(shape, layout, dataset.name, findings)
    convert = conversion(dataset.dtype, dataset.name, findings)
    if shape != dataset.shape:
        values = convert(read_array(dataset)).reshape(shape)
        return DenseMatrix(values if turned else values.T, name)
    return read_dense(dataset, convert, turned, layout.file, name)


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
    found = kind.newbyteorder("=").name
    if found in _KEPT:
        return lambda values: values
    if found not in _WIDENED or kind.kind not in "biuf":
        raise BadInput(
            "bad_values",
            f"found values of type {_called(kind)}, expected numbers of at most 64 bits",
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


def _called(kind: np.dtype[Any]) -> str:
    if kind.kind == "S" or h5py.check_string_dtype(kind) is not None:
        return "text"
    if kind.kind == "O":
        return "lists or references"
    return kind.newbyteorder("=").name if kind.names is None else "a structure"


class _Lists(NamedTuple):
    """A compressed matrix: offsets of its rows or columns, and for each entry key and value."""

    indptr: Ints
    keys: Dataset
    data: Dataset


def _sparse(group: Group, lists: _Lists, layout: Layout, name: str, findings: Findings) -> Matrix:
    indptr, keys, data = lists
    rows_first, shape = _encoding(group, len(indptr) - 1, layout.stored)
    turned = _is_turned(shape, layout, group.name, findings)
    _check_lists(group, lists, shape[0] if rows_first else shape[1])
    if unused := keys.shape[0] - int(indptr[-1]):
        message = f"{unused} stored entries are behind the last offset, and no part of the matrix"
        findings.note("unused_entries", message, group.name)
    convert = conversion(data.dtype, data.name, findings)
    dtype = str(convert(np.zeros(0, data.dtype.newbyteorder("="))).dtype)
    found = stored(indptr, keys, data, convert)
    try:
        if rows_first == turned:  # compressed by feature already
            matrix, repeated = by_feature(
                found,
                layout.samples,
                dtype,
                lambda: stored(indptr, outliving(keys), outliving(data), convert),
            )
        else:
            matrix, repeated = by_sample(found, layout.features, dtype)
    except KeyOutOfRange as error:
        minor = shape[1] if rows_first else shape[0]
        wrong = f"found {error.key} at entry {error.at}, expected 0 to {minor - 1}"
        raise _bad_sparse(group, "indices", wrong) from None
    if repeated:
        findings.note("duplicate_entries", f"{repeated} repeated entries were summed", group.name)
    if isinstance(matrix, CompressedMatrix):
        return replace(matrix, name=name, file=layout.file)
    return replace(matrix, name=name)


def _integers(group: Group, part: str, dataset: Dataset) -> npt.NDArray[Any]:
    if dataset.shape is None or len(dataset.shape) != 1 or dataset.dtype.kind not in "iu":
        raise _bad_sparse(
            group,
            part,
            f"found {dataset.dtype} of shape {dataset.shape}, expected a list of whole numbers",
        )
    return read_array(dataset)


def _bad_sparse(group: Group, part: str, message: str) -> BadInput:
    return BadInput(
        "bad_sparse",
        message,
        place=f"{group.name}/{part}",
        hint="write the file anew with AnnData or scipy.sparse",
    )


def _encoding(group: Group, majors: int, expected: tuple[int, int]) -> tuple[bool, tuple[int, ...]]:
    """Whether rows are compressed (CSR), and the stored shape."""
    word = text_attribute(group, "encoding-type") or text_attribute(group, "h5sparse_format")
    if word is not None and word[:3] not in ("csr", "csc"):
        raise _bad_sparse(
            group, "encoding-type", f"found {word!r}, expected csr_matrix or csc_matrix"
        )
    rows_first = majors == expected[0] if word is None else word.startswith("csr")
    shape = attribute(group, "shape")
    if shape is None:
        shape = attribute(group, "h5sparse_shape")
    stored = child(group, "shape")
    if shape is None and isinstance(stored, Dataset):
        shape = _integers(group, "shape", stored)
    if shape is None:
        return rows_first, expected
    try:
        shape = tuple(int(n) for n in np.ravel(shape))
    except (OverflowError, TypeError, ValueError):
        raise _bad_sparse(group, "shape", f"found {shape!r}, expected two whole numbers") from None
    if len(shape) != 2 or shape[0 if rows_first else 1] != majors:
        stated = " x ".join(map(str, shape))
        raise _bad_sparse(
            group, "indptr", f"found {majors + 1} offsets, expected one more than {stated} needs"
        )
    return rows_first, shape


def _check_lists(group: Group, lists: _Lists, major: int) -> None:
    indptr, indices, data = lists
    if indices.shape is None or len(indices.shape) != 1 or indices.dtype.kind not in "iu":
        raise _bad_sparse(
            group,
            "indices",
            f"found {indices.dtype} of shape {indices.shape}, expected whole numbers",
        )
    if data.shape != indices.shape:
        sizes = (" x ".join(map(str, each.shape or ())) for each in (data, indices))
        raise _bad_sparse(group, "data", "found {} values, expected {}".format(*sizes))
    if len(indptr) != major + 1:
        found = f"found {counted(len(indptr), 'offset')}, expected {major + 1}"
        raise _bad_sparse(group, "indptr", found)
    if indptr[0] != 0:
        raise _bad_sparse(group, "indptr", f"found {indptr[0]} as its first offset, expected 0")
    if np.any(indptr[1:] < indptr[:-1]):
        at = int(np.argmax(indptr[1:] < indptr[:-1]))
        found = f"found offset {indptr[at + 1]} behind {indptr[at]}, expected ascending ones"
        raise _bad_sparse(group, "indptr", found)
    if indptr[-1] > indices.shape[0]:
        raise _bad_sparse(
            group, "indptr", f"its last offset is {indptr[-1]}, expected {indices.shape[0]} or less"
        )
