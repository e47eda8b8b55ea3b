"""CSV, TSV and semicolon matrices: ids in the first column, names in the first row.

Owns what the columns mean and which way round the matrix lies. Features are rows unless a
sidecar says otherwise, its sample ids are in the first column, or
`orientation.looks_like_samples_as_rows` holds.
Keep out: the shape of the file (`separated`) and of its numbers (`table`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import polars as pl

from polly_assets.ingest.formats.base import (
    DenseMatrix,
    FailedDataset,
    ParsedDataset,
    Reader,
    Source,
)
from polly_assets.ingest.formats.checks import check_features, check_samples
from polly_assets.ingest.formats.orientation import (
    is_annotation,
    is_text_column,
    is_whole,
    looks_like_samples_as_rows,
)
from polly_assets.ingest.formats.separated import Separated, open_separated, present_cells
from polly_assets.ingest.formats.sidecars import Sidecar, describe, read_sidecars
from polly_assets.ingest.formats.table import Layout, Table, is_missing, read_table, unique_names
from polly_resources.errors import BadInput
from polly_resources.records import Notice

_TEXT_COLUMNS = 5
"""A matrix without a sidecar may have this many columns of text, and two per sample."""

_PERHAPS_SWAPPED = ("no_numeric_columns", "not_a_number", "sidecar_matches_nothing")

_BEGINNING = 64
"""A NUL byte here says that the file is no text; one behind is damage to a text."""

_NOT_DELIMITED = (b"!", b"^", b"#1.", b"\x89HDF", b"{", b"[", b"<")


class DelimitedReader(Reader):
    """Reads a separated matrix, plain or gzipped, with JSON, CSV, TSV and `.cls` sidecars.

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
            and (utf16 or b"\0" not in head[:_BEGINNING])
        )

    def read(self, source: Source) -> Iterator[ParsedDataset | FailedDataset]:
        """The one dataset of the file.

        Where the file turns out to be the description of the CSV or TSV beside it, that one
        is read as the matrix, with Notice `sidecar_swapped`.
        """
        try:
            yield _read(source, self.name)
        except BadInput as error:
            yield _read_swapped(source, self.name, error)


class CsvReader(DelimitedReader):
    """A separated matrix named `.csv`."""

    name = "csv"
    suffixes = (".csv",)


class TsvReader(DelimitedReader):
    """A separated matrix named `.tsv`, `.tab` or `.txt`."""

    name = "tsv"
    suffixes = (".tab", ".tsv", ".txt")


@dataclass(frozen=True, slots=True)
class _Plan:
    """What each column is: `text` describes the rows, the others are numbers."""

    transposed: bool
    text: tuple[bool, ...]
    notices: tuple[Notice, ...] = ()


def _read_swapped(source: Source, format_name: str, error: BadInput) -> ParsedDataset:
    """The dataset with file and table sidecar exchanged; `error` where that fails too."""
    keys = [key for key in ("csv", "tsv") if key in source.sidecars]
    if error.code not in _PERHAPS_SWAPPED or len(keys) != 1:
        raise error
    sidecars = {**source.sidecars, keys[0]: source.path}
    try:
        dataset = _read(Source(source.sidecars[keys[0]], source.name, sidecars), format_name)
    except BadInput:
        raise error from None
    message = f"the {keys[0]} file beside it is the matrix, and {source.name} describes it"
    notice = Notice("sidecar_swapped", message)
    return replace(dataset, notices=(notice, *dataset.notices))


def _read(source: Source, format_name: str) -> ParsedDataset:
    file = open_separated(source.path, source.name)
    sidecars = read_sidecars(source)
    file = _without_empty_end(file)
    plan = _plan(file, sidecars, source.name)
    whole = all(
        is_whole(cell)
        for row in file.probe
        for cell, text in zip(row, plan.text, strict=False)
        if not text
    )
    layout = Layout(
        file.header, plan.text, file.first_line, file.separator, file.quoted, integers=whole
    )
    table = read_table(file.data, file.start, layout, source.name)
    samples, features, more = _tables(file, plan, table, source.name)
    described = describe(source, samples, features, sidecars)
    comments = {"comments": list(file.comments)} if file.comments else {}
    return ParsedDataset(
        dataset_id=described.dataset_id,
        format=format_name,
        metadata=comments | dict(described.metadata),
        samples=described.samples,
        features=described.features,
        matrices=(DenseMatrix(table.values.T if plan.transposed else table.values),),
        data_type=described.data_type,
        notices=(*file.notices, *plan.notices, *more, *described.notices),
    )


def _without_empty_end(file: Separated) -> Separated:
    """Without unnamed last columns (a trailing separator); `table` refuses values in them."""
    header = file.header
    while len(header) > 1 and not header[-1].strip():
        header = header[:-1]
    return replace(file, header=header)


def _plan(file: Separated, sidecars: Sequence[Sidecar], name: str) -> _Plan:
    text = _text_columns(file)
    numbers = text.count(False)
    described = {sample for sidecar in sidecars for sample in sidecar.sample_ids()}
    if not numbers or (not described and text.count(True) > _TEXT_COLUMNS + 2 * numbers):
        raise _no_matrix(file, numbers, name)
    transposed, notices = _orientation(file, sidecars, described)
    if transposed:
        return _Plan(True, tuple(text), notices)
    named = [i for i, column in enumerate(file.header) if i and column in described]
    kept = []
    for i, column in enumerate(file.header):
        if text[i] or i in named:
            text[i] = text[i] and i not in named
        elif is_annotation(column) or (named and i < named[0]):
            text[i] = True
            kept.append(column)
    if kept:
        message = f"number columns that describe features: {', '.join(kept)}"
        notices = (*notices, Notice("columns_as_feature_metadata", message))
    return _Plan(False, tuple(text), notices)


def _text_columns(file: Separated) -> list[bool]:
    """Whether each column is text; the first, which holds the ids, always is."""
    columns = [[row[i] for row in file.probe if i < len(row)] for i in range(len(file.header))]
    unknown = [i for i, cells in enumerate(columns) if i and all(map(is_missing, cells))]
    if unknown:
        for i, cells in zip(unknown, present_cells(file, unknown), strict=True):
            columns[i] = cells
    return [i == 0 or is_text_column(cells) for i, cells in enumerate(columns)]


def _no_matrix(file: Separated, numbers: int, name: str) -> BadInput:
    return BadInput(
        "no_numeric_columns",
        f"{numbers} of the {len(file.header) - 1} columns after the first hold numbers: this is "
        "a table of text, expected a matrix",
        file=name,
        place=f"line {file.first_line}",
        hint="a sidecar is named after its matrix, as counts.csv and counts_metadata.csv; "
        "numbers need decimal points",
    )


def _orientation(
    file: Separated, sidecars: Sequence[Sidecar], described: set[str]
) -> tuple[bool, tuple[Notice, ...]]:
    """Whether samples are rows; a Notice where that was guessed."""
    for sidecar in sidecars:
        if sidecar.orientation:
            return sidecar.orientation == "samples_as_rows", ()
    rows = [row[0].strip() for row in file.probe]
    if described:
        return len(described & _row_ids(file)) > len(described & set(file.header[1:])), ()
    count = file.body().rstrip().count("\n") + 1
    if not looks_like_samples_as_rows(file.header[1:], rows, count):
        return False, ()
    message = (
        f"{len(file.header) - 1} columns named like genes and {count} rows named like samples "
        "were read as samples in rows"
    )
    return True, (Notice("orientation_guessed", message),)


def _row_ids(file: Separated) -> set[str]:
    lines = file.body().split("\n")
    return {line.split(file.separator, 1)[0].strip(' "') for line in lines}


def _tables(
    file: Separated, plan: _Plan, table: Table, name: str
) -> tuple[pl.DataFrame, pl.DataFrame, tuple[Notice, ...]]:
    """Samples, features and Notices; the ids of both are checked."""
    key = "sample_id" if plan.transposed else "feature_id"
    described = [column for column, text in zip(file.header, plan.text, strict=True) if text]
    names = [key, *unique_names(described[1:], key)]
    rows = table.text.rename(dict(zip(table.text.columns, names, strict=True)))
    places = [i for i, text in enumerate(plan.text) if not text]
    columns = [file.header[i] for i in places]
    if plan.transposed:
        found, notices = check_features(pl.DataFrame({"feature_id": columns}))
        lines = [f"line {file.first_line + i}, column 1" for i in range(rows.height)]
        check_samples(rows[key].fill_null("").to_list(), lines, name)
        return rows, found, notices
    found, notices = check_features(rows)
    line = file.first_line - 1
    check_samples(columns, [f"line {line}, column {i + 1}" for i in places], name)
    return pl.DataFrame({"sample_id": columns}), found, notices
