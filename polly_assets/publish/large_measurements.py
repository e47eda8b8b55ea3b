"""The long rows of a dataset whose matrix is too large to hold, made range by range.

Owns the derivation of `measurements` from the blocks of one matrix: a run of blocks at a time,
in each of which rows are ordered by gene. Keep out: small datasets, which share their runs
(`measurements`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from polly_assets.publish.blocks import Rows
from polly_assets.publish.stored import Positions, ranges, stored
from polly_assets.schema import FEATURES, MATRICES, MEASUREMENTS, NORMALIZED_SAMPLES
from polly_assets.work import Work

_CODES = pa.dictionary(pa.int32(), pa.string())
_FEW = ("name", "feature_id", "dataset_id")
SCHEMA = pa.schema([f.with_type(_CODES) if f.name in _FEW else f for f in MEASUREMENTS.schema()])
"""Of the rows: what repeats is written several times faster as codes."""


@dataclass(frozen=True, slots=True)
class _Labels:
    """What stands beside the values of one dataset; names and ids in the order of the matrix."""

    dataset_id: str
    shard: int
    names: pa.Array
    feature_ids: pa.Array
    sample_ids: pa.Array


def long_rows(work: Work, dataset: dict[str, Any], values: int) -> Iterator[pa.Table]:
    """The rows of a dataset's X, of about `values` values each; one feature at least.

    `dataset` is its row of `normalized_datasets`.
    """
    labels = _labels(work, dataset)
    matrix = stored(partial(work.read, MATRICES), labels.dataset_id, ["X"])["X"]
    for first, rows in matrix.runs(values):
        names = labels.names.slice(first, rows.shape[0])
        order = pc.array_sort_indices(names).to_numpy().astype(np.int64)
        counts = np.diff(rows.indptr)[order]
        for run in ranges(counts, values):
            yield _table(labels, rows, first, order[run])


def _labels(work: Work, dataset: dict[str, Any]) -> _Labels:
    dataset_id = dataset["dataset_id"]
    where = {"src_dataset_id": [dataset_id]}
    columns = ["feature_index", "name", "feature_id"]
    features = work.read(FEATURES, columns, where=where).sort_by("feature_index")
    samples = work.read(NORMALIZED_SAMPLES, ["sample_index", "sample_id"], where=where)
    return _Labels(
        dataset_id,
        dataset["shard"],
        features["name"].combine_chunks(),
        features["feature_id"].combine_chunks(),
        samples.sort_by("sample_index")["sample_id"].combine_chunks(),
    )


def _table(labels: _Labels, rows: Rows, first: int, features: Positions) -> pa.Table:
    """The values of these features, which count from `first`, one after the other."""
    counts = np.diff(rows.indptr)[features]
    ends = np.cumsum(counts)
    at = np.arange(counts.sum()) + np.repeat(rows.indptr[features] - ends + counts, counts)
    samples = at % max(1, rows.shape[1]) if rows.indices is None else rows.indices[at]
    owner = pa.array(np.repeat(features, counts).astype(np.int32))
    here = slice(first, first + rows.shape[0])
    same = pa.array(np.zeros(len(at), np.int32))
    columns = {
        "name": pa.DictionaryArray.from_arrays(owner, labels.names[here]),
        "feature_id": pa.DictionaryArray.from_arrays(owner, labels.feature_ids[here]),
        "dataset_id": pa.DictionaryArray.from_arrays(same, pa.array([labels.dataset_id])),
        "sample_id": labels.sample_ids.take(pa.array(samples)),
        # Missing is NULL in SQL, NaN in arrays.
        "value": pa.array(rows.values[at].astype(np.float64, copy=False), from_pandas=True),
        "shard": pa.repeat(pa.scalar(labels.shard, pa.int32()), len(at)),
    }
    return pa.table([columns[name] for name in SCHEMA.names], schema=SCHEMA)
