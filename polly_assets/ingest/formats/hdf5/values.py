"""Long lists of numbers in HDF5, read in stretches and unpacked faster than its library does.

Owns the usual case: chunks that are plain, or shuffled and deflated, which isal unpacks in a third
of the time. Whatever else a list is, or whatever is wrong with it, is left to `read_array`, whose
word on it is the last. Keep out: lists that are read whole, and what the numbers mean.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, cast

import h5py
import numpy as np
import numpy.typing as npt
from isal import isal_zlib

from polly_assets.ingest.formats.hdf5.access import check_storage, guarded
from polly_assets.ingest.formats.hdf5.nodes import Dataset
from polly_assets.native.sparse import weave

_PLAIN = (h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_DEFLATE)

_SMALLEST = 1 << 13
"""Bytes of a chunk from which it is worth it."""

_FAILURES = cast(
    tuple[type[Exception], ...],
    (KeyError, OSError, OverflowError, RuntimeError, TypeError, ValueError, isal_zlib.error),
)


class Stretches:
    """A list of numbers, read from start to stop again and again."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._chunk_size, self._filters = _usual(dataset, check_storage(dataset))
        self._space = dataset.id.get_space()
        self._most_packed = 2 * self._chunk_size * dataset.dtype.itemsize + 1024
        self._last: tuple[int, npt.NDArray[Any]] = (-1, np.empty(0))

    def read(self, start: int, stop: int) -> npt.NDArray[Any]:
        """The values in native byte order. Raises BadInput as `read_array` does."""
        if self._filters and start < stop:
            with suppress(*_FAILURES):
                return self._unpacked(start, stop)
        return self._by_library(start, stop)

    def _by_library(self, start: int, stop: int) -> npt.NDArray[Any]:
        out = np.empty(stop - start, self._dataset.dtype)
        with guarded(self._dataset):
            if start < stop:
                self._space.select_hyperslab((start,), (stop - start,))
                memory = h5py.h5s.create_simple((stop - start,))
                self._dataset.id.read(memory, self._space, out)
        return out if out.dtype.isnative else out.astype(out.dtype.newbyteorder("="))

    def _unpacked(self, start: int, stop: int) -> npt.NDArray[Any]:
        size = self._chunk_size
        out = np.empty(stop - start, self._dataset.dtype)
        for number in range(start // size, (stop - 1) // size + 1):
            first = number * size
            low, high = max(start, first), min(stop, first + size)
            out[low - start : high - start] = self._chunk(number)[low - first : high - first]
        return out

    def _chunk(self, number: int) -> npt.NDArray[Any]:
        """A chunk's values. The last one is kept: the next stretch begins within it."""
        known, values = self._last
        if known != number:
            at = (number * self._chunk_size,)
            info = self._dataset.id.get_chunk_info_by_coord(at)
            if info.byte_offset is None or info.size > self._most_packed:
                raise ValueError("a chunk that was never written, or of no likely size")
            mask, data = self._dataset.id.read_direct_chunk(at)
            values = self._values(mask, data)
            self._last = (number, values)
        return values

    def _values(self, mask: int, data: bytes) -> npt.NDArray[Any]:
        kind = self._dataset.dtype
        size = self._chunk_size * kind.itemsize
        todo = [code for i, code in enumerate(self._filters) if not mask & (1 << i)]
        if todo and todo[-1] == h5py.h5z.FILTER_DEFLATE:
            todo.pop()
            data = isal_zlib.decompressobj().decompress(data, size + 1)
        if len(data) != size or todo not in ([], [h5py.h5z.FILTER_SHUFFLE]):
            raise ValueError("not the usual chunk")
        return weave(data, kind) if todo else np.frombuffer(data, kind)


def _usual(dataset: Dataset, plan: h5py.h5p.PropDCID | None) -> tuple[int, tuple[int, ...]]:
    """How many values a chunk has, and its filters; none where the library is to read."""
    kind = dataset.dtype
    if plan is None or len(dataset.shape) != 1 or kind.kind not in "iuf" or not kind.isnative:
        return 0, ()
    size = plan.get_chunk()[0]
    filters = tuple(plan.get_filter(i)[0] for i in range(plan.get_nfilters()))
    usual = size * kind.itemsize >= _SMALLEST and all(code in _PLAIN for code in filters)
    return (size, filters) if usual else (0, ())
