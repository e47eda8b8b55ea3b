"""The rows of a series matrix before its table: what is known of series and samples.

Owns their grammar: `!Series_` rows are of the series, cells of `!Sample_` rows are of samples by
position. Names are read whatever their case, a quoted value may have line ends in it, and empty
cells behind the last sample, as a spreadsheet adds them, are passed over.
Keep out: the table and what becomes of it (`series`).
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from polly_assets.ingest.formats.geo import common
from polly_assets.ingest.formats.geo.entities import WEB_PAGE
from polly_assets.ingest.formats.geo.stream import GeoText, fault
from polly_assets.ingest.formats.geo.table import LOST_TABS, cells
from polly_assets.ingest.formats.wording import counted
from polly_resources.errors import BadInput

_MAX_LINES = 10_000
"""What one quoted value may have."""


@dataclass(slots=True)
class Header:
    """The rows before the table: series values by key, and one record per sample.

    `lines` has the line of each row of samples by its key, of repeated ones the first.
    """

    series: dict[str, list[str]] = field(default_factory=dict)
    samples: list[dict[str, list[str]]] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    lines: dict[str, int] = field(default_factory=dict)


def read_header(text: GeoText) -> Header:
    """The rows before the table.

    Raises BadInput `not_geo`, `unexpected_line`, `no_samples`, `duplicate_sample`, `ragged_row`.
    """
    header = Header()
    rows: list[tuple[int, str, list[str]]] = []
    for number, line in _logical_lines(text):
        name, *values = [cell.strip() for cell in cells(line)]
        kind, _, key = name.partition("_")
        if kind.lower() == "!series" and key:
            header.series.setdefault(key, []).extend(without_empty_end(values, 1) or [""])
        elif kind.lower() == "!sample" and key:
            rows.append((number, key, values))
        elif line.strip():
            raise _unexpected(text, number, line)
    header.ids = _sample_ids(text, rows)
    header.samples = [{} for _ in header.ids]
    for number, key, found in rows:
        header.lines.setdefault(key, number)
        values = without_empty_end(found, len(header.ids)) or [""] * len(header.ids)
        if len(values) != len(header.ids):
            raise text.fault(
                "ragged_row",
                f"found {counted(len(values), 'cell')} of !Sample_{key}, expected "
                f"{len(header.ids)}, one per sample",
                number,
                hint="every row needs one cell per sample, empty ones included",
            )
        for record, value in zip(header.samples, values, strict=True):
            record.setdefault(key, []).append(value)
    return header


def _logical_lines(text: GeoText) -> Iterator[tuple[int, str]]:
    """The lines with their numbers, one line where a quoted value has line ends in it.

    A quote that is not closed before the next row is one of the value's own.
    """
    waiting: list[tuple[int, str]] = []
    quotes = 0
    for number, ended in enumerate(io.StringIO(text.data.decode()), text.first_line):
        line = ended.removesuffix("\n")
        if line.startswith("!") or len(waiting) == _MAX_LINES:
            yield from waiting
            waiting, quotes = [], 0
        waiting.append((number, line))
        quotes += line.count('"')
        if quotes % 2 == 0:
            yield waiting[0][0], "\n".join(each for _, each in waiting)
            waiting, quotes = [], 0
    yield from waiting


def _unexpected(text: GeoText, number: int, line: str) -> BadInput:
    if line.lstrip().startswith("<"):
        return text.fault("not_geo", "found markup, expected a series matrix", 1, hint=WEB_PAGE)
    return text.fault(
        "unexpected_line",
        f"found {line[:40]!r}, expected a row of `!Series_` or `!Sample_`",
        number,
        hint="only these may precede `!series_matrix_table_begin`; add that line if it is lost",
    )


def without_empty_end(values: list[str], least: int) -> list[str]:
    """Without empty cells at the end, as a spreadsheet adds them, down to a number of cells."""
    end = len(values)
    while end > least and not values[end - 1]:
        end -= 1
    return values[:end]


def _sample_ids(text: GeoText, rows: Sequence[tuple[int, str, list[str]]]) -> list[str]:
    number, ids = next(((n, v) for n, key, v in rows if key == "geo_accession"), (1, []))
    ids = ids[: max((len(without_empty_end(values, 0)) for _, _, values in rows), default=0)]
    if b"\t" not in text.data:
        raise text.fault(
            "no_samples",
            "found no tab, expected one before the cell of each sample",
            1,
            hint=LOST_TABS,
        )
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


def platform_of(file: str, header: Header, sample: int) -> str:
    """The platform of a sample: its own, else the only one of the series."""
    found = [value for value in header.samples[sample].get("platform_id", ()) if value]
    found = found or [value for value in header.series.get("platform_id", ()) if value]
    if len(set(found)) == 1:
        return found[0]
    name = header.ids[sample]
    key = "platform_id" if "platform_id" in header.lines else "geo_accession"
    raise fault(
        "no_platform",
        f"found {', '.join(found) or 'none'} as !Sample_platform_id of {name}, expected one",
        header.lines[key],
        file=file,
        column=sample + 2,
        hint="name the sample's platform in a row !Sample_platform_id, such as GPL570",
    )
