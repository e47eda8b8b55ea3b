"""Stored tables back into one dataset, as it was read, with its curation.

Owns the way back: metadata under original names and types, matrices bit for bit.
Keep out: file formats of exports.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import polars as pl
import pyarrow as pa

from polly_assets.batch_data import SAMPLES_AT_ONCE
from polly_assets.own_columns import decoded
from polly_assets.publish.blocks import assemble, split
from polly_assets.publish.content import DatasetContent, LargeMatrix, Values
from polly_assets.publish.stored import StoredMatrix, stored
from polly_assets.schema import (
    DATASETS,
    FEATURES,
    MATRICES,
    NORMALIZED_DATASETS,
    SAMPLES,
    VARIANTS,
)
from polly_resources.errors import NotFound, Unavailable
from polly_resources.tables.base import TableSpec, TableStore, Where

_PROVENANCE = (
    "dataset_id",
    "src_repo",
    "version",
    "file_type",
    "key",
    "fingerprint",
    "ingested_at",
)

HELD_CELLS = 16_000_000
"""Cells of all matrices of a dataset up to which they are read at once, and held."""

_CURATED = [c.name for c in SAMPLES.columns if c.name.startswith("curated_")]
_GENE = ["symbol", "curie"]


def load_dataset(tables: TableStore, atlas: str, dataset_id: str) -> DatasetContent:
    """The whole dataset; matrices of more than HELD_CELLS are read as they are gone through.

    Raises NotFound, and Unavailable where the dataset is replaced meanwhile.
    """
    record = _one(tables, atlas, NORMALIZED_DATASETS, dataset_id)
    published = _one(tables, atlas, DATASETS, dataset_id)
    samples, features = _samples(tables, atlas, record), _features(tables, atlas, record)
    shape = (record["total_num_features"], record["total_num_samples"])
    if (features.height, samples.height) != shape:
        raise _changed(dataset_id)
    return DatasetContent(
        atlas=atlas,
        dataset_id=dataset_id,
        metadata=json.loads(record["metadata"]),
        curated={
            name: value
            for name, value in published.items()
            if name in _PROVENANCE or name.startswith("curated_")
        },
        samples=samples,
        features=features,
        matrices=_matrices(tables, atlas, record, shape),
        variants=None if record["matrices"] else _variants(tables, atlas, dataset_id, samples),
    )


def _one(tables: TableStore, atlas: str, spec: TableSpec, dataset_id: str) -> dict[str, Any]:
    name = f"{atlas}/{spec.name}"
    found = (
        tables.version(name) is not None
        and tables.read(name, where={"dataset_id": [dataset_id]}).to_pylist()
    )
    if not found:
        raise NotFound(
            "unknown_dataset",
            f"atlas {atlas} has no dataset {dataset_id!r}",
            hint=f"{atlas}.datasets lists those it has",
        )
    return dict(found[0])


def _samples(tables: TableStore, atlas: str, record: dict[str, Any]) -> pl.DataFrame:
    """Read in slices, for as they are stored they take several times the memory."""
    name = f"{atlas}/{SAMPLES.name}"
    version = tables.version(name)
    columns = ["sample_index", "sample_id", *_CURATED, "metadata"]
    where: dict[str, Sequence[Any]] = {"src_dataset_id": [record["dataset_id"]]}
    parts = []
    for first in range(0, max(1, record["total_num_samples"]), SAMPLES_AT_ONCE):
        if record["total_num_samples"] > SAMPLES_AT_ONCE:
            where["sample_index"] = range(first, first + SAMPLES_AT_ONCE)
        rows = tables.read(name, version=version, columns=columns, where=where)
        part = pl.DataFrame(rows).sort("sample_index")
        parts.append(_restored(part, "sample_id", record["sample_columns"], _CURATED))
    return pl.concat(parts)


def _features(tables: TableStore, atlas: str, record: dict[str, Any]) -> pl.DataFrame:
    columns = ["feature_index", "feature_id", *_GENE, "metadata"]
    where = {"src_dataset_id": [record["dataset_id"]]}
    rows = tables.read(f"{atlas}/{FEATURES.name}", columns=columns, where=where)
    frame = pl.DataFrame(rows).sort("feature_index")
    return _restored(frame, "feature_id", record["feature_columns"], _GENE)


def _restored(frame: pl.DataFrame, key: str, columns_json: str, added: list[str]) -> pl.DataFrame:
    """The key, the file's own columns with their own types, then the added columns."""
    kinds = json.loads(columns_json)
    own = decoded(frame["metadata"], kinds)
    taken = {key, *own.columns}
    extra = [frame[name].alias(_free(name, taken)) for name in added]
    # By name: a list of series would rename a column without a name.
    return pl.DataFrame({one.name: one for one in (frame[key], *own.get_columns(), *extra)})


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += ".curated"
    return name


def _variants(
    tables: TableStore, atlas: str, dataset_id: str, samples: pl.DataFrame
) -> pl.DataFrame | None:
    """The dataset's rows in file order, without the columns of storage."""
    name = f"{atlas}/{VARIANTS.name}"
    if tables.version(name) is None:
        return None
    columns = [c.name for c in VARIANTS.columns if c.name not in ("dataset_id", "shard")]
    rows = pl.DataFrame(tables.read(name, columns=columns, where={"dataset_id": [dataset_id]}))
    if rows.is_empty():
        return None
    places = samples.select("sample_id").with_row_index("place")
    ordered = rows.join(places, on="sample_id", how="left", maintain_order="left")
    return ordered.sort("record_index", "allele_index", "place").drop("place")


def _matrices(
    tables: TableStore, atlas: str, record: dict[str, Any], shape: tuple[int, int]
) -> dict[str, Values | LargeMatrix]:
    names, dataset_id = record["matrices"], record["dataset_id"]
    if not names:
        return {}
    table = f"{atlas}/{MATRICES.name}"
    version = tables.version(table)

    def read(columns: list[str] | None, where: Where) -> pa.Table:
        return tables.read(table, version=version, columns=columns, where=where)

    found: dict[str, Values | LargeMatrix]
    if shape[0] * shape[1] * len(names) <= HELD_CELLS:
        parts = split(read(None, {"dataset_id": [dataset_id]}), "matrix")
        found = {name: assemble(blocks).content() for name, blocks in parts.items()}
    else:
        found = {name: _large(one) for name, one in stored(read, dataset_id, names).items()}
    if any(name not in found or found[name].shape != shape for name in names):
        raise _changed(dataset_id)
    return {name: found[name] for name in names}


def _large(matrix: StoredMatrix) -> LargeMatrix:
    def runs(values: int) -> Iterator[Values]:
        return (rows.content() for _, rows in matrix.runs(values))

    entries = int(matrix.sizes.sum()) if matrix.sparse else None
    return LargeMatrix(matrix.shape, matrix.dtype, entries, runs)


def _changed(dataset_id: str) -> Unavailable:
    return Unavailable(
        "dataset_changed",
        f"dataset {dataset_id} was replaced while it was read",
        hint="ask for it again",
    )
