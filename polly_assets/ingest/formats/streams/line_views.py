r"""A file of text in views of whole lines, none of which is copied.

Owns what a parser of bytes needs that is as fast as memory: most lines stay where they were read,
and only those are put together that a piece's end cuts. Keep out: parsing, and blocks for parsers
that want each as bytes (`text.line_blocks`).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from polly_assets.ingest.formats.streams.text import UTF8_BOM, check_line, pieces, unified


def line_views(path: Path, name: str, size: int) -> Iterator[bytes | memoryview]:
    r"""Blocks of whole lines, of `size` bytes and less but of a line at least, each line ended.

    Without byte order mark, and each line ends with `\n`. Raises BadInput `corrupt_gzip`,
    `unpacks_too_large` or `line_too_long`.
    """
    cut = b""
    for piece in _with_one_ending(path, name, size):
        first, last = piece.find(b"\n") + 1, piece.rfind(b"\n") + 1
        if not first:
            cut += piece
            check_line(cut, name)
            continue
        if cut:
            yield cut + piece[:first]
        view = memoryview(piece)[first if cut else 0 : last]
        if view:
            yield view
        cut = piece[last:]
    if cut:
        yield cut + b"\n"


def _with_one_ending(path: Path, name: str, size: int) -> Iterator[bytes]:
    waiting, mark = b"", UTF8_BOM
    for raw in pieces(path, name, size):
        piece = waiting + raw if waiting else raw.removeprefix(mark)
        mark = waiting = b""
        if b"\r" in piece:
            waiting = b"\r" if piece.endswith(b"\r") else b""  # a CR-LF may be cut in two
            piece = unified(piece.removesuffix(waiting))
        yield piece
    if waiting:
        yield b"\n"
