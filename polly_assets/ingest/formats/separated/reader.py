"""CSV, TSV and semicolon matrices, and tables of samples: names in the first row.

Owns what a separated file shows of its columns before its numbers are read: which are text,
which has the ids, whether commas are decimal. Keep out: the shape of the file (`separated`), what
columns mean (`roles`, `sample_table`), and the numbers themselves (`table`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from polly_assets.ingest.formats.base import (
    Block,
    FailedDataset,
    Matrix,
    ParsedDataset,
    Reader,
    Source,
)
from polly_assets.ingest.formats.beside.sidecars import Described, describe, read_sidecars
from polly_assets.ingest.formats.prose import is_prose
from polly_assets.ingest.formats.separated.layout import (
    Separated,
    begin_separated,
    pointed,
    present_cells,
    with_points,
)
from polly_assets.ingest.formats.separated.no_matrix import check_header
from polly_assets.ingest.formats.separated.orientation import (
    has_decimal_commas,
    is_text_column,
    is_whole,
)
from polly_assets.ingest.formats.separated.roles import Columns, plan, split
from polly_assets.ingest.formats.separated.sample_table import (
    NO_FEATURES,
    Look,
    as_samples,
    chosen,
    id_columns,
    typed,
)
from polly_assets.ingest.formats.separated.totals import without_totals
from polly_assets.ingest.formats.streams.lines import Blocks, Stretch
from polly_assets.ingest.formats.streams.table import Layout, in_records, is_missing, read_blocks
from polly_assets.ingest.formats.unsupported import is_other
from polly_resources.errors import BadInput
from polly_resources.records import Notice

_PERHAPS_SWAPPED = (
    "long_table",
    "no_header",
    "no_numeric_columns",
    "no_sample_columns",
    "no_sample_ids",
    "not_a_number",
    "sidecar_matches_nothing",
)

_EXACT = 2**53
"""Beyond this, not every whole number is a float64."""

_BEGINNING = 64
"""A NUL byte here says that the file is no text; one behind is damage to a text."""

_CHROMOSOMES = ("chr", "chrom", "chromosome", "seqname", "seqnames")

_NOT_DELIMITED = (
    b"!", b"##fileformat=", b"#1.", b"%%MatrixMarket", b"<", b"PAR1", b"[", b"^", b"{", b"\x89HDF",
)  # fmt: skip


class DelimitedReader(Reader):
    """Reads a separated matrix, plain or gzipped, with JSON, CSV, TSV and `.cls` sidecars.

    A table of samples alone (`sample_table`) becomes a dataset without features and matrix.
    Columns that are not numbers, or that `ANNOTATIONS` names, describe features (or, with
    samples as rows, the first kind describes samples). Where a sidecar names samples,
    number columns before the first of them describe features too. Values are int64 where
    all are whole and none is missing, else float64.
    """

    def sniff(self, name: str, head: bytes) -> bool:
        """By suffix, unless the content is plainly of another kind."""
        start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
        utf16 = head.startswith((b"\xff\xfe", b"\xfe\xff"))
        return (
            name.removesuffix(".gz").endswith(self.suffixes)
            and not start.startswith(_NOT_DELIMITED)
            and not is_other(head)
            and not is_prose(head)
            and (utf16 or b"\0" not in head[:_BEGINNING])
        )

    def read(self, source: Source) -> Iterator[ParsedDataset | FailedDataset]:
        """The one dataset of the file.

        Where the file turns out to be the description of the CSV or TSV beside it, that one
        is read as the matrix, with Notice `sidecar_swapped`.
        """
        found: ParsedDataset | BadInput
        try:
            found = _read(source, self.name)
        except BadInput as error:
            found = error
        if isinstance(found, BadInput) or not found.matrices:
            found = _read_swapped(source, self.name, found)
        if isinstance(found, BadInput):
            raise found
        yield found


class CsvReader(DelimitedReader):
    """A separated matrix named `.csv`."""

    name = "csv"
    suffixes = (".csv",)


class TsvReader(DelimitedReader):
    """A separated matrix named `.tsv`, `.tab`, `.txt`, or `.xls` where it is no spreadsheet."""

    name = "tsv"
    suffixes = (".tab", ".tsv", ".txt", ".xls")


def _read_swapped(
    source: Source, format_name: str, found: ParsedDataset | BadInput
) -> ParsedDataset | BadInput:
    """The dataset with file and table sidecar exchanged; `found` where that is no matrix either."""
    keys = [key for key in ("csv", "tsv") if key in source.sidecars]
    perhaps = not isinstance(found, BadInput) or found.code in _PERHAPS_SWAPPED
    if not perhaps or len(keys) != 1:
        return found
    sidecars = {**source.sidecars, keys[0]: source.path}
    try:
        dataset = _read(Source(source.sidecars[keys[0]], source.name, sidecars), format_name)
    except BadInput:
        return found
    if not dataset.matrices:
        return found
    message = f"the {keys[0]} file beside it is the matrix, and {source.name} describes it"
    notice = Notice("sidecar_swapped", message)
    return replace(dataset, notices=(notice, *dataset.notices))


def _read(source: Source, format_name: str) -> ParsedDataset:
    sidecars = read_sidecars(source)
    begun, blocks, body = begin_separated(source.path, source.name)
    file = _without_empty_end(begun)
    cells = _first_cells(file)
    text = _text_columns(file, cells)
    if commas := _decimal_commas(file, text):
        file = with_points(file, commas, source.name)
        body = pointed(in_records(body), file.separator, commas, source.name)
    ids, notices = _ids_column(file, text)
    look = Look(file.header, tuple(not is_text for is_text in text), ids, cells.__getitem__)
    if named := id_columns(look, sidecars):
        samples, more = _read_samples(file, body, named, source.name)
        described = describe(source, samples, NO_FEATURES, sidecars)
        told = (*blocks.notices, *file.notices, *more)
        return _dataset(described, format_name, file, (), told)
    table = _columns(file, source, text, ids)
    planned = plan(table, sidecars, source.name)
    check_header(file.probe, planned.values, source.name, file.first_line)
    layout = _layout(file, planned.values)
    rows, matrix = read_blocks(body, layout, source.name, transposed=planned.transposed)
    rows = rows.select(f"c{i}" for i in planned.others())
    samples, features, more = split(table, planned, rows, _places(file, ids), source.name)
    if not planned.transposed:
        samples, features, matrix, totals = without_totals(samples, features, matrix)
        more = (*more, *totals)
    described = describe(source, samples, features, sidecars)
    told = (*blocks.notices, *file.notices, *notices, *planned.notices, *more)
    told += _rounded(matrix) if layout.integers else ()
    return _dataset(described, format_name, file, (matrix,), told)


def _read_samples(
    file: Separated, body: Iterable[Stretch], named: Sequence[int], name: str
) -> tuple[pl.DataFrame, tuple[Notice, ...]]:
    """A table of samples; `named` are the columns that may name them."""
    nothing = (False,) * len(file.header)
    rows, _ = read_blocks(body, _layout(file, nothing), name)
    text = rows.get_columns()
    columns = list(zip(file.header, text, strict=True))
    at = chosen(columns, named, lambda row, column: _place(file, row, column), name)
    columns = list(zip(file.header, map(typed, text), strict=True))
    return as_samples(columns, at, text[at], name)


def _dataset(
    described: Described,
    format_name: str,
    file: Separated,
    matrices: tuple[Matrix, ...],
    notices: tuple[Notice, ...],
) -> ParsedDataset:
    comments = {"comments": list(file.comments)} if file.comments else {}
    return ParsedDataset(
        dataset_id=described.dataset_id,
        format=format_name,
        metadata=comments | dict(described.metadata),
        samples=described.samples,
        features=described.features,
        matrices=matrices,
        data_type=described.data_type,
        notices=(*notices, *described.notices),
    )


def _columns(file: Separated, source: Source, text: Sequence[bool], ids: int) -> Columns:
    return Columns(
        names=file.header,
        numbers=tuple(not is_text for is_text in text),
        ids=ids,
        first_ids=_cells(file, ids),
        row_ids=lambda: file.column(ids),
        rows=lambda: _count_rows(file, source),
        place=f"line {file.first_line}",
        names_place=f"line {file.first_line - 1}",
    )


def _places(file: Separated, ids: int) -> tuple[Callable[[int], str], Callable[[int], str]]:
    """Where a column's name is, and a row's id."""
    return (
        lambda column: f"line {file.first_line - 1}, column {column + 1}",
        lambda row: _place(file, row, ids),
    )


def _place(file: Separated, row: int, column: int) -> str:
    return f"line {file.first_line + row}, column {column + 1}"


def _layout(file: Separated, values: tuple[bool, ...]) -> Layout:
    text = tuple(not value for value in values)
    return Layout(
        file.header,
        text,
        file.first_line,
        file.separator,
        file.quoted,
        integers=_whole(file, values),
    )


def _whole(file: Separated, values: tuple[bool, ...]) -> bool:
    """Whether the first numbers are whole; then all may be."""
    return all(
        is_whole(cell)
        for row in file.probe
        for cell, value in zip(row, values, strict=False)
        if value
    )


def _rounded(matrix: Matrix) -> tuple[Notice, ...]:
    """A Notice where whole numbers had to become floats that cannot hold them."""
    if matrix.dtype == "int64":
        return ()
    largest = max((_largest(block) for block in matrix.blocks()), default=0.0)
    if largest < _EXACT:
        return ()
    message = (
        f"whole numbers up to {largest:.6g} are stored as float64, which may round those "
        "from 2^53 on, because others are missing, fractions, or too large for int64"
    )
    return (Notice("integers_rounded", message),)


def _largest(block: Block) -> float:
    """The largest finite number, whatever its sign."""
    values = np.abs(np.asarray(block))
    return float(np.max(values, initial=0, where=np.isfinite(values)))


def _decimal_commas(file: Separated, text: Sequence[bool]) -> set[int]:
    """The columns of numbers, where the first of these have decimal commas."""
    numbers = {i for i, is_text in enumerate(text) if not is_text}
    cells = (cell for row in file.probe for i, cell in enumerate(row) if i in numbers)
    return numbers if has_decimal_commas(cells) else set()


def _count_rows(file: Separated, source: Source) -> int:
    """Lines below the header, up to the last that is not empty."""
    lines = ended = 0
    for data, _, line in Blocks(source.path, source.name):
        whole = data.rstrip()
        lines, ended = line + data.count(b"\n"), line + whole.count(b"\n") if whole else ended
    return min(lines, ended + 1) - file.first_line


def _without_empty_end(file: Separated) -> Separated:
    """Without unnamed last columns (a trailing separator); `table` refuses values in them."""
    header = file.header
    while len(header) > 1 and not header[-1].strip():
        header = header[:-1]
    return replace(file, header=header)


def _first_cells(file: Separated) -> list[list[str]]:
    """The first cells of each column; where these are missing, some of those that are not."""
    columns = [_cells(file, i) for i in range(len(file.header))]
    unknown = [i for i, cells in enumerate(columns) if i and all(map(is_missing, cells))]
    if unknown:
        for i, cells in zip(unknown, present_cells(file, unknown), strict=True):
            columns[i] = cells
    return columns


def _text_columns(file: Separated, columns: Sequence[Sequence[str]]) -> list[bool]:
    """Whether each column is text; the first, where ids are sought, always is."""
    return [
        i == 0 or is_text_column(cells) or not (cells or file.header[i].strip())
        for i, cells in enumerate(columns)
    ]


def _ids_column(file: Separated, text: Sequence[bool]) -> tuple[int, tuple[Notice, ...]]:
    """The column of the row ids: the first that is not empty.

    Where that has row numbers and no name, as a table with an index of its own is written, it is
    the next one, if that names each row. Where it has chromosomes, several rows of one, it is the
    only other column of text that names each row, as in tables made for FastQTL.
    """
    header = file.header
    first = 0
    while first + 1 < len(header) and _unnamed(header[first]) and not any(_cells(file, first)):
        first += 1
    after = first + 1
    if header[first].strip().lstrip("#").lower() in _CHROMOSOMES:
        return _beside_chromosomes(file, text, first)
    if after >= len(header) or not (_unnamed(header[first]) and text[after]):
        return first, ()
    if _unnamed(header[after]):
        return first, ()
    numbers, names = _cells(file, first), _cells(file, after)
    counted = [[str(i + begin) for i in range(len(numbers))] for begin in (0, 1)]
    if numbers not in counted or len(set(names)) < len(numbers) or any(map(is_missing, names)):
        return first, ()
    message = f"column {first + 1} counts the rows; they are called by {file.header[after]!r}"
    return after, (Notice("row_numbers", message),)


def _beside_chromosomes(
    file: Separated, text: Sequence[bool], first: int
) -> tuple[int, tuple[Notice, ...]]:
    places = _cells(file, first)
    found = [
        i
        for i in range(first + 1, len(file.header))
        if text[i] and file.header[i].strip() and len(set(_cells(file, i))) == len(places)
    ]
    if len(found) != 1 or len(set(places)) == len(places):
        return first, ()
    message = f"column {first + 1} has chromosomes; rows are called by {file.header[found[0]]!r}"
    return found[0], (Notice("ids_beside_chromosomes", message),)


def _unnamed(name: str) -> bool:
    return name.strip().lower() in ("", "unnamed: 0")


def _cells(file: Separated, column: int) -> list[str]:
    """The first cells of a column, without spaces around."""
    return [row[column].strip() for row in file.probe if column < len(row)]
