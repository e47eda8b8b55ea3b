"""A sparse matrix put together from coordinates in portions, as features x samples.

Owns the turn from any order of entries to features first, with bounded memory: each portion
is sorted once and kept, in a scratch file where they are many, and portions are merged while
blocks are taken. Repeated coordinates are summed, as scipy does.
Keep out: file formats.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from polly_assets.ingest.formats.base import BLOCK_FEATURES, Block, Matrix, SparseBlock
from polly_resources.errors import Unavailable

KEPT_BYTES = 256 * 1024**2
"""Sorted portions held in memory; further ones go to a scratch file."""

PORTION = 1 << 22
"""About how many entries a portion should have."""

_VERIFIED_FEATURES = 4096
"""Features merged at once where only the repeated entries are counted; 16 bits hold them."""

Ints: TypeAlias = npt.NDArray[np.int64]
Places: TypeAlias = npt.NDArray[np.int32]
Values: TypeAlias = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class _Portion:
    """Entries sorted by feature, then sample, each place once; samples are low to high."""

    indptr: Ints
    samples: Places
    values: Values
    low: int
    high: int

    def features_of(self, sample: int) -> Ints:
        at = np.flatnonzero(self.samples == sample)
        return np.searchsorted(self.indptr, at, side="right") - 1


@dataclass(frozen=True, slots=True)
class PortionedMatrix(Matrix):
    """Sparse portions, merged while they are read; made by `Assembly`.

    `in_order`: the samples of a portion come after those of the one before it.
    """

    portions: Sequence[_Portion]
    dtype: str
    shape: tuple[int, int]
    in_order: bool
    name: str = "X"
    sparse: bool = True

    def blocks(self, features: int = BLOCK_FEATURES) -> Iterator[Block]:
        """Merged slices; samples of each feature ascending, each once."""
        for start in range(0, self.shape[0], features):
            block, _ = self._merged(start, min(start + features, self.shape[0]))
            yield SparseBlock(block.indptr, block.indices, block.values.astype(self.dtype))

    def _merged(self, start: int, stop: int) -> tuple[SparseBlock, int]:
        """A block with sums in 64 bits where places repeat, and how many entries these save."""
        parts = [p for p in self.portions if p.indptr[start] < p.indptr[stop]]
        slices = [slice(int(p.indptr[start]), int(p.indptr[stop])) for p in parts]
        samples = _joined([p.samples[s] for p, s in zip(parts, slices, strict=True)], np.int32)
        values = _joined([p.values[s] for p, s in zip(parts, slices, strict=True)], self.dtype)
        if len(parts) == 1:
            indptr = parts[0].indptr[start : stop + 1]
            return SparseBlock(indptr - indptr[0], samples, values), 0
        sizes = [np.diff(p.indptr[start : stop + 1]) for p in parts]
        places = np.arange(stop - start, dtype=np.uint16)
        rows = _joined([np.repeat(places, size) for size in sizes], np.uint16)
        if self.in_order:
            order = np.argsort(rows, kind="stable")
            total = np.sum([np.zeros(stop - start, np.int64), *sizes], axis=0)
            indptr = np.concatenate(([0], np.cumsum(total)))
            return SparseBlock(indptr, samples[order], values[order]), 0
        order = np.lexsort((samples, rows))
        count = len(rows)
        rows, samples, values = _summed(rows[order], samples[order], values[order])
        return SparseBlock(_offsets(rows, stop - start), samples, values), count - len(rows)

    def _repeated(self) -> tuple[int, np.dtype[Any]]:
        """How many entries repeat a place of another portion, and the type that all sums need."""
        repeated, kind = 0, np.dtype(self.dtype)
        for start in range(0, self.shape[0], _VERIFIED_FEATURES):
            stop = min(start + _VERIFIED_FEATURES, self.shape[0])
            block, more = self._merged(start, stop)
            repeated += more
            if more:
                kind = np.promote_types(kind, narrowed(block.values).dtype)
        return repeated, kind


class Assembly:
    """Collects entries in any order; `finish` gives the matrix."""

    def __init__(self, features: int, samples: int) -> None:
        self._shape = (features, samples)
        self._portions: list[_Portion] = []
        self._kind: np.dtype[Any] | None = None
        self._repeated = 0
        self._kept = 0

    def add(self, features: Places, samples: Places, values: Values) -> None:
        """Take a portion: places from 0, inside the matrix."""
        if not len(values):
            return
        low, high = int(samples.min()), int(samples.max())
        if _rising(samples, features):  # as in all files of Cell Ranger
            indptr = _offsets(features, self._shape[0])
            order = _stable_order(features)
            samples, values = samples[order], values[order]
        else:
            count = len(values)
            order = np.lexsort((samples, features))
            features, samples, values = _summed(features[order], samples[order], values[order])
            indptr = _offsets(features, self._shape[0])
            self._repeated += count - len(values)
        self._kind = np.promote_types(self._kind or values.dtype, values.dtype)
        portion = _Portion(indptr, samples, values, low, high)
        self._kept += samples.nbytes + values.nbytes
        self._portions.append(portion if self._kept <= KEPT_BYTES else _on_disk(portion))

    def finish(self, dtype: str) -> tuple[PortionedMatrix, int]:
        """The matrix, and how many repeated entries were summed in it.

        `dtype` is the type of its values, or of a matrix without entries; int32 becomes int64
        where a sum demands it.
        """
        portions = sorted(self._portions, key=lambda p: (p.low, p.high))
        in_order = all(_apart(one, other) for one, other in pairwise(portions))
        kind = np.promote_types(dtype, self._kind or dtype)
        matrix = PortionedMatrix(portions, str(kind), self._shape, in_order)
        if in_order:
            return matrix, self._repeated
        repeated, kind = matrix._repeated()
        return replace(matrix, dtype=str(kind)), self._repeated + repeated


def narrowed(values: Values) -> Values:
    """Whole numbers as int32 where all fit, other values as they are."""
    if values.dtype != np.int64:
        return values
    limits = np.iinfo(np.int32)
    fits = not len(values) or (values.min() >= limits.min and values.max() <= limits.max)
    return values.astype(np.int32) if fits else values


def _apart(one: _Portion, other: _Portion) -> bool:
    """Whether the portions share no place, and the first one's samples come first."""
    if one.high < other.low:
        return True
    if one.high > other.low or one.low == one.high:
        return False
    return not np.intersect1d(one.features_of(one.high), other.features_of(other.low)).size


def _rising(major: Places, minor: Places) -> bool:
    """Whether the entries are sorted by both, and each place is there once."""
    steps = major[1:] > major[:-1]
    steps |= (major[1:] == major[:-1]) & (minor[1:] > minor[:-1])
    return bool(steps.all())


def _stable_order(keys: npt.NDArray[Any]) -> npt.NDArray[np.intp]:
    """A stable argsort of numbers from 0; numpy sorts 16-bit keys by radix, in linear time."""
    low = np.argsort((keys & 0xFFFF).astype(np.uint16), kind="stable")
    if not len(keys) or keys.max() < 1 << 16:
        return low
    return low[np.argsort((keys >> 16).astype(np.uint16)[low], kind="stable")]


def _summed(rows: Any, samples: Places, values: Values) -> tuple[Any, Places, Values]:
    """Sorted entries with each place once."""
    fresh = np.ones(len(rows), bool)
    fresh[1:] = (rows[1:] != rows[:-1]) | (samples[1:] != samples[:-1])
    if fresh.all():
        return rows, samples, values
    wide = values.astype(np.int64) if values.dtype.kind == "i" else values
    sums = np.add.reduceat(wide, np.flatnonzero(fresh), dtype=wide.dtype)
    if values.dtype == np.int32:
        sums = narrowed(sums)
    return rows[fresh], samples[fresh], sums


def _offsets(rows: Any, count: int) -> Ints:
    indptr = np.zeros(count + 1, np.int64)
    np.cumsum(np.bincount(rows, minlength=count), out=indptr[1:])
    return indptr


def _joined(parts: Sequence[Values], kind: Any) -> Values:
    if len(parts) == 1:
        return np.asarray(parts[0])
    return np.concatenate([np.zeros(0, kind), *parts])


def _on_disk(portion: _Portion) -> _Portion:
    """The portion with its arrays in a scratch file, which goes when they do."""
    try:
        return replace(portion, samples=_mapped(portion.samples), values=_mapped(portion.values))
    except OSError as error:
        raise Unavailable(
            "no_scratch_space",
            f"a sparse matrix needs a scratch file in {tempfile.gettempdir()} ({error})",
            hint="make room there, or name another folder in TMPDIR",
        ) from error


def _mapped(array: Values) -> Values:
    with tempfile.TemporaryFile(prefix="polly-") as file:
        file.write(array.data)
        file.flush()
        return np.memmap(file, array.dtype, mode="r", shape=array.shape)
