"""Matrices of GEO files that lie in an unlinked temporary file, whatever their size.

Owns two ways of writing: rows as a table has them (`Rows`), and one column per sample table
(`Columns`), which need not list the same features. Both give features x samples in blocks; the
file goes with the last object that uses it. Keep out: where values come from, and their order.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from polly_assets.ingest.formats.base import BLOCK_FEATURES, Block, Matrix

STRIP_BYTES = 64 * 1024**2
"""Values held at once while columns become rows."""

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]

_WIDTH = 8


class _File:
    """Float64 values appended to a temporary file without a name."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="polly-geo-", buffering=0)  # noqa: SIM115
        self.size = 0

    def append(self, values: Floats) -> int:
        """Writes values; where they begin, in values."""
        start = self.size
        view = np.ascontiguousarray(values, np.float64).reshape(-1).view(np.uint8).data
        while view:
            view = view[self._file.write(view) :]
        self.size += values.size
        return start

    def read(self, start: int, count: int) -> Floats:
        """So many values from a place on."""
        out = np.empty(count)
        view, at = out.view(np.uint8).data, start * _WIDTH
        while view:
            got = os.preadv(self._file.fileno(), [view], at)
            if not got:
                raise OSError("a temporary file lost what was written to it")
            view, at = view[got:], at + got
        return out


class Rows:
    """Rows of one width, taken in order."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.count = 0
        self._file = _File()

    def append(self, values: Floats) -> None:
        """Takes rows x width values."""
        self._file.append(values)
        self.count += len(values)

    def read(self, start: int, stop: int) -> Floats:
        """Rows by position."""
        return self._file.read(start * self.width, (stop - start) * self.width).reshape(
            -1, self.width
        )


@dataclass(frozen=True, slots=True)
class RowMatrix(Matrix):
    """Some columns of some rows (ascending), or of all."""

    rows: Rows
    columns: Sequence[int]
    chosen: Places | None = None
    name: str = "X"
    dtype: str = "float64"
    sparse: bool = False

    @property
    def shape(self) -> tuple[int, int]:  # type: ignore[override]
        """Features, samples."""
        count = self.rows.count if self.chosen is None else len(self.chosen)
        return (count, len(self.columns))

    def blocks(self, features: int = BLOCK_FEATURES) -> Iterator[Block]:
        """Runs of rows from the file."""
        whole = list(self.columns) == list(range(self.rows.width))
        for start in range(0, self.shape[0], features):
            stop = min(start + features, self.shape[0])
            if self.chosen is None:
                block = self.rows.read(start, stop)
            else:
                places = self.chosen[start:stop]
                first = int(places[0])
                block = self.rows.read(first, int(places[-1]) + 1)[places - first]
            yield block if whole else block[:, np.asarray(self.columns, np.intp)]


@dataclass(frozen=True, slots=True)
class Column:
    """Values of one sample: where they lie, and the feature of each, by number."""

    start: int
    codes: npt.NDArray[np.int32]


class Columns:
    """Columns of any length, one per sample table."""

    def __init__(self) -> None:
        self._file = _File()

    def append(self, values: Floats, codes: npt.NDArray[np.int32]) -> Column:
        """Takes the values of the features with these numbers."""
        return Column(self._file.append(values), codes)

    def read(self, column: Column, start: int, stop: int) -> Floats:
        """Values of a column by position."""
        return self._file.read(column.start + start, stop - start)


@dataclass(frozen=True, slots=True)
class ColumnMatrix(Matrix):
    """Samples that are columns, or None without values, over `height` features.

    `places` gives the row of each feature number. Features that a sample lacks are NaN.
    """

    store: Columns
    columns: Sequence[Column | None]
    places: Places
    height: int
    name: str = "X"
    dtype: str = "float64"
    sparse: bool = False

    @property
    def shape(self) -> tuple[int, int]:  # type: ignore[override]
        """Features, samples."""
        return (self.height, len(self.columns))

    def blocks(self, features: int = BLOCK_FEATURES) -> Iterator[Block]:
        """Strips of about STRIP_BYTES, each in runs of features."""
        per_strip = STRIP_BYTES // (_WIDTH * max(1, len(self.columns)))
        per_strip = max(features, per_strip // features * features)
        for start in range(0, self.height, per_strip):
            strip = self._strip(start, min(start + per_strip, self.height))
            for row in range(0, strip.shape[1], features):
                yield strip[:, row : row + features].T

    def _strip(self, start: int, stop: int) -> Floats:
        out = np.full((len(self.columns), stop - start), np.nan)
        last: tuple[npt.NDArray[np.int32], Places, bool] | None = None
        for sample, column in enumerate(self.columns):
            if column is None:
                continue
            if last is None or last[0] is not column.codes:
                rows = self.places[column.codes]
                last = column.codes, rows, bool((np.diff(rows) > 0).all())
            _, rows, ascending = last
            if ascending:
                first, end = (int(i) for i in np.searchsorted(rows, (start, stop)))
                out[sample, rows[first:end] - start] = self.store.read(column, first, end)
            else:
                held = (rows >= start) & (rows < stop)
                out[sample, rows[held] - start] = self.store.read(column, 0, len(rows))[held]
        return out


@dataclass(frozen=True, slots=True)
class Chosen(Matrix):
    """Columns of another matrix in an order of their own; where there is None, all are NaN."""

    whole: Matrix
    columns: Sequence[int | None]
    name: str = "X"
    sparse: bool = False

    @property
    def dtype(self) -> str:  # type: ignore[override]
        """That of the other matrix; float64 where values are missing."""
        return "float64" if None in self.columns else self.whole.dtype

    @property
    def shape(self) -> tuple[int, int]:  # type: ignore[override]
        """Features, samples."""
        return (self.whole.shape[0], len(self.columns))

    def blocks(self, features: int = BLOCK_FEATURES) -> Iterator[Block]:
        """The other's blocks, column by column."""
        there = [i for i, column in enumerate(self.columns) if column is not None]
        taken = np.array([column for column in self.columns if column is not None], np.intp)
        for block in self.whole.blocks(features):
            values = np.asarray(block)[:, taken]
            if len(there) < len(self.columns):
                out = np.full((len(values), len(self.columns)), np.nan)
                out[:, there] = values
                values = out
            yield values


@dataclass(frozen=True, slots=True)
class SideBySide(Matrix):
    """The columns of two dense matrices of the same features, one behind the other."""

    left: Matrix
    right: Matrix
    sparse: bool = False

    @property
    def name(self) -> str:  # type: ignore[override]
        """That of the left one."""
        return self.left.name

    @property
    def dtype(self) -> str:  # type: ignore[override]
        """The type that holds both."""
        return str(np.result_type(self.left.dtype, self.right.dtype))

    @property
    def shape(self) -> tuple[int, int]:  # type: ignore[override]
        """Features, samples."""
        return (self.left.shape[0], self.left.shape[1] + self.right.shape[1])

    def blocks(self, features: int = BLOCK_FEATURES) -> Iterator[Block]:
        """Blocks of both, joined."""
        for pair in zip(self.left.blocks(features), self.right.blocks(features), strict=True):
            yield np.hstack([np.asarray(block) for block in pair])
