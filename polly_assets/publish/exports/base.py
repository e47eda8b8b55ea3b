"""The contract for exports: one dataset to one file that others can read.

Owns the contract and the safe replacement of files. Add an export as one file beside this
one and one row in `exports.registry`.
Keep out: anything about one particular format.
"""

from __future__ import annotations

import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar
from uuid import uuid4

from polly_assets.publish.content import DatasetContent
from polly_resources.errors import BadInput, Unavailable


class Export(ABC):
    """Writes one file format."""

    name: ClassVar[str]
    """The format's name in requests, such as `h5ad`."""

    suffix: ClassVar[str]
    """The ending of its files, with the dot."""

    @abstractmethod
    def write(self, content: DatasetContent, out: Path) -> None:
        """Write the dataset to `out`, whole or not at all.

        Raises NotFound `no_matrix` where the format needs a matrix and there is none, and
        BadInput `too_large` where the dataset exceeds what the format can reasonably hold.
        """


@contextmanager
def replacing(*outs: Path) -> Iterator[tuple[Path, ...]]:
    """Temporary files beside `outs`, renamed to them together once all are written.

    The last is the one that was asked for, in whose folder the others are.

    Raises BadInput `bad_output` where no file can have that name, and Unavailable
    `cannot_write` where the disk is full or refuses.
    """
    main = outs[-1]
    if main.is_dir() or not main.parent.is_dir():
        raise BadInput(
            "bad_output",
            "is a folder, expected a file" if main.is_dir() else "its folder does not exist",
            file=str(main),
            hint="name a file in a folder that exists",
        )
    mark = uuid4().hex[:8]
    parts = tuple(out.with_name(f".{out.name}.{mark}.part") for out in outs)
    try:
        yield parts
        for part, out in zip(parts, outs, strict=True):
            part.replace(out)
    except OSError as error:
        raise Unavailable(
            "cannot_write",
            f"the file could not be written ({error.strerror or error})",
            file=str(main),
            hint="make room on its disk, or write to another folder",
        ) from error
    finally:
        for part in parts:
            part.unlink(missing_ok=True)


def check_room(out: Path, least: int) -> None:
    """Raises BadInput `too_large` where the disk has not `least` bytes left for `out`."""
    free = shutil.disk_usage(out.parent).free
    if least > free:
        raise BadInput(
            "too_large",
            f"the file takes {least / 1e9:,.1f} GB at least, and its disk has {free / 1e9:,.1f} GB "
            "left",
            file=str(out),
            hint="write it to a larger disk; sparse data is smallest as h5ad",
        )
