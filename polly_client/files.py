"""Files that appear whole or not at all.

Keep out: what is written into them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from polly_api.words import BadInput, Unavailable


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A new file beside `path` to write to; it takes that name when the block ends well.

    A device or pipe is written to directly. Raises BadInput where there is no such folder, and
    Unavailable where the disk is full or refuses.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        yield path
        return
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise BadInput(
            "bad_output",
            "is a folder, expected a file" if path.is_dir() else "its folder does not exist",
            file=str(path),
            hint="name a file in a folder that exists",
        )
    try:
        with tempfile.TemporaryDirectory(prefix=".polly-", dir=path.absolute().parent) as folder:
            fresh = Path(folder) / path.name
            yield fresh
            fresh.replace(path)
    except OSError as error:
        raise Unavailable(
            "cannot_write",
            f"the file could not be written ({error.strerror or error})",
            file=str(path),
            hint="make room on its disk, or write to another folder",
        ) from error
