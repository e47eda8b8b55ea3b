"""What must hold after a batch, as asset checks made from the table specifications.

Owns the checks themselves; each layer's assets run the ones that concern them in the same
step, because a step of its own per check would cost more than the check.
Keep out: repairing what a check finds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dagster as dg
import polars as pl

from polly_assets.schema import (
    CURATION_PASSES,
    DATASETS,
    MATRICES,
    NORMALIZED_SAMPLES,
)
from polly_assets.work import Work
from polly_resources.tables.base import TableSpec

CHECKS = {
    "schema": "The stored columns and types are those of the specification.",
    "unique_key": "Each dataset of the batch has exactly one row.",
    "samples_match_matrix": "Samples in the matrix = samples in the table, per dataset.",
    "all_assessed": "No dataset of the batch is without an annotation pass.",
    "catalog_complete": "The SQL engine knows every table that users query.",
    "index_complete": "Documents in the search index = rows in datasets.",
}


def schema(work: Work, spec: TableSpec) -> dg.AssetCheckResult:
    """Compare the stored schema with the specification."""
    if not work.exists(spec):
        return _result("schema", spec, True, {"table": "not written yet"})
    stored = work.tables.read(work.name(spec), where={spec.key: []}).schema
    wanted = spec.schema()
    differing = [
        f"{field.name}: {stored.field(field.name).type if field.name in stored.names else 'absent'}"
        for field in wanted
        if field.name not in stored.names or stored.field(field.name).type != field.type
    ]
    return _result("schema", spec, not differing, {"differing": ", ".join(differing)})


def unique_key(work: Work, spec: TableSpec, ids: Sequence[str]) -> dg.AssetCheckResult:
    """Count the rows of each dataset of the batch."""
    rows = pl.DataFrame(work.read(spec, [spec.key], where={spec.key: list(ids)}))
    counts = rows.group_by(spec.key).len()
    doubled = counts.filter(pl.col("len") > 1)[spec.key].to_list()
    missing = sorted(set(ids) - set(counts[spec.key].to_list()))
    return _result(
        "unique_key",
        spec,
        not doubled and not missing,
        {"doubled": ", ".join(doubled[:100]), "missing": ", ".join(missing[:100])},
    )


def samples_match_matrix(work: Work, datasets: Sequence[dict[str, Any]]) -> dg.AssetCheckResult:
    """Compare each dataset's matrix width and sample rows with its declared count."""
    ids = [row["dataset_id"] for row in datasets]
    declared = {row["dataset_id"]: row["total_num_samples"] for row in datasets}
    has_matrix = {row["dataset_id"] for row in datasets if row["matrices"]}
    samples = pl.DataFrame(
        work.read(NORMALIZED_SAMPLES, ["src_dataset_id"], where={"src_dataset_id": ids})
    )
    rows = dict(samples.group_by("src_dataset_id").len().iter_rows())
    blocks = pl.DataFrame(
        work.read(MATRICES, ["dataset_id", "sample_count"], where={"dataset_id": ids})
    ).unique()
    widths: dict[str, set[int]] = {}
    for dataset_id, width in blocks.iter_rows():
        widths.setdefault(dataset_id, set()).add(width)
    wrong = [
        i
        for i in ids
        if rows.get(i, 0) != declared[i]
        or (i in has_matrix and widths.get(i, set()) != {declared[i]})
    ]
    shown = {"differing": ", ".join(wrong[:100])}
    return _result("samples_match_matrix", MATRICES, not wrong, shown)


def all_assessed(work: Work, ids: Sequence[str]) -> dg.AssetCheckResult:
    """Find datasets of the batch that no model has read."""
    rows = work.read(CURATION_PASSES, ["dataset_id"], where={"dataset_id": list(ids)})
    missing = sorted(set(ids) - set(rows["dataset_id"].to_pylist()))
    return _result(
        "all_assessed", CURATION_PASSES, not missing, {"missing": ", ".join(missing[:100])}
    )


def catalog_complete(tables: int, warning: str) -> dg.AssetCheckResult:
    """Warn where the SQL engine could not be told of the tables; the data is stored all the same.

    Args:
        tables: how many tables the engine knows.
        warning: why it knows none, '' where it does.
    """
    return dg.AssetCheckResult(
        check_name="catalog_complete",
        asset_key="catalog",
        passed=not warning,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"tables": tables, **({"warning": warning} if warning else {})},
    )


def index_complete(work: Work) -> dg.AssetCheckResult:
    """Compare the whole atlas's index with its table."""
    documents = work.search.count(work.atlas.name)
    rows = work.read(DATASETS, ["dataset_id"]).num_rows
    return dg.AssetCheckResult(
        check_name="index_complete",
        asset_key="search_index",
        passed=documents == rows,
        metadata={"documents": documents, "datasets": rows},
    )


def _result(
    name: str, spec: TableSpec, passed: bool, metadata: dict[str, str]
) -> dg.AssetCheckResult:
    shown = {key: value for key, value in metadata.items() if value}
    return dg.AssetCheckResult(check_name=name, asset_key=spec.name, passed=passed, metadata=shown)
