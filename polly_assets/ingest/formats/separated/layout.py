"""CSV and its relatives: which separator, which lines are comments, where the header is.

Owns the shape of a separated file before anything is known of its meaning.
Keep out: what the columns are (`reader`, `beside.sidecars`).
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path

from polly_assets.ingest.formats.streams.lines import Blocks, Stretch
from polly_assets.ingest.formats.streams.table import Layout, is_missing, records, unquote
from polly_assets.ingest.formats.streams.text import read_bytes, utf8_lines
from polly_resources.errors import BadInput
from polly_resources.records import Notice

SEPARATORS = (",", "\t", ";")

RARE_SEPARATORS = ("|", " ")
"""Taken where none of the others separates anything; R writes spaces unless told otherwise."""

_PROBE_ROWS = 100
_SEARCHED_ROWS = 20_000
_PROBE_LINES = 6
_PROBE_BYTES = 1 << 16
_TOLD = re.compile(r"sep=(.)[,;\t]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Separated:
    """A separated file, opened: its header, its first rows, and its body still unread.

    `data` is the file as UTF-8, or its beginning; its body begins at byte `start` of line
    `first_line`. `quoted` says whether quotes may occur.
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

    def column(self, place: int) -> list[str]:
        """The cells of a column that are not empty."""
        rows = self.cells(place + 1)
        return [cell for row in rows if place < len(row) and (cell := row[place].strip())]

    def cells(self, columns: int) -> Iterator[list[str]]:
        """Each row's cells, the first `columns` at least; blank lines are rows, too."""
        if not self.quoted:
            for line in self.body().split("\n"):
                yield line.split(self.separator, columns)
            return
        with suppress(csv.Error):  # reading the values tells of it, with its place
            yield from csv.reader(io.StringIO(self.body(), newline=""), delimiter=self.separator)


def open_separated(path: Path, name: str) -> Separated:
    """A file that is held whole; see `opened`. Raises BadInput `no_rows`."""
    data, notices = utf8_lines(read_bytes(path, name), name)
    return opened(data, name, notices)


def begin_separated(path: Path, name: str) -> tuple[Separated, Blocks, Iterator[Stretch]]:
    """The beginning of a file that may be larger than memory, and its body in blocks.

    The body can be taken once. Raises BadInput `no_rows`, and what `Blocks` does.
    """
    blocks = Blocks(path, name)
    coming = iter(blocks)
    data, more = next(coming).data, next(coming, None)
    while more is not None and data.count(b"\n") <= _PROBE_LINES:  # lines are as long as blocks
        data, more = data + more.data, next(coming, None)
    file = opened(data, name)
    body = Stretch(data, file.start, file.first_line)
    if more is None:
        return file, blocks, iter((body,))
    file = replace(file, quoted=True)  # what comes may have quotes
    return file, blocks, chain((body, more), coming)


def opened(data: bytes, name: str, notices: tuple[Notice, ...] = ()) -> Separated:
    """Find separator, comments and header of a CSV, TSV or semicolon file.

    `data` is the file or its beginning, in UTF-8. Leading lines that start with `#` are comments,
    but for the last of them where it alone is as wide as the row after it: then it is the header.
    A header one cell narrower than the rows (as R writes it) gets an empty first cell; where a
    space follows each separator it is no part of the names. A first line `sep=;`, as Excel reads
    it, names the separator. Raises BadInput `no_rows`.
    """
    quoted = b'"' in data
    lines = _beginning(data).split("\n")
    told = _TOLD.fullmatch(lines[0])
    skipped = _first_row(lines, bool(told))
    if skipped is None:
        raise _no_rows(name)
    comments = [line for line in lines[bool(told) : skipped] if line.strip()]
    separator = told[1] if told else _separator("\n".join(lines[skipped:]))
    if _is_header(comments, lines[skipped], separator):
        skipped = lines.index(comments.pop())
    start = _after(data, 0, skipped)
    header, used = _record(_beginning(data, start), separator)
    if len(header) > 1 and all(name[:1] == " " != separator for name in header[1:]):
        header = [unquote(name.strip()) for name in header]
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


def _first_row(lines: Sequence[str], begin: int) -> int | None:
    """The first line that is neither empty nor a comment."""
    rest = (i for i, s in enumerate(lines) if i >= begin and s.strip() and s[0] != "#")
    return next(rest, None)


def present_cells(file: Separated, columns: Sequence[int]) -> list[list[str]]:
    """Some cells of each column that are not missing, from the first `_SEARCHED_ROWS` rows."""
    found: dict[int, list[str]] = {column: [] for column in columns}
    open_ones = set(columns)
    for row in islice(file.cells(max(columns) + 1), _SEARCHED_ROWS):
        for column in open_ones:
            if column < len(row) and not is_missing(row[column]):
                found[column].append(row[column])
        open_ones = {column for column in open_ones if len(found[column]) < _PROBE_ROWS}
        if not open_ones:
            break
    return list(found.values())


def pointed(
    body: Iterable[Stretch], separator: str, columns: Collection[int], name: str
) -> Iterator[Stretch]:
    """A body of whole records with decimal points for the decimal commas of these columns.

    Lines stay where they are. Raises BadInput `bad_quotes`.
    """
    for data, start, line in body:
        out = io.StringIO(newline="")
        writer = csv.writer(out, delimiter=separator, lineterminator="\n")
        text = io.StringIO(data[start:].decode(), newline="")
        try:
            writer.writerows(
                _pointed(row, columns) for row in csv.reader(text, delimiter=separator)
            )
        except csv.Error as error:
            raise BadInput(
                "bad_quotes",
                f"quoted text does not end, or a cell is endless ({error})",
                file=name,
                place=f"line {line} or below",
                hint='a quote inside a quoted cell is written twice ("")',
            ) from error
        yield Stretch(out.getvalue().encode(), 0, line)


def with_points(file: Separated, columns: Collection[int], name: str) -> Separated:
    """The beginning of a file with points for decimal commas, and a Notice of that."""
    message = f"{name} has decimal commas, read as points"
    return replace(
        file,
        probe=tuple(tuple(_pointed(row, columns)) for row in file.probe),
        quoted=True,
        notices=(*file.notices, Notice("decimal_commas", message)),
    )


def _pointed(row: Sequence[str], columns: Collection[int]) -> list[str]:
    return [
        cell.replace(",", ".") if i in columns and "." not in cell else cell
        for i, cell in enumerate(row)
    ]


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
    """The separator that gives the most rows of one width, then the widest rows.

    The first row may be one cell narrower, and never is one cell alone. Only where none of
    `SEPARATORS` separates anything, the rare ones are tried.
    """
    for separators in (SEPARATORS, RARE_SEPARATORS):
        scores = {separator: _score(text, separator) for separator in separators}
        best = max(scores, key=scores.__getitem__)  # the first of equals
        if scores[best] > (0.0, 0):
            return best
    return SEPARATORS[0]


def _score(text: str, separator: str) -> tuple[float, int]:
    widths = [len(row) for row in _records(text, separator, 20)]
    if not widths:
        return 0.0, 0
    width = max(set(widths[1:] or widths), key=widths.count)
    if width < 2:
        return 0.0, 0
    return (widths.count(width) + (1 < widths[0] == width - 1)) / len(widths), width


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
