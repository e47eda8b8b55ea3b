"""Tables of variants separated by tabs: rows many at a time, with the line of each.

Owns finding the column names below comments, and cutting the text below into cells: blank lines
and comments are no rows, and each row has as many cells as the header. Keep out: what columns
mean, and matrices (`streams.table`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from polly_assets.ingest.formats.streams.lines import Blocks, Stretch, ahead
from polly_assets.ingest.formats.streams.table import fit, unquote
from polly_assets.ingest.formats.streams.text import UTF8_BOM, UTF16_BOMS
from polly_assets.ingest.formats.variants import PIECE_ROWS
from polly_resources.errors import BadInput
from polly_resources.records import Notice

LineNumbers = npt.NDArray[np.int64]

SCIENTIFIC = r"^[0-9](?:\.[0-9]{1,15})?[eE]\+?[0-9]{1,2}$"
"""A number such as 1e+05, which may have been rounded."""

_WHOLE = r"^([0-9]{1,18})(?:\.0*)?$"
_EXACT = 2.0**53
_BLOCK_BYTES = 8 * 1024**2
_PIECE_CHARACTERS = 16 * 1024**2
_TAB, _END, _COMMENT, _SPACE = b"\t\n# "


class Tabbed:
    """A file read up to its column names, its rows still unread.

    `comments` are the lines above without their `#`; `header` is the line of column names, ''
    where the file ends before it, and `line` its number.
    """

    def __init__(self, path: Path, file: str) -> None:
        self._blocks, self._file = Blocks(path, file, _BLOCK_BYTES), file
        self._rest: Iterator[Stretch] = ahead(iter(self._blocks))
        self.comments: list[str] = []
        self.header, self.line = "", 0
        for block in self._rest:
            if (start := self._above(block)) is not None:
                below = Stretch(block.data, start, self.line + 1)
                self._rest = chain([below], self._rest)
                return

    @property
    def notices(self) -> Sequence[Notice]:
        """What was noticed in the text; complete once the last row was taken."""
        return self._blocks.notices

    def _above(self, block: Stretch) -> int | None:
        """Read on to the column names; the byte behind them, None where the block has none."""
        start = block.start
        while start < len(block.data):
            end = block.data.index(b"\n", start)
            line = block.data[start:end].decode()
            start = end + 1
            self.line += 1
            if line.startswith("#"):
                self.comments.append(line[1:])
            elif line.strip():
                self.header = line
                return start
        return None

    def frames(self, names: Sequence[str]) -> Iterator[tuple[pl.DataFrame, LineNumbers]]:
        """Rows as text without quotes around it, null where empty, and the line of each.

        As many at a time as are small once each row has all column names. Raises BadInput
        `ragged_row` once the rows before it were given.
        """
        step = max(1, min(PIECE_ROWS, _PIECE_CHARACTERS // max(1, sum(map(len, names)))))
        for block in self._rest:
            whole, numbers, error = self._whole(block, len(names))
            if len(numbers):
                frame = _cells(whole, names)
                for at in range(0, len(numbers), step):
                    yield frame.slice(at, step), numbers[at : at + step]
            if error:
                raise error

    def _whole(self, block: Stretch, width: int) -> tuple[bytes, LineNumbers, BadInput | None]:
        """The rows of a block, all of one width, their lines, and why they are not all."""
        text = block.data[block.start :]
        if not text:
            return b"", np.zeros(0, np.int64), None
        codes = np.frombuffer(text, np.uint8)
        ends = np.flatnonzero(codes == _END)
        starts = np.concatenate(([0], ends[:-1] + 1))
        tabs = np.diff(np.searchsorted(np.flatnonzero(codes == _TAB), ends), prepend=0)
        filled = np.logical_or.reduceat(codes > _SPACE, starts) & (codes[starts] != _COMMENT)
        numbers = np.arange(block.line, block.line + len(ends))
        odd = np.flatnonzero(filled & (tabs != width - 1))
        if filled.all() and not len(odd):
            return text, numbers, None
        lines = text.split(b"\n")
        for row in odd.tolist():
            try:
                cells = fit(lines[row].decode().split("\t"), width, int(numbers[row]), self._file)
            except BadInput as error:
                filled[row:] = False
                return _kept(lines, filled), numbers[filled], error
            lines[row] = "\t".join(cells).encode()
        return _kept(lines, filled), numbers[filled], None


def beginning(head: bytes) -> str:
    """The first characters of a file for `sniff`: UTF-16 by its byte order mark, else Latin-1."""
    if head.startswith(UTF16_BOMS):
        return head[: len(head) // 2 * 2].decode("utf-16", "replace")
    return head.removeprefix(UTF8_BOM).decode("latin-1")


def first_row(found: pl.Series) -> int | None:
    """The first row that is true; null is not."""
    row = found.fill_null(value=False).arg_max()
    return row if row is not None and found[row] else None


def whole_number(name: str) -> pl.Expr:
    """A column of text as whole numbers, 0 or more; null where a cell is none."""
    return pl.col(name).str.extract(_WHOLE, 1).cast(pl.Int64, strict=False).alias(name)


def position(name: str) -> pl.Expr:
    """A column as `whole_number`, and in scientific form, as R writes round numbers."""
    scientific = pl.col(name).str.contains(SCIENTIFIC)
    value = pl.when(scientific).then(pl.col(name)).cast(pl.Float64, strict=False)
    exact = pl.when((value == value.round()) & (value < _EXACT)).then(value).cast(pl.Int64)
    return pl.coalesce(whole_number(name), exact).alias(name)


def _kept(lines: Sequence[bytes], filled: npt.NDArray[np.bool_]) -> bytes:
    return b"".join(lines[row] + b"\n" for row in np.flatnonzero(filled).tolist())


def _cells(text: bytes, names: Sequence[str]) -> pl.DataFrame:
    frame = pl.read_csv(
        text,
        has_header=False,
        separator="\t",
        quote_char=None,
        schema=dict.fromkeys(names, pl.String),
    )
    if b'"' not in text:
        return frame
    return frame.with_columns(
        pl.Series(column.name, [cell and (unquote(cell) or None) for cell in column], pl.String)
        for column in frame.iter_columns()
        if column.str.contains('"', literal=True).any()
    )
