"""Reads 10x Cell Ranger's HDF5 matrices: version 3 (`/matrix`), and a group per genome before.

Owns how the groups become datasets: one for version 3, whatever its genomes; one per genome
of versions 1 and 2, called `<id>_<genome>` where there are several.
Keep out: access to HDF5 (`hdf5.access`) and the turn to features first (`hdf5.sparse`).

Format: https://www.10xgenomics.com/support/software/cell-ranger/latest/analysis/outputs/cr-outputs-h5-matrices
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from polly_assets.ingest.formats.base import FailedDataset, Matrix, ParsedDataset, Reader, Source
from polly_assets.ingest.formats.beside.sidecars import Sidecar, describe, read_sidecars
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
from polly_assets.ingest.formats.hdf5.nodes import Dataset, Group
from polly_assets.ingest.formats.hdf5.sparse import by_sample, stored
from polly_assets.ingest.formats.streams.table import unique_names
from polly_assets.ingest.formats.streams.text import dataset_id_from_name, safe_id
from polly_assets.ingest.formats.wording import counted
from polly_assets.native.sparse import KeyOutOfRange
from polly_assets.schema import SINGLE_CELL
from polly_resources.errors import BadInput

_VERSION_3 = "matrix"
_PARTS = ("barcodes", "data", "features", "genes", "indices", "indptr", "shape")
_TAGS = "_all_tag_keys"

_KNOWN = {
    "obs": "an AnnData file: name it .h5ad",
    "0": "a GCTX file: name it .gctx",
    "row_attrs": "a loom file: name it .loom",
    "barcode_info": "molecule information: give the filtered_feature_bc_matrix.h5 of the run",
    "mod": "MuData: write each modality by itself, as AnnData",
    "est_counts": "kallisto's copy of abundance.tsv: give that (kallisto h5dump writes it)",
    "assays": "a Seurat file: convert it to .h5ad",
}
"""What a root that is none of ours says the file is."""


class TenxH5Reader(Reader):
    """Reads `filtered_feature_bc_matrix.h5` and its relatives; X stays sparse."""

    name = "tenx_h5"
    suffixes = (".h5", ".hdf5")

    def sniff(self, name: str, head: bytes) -> bool:
        """HDF5 that is called `.h5`; other HDF5 formats share the signature."""
        return name.removesuffix(".gz").endswith(self.suffixes) and is_hdf5(head)

    def read(self, source: Source) -> Iterator[ParsedDataset | FailedDataset]:
        """A dataset per matrix; where there are several, the faults of one fail it alone."""
        with opened(source) as file:
            found = _datasets(file, source)
        yield from found


def _datasets(file: Group, source: Source) -> list[ParsedDataset | FailedDataset]:
    groups = _groups(file)
    own = [group.name for group in groups]
    left = [plain_text(name) for name in keys(file) if f"/{name}" not in own]
    sidecars = read_sidecars(source)
    if len(groups) == 1:
        return [_dataset(groups[0], source, sidecars, "", left)]
    found: list[ParsedDataset | FailedDataset] = []
    for group in groups:
        genome = plain_text(group.name).strip("/")
        try:
            found.append(_dataset(group, source, sidecars, genome, left))
        except BadInput as error:
            error.file = error.file or source.name
            found.append(FailedDataset(_named(_id(source, sidecars), genome), error))
    return found


def _groups(file: Group) -> list[Group]:
    """The groups that hold a matrix; BadInput `not_tenx` where there is none."""
    names = keys(file)
    nodes = {name: child(file, name) for name in names}
    groups = {name: node for name, node in nodes.items() if isinstance(node, Group)}
    if _VERSION_3 in groups:
        return [groups[_VERSION_3]]
    found = [group for group in groups.values() if {"barcodes", "genes"} <= set(keys(group))]
    if found:
        return found
    known = next((what for name, what in _KNOWN.items() if name in names), "")
    if not known and any("axis0" in keys(node) for node in groups.values()):
        known = "tables of pandas: write each with to_csv or to_parquet"
    raise BadInput(
        "not_tenx",
        f"found {', '.join(map(plain_text, names[:10])) or 'nothing'}; expected the group "
        "'matrix', or one with barcodes and genes per genome",
        place="/",
        hint=f"this seems to be {known}" if known else "see docs/formats.md for what can be read",
    )


def _dataset(
    group: Group,
    source: Source,
    sidecars: Sequence[Sidecar],
    genome: str,
    left: Sequence[str],
) -> ParsedDataset:
    """One matrix; `genome` tells it from others of the file, `left` is what else is there."""
    findings = Findings(not_loaded=list(left))
    barcodes, features = _texts(group, findings)
    place = f"{group.name}/barcodes"
    check_many_samples(barcodes, lambda row: f"{place}[{row}]", source.name)
    samples = pl.DataFrame({"sample_id": barcodes})
    features, more = check_features(features)
    matrix = _matrix(group, features.height, samples.height, findings)
    metadata = _metadata(group, findings)
    described = describe(source, samples, features, sidecars)
    findings.note_not_loaded()
    return ParsedDataset(
        dataset_id=_named(described.dataset_id, genome),
        format=TenxH5Reader.name,
        metadata=metadata | dict(described.metadata),
        samples=described.samples,
        features=described.features,
        matrices=(matrix,),
        data_type=described.data_type or SINGLE_CELL,
        notices=(*findings.notices, *more, *described.notices),
    )


def _named(dataset_id: str, genome: str) -> str:
    return f"{dataset_id}_{safe_id(genome) or 'genome'}" if genome else dataset_id


def _id(source: Source, sidecars: Sequence[Sidecar]) -> str:
    given = next((sidecar.dataset_id for sidecar in sidecars if sidecar.dataset_id), "")
    return given or dataset_id_from_name(source.name)


def _metadata(group: Group, findings: Findings) -> dict[str, Any]:
    """The attributes of the file by name (chemistry, library ids, ...), and a lone genome."""
    found = {}
    file = group.root
    for name in attribute_names(file):
        value = attribute(file, name)
        if isinstance(value, np.ndarray | np.generic):
            value = value.tolist()
        if isinstance(value, bool | int | float | str | list):
            found[plain_text(name)] = value
        else:
            findings.not_loaded.append(f"@{plain_text(name)}")
    old = group.name != f"/{_VERSION_3}"
    return found | ({"genome": plain_text(group.name)[1:]} if old else {})


def _texts(group: Group, findings: Findings) -> tuple[pl.Series, pl.DataFrame]:
    """Barcodes, and the table of features; what is no column of it is noted as left."""
    barcodes = as_text(_column(group, "barcodes", findings)).alias("sample_id")
    inner = child(group, "features")
    if isinstance(inner, Group):
        key, others = "id", [name for name in keys(inner) if name not in ("id", _TAGS)]
        more = [plain_text(name) for name in keys(group) if name not in _PARTS]
        findings.not_loaded += [f"{group.name[1:]}/{name}" for name in more]
    elif group.name == f"/{_VERSION_3}" and "genes" not in keys(group):
        if inner is None:
            raise _lacks(group, "features")
        raise _bad_part("found an array", "the group of the features' columns", inner.name)
    else:
        inner, key, others = group, "genes", [n for n in keys(group) if n not in _PARTS]
    ids = _column(inner, key, findings)
    columns = []
    for name in others:
        node = child(inner, name)
        if isinstance(node, Dataset) and _describes(node, len(ids), alone=inner is not group):
            columns.append((plain_text(name), _column(inner, name, findings)))
        else:
            findings.not_loaded.append(f"{inner.name[1:]}/{plain_text(name)}")
    labels = unique_names([name for name, _ in columns], "feature_id")
    table = dict(zip(labels, (column for _, column in columns), strict=True))
    return barcodes, pl.DataFrame({"feature_id": as_text(ids)} | table)


def _describes(node: Dataset, features: int, *, alone: bool) -> bool:
    """Whether a list has a value for each feature.

    Other tools put lists of other lengths beside `genes`, but not into the group of the features
    `alone`.
    """
    if node.shape is None or len(node.shape) != 1:
        return False
    length = node.shape[0]
    if length != features and (alone or node.name.endswith("/gene_names")):
        raise _mismatch(counted(length, "value"), f"{features}, one for each feature", node.name)
    return bool(length == features)


def _column(group: Group, name: str, findings: Findings) -> pl.Series:
    dataset = _part(group, name)
    values = read_array(dataset)
    column = plain_series(values, dataset.dtype, dataset.name, findings)
    if column is None:
        found = f"found {dataset.dtype} of shape {dataset.shape}"
        raise _bad_part(found, "a list of text or numbers", dataset.name)
    return column


def _part(group: Group, name: str) -> Dataset:
    node = child(group, name)
    if node is None:
        raise _lacks(group, name)
    if isinstance(node, Dataset) and node.shape is not None and len(node.shape) == 1:
        return node
    found = f"an array of shape {node.shape}" if isinstance(node, Dataset) else "a group"
    raise _bad_part(f"found {found}", "a list of values", node.name)


def _lacks(group: Group, name: str) -> BadInput:
    return BadInput(
        "missing_element",
        f"found {', '.join(map(plain_text, keys(group))) or 'nothing'}; expected {name!r}",
        place=f"{group.name}/{name}",
        hint="the file is incomplete: write it anew, or give Cell Ranger's own output",
    )


def _bad_part(found: str, expected: str, place: str) -> BadInput:
    return BadInput(
        "bad_sparse",
        f"{found}; expected {expected}",
        place=place,
        hint="give Cell Ranger's own output, or write the file anew",
    )


def _mismatch(found: str, expected: str, place: str) -> BadInput:
    return BadInput(
        "shape_mismatch",
        f"found {found}, expected {expected}",
        place=place,
        hint="the parts of the file are of different matrices; give Cell Ranger's own output",
    )


def _matrix(group: Group, features: int, samples: int, findings: Findings) -> Matrix:
    shape = tuple(_whole(group, "shape").tolist())
    if shape != (features, samples):
        found = " x ".join(map(str, shape))
        expected = f"{features} features x {samples} barcodes"
        raise _mismatch(f"the shape {found}", expected, f"{group.name}/shape")
    indptr = _whole(group, "indptr").astype(np.int64)
    indices, data = _part(group, "indices"), _part(group, "data")
    _check_offsets(indptr, samples, indices, data, group.name)
    convert = conversion(data.dtype, data.name, findings)
    kind = str(convert(np.zeros(0, data.dtype.newbyteorder("="))).dtype)
    try:
        matrix, repeated = by_sample(stored(indptr, indices, data, convert), features, kind)
    except KeyOutOfRange as error:
        place = f"{indices.name}[{error.at}]"
        raise _bad_part(f"found feature {error.key}", f"0 to {features - 1}", place) from None
    if repeated:
        message = (
            f"{counted(repeated, 'entry repeats', 'entries repeat')} a place, and all were summed"
        )
        findings.note("duplicate_entries", message, group.name)
    return matrix


def _whole(group: Group, name: str) -> npt.NDArray[Any]:
    dataset = _part(group, name)
    if dataset.dtype.kind not in "iu":
        raise _bad_part(f"found values of type {dataset.dtype}", "whole numbers", dataset.name)
    return read_array(dataset)


def _check_offsets(
    indptr: npt.NDArray[np.int64],
    samples: int,
    indices: Dataset,
    data: Dataset,
    place: str,
) -> None:
    if len(indptr) != samples + 1:
        expected = f"{samples + 1}, one for each barcode and the end"
        raise _mismatch(counted(len(indptr), "offset"), expected, f"{place}/indptr")
    if indptr[0] != 0 or np.any(indptr[1:] < indptr[:-1]):
        found = "found offsets that do not ascend from 0"
        raise _bad_part(found, "the place of each barcode's first entry", f"{place}/indptr")
    if indices.dtype.kind not in "iu":
        raise _bad_part(f"found values of type {indices.dtype}", "whole numbers", indices.name)
    for part in (indices, data):
        if part.shape[0] != indptr[-1]:
            raise _mismatch(
                counted(part.shape[0], "value"), f"{indptr[-1]} as in indptr", part.name
            )
