"""Compressed sparse matrices in HDF5 (AnnData's and Cell Ranger's) as features x samples.

Owns how three lists become blocks of features without being in memory: compressed samples are
turned by way of `spool_sparse`, compressed features are given out as they lie. Small matrices
are read once and kept. Keep out: where a format keeps the lists, and its errors.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeAlias

import h5py
import numpy as np
import numpy.typing as npt

from polly_assets.ingest.formats.base import BLOCK_FEATURES, Block, Matrix, SparseBlock
from polly_assets.ingest.formats.hdf5.access import guarded, named
from polly_assets.ingest.formats.hdf5.nodes import Dataset
from polly_assets.ingest.formats.hdf5.values import Stretches
from polly_assets.ingest.formats.streams.readahead import read_ahead
from polly_assets.ingest.formats.streams.spool_sparse import Assembly, SpooledMatrix
from polly_assets.native.sparse import KeyOutOfRange, examine

WHOLE_BYTES = 64 * 1024**2
"""The largest matrix that is read at once, and turned without being parted."""

STRETCH = 1 << 20
"""How many entries are read at once."""

Ints: TypeAlias = npt.NDArray[np.int64]
Values: TypeAlias = npt.NDArray[Any]


class Stretch(Protocol):
    """A part of all entries' places or values."""

    def __call__(self, start: int, stop: int, /) -> Values:
        """Those from start to stop."""


class Portion(NamedTuple):
    """Some entries: their first row, offsets from there, keys, and the number of the first."""

    first: int
    offsets: Ints
    keys: Values
    start: int


@dataclass(frozen=True, slots=True)
class Stored:
    """The lists of a matrix: offsets of rows, and for each entry its key and its value."""

    indptr: Ints
    keys: Stretch
    values: Stretch
    bytes: int

    @property
    def count(self) -> int:
        """How many entries there are."""
        return int(self.indptr[-1])

    def portions(self, size: int) -> Generator[Portion, None, None]:
        """Portions of `size` entries; rows may be cut."""
        for start in range(0, self.count, size):
            stop = min(start + size, self.count)
            first = int(np.searchsorted(self.indptr, start, side="right")) - 1
            last = int(np.searchsorted(self.indptr, stop, side="left"))
            offsets = np.clip(self.indptr[first : last + 1], start, stop) - start
            yield Portion(first, offsets, self.keys(start, stop), start)

    def full_portions(self, size: int) -> Generator[tuple[Portion, Values], None, None]:
        """Portions with their values."""
        for portion in self.portions(size):
            yield portion, self.values(portion.start, portion.start + len(portion.keys))


@dataclass(frozen=True, slots=True)
class CompressedMatrix(Matrix):
    """Compressed features whose samples ascend; their entries are in memory or in the file."""

    stored: Stored
    dtype: str
    samples: int
    file: str = ""
    name: str = "X"
    sparse: bool = True

    @property
    def shape(self) -> tuple[int, int]:  # type: ignore[override]
        """Features, samples."""
        return (len(self.stored.indptr) - 1, self.samples)

    def blocks(self, features: int = BLOCK_FEATURES) -> Iterator[Block]:
        """Slices of stretches that are read one by one. Raises BadInput of a damaged file."""
        indptr, count, start = self.stored.indptr, self.shape[0], 0
        while start < count:
            stop = int(np.searchsorted(indptr, indptr[start] + STRETCH, side="right")) - 1
            stop = min(count, start + max(1, (stop - start) // features) * features)
            with named(self.file):
                keys = self.stored.keys(int(indptr[start]), int(indptr[stop]))
                values = self.stored.values(int(indptr[start]), int(indptr[stop]))
            offsets = indptr[start : stop + 1] - indptr[start]
            keys = keys.astype(np.int32, copy=False)
            yield from SparseBlock(offsets, keys, values).split(features)
            start = stop


def stored(
    indptr: Ints, keys: Dataset, values: Dataset, convert: Callable[[Values], Values]
) -> Stored:
    """The lists as they lie in the file, whose keys become int32 or int64."""
    places, numbers = Stretches(keys), Stretches(values)
    wanted = np.int32 if keys.dtype.itemsize < 4 or keys.dtype.name == "int32" else np.int64
    return Stored(
        indptr,
        lambda start, stop: places.read(start, stop).astype(wanted, copy=False),
        lambda start, stop: convert(numbers.read(start, stop)),
        int(indptr[-1]) * (keys.dtype.itemsize + values.dtype.itemsize),
    )


def by_sample(found: Stored, features: int, dtype: str) -> tuple[SpooledMatrix, int]:
    """Compressed samples turned, and how many repeated entries were summed.

    Raises KeyOutOfRange at the entry whose feature is none.
    """
    assembly = Assembly(features, len(found.indptr) - 1, found.count)
    whole = found.count if found.bytes <= WHOLE_BYTES else 0
    size = max(whole, assembly.portion)
    for part, values in _begun(found, size):
        with _counted_from(part.start):
            assembly.add_samples(part.offsets, part.keys, values, part.first)
    return assembly.finish(dtype)


def by_feature(
    found: Stored, samples: int, dtype: str, open_again: Callable[[], Stored]
) -> tuple[CompressedMatrix | SpooledMatrix, int]:
    """Compressed features as they are, or sorted and summed where they are not ascending.

    `open_again` gives lists that outlive the reading. Raises KeyOutOfRange at the entry whose
    sample is none.
    """
    if found.bytes <= WHOLE_BYTES:
        keys, values = found.keys(0, found.count), found.values(0, found.count)
        found = Stored(found.indptr, lambda a, b: keys[a:b], lambda a, b: values[a:b], found.bytes)
        if examine(found.indptr, keys, samples):
            return CompressedMatrix(found, dtype, samples), 0
        return _sorted(found, samples, dtype)
    if not all(_rising(found, samples)):
        return _sorted(found, samples, dtype)
    return CompressedMatrix(open_again(), dtype, samples), 0


def outliving(dataset: Dataset) -> Dataset:
    """The dataset by a handle of its own, which stays open when its file is closed."""
    with guarded(dataset):
        file = h5py.h5i.get_file_id(dataset.id).reopen()
        return Dataset(h5py.h5d.open(file, h5py.h5i.get_name(dataset.id)), dataset.name)


def _begun(found: Stored, size: int) -> Iterator[tuple[Portion, Values]]:
    """The portions of a matrix; of a large one, the next is read while the last is used."""
    portions = found.full_portions(size)
    return read_ahead(portions) if found.count > size else portions


def _rising(found: Stored, samples: int) -> Iterator[bool]:
    """Whether the samples of each feature ascend, portion by portion."""
    before = (-1, -1)
    for first, offsets, keys, start in found.portions(STRETCH):
        with _counted_from(start):
            yield examine(offsets, keys, samples)
        yield not (before[0] == first and before[1] >= keys[0])
        before = (first + len(offsets) - 2, int(keys[-1]))


def _sorted(found: Stored, samples: int, dtype: str) -> tuple[SpooledMatrix, int]:
    assembly = Assembly(len(found.indptr) - 1, samples, found.count)
    for (first, offsets, keys, start), values in _begun(found, STRETCH):
        rows = np.arange(first, first + len(offsets) - 1, dtype=np.int32)
        with _counted_from(start):
            examine(offsets, keys, samples)
        assembly.add(np.repeat(rows, np.diff(offsets)), keys.astype(np.int32), values)
    return assembly.finish(dtype)


@contextmanager
def _counted_from(start: int) -> Iterator[None]:
    """Gives a wrong key its number among all entries."""
    try:
        yield
    except KeyOutOfRange as error:
        raise KeyOutOfRange(error.at + start, error.key) from None
