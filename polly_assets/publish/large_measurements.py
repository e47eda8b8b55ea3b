"""The long rows of a dataset whose matrix is too large to hold, made range by range.

Owns the derivation of `measurements` from the blocks of one matrix: a run of blocks at a time,
in each of which rows are ordered by gene. Keep out: small datasets, which share their runs
(`measurements`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from polly_assets.publish.blocks import Rows, assemble
from polly_assets.schema import FEATURES, MATRICES, MEASUREMENTS, NORMALIZED_SAMPLES
from polly_assets.work import Work

_CODES = pa.dictionary(pa.int32(), pa.string())
_FEW = ("name", "feature_id", "dataset_id")
SCHEMA = pa.schema([f.with_type(_CODES) if f.name in _FEW else f for f in MEASUREMENTS.schema()])
"""Of the rows: what repeats is written several times faster as codes."""

Positions = npt.NDArray[np.int64]


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
    for blocks in _block_runs(work, labels, values):
        rows = assemble(blocks)
        first = int(pc.min(blocks["feature_start"]).as_py())
        names = labels.names.slice(first, rows.shape[0])
        order = pc.array_sort_indices(names).to_numpy().astype(np.int64)
        counts = np.diff(rows.indptr)[order]
        for run in _runs(counts, values):
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


def _block_runs(work: Work, labels: _Labels, values: int) -> Iterator[pa.Table]:
    """The blocks of X in order, as many at once as hold `values` stored values; one at least."""
    where: dict[str, Sequence[Any]] = {"dataset_id": [labels.dataset_id], "matrix": ["X"]}
    columns = ["block", "feature_count", "sample_count", "sparse", "indptr"]
    blocks = work.read(MATRICES, columns, where=where).sort_by("block")
    numbers = blocks["block"].to_numpy()
    for run in _runs(_stored(blocks), values):
        within = range(int(numbers[run][0]), int(numbers[run][-1]) + 1)
        yield work.read(MATRICES, where={**where, "block": within})


def _stored(blocks: pa.Table) -> Positions:
    """How many values each block of a matrix holds: of a sparse one, where its offsets end."""
    if blocks["sparse"][0].as_py():
        indptr = blocks["indptr"].combine_chunks()
        ends: Positions = indptr.offsets.to_numpy()[1:] - 1
        return np.asarray(indptr.values.to_numpy()[ends], np.int64)
    features = blocks["feature_count"].to_numpy().astype(np.int64)
    return np.asarray(features * blocks["sample_count"].to_numpy(), np.int64)


def _runs(sizes: Positions, most: int) -> Iterator[slice]:
    """Consecutive ranges whose sizes sum up to `most`, or of a single one that is larger."""
    begin, total = 0, 0
    for at, size in enumerate(sizes.tolist()):
        if at > begin and total + size > most:
            yield slice(begin, at)
            begin, total = at, 0
        total += size
    if begin < len(sizes):
        yield slice(begin, len(sizes))


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
