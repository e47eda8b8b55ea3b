"""GEO series matrix files: metadata rows, then one features x samples table.

Owns the way from such a file to datasets `GSE_GPL`; nearly always the file is of one
platform, else it is split by `!Sample_platform_id`. Cells of `!Sample_` rows belong to
samples by position, the table's columns by accession. Names of metadata are those of the
SOFT reader (`geo_common`), so both give equal sample metadata.
Keep out: reading the table (`geo_table`), and files beside it (`geo_supplement`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import polars as pl

from polly_assets.ingest.formats import geo_common as common
from polly_assets.ingest.formats.base import (
    DenseMatrix,
    FailedDataset,
    ParsedDataset,
    Reader,
    Source,
)
from polly_assets.ingest.formats.geo_supplement import (
    Match,
    apart,
    joined,
    match,
    part_of,
    read_supplements,
)
from polly_assets.ingest.formats.geo_table import GeoText, Table, cells, table_end
from polly_assets.ingest.formats.text import base_name, read_bytes, utf8_lines
from polly_resources.errors import BadInput
from polly_resources.records import Notice

_ATTRIBUTE = re.compile(rb"^!(?:Series|Sample)_[^\t\n=]*\t", re.M | re.I)
_BEGIN = re.compile(rb"^!series_matrix_table_begin[ \t]*\n", re.M | re.I)
_NO_MATRIX = (
    "the table is empty, as for sequencing: the counts come as a supplementary file (see "
    "supplementary_file); put it beside this one"
)


@dataclass(slots=True)
class _Header:
    """The rows before the table: series values by key, and one record per sample."""

    series: dict[str, list[str]] = field(default_factory=dict)
    samples: list[dict[str, list[str]]] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)


class SeriesMatrixReader(Reader):
    """Reads `GSE1_series_matrix.txt` and `GSE1-GPL96_series_matrix.txt`."""

    name = "geo_series_matrix"
    suffixes = ("_series_matrix.txt",)

    def sniff(self, name: str, head: bytes) -> bool:
        """Whether the head has tab-separated `!Series_` or `!Sample_` rows, or the table."""
        return bool(_ATTRIBUTE.search(head) or _BEGIN.search(head))

    def read(self, source: Source) -> Iterator[ParsedDataset | FailedDataset]:
        """The datasets of a series matrix, one per platform, and of the files beside it.

        Raises BadInput `no_table`, `truncated_table`, `unexpected_line`, `ragged_row`,
        `no_samples`, `duplicate_sample`, `no_platform`, `samples_disagree` or a fault of the
        table.
        """
        data, notices = utf8_lines(read_bytes(source.path, source.name), source.name)
        text = GeoText(data, source.name)
        begin = _BEGIN.search(data)
        if begin is None:
            raise BadInput(
                "no_table",
                "found no line `!series_matrix_table_begin`",
                file=source.name,
                hint="the file was cut short: download it again",
            )
        notices += common.unused_sidecars(source)
        header = _header(text, data[: begin.start()])
        table = _table(text, begin.end())
        features, values = _matrix(table, header.ids)
        platforms = [_platform(text, i, r) for i, r in zip(header.ids, header.samples, strict=True)]
        parts: list[tuple[_Part, ParsedDataset]] = []
        for platform in dict.fromkeys(platforms):
            chosen = [i for i, found in enumerate(platforms) if found == platform]
            part = _Part(platform, chosen, len(set(platforms)) > 1)
            found = _dataset(header, part, features, values, source.name)
            parts.append((part, replace(found, notices=notices + found.notices)))
        if features.is_empty():
            yield from _supplemented(header, parts, source)
        else:
            yield from (found for _, found in parts)
            yield from (found for _, found in read_supplements(source))


@dataclass(frozen=True, slots=True)
class _Part:
    """The samples of one platform, by position; `split` where there are more platforms."""

    platform: str
    samples: Sequence[int]
    split: bool


def _supplemented(
    header: _Header, parts: Sequence[tuple[_Part, ParsedDataset]], source: Source
) -> Iterator[ParsedDataset | FailedDataset]:
    """The datasets of a series without values of its own, with those of files beside it.

    One file that fits is the matrix of `GSE_GPL`; several are datasets of their own, named
    after their files. What does not fit stands apart, and the series keeps its metadata.
    """
    series = header.series.get("geo_accession", [""])[0]
    fitting: list[tuple[ParsedDataset, Match, str]] = []
    for file, found in read_supplements(source):
        if isinstance(found, FailedDataset):
            yield found
            continue
        columns = found.samples["sample_id"].to_list()
        matched = match(columns, header.ids, header.samples)
        if matched is None:
            yield apart(found, series or source.name)
        else:
            fitting.append((found, matched, file))
    for part, dataset in parts:
        held = [f for f in fitting if set(f[1].samples.values()) & set(part.samples)]
        for counts, matched, file in held:
            whole = joined(dataset, counts, matched, part.samples, file)
            own = part_of(dataset.dataset_id, series, file) if len(held) > 1 else whole.dataset_id
            yield replace(whole, dataset_id=own)
        if not held:
            yield dataset


def _header(text: GeoText, block: bytes) -> _Header:
    header = _Header()
    rows: list[tuple[int, str, list[str]]] = []
    for number, line in enumerate(block.decode().split("\n"), 1):
        name, *values = [cell.strip() for cell in cells(line)]
        if name.startswith("!Series_"):
            header.series.setdefault(name.removeprefix("!Series_"), []).extend(values)
        elif name.startswith("!Sample_"):
            rows.append((number, name.removeprefix("!Sample_"), values))
        elif line.strip():
            raise text.fault(
                "unexpected_line",
                f"found {line[:40]!r}, expected a row of `!Series_` or `!Sample_`",
                number,
                hint="only these may precede `!series_matrix_table_begin`",
            )
    header.ids = _sample_ids(text, rows)
    header.samples = [{} for _ in header.ids]
    for number, key, values in rows:
        if len(values) != len(header.ids):
            raise text.fault(
                "ragged_row",
                f"found {len(values)} cells of !Sample_{key}, expected {len(header.ids)}, one "
                "per sample",
                number,
                hint="every row needs one cell per sample, empty ones included",
            )
        for record, value in zip(header.samples, values, strict=True):
            record.setdefault(key, []).append(value)
    return header


def _sample_ids(text: GeoText, rows: Sequence[tuple[int, str, list[str]]]) -> list[str]:
    number, ids = next(((n, v) for n, key, v in rows if key == "geo_accession"), (1, []))
    if not ids or "" in ids:
        raise text.fault(
            "no_samples",
            f"found {len(ids)} cells in !Sample_geo_accession, expected an accession in each",
            number,
            hint="every sample needs its accession",
        )
    repeats = [name for name, count in Counter(ids).items() if count > 1]
    if repeats:
        raise text.fault(
            "duplicate_sample",
            f"found {common.named(repeats)} more than once in !Sample_geo_accession",
            number,
            hint="sample ids must be unique",
        )
    return ids


def _table(text: GeoText, start: int) -> Table:
    end = table_end(text.data, start)
    if end is None:
        raise text.fault(
            "truncated_table",
            "found no line `!series_matrix_table_end`",
            text.line_at(len(text.data) - 1),
            hint="the file was cut short: download it again",
        )
    return Table(text, start, end[0], quoted=True)


def _matrix(table: Table, ids: Sequence[str]) -> tuple[pl.Series, npt.NDArray[np.float64]]:
    """Feature ids, and values with one column per sample in the order of `ids`."""
    header = table.header
    if len(header) <= 1 and not table.row_count:
        return pl.Series("feature_id", [], pl.String), np.empty((0, len(ids)))
    places = {name: i for i, name in enumerate(header) if i}
    if sorted(header[1:]) != sorted(ids):
        lacking = [name for name in ids if name not in places]
        strange = sorted(places.keys() - set(ids))
        raise table.text.fault(
            "samples_disagree",
            f"the table has {len(header) - 1} sample columns for {len(ids)} samples; lacking: "
            f"{common.named(lacking) or 'none'}; unknown: {common.named(strange) or 'none'}",
            table.text.line_at(table.start),
            hint="the table's header must list the accessions of !Sample_geo_accession",
        )
    keys, values = table.numbers(0, [places[name] for name in ids])
    return keys.alias("feature_id"), values


def _platform(text: GeoText, sample: str, record: common.Attributes) -> str:
    found = [value for value in record.get("platform_id", ()) if value]
    if len(set(found)) == 1:
        return found[0]
    raise BadInput(
        "no_platform",
        f"found {', '.join(found) or 'none'} as !Sample_platform_id of {sample}, expected one",
        file=text.name,
        place=sample,
        hint="name the sample's platform, such as GPL570",
    )


def _dataset(
    header: _Header, part: _Part, features: pl.Series, values: npt.NDArray[np.float64], file: str
) -> ParsedDataset:
    records = [header.samples[i] for i in part.samples]
    ids = [header.ids[i] for i in part.samples]
    if part.split:
        values = values[:, part.samples]
        measured = np.flatnonzero((~np.isnan(values)).any(axis=1))
        features, values = features.gather(measured), values[measured]
    series = header.series.get("geo_accession", [""])[0] or base_name(file)
    return ParsedDataset(
        dataset_id=common.dataset_id(series, part.platform, file),
        format=SeriesMatrixReader.name,
        metadata=common.dataset_metadata(
            header.series, {"geo_accession": [part.platform]}, database={}
        ),
        samples=common.samples_frame(ids, records),
        features=features.to_frame(),
        matrices=(DenseMatrix(values),) if len(features) else (),
        data_type=common.data_type(header.series, records),
        notices=tuple(_notices(dict(zip(ids, records, strict=True)), features)),
    )


def _notices(records: Mapping[str, common.Attributes], features: pl.Series) -> Iterator[Notice]:
    if features.is_empty():
        yield Notice("no_matrix", _NO_MATRIX)
    if repeats := len(features) - features.n_unique():
        names = features.filter(features.is_duplicated()).unique(maintain_order=True)
        message = f"{repeats} rows repeat an ID_REF; all were kept"
        yield Notice("duplicate_id_ref", message, common.named(names.to_list()))
    counts = {name: record.get("data_row_count", [""])[0] for name, record in records.items()}
    short = [n for n, count in counts.items() if count.isdecimal() and int(count) > len(features)]
    if short:
        message = f"{short[0]} declares {counts[short[0]]} rows, the table has {len(features)}"
        yield Notice("row_count_differs", message, common.named(short))
