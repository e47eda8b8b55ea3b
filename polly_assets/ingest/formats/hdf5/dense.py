"""Dense matrices in HDF5, as features x samples, with memory that does not grow with them.

Owns the choice how a large one is read: in strips of features from the file where its layout gives
them without reading anything twice, else through a scratch file into which it is turned, tile by
tile. Keep out: sparse matrices, and where a format keeps its matrix.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from polly_assets.ingest.formats.base import BLOCK_FEATURES, Block, DenseMatrix, Matrix
from polly_assets.ingest.formats.hdf5.access import check_storage, guarded, named, read_array
from polly_assets.ingest.formats.hdf5.nodes import Dataset
from polly_assets.ingest.formats.hdf5.sparse import outliving
from polly_assets.ingest.formats.streams.scratch import Scratch, Stretch

WHOLE_BYTES = 64 * 1024**2
"""The largest matrix that is read at once; of larger ones, about so much is in memory."""

Convert = Callable[[npt.NDArray[Any]], npt.NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Layout:
    """A matrix as its file has it: rows are features where `turned`, else samples."""

    dataset: Dataset
    convert: Convert
    turned: bool

    @property
    def dtype(self) -> str:
        """The numpy name of the values' type, as they are given out."""
        return str(self.convert(np.zeros(0, self.dataset.dtype.newbyteorder("="))).dtype)

    @property
    def shape(self) -> tuple[int, int]:
        """Features, samples."""
        rows, columns = self.dataset.shape
        return (rows, columns) if self.turned else (columns, rows)

    @property
    def chunk(self) -> tuple[int, int]:
        """Features and samples that lie together; whole rows where there are no chunks."""
        rows, columns = self.dataset.chunks or (1, self.dataset.shape[1])
        return (rows, columns) if self.turned else (columns, rows)

    def tile(self, features: slice, samples: slice) -> npt.NDArray[Any]:
        """A part of the matrix as features x samples. Raises BadInput where it is damaged."""
        with guarded(self.dataset):
            part = (features, samples) if self.turned else (samples, features)
            values = self.dataset.part(part)
        values = values.astype(values.dtype.newbyteorder("="), copy=False)
        return self.convert(values if self.turned else values.T)

    def strip(self, features: int) -> int:
        """How many features are read at once where so many are given out at once."""
        row_bytes = max(1, self.shape[1] * self.dataset.dtype.itemsize)
        return int(max(1, WHOLE_BYTES // row_bytes // features) * features)

    def in_strips(self) -> bool:
        """Whether strips of features take hardly any chunk twice, and no single values."""
        if self.dataset.chunks is None:
            return self.turned
        width, together = self.strip(BLOCK_FEATURES), self.chunk[0]
        return 2 * together <= width or width % together == 0


@dataclass(frozen=True, slots=True)
class StripedMatrix(Matrix):
    """A matrix that stays in its open file, read strip by strip."""

    layout: Layout
    dtype: str
    shape: tuple[int, int]
    file: str
    name: str = "X"
    sparse: bool = False

    def blocks(self, features: int = BLOCK_FEATURES) -> Iterator[Block]:
        """Runs of features. Raises BadInput where the file is damaged."""
        count, width = self.shape[0], self.layout.strip(features)
        for start in range(0, count, width):
            with named(self.file):
                values = self.layout.tile(slice(start, min(start + width, count)), slice(None))
            for within in range(0, len(values), features):
                yield values[within : within + features]


@dataclass(frozen=True, slots=True)
class _Tile:
    """Part of a matrix that lies in a scratch file by feature."""

    features: slice
    samples: slice
    stretch: Stretch

    def copy_to(self, block: npt.NDArray[Any], start: int) -> None:
        """Fill in what a block whose first feature is `start` has of this tile."""
        first = max(start, self.features.start)
        last = min(start + len(block), self.features.stop)
        if first < last:
            width = self.samples.stop - self.samples.start
            low, high = ((each - self.features.start) * width for each in (first, last))
            part = self.stretch[low:high].reshape(last - first, width)
            block[first - start : last - start, self.samples] = part


@dataclass(frozen=True, slots=True)
class SpooledDenseMatrix(Matrix):
    """A matrix that was turned into a scratch file."""

    tiles: tuple[_Tile, ...]
    dtype: str
    shape: tuple[int, int]
    name: str = "X"
    sparse: bool = False

    def blocks(self, features: int = BLOCK_FEATURES) -> Iterator[Block]:
        """Runs of features, put together of all tiles that have a part in them."""
        count, samples = self.shape
        for start in range(0, count, features):
            block = np.empty((min(features, count - start), samples), self.dtype)
            for tile in self.tiles:
                tile.copy_to(block, start)
            yield block


def read_dense(
    stored: Dataset, convert: Convert, turned: bool, file: str, name: str = "X"
) -> Matrix:
    """A matrix of samples x features, or of features x samples where `turned`.

    Raises BadInput where it is damaged, as its blocks do.
    """
    if prod(stored.shape) * stored.dtype.itemsize <= WHOLE_BYTES:
        values = convert(read_array(stored))
        return DenseMatrix(values if turned else values.T, name)
    check_storage(stored)
    layout = Layout(stored, convert, turned)
    if layout.in_strips():
        kept = Layout(outliving(stored), convert, turned)
        return StripedMatrix(kept, layout.dtype, layout.shape, file, name)
    scratch = Scratch()
    tiles = tuple(
        _Tile(features, samples, scratch.put(np.ascontiguousarray(layout.tile(features, samples))))
        for features, samples in _tiles(layout)
    )
    return SpooledDenseMatrix(tiles, layout.dtype, layout.shape, name)


def _tiles(layout: Layout) -> Iterator[tuple[slice, slice]]:
    """Parts of about WHOLE_BYTES that cut no chunk, of all features where these fit."""
    (features, samples), (together, beside) = layout.shape, layout.chunk
    size = WHOLE_BYTES // layout.dataset.dtype.itemsize
    wide = min(features, max(1, size // beside // together) * together)
    high = max(1, size // wide // beside) * beside
    for pair in product(range(0, samples, high), range(0, features, wide)):
        yield (
            slice(pair[1], min(pair[1] + wide, features)),
            slice(pair[0], min(pair[0] + high, samples)),
        )
