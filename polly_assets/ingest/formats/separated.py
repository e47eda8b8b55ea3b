"""CSV and its relatives: which separator, which lines are comments, where the header is.

Owns the shape of a separated file before anything is known of its meaning.
Keep out: what the columns are (`delimited`, `sidecars`).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from polly_assets.ingest.formats.table import Layout, is_missing, records
from polly_assets.ingest.formats.text import read_bytes, utf8_lines
from polly_resources.errors import BadInput
from polly_resources.records import Notice

SEPARATORS = (",", "\t", ";")
_PROBE_ROWS = 100
_PROBE_LINES = 6
_PROBE_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Separated:
    """A separated file, opened: its header, its first rows, and its body still unread.

    `data` is the file as UTF-8; its body begins at byte `start` of line `first_line`.
    `quoted` says whether quotes occur.
    """

    header: tuple[str, ...]
    probe: tuple[tuple[str, ...], ...]
    data: bytes
    start: int
    first_line: int
    separator: str
    quoted: bool
    comments: tuple[str, ...]
    notices: tuple[Notice, ...]

    def body(self) -> str:
        """All below the header."""
        return self.data[self.start :].decode()


def open_separated(path: Path, name: str) -> Separated:
    """Find separator, comments and header of a CSV, TSV or semicolon file.

    Leading lines that start with `#` are comments, but for the last of them where it alone
    is as wide as the row after it: then it is the header. A header one cell narrower than
    the rows (as R writes it) gets an empty first cell. Raises BadInput `no_rows`.
    """
    data, notices = utf8_lines(read_bytes(path, name), name)
    quoted = b'"' in data
    lines = _beginning(data).split("\n")
    skipped = next((i for i, s in enumerate(lines) if s.strip() and not s.startswith("#")), None)
    if skipped is None:
        raise _no_rows(name)
    comments = [line for line in lines[:skipped] if line.strip()]
    separator = _separator("\n".join(lines[skipped:]))
    if _is_header(comments, lines[skipped], separator):
        skipped = lines.index(comments.pop())
    start = _after(data, 0, skipped)
    header, used = _record(_beginning(data, start), separator)
    start = _after(data, start, used)
    probe = _records(_beginning(data, start), separator, _PROBE_ROWS)
    if not probe:
        raise _no_rows(name)
    if {len(row) for row in probe} == {len(header) + 1} and any(row[-1].strip() for row in probe):
        header = ["", *header]
    return Separated(
        header=tuple(header),
        probe=tuple(tuple(row) for row in probe),
        data=data,
        start=start,
        first_line=skipped + used + 1,
        separator=separator,
        quoted=quoted,
        comments=tuple(comments),
        notices=notices,
    )


def present_cells(file: Separated, columns: Sequence[int]) -> list[list[str]]:
    """The first cells of each column that are not missing, from anywhere in the body."""
    found: list[list[str]] = [[] for _ in columns]
    reader = csv.reader(io.StringIO(file.body(), newline=""), delimiter=file.separator)
    for row in reader:
        for cells, column in zip(found, columns, strict=True):
            if column < len(row) and len(cells) < _PROBE_ROWS and not is_missing(row[column]):
                cells.append(row[column])
    return found


def read_rows(
    path: Path, name: str
) -> tuple[tuple[str, ...], list[tuple[int, list[str]]], tuple[Notice, ...]]:
    """A small table whole: header, rows as (line, cells), notices.

    Raises BadInput `ragged_row`, `bad_quotes`, `no_rows`.
    """
    file = open_separated(path, name)
    header = _trimmed(file.header)
    layout = Layout(
        header, (True,) * len(header), file.first_line, file.separator, csv_quotes=file.quoted
    )
    return header, list(records(file.body(), layout, name)), file.notices


def _trimmed(header: tuple[str, ...]) -> tuple[str, ...]:
    while len(header) > 1 and not header[-1].strip():
        header = header[:-1]
    return header


def _no_rows(name: str) -> BadInput:
    return BadInput(
        "no_rows",
        "found no row below the header, expected a header and at least one row",
        file=name,
        place="line 1",
        hint="check that the file was exported completely",
    )


def _beginning(data: bytes, start: int = 0) -> str:
    """Whole lines from `start`: a few at least, then as many as are cheap to look at."""
    end = _after(data, start, _PROBE_LINES)
    return data[start : max(end, data.rfind(b"\n", start, start + _PROBE_BYTES) + 1)].decode()


def _is_header(comments: list[str], row: str, separator: str) -> bool:
    widths = [len(_cells(line, separator)) for line in (row, *comments[-1:-3:-1])]
    return len(widths) > 1 and widths[0] == widths[1] > 1 and widths[2:] != widths[:1]


def _after(data: bytes, start: int, lines: int) -> int:
    """The byte after so many lines, or the end."""
    for _ in range(lines):
        start = data.find(b"\n", start) + 1 or len(data)
    return start


def _separator(text: str) -> str:
    """The separator that gives the most rows of one width, then the widest rows."""
    best, best_score = ",", (-1.0, 0)
    for separator in SEPARATORS:
        widths = [len(row) for row in _records(text, separator, 20)]
        if not widths:
            continue
        width = max(set(widths[1:] or widths), key=widths.count)
        score = (widths.count(width) / len(widths) if width > 1 else 0.0, width)
        if score > best_score:
            best, best_score = separator, score
    return best


def _records(text: str, separator: str, limit: int) -> list[list[str]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        return [row for row in islice(reader, limit) if any(cell.strip() for cell in row)]
    except csv.Error:
        return [line.split(separator) for line in text.split("\n")[:limit] if line.strip()]


def _record(text: str, separator: str) -> tuple[list[str], int]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        return next(reader), reader.line_num
    except csv.Error:  # a cell that is longer than the library reads
        return text.partition("\n")[0].split(separator), 1


def _cells(line: str, separator: str) -> list[str]:
    return _record(line, separator)[0] if line else []
