"""Reads loom files (`.loom`) of versions 1 to 3: one matrix of genes x cells, and its layers.

Owns which attributes name genes and cells, and how loom writes text. Keep out: access to HDF5
(`hdf5.access`), columns (`h5ad.frames`) and matrices (`hdf5.dense`).

Format: https://linnarssonlab.org/loompy/format/index.html
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import polars as pl

from polly_assets.ingest.formats.base import FailedDataset, Matrix, ParsedDataset, Reader, Source
from polly_assets.ingest.formats.beside.sidecars import describe, read_sidecars
from polly_assets.ingest.formats.checks import check_features, check_many_samples
from polly_assets.ingest.formats.h5ad.elements import conversion
from polly_assets.ingest.formats.h5ad.frames import as_text, plain_series
from polly_assets.ingest.formats.hdf5.access import (
    Findings,
    attribute,
    attribute_names,
    child,
    is_hdf5,
    keys,
    opened,
    plain_text,
    read_array,
)
from polly_assets.ingest.formats.hdf5.dense import read_dense
from polly_assets.ingest.formats.hdf5.nodes import Dataset, Group
from polly_assets.ingest.formats.streams.table import unique_names
from polly_assets.ingest.formats.wording import counted
from polly_assets.schema import SINGLE_CELL
from polly_resources.errors import BadInput

_GENES = ("Gene", "var_names", "Accession", "gene_names", "gene", "GeneName", "gene_ids")
_CELLS = ("CellID", "obs_names", "cell_names", "cell_id", "Barcode", "barcode", "barcodes", "cell")
_PARTS = ("attrs", "col_attrs", "layers", "matrix", "row_attrs")
_HINT = "a loom file holds /matrix, /row_attrs and /col_attrs; write it anew with loompy"


class LoomReader(Reader):
    """One `.loom` file is one dataset; its columns are the samples."""

    name: ClassVar[str] = "loom"
    suffixes: ClassVar[tuple[str, ...]] = (".loom",)

    def sniff(self, name: str, head: bytes) -> bool:
        """HDF5 that is called `.loom`; other HDF5 formats share the signature."""
        return name.removesuffix(".gz").endswith(self.suffixes) and is_hdf5(head)

    def read(self, source: Source) -> Iterator[ParsedDataset | FailedDataset]:
        """The file's one dataset.

        Raises BadInput `missing_element`, `bad_matrix`, `shape_mismatch`, `missing_index`,
        `column_length`, `duplicate_sample_ids`, or what HDF5 fails for.
        """
        with opened(source) as file:
            dataset = _read(file, source)
        yield dataset


def _read(file: Group, source: Source) -> ParsedDataset:
    findings = Findings()
    stored = _matrix_dataset(file)
    rows, columns = stored.shape
    features = _table(file, "row_attrs", _GENES, rows, findings).rename({"id": "feature_id"})
    samples = _table(file, "col_attrs", _CELLS, columns, findings).rename({"id": "sample_id"})
    check_many_samples(samples["sample_id"], lambda i: f"/col_attrs[{i}]", source.name)
    features, repeated = check_features(features)
    matrices = tuple(_matrices(file, stored, source.name, findings))
    metadata = _metadata(file, findings)
    findings.not_loaded += [
        plain_text(name) for name in keys(file) if name not in _PARTS and _holds(file, name)
    ]
    findings.note_not_loaded()
    described = describe(source, samples, features, read_sidecars(source))
    return ParsedDataset(
        dataset_id=described.dataset_id,
        format=LoomReader.name,
        metadata=metadata | dict(described.metadata),
        samples=described.samples,
        features=described.features,
        matrices=matrices,
        data_type=described.data_type or SINGLE_CELL,
        notices=(*findings.notices, *repeated, *described.notices),
    )


def _matrix_dataset(file: Group) -> Dataset:
    found = child(file, "matrix")
    if found is None:
        raise BadInput(
            "missing_element",
            f"found {', '.join(map(plain_text, keys(file)[:10])) or 'nothing'}, expected 'matrix'",
            place="/matrix",
            hint=_HINT,
        )
    if isinstance(found, Dataset) and found.shape is not None and len(found.shape) == 2:
        if 0 not in found.shape:
            return found
        raise BadInput("no_rows", f"found a matrix of {found.shape}", place="/matrix", hint=_HINT)
    kind = f"an array of shape {found.shape}" if isinstance(found, Dataset) else "a group"
    raise BadInput(
        "bad_matrix", f"found {kind}, expected genes x cells", place="/matrix", hint=_HINT
    )


def _table(
    file: Group, side: str, id_names: Sequence[str], length: int, findings: Findings
) -> pl.DataFrame:
    """The attributes of rows or columns: `id` first, then those that it was not made of."""
    group = child(file, side)
    names = keys(group) if isinstance(group, Group) else []
    found: dict[str, pl.Series] = {}
    for name in names:
        node = child(file, f"{side}/{name}")
        column = _column(node, findings) if isinstance(node, Dataset) else None
        if column is None:
            findings.not_loaded.append(f"{side}/{plain_text(name)}")
        elif len(column) != length:
            raise BadInput(
                "column_length",
                f"found {counted(len(column), 'value')}, expected {length} as the matrix has",
                place=f"/{side}/{plain_text(name)}",
                hint=_HINT,
            )
        else:
            found[plain_text(name)] = column
    key = _id_name(found, id_names)
    if key is None:
        raise BadInput(
            "missing_index",
            f"found {', '.join(found) or 'nothing'}, expected an attribute such as {id_names[0]}",
            place=f"/{side}",
            hint=f"give the file an attribute {id_names[0]} with the name of each",
        )
    ids = as_text(found.pop(key)).alias("id")
    reserved = {"row_attrs": "feature_id", "col_attrs": "sample_id"}[side]
    columns = zip(unique_names(list(found), reserved), found.values(), strict=True)
    return pl.DataFrame([ids, *(column.alias(name) for name, column in columns)])


def _id_name(found: dict[str, pl.Series], known: Sequence[str]) -> str | None:
    """The first known name, else the first attribute of text that is unique."""
    for name in known:
        if name in found:
            return name
    for name, column in found.items():
        if column.dtype == pl.String and column.n_unique() == len(column):
            return name
    return None


def _column(node: Dataset, findings: Findings) -> pl.Series | None:
    """An attribute; in text, what older writers wrote as `&amp;` and the like is unescaped."""
    if not node.shape:
        return None
    column = plain_series(read_array(node), node.dtype, plain_text(node.name), findings)
    if (
        column is None
        or column.dtype != pl.String
        or not column.str.contains("&", literal=True).any()
    ):
        return column
    return pl.Series(
        [text if text is None else html.unescape(text) for text in column], dtype=pl.String
    )


def _matrices(file: Group, stored: Dataset, name: str, findings: Findings) -> Iterator[Matrix]:
    convert = conversion(stored.dtype, stored.name, findings)
    yield read_dense(stored, convert, True, name)
    layers = child(file, "layers")
    findings.not_loaded += ["layers"] if isinstance(layers, Dataset) else []
    for key in keys(layers) if isinstance(layers, Group) else []:
        layer = child(file, f"layers/{key}")
        if not isinstance(layer, Dataset):
            findings.not_loaded.append(f"layers/{plain_text(key)}")
            continue
        if layer.shape != stored.shape:
            raise BadInput(
                "shape_mismatch",
                f"found shape {layer.shape}, expected {stored.shape} as the matrix has",
                place=plain_text(layer.name),
                hint=_HINT,
            )
        convert = conversion(layer.dtype, layer.name, findings)
        yield read_dense(layer, convert, True, name, f"layers/{plain_text(key)}")


def _metadata(file: Group, findings: Findings) -> dict[str, Any]:
    """What the file says of itself: attributes of the root, and scalars of `attrs` since 3.0."""
    found = {plain_text(name): _plain(attribute(file, name)) for name in attribute_names(file)}
    group = child(file, "attrs")
    findings.not_loaded += ["attrs"] if isinstance(group, Dataset) else []
    for name in keys(group) if isinstance(group, Group) else []:
        node = child(file, f"attrs/{name}")
        found[plain_text(name)] = None
        if isinstance(node, Dataset) and node.shape in ((), (1,)):
            found[plain_text(name)] = _plain(read_array(node).item())
    left = [name for name, value in found.items() if value is None]
    findings.not_loaded += [f"attrs/{name}" for name in left]
    return {name: value for name, value in found.items() if value is not None}


def _plain(value: Any) -> str | int | float | bool | None:
    if getattr(value, "size", 0) == 1:
        value = value.item()
    if isinstance(value, bytes):
        value = plain_text(value)
    return value if isinstance(value, str | int | float | bool) else None


def _holds(file: Group, name: str) -> bool:
    """Whether there is anything in a group; loompy writes empty ones."""
    node = child(file, name)
    return not isinstance(node, Group) or bool(keys(node))
