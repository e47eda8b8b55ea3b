"""The values of one dataset's matrix X, of chosen features, as a dense array.

Owns reading only the blocks that are needed. Keep out: how blocks become arrays
(`polly_assets.publish.blocks`), and names.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from polly_api.pinned import Pinned
from polly_assets.ingest.formats.base import BLOCK_FEATURES
from polly_assets.publish.blocks import Rows, assemble
from polly_assets.schema import MATRICES
from polly_resources.errors import Unavailable

Positions = npt.NDArray[np.integer[Any]]
Values = npt.NDArray[Any]

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
    where: dict[str, Sequence[object]] = {"dataset_id": [dataset_id], "matrix": ["X"]}
    if at is not None:
        where["block"] = np.unique(at // BLOCK_FEATURES).tolist()
    stored = pinned.read(f"{atlas}/{MATRICES.name}", MATRICES, _COLUMNS, where)
    rows = assemble(stored) if stored.num_rows else None
    if rows is None or rows.shape[1] != shape[1]:
        raise _changed(dataset_id)
    held = _positions(stored)
    if at is None:
        if len(held) != shape[0]:
            raise _changed(dataset_id)
        return _dense(rows, None)
    found = np.searchsorted(held, at)
    if (found == len(held)).any() or not np.array_equal(held[found], at):
        raise _changed(dataset_id)
    return _dense(rows, found)


def _positions(stored: pa.Table) -> Positions:
    """The feature index of each row that the blocks make, once in order."""
    order = np.argsort(stored["block"].to_numpy())
    starts = stored["feature_start"].to_numpy()[order]
    counts = stored["feature_count"].to_numpy()[order]
    return np.concatenate([np.arange(n) + first for first, n in zip(starts, counts, strict=True)])


def _dense(rows: Rows, at: Positions | None) -> Values:
    """These rows (None: all), with the zeros that sparse ones leave out."""
    if rows.indices is None:
        full = rows.values.reshape(rows.shape)
        return full if at is None else full[at]
    at = np.arange(rows.shape[0]) if at is None else at
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
