"""Tables inside GEO text files: tab-separated rows between a begin and an end line.

Owns the way from the bytes of one such table to polars columns, with the place of every
fault. Well-formed tables go through polars whole; the slower ways below exist to find a
fault's line, and to accept padded numbers, blank lines and stray quotes.
Add here what holds for every GEO table. Keep out: what the rows mean, and alignment.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl

from polly_resources.errors import BadInput

MISSING = ("", "null", "NULL", "Null", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "NAN")
"""Cells of a value column that stand for a missing value."""

_CELL = re.compile(r'(?:"(.*?)"|([^\t]*))\t')
_TABLE_END = re.compile(rb"!\w+_table_end[ \t]*(?:\n|\Z)", re.I)
_NEWLINE = 10
_NOT_SEPARATORS = bytes(byte for byte in range(256) if byte not in b"\t\n")


@dataclass(frozen=True, slots=True)
class GeoText:
    r"""A whole GEO file as UTF-8 bytes with `\n` line ends, and its name for errors.

    `first_line` is the number of its first line in the file that the name means.
    """

    data: bytes
    name: str
    first_line: int = 1

    def line_at(self, offset: int) -> int:
        """The number of the line that holds a byte offset."""
        return self.data.count(b"\n", 0, offset) + self.first_line

    def fault(
        self, code: str, message: str, line: int, *, column: int = 0, hint: str = ""
    ) -> BadInput:
        """An error at a line and, where given, a column counted from 1."""
        place = f"line {line}, column {column}" if column else f"line {line}"
        return BadInput(code, message, file=self.name, place=place, hint=hint)


def cells(line: str) -> list[str]:
    """The tab-separated cells of a line whose cells may be quoted.

    A quoted cell ends at a quote before a tab or the end of the line, so it may hold tabs
    and quotes; doubled quotes in it are one.
    """
    if '"' not in line:
        return line.split("\t")
    found = _CELL.findall(line + "\t")
    return [quoted.replace('""', '"') or plain for quoted, plain in found]


def table_end(data: bytes, start: int) -> tuple[int, int] | None:
    """Where a table's rows stop and where its end line stops; None where it has no end.

    `start` is where the table's header begins. Only the first line with a `!` of its own can
    be the end, or the table was cut short.
    """
    position = data.find(b"!", start)
    while position >= 0:
        if data[position - 1] == _NEWLINE:
            match = _TABLE_END.match(data, position)
            return (position, match.end()) if match else None
        position = data.find(b"!", position + 1)
    return None


@dataclass(frozen=True)
class Table:
    """One table of a GEO file: `start` and `stop` bound its header line and its rows."""

    text: GeoText
    start: int
    stop: int
    quoted: bool = False

    @cached_property
    def header(self) -> list[str]:
        """The column names as written, without padding; empty for an empty table."""
        line = self.text.data[self.start : self._body].decode().rstrip("\n")
        return [name.strip() for name in self._split(line)] if line.strip() else []

    @cached_property
    def row_count(self) -> int:
        """Rows that are not blank, the header apart."""
        if self._regular:
            return len(self._separators) // len(self.header)
        return sum(1 for _ in self._lines())

    def strings(self, columns: Sequence[int] | None = None) -> pl.DataFrame:
        """Columns (or all) as text, named `0`, `1`, ... by position; empty cells are null.

        Raises BadInput `ragged_row`.
        """
        return self._strings(range(len(self.header)) if columns is None else columns)

    def numbers(self, key: int, values: Sequence[int]) -> tuple[pl.Series, npt.NDArray[np.float64]]:
        """A key column as text, and rows x value columns as float64, NaN where missing.

        Rows without key and values are skipped.
        Raises BadInput `ragged_row`, `not_a_number` or `empty_feature_id`.
        """
        frame = self._fast(key, values)
        if frame is None:
            frame = self._checked(key, values)
        keys = frame.get_column(str(key))
        return keys, frame.drop(str(key)).select(map(str, values)).to_numpy()

    @cached_property
    def _body(self) -> int:
        found = self.text.data.find(b"\n", self.start, self.stop)
        return self.stop if found < 0 else found + 1

    def _split(self, line: str) -> list[str]:
        return cells(line) if self.quoted else line.split("\t")

    @cached_property
    def _separators(self) -> bytes:
        """The tabs and line ends of the rows."""
        return self.text.data[self._body : self.stop].translate(None, _NOT_SEPARATORS)

    @cached_property
    def _regular(self) -> bool:
        """Whether every line has as many tabs as the header says."""
        width = len(self.header)
        row = b"\t" * (width - 1) + b"\n"
        return width > 0 and self._separators == row * (len(self._separators) // width)

    def _parse(self, columns: Sequence[int], numeric: Sequence[int] = ()) -> pl.DataFrame | None:
        """The columns by polars, empty text as null; None where it cannot vouch for them."""
        if not self._regular or not self._separators:
            return None
        if self.quoted and self.text.data.find(b'""', self._body, self.stop) >= 0:
            return None
        header = b"\t".join(b"%d" % i for i in range(len(self.header))) + b"\n"
        body = memoryview(self.text.data)[self._body : self.stop]
        try:
            return pl.read_csv(
                b"".join((header, body)),
                separator="\t",
                quote_char='"' if self.quoted else None,
                columns=[str(i) for i in sorted(columns)],
                schema_overrides={str(i): pl.Float64 for i in numeric},
                null_values=MISSING if numeric else None,
                infer_schema=False,
            )
        except pl.exceptions.PolarsError:
            return None

    def _fast(self, key: int, values: Sequence[int]) -> pl.DataFrame | None:
        frame = self._parse([key, *values], values)
        if frame is None:
            return None
        return None if frame.get_column(str(key)).null_count() else frame

    def _strings(self, columns: Sequence[int]) -> pl.DataFrame:
        frame = self._parse(columns)
        if frame is not None:
            return frame
        width = len(self.header)
        rows = []
        for line, text in self._lines():
            row = self._split(text)
            if len(row) != width:
                raise self.text.fault(
                    "ragged_row",
                    f"found {len(row)} columns, expected {width} as in the table's header",
                    line,
                    column=min(len(row), width) + 1,
                    hint="every row needs one cell per column, empty ones included",
                )
            rows.append([row[i] or None for i in columns])
        return pl.DataFrame(rows, {str(i): pl.String for i in columns}, orient="row")

    def _lines(self) -> Iterator[tuple[int, str]]:
        """The rows that are not blank, with their line numbers."""
        first = self.text.line_at(self._body)
        body = self.text.data[self._body : self.stop].decode()
        for number, line in enumerate(body.removesuffix("\n").split("\n"), first):
            if line:
                yield number, line

    def _checked(self, key: int, values: Sequence[int]) -> pl.DataFrame:
        """The columns by way of text, so that a fault has a line."""
        frame = self._strings([key, *values]).with_columns(pl.all().fill_null(""))
        padded = [pl.col(str(i)).str.strip_chars() for i in values]
        texts = frame.select(pl.when(~column.is_in(MISSING)).then(column) for column in padded)
        numbers = texts.select(pl.all().cast(pl.Float64, strict=False))
        for i in values:
            bad = texts[str(i)].is_not_null() & numbers[str(i)].is_null()
            if bad.any():
                raise self._not_a_number(int(bad.arg_max() or 0), i, frame)
        keys = frame.get_column(str(key))
        nameless = (keys.str.strip_chars() == "").rename("nameless")
        valued = texts.select(pl.any_horizontal(pl.all().is_not_null())).to_series()
        if (lost := nameless & valued).any():
            raise self.text.fault(
                "empty_feature_id",
                f"found a value without an id in column {self.header[key]}",
                self._line_of(int(lost.arg_max() or 0)),
                column=key + 1,
                hint="give the row an id or delete it",
            )
        return numbers.insert_column(0, keys).filter(~nameless)

    def _not_a_number(self, row: int, column: int, frame: pl.DataFrame) -> BadInput:
        found = str(frame[row, str(column)])
        return self.text.fault(
            "not_a_number",
            f"found {found[:40]!r} in column {self.header[column]}, expected a number, "
            "`null` or nothing",
            self._line_of(row),
            column=column + 1,
            hint="replace it by a number or by null",
        )

    def _line_of(self, row: int) -> int:
        for index, (line, _) in enumerate(self._lines()):
            if index == row:
                return line
        raise IndexError(row)
