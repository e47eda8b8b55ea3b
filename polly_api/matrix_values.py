"""The values of one dataset's matrix X, of chosen features, as a dense array.

Owns reading only the blocks that are needed. Keep out: how blocks become arrays
(`polly_assets.publish.blocks`), and names.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from polly_api.pinned import Pinned
from polly_assets.ingest.formats.base import BLOCK_FEATURES
from polly_assets.publish.blocks import Rows, assemble
from polly_assets.schema import MATRICES
from polly_resources.errors import Unavailable

Positions = npt.NDArray[np.integer[Any]]
Values = npt.NDArray[Any]

HELD_CELLS = 16_000_000
"""Cells of blocks that are read at once; one block at least."""

_LABELS = frozenset({"dataset_id", "matrix", "shard"})
_COLUMNS = [name for name in MATRICES.schema().names if name not in _LABELS]


def matrix_values(
    pinned: Pinned,
    atlas: str,
    dataset_id: str,
    at: Positions | None,
    shape: tuple[int, int],
) -> Values:
    """Features x samples, of the features at these positions (None: all), in that order.

    Raises Unavailable where what is stored has not the shape that the caller was told:
    the dataset was replaced between two reads.
    """
    where = {"dataset_id": [dataset_id], "matrix": ["X"]}
    table = f"{atlas}/{MATRICES.name}"
    if at is None:
        counts = pinned.read(table, MATRICES, ["feature_count"], where)["feature_count"]
        if (pc.sum(counts).as_py() or 0) != shape[0]:
            raise _changed(dataset_id)
        at = np.arange(shape[0])
    parts: list[tuple[Positions, Values]] = []
    for blocks in _runs(np.unique(at // BLOCK_FEATURES), shape[1]):
        here = np.flatnonzero(np.isin(at // BLOCK_FEATURES, blocks))
        stored = pinned.read(table, MATRICES, _COLUMNS, {**where, "block": blocks.tolist()})
        rows = assemble(stored) if stored.num_rows else None
        if rows is None or rows.shape[1] != shape[1]:
            raise _changed(dataset_id)
        held = _positions(stored)
        found = np.searchsorted(held, at[here])
        if (found == len(held)).any() or not np.array_equal(held[found], at[here]):
            raise _changed(dataset_id)
        parts.append((here, _dense(rows, found)))
    return _joined(parts, (len(at), shape[1]))


def _joined(parts: list[tuple[Positions, Values]], shape: tuple[int, int]) -> Values:
    if len(parts) == 1:
        return parts[0][1]
    values = np.empty(shape, parts[0][1].dtype)
    while parts:
        here, part = parts.pop()
        values[here] = part
    return values


def _runs(blocks: Positions, samples: int) -> list[Positions]:
    """The blocks in runs that may be held at once."""
    step = max(1, HELD_CELLS // (BLOCK_FEATURES * max(1, samples)))
    return [blocks[start : start + step] for start in range(0, len(blocks), step)]


def _positions(stored: pa.Table) -> Positions:
    """The feature index of each row that the blocks make, once in order."""
    order = np.argsort(stored["block"].to_numpy())
    starts = stored["feature_start"].to_numpy()[order]
    counts = stored["feature_count"].to_numpy()[order]
    return np.concatenate([np.arange(n) + first for first, n in zip(starts, counts, strict=True)])


def _dense(rows: Rows, at: Positions) -> Values:
    """These rows, with the zeros that sparse ones leave out."""
    if rows.indices is None:
        return rows.values.reshape(rows.shape)[at]
    starts, counts = rows.indptr[at], np.diff(rows.indptr)[at]
    ends = np.cumsum(counts)
    kept = np.arange(counts.sum()) + np.repeat(starts - ends + counts, counts)
    dense = np.zeros((len(at), rows.shape[1]), dtype=rows.values.dtype)
    dense[np.repeat(np.arange(len(at)), counts), rows.indices[kept]] = rows.values[kept]
    return dense


def _changed(dataset_id: str) -> Unavailable:
    return Unavailable(
        "dataset_changed",
        f"dataset {dataset_id} was replaced while it was read",
        hint="run the query again",
    )
