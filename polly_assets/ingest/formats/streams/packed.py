"""Unpacking without end: how much a packed file may grow, and the gunzipping that obeys.

Owns the limits that gzipped files and bundles share, and reading a gzip within them.
Keep out: what the bytes mean, and which files are in a bundle.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BufferedIOBase
from pathlib import Path
from typing import cast

from isal import igzip, isal_zlib

from polly_resources.errors import BadInput

FREE_BYTES = 128 * 1024**2
"""Up to here a file may unpack to whatever it likes."""

MAX_RATIO = 200
"""Bytes that one packed byte may become beyond `FREE_BYTES`; expression as text makes 3-30."""

MAX_BYTES = 64 * 1024**3
"""What one packed file, or one bundle, may unpack to."""

GZIP_ERRORS = cast(tuple[type[Exception], ...], (EOFError, OSError, isal_zlib.error))
"""What reading a damaged gzip raises."""

_STEP = 1024**2


def gunzipped(stream: BufferedIOBase) -> BufferedIOBase:
    """The content of an open gzip (all members); reading it may raise `GZIP_ERRORS`."""
    return cast(BufferedIOBase, igzip.IGzipFile(fileobj=stream))  # type: ignore[no-untyped-call]


def gunzip_pieces(path: Path, name: str) -> Iterator[bytes]:
    """The content of a gzip, all members, piece by piece.

    Raises BadInput `corrupt_gzip`, or `unpacks_too_large` as soon as a limit is passed.
    """
    size = 0
    try:
        with path.open("rb") as raw, gunzipped(raw) as stream:
            while piece := stream.read(_STEP):
                size += len(piece)
                check_growth(size, raw.tell(), name)
                yield piece
    except GZIP_ERRORS as error:
        raise BadInput(
            "corrupt_gzip",
            f"the gzip stream is damaged or cut short ({error})",
            file=name,
            hint="check it with `gzip -t` and transfer the file again",
        ) from error


def gunzip(path: Path, name: str) -> bytes:
    """All of `gunzip_pieces` at once."""
    return b"".join(gunzip_pieces(path, name))


def check_growth(unpacked: int, packed: int, name: str, place: str = "") -> None:
    """Raises BadInput `unpacks_too_large` where so many bytes may not come of so few."""
    if unpacked <= FREE_BYTES or unpacked <= min(packed * MAX_RATIO, MAX_BYTES):
        return
    raise BadInput(
        "unpacks_too_large",
        f"{packed} packed bytes unpack to {unpacked} bytes or more, expected at most "
        f"{MAX_RATIO} times as many, and {MAX_BYTES} in all",
        file=name,
        place=place,
        hint="if the content is meant to be that large, give the file unpacked or in parts",
    )
