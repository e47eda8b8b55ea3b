"""A temporary file without a name, for arrays that are too large to be held.

Owns writing arrays and reading parts of them, from any thread; the file goes when the last array
that lies in it does. Keep out: what the arrays mean, and how they are arranged.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

import numpy as np
import numpy.typing as npt

from polly_resources.errors import Unavailable


@dataclass(frozen=True, slots=True)
class Stretch:
    """An array of one dimension that lies in the file."""

    file: BinaryIO
    offset: int
    dtype: np.dtype[Any]

    def __getitem__(self, part: slice) -> npt.NDArray[Any]:
        found = np.empty(part.stop - part.start, self.dtype)
        view, at = _bytes(found), self.offset + part.start * found.itemsize
        while view:
            read = os.preadv(self.file.fileno(), [view], at)
            if not read:
                raise _unavailable("it was cut short")
            view, at = view[read:], at + read
        return found


class Scratch:
    """The file, made by the first array that is put into it."""

    def __init__(self) -> None:
        self._file: BinaryIO | None = None

    def put(self, array: npt.NDArray[Any]) -> Stretch:
        """Write an array, whatever its shape, in the order of its memory (C order).

        Raises Unavailable `no_scratch_space`.
        """
        try:
            if self._file is None:
                made = tempfile.TemporaryFile(prefix="polly-", buffering=0)  # noqa: SIM115
                self._file = cast(BinaryIO, made)
            offset = self._file.seek(0, os.SEEK_END)
            view = _bytes(array)
            while view:
                view = view[self._file.write(view) :]
        except OSError as error:
            raise _unavailable(str(error)) from error
        return Stretch(self._file, offset, array.dtype)


def _bytes(array: npt.NDArray[Any]) -> memoryview:
    return memoryview(cast(Any, array.reshape(-1))).cast("B") if array.size else memoryview(b"")


def _unavailable(why: str) -> Unavailable:
    return Unavailable(
        "no_scratch_space",
        f"a large matrix needs a scratch file in {tempfile.gettempdir()} ({why})",
        hint="make room there, or name another folder in TMPDIR",
    )
