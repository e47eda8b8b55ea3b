"""Reads AnnData files (`.h5ad`), every on-disk age since 0.5, with h5py alone.

Owns how the elements of a file become one dataset: samples are `obs`, features are `var`,
matrices are `X`, `layers/NAME` and `raw/X`. Encodings of single elements belong to
`frames`, `elements` and `metadata`; access to HDF5 to `hdf5.access`.
The source of the layout is AnnData's on-disk format document and the files of its archive.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import polars as pl

from polly_assets.ingest.formats.base import (
    FailedDataset,
    Matrix,
    ParsedDataset,
    Reader,
    Source,
)
from polly_assets.ingest.formats.h5ad.elements import Layout, read_matrix
from polly_assets.ingest.formats.h5ad.exchanged import exchanged
from polly_assets.ingest.formats.h5ad.frames import read_frame, read_ids
from polly_assets.ingest.formats.h5ad.metadata import (
    list_left_out,
    read_sidecar,
    read_uns,
    sidecar_dataset_id,
    uns_categories,
)
from polly_assets.ingest.formats.hdf5.access import (
    Findings,
    child,
    is_hdf5,
    keys,
    opened,
    plain_text,
    required,
)
from polly_assets.ingest.formats.hdf5.nodes import Dataset, Group, Node
from polly_assets.ingest.formats.streams.table import unique_names
from polly_assets.ingest.formats.streams.text import dataset_id_from_name
from polly_assets.ingest.formats.wording import counted
from polly_assets.schema import SINGLE_CELL
from polly_resources.errors import BadInput

_SHOWN = 5
"""Names quoted in a message; the rest are counted."""


class H5adReader(Reader):
    """One `.h5ad` file is one dataset; its observations are the samples."""

    name: ClassVar[str] = "h5ad"
    suffixes: ClassVar[tuple[str, ...]] = (".h5ad",)

    def sniff(self, name: str, head: bytes) -> bool:
        """HDF5 that is called `.h5ad`; other HDF5 formats share the signature."""
        return name.removesuffix(".gz").endswith(self.suffixes) and is_hdf5(head)

    def read(self, source: Source) -> Iterator[ParsedDataset | FailedDataset]:
        """The file's one dataset; the file is closed before it is yielded."""
        with opened(source) as file:
            dataset = _read(file, source)
        yield dataset


def _read(file: Group, source: Source) -> ParsedDataset:
    _check_single(file)
    findings = Findings()
    sidecar = dict(read_sidecar(source, findings))
    uns = child(file, "uns")
    tables, used = _tables(file, uns, findings)
    tables = replace(tables, file=source.name)
    samples, features = tables.samples, tables.features
    _check_ids(tables, findings)
    matrices = tuple(_matrices(file, tables, findings))
    described = read_uns(uns, used, findings)
    list_left_out(file, findings)
    findings.note_not_loaded()
    dataset_id = sidecar_dataset_id(sidecar) or dataset_id_from_name(source.name)
    sidecar.pop("dataset_id", None)
    _note_overridden(described, sidecar, findings)
    metadata = {**described, **sidecar}
    data_type = metadata.get("data_type")
    return ParsedDataset(
        dataset_id=dataset_id,
        format=H5adReader.name,
        metadata=metadata,
        samples=samples,
        features=features,
        matrices=matrices,
        data_type=data_type if isinstance(data_type, str) and data_type else SINGLE_CELL,
        notices=tuple(findings.notices),
    )


def _check_single(file: Group) -> None:
    """Refuse MuData, whose modalities are AnnData of their own, with other observations."""
    modalities = child(file, "mod")
    if isinstance(modalities, Group) and child(file, "X") is None:
        raise BadInput(
            "unsupported_format",
            f"found MuData with the modalities {', '.join(keys(modalities)[:_SHOWN])}, expected "
            "one AnnData",
            place="/mod",
            hint='write each modality by itself, as mdata["rna"].write_h5ad("x_rna.h5ad")',
        )


def _note_overridden(uns: dict[str, Any], sidecar: dict[str, Any], findings: Findings) -> None:
    changed = sorted(key for key in uns.keys() & sidecar.keys() if uns[key] != sidecar[key])
    if changed:
        findings.note(
            "metadata_overridden", f"the sidecar replaces these of uns: {', '.join(changed)}"
        )


@dataclass(frozen=True, slots=True)
class _Tables:
    """Samples and features; `exchanged` where the file has them as `var` and `obs`."""

    samples: pl.DataFrame
    features: pl.DataFrame
    exchanged: bool = False
    file: str = ""

    @property
    def layout(self) -> Layout:
        """How matrices of the file lie."""
        return Layout(self.samples.height, self.features.height, self.exchanged, self.file)

    @property
    def var_ids(self) -> pl.Series:
        """The names in the file's `var`."""
        return self.samples["sample_id"] if self.exchanged else self.features["feature_id"]


def _tables(file: Group, uns: Node | None, findings: Findings) -> tuple[_Tables, set[str]]:
    """The tables, and which categories of `uns` they used."""
    stored = required(file, "obs")
    old = isinstance(stored, Dataset)
    categories = uns_categories(uns, findings) if old else {}
    obs, in_obs = read_frame(stored, "sample_id", categories, findings)
    var, in_var = read_frame(required(file, "var"), "feature_id", categories, findings)
    if not exchanged(obs["sample_id"], var["feature_id"]):
        return _Tables(obs, var), in_obs | in_var
    findings.note(
        "obs_var_exchanged",
        "obs is named like genes and var is not; var was read as samples, obs as features",
        "/obs",
    )
    samples = var.rename(_renamed(var.columns, "feature_id", "sample_id"))
    features = obs.rename(_renamed(obs.columns, "sample_id", "feature_id"))
    return _Tables(samples, features, True), in_obs | in_var


def _renamed(columns: Sequence[str], old: str, new: str) -> dict[str, str]:
    """New names of a table whose ids change from `old` to `new`; its own names stay."""
    own = [old if name == f"{old}.1" else name for name in columns[1:]]
    return dict(zip(columns, [new, *unique_names(own, new)], strict=True))


def _check_ids(tables: _Tables, findings: Findings) -> None:
    places = ("/var", "/obs") if tables.exchanged else ("/obs", "/var")
    if unnamed := _unnamed(tables.samples["sample_id"]):
        raise BadInput(
            "missing_sample_id",
            f"found {len(unnamed)} observations without a name, the first in row {unnamed[0]}",
            place=places[0],
            hint="name every observation, such as by AnnData.obs_names",
        )
    if unnamed := _unnamed(tables.features["feature_id"]):
        many = counted(len(unnamed), "feature has", "features have")
        message = f"{many} no name, the first in row {unnamed[0]}"
        findings.note("empty_feature_ids", message, places[1])
    if repeated := _repeated(tables.samples["sample_id"]):
        raise BadInput(
            "duplicate_sample_ids",
            f"found {repeated} more than once, expected unique names of observations",
            place=places[0],
            hint="make them unique, such as with AnnData.obs_names_make_unique()",
        )
    if repeated := _repeated(tables.features["feature_id"]):
        findings.note("duplicate_feature_ids", f"found {repeated} more than once", places[1])


def _unnamed(ids: pl.Series) -> list[int]:
    """Rows whose name is empty, from 0."""
    names = ids.to_list()
    if all(map(str.strip, names)):
        return []
    return [row for row, name in enumerate(names) if not name.strip()]


def _repeated(ids: pl.Series) -> str:
    if ids.n_unique() == len(ids):
        return ""
    names = ids.filter(ids.is_duplicated()).unique(maintain_order=True).to_list()
    more = f" and {len(names) - _SHOWN} others" if len(names) > _SHOWN else ""
    return ", ".join(repr(name) for name in names[:_SHOWN]) + more


def _matrices(file: Group, tables: _Tables, findings: Findings) -> Iterator[Matrix]:
    layout = tables.layout
    x = child(file, "X")
    matrix = None if x is None else read_matrix(x, "X", layout, findings)
    if matrix is not None:
        yield matrix
    elif isinstance(x, Group):
        raise BadInput(
            "bad_matrix",
            f"found a group of {', '.join(keys(x)) or 'nothing'}; expected a matrix",
            place="/X",
            hint="write the file anew with AnnData",
        )
    else:
        findings.note("no_matrix", "the file has no X", "/X")
    layers = child(file, "layers")
    if isinstance(layers, Group):
        yield from _layers(layers, layout, findings)
    elif layers is not None:
        findings.not_loaded.append("layers")
    yield from _raw(file, tables, findings)


def _layers(layers: Group, layout: Layout, findings: Findings) -> Iterator[Matrix]:
    for key in keys(layers):
        layer = child(layers, key)
        name = f"layers/{plain_text(key)}"
        matrix = None if layer is None else read_matrix(layer, name, layout, findings)
        if matrix is None:
            findings.not_loaded.append(name)
        else:
            yield matrix


def _raw(file: Group, tables: _Tables, findings: Findings) -> Iterator[Matrix]:
    """`raw/X` (`raw.X` before 0.7) where its features are those of `var`, else a notice."""
    x = child(file, "raw/X") or child(file, "raw.X")
    var = child(file, "raw/var") or child(file, "raw.var")
    if x is None:
        return
    if var is None:
        findings.note("raw_not_loaded", "raw has no var that names its features", x.name)
        return
    ids, known = read_ids(var), tables.var_ids
    if not ids.equals(known):
        message = f"raw has other features ({len(ids)}) than var ({len(known)}); kept in the file"
        findings.note("raw_not_loaded", message, x.name)
        return
    matrix = read_matrix(x, "raw/X", tables.layout, findings)
    if matrix is None:
        findings.note("raw_not_loaded", "raw/X is no matrix", x.name)
    else:
        yield matrix
