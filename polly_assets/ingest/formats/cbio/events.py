"""Structural variants and copy number segments of cBioPortal, as rows of `variants`.

Owns both tables. A structural variant has a row for each of its two sites, so that it is found
by either gene; a segment has one row, with its mean and markers in `metadata`.
Keep out: matrices of copy numbers (`matrix`).

Format: https://docs.cbioportal.org/file-formats/ (structural variants, segmented data).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from polly_assets.ingest.formats.base import FailedDataset, ParsedDataset, Reader, Source
from polly_assets.ingest.formats.beside.sidecars import describe, read_sidecars
from polly_assets.ingest.formats.streams.lines import Lines
from polly_assets.ingest.formats.streams.table import fit, unique_names
from polly_assets.ingest.formats.variants import FIELDS, Variants
from polly_resources.errors import BadInput
from polly_resources.records import Notice

COPY_NUMBERS = "Copy Number Variation"

_WHOLE = re.compile(r"(\d{1,18})(\.0*)?")
_FLOAT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_JSON = json.JSONEncoder(ensure_ascii=False)
_PLACES = {name: place for place, name in enumerate(FIELDS)}
_MISSING = ("", "na", "n/a", "nan", "null")
_SEGMENT: Mapping[str, tuple[str, ...]] = {
    "sample": ("id", "sample", "gdc_aliquot", "sampleid"),
    "chromosome": ("chrom", "chromosome", "chr"),
    "start": ("loc.start", "start", "loc_start"),
    "end": ("loc.end", "end", "loc_end"),
    "marks": ("num.mark", "num_probes", "num_mark", "nummark"),
    "mean": ("seg.mean", "segment_mean", "seg_mean"),
}
_EVENT: Mapping[str, tuple[str, ...]] = {
    "sample": ("sample_id",),
    "kind": ("class", "event_info", "annotation"),
    "depth": ("tumor_read_count",),
    "alt_depth": ("tumor_variant_count",),
    "gene1": ("site1_hugo_symbol",),
    "gene2": ("site2_hugo_symbol",),
    "entrez1": ("site1_entrez_gene_id",),
    "entrez2": ("site2_entrez_gene_id",),
    "chromosome1": ("site1_chromosome",),
    "chromosome2": ("site2_chromosome",),
    "position1": ("site1_position",),
    "position2": ("site2_position",),
}
_FUSION: Mapping[str, tuple[str, ...]] = {
    "sample": ("tumor_sample_barcode",),
    "gene": ("hugo_symbol",),
    "entrez": ("entrez_gene_id",),
    "fusion": ("fusion",),
}


@dataclass(frozen=True, slots=True)
class Events:
    """A table read to its end."""

    samples: list[str]
    variants: Variants
    notices: Sequence[Notice]


@dataclass(frozen=True, slots=True)
class _Row:
    """The known cells of a line, null where missing, and all of them as JSON."""

    cells: Mapping[str, str | None]
    json: str
    line: int


class _Rows:
    """The rows of a tab-separated file under the names that this module knows."""

    def __init__(
        self, path: Path, file: str, names: Mapping[str, tuple[str, ...]], needed: Sequence[str]
    ) -> None:
        self._lines, self._file = Lines(path, file), file
        self._names, self._needed = names, needed
        self._at: dict[str, int] = {}
        self._header: list[str] = []

    @property
    def notices(self) -> Sequence[Notice]:
        """What was noticed in the text."""
        return self._lines.notices

    def __iter__(self) -> Iterator[_Row]:
        """Raises BadInput `missing_columns`, `missing_sample_id` or `ragged_row`."""
        keys: list[str] = []
        for line, text in self._lines:
            if not text.strip() or text.startswith("#"):
                continue
            cells = [cell.strip().strip('"') for cell in text.split("\t")]
            if not keys:
                keys = self._named(cells, line)
                continue
            cells = fit(cells, len(keys), line, self._file)
            row = {what: _present(cells[at]) for what, at in self._at.items()}
            if row["sample"] is None:
                raise BadInput(
                    "missing_sample_id",
                    "the row has no sample, expected its id",
                    file=self._file,
                    place=self.place("sample", line),
                    hint="give each row the id of its sample",
                )
            own = dict(zip(keys, (cell or None for cell in cells), strict=True))
            yield _Row(row, _JSON.encode(own), line)
        if not keys:
            raise self._missing([], 1, self._needed[0])

    def _named(self, header: list[str], line: int) -> list[str]:
        lower = [name.lower() for name in header]
        for what, names in self._names.items():
            if found := next((name for name in names if name in lower), None):
                self._at[what] = lower.index(found)
            elif what in self._needed:
                raise self._missing(header, line, what)
        while len(header) > 1 and not header[-1]:
            header.pop()
        return unique_names(header)

    def _missing(self, header: Sequence[str], line: int, what: str) -> BadInput:
        return BadInput(
            "missing_columns",
            f"found the columns {', '.join(header)[:80] or 'none'}, expected one called "
            f"{' or '.join(self._names[what])}",
            file=self._file,
            place=f"line {line}",
            hint="columns are separated by tabs and named in the first line",
        )

    def place(self, what: str, line: int) -> str:
        """Where a cell is."""
        return f"line {line}, column {self._at[what] + 1}"

    def whole(self, row: _Row, what: str) -> int | None:
        """A cell that must be a whole number where it is there. Raises BadInput."""
        text = row.cells.get(what)
        if text is None:
            return None
        if found := _WHOLE.fullmatch(text):
            return int(found[1])
        raise self.bad(row, what, "a whole number, 0 or more")

    def bad(self, row: _Row, what: str, expected: str) -> BadInput:
        """An error about a cell."""
        return BadInput(
            "bad_field",
            f"found {row.cells[what]!r}, expected {expected}",
            file=self._file,
            place=self.place(what, row.line),
            hint="correct the cell; a missing value is an empty cell or NA",
        )


def _present(cell: str) -> str | None:
    return None if cell.lower() in _MISSING else cell


def _values(**known: Any) -> Sequence[Any]:
    row: list[Any] = [None] * len(FIELDS)
    for name, value in known.items():
        row[_PLACES[name]] = value
    return row


def read_segments(path: Path, file: str) -> Events:
    """Segments of copy number. Raises BadInput, `bad_field` where one ends before it begins."""
    rows = _Rows(path, file, _SEGMENT, ("sample", "chromosome", "start", "end", "mean"))
    variants, samples = Variants(), dict[str, None]()
    for index, row in enumerate(rows):
        start, end = rows.whole(row, "start"), rows.whole(row, "end")
        rows.whole(row, "marks")
        if start is None or end is None:
            raise rows.bad(row, "start" if start is None else "end", "a position")
        if end < start:
            raise rows.bad(row, "end", f"{start} or more, as the segment begins there")
        mean = row.cells["mean"]
        if mean is not None and not _FLOAT.fullmatch(mean):
            raise rows.bad(row, "mean", "a number")
        samples[str(row.cells["sample"])] = None
        variants.append(
            _values(
                sample_id=row.cells["sample"],
                record_index=index,
                allele_index=0,
                chromosome=row.cells["chromosome"],
                position=start,
                end_position=end,
                metadata=row.json,
            )
        )
    return Events(list(samples), variants.done(), rows.notices)


def read_structural(path: Path, file: str) -> Events:
    """Structural variants: a row for each site that has a gene or a place."""
    rows = _Rows(path, file, _EVENT, ("sample",))
    variants, samples = Variants(), dict[str, None]()
    for index, row in enumerate(rows):
        samples[str(row.cells["sample"])] = None
        before = variants.rows
        for site in (1, 2):
            position = rows.whole(row, f"position{site}")
            gene = row.cells.get(f"gene{site}") or row.cells.get(f"entrez{site}")
            if gene is None and position is None:
                continue
            variants.append(_site(row, rows, index, site, gene, position))
        if variants.rows == before:
            raise BadInput(
                "bad_field",
                "neither site has a gene or a position, expected at least one",
                file=file,
                place=f"line {row.line}",
                hint="fill Site1_Hugo_Symbol or Site2_Hugo_Symbol",
            )
    return Events(list(samples), variants.done(), rows.notices)


def read_fusions(path: Path, file: str) -> Events:
    """Fusions of the form that cBioPortal had before structural variants: a row for each gene."""
    rows = _Rows(path, file, _FUSION, ("sample", "fusion"))
    variants, samples = Variants(), dict[str, None]()
    for index, row in enumerate(rows):
        samples[str(row.cells["sample"])] = None
        variants.append(
            _values(
                sample_id=row.cells["sample"],
                record_index=index,
                allele_index=0,
                gene=row.cells.get("gene") or row.cells.get("entrez"),
                consequence=row.cells["fusion"],
                metadata=row.json,
            )
        )
    return Events(list(samples), variants.done(), rows.notices)


def _site(  # noqa: PLR0917 - one row's parts
    row: _Row, rows: _Rows, index: int, site: int, gene: str | None, position: int | None
) -> Sequence[Any]:
    return _values(
        sample_id=row.cells["sample"],
        record_index=index,
        allele_index=site,
        chromosome=row.cells.get(f"chromosome{site}"),
        position=position,
        end_position=position,
        gene=gene,
        consequence=row.cells.get("kind"),
        depth=rows.whole(row, "depth"),
        alt_depth=rows.whole(row, "alt_depth"),
        metadata=row.json,
    )


class SegReader(Reader):
    """Reads segmented copy numbers that are given alone, with their sidecars.

    GDC and GISTIC call such tables `x.seg.v2.txt`, `x.seg.txt` too: these have the columns.
    """

    name = "cbio_seg"
    suffixes = (".seg", ".tsv", ".txt")

    def sniff(self, name: str, head: bytes) -> bool:
        """By the suffix `.seg`, unless the content is binary, or by the column names."""
        if b"\0" in head:
            return False
        first = head.removeprefix(b"\xef\xbb\xbf").decode("latin-1").lstrip().split("\n", 1)[0]
        names = [cell.strip(' "\r').lower() for cell in first.split("\t")]
        needed = ("sample", "start", "end", "mean")
        by_columns = all(set(_SEGMENT[what]).intersection(names) for what in needed)
        return by_columns or name.removesuffix(".gz").endswith(".seg")

    def read(self, source: Source) -> Iterator[ParsedDataset | FailedDataset]:
        """The one dataset of the file."""
        events = read_segments(source.path, source.name)
        samples = pl.DataFrame({"sample_id": events.samples}, schema={"sample_id": pl.String})
        features = pl.DataFrame(schema={"feature_id": pl.String})
        described = describe(source, samples, features, read_sidecars(source))
        yield ParsedDataset(
            dataset_id=described.dataset_id,
            format=self.name,
            metadata=described.metadata,
            samples=described.samples,
            features=described.features,
            matrices=(),
            data_type=described.data_type or COPY_NUMBERS,
            notices=(*events.notices, *described.notices),
            variants=events.variants,
        )
