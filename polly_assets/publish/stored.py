"""Matrices of the table `matrices`, read a run of blocks at a time.

Owns which blocks are read together, so that memory follows them and not the matrix.
Keep out: how blocks become arrays (`blocks`), and what is made of the values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from polly_assets.publish.blocks import Rows, assemble, split
from polly_resources.tables.base import Where

Positions = npt.NDArray[np.int64]

Read = Callable[[list[str] | None, Where], pa.Table]
"""The rows of `matrices` that satisfy a filter: these columns of them, None for all."""

_PLAN = ["matrix", "block", "feature_count", "sample_count", "dtype", "sparse", "indptr"]


@dataclass(frozen=True, slots=True)
class StoredMatrix:
    """One matrix, features x samples, of which no values are held.

    `where` finds its blocks; `numbers`, `starts` and `sizes` are, block by block in their order,
    the block's number, its first feature and how many values it stores.
    """

    read: Read
    where: dict[str, Sequence[Any]]
    numbers: Positions
    starts: Positions
    sizes: Positions
    shape: tuple[int, int]
    dtype: str
    sparse: bool

    def runs(self, values: int) -> Iterator[tuple[int, Rows]]:
        """Runs of features that store about `values` values, one block at least.

        Each comes with its first feature.
        """
        for run in ranges(self.sizes, values):
            numbers = self.numbers[run]
            within = range(int(numbers[0]), int(numbers[-1]) + 1)
            yield (
                int(self.starts[run][0]),
                assemble(self.read(None, {**self.where, "block": within})),
            )


def stored(read: Read, dataset_id: str, names: Sequence[str]) -> dict[str, StoredMatrix]:
    """The dataset's matrices of these names, as far as there are any."""
    where: dict[str, Sequence[Any]] = {"dataset_id": [dataset_id], "matrix": names}
    plans = read(_PLAN, where)
    if not plans.num_rows:
        return {}
    return {
        name: _planned(read, {**where, "matrix": [name]}, blocks.sort_by("block"))
        for name, blocks in split(plans, "matrix").items()
    }


def _planned(read: Read, where: dict[str, Sequence[Any]], blocks: pa.Table) -> StoredMatrix:
    counts = blocks["feature_count"].to_numpy().astype(np.int64)
    ends = np.cumsum(counts)
    samples, dtype, sparse = (blocks[c][0].as_py() for c in ("sample_count", "dtype", "sparse"))
    return StoredMatrix(
        read,
        where,
        blocks["block"].to_numpy(),
        ends - counts,
        _last_offsets(blocks) if sparse else counts * samples,
        (int(ends[-1]), samples),
        dtype,
        sparse,
    )


def _last_offsets(blocks: pa.Table) -> Positions:
    """How many values each sparse block stores: where its offsets end."""
    indptr = blocks["indptr"].combine_chunks()
    return np.asarray(indptr.values.to_numpy()[indptr.offsets.to_numpy()[1:] - 1], np.int64)


def ranges(sizes: Positions, most: int) -> Iterator[slice]:
    """Consecutive ranges whose sizes sum up to `most`, or of a single one that is larger."""
    begin, total = 0, 0
    for at, size in enumerate(sizes.tolist()):
        if at > begin and total + size > most:
            yield slice(begin, at)
            begin, total = at, 0
        total += size
    if begin < len(sizes):
        yield slice(begin, len(sizes))
