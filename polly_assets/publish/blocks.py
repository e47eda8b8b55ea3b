"""Rows of the `matrices` table back into arrays, exactly as they were read.

Owns reassembly of dense and sparse matrices. Keep out: what the arrays are used for.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from polly_assets.publish.content import SparseColumns, Values


@dataclass(frozen=True, slots=True)
class Rows:
    """A matrix, features x samples, as compressed rows; `indices` is None when dense.

    Row i has the values `values[indptr[i]:indptr[i + 1]]`.
    """

    indptr: npt.NDArray[np.int64]
    indices: npt.NDArray[np.int32] | None
    values: npt.NDArray[Any]
    shape: tuple[int, int]

    def content(self) -> Values:
        """The matrix as exports want it."""
        if self.indices is None:
            return self.values.reshape(self.shape)
        return SparseColumns(self.indptr, self.indices, self.values, self.shape)


def assemble(blocks: pa.Table) -> Rows:
    """The matrix that the blocks of one dataset and matrix name hold."""
    ordered = _in_order(blocks)
    dtype = ordered["dtype"][0].as_py()
    samples = int(ordered["sample_count"][0].as_py())
    counts = ordered["feature_count"].to_numpy()
    values = _flat(ordered[dtype])
    features = int(counts.sum())
    if not ordered["sparse"][0].as_py():
        indptr = np.arange(features + 1, dtype=np.int64) * samples
        return Rows(indptr, None, values, (features, samples))
    indptr = _joined_offsets(_flat(ordered["indptr"]), counts)
    indices = _flat(ordered["indices"])
    return Rows(indptr, indices, values, (features, samples))


def split(blocks: pa.Table, key: str) -> dict[str, pa.Table]:
    """The blocks of each value of a text column; copies nothing, however long the blocks."""
    column = blocks[key].combine_chunks().dictionary_encode()
    codes = column.indices.to_numpy()
    bounds = [0, *(np.flatnonzero(np.diff(codes)) + 1).tolist(), len(codes)]
    values = column.dictionary.to_pylist()
    parts: dict[str, list[pa.Table]] = {value: [] for value in values}
    for start, end in pairwise(bounds):
        if end > start:
            parts[values[codes[start]]].append(blocks.slice(start, end - start))
    return {value: pa.concat_tables(found) for value, found in parts.items()}


def _in_order(blocks: pa.Table) -> pa.Table:
    numbers = blocks["block"].to_numpy()
    if (np.diff(numbers) > 0).all():
        return blocks
    return blocks.take(np.argsort(numbers))


def _flat(column: pa.ChunkedArray) -> npt.NDArray[Any]:
    parts = [chunk.flatten().to_numpy(zero_copy_only=False) for chunk in column.chunks]
    return np.concatenate(parts) if len(parts) != 1 else parts[0]


def _joined_offsets(
    indptrs: npt.NDArray[np.int64], counts: npt.NDArray[np.int32]
) -> npt.NDArray[np.int64]:
    """Each block counts from 0: add up the blocks before it."""
    joined = np.zeros(int(counts.sum()) + 1, dtype=np.int64)
    base, row, at = 0, 0, 0
    for count in counts:
        offsets = indptrs[at : at + count + 1]
        joined[row + 1 : row + count + 1] = offsets[1:] + base
        base += int(offsets[-1])
        row += count
        at += count + 1
    return joined
