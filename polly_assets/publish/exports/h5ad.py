"""Datasets as AnnData files, in the current on-disk encoding, written with h5py alone.

Owns the AnnData encoding of tables, matrices and `uns`. Readable by `anndata.read_h5ad`
and by every tool that follows the AnnData on-disk format document.
Keep out: which datasets are exported, and the text forms of values (`tables`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

import h5py
import numpy as np
import numpy.typing as npt
import polars as pl

from polly_assets.native.sparse import transpose
from polly_assets.publish.content import DatasetContent, LargeMatrix, SparseColumns, Values
from polly_assets.publish.exports.base import Export, check_room, replacing
from polly_assets.publish.exports.h5ad_uns import encode, safe_name, write_mapping, write_value
from polly_assets.publish.exports.tables import (
    dense_blocks,
    dtype_of,
    exact_lists,
    json_text,
    plain_column,
    runs_of,
)

_TEXT = h5py.string_dtype()
_CURATED = "curated_"

TURNED_ENTRIES = 32_000_000
"""Stored values of a sparse matrix up to which it is held and written sample by sample."""

RUN_ENTRIES = 4_000_000
"""Stored values of a matrix that is not held that are read together; one block at least."""

CHUNK = (1_024, 64)
"""Samples and features of a chunk of a dense matrix that is not held; runs are of whole ones."""


class H5adExport(Export):
    """Everything of the dataset: tables, all matrices, metadata, curation.

    `obs` and `var` hold original and curated columns; lists are joined with `|`. `X` is
    samples x features, in its own value type; sparse as CSR, or, with more than TURNED_ENTRIES
    values, as CSC, which is how it is stored. `uns` holds the original dataset
    metadata under its own names, `curated` (the dataset's curated fields) and `provenance`
    (atlas, dataset id, source, checksum, version), then as JSON text `lists` (the exact list
    behind each joined text) and `original_names` (names that HDF5 cannot hold, such as `mg/dL`,
    or that are taken).
    """

    name: ClassVar[str] = "h5ad"
    suffix: ClassVar[str] = ".h5ad"

    def write(self, content: DatasetContent, out: Path) -> None:
        """Write `out`; a dataset without matrix has no `X`."""
        with replacing(out) as (part,), _created(part) as file:
            check_room(out, sum(map(_bytes, content.matrices.values())))
            encode(file, "anndata", "0.1.0")
            names = {
                "obs": _frame(file, "obs", content.samples),
                "var": _frame(file, "var", content.features),
            }
            names["layers"] = _matrices(file, content)
            for key in ("obsm", "varm", "obsp", "varp"):
                encode(file.create_group(key), "dict", "0.1.0")
            _uns(file, content, names)


@contextmanager
def _created(path: Path) -> Iterator[h5py.File]:
    """A new file. Raises OSError for a full disk, as which h5py does not know it in the end."""
    try:
        with h5py.File(path, "w", libver=("v108", "v110")) as file:
            yield file
    except RuntimeError as error:
        raise OSError(str(error)) from error


def _bytes(matrix: Values | LargeMatrix) -> int:
    """What the values of a matrix take, and of a sparse one their places."""
    size = dtype_of(matrix).itemsize
    if isinstance(matrix, SparseColumns):
        return len(matrix.values) * (size + 4)
    entries = matrix.entries if isinstance(matrix, LargeMatrix) else None
    features, samples = matrix.shape
    return features * samples * size if entries is None else entries * (size + 4)


def _uns(file: h5py.File, content: DatasetContent, names: dict[str, Any]) -> None:
    identity = {"atlas": content.atlas, "dataset_id": content.dataset_id}
    curated = {k: v for k, v in content.curated.items() if k.startswith(_CURATED)}
    provenance = {k: v for k, v in content.curated.items() if k not in curated}
    own = {"curated": curated, "provenance": {**identity, **provenance}}
    uns = file.create_group("uns")
    encode(uns, "dict", "0.1.0")
    for key, value in own.items():
        write_mapping(uns.create_group(key), value)
    names["uns"] = write_mapping(uns, content.metadata, taken=(*own, "lists", "original_names"))
    lists = {"obs": exact_lists(content.samples), "var": exact_lists(content.features)}
    write_value(uns, "lists", json_text(lists))
    write_value(uns, "original_names", json_text(names))


def _frame(parent: h5py.Group, key: str, frame: pl.DataFrame) -> dict[str, str]:
    """A table whose first column is the index; returns new to original column names."""
    group = parent.create_group(key)
    encode(group, "dataframe", "0.2.0")
    names: dict[str, str] = {}
    for column in frame.get_columns():
        name = safe_name(column.name, names)
        names[name] = column.name
        write = _column if len(names) > 1 else _texts
        write(group, name, plain_column(column))
    index, *others = names
    group.attrs["_index"] = index
    group.attrs.create("column-order", np.array(others, object), (len(others),), _TEXT)
    return {name: original for name, original in names.items() if name != original}


def _column(group: h5py.Group, name: str, column: pl.Series) -> None:
    if column.dtype == pl.String:
        if column.null_count() or column.n_unique() * 2 <= len(column):
            _categorical(group.create_group(name), column)
        else:
            _texts(group, name, column)
    elif column.dtype.is_float():
        _array(group, name, column.to_numpy())
    elif column.null_count():
        kind = "nullable-boolean" if column.dtype == pl.Boolean else "nullable-integer"
        nullable = group.create_group(name)
        encode(nullable, kind, "0.1.0")
        filler = False if column.dtype == pl.Boolean else 0
        _array(nullable, "values", column.fill_null(filler).to_numpy())
        _array(nullable, "mask", column.is_null().to_numpy())
    else:
        _array(group, name, column.to_numpy())


def _array(group: h5py.Group, name: str, values: npt.NDArray[Any]) -> None:
    encode(group.create_dataset(name, data=values), "array", "0.2.0")


def _texts(group: h5py.Group, name: str, column: pl.Series) -> None:
    """Text without gaps. HDF5 text ends at a NUL, so a NUL becomes U+FFFD."""
    words = column.str.replace_all("\0", "\ufffd", literal=True).to_numpy()
    encode(group.create_dataset(name, data=words, dtype=_TEXT), "string-array", "0.2.0")


def _categorical(group: h5py.Group, column: pl.Series) -> None:
    """Text that repeats, which is how AnnData writes it, or has gaps.

    Every AnnData since 0.8 reads such gaps, unlike nullable strings.
    """
    words = column.drop_nulls().unique().sort()
    codes = column.cast(pl.Enum(words)).to_physical().cast(pl.Int64).fill_null(-1)
    encode(group, "categorical", "0.2.0")
    group.attrs["ordered"] = False
    _texts(group, "categories", words)
    _array(group, "codes", codes.to_numpy().astype(np.min_scalar_type(-len(words) - 1)))


def _matrices(file: h5py.File, content: DatasetContent) -> dict[str, str]:
    """All matrices; returns new to original layer names."""
    layers = file.create_group("layers")
    encode(layers, "dict", "0.1.0")
    names: dict[str, str] = {}
    for name, matrix in content.matrices.items():
        if name == "X":
            _matrix(file, "X", matrix)
        elif name == "raw/X":
            _raw(file, content, matrix)
        else:
            layer = safe_name(name.removeprefix("layers/"), names)
            names[layer] = name
            _matrix(layers, layer, matrix)
    return {layer: name for layer, name in names.items() if name != f"layers/{layer}"}


def _raw(file: h5py.File, content: DatasetContent, matrix: Values | LargeMatrix) -> None:
    raw = file.create_group("raw")
    encode(raw, "raw", "0.1.0")
    _matrix(raw, "X", matrix)
    _frame(raw, "var", content.features.select("feature_id"))
    encode(raw.create_group("varm"), "dict", "0.1.0")


def _matrix(group: h5py.Group, name: str, matrix: Values | LargeMatrix) -> None:
    if isinstance(matrix, LargeMatrix) and matrix.entries is not None:
        if matrix.entries > TURNED_ENTRIES:
            _by_feature(group, name, matrix, matrix.entries)
            return
        matrix = _held(matrix, matrix.entries)
    if isinstance(matrix, SparseColumns):
        _by_sample(group, name, matrix)
    else:
        _dense(group, name, matrix)


def _dense(group: h5py.Group, name: str, matrix: npt.NDArray[Any] | LargeMatrix) -> None:
    # In one piece, each run would be strewn over all of a large file.
    chunks = tuple(map(min, CHUNK, matrix.shape[::-1])) if isinstance(matrix, LargeMatrix) else None
    node = group.create_dataset(name, matrix.shape[::-1], dtype_of(matrix), chunks=chunks)
    encode(node, "array", "0.2.0")
    for first, run in dense_blocks(matrix):
        if run.size:
            node[:, first : first + len(run)] = run.T


def _by_sample(group: h5py.Group, name: str, matrix: SparseColumns) -> None:
    turned = transpose(matrix.indptr, matrix.indices, matrix.values, matrix.shape[1])
    offsets = _offset_type(len(turned.values))
    node = _compressed(group, name, "csr_matrix", matrix.shape)
    node.create_dataset("data", data=turned.values)
    node.create_dataset("indices", data=turned.minors.astype(offsets, copy=False))
    node.create_dataset("indptr", data=turned.indptr.astype(offsets))


def _by_feature(group: h5py.Group, name: str, matrix: LargeMatrix, entries: int) -> None:
    offsets = _offset_type(entries)
    node = _compressed(group, name, "csc_matrix", matrix.shape)
    data = node.create_dataset("data", (entries,), matrix.dtype)
    indices = node.create_dataset("indices", (entries,), offsets)
    node.create_dataset("indptr", data=_filled(matrix, data, indices).astype(offsets))


def _held(matrix: LargeMatrix, entries: int) -> SparseColumns:
    values, indices = np.empty(entries, matrix.dtype), np.empty(entries, np.int32)
    return SparseColumns(_filled(matrix, values, indices), indices, values, matrix.shape)


_Entries: TypeAlias = npt.NDArray[Any] | h5py.Dataset


def _filled(matrix: LargeMatrix, values: _Entries, indices: _Entries) -> npt.NDArray[np.int64]:
    """Put the entries of a sparse matrix there; the offsets of its features."""
    indptr = np.zeros(matrix.shape[0] + 1, np.int64)
    at = 0
    for first, run in runs_of(matrix, RUN_ENTRIES):
        assert isinstance(run, SparseColumns)
        end = at + len(run.values)
        values[at:end], indices[at:end] = run.values, run.indices
        indptr[first + 1 : first + 1 + run.shape[0]] = run.indptr[1:] + at
        at = end
    return indptr


def _compressed(group: h5py.Group, name: str, kind: str, shape: tuple[int, int]) -> h5py.Group:
    node = group.create_group(name)
    encode(node, kind, "0.1.0")
    node.attrs["shape"] = np.array(shape[::-1], np.int64)
    return node


def _offset_type(entries: int) -> type[np.int32 | np.int64]:
    return np.int32 if entries <= np.iinfo(np.int32).max else np.int64
