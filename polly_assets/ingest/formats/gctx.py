"""GCTX, the Broad Institute's matrix in HDF5, with h5py alone.

Owns where the format keeps things: `/0/DATA/0/matrix` holds samples x features, each dataset
of `/0/META/ROW` describes the features and each of `/0/META/COL` the samples, `id` names them.
Metadata keeps its type and its values, `-666` included (cmapPy reads that as missing, and
numbers in text as numbers; here a column is what the file says).
Keep out: access to HDF5 (`hdf5.access`), columns (`h5ad.frames`), reading of large matrices
(`hdf5.dense`), the files beside (`beside.sidecars`).

Format: Enache et al. 2019, doi:10.1093/bioinformatics/bty784.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, ClassVar

import polars as pl

from polly_assets.ingest.formats.base import (
    FailedDataset,
    Matrix,
    ParsedDataset,
    Reader,
    Source,
)
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
from polly_assets.ingest.formats.hdf5.nodes import Dataset, Group, Node
from polly_assets.ingest.formats.streams.table import unique_names
from polly_assets.ingest.formats.wording import counted
from polly_resources.errors import BadInput

_MATRIX = "0/DATA/0/matrix"
_VERSION = re.compile(r"GCTX1(\.\d+)?", re.IGNORECASE)
_DEEPEST = 8
"""Levels of groups below ROW and COL: a column named `a/b` is the dataset `b` of group `a`."""

_HINT = "write the file anew with cmapPy, cmapR or cmapM"


class GctxReader(Reader):
    """Reads GCTX 1.0, plain or gzipped, with a JSON, CSV, TSV or `.cls` sidecar."""

    name: ClassVar[str] = "gctx"
    suffixes: ClassVar[tuple[str, ...]] = (".gctx",)

    def sniff(self, name: str, head: bytes) -> bool:
        """HDF5 that is called `.gctx`; other HDF5 formats share the signature."""
        return name.removesuffix(".gz").endswith(self.suffixes) and is_hdf5(head)

    def read(self, source: Source) -> Iterator[ParsedDataset | FailedDataset]:
        """The file's one dataset.

        Raises BadInput `unsupported_version`, `missing_element`, `shape_mismatch`,
        `column_length`, `missing_id`, `duplicate_sample_ids`, or what HDF5 fails for.
        """
        with opened(source) as file:
            dataset = _read(file, source)
        yield dataset


def _read(file: Group, source: Source) -> ParsedDataset:
    findings = Findings()
    attributes = _attributes(file, findings)
    stored = _matrix_dataset(file)
    samples = _table(file, "COL", "sample_id", findings)
    features = _table(file, "ROW", "feature_id", findings)
    check_many_samples(samples["sample_id"], lambda i: f"/0/META/COL/id[{i}]", source.name)
    features, repeated = check_features(features)
    if not samples.height:
        raise BadInput(
            "no_samples", "found 0 samples, expected at least 1", place="/0/META/COL/id", hint=_HINT
        )
    matrix = _matrix(stored, samples.height, features.height, source.name, findings)
    if not features.height:
        findings.note("no_matrix", f"{source.name} has samples and no features")
    _list_left_out(file, findings)
    described = describe(source, samples, features, read_sidecars(source))
    return ParsedDataset(
        dataset_id=described.dataset_id,
        format=GctxReader.name,
        metadata=attributes | dict(described.metadata),
        samples=described.samples,
        features=described.features,
        matrices=(matrix,) if features.height else (),
        data_type=described.data_type,
        notices=(*findings.notices, *repeated, *described.notices),
    )


def _attributes(file: Group, findings: Findings) -> dict[str, Any]:
    """What the file says about itself: `version`, `src` and whatever else is text or a number."""
    version = _plain(attribute(file, "version"))
    if version is None:
        findings.note("no_version", "the file does not name its version; read as GCTX1.0", "/")
    elif not _VERSION.fullmatch(str(version)):
        raise BadInput(
            "unsupported_version",
            f"found {str(version)[:60]!r}, expected GCTX1.0",
            place="/@version",
            hint=_HINT,
        )
    found = {plain_text(name): _plain(attribute(file, name)) for name in attribute_names(file)}
    findings.not_loaded += [f"@{name}" for name, value in found.items() if value is None]
    return {name: value for name, value in found.items() if value is not None}


def _plain(value: Any) -> str | int | float | bool | None:
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if getattr(value, "size", 0) == 1:
        value = value.item()
    return value if isinstance(value, str | int | float | bool) else None


def _missing(group: Group, place: str) -> BadInput:
    found = ", ".join(keys(group)[:10]) or "nothing"
    return BadInput(
        "missing_element",
        f"found {found} in {group.name}, expected {place}",
        place=place,
        hint="a GCTX file holds /0/DATA/0/matrix, /0/META/ROW/id and /0/META/COL/id; " + _HINT,
    )


def _node(file: Group, path: str) -> Node:
    """The object at a path; BadInput `missing_element` tells what lies where it should."""
    group = file
    *outer, last = path.split("/")
    for part in outer:
        inner = child(group, part)
        if not isinstance(inner, Group):
            raise _missing(group, f"/{path}")
        group = inner
    found = child(group, last)
    if found is None:
        raise _missing(group, f"/{path}")
    return found


def _matrix_dataset(file: Group) -> Dataset:
    node = _node(file, _MATRIX)
    if isinstance(node, Dataset) and node.shape is not None and len(node.shape) == 2:
        return node
    found = f"an array of shape {node.shape}" if isinstance(node, Dataset) else "a group"
    raise BadInput(
        "bad_matrix",
        f"found {found}, expected samples x features",
        place=f"/{_MATRIX}",
        hint=_HINT,
    )


def _matrix(stored: Dataset, samples: int, features: int, file: str, findings: Findings) -> Matrix:
    if stored.shape not in ((samples, features), (features, samples)):
        raise BadInput(
            "shape_mismatch",
            f"found {stored.shape[0]} x {stored.shape[1]} values, expected {samples} x {features}: "
            "one row per id of COL, one column per id of ROW",
            place=stored.name,
            hint=_HINT,
        )
    turned = stored.shape != (samples, features)
    if turned:
        message = f"stored as {features} features x {samples} samples; read as such"
        findings.note("transposed_x", message, stored.name)
    convert = conversion(stored.dtype, stored.name, findings)
    return read_dense(stored, convert, turned, file)


def _table(file: Group, side: str, id_name: str, findings: Findings) -> pl.DataFrame:
    """The ids and columns of ROW or COL, in the order of their names, as HDF5 keeps them."""
    place = f"0/META/{side}"
    ids_at = _node(file, f"{place}/id")
    group = _node(file, place)
    assert isinstance(group, Group)
    ids = _column(ids_at, findings)
    if ids is None:
        raise BadInput(
            "bad_index", "found no list of text or numbers", place=f"/{place}/id", hint=_HINT
        )
    table = {id_name: as_text(ids)}
    columns = dict(_columns(group, "", _DEEPEST, findings))
    names = unique_names(list(columns), id_name)
    for new, (name, column) in zip(names, columns.items(), strict=True):
        if len(column) != len(ids):
            raise BadInput(
                "column_length",
                f"found {counted(len(column), 'value')}, expected {len(ids)}, as many as ids",
                place=f"/{place}/{name}",
                hint=_HINT,
            )
        table[new] = column
    return pl.DataFrame(table)


def _columns(
    group: Group, prefix: str, depth: int, findings: Findings
) -> Iterator[tuple[str, pl.Series]]:
    for key in keys(group):
        name, node = prefix + plain_text(key), child(group, key)
        if name == "id" or node is None:
            continue
        if isinstance(node, Group) and depth:
            yield from _columns(node, f"{name}/", depth - 1, findings)
        elif (column := _column(node, findings)) is not None:
            yield name, column
        else:
            findings.not_loaded.append(plain_text(node.name[1:]))


def _column(node: Node, findings: Findings) -> pl.Series | None:
    if not isinstance(node, Dataset) or not node.shape:
        return None
    return plain_series(read_array(node), node.dtype, plain_text(node.name), findings)


def _list_left_out(file: Group, findings: Findings) -> None:
    """Notes whatever else the file holds."""
    known = {"": "0", "0": "DATA META", "0/DATA": "0", "0/DATA/0": "matrix", "0/META": "COL ROW"}
    for place, expected in known.items():
        group = child(file, place) if place else file
        others = set(keys(group)) - set(expected.split()) if isinstance(group, Group) else ()
        findings.not_loaded += [f"{place}/{name}".lstrip("/") for name in sorted(others)]
    findings.note_not_loaded()
