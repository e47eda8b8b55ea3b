"""A sparse matrix put together from portions of its entries, as features x samples.

Owns the turn from any order of entries to features first, with memory that does not grow with the
matrix: each portion is sorted by feature once and becomes a run, runs beyond `KEPT_BYTES` lie in a
scratch file that has no name, and runs are merged band by band of features while blocks are taken.
Repeated coordinates are summed, as scipy does, in 64 bits where whole numbers need them.
Keep out: file formats.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from polly_assets.ingest.formats.base import BLOCK_FEATURES, Block, Matrix, SparseBlock
from polly_assets.ingest.formats.streams.in_order import in_order
from polly_assets.ingest.formats.streams.scratch import Scratch, Stretch
from polly_assets.native.sparse import Rows, group, regroup, sort_rows, transpose

KEPT_BYTES = 256 * 1024**2
"""Runs held in memory; further ones go to a scratch file."""

PORTION = 1 << 20
"""How many entries make a run: what a sort handles while it stays in a processor's caches."""

RUNS = 256
"""How many runs a large matrix should have at most; then they are longer."""

BAND = 1 << 20
"""How many entries are merged at once, and held while blocks are taken of them."""

_THREADS = 2
"""Portions sorted and bands merged at once; each more holds as much again."""

_LONGEST = 1 << 24

_PER_FEATURE = 16
"""Entries per feature that a run has at least, so that its offsets are the smaller part."""

Ints: TypeAlias = npt.NDArray[np.int64]
Places: TypeAlias = npt.NDArray[np.int32]
Values: TypeAlias = npt.NDArray[Any]
Entries: TypeAlias = tuple[Places, Places, Values]
"""Features and samples, both from 0, and values."""


@dataclass(frozen=True, slots=True)
class _Run:
    """Entries sorted by feature, then sample, each place once."""

    indptr: Places
    samples: Places | Stretch
    values: Values | Stretch


@dataclass(frozen=True, slots=True)
class SpooledMatrix(Matrix):
    """Sparse runs, merged while they are read; made by `Assembly`.

    `indptr` are the offsets of all entries, repeated ones not yet summed. `in_order`: the samples
    of each feature come after those that it has in the runs before.
    """

    runs: Sequence[_Run]
    indptr: Ints
    dtype: str
    shape: tuple[int, int]
    in_order: bool
    name: str = "X"
    sparse: bool = True

    def blocks(self, features: int = BLOCK_FEATURES) -> Iterator[Block]:
        """Slices of merged bands; samples of each feature ascending, each once."""
        for rows, _ in in_order(self._bands(features), lambda band: self._merged(*band), _THREADS):
            values = rows.values.astype(self.dtype, copy=False)
            yield from SparseBlock(rows.indptr, rows.minors, values).split(features)

    def _bands(self, features: int) -> Iterator[tuple[int, int]]:
        """Runs of whole blocks with about BAND entries, of one block at least."""
        start, count = 0, self.shape[0]
        while start < count:
            stop = int(np.searchsorted(self.indptr, self.indptr[start] + BAND, side="right")) - 1
            stop = min(count, start + max(1, (stop - start) // features) * features)
            yield start, stop
            start = stop

    def _merged(self, start: int, stop: int) -> tuple[Rows, int]:
        """Features start to stop, and how many entries repeat a place of another run."""
        runs = [run for run in self.runs if run.indptr[start] < run.indptr[stop]]
        parts = [slice(int(run.indptr[start]), int(run.indptr[stop])) for run in runs]
        offsets = self.indptr[start : stop + 1] - self.indptr[start]
        samples = _joined([run.samples[part] for run, part in zip(runs, parts, strict=True)], "i4")
        values = _joined(
            [run.values[part] for run, part in zip(runs, parts, strict=True)], self.dtype
        )
        if len(runs) < 2:
            return Rows(offsets, samples, values), 0
        sizes = np.diff(np.stack([run.indptr[start : stop + 1] for run in runs])).astype(np.int64)
        rows = Rows(offsets, regroup(sizes, samples), regroup(sizes, values))
        return (rows, 0) if self.in_order else _each_once(rows)

    def _repeated(self) -> tuple[int, np.dtype[Any]]:
        """How many entries repeat a place of another run, and the type that all sums need."""
        repeated, kind = 0, np.dtype(self.dtype)
        for start, stop in self._bands(1):
            rows, more = self._merged(start, stop)
            repeated += more
            if more:
                kind = np.promote_types(kind, narrowed(rows.values).dtype)
        return repeated, kind


class Assembly:
    """Collects entries in any order; `finish` gives the matrix.

    `entries` is about how many there will be, `portion` how many to give at once.
    """

    def __init__(self, features: int, samples: int, entries: int) -> None:
        self._shape = (features, samples)
        self._waiting: list[Entries] = []
        self._runs: list[_Run] = []
        self._indptr = np.zeros(features + 1, np.int64)
        self._last = np.full(features, -1, np.int32)
        self._in_order = True
        self._kind: np.dtype[Any] | None = None
        self._repeated = 0
        self._kept = 0
        self._scratch = Scratch()
        self.portion = max(
            PORTION, min(_PER_FEATURE * features, 1 << 30), min(entries // RUNS, _LONGEST)
        )

    def add(self, features: Places, samples: Places, values: Values) -> None:
        """Take entries: places from 0, samples inside the matrix. Raises KeyOutOfRange."""
        for waiting in self._gathered([(features, samples, values)]):
            self._keep(*self._sorted(waiting))

    def extend(self, portions: Iterable[Entries]) -> None:
        """As `add` of each, sorting some while the next are made."""
        waiting = chain(self._gathered(portions), self._rest())
        for found in in_order(waiting, self._sorted, _THREADS):
            self._keep(*found)

    def add_samples(self, indptr: Ints, features: Values, values: Values, first: int) -> None:
        """Take a portion of compressed samples, numbered from `first`. Raises KeyOutOfRange."""
        self._keep(*_each_once(transpose(indptr, features, values, self._shape[0], first)))

    def finish(self, dtype: str) -> tuple[SpooledMatrix, int]:
        """The matrix, and how many repeated entries were summed in it.

        `dtype` is the type of its values, or of a matrix without entries; int32 becomes int64
        where a sum demands it.
        """
        for waiting in self._rest():
            self._keep(*self._sorted(waiting))
        kind = np.promote_types(dtype, self._kind or dtype)
        matrix = SpooledMatrix(self._runs, self._indptr, str(kind), self._shape, self._in_order)
        if self._in_order:
            return matrix, self._repeated
        repeated, kind = matrix._repeated()
        return replace(matrix, dtype=str(kind)), self._repeated + repeated

    def _gathered(self, portions: Iterable[Entries]) -> Iterator[list[Entries]]:
        """What makes a run each; the rest keeps waiting."""
        for portion in portions:
            self._waiting.append(portion)
            if sum(len(values) for _, _, values in self._waiting) >= self.portion:
                yield from self._rest()

    def _rest(self) -> Iterator[list[Entries]]:
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            yield waiting

    def _sorted(self, waiting: Sequence[Entries]) -> tuple[Rows, int]:
        features, samples = (_joined([part[i] for part in waiting], "i4") for i in (0, 1))
        values = _joined([part[2] for part in waiting], waiting[0][2].dtype)
        return _each_once(group(samples, features, values, self._shape[0]))

    def _keep(self, rows: Rows, repeated: int) -> None:
        if not len(rows.minors):
            return
        self._repeated += repeated
        self._kind = np.promote_types(self._kind or rows.values.dtype, rows.values.dtype)
        self._indptr += rows.indptr
        there = np.flatnonzero(rows.indptr[1:] > rows.indptr[:-1])
        first, last = rows.minors[rows.indptr[there]], rows.minors[rows.indptr[there + 1] - 1]
        self._in_order = self._in_order and bool((first > self._last[there]).all())
        self._last[there] = last
        self._kept += rows.minors.nbytes + rows.values.nbytes
        samples: Places | Stretch = rows.minors
        values: Values | Stretch = rows.values
        if self._kept > KEPT_BYTES:
            samples, values = self._scratch.put(rows.minors), self._scratch.put(rows.values)
        self._runs.append(_Run(rows.indptr.astype(np.int32), samples, values))


def narrowed(values: Values) -> Values:
    """Whole numbers as int32 where all fit, other values as they are."""
    if values.dtype != np.int64:
        return values
    limits = np.iinfo(np.int32)
    fits = not len(values) or (values.min() >= limits.min and values.max() <= limits.max)
    return values.astype(np.int32) if fits else values


def _each_once(rows: Rows) -> tuple[Rows, int]:
    """The rows with each place once and their samples ascending, and how many places repeat."""
    repeated = 0 if rows.rising else sort_rows(rows)
    if not repeated:
        return rows, 0
    indptr, samples, values, _ = rows
    fresh = np.ones(len(samples), bool)
    fresh[1:] = samples[1:] != samples[:-1]
    fresh[indptr[:-1][indptr[:-1] < len(samples)]] = True
    wide = values.astype(np.int64) if values.dtype.kind == "i" else values
    sums = np.add.reduceat(wide, np.flatnonzero(fresh), dtype=wide.dtype)
    if values.dtype == np.int32:
        sums = narrowed(sums)
    kept = np.concatenate(([0], np.cumsum(fresh)))
    return Rows(kept[indptr], samples[fresh], sums), repeated


def _joined(parts: Sequence[Values], kind: Any) -> Values:
    if len(parts) == 1:
        return parts[0]
    kind = np.result_type(kind, *(part.dtype for part in parts))
    return np.concatenate(parts, dtype=kind) if parts else np.zeros(0, kind)
