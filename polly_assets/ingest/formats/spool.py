"""Matrices that may be larger than memory: a part in memory, or all in a nameless file.

Owns collecting rows as a reader finds them, and giving them back as blocks of features whichever
way round they came. Keep out: where the rows come from.
"""

from __future__ import annotations

import os
import tempfile
import weakref
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

import numpy as np
import numpy.typing as npt

from polly_assets.ingest.formats.base import BLOCK_FEATURES, Block, Matrix
from polly_resources.errors import BadInput

MEMORY_BYTES = 128 * 1024**2
"""Values of one matrix that are held in memory, and those of a strip that is turned."""


@dataclass(slots=True)
class _Part:
    """Consecutive rows (or columns, where samples come as rows) of a matrix.

    `values` are features x samples; None where they lie in the file at `offset`, in that order.
    """

    first: int
    shape: tuple[int, int]
    dtype: np.dtype[Any]
    values: npt.NDArray[Any] | None
    offset: int = 0

    def read(self, file: BinaryIO | None, start: int, stop: int) -> npt.NDArray[Any]:
        """Its features from `start` to `stop`, or to its end, counted within the part."""
        stop = min(stop, self.shape[0])
        if self.values is not None:
            return self.values[start:stop]
        found = np.empty((stop - start, self.shape[1]), self.dtype)
        room = found.data.cast("B") if found.size else memoryview(b"")
        at = self.offset + start * self.shape[1] * self.dtype.itemsize
        while room:
            read = os.preadv(cast(BinaryIO, file).fileno(), [room], at)
            if not read:
                raise OSError("a temporary file was cut short")
            room, at = room[read:], at + read
        return found


class Spool:
    """Rows of numbers, collected one run after another.

    Up to `memory_bytes` stay in memory; beyond, all go to a temporary file that has no name and
    is gone with the matrix. With `transposed`, rows are samples.
    """

    def __init__(
        self, file: str, *, transposed: bool = False, memory_bytes: int = MEMORY_BYTES
    ) -> None:
        self._name, self.transposed, self._limit = file, transposed, memory_bytes
        self._parts: list[_Part] = []
        self._file: BinaryIO | None = None
        self._bytes = self._written = self._unloaded = 0
        self.rows = 0

    def add(self, values: npt.NDArray[Any]) -> None:
        """The next rows. Raises BadInput `no_temporary_space` where the disk is full."""
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
        try:
            if self._file is None:
                self._file = cast(BinaryIO, tempfile.TemporaryFile(buffering=0))  # noqa: SIM115
                weakref.finalize(self, self._file.close)
            for part in self._parts[self._unloaded :]:
                part.offset = self._written
                self._write(self._file, np.ascontiguousarray(part.values))
                part.values = None
            self._unloaded = len(self._parts)
        except OSError as error:
            raise BadInput(
                "no_temporary_space",
                f"only {self._written} bytes of values could be put aside ({error.strerror}), "
                "expected room for all",
                file=self._name,
                hint=f"make room in {tempfile.gettempdir()}, or let TMPDIR name a larger folder",
            ) from error

    def _write(self, file: BinaryIO, values: npt.NDArray[Any]) -> None:
        left = values.data.cast("B") if values.size else memoryview(b"")
        while left:
            count = file.write(left)
            self._written += count
            left = left[count:]

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
                part.read(self._file, max(start - part.first, 0), stop - part.first)
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
                strip[:, columns] = part.read(self._file, start, stop)
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
