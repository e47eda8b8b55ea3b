"""Matrices that may be larger than memory: a part in memory, or all in a nameless file.

Owns collecting rows as a reader finds them, and giving them back as blocks of features whichever
way round they came. Keep out: where the rows come from.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from polly_assets.ingest.formats.base import BLOCK_FEATURES, Block, Matrix
from polly_assets.ingest.formats.streams.scratch import Scratch, Stretch

MEMORY_BYTES = 128 * 1024**2
"""Values of one matrix that are held in memory, and those of a strip that is turned."""


@dataclass(slots=True)
class _Part:
    """Consecutive rows (or columns, where samples come as rows) of a matrix.

    `values` are features x samples, or lie in that order in a scratch file.
    """

    first: int
    shape: tuple[int, int]
    dtype: np.dtype[Any]
    values: npt.NDArray[Any] | Stretch

    def read(self, start: int, stop: int) -> npt.NDArray[Any]:
        """Its features from `start` to `stop`, or to its end, counted within the part."""
        height, width = self.shape
        stop = min(stop, height)
        if isinstance(self.values, Stretch):
            return self.values[start * width : stop * width].reshape(-1, width)
        return self.values[start:stop]


class Spool:
    """Rows of numbers, collected one run after another.

    Up to `memory_bytes` stay in memory; beyond, all go to a temporary file that has no name and
    is gone with the matrix. With `transposed`, rows are samples.
    """

    def __init__(
        self, file: str, *, transposed: bool = False, memory_bytes: int = MEMORY_BYTES
    ) -> None:
        self.transposed, self._limit = transposed, memory_bytes
        self._parts: list[_Part] = []
        self._scratch = Scratch(file)
        self._bytes = self._unloaded = 0
        self.rows = 0

    def add(self, values: npt.NDArray[Any]) -> None:
        """The next rows. Raises Unavailable `no_temporary_space` where the disk is full."""
        if not len(values):
            return
        lying = values.T if self.transposed else values
        height, width = lying.shape
        self._parts.append(_Part(self.rows, (height, width), values.dtype, lying))
        self.rows += len(values)
        self._bytes += values.nbytes
        if self._bytes > self._limit:
            self._unload()

    def _unload(self) -> None:
        for part in self._parts[self._unloaded :]:
            part.values = self._scratch.put(cast(npt.NDArray[Any], part.values))
        self._unloaded = len(self._parts)

    @property
    def dtype(self) -> str:
        """int64 where every run of rows is."""
        whole = bool(self._parts) and all(part.dtype == np.int64 for part in self._parts)
        return "int64" if whole else "float64"

    def matrix(self, width: int, name: str = "X") -> Matrix:
        """All rows, of `width` numbers each, as a matrix."""
        shape = (width, self.rows) if self.transposed else (self.rows, width)
        return SpooledMatrix(name, self.dtype, shape, self)

    def straight(self, count: int, features: int) -> Iterator[npt.NDArray[Any]]:
        """Runs of the `count` features, which came as rows."""
        firsts = [part.first for part in self._parts]
        for start in range(0, count, features):
            stop = min(start + features, count)
            touched = slice(bisect_right(firsts, start) - 1, bisect_left(firsts, stop))
            pieces = [
                part.read(max(start - part.first, 0), stop - part.first)
                for part in self._parts[touched]
            ]
            yield pieces[0] if len(pieces) == 1 else np.concatenate(pieces)

    def turned(self, count: int, features: int) -> Iterator[npt.NDArray[Any]]:
        """Runs of the `count` features, which came as columns.

        Cut from strips of as many features as memory may hold, each put together from every part.
        """
        fitting = self._limit // max(self.rows * 8, 1) // features * features
        height = max(fitting, features)
        for start in range(0, count, height):
            stop = min(start + height, count)
            strip = np.empty((stop - start, self.rows), self.dtype)
            for part in self._parts:
                columns = slice(part.first, part.first + part.shape[1])
                strip[:, columns] = part.read(start, stop)
            for first in range(0, stop - start, features):
                yield strip[first : first + features]


class SpooledMatrix(Matrix):
    """A matrix whose rows a `Spool` holds; a file of it is closed when the last of both dies."""

    sparse = False

    def __init__(self, name: str, dtype: str, shape: tuple[int, int], spool: Spool) -> None:
        self.name, self.dtype, self.shape = name, dtype, shape
        self._spool = spool

    def blocks(self, features: int = BLOCK_FEATURES) -> Iterator[Block]:
        """Runs of features, converted to the matrix's type."""
        spool = self._spool
        runs = spool.turned if spool.transposed else spool.straight
        for run in runs(self.shape[0], features):
            yield run.astype(self.dtype, copy=False)
