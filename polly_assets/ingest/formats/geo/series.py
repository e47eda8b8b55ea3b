"""GEO series matrix files: metadata rows, then one features x samples table.

Owns the way from such a file to datasets `GSE_GPL`; nearly always the file is of one
platform, else it is split by `!Sample_platform_id`. The table's columns belong to samples by
accession. Names of metadata are those of the SOFT reader (`common`), so both give equal
sample metadata. The table is read and put away in pieces.
Keep out: the rows before the table (`series_header`), cells (`table`), and files beside
it (`reader`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl

from polly_assets.ingest.formats.base import ParsedDataset, Source
from polly_assets.ingest.formats.geo import common
from polly_assets.ingest.formats.geo.entities import MAX_ATTRIBUTE_BYTES
from polly_assets.ingest.formats.geo.reader import Found, GeoReader
from polly_assets.ingest.formats.geo.series_header import (
    Header,
    platform_of,
    read_header,
    without_empty_end,
)
from polly_assets.ingest.formats.geo.stream import GeoStream, GeoText, as_utf8, at_mark, fault
from polly_assets.ingest.formats.geo.table import Table, header_cells
from polly_assets.ingest.formats.geo.values import Places, RowMatrix, Rows
from polly_assets.ingest.formats.streams.text import base_name
from polly_assets.ingest.formats.wording import counted
from polly_resources.errors import BadInput
from polly_resources.records import Notice

_ATTRIBUTE = re.compile(rb"^!(?:Series|Sample)_[^\t\n=]*\t", re.M | re.I)
_BEGIN = re.compile(rb"^!series_matrix_table_begin[ \t]*$", re.M | re.I)
_END = re.compile(rb"!series_matrix_table_end[ \t]*\n?", re.I)
_NO_MATRIX = (
    "the table is empty, as for sequencing: the counts come as a supplementary file (see "
    "supplementary_file); put it beside this one"
)


class SeriesMatrixReader(GeoReader):
    """Reads `GSE1_series_matrix.txt` and `GSE1-GPL96_series_matrix.txt`."""

    name = "geo_series_matrix"
    suffixes = ("_series_matrix.txt",)

    def sniff(self, name: str, head: bytes) -> bool:
        """Whether the head has rows of a series, or the table; by name for a web page."""
        start = as_utf8(head).lstrip()
        named = name.removesuffix(".gz").endswith(self.suffixes) and start[:1] in (b"", b"<")
        return named or bool(_ATTRIBUTE.search(start) or _BEGIN.search(start))

    def read_alone(self, source: Source) -> Found:
        """The datasets of a series matrix, one per platform.

        Raises BadInput `no_table`, `truncated_table`, `unexpected_line`, `ragged_row`,
        `no_samples`, `duplicate_sample`, `no_platform`, `samples_disagree` or a fault of the
        table.
        """
        stream = GeoStream(source.path, source.name)
        header = _header(stream)
        platforms = [platform_of(source.name, header, i) for i in range(len(header.ids))]
        parts = [
            _Part(name, [i for i, found in enumerate(platforms) if found == name])
            for name in dict.fromkeys(platforms)
        ]
        table = _read_table(stream, header, parts)
        split = len(parts) > 1
        first, *others = (_dataset(header, part, table, split, source.name) for part in parts)
        first = replace(first, notices=(*stream.notices, *table.notices, *first.notices))
        return Found(header.ids, split, [first, *others])


@dataclass(frozen=True, slots=True)
class _Part:
    """The samples of one platform, by position, and the rows in which one of them has a value."""

    platform: str
    samples: list[int]
    measured: list[Places] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Table:
    """The rows of the table, with one column per sample in the header's order."""

    features: pl.Series
    rows: Rows
    notices: tuple[Notice, ...] = ()


def _at_table(data: bytes, start: int) -> int:
    found = _BEGIN.search(data, start)
    return found.start() if found else -1


def _nowhere(data: bytes, start: int) -> int:
    return -1


def _header(stream: GeoStream) -> Header:
    """The rows before the table; of a file that ends in them, that it does."""
    text = stream.section(_at_table, MAX_ATTRIBUTE_BYTES)
    try:
        header = read_header(text)
    except BadInput as error:
        last = error.code == "no_samples" or error.place.startswith(f"line {stream.line - 1}")
        if error.code != "not_geo" and last and stream.ended():
            raise _no_table(stream) from None
        raise
    if stream.ended():
        raise _no_table(stream)
    return header


def _no_table(stream: GeoStream) -> BadInput:
    return fault(
        "no_table",
        "found no line `!series_matrix_table_begin` up to the end of the file",
        stream.line - 1,
        file=stream.name,
        hint="the file was cut short: download it again",
    )


def _read_table(stream: GeoStream, header: Header, parts: Sequence[_Part]) -> _Table:
    """The values, read piece by piece; marks the rows that each part has values in.

    Raises BadInput `truncated_table`, `unexpected_line`, `samples_disagree` or a fault of the
    table.
    """
    stream.next_line()
    names = GeoText(b"", stream.name, stream.line)
    if not stream.next_begins(b"!"):
        names = stream.next_line()
    columns = without_empty_end(header_cells(names, quoted=True), 0)
    features, rows, errors = [pl.Series("feature_id", [], pl.String)], Rows(len(header.ids)), 0
    places: list[int] | None = None
    for piece in stream.pieces(at_mark):
        if stream.ended():
            break
        if len(columns) <= 1 and not piece.data.strip():
            continue
        places = places or _places(names, columns, header.ids)
        found = Table(piece, columns, names.first_line, quoted=True).numbers(0, places)
        for part in parts:
            valued = (~np.isnan(found.values[:, part.samples])).any(axis=1)
            part.measured.append(np.flatnonzero(valued) + rows.count)
        features.append(found.keys.alias("feature_id"))
        rows.append(found.values)
        errors += found.errors
    if places is None and len(columns) > 1:
        _places(names, columns, header.ids)
    _check_end(stream)
    told = (common.spreadsheet_errors(errors),) if errors else ()
    return _Table(pl.concat(features), rows, told)


def _places(names: GeoText, columns: Sequence[str], ids: Sequence[str]) -> list[int]:
    """Which column of the table each sample is."""
    places = {name: i for i, name in enumerate(columns) if i}
    if sorted(columns[1:]) != sorted(ids):
        lacking = [name for name in ids if name not in places]
        strange = sorted(places.keys() - set(ids))
        repeated = sorted(name for name, count in Counter(columns[1:]).items() if count > 1)
        raise names.fault(
            "samples_disagree",
            f"the table has {len(columns) - 1} sample columns for {len(ids)} samples; lacking: "
            f"{common.named(lacking) or 'none'}; unknown: {common.named(strange) or 'none'}; "
            f"repeated: {common.named(repeated) or 'none'}",
            names.first_line,
            hint="the table's header must list the accessions of !Sample_geo_accession",
        )
    return [places[name] for name in ids]


def _check_end(stream: GeoStream) -> None:
    last = stream.line - 1
    end = stream.next_line()
    if not _END.fullmatch(end.data):
        raise end.fault(
            "truncated_table",
            "found no line `!series_matrix_table_end`",
            max(last, 1),
            hint="the file was cut short: download it again",
        )
    for rest in stream.pieces(_nowhere):
        if rest.data.strip():
            blank = len(rest.data) - len(rest.data.lstrip())
            raise rest.fault(
                "unexpected_line",
                "found lines behind `!series_matrix_table_end`",
                rest.line_at(blank),
                hint="a series matrix has one table, and nothing behind it",
            )


def _dataset(
    header: Header,
    part: _Part,
    table: _Table,
    split: bool,
    file: str,
) -> ParsedDataset:
    records = [header.samples[i] for i in part.samples]
    ids = [header.ids[i] for i in part.samples]
    chosen = np.concatenate(part.measured) if split and part.measured else None
    features = table.features if chosen is None else table.features.gather(chosen)
    series = header.series.get("geo_accession", [""])[0] or base_name(file)
    matrix = RowMatrix(table.rows, part.samples, chosen)
    return ParsedDataset(
        dataset_id=common.dataset_id(series, part.platform, file),
        format=SeriesMatrixReader.name,
        metadata=common.dataset_metadata(
            header.series, {"geo_accession": [part.platform]}, database={}
        ),
        samples=common.samples_frame(ids, records),
        features=features.to_frame(),
        matrices=(matrix,) if len(features) else (),
        data_type=common.data_type(header.series, records),
        notices=tuple(_notices(dict(zip(ids, records, strict=True)), features)),
    )


def _notices(records: Mapping[str, common.Attributes], features: pl.Series) -> Iterator[Notice]:
    if features.is_empty():
        yield Notice("no_matrix", _NO_MATRIX)
    if repeats := len(features) - features.n_unique():
        names = features.filter(features.is_duplicated()).unique(maintain_order=True)
        message = f"{counted(repeats, 'row repeats', 'rows repeat')} an ID_REF; all were kept"
        yield Notice("duplicate_id_ref", message, common.named(names.to_list()))
    counts = {name: record.get("data_row_count", [""])[0] for name, record in records.items()}
    short = [n for n, count in counts.items() if count.isdecimal() and int(count) > len(features)]
    if short:
        message = f"{short[0]} declares row count {counts[short[0]]}, the table has {len(features)}"
        yield Notice("row_count_differs", message, common.named(short))
