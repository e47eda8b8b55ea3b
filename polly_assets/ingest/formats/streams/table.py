"""The body of a text matrix: rows of text columns and number columns, read fast and exactly.

Owns the careful read that repairs or pins down what the quick one (`native.text`) refused, bodies
in blocks, and the meaning of a cell (number, missing, neither). Used by every
format whose matrix is separated text.
Keep out: headers, sidecars, and which column means what.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import compress, islice
from typing import cast

import numpy as np
import polars as pl
import pyarrow as pa

from polly_assets.ingest.formats.base import Matrix
from polly_assets.ingest.formats.streams.in_order import in_order
from polly_assets.ingest.formats.streams.lines import Stretch
from polly_assets.ingest.formats.streams.spool import Spool
from polly_assets.ingest.formats.wording import counted
from polly_assets.native import text as native
from polly_assets.native.text import Rows, as_array
from polly_resources.errors import BadInput

MISSING = ("", "#n/a", "<na>", "n/a", "na", "nan", "none", "null")
"""Cells that mean 'no value', in lower case."""

_CAREFUL_ROWS = 2048
_MAX_RECORD_BYTES = 64 * 1024**2
_MISWRITTEN = (
    (r"[+-]?\d{1,3}([ ,.'\u2019_\u00a0\u2009\u202f]\d{3})+([.,]\d+)?",
     "write numbers without marks between the thousands, and with decimal points"),
    (r"[+-]?\d+,\d+", "write decimal points, not commas"),
    (r"[\u2212\u2013].*", "write the minus sign as the hyphen of the keyboard (-)"),
    (r"#[A-Z0-9/]+[!?]", "a formula failed in the spreadsheet: mend it there, or empty the cell"),
    (r"=.*", "this is a formula: save its value"),
    (r".*", "correct the cell; a missing value is an empty cell or NA"),
)  # fmt: skip
"""How cells that are no numbers may be written, and what to do; the first that fits counts."""

_LONGEST_NUMBER = 400
_QUOTED = r'^"(?:[^"]|"")*"$'

Values = native.Values


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
    runs = list(_runs(data, start, layout, file))
    values = [run.values for run in runs]
    if not all(each.dtype == np.int64 for each in values):
        values = [each.astype(np.float64, copy=False) for each in values]
    whole = values[0] if len(values) == 1 else np.concatenate(values or [_none(layout)])
    return Table(_joined([run.columns for run in runs], layout), cast(Values, whole))


def read_blocks(
    blocks: Iterable[Stretch], layout: Layout, file: str, *, transposed: bool = False
) -> tuple[pl.DataFrame, Matrix]:
    """As `read_table`, of a body in blocks of whole rows, from lines that the blocks tell.

    Of the values no more than the spool's share stays in memory; they are features x samples,
    or samples x features where `transposed`. Where quoted cells may hold line ends, a block
    whose quotes are odd is taken together with the next. The blocks are taken, and read, by
    several threads.
    """
    spool = Spool(file, transposed=transposed)
    texts: list[list[pa.LargeStringArray]] = []

    def read(block: Stretch) -> list[Rows]:
        own = replace(layout, first_line=block.line)
        return list(_runs(block.data, block.start, own, file, threads=1))

    for runs in in_order(in_records(blocks) if layout.csv_quotes else iter(blocks), read):
        for run in runs:
            spool.add(run.values)
            texts.append(run.columns)
    return _joined(texts, layout), spool.matrix(sum(layout.numbers))


def in_records(blocks: Iterable[Stretch]) -> Iterator[Stretch]:
    """The blocks, each whose quotes are odd together with the next."""
    waiting: list[Stretch] = []
    quotes = size = 0
    for block in blocks:
        waiting.append(block)
        quotes += block.data.count(b'"', block.start)
        size += len(block.data)
        if quotes % 2 == 0 or size > _MAX_RECORD_BYTES:
            yield _together(waiting)
            waiting, quotes, size = [], 0, 0
    if waiting:
        yield _together(waiting)


def _together(blocks: list[Stretch]) -> Stretch:
    if len(blocks) == 1:
        return blocks[0]
    return Stretch(b"".join(data[start:] for data, start, _ in blocks), 0, blocks[0].line)


def _runs(
    data: bytes, start: int, layout: Layout, file: str, threads: int = native.MOST_THREADS
) -> Iterator[Rows]:
    """The rows in consecutive runs, by the quick way or else by the careful one."""
    if not data[start : start + 2].strip() and not data[start:].strip():
        return
    runs = native.parse(
        data,
        start,
        layout.text,
        separator=layout.separator,
        csv_quotes=layout.csv_quotes,
        integers=layout.integers,
        threads=threads,
    )
    quoted = not layout.csv_quotes and data.find(b'"', start) >= 0
    for run in _carefully(data[start:], layout, file) if runs is None else runs:
        if len(run.values):
            yield _without_quotes(run) if quoted else run


def _none(layout: Layout) -> Values:
    return np.empty((0, sum(layout.numbers)))


def _joined(runs: Sequence[Sequence[pa.LargeStringArray]], layout: Layout) -> pl.DataFrame:
    names = [f"c{i}" for i in compress(range(len(layout.text)), layout.text)]
    if not runs:
        return pl.DataFrame(schema=dict.fromkeys(names, pl.String))
    columns = zip(names, zip(*runs, strict=True), strict=True)
    return pl.DataFrame({name: pa.concat_arrays(parts) for name, parts in columns})


def _without_quotes(rows: Rows) -> Rows:
    frame = pl.DataFrame({f"c{i}": column for i, column in enumerate(rows.columns)})
    return Rows(list(map(as_array, frame.select(_unquoted(pl.all())))), rows.values)


def _unquoted(column: pl.Expr) -> pl.Expr:
    inner = column.str.slice(1, column.str.len_chars() - 2).str.replace_all('""', '"', literal=True)
    inner = pl.when(inner != "").then(inner)
    return pl.when(column.str.contains(_QUOTED)).then(inner).otherwise(column).name.keep()


def unquote(cell: str) -> str:
    """A cell without the quotes around it; unchanged where they do not enclose all of it."""
    if cell[:1] == '"' and len(cell) > 1 and re.match(_QUOTED, cell):
        return cell[1:-1].replace('""', '"')
    return cell


def _carefully(body: bytes, layout: Layout, file: str) -> Iterator[Rows]:
    rows = records(body.decode(), layout, file)
    while chunk := list(islice(rows, _CAREFUL_ROWS)):
        cells = zip(*(compress(row, layout.text) for _, row in chunk), strict=True)
        text = [pa.array([cell or None for cell in column], pa.large_string()) for column in cells]
        yield Rows(text, _numbers(chunk, layout, file))


def records(text: str, layout: Layout, file: str) -> Iterator[tuple[int, list[str]]]:
    """Rows as (line, cells), each with exactly the layout's columns; blank lines left out."""
    width = len(layout.columns)
    if not layout.csv_quotes:
        for line, row in enumerate(text.split("\n"), layout.first_line):
            found = row.split(layout.separator)
            if any(cell.strip() for cell in found):
                yield line, fit(found, width, line, file)
        return
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=layout.separator)
    line = begin = layout.first_line
    cells: list[str] = []
    try:
        for cells in reader:
            if len(cells) < width and _is_open(cells, text, line - layout.first_line):
                raise _open_quote("the file ends", line, file)
            if any(cell.strip() for cell in cells):
                yield line, fit(cells, width, line, file)
            begin, line = line, layout.first_line + reader.line_num
    except csv.Error as error:
        raise _open_quote(str(error), line, file) from error
    told_by_value = any(layout.numbers) or not (cells and cells[-1].endswith("\n"))
    if not told_by_value and _is_open(cells, text, begin - layout.first_line):
        raise _open_quote("the file ends", begin, file)


def _is_open(cells: Sequence[str], text: str, line: int) -> bool:
    """Whether the last cell of a row, which begins on this line of the text, never ends."""
    return cells[-1:] != [] and "\n" in cells[-1] and text.split("\n", line)[-1].count('"') % 2 == 1


def _open_quote(what: str, line: int, file: str) -> BadInput:
    return BadInput(
        "bad_quotes",
        f"the quoted text that begins here does not end ({what})",
        file=file,
        place=f"line {line}",
        hint='a quote inside a quoted cell is written twice ("")',
    )


def fit(cells: list[str], width: int, line: int, file: str) -> list[str]:
    """The cells of one row, without empty ones beyond `width`; BadInput `ragged_row` if not so."""
    if len(cells) > width and not any(cell.strip() for cell in cells[width:]):
        return cells[:width]
    if len(cells) == width:
        return cells
    column = min(len(cells), width) + (len(cells) > width)
    raise BadInput(
        "ragged_row",
        f"the row has {counted(len(cells), 'column')}, expected {width}",
        file=file,
        place=f"line {line}, column {column}",
        hint="every row needs as many columns as the header; look for a lost or extra separator",
    )


def _numbers(chunk: list[tuple[int, list[str]]], layout: Layout, file: str) -> Values:
    shape = (len(chunk), sum(layout.numbers))
    flat = [cell for _, row in chunk for cell in compress(row, layout.numbers)]
    cells = pl.Series(flat, dtype=pl.String).str.strip_chars()
    if not layout.csv_quotes:
        cells = cells.str.replace(r'^"(.*)"$', "$1").str.strip_chars()
    if layout.integers:
        whole = cells.cast(pl.Int64, strict=False)
        if not whole.null_count():
            return cast(Values, whole.to_numpy().reshape(shape))
    values = cells.cast(pl.Float64, strict=False)
    wrong = values.is_null() & ~cells.str.to_lowercase().is_in(MISSING)
    if (at := wrong.arg_max()) is not None and wrong[at]:
        _refuse(chunk, at, layout, file)
    return cast(Values, values.to_numpy().reshape(shape))


def _refuse(chunk: list[tuple[int, list[str]]], at: int, layout: Layout, file: str) -> None:
    positions = list(compress(range(len(layout.columns)), layout.numbers))
    line, row = chunk[at // len(positions)]
    column = positions[at % len(positions)]
    cell = row[column]
    bare = cell.strip()[:_LONGEST_NUMBER]
    raise BadInput(
        "not_a_number",
        f"found {cell[:60]!r} for column {layout.columns[column][:60]!r} of row {row[0][:60]!r}, "
        "expected a number",
        file=file,
        place=f"line {line}, column {column + 1}",
        hint=next(hint for form, hint in _MISWRITTEN if re.fullmatch(form, bare, re.DOTALL)),
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
