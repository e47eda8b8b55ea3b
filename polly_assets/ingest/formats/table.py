"""The body of a text matrix: rows of text columns and number columns, read fast and exactly.

Owns the quick read of a well-formed body, the careful read that repairs or pins down what
the quick one refused, and the meaning of a cell (number, missing, neither). Used by every
format whose matrix is separated text.
Keep out: headers, sidecars, and which column means what.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import compress, islice
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import polars as pl

from polly_resources.errors import BadInput

MISSING = ("", "#n/a", "n/a", "na", "nan", "null")
"""Cells that mean 'no value', in lower case."""

_CAREFUL_ROWS = 2048
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")
_QUOTED = r'^"(?:[^"]|"")*"$'

Values = npt.NDArray[np.float64] | npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Layout:
    """How a body is laid out.

    `columns` are their names for messages; `text` marks those that are not numbers;
    `first_line` is the line of the body's first row in the file. With `csv_quotes` a
    quoted cell may hold separators and line ends, as in CSV; without, quotes around a
    whole cell are taken off and nothing else is special. With `integers`, numbers are
    int64 where every one is a whole number written without point or exponent.
    """

    columns: tuple[str, ...]
    text: tuple[bool, ...]
    first_line: int
    separator: str = "\t"
    csv_quotes: bool = False
    integers: bool = False

    @property
    def numbers(self) -> tuple[bool, ...]:
        """Marks the number columns."""
        return tuple(not text for text in self.text)


@dataclass(frozen=True, slots=True)
class Table:
    """A body that was read: text columns `c0`, `c1`, ... by position; rows x number columns.

    Text is as the file has it, null where empty.
    """

    text: pl.DataFrame
    values: Values


def is_missing(cell: str) -> bool:
    """Whether a cell means 'no value'."""
    return cell.strip().lower() in MISSING


def read_table(data: bytes, start: int, layout: Layout, file: str) -> Table:
    r"""Every cell of a body: the UTF-8 rows of `data` from byte `start`, each ending in `\n`.

    Byte `start` begins line `layout.first_line`. Numbers are rounded correctly (bit for bit
    as Python's `float`); missing cells are NaN. Blank lines and empty cells beyond the last
    column are passed over. Raises BadInput `ragged_row`, `not_a_number` or `bad_quotes` with
    line and column.
    """
    if not data[start : start + 2].strip() and not data[start:].strip():
        empty = pl.DataFrame(schema=dict.fromkeys(_text_names(layout), pl.String))
        return Table(empty, np.empty((0, sum(layout.numbers))))
    table = _read_quickly(data, start, layout)
    if table is None:
        table = _read_carefully(data[start:], layout, file)
    if not layout.csv_quotes and data.find(b'"', start) >= 0:
        return Table(table.text.select(_unquoted(pl.all())), table.values)
    return table


def _text_names(layout: Layout) -> list[str]:
    return [f"c{i}" for i in compress(range(len(layout.text)), layout.text)]


def _read_quickly(data: bytes, start: int, layout: Layout) -> Table | None:
    kinds = (pl.Int64, pl.Float64) if layout.integers else (pl.Float64,)
    for kind in kinds:
        frame = _parse(data, layout, kind)
        if frame is not None:
            break
    else:
        return None
    if not _complete(frame, data, start, layout):
        return None
    # Neither select nor drop: they plan a query, which is slow for thousands of columns.
    text = pl.DataFrame([frame.drop_in_place(name) for name in _text_names(layout)])
    if kind is pl.Int64 and any(s.null_count() for s in frame.iter_columns()):
        frame = frame.cast(pl.Float64)
    return Table(text, cast(Values, frame.to_numpy()))


def _parse(data: bytes, layout: Layout, kind: type[pl.DataType]) -> pl.DataFrame | None:
    schema = {f"c{i}": pl.String if text else kind for i, text in enumerate(layout.text)}
    numbers = (name for name, dtype in schema.items() if dtype is kind)
    try:
        return pl.read_csv(
            data,
            has_header=False,
            skip_lines=layout.first_line - 1,
            schema=cast(dict[str, Any], schema),
            separator=layout.separator,
            quote_char='"' if layout.csv_quotes else None,
            null_values=dict.fromkeys(numbers, "NA"),
        )
    except pl.exceptions.PolarsError:
        return None


def _complete(frame: pl.DataFrame, data: bytes, start: int, layout: Layout) -> bool:
    """Whether no row is short or blank.

    polars fills what a row lacks with nulls, so a short row shows in the last column and a
    blank one in the first.
    """
    if frame.to_series(0).null_count():
        return False
    if not frame.to_series(-1).null_count():
        return True
    if layout.csv_quotes:
        return False
    separators = data.count(layout.separator.encode(), start)
    return separators == frame.height * (len(layout.text) - 1)


def _unquoted(column: pl.Expr) -> pl.Expr:
    inner = column.str.slice(1, column.str.len_chars() - 2).str.replace_all('""', '"', literal=True)
    inner = pl.when(inner != "").then(inner)
    return pl.when(column.str.contains(_QUOTED)).then(inner).otherwise(column).name.keep()


def unquote(cell: str) -> str:
    """A cell without the quotes around it; unchanged where they do not enclose all of it."""
    if cell[:1] == '"' and len(cell) > 1 and re.match(_QUOTED, cell):
        return cell[1:-1].replace('""', '"')
    return cell


def _read_carefully(body: bytes, layout: Layout, file: str) -> Table:
    rows = records(body.decode(), layout, file)
    names = _text_names(layout)
    texts: list[list[str | None]] = [[] for _ in names]
    parts: list[Values] = []
    while chunk := list(islice(rows, _CAREFUL_ROWS)):
        for column, cells in zip(
            texts, zip(*(compress(r, layout.text) for _, r in chunk), strict=True), strict=True
        ):
            column.extend(cell or None for cell in cells)
        parts.append(_numbers(chunk, layout, file))
    whole = all(part.dtype == np.int64 for part in parts)
    values = np.concatenate(parts) if whole else np.concatenate([p.astype(float) for p in parts])
    columns = {
        name: pl.Series(cells, dtype=pl.String) for name, cells in zip(names, texts, strict=True)
    }
    return Table(pl.DataFrame(columns), cast(Values, values))


def records(text: str, layout: Layout, file: str) -> Iterator[tuple[int, list[str]]]:
    """Rows as (line, cells), each with exactly the layout's columns; blank lines left out."""
    width = len(layout.columns)
    if not layout.csv_quotes:
        for line, row in enumerate(text.split("\n"), layout.first_line):
            cells = row.split(layout.separator)
            if any(cell.strip() for cell in cells):
                yield line, fit(cells, width, line, file)
        return
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=layout.separator)
    line = layout.first_line
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield line, fit(cells, width, line, file)
            line = layout.first_line + reader.line_num
    except csv.Error as error:
        raise BadInput(
            "bad_quotes",
            f"the quoted text that begins here does not end ({error})",
            file=file,
            place=f"line {line}",
            hint='a quote inside a quoted cell is written twice ("")',
        ) from error


def fit(cells: list[str], width: int, line: int, file: str) -> list[str]:
    """The cells of one row, without empty ones beyond `width`; BadInput `ragged_row` if not so."""
    if len(cells) > width and not any(cell.strip() for cell in cells[width:]):
        return cells[:width]
    if len(cells) == width:
        return cells
    column = min(len(cells), width) + (len(cells) > width)
    raise BadInput(
        "ragged_row",
        f"the row has {len(cells)} columns, expected {width}",
        file=file,
        place=f"line {line}, column {column}",
        hint="every row needs as many columns as the header; look for a lost or extra separator",
    )


def _numbers(chunk: list[tuple[int, list[str]]], layout: Layout, file: str) -> Values:
    flat = [cell for _, row in chunk for cell in compress(row, layout.numbers)]
    cells = pl.Series(flat, dtype=pl.String).str.strip_chars()
    if not layout.csv_quotes:
        cells = cells.str.replace(r'^"(.*)"$', "$1").str.strip_chars()
    if layout.integers:
        whole = cells.cast(pl.Int64, strict=False)
        if not whole.null_count():
            return cast(Values, whole.to_numpy().reshape(len(chunk), -1))
    values = cells.cast(pl.Float64, strict=False)
    wrong = values.is_null() & ~cells.str.to_lowercase().is_in(MISSING)
    if (at := wrong.arg_max()) is not None and wrong[at]:
        _refuse(chunk, at, layout, file)
    return cast(Values, values.to_numpy().reshape(len(chunk), -1))


def _refuse(chunk: list[tuple[int, list[str]]], at: int, layout: Layout, file: str) -> None:
    positions = list(compress(range(len(layout.columns)), layout.numbers))
    line, row = chunk[at // len(positions)]
    column = positions[at % len(positions)]
    cell = row[column]
    comma = _DECIMAL_COMMA.fullmatch(cell.strip())
    raise BadInput(
        "not_a_number",
        f"found {cell[:60]!r} for column {layout.columns[column]!r} of row {row[0][:60]!r}, "
        "expected a number",
        file=file,
        place=f"line {line}, column {column + 1}",
        hint="write decimal points, not commas"
        if comma
        else "correct the cell; a missing value is an empty cell or NA",
    )


def unique_names(names: Sequence[str], reserved: str = "") -> list[str]:
    """Names made unique in order: a repeated or reserved `x` becomes `x.1`, then `x.2`."""
    taken = set(names) | {reserved}
    seen = {reserved}
    out = []
    for name in names:
        new, count = name, 0
        while new in seen or (count and new in taken):
            count += 1
            new = f"{name}.{count}"
        seen.add(new)
        out.append(new)
    return out
