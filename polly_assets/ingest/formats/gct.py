"""GCT, the Broad Institute's text matrix, versions 1.2 and 1.3.

Owns the grammar of the format: version line, dimension line, header, column metadata rows.
Metadata is kept as the text that the file has (`-666` and `na` included); empty is null.
Keep out: reading the body (`table`) and the files beside it (`beside.sidecars`).

Format: https://software.broadinstitute.org/software/igv/GCT (1.2) and Enache et al. 2019,
doi:10.1093/bioinformatics/bty784 (1.3).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import polars as pl

from polly_assets.ingest.formats.base import FailedDataset, ParsedDataset, Reader, Source
from polly_assets.ingest.formats.beside.sidecars import describe, read_sidecars
from polly_assets.ingest.formats.checks import check_features, check_samples
from polly_assets.ingest.formats.streams.lines import Blocks, Stretch
from polly_assets.ingest.formats.streams.table import (
    Layout,
    fit,
    read_blocks,
    unique_names,
    unquote,
)
from polly_assets.ingest.formats.wording import counted
from polly_resources.errors import BadInput
from polly_resources.records import Notice

VERSIONS = ("#1.2", "#1.3")

_DIGITS = 18
"""Digits of a count at most: no file is that large."""

_MAX_METADATA_BYTES = 256 * 1024**2
"""Text before the first feature, which is held in memory."""


_BLOCK_BYTES = 256 * 1024
"""About what a block of rows has: its numbers fit a core's cache, and small files have several."""


@dataclass(frozen=True, slots=True)
class _Shape:
    """The dimension line: features, samples, feature columns, sample columns."""

    version: str
    rows: int
    columns: int
    row_fields: int
    column_fields: int

    @property
    def leading(self) -> int:
        """Columns before the first sample."""
        return 1 + self.row_fields

    @property
    def width(self) -> int:
        """Columns of a row."""
        return self.leading + self.columns


class GctReader(Reader):
    """Reads GCT 1.2 and 1.3, plain or gzipped, with JSON, CSV, TSV and `.cls` sidecars."""

    name = "gct"
    suffixes = (".gct",)

    def sniff(self, name: str, head: bytes) -> bool:
        """By suffix, or by the version line."""
        start = head.removeprefix(b"\xef\xbb\xbf")[:4].decode("latin-1")
        return name.removesuffix(".gz").endswith(self.suffixes) or start in VERSIONS

    def read(self, source: Source) -> Iterator[ParsedDataset | FailedDataset]:
        """The one dataset of the file; matrix X is float64."""
        yield _read(source)


def _read(source: Source) -> ParsedDataset:
    file = source.name
    blocks = Blocks(source.path, file, _BLOCK_BYTES)
    lines = _Lines(blocks, file)
    shape, header, samples = _preamble(lines, file)
    layout = Layout(
        columns=tuple(header),
        text=(True,) * shape.leading + (False,) * shape.columns,
        first_line=4 + shape.column_fields,
    )
    features, matrix = read_blocks(lines.below(), layout, file)
    if features.height != shape.rows:
        total = shape.rows + shape.column_fields
        found = f"{counted(features.height + shape.column_fields, 'row')} below the header"
        features_stated = counted(shape.rows, "feature")
        expected = f"{total} ({shape.column_fields} of sample metadata, {features_stated})"
        raise _dimensions(found, expected, file, 1)
    names = unique_names(header[1 : shape.leading], "feature_id")
    features.columns = ["feature_id", *names]
    features, more = check_features(features)
    described = describe(source, samples, features, read_sidecars(source))
    no_rows = (Notice("no_matrix", f"{file} has samples and no feature rows"),)
    return ParsedDataset(
        dataset_id=described.dataset_id,
        format="gct",
        metadata=described.metadata,
        samples=described.samples,
        features=described.features,
        matrices=(matrix,) if shape.rows else (),
        data_type=described.data_type,
        notices=(*blocks.notices, *more, *described.notices, *(() if shape.rows else no_rows)),
    )


def _preamble(lines: _Lines, file: str) -> tuple[_Shape, list[str], pl.DataFrame]:
    """Shape, header cells, and samples with their metadata."""
    shape = _shape(lines.take(), lines.take(), file)
    cells = _header(lines.take().split("\t"), shape, file)
    names, columns = [], []
    for line in range(4, 4 + shape.column_fields):
        row = lines.take()
        if not row:
            found = f"{counted(line - 4, 'row')} below the header"
            expected = f"{counted(shape.column_fields, 'row')} of sample metadata"
            raise _dimensions(found, expected, file, 4)
        values = fit(row.split("\t"), shape.width, line, file)
        if '"' in row:
            values = [unquote(value) for value in values]
        if not values[0].strip():
            raise _header_error("a row of sample metadata without a name", file, line, 1)
        names.append(values[0])
        own = [value or None for value in values[shape.leading :]]
        columns.append(pl.Series(own, dtype=pl.String))
    samples = {"sample_id": pl.Series(cells[shape.leading :], dtype=pl.String)} | dict(
        zip(unique_names(names, "sample_id"), columns, strict=True)
    )
    return shape, cells, pl.DataFrame(samples)


class _Lines:
    """Takes lines from the beginning of a file that comes in blocks."""

    def __init__(self, blocks: Iterable[Stretch], file: str) -> None:
        self._blocks, self._file = iter(blocks), file
        self._taken = 0
        self._open = Stretch(b"", 0, 1)

    def take(self) -> str:
        """The next line, empty beyond the end. Raises BadInput `metadata_too_large`."""
        data, start, line = self._open
        if start == len(data):
            data, start, line = next(self._blocks, Stretch(b"\n", 0, line))
        end = data.find(b"\n", start)
        self._open = Stretch(data, end + 1, line + 1)
        self._taken += end - start
        if self._taken > _MAX_METADATA_BYTES:
            raise BadInput(
                "metadata_too_large",
                f"the rows of sample metadata have more than {_MAX_METADATA_BYTES} bytes, expected "
                "fewer before the first feature",
                file=self._file,
                place="line 2, column 4",
                hint="check the stated number of rows of sample metadata, or give these as a CSV "
                "beside the file",
            )
        return data[start:end].decode()

    def below(self) -> Iterator[Stretch]:
        """All that was not taken."""
        rest, self._open = self._open, Stretch(b"", 0, 0)
        yield rest
        del rest
        yield from self._blocks


def _shape(version_line: str, dimension_line: str, file: str) -> _Shape:
    version = version_line.strip().strip('"')
    if version not in VERSIONS:
        raise BadInput(
            "unsupported_version",
            f"the first line is {version[:60]!r}, expected {' or '.join(VERSIONS)}",
            file=file,
            place="line 1, column 1",
            hint="export the file as GCT 1.2 or 1.3",
        )
    expected = 2 if version == "#1.2" else 4
    cells = dimension_line.replace('"', "").split()
    if len(cells) != expected:
        found = counted(len(cells), "number")
        raise _dimensions(found, f"{expected} in {version}", file, len(cells))
    for column, cell in enumerate(cells, 1):
        if not (cell.isascii() and cell.isdigit() and len(cell) <= _DIGITS):
            raise _dimensions(f"{cell[:60]!r}", "a count (0 or more)", file, column)
    rows, columns, *fields = (int(cell) for cell in cells)
    if not columns:
        raise BadInput(
            "no_samples",
            "the dimension line states 0 samples, expected at least 1",
            file=file,
            place="line 2, column 2",
            hint="export the file with its samples as columns",
        )
    return _Shape(version, rows, columns, *(fields or (1, 0)))


def _header(cells: list[str], shape: _Shape, file: str) -> list[str]:
    while len(cells) > shape.width and not cells[-1].strip():
        cells = cells[:-1]
    cells = [unquote(cell) for cell in cells]
    if len(cells) != shape.width:
        stated = f"{counted(shape.columns, 'sample')} after {shape.leading} leading columns"
        found = counted(len(cells), "header column")
        raise _dimensions(found, f"{shape.width} ({stated})", file, len(cells), line=3)
    for column, cell in enumerate(cells[1:], 2):
        if not cell.strip():
            raise _header_error("a column without a name", file, 3, column)
    places = [f"line 3, column {column}" for column in range(shape.leading + 1, shape.width + 1)]
    check_samples(cells[shape.leading :], places, file)
    return cells


def _header_error(found: str, file: str, line: int, column: int) -> BadInput:
    return BadInput(
        "missing_header_field",
        f"found {found}, expected a name",
        file=file,
        place=f"line {line}, column {column}",
        hint="name every column and every row of sample metadata",
    )


def _dimensions(found: str, expected: str, file: str, column: int, line: int = 2) -> BadInput:
    return BadInput(
        "dimension_mismatch",
        f"found {found}, expected {expected}",
        file=file,
        place=f"line {line}, column {max(column, 1)}",
        hint="line 2 states features, samples and, in #1.3, feature columns and sample columns",
    )
