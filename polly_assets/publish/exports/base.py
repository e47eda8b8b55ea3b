"""The contract for exports: one dataset to one file that others can read.

Owns the contract and the safe replacement of files. Add an export as one file beside this
one and one row in `exports.registry`.
Keep out: anything about one particular format.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar
from uuid import uuid4

from polly_assets.publish.content import DatasetContent


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
    """Temporary files beside `outs`, renamed to them together once all are written."""
    mark = uuid4().hex[:8]
    parts = tuple(out.with_name(f".{out.name}.{mark}.part") for out in outs)
    try:
        yield parts
        for part, out in zip(parts, outs, strict=True):
            part.replace(out)
    finally:
        for part in parts:
            part.unlink(missing_ok=True)
