"""Structural variants and copy number segments of cBioPortal, as rows of `variants`.

Owns both tables. A structural variant has a row for each of its two sites, so that it is found
by either gene; a segment has one row, with its mean and markers in `metadata`.
Keep out: matrices of copy numbers (`matrix`).

Format: https://docs.cbioportal.org/file-formats/ (structural variants, segmented data).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from polly_assets.ingest.formats.base import FailedDataset, ParsedDataset, Reader, Source
from polly_assets.ingest.formats.streams.table import unique_names
from polly_assets.ingest.formats.streams.tally import Tally
from polly_assets.ingest.formats.tabbed import (
    SCIENTIFIC,
    LineNumbers,
    Tabbed,
    beginning,
    first_row,
    position,
    whole_number,
)
from polly_assets.ingest.formats.variant_samples import described_variants
from polly_assets.ingest.formats.variants import FIELDS, Variants
from polly_resources.errors import BadInput
from polly_resources.records import Notice

COPY_NUMBERS = "Copy Number Variation"

_WHOLE = r"^([0-9]{1,18})(?:\.0*)?$"
_FLOAT = r"(?i)^[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?|inf(?:inity)?)$"
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


class _Table:
    """A tab-separated file under the names that this module knows."""

    def __init__(
        self, path: Path, file: str, names: Mapping[str, tuple[str, ...]], needed: Sequence[str]
    ) -> None:
        self._table, self._file = Tabbed(path, file), file
        header = [cell.strip().strip('"') for cell in self._table.header.split("\t")]
        lower = [name.lower() for name in header]
        self._at: dict[str, int] = {}
        for what, known in names.items():
            if found := next((name for name in known if name in lower), None):
                self._at[what] = lower.index(found)
            elif what in needed:
                raise self._missing(header, known)
        while len(header) > 1 and not header[-1]:
            header.pop()
        self._names = unique_names(header)

    def _missing(self, header: Sequence[str], known: Sequence[str]) -> BadInput:
        return BadInput(
            "missing_columns",
            f"found the columns {', '.join(header)[:80] or 'none'}, expected one called "
            f"{' or '.join(known)}",
            file=self._file,
            place=f"line {self._table.line or 1}",
            hint="columns are separated by tabs and named in the first line",
        )

    @property
    def notices(self) -> Sequence[Notice]:
        """What was noticed in the text."""
        return self._table.notices

    def frames(self) -> Iterator[tuple[pl.DataFrame, pl.Series, LineNumbers]]:
        """The known cells by meaning, null where missing, each row as JSON, and the lines.

        Raises BadInput `ragged_row`.
        """
        for cells, lines in self._table.frames(self._names):
            stripped = cells.select(pl.all().str.strip_chars().replace("", None))
            known = pl.DataFrame(
                [stripped.to_series(at).alias(what) for what, at in self._at.items()]
            ).select(pl.when(~pl.all().str.to_lowercase().is_in(_MISSING)).then(pl.all()))
            yield known, stripped.to_struct("metadata").struct.json_encode(), lines

    def __iter__(self) -> Iterator[_Row]:
        """The rows one by one. Raises BadInput `missing_sample_id` or `ragged_row`."""
        for known, texts, lines in self.frames():
            for cells, json, line in zip(known.iter_rows(named=True), texts, lines, strict=True):
                if cells["sample"] is None:
                    raise self.no_sample(int(line))
                yield _Row(cells, json, int(line))

    def place(self, what: str, line: int) -> str:
        """Where a cell is."""
        return f"line {line}, column {self._at[what] + 1}"

    def no_sample(self, line: int) -> BadInput:
        """An error about a row without a sample."""
        return BadInput(
            "missing_sample_id",
            "the row has no sample, expected its id",
            file=self._file,
            place=self.place("sample", line),
            hint="give each row the id of its sample",
        )

    def whole(self, row: _Row, what: str) -> int | None:
        """A cell that must be a whole number where it is there. Raises BadInput."""
        text = row.cells.get(what)
        if text is None:
            return None
        if found := re.fullmatch(_WHOLE, text):
            return int(found[1])
        raise self.bad(what, text, "a whole number, 0 or more", row.line)

    def bad(self, what: str, found: str | None, expected: str, line: int) -> BadInput:
        """An error about a cell."""
        return BadInput(
            "bad_field",
            f"found {'no value' if found is None else repr(found[:60])}, expected {expected}",
            file=self._file,
            place=self.place(what, line),
            hint="correct the cell; a missing value is an empty cell or NA",
        )


def _values(**known: Any) -> Sequence[Any]:
    row: list[Any] = [None] * len(FIELDS)
    for name, value in known.items():
        row[_PLACES[name]] = value
    return row


def read_segments(path: Path, file: str) -> Events:
    """Segments of copy number. Raises BadInput, `bad_field` where one ends before it begins."""
    table = _Table(path, file, _SEGMENT, ("sample", "chromosome", "start", "end", "mean"))
    variants, samples, tally = Variants(), dict[str, None](), Tally()
    for known, texts, lines in table.frames():
        marks = [whole_number("marks")] if "marks" in known.columns else []
        whole = known.select(position("start"), position("end"), *marks)
        _refuse_segment(table, known, whole, lines)
        for what in ("start", "end"):
            rounded = known[what].str.contains(SCIENTIFIC)
            if (row := first_row(rounded)) is not None:
                message = f"{known[what][row]} is in scientific form: it may have been rounded"
                place = table.place(what, int(lines[row]))
                tally.note("rounded_position", message, place, times=int(rounded.sum()))
        samples.update(dict.fromkeys(known["sample"].unique(maintain_order=True)))
        rows = pl.DataFrame(
            [
                known["sample"].alias("sample_id"),
                known["chromosome"],
                whole["start"].alias("position"),
                whole["end"].alias("end_position"),
                texts,
            ]
        )
        variants.extend_frame(rows.with_columns(allele_index=0))
    if not variants.rows:
        tally.note("no_variants", f"{file} has a header and no rows")
    return Events(list(samples), variants.done(), (*table.notices, *tally.notices()))


def _refuse_segment(
    table: _Table, known: pl.DataFrame, whole: pl.DataFrame, lines: LineNumbers
) -> None:
    """Raises BadInput for the first row that is no segment."""
    start, end, number = whole["start"], whole["end"], "a whole number, 0 or more"
    faults = [("sample", "its id", known["sample"].is_null())]
    faults += [
        (name, number, known[name].is_not_null() & whole[name].is_null()) for name in whole.columns
    ]
    faults += [(name, "a position", whole[name].is_null()) for name in ("start", "end")]
    faults += [("end", "", end < start), ("mean", "a number", ~known["mean"].str.contains(_FLOAT))]
    places = [(first_row(rows), at) for at, (_, _, rows) in enumerate(faults)]
    first = [(row, at) for row, at in places if row is not None]
    if not first:
        return
    row, at = min(first)
    what, expected, _ = faults[at]
    if what == "sample":
        raise table.no_sample(int(lines[row]))
    expected = expected or f"{start[row]} or more, as the segment begins there"
    raise table.bad(what, known[what][row], expected, int(lines[row]))


def read_structural(path: Path, file: str) -> Events:
    """Structural variants: a row for each site that has a gene or a place."""
    rows = _Table(path, file, _EVENT, ("sample",))
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
    rows = _Table(path, file, _FUSION, ("sample", "fusion"))
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
    row: _Row, rows: _Table, index: int, site: int, gene: str | None, position: int | None
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
        text = beginning(head)
        if "\0" in text:
            return False
        first = text.lstrip().split("\n", 1)[0]
        names = [cell.strip(' "\r').lower() for cell in first.split("\t")]
        needed = ("sample", "start", "end", "mean")
        by_columns = all(set(_SEGMENT[what]).intersection(names) for what in needed)
        return by_columns or name.removesuffix(".gz").endswith(".seg")

    def read(self, source: Source) -> Iterator[ParsedDataset | FailedDataset]:
        """The one dataset of the file."""
        events = read_segments(source.path, source.name)
        described = described_variants(source, events.samples)
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
