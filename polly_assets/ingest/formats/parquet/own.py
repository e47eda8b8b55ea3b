"""What the platform's own Parquet export keeps beside the matrix, taken in again.

Owns the keys `polly.*` of a file's metadata, which `publish.exports.parquet` writes.
Keep out: everything else in a Parquet file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import polars as pl

from polly_assets.ingest.formats.beside.sidecars import typed_column

_KEYS = ("polly.columns", "polly.dataset", "polly.features", "polly.samples")


def own_tables(
    metadata: Mapping[str, Any], samples: pl.DataFrame, features: pl.DataFrame
) -> tuple[dict[str, Any], pl.DataFrame, pl.DataFrame]:
    """Metadata, samples and features as they were before the export.

    Unchanged where there is nothing of the kind, or where it does not fit to the matrix: someone
    changed the columns since.
    """
    others = {key: value for key, value in metadata.items() if key not in _KEYS}
    try:
        said = {key: json.loads(metadata[key]) for key in _KEYS}
        own = said["polly.dataset"]["metadata"]
        rows = _table(said["polly.samples"], "sample_id")
        genes = _table(said["polly.features"], "feature_id")
        ids = [said["polly.columns"].get(name, name) for name in samples["sample_id"]]
        fits = ids == rows["sample_id"].to_list() and genes["feature_id"].equals(
            features["feature_id"]
        )
    except (
        AttributeError,
        KeyError,
        TypeError,
        ValueError,
        RecursionError,
        pl.exceptions.PolarsError,
    ):
        return dict(metadata), samples, features
    if not fits or not isinstance(own, dict) or features.width > 1:
        return dict(metadata), samples, features
    return {**others, **own}, rows, genes


def _table(rows: list[dict[str, Any]], key: str) -> pl.DataFrame:
    names = [key, *dict.fromkeys(name for row in rows for name in row if name != key)]
    return pl.DataFrame({name: typed_column([row.get(name) for row in rows]) for name in names})
