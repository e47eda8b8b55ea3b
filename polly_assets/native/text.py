"""Rows of separated text to columns of text and grids of numbers.

Owns the quick read of rows that need no judgement, by `_text.cpp` or, without it, by polars.
Keep out: rows that do (`formats.table` reads them carefully), headers, files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from polly_assets.native.compiled import compiled

MOST_THREADS = 4
"""Threads that one parse may use; no more than there are cores, nor for little text."""

Values = npt.NDArray[np.float64] | npt.NDArray[np.int64]


@dataclass(frozen=True)
class Rows:
    """Consecutive rows: an array for each column of text (null where empty), rows x numbers."""

    columns: list[pa.LargeStringArray]
    values: Values

    @cached_property
    def text(self) -> list[pl.Series]:
        """The columns of text for polars, which copies them."""
        return [cast(pl.Series, pl.from_arrow(column)) for column in self.columns]


class Census(NamedTuple):
    """What tells how much care a text needs: its line feeds; whether NUL or CR occurs."""

    lines: int
    ascii: bool
    control: bool


def census(data: bytes) -> Census:
    """One look at every byte."""
    module = compiled("_text")
    if module is not None:
        return Census(*module.census(data))
    return Census(data.count(b"\n"), data.isascii(), b"\0" in data or b"\r" in data)


def parse(
    data: bytes,
    start: int,
    text: Sequence[bool],
    *,
    separator: str = "\t",
    csv_quotes: bool = False,
    integers: bool = False,
    threads: int = MOST_THREADS,
) -> list[Rows] | None:
    r"""The rows of `data` from byte `start`, in runs; None where only a careful reader can tell.

    `data` is UTF-8 without NUL, its lines ended by `\n` (the last may lack it); `text` marks the
    columns that are not numbers. Blank lines and empty cells beyond the last column are passed
    over. Numbers are float64 as Python's `float` gives them, NaN where missing; with `integers`
    they are int64 where every one is whole, without point or exponent, and none is missing. With
    `csv_quotes` a quoted cell may hold separators; without, quotes around a number are taken off
    and those around text are kept.
    """
    if not data.endswith(b"\n"):
        data += b"\n"
    module = compiled("_text")
    if module is None:
        return _by_polars(data[start:], text, separator, csv_quotes, integers)
    marks = bytes(text)
    for kind in (np.int64, np.float64) if integers else (np.float64,):
        found = module.parse(
            data,
            start,
            len(data),
            separator.encode(),
            marks,
            csv_quotes,
            kind is np.int64,
            threads,
        )
        if not isinstance(found, str):
            return [_rows(part, marks.count(0), kind) for part in found]
    return None


def _rows(part: Any, numbers: int, kind: type[np.float64 | np.int64]) -> Rows:
    count, room, columns = part
    values = np.frombuffer(room, kind, count * numbers).reshape(count, numbers)
    return Rows([_array(count, *column) for column in columns], cast(Values, values))


def _array(count: int, cells: bytes, offsets: bytes, valid: bytes | None) -> pa.LargeStringArray:
    bits = None if valid is None else pa.py_buffer(valid)
    return pa.LargeStringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(cells), bits)


def as_array(column: pl.Series) -> pa.LargeStringArray:
    """A column of text as `Rows` has it."""
    return column.to_arrow().cast(pa.large_string())


def _by_polars(
    body: bytes, text: Sequence[bool], separator: str, csv_quotes: bool, integers: bool
) -> list[Rows] | None:
    for kind in (pl.Int64, pl.Float64) if integers else (pl.Float64,):
        frame = _frame(body, text, kind, separator, csv_quotes)
        if frame is not None:
            break
    else:
        return None
    if not _complete(frame, body, separator, csv_quotes):
        return None
    # Neither select nor drop: they plan a query, which is slow for thousands of columns.
    columns = [as_array(frame.drop_in_place(f"c{i}")) for i, each in enumerate(text) if each]
    if kind is pl.Int64 and any(column.null_count() for column in frame.iter_columns()):
        frame = frame.cast(pl.Float64)
    if not frame.width:
        return [Rows(columns, np.empty((len(columns[0]), 0)))]
    return [Rows(columns, cast(Values, frame.to_numpy()))]


def _frame(
    body: bytes, text: Sequence[bool], kind: type[pl.DataType], separator: str, csv_quotes: bool
) -> pl.DataFrame | None:
    schema = {f"c{i}": pl.String if is_text else kind for i, is_text in enumerate(text)}
    numbers = (name for name, dtype in schema.items() if dtype is kind)
    try:
        return pl.read_csv(
            body,
            has_header=False,
            schema=cast(dict[str, Any], schema),
            separator=separator,
            quote_char='"' if csv_quotes else None,
            null_values=dict.fromkeys(numbers, "NA"),
        )
    except pl.exceptions.PolarsError:
        return None


def _complete(frame: pl.DataFrame, body: bytes, separator: str, csv_quotes: bool) -> bool:
    """Whether no row is short or blank.

    polars fills what a row lacks with nulls, so a short row shows in the last column and a
    blank one in the first.
    """
    if frame.to_series(0).null_count():
        return False
    if not frame.to_series(-1).null_count():
        return True
    return not csv_quotes and body.count(separator.encode()) == frame.height * (frame.width - 1)
