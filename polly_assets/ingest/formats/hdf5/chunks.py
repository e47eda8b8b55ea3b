"""Whole arrays of HDF5 in deflated chunks, unpacked by isal in a third of the library's time.

Owns the usual case of a dense matrix: chunks that are deflated, shuffled or not. Whatever else an
array is, or whatever is wrong with it, is left to the library, whose word on it is the last.
Keep out: lists that are read in stretches (`values`), and checks of storage (`access`).
"""

from __future__ import annotations

from itertools import product
from math import prod
from typing import Any, cast

import h5py
import numpy as np
import numpy.typing as npt
from isal import isal_zlib

from polly_assets.native.sparse import weave

_SMALLEST = 1 << 16
"""Bytes from which it is worth it."""

_FAILURES = cast(
    tuple[type[Exception], ...], (MemoryError, OSError, RuntimeError, ValueError, isal_zlib.error)
)

_USUAL = {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE}


def unpacked(source: h5py.h5d.DatasetID, plan: h5py.h5p.PropDCID) -> npt.NDArray[Any] | None:
    """All values of an array that was made by this plan; None where the library is to read it."""
    shape, kind = source.shape, source.dtype
    if kind.kind not in "iuf" or not kind.isnative or prod(shape) * kind.itemsize < _SMALLEST:
        return None
    filters = [plan.get_filter(i)[0] for i in range(plan.get_nfilters())]
    if filters[-1:] != [h5py.h5z.FILTER_DEFLATE] or not _USUAL.issuperset(filters):
        return None
    chunk = plan.get_chunk()
    out = np.empty(shape, kind)
    try:
        for start in product(*map(range, [0] * len(shape), shape, chunk)):
            mask, data = source.read_direct_chunk(start)
            if mask:
                return None
            within = tuple(slice(at, at + step) for at, step in zip(start, chunk, strict=True))
            part = out[within]
            values = _values(data, kind, prod(chunk), len(filters) > 1).reshape(chunk)
            part[...] = values[tuple(map(slice, part.shape))]
    except _FAILURES:
        return None
    return out


def _values(data: bytes, kind: np.dtype[Any], count: int, shuffled: bool) -> npt.NDArray[Any]:
    size = count * kind.itemsize
    plain = isal_zlib.decompressobj().decompress(data, size + 1)
    if len(plain) != size:
        raise ValueError(f"{len(plain)} bytes of {size}")
    return weave(plain, kind) if shuffled else np.frombuffer(plain, kind)
