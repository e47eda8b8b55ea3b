"""Datasets as AnnData files, in the current on-disk encoding, written with h5py alone.

Owns the AnnData encoding of tables, matrices and `uns`. Readable by `anndata.read_h5ad`
and by every tool that follows the AnnData on-disk format document.
Keep out: which datasets are exported, and the text forms of values (`tables`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import h5py
import numpy as np
import numpy.typing as npt
import polars as pl

from polly_assets.publish.content import DatasetContent, SparseColumns
from polly_assets.publish.exports.base import Export, replacing
from polly_assets.publish.exports.h5ad_uns import encode, safe_name, write_mapping, write_value
from polly_assets.publish.exports.tables import exact_lists, json_text, plain

_TEXT = h5py.string_dtype()
_CURATED = "curated_"
_RADIX = 1 << 16


class H5adExport(Export):
    """Everything of the dataset: tables, all matrices, metadata, curation.

    `obs` and `var` hold original and curated columns; lists are joined with `|`. `X` is
    samples x features, sparse as CSR, in its own value type. `uns` holds the original dataset
    metadata under its own names, `curated` (the dataset's curated fields) and `provenance`
    (atlas, dataset id, source, checksum, version), then as JSON text `lists` (the exact list
    behind each joined text) and `original_names` (names that HDF5 cannot hold, such as `mg/dL`,
    or that are taken).
    """

    name: ClassVar[str] = "h5ad"
    suffix: ClassVar[str] = ".h5ad"

    def write(self, content: DatasetContent, out: Path) -> None:
        """Write `out`; a dataset without matrix has no `X`."""
        with replacing(out) as (part,), h5py.File(part, "w", libver=("v108", "v110")) as file:
            encode(file, "anndata", "0.1.0")
            names = {
                "obs": _frame(file, "obs", content.samples),
                "var": _frame(file, "var", content.features),
            }
            names["layers"] = _matrices(file, content)
            for key in ("obsm", "varm", "obsp", "varp"):
                encode(file.create_group(key), "dict", "0.1.0")
            _uns(file, content, names)


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
    for column in plain(frame).get_columns():
        name = safe_name(column.name, names)
        names[name] = column.name
        _column(group, name, column)
    index, *others = names
    group.attrs["_index"] = index
    group.attrs.create("column-order", np.array(others, object), (len(others),), _TEXT)
    return {name: original for name, original in names.items() if name != original}


def _column(group: h5py.Group, name: str, column: pl.Series) -> None:
    if column.dtype == pl.String:
        if column.null_count():
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
    """Text with gaps: every AnnData since 0.8 reads it, unlike nullable strings."""
    words = column.drop_nulls().unique().sort()
    ranks = {word: code for code, word in enumerate(words.to_list())}
    codes = [-1 if word is None else ranks[word] for word in column.to_list()]
    encode(group, "categorical", "0.2.0")
    group.attrs["ordered"] = False
    _texts(group, "categories", words)
    _array(group, "codes", np.array(codes, np.min_scalar_type(-len(ranks) - 1)))


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


def _raw(
    file: h5py.File, content: DatasetContent, matrix: npt.NDArray[Any] | SparseColumns
) -> None:
    raw = file.create_group("raw")
    encode(raw, "raw", "0.1.0")
    _matrix(raw, "X", matrix)
    _frame(raw, "var", content.features.select("feature_id"))
    encode(raw.create_group("varm"), "dict", "0.1.0")


def _matrix(group: h5py.Group, name: str, matrix: npt.NDArray[Any] | SparseColumns) -> None:
    if not isinstance(matrix, SparseColumns):
        _array(group, name, matrix.T)
        return
    features, samples = matrix.shape
    short = samples < _RADIX  # numpy sorts 16-bit keys in linear time
    keys = matrix.indices.astype(np.uint16) if short else matrix.indices
    order = np.argsort(keys, kind="stable")
    offsets = matrix.indptr[1:] - matrix.indptr[:-1]
    owners = np.repeat(np.arange(features, dtype=np.int32), offsets)
    counts = np.bincount(matrix.indices, minlength=samples)
    small = len(order) <= np.iinfo(np.int32).max
    starts = np.concatenate(([0], np.cumsum(counts))).astype(np.int32 if small else np.int64)
    node = group.create_group(name)
    encode(node, "csr_matrix", "0.1.0")
    node.attrs["shape"] = np.array([samples, features], np.int64)
    node.create_dataset("data", data=matrix.values[order])
    node.create_dataset("indices", data=owners[order].astype(starts.dtype, copy=False))
    node.create_dataset("indptr", data=starts)
