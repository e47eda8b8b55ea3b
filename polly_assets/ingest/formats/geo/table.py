"""Tables inside GEO text files: tab-separated rows below a header.

Owns the way from the bytes of one such table, or of a piece of it, to polars columns, with the
place of every fault. Well-formed rows go through `native.text` whole; the slower ways below
exist to find a fault's line, and to accept doubled quotes, rows without an id and a
spreadsheet's error values.
Add here what holds for every GEO table. Keep out: what the rows mean, and alignment.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt
import polars as pl

from polly_assets.ingest.formats.geo.stream import GeoText
from polly_assets.ingest.formats.streams.table import MISSING
from polly_assets.ingest.formats.wording import counted
from polly_assets.native.text import Values, parse
from polly_resources.errors import BadInput

MAX_COLUMNS = 1_000_000
"""What a table may have."""

SPREADSHEET_ERRORS = ("#div/0!", "#name?", "#null!", "#num!", "#ref!", "#value!")
"""What a spreadsheet leaves of a value that it could not compute, in lower case."""

LOST_TABS = "cells are separated by tabs, and these are lost: download the file again"

_CELL = re.compile(r'(?:"(.*?)"|([^\t]*))\t', re.S)
_NEWLINE = 10
_WHOLLY_QUOTED = r'^"(?:[^"]|"")*"$'


def cells(line: str) -> list[str]:
    """The tab-separated cells of a line whose cells may be quoted.

    A quoted cell ends at a quote before a tab or the end of the line, so it may hold tabs
    and quotes; doubled quotes in it are one.
    """
    if '"' not in line:
        return line.split("\t")
    found = _CELL.findall(line + "\t")
    return [quoted.replace('""', '"') or plain for quoted, plain in found]


def header_cells(text: GeoText, *, quoted: bool = False) -> list[str]:
    """The column names of a table's first line, without padding; empty for an empty table.

    Raises BadInput `too_many_columns`.
    """
    line = text.data.decode().rstrip("\n")
    if (count := line.count("\t") + 1) > MAX_COLUMNS:
        raise text.fault(
            "too_many_columns",
            f"the table has {count} columns, expected at most {MAX_COLUMNS}",
            text.first_line,
            hint="check that the file is what its name says",
        )
    found = [name.strip() for name in (cells(line) if quoted else line.split("\t"))]
    found = [_bare(name) for name in found] if '"' in line else found
    return found if line.strip() else []


def _bare(cell: str) -> str:
    """A cell without the quotes around all of it."""
    if re.fullmatch(_WHOLLY_QUOTED, cell):
        return cell[1:-1].replace('""', '"').strip()
    return cell


@dataclass(frozen=True, slots=True)
class Numbers:
    """Ids of rows and rows x value columns (NaN where missing).

    `rows` counts those that are not blank, ones without id included; `errors` cells that were.
    """

    keys: pl.Series
    values: npt.NDArray[np.float64]
    rows: int
    errors: int = 0


@dataclass(frozen=True)
class Table:
    """Rows of a table: `text` from byte `start` on, under a header at `header_line`.

    With `quoted`, a quoted cell may hold tabs; without, quotes around a whole cell are taken off
    and nothing else is special.
    """

    text: GeoText
    header: list[str]
    header_line: int
    start: int = 0
    quoted: bool = False

    @property
    def empty(self) -> bool:
        """Whether no row is there but blank ones."""
        data, start = self.text.data, self.start
        return start >= len(data) or (data[start] == _NEWLINE and not data[start:].strip(b"\n"))

    @property
    def row_count(self) -> int:
        """Rows that are not blank."""
        return sum(map(bool, self.text.data[self.start :].split(b"\n")))

    def strings(self, columns: Sequence[int] | None = None) -> pl.DataFrame:
        """Columns (or all) as text, named `0`, `1`, ... by position; empty cells are null.

        Raises BadInput `ragged_row`.
        """
        return self._strings(range(len(self.header)) if columns is None else columns)

    def numbers(self, key: int, values: Sequence[int]) -> Numbers:
        """A key column as text without padding, and value columns as float64.

        Rows without key and values are skipped.
        Raises BadInput `ragged_row`, `not_a_number` or `empty_feature_id`.
        """
        found = self._fast(key, values)
        if found is not None:
            return found
        return self._checked(key, values)

    def parts(self, size: int) -> Iterator[Table]:
        """The same table in runs of rows of about so many bytes."""
        data, at = self.text.data, self.start
        line = self.text.line_at(at)
        while at < len(data):
            end = data.find(b"\n", at + size) + 1 or len(data)
            text = GeoText(data[at:end], self.text.name, line)
            yield Table(text, self.header, self.header_line, 0, self.quoted)
            line += text.data.count(b"\n")
            at = end

    def _split(self, line: str) -> list[str]:
        return cells(line) if self.quoted else line.split("\t")

    def _parse(self, numeric: Sequence[int]) -> tuple[list[pl.Series], list[Values]] | None:
        """Text columns and numbers in file order by the quick way; None where it cannot tell."""
        data, numbers = self.text.data, set(numeric)
        if not self.header or self.start >= len(data):
            return None
        if self.quoted and data.find(b'""', self.start) >= 0:
            return None
        text = [i not in numbers for i in range(len(self.header))]
        runs = parse(data, self.start, text, csv_quotes=self.quoted)
        if runs is None:
            return None
        columns = [[run.text[i] for run in runs] for i in range(sum(text))]
        return [_whole(parts) for parts in columns], [run.values for run in runs]

    def _fast(self, key: int, values: Sequence[int]) -> Numbers | None:
        if key in values or (found := self._parse(values)) is None:
            return None
        texts, runs = found
        keys = self._clean(texts[key - sum(i < key for i in set(values))])
        if keys.null_count():
            return None
        numbers = (
            runs[0] if len(runs) == 1 else np.concatenate([np.empty((0, len(set(values)))), *runs])
        )
        places = [sorted(set(values)).index(i) for i in values]
        if places != list(range(numbers.shape[1])):
            numbers = numbers[:, places]
        return Numbers(keys, cast(npt.NDArray[np.float64], numbers), keys.len())

    def _clean(self, column: pl.Series) -> pl.Series:
        """Text without padding and, in tables of that kind, without the quotes around it."""
        data = self.text.data
        if not self.quoted and data.find(b'"', self.start) >= 0:
            column = pl.DataFrame({"0": column}).select(_unquoted("0")).to_series()
        if data.find(b" ", self.start) >= 0:
            column = column.str.strip_chars().replace("", None)
        return column

    def _strings(self, columns: Sequence[int]) -> pl.DataFrame:
        found = self._parse(())
        if found is not None:
            frame = pl.DataFrame({str(i): found[0][i] for i in columns})
            quotes = not self.quoted and self.text.data.find(b'"', self.start) >= 0
            return frame.with_columns(map(_unquoted, frame.columns)) if quotes else frame
        width = len(self.header)
        rows = []
        for line, text in self._lines():
            row = self._split(text)
            if len(row) < width or "".join(row[width:]).strip():
                raise self.text.fault(
                    "ragged_row",
                    f"found {counted(len(row), 'column')}, expected {width} as in the "
                    "table's header",
                    line,
                    column=min(len(row), width) + 1,
                    hint="every row needs one cell per column, empty ones included",
                )
            rows.append([row[i] or None for i in columns])
        frame = pl.DataFrame(rows, {str(i): pl.String for i in columns}, orient="row")
        return frame if self.quoted else frame.with_columns(map(_unquoted, frame.columns))

    def _lines(self) -> Iterator[tuple[int, str]]:
        """The rows that are not blank, with their line numbers."""
        first = self.text.line_at(self.start)
        body = self.text.data[self.start :].decode()
        for number, line in enumerate(body.removesuffix("\n").split("\n"), first):
            if line:
                yield number, line

    def _checked(self, key: int, values: Sequence[int]) -> Numbers:
        """The columns by way of text, so that a fault has a line."""
        frame = self._strings(list(dict.fromkeys([key, *values])))
        frame = frame.with_columns(pl.all().fill_null("").str.strip_chars())
        lower = frame.select(pl.col(str(i)).str.to_lowercase() for i in values)
        errors = lower.select(pl.all().is_in(SPREADSHEET_ERRORS).sum()).sum_horizontal()
        absent = lower.select(pl.all().is_in([*MISSING, *SPREADSHEET_ERRORS]))
        texts = pl.DataFrame(
            [frame[str(i)].set(absent[str(i)], None) for i in values],
        )
        numbers = texts.select(pl.all().cast(pl.Float64, strict=False))
        for i in values:
            bad = texts[str(i)].is_not_null() & numbers[str(i)].is_null()
            if bad.any():
                raise self._not_a_number(int(bad.arg_max() or 0), i, frame)
        keys = frame.get_column(str(key))
        nameless = keys == ""
        valued = texts.select(pl.any_horizontal(pl.all().is_not_null())).to_series()
        if (lost := nameless & valued).any():
            raise self.text.fault(
                "empty_feature_id",
                f"found a value without an id in column {self.header[key]}",
                self._line_of(int(lost.arg_max() or 0)),
                column=key + 1,
                hint="give the row an id or delete it",
            )
        return Numbers(
            keys.filter(~nameless),
            numbers.filter(~nameless).to_numpy(),
            frame.height,
            int(errors[0]) if values else 0,
        )

    def _not_a_number(self, row: int, column: int, frame: pl.DataFrame) -> BadInput:
        found = str(frame[row, str(column)])
        hint = "replace it by a number or by null"
        if re.fullmatch(r"[+-]?\d*,\d+([eE][+-]?\d+)?", found):
            hint = "numbers need decimal points, not commas"
        elif found.upper() == self.header[column].upper():
            hint = "the names of the columns are among the rows: delete this line"
        return self.text.fault(
            "not_a_number",
            f"found {found[:40]!r} in column {self.header[column]}, expected a number, "
            "`null` or nothing",
            self._line_of(row),
            column=column + 1,
            hint=hint,
        )

    def _line_of(self, row: int) -> int:
        for index, (line, _) in enumerate(self._lines()):
            if index == row:
                return line
        raise IndexError(row)


def _whole(parts: Sequence[pl.Series]) -> pl.Series:
    return parts[0] if len(parts) == 1 else pl.concat([pl.Series("", [], pl.String), *parts])


def _unquoted(name: str) -> pl.Expr:
    """A column without the quotes around whole cells; empty is null."""
    cell = pl.col(name)
    inner = cell.str.slice(1).str.head(-1).str.replace_all('""', '"', literal=True)
    bare = pl.when(cell.str.contains(_WHOLLY_QUOTED)).then(inner).otherwise(cell)
    return pl.when(bare != "").then(bare).alias(name)


def table_of(text: GeoText, *, quoted: bool = False) -> Table:
    """The table whose first line is its header."""
    start = text.data.find(b"\n") + 1 or len(text.data)
    header = header_cells(GeoText(text.data[:start], text.name, text.first_line), quoted=quoted)
    return Table(text, header, text.first_line, start, quoted)
