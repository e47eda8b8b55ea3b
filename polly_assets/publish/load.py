"""Stored tables back into one dataset, as it was read, with its curation.

Owns the way back: metadata under original names and types, matrices bit for bit.
Keep out: file formats of exports.
"""

from __future__ import annotations

import json
from typing import Any

import polars as pl

from polly_assets.own_columns import decoded
from polly_assets.publish.blocks import assemble, split
from polly_assets.publish.content import DatasetContent
from polly_assets.schema import (
    DATASETS,
    FEATURES,
    MATRICES,
    NORMALIZED_DATASETS,
    SAMPLES,
    VARIANTS,
)
from polly_resources.errors import NotFound
from polly_resources.tables.base import TableSpec, TableStore

_PROVENANCE = (
    "dataset_id",
    "src_repo",
    "version",
    "file_type",
    "key",
    "fingerprint",
    "ingested_at",
)

_CURATED = [c.name for c in SAMPLES.columns if c.name.startswith("curated_")]
_GENE = ["symbol", "curie"]


def load_dataset(tables: TableStore, atlas: str, dataset_id: str) -> DatasetContent:
    """The whole dataset. Raises NotFound."""
    record = _one(tables, atlas, NORMALIZED_DATASETS, dataset_id)
    published = _one(tables, atlas, DATASETS, dataset_id)
    samples = _rows(tables, atlas, SAMPLES, dataset_id, ["sample_index", "sample_id", *_CURATED])
    features = _rows(tables, atlas, FEATURES, dataset_id, ["feature_index", "feature_id", *_GENE])
    return DatasetContent(
        atlas=atlas,
        dataset_id=dataset_id,
        metadata=json.loads(record["metadata"]),
        curated={
            name: value
            for name, value in published.items()
            if name in _PROVENANCE or name.startswith("curated_")
        },
        samples=_restored(samples, "sample_id", record["sample_columns"], _CURATED),
        features=_restored(features, "feature_id", record["feature_columns"], _GENE),
        matrices=_matrices(tables, atlas, dataset_id, record["matrices"]),
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


def _rows(
    tables: TableStore, atlas: str, spec: TableSpec, dataset_id: str, columns: list[str]
) -> pl.DataFrame:
    """These columns and `metadata`, ordered by the first of them."""
    where = {"src_dataset_id": [dataset_id]}
    rows = tables.read(f"{atlas}/{spec.name}", columns=[*columns, "metadata"], where=where)
    return pl.DataFrame(rows).sort(columns[0])


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
    places = samples.select("sample_id", place="sample_index")
    ordered = rows.join(places, on="sample_id", how="left", maintain_order="left")
    return ordered.sort("record_index", "allele_index", "place").drop("place")


def _matrices(tables: TableStore, atlas: str, dataset_id: str, names: list[str]) -> dict[str, Any]:
    if not names:
        return {}
    where = {"dataset_id": [dataset_id]}
    blocks = tables.read(f"{atlas}/{MATRICES.name}", where=where)
    parts = split(blocks, "matrix")
    return {name: assemble(parts[name]).content() for name in names}
