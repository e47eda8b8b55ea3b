"""A temporary file without a name, for arrays that are too large to be held.

Owns writing arrays and reading parts of them, from any thread; the file goes when the last array
that lies in it does. Keep out: what the arrays mean, and how they are arranged.
"""

from __future__ import annotations

import os
import tempfile
import weakref
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

import numpy as np
import numpy.typing as npt

from polly_resources.errors import Unavailable


class _Nameless:
    """The file, closed when nothing refers to it any more."""

    def __init__(self, of: str) -> None:
        self.of = of
        self.raw = cast(BinaryIO, tempfile.TemporaryFile(prefix="polly-", buffering=0))  # noqa: SIM115
        weakref.finalize(self, self.raw.close)


@dataclass(frozen=True, slots=True)
class Stretch:
    """An array that lies in the file, read as one of one dimension."""

    file: _Nameless
    offset: int
    dtype: np.dtype[Any]

    def __getitem__(self, part: slice) -> npt.NDArray[Any]:
        found = np.empty(part.stop - part.start, self.dtype)
        view, at = _bytes(found), self.offset + part.start * found.itemsize
        while view:
            read = os.preadv(self.file.raw.fileno(), [view], at)
            if not read:
                raise _unavailable("it was cut short", self.file.of)
            view, at = view[read:], at + read
        return found


class Scratch:
    """The file, made by the first array that is put into it. `of` is the file that is read."""

    def __init__(self, of: str = "") -> None:
        self._of = of
        self._file: _Nameless | None = None

    def put(self, array: npt.NDArray[Any]) -> Stretch:
        """Write an array, whatever its shape, in the order of its memory (C order).

        Raises Unavailable `no_temporary_space`.
        """
        try:
            self._file = self._file or _Nameless(self._of)
            offset = self._file.raw.seek(0, os.SEEK_END)
            view = _bytes(array)
            while view:
                view = view[self._file.raw.write(view) :]
        except OSError as error:
            raise _unavailable(error.strerror or str(error), self._of) from error
        return Stretch(self._file, offset, array.dtype)


def _bytes(array: npt.NDArray[Any]) -> memoryview:
    return memoryview(cast(Any, array.reshape(-1))).cast("B") if array.size else memoryview(b"")


def _unavailable(why: str, of: str) -> Unavailable:
    return Unavailable(
        "no_temporary_space",
        f"a large matrix could not be put aside in {tempfile.gettempdir()} ({why}), "
        "expected room for all of it",
        file=of,
        hint="make room there, or let TMPDIR name a larger folder",
    )
