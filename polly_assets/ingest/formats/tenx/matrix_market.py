r"""MatrixMarket, the text exchange format of sparse matrices, read in blocks of lines.

Owns the grammar: banner, comments, size line, entries; and the finding of the one line that
breaks it. Blanks may be repeated, lines may be empty.
Keep out: what rows and columns are (`mtx`).

Format: https://math.nist.gov/MatrixMarket/formats.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, Never, TypeAlias

import numpy as np
import numpy.typing as npt

from polly_assets.ingest.formats.streams.line_views import line_views
from polly_assets.ingest.formats.streams.readahead import read_ahead
from polly_assets.ingest.formats.streams.spool_sparse import narrowed
from polly_assets.ingest.formats.streams.text import MAX_LINE_BYTES
from polly_assets.ingest.formats.wording import counted
from polly_assets.native.sparse import Triples, parse_triples, room
from polly_resources.errors import BadInput

LAYOUTS = ("coordinate", "array")
KINDS = {
    "integer": "int32",
    "unsigned-integer": "int32",
    "real": "float64",
    "double": "float64",
    "pattern": "int32",
}
"""The words for numbers, and the types that these have if nothing demands a wider one."""

SYMMETRIES = ("general", "symmetric", "skew-symmetric")

_BANNER = "%%MatrixMarket matrix coordinate integer general"
_WHOLE = re.compile(r"[+-]?\d+")
_NUMBER = re.compile(r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|inf|infinity|nan)", re.I)
_LIMIT = 2**31 - 1
_STEP = 1024**2
"""Bytes of lines that are parsed at once, while the next ones are read."""

_LONGEST_HEADER = 16 * 1024**2

_ROOM = 1 << 20
"""How many entries make a portion."""

Places: TypeAlias = npt.NDArray[np.int32]
Entries: TypeAlias = tuple[Places, Places, npt.NDArray[Any]]
"""Rows from 0, columns from 0, values."""


@dataclass(frozen=True, slots=True)
class Header:
    """What stands before the entries. `entries` are the lines that follow, by the size line."""

    layout: str
    kind: str
    symmetry: str
    rows: int
    columns: int
    entries: int
    comments: tuple[str, ...]
    lines: int

    @property
    def width(self) -> int:
        """Numbers of an entry's line."""
        return (2 if self.layout == "coordinate" else 0) + (self.kind != "pattern")

    @property
    def whole(self) -> bool:
        """Whether values are whole numbers."""
        return KINDS[self.kind] == "int32"


@dataclass(slots=True)
class MatrixMarket:
    """An open file: its header, and its entries still unread."""

    header: Header
    file: str
    _blocks: Iterator[bytes | memoryview]
    _line: int = field(init=False)
    _found: int = field(init=False, default=0)
    _kind: str | None = field(init=False)

    def __post_init__(self) -> None:
        self._line = self.header.lines
        self._kind = None if self.header.kind == "pattern" else KINDS[self.header.kind]

    def entries(self) -> Iterator[Entries]:
        """The entries of a coordinate file in portions, mirrored where it is symmetric.

        Raises BadInput `ragged_row`, `not_a_number`, `index_out_of_range` or
        `entry_count_mismatch` at the line.
        """
        for found in self._parsed():
            if self.header.kind == "pattern":
                values: npt.NDArray[Any] = np.ones(found.height, np.int32)
            else:
                values = narrowed(found.values)
            yield _mirrored(found.rows, found.columns, values, self.header.symmetry)

    def dense(self) -> npt.NDArray[Any]:
        """The matrix of an array file, rows x columns. Raises BadInput as `entries` does."""
        kind = np.int64 if self.header.whole else np.float64
        parts = [found.values for found in self._parsed()]
        values = narrowed(np.concatenate([np.zeros(0, kind), *parts]))
        header = self.header
        if header.symmetry == "general":
            return values.reshape((header.rows, header.columns), order="F")
        matrix = np.zeros((header.rows, header.rows), values.dtype)
        skew = header.symmetry == "skew-symmetric"
        columns, rows = np.triu_indices(header.rows, k=int(skew))  # the lower part, by column
        matrix[columns, rows] = -values if skew else values
        matrix[rows, columns] = values
        return matrix

    def _parsed(self) -> Iterator[Triples]:
        """Portions of the entries, each in arrays of its own."""
        held, count = self._room(), 0
        for block in self._blocks:
            start = 0
            while start < len(block):
                found = parse_triples(block, start, self._limits, held.cut(count, held.height))
                self._line += found.lines
                self._found += found.height
                count, start = count + found.height, found.stop
                if count == held.height and self._found < self.header.entries:
                    yield held
                    held, count = self._room(), 0
                elif start < len(block):  # an unusual line, or a wrong one
                    line = bytes(block[start : start + MAX_LINE_BYTES]).split(b"\n", 1)[0]
                    held = self._with_line(held, count, line)
                    count, start = count + bool(line.split()), start + len(line) + 1
        if self._found < self.header.entries:
            raise BadInput(
                "entry_count_mismatch",
                f"the file ends after {counted(self._found, 'entry', 'entries')}, expected "
                f"{self.header.entries} as the size line states",
                file=self.file,
                place=f"line {self._line}",
                hint="the file may be cut short: transfer it again",
            )
        if count:
            yield held.cut(0, count)

    @property
    def _limits(self) -> tuple[int, int] | None:
        header = self.header
        return (header.rows, header.columns) if header.layout == "coordinate" else None

    def _room(self) -> Triples:
        left = min(self.header.entries - self._found, _ROOM)
        return room(self._limits is not None, self._kind, left)

    def _with_line(self, held: Triples, count: int, line: bytes) -> Triples:
        """The entries with that of one more line, or the error of that line."""
        cells = line.decode("latin-1").split()
        self._line += 1
        if not cells:
            return held
        numbers = self._checked(cells, self._line, self._found)
        self._found += 1
        if self._limits:
            held.rows[count], held.columns[count] = (int(number) - 1 for number in numbers[:2])
        if self._kind == "int32" and not -_LIMIT - 1 <= numbers[-1] <= _LIMIT:
            self._kind = "int64"
            held = held._replace(values=held.values.astype(self._kind))
        if self._kind:
            held.values[count] = numbers[-1]
        return held

    def _checked(self, cells: list[str], line: int, before: int) -> list[int | float]:
        header = self.header
        if len(cells) != header.width:
            self._refuse(
                "ragged_row",
                f"found {len(cells)} words, expected {header.width} ({_described(header)})",
                line,
                "look for a lost line end, or for a wrong word in the first line",
            )
        if before >= header.entries:
            self._refuse(
                "entry_count_mismatch",
                f"found a further entry, expected {header.entries} as the size line states",
                line,
                "correct the size line, or remove what was added",
            )
        places = header.width - (header.kind != "pattern")
        numbers: list[int | float] = [
            self._place(cell, limit, line, column)
            for column, (cell, limit) in enumerate(
                zip(cells[:places], (header.rows, header.columns), strict=False), 1
            )
        ]
        return numbers + [self._value(cell, line, places + 1) for cell in cells[places:]]

    def _place(self, cell: str, limit: int, line: int, column: int) -> int:
        name = ("row", "column")[column - 1]
        if not _WHOLE.fullmatch(cell):
            self._refuse(
                "not_a_number",
                f"found {cell[:60]!r} for the {name}, expected a whole number",
                line,
                "an entry is: row, column, value",
                column,
            )
        if not 1 <= int(cell[:12]) <= limit:
            self._refuse(
                "index_out_of_range",
                f"found {name} {cell[:60]}, expected 1 to {limit}",
                line,
                "rows and columns are counted from 1",
                column,
            )
        return int(cell)

    def _value(self, cell: str, line: int, column: int) -> int | float:
        whole = self.header.whole
        sound = (_WHOLE if whole else _NUMBER).fullmatch(cell)
        if not sound or (whole and (len(cell) > 20 or not -(2**63) <= int(cell) < 2**63)):
            self._refuse(
                "not_a_number",
                f"found the value {cell[:60]!r}, expected "
                f"{'a whole number of at most 64 bits' if whole else 'a number'}",
                line,
                "correct the value; where values have decimals, the first line says `real`",
                column,
            )
        return int(cell) if whole else float(cell)

    def _refuse(self, code: str, found: str, line: int, hint: str, column: int = 0) -> Never:
        place = f"line {line}, column {column}" if column else f"line {line}"
        raise BadInput(code, found, file=self.file, place=place, hint=hint)


def open_matrix_market(path: Path, name: str) -> MatrixMarket:
    """Read a file up to its size line.

    Raises BadInput `empty_file`, `bad_header`, `unsupported_matrix`, `dimension_mismatch`.
    """
    blocks = read_ahead(line_views(path, name, _STEP))
    first = bytes(next(blocks, b""))
    if not first or first.isspace():
        raise BadInput("empty_file", "the file has no content", file=name, hint="upload it again")
    words = _banner(first[: first.find(b"\n")], name)
    while (found := _header(first, *words, name)) is None:
        more = bytes(next(blocks, b"")) if len(first) < _LONGEST_HEADER else b""
        if not more:
            line = first.count(b"\n") + 1
            raise _bad_header("no size line", "rows, columns and entries", line, name)
        first += more
    header, start = found
    return MatrixMarket(header, name, chain([first[start:]], blocks))


def _header(
    text: bytes, layout: str, kind: str, symmetry: str, file: str
) -> tuple[Header, int] | None:
    """The header, and where it ends in whole lines of text; None if they have no size line."""
    comments: list[str] = []
    start = text.find(b"\n") + 1
    line = 2
    while start < len(text):
        end = text.find(b"\n", start)
        content = text[start:end].decode("utf-8", "replace").strip()
        start = end + 1
        if content.startswith("%"):
            comments.append(content.lstrip("%").strip())
        elif content:
            sizes = _sizes(content, layout, symmetry, line, file)
            kept = tuple(filter(None, comments))
            return Header(layout, kind, symmetry, *sizes, kept, line), start
        line += 1
    return None


def _banner(line: bytes, file: str) -> tuple[str, str, str]:
    words = line[:200].decode("latin-1").lower().split()
    if len(words) != len(_BANNER.split()) or words[:2] != ["%%matrixmarket", "matrix"]:
        raise _bad_header(repr(line[:60].decode("latin-1")), repr(_BANNER), 1, file)
    for word, known in zip(words[2:], (LAYOUTS, tuple(KINDS), SYMMETRIES), strict=True):
        if word not in known:
            raise BadInput(
                "unsupported_matrix",
                f"found {word!r} in the first line, expected {', '.join(known)}",
                file=file,
                place=f"line 1, column {words.index(word) + 1}",
                hint="write the matrix with real numbers or integers",
            )
    layout, kind, symmetry = words[2:]
    if (layout, kind) == ("array", "pattern"):
        raise _bad_header("an array of a pattern", "values in an array", 1, file)
    return layout, kind, symmetry


def _bad_header(found: str, expected: str, line: int, file: str) -> BadInput:
    return BadInput(
        "bad_header",
        f"found {found}, expected {expected}",
        file=file,
        place=f"line {line}",
        hint="a MatrixMarket file has a first line, comments after %, and a line of sizes",
    )


def _sizes(text: str, layout: str, symmetry: str, line: int, file: str) -> tuple[int, int, int]:
    """Rows, columns, and how many entries are to follow."""
    words = text.split()
    names = ("rows", "columns", "entries")[: 3 if layout == "coordinate" else 2]
    if len(words) != len(names) or not all(w.isascii() and w.isdigit() for w in words):
        raise _bad_header(repr(text[:60]), f"the numbers of {', '.join(names)}", line, file)
    if any(len(word) > len(str(_LIMIT)) + 9 for word in words):
        raise _bad_header(repr(text[:60]), f"numbers to {_LIMIT}", line, file)
    rows, columns, *entries = map(int, words)
    if max(rows, columns) > _LIMIT:
        raise _bad_header(repr(text[:60]), f"at most {_LIMIT} rows and columns", line, file)
    if symmetry != "general" and rows != columns:
        raise _bad_header(f"{rows} rows and {columns} columns", f"a {symmetry} square", line, file)
    if entries:
        return rows, columns, entries[0]
    if symmetry == "general":
        return rows, columns, rows * columns
    return rows, columns, rows * (rows + (1 if symmetry == "symmetric" else -1)) // 2


def _described(header: Header) -> str:
    words = ["row", "column"] if header.layout == "coordinate" else []
    return ", ".join([*words, *([] if header.kind == "pattern" else ["value"])])


def _mirrored(rows: Places, columns: Places, values: npt.NDArray[Any], symmetry: str) -> Entries:
    if symmetry == "general":
        return rows, columns, values
    off = rows != columns
    more = -values[off] if symmetry == "skew-symmetric" else values[off]
    return (
        np.concatenate((rows, columns[off])),
        np.concatenate((columns, rows[off])),
        np.concatenate((values, more)),
    )
