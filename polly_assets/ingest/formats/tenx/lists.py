"""The lists of names beside a MatrixMarket matrix: barcodes, and features or genes.

Owns their columns in each version of Cell Ranger, and the header that depositors may add.
Keep out: the matrix.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from polly_assets.ingest.formats.streams.table import unique_names, unquote
from polly_assets.ingest.formats.streams.text import read_bytes, utf8_lines
from polly_assets.ingest.formats.tenx.names import BARCODES
from polly_resources.errors import BadInput
from polly_resources.records import Notice

_HEADER = re.compile(
    r"(cell_?)?barcodes?|cells?|(cell|gene|feature)_?(ids?|names?)|(gene_?)?symbols?|genes?"
    r"|features?|index|ids?|names?|v1|x|bc_(?:wells|index)|",
    re.I,
)
"""What the first cell of a header says; R writes `x`, `V1`, or nothing above row numbers."""

_QUOTED = re.compile(r'"[^"]*"(?: +"[^"]*")+')
"""A line as R's `write.table` writes it, cells in quotes with spaces between."""

_SPACED = re.compile(r"ENS[A-Z]*[GT]\d{6,}(?:\.\d+)? ")
"""An Ensembl id with something behind, as where tabs became spaces."""

_FEATURE_COLUMNS = ("name", "feature_type", "chromosome", "start", "end")
"""After the id: two columns since version 3, five with positions (multiome)."""

_REGION = 3
"""Columns of a BED file that every line has: chromosome, start, end."""


@dataclass(frozen=True, slots=True)
class NameList:
    """A list as its columns of text; the first are the ids. `header` names them, if it did."""

    file: str
    role: str
    columns: tuple[Sequence[str | None], ...]
    header: tuple[str, ...] = ()
    notices: tuple[Notice, ...] = ()

    @property
    def count(self) -> int:
        """How many lines it has, without the header that `fitted` has found."""
        return len(self.columns[0])

    @property
    def ids(self) -> pl.Series:
        """The first column, whether a header was found in it or not."""
        return pl.Series(self.columns[0], dtype=pl.String)

    def fitted(self, count: int) -> NameList | None:
        """The list where it has so many names, without a header if that is one too many."""
        if self.count == count:
            return self
        first = [column[0] or "" for column in self.columns] if self.count else [""]
        if self.count != count + 1 or not _HEADER.fullmatch(first[0].strip()):
            return None
        message = f"the first line of {self.file} ({', '.join(first)[:60]}) was read as a header"
        notice = Notice("header_in_list", message, "line 1")
        columns = tuple(column[1:] for column in self.columns)
        return replace(self, columns=columns, header=tuple(first), notices=(*self.notices, notice))

    def frame(self) -> pl.DataFrame:
        """The table of samples or features: ids, then the list's other columns."""
        key = "sample_id" if self.role == BARCODES else "feature_id"
        names = unique_names(self._names(), key)
        columns = {
            name: pl.Series(column, dtype=pl.String)
            for name, column in zip([key, *names], self.columns, strict=True)
        }
        return pl.DataFrame(columns)

    def place(self, row: int) -> str:
        """Where a name stands in the file."""
        return f"line {row + 1 + bool(self.header)}, column 1"

    def _names(self) -> list[str]:
        more = len(self.columns) - 1
        numbered = [f"column_{i + 2}" for i in range(more)]
        if self.header:
            return [name or other for name, other in zip(self.header[1:], numbered, strict=True)]
        if self.file.lower().removesuffix(".gz").endswith(".bed"):
            return [*_FEATURE_COLUMNS[2:], *numbered[_REGION:]][:more]
        if self.role == BARCODES or more > len(_FEATURE_COLUMNS):
            return numbered
        return list(_FEATURE_COLUMNS[:more])


def read_list(path: Path, role: str) -> NameList:
    """The lines of a list; an empty file is an empty list. Short lines end in missing cells."""
    file = path.name
    try:
        data, notices = utf8_lines(read_bytes(path, file), file)
    except BadInput as error:
        if error.code != "empty_file":
            raise
        return NameList(file, role, ([],))
    lines = data.decode().rstrip("\n").split("\n")
    if lines == [""]:
        return NameList(file, role, ([],))
    ending = file.lower().removesuffix(".gz").rpartition(".")[2]
    rows = _rows(lines, data, ending, file)
    if rows is None:
        return NameList(file, role, (_unquoted(lines, data),), notices=notices)
    bare = rows if ending == "bed" else _without_row_numbers(rows)
    if bare is not rows and rows[0][0]:
        message = f"the first column of {file} counts its rows, and is left out"
        notices = (*notices, Notice("row_numbers", message))
    ids, *others = _columns(bare)
    columns = (ids, *([cell or None for cell in each] for each in others))
    if ending == "bed" and len(columns) >= _REGION:
        columns = (_regions(columns), *columns)
    return NameList(file, role, columns, notices=notices)


def _rows(lines: Sequence[str], data: bytes, ending: str, file: str) -> list[list[str]] | None:
    """The cells of each line; None where each line is one.

    Tabs are the rule. Commas separate where each line has as many and no space is behind one;
    spaces where R quotes the cells, or the first is an Ensembl id.
    """
    if b"\t" in data and ending != "csv":
        rows = [line.rstrip("\t").split("\t") for line in lines]
        return [[unquote(cell) for cell in row] for row in rows] if b'"' in data else rows
    commas = {line.count(",") for line in lines} if b"," in data and b", " not in data else {0}
    if ending == "csv" or (len(commas) == 1 and 0 not in commas):
        return _quoted(lines, ",", file)
    if b" " not in data or len(lines) == 1:
        return None
    if all(map(_QUOTED.fullmatch, lines[1:])):
        return _quoted(lines, " ", file)
    if all(map(_SPACED.match, lines[1:])):
        return [line.split(maxsplit=2) for line in lines]
    return None


def _quoted(lines: Sequence[str], separator: str, file: str) -> list[list[str]]:
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=separator == " ")
    rows: list[list[str]] = []
    with suppress(csv.Error):  # text beyond its limit, which has no end either
        for row in reader:
            if reader.line_num > len(rows) + 1:
                break
            rows.append(row)
    if len(rows) < len(lines):
        raise BadInput(
            "bad_quotes",
            "the quoted text that begins here does not end in its line",
            file=file,
            place=f"line {len(rows) + 1}",
            hint='a quote inside a quoted cell is written twice ("")',
        )
    return rows


def _columns(rows: Sequence[Sequence[str]]) -> list[Sequence[str | None]]:
    width = max(map(len, rows))
    return [[row[i] if i < len(row) else None for row in rows] for i in range(width)]


def _without_row_numbers(rows: list[list[str]]) -> list[list[str]]:
    """The rows without a first cell that counts them, whether a header has a cell for it or not."""
    first, below = rows[0], rows[1:]
    if not below or min(map(len, below)) < 2 or not _counted(below):
        return rows
    if first and not first[0]:
        return [row[1:] for row in rows]
    if all(len(row) == len(first) + 1 for row in below):
        return [first, *(row[1:] for row in below)]
    return [row[1:] for row in rows] if len(first) > 1 and _counted(rows) else rows


def _counted(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first cells count the rows from 0, 1 or 2; a first row may be a header."""
    begin = rows[0][0]
    return begin in ("0", "1", "2") and all(
        row[0] == str(number) for number, row in enumerate(rows, int(begin))
    )


def _regions(columns: Sequence[Sequence[str | None]]) -> list[str]:
    """Regions as Cell Ranger ATAC calls them: `chr1:9000-9500`."""
    return [
        f"{chromosome}:{start}-{end}" if chromosome else ""
        for chromosome, start, end in zip(*columns[:_REGION], strict=True)
    ]


def _unquoted(cells: Sequence[str | None], data: bytes) -> Sequence[str | None]:
    if b'"' not in data:
        return cells
    return [cell and unquote(cell) for cell in cells]
