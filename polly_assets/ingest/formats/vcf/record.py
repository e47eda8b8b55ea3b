"""The records of VCF 4: one line becomes a row for each ALT allele and sample.

Owns the grammar of a record and which faults refuse it. What makes a fixed column or a
genotype unreadable is an error. What leaves the record readable is kept as it stands and
noticed: order, repeated records, and INFO or FORMAT values of another count or type.
Keep out: the header, INFO (`info`), samples (`genotype`) and alleles (`alleles`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import isnan

from polly_assets.ingest.formats.streams.tally import Tally
from polly_assets.ingest.formats.vcf.alleles import Alleles
from polly_assets.ingest.formats.vcf.columns import Calls, Columns
from polly_assets.ingest.formats.vcf.effects import Effects
from polly_assets.ingest.formats.vcf.faults import bad_field
from polly_assets.ingest.formats.vcf.genotype import Genotypes
from polly_assets.ingest.formats.vcf.header import FIXED, Header
from polly_assets.ingest.formats.vcf.info import Infos, Texts, whole
from polly_assets.ingest.formats.wording import counted
from polly_resources.errors import BadInput

_CHROM = re.compile(r"<[^<>,\s]+>|[0-9A-Za-z!#$%&+./:;?@^_|~-][0-9A-Za-z!#$%&*+./:;=?@^_|~-]*")
_QUAL = re.compile(
    r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|[+-]?(inf(inity)?|nan)", re.IGNORECASE
)
_POSITION = re.compile(r"[0-9]{1,18}")
_REFERENCE_BLOCKS = ("<*>", "<NON_REF>")
_FIXED = len(FIXED)
_MAX_REPEATED = 16 * 1024**3
_MAX_FORMAT = 1024**3
_MAX_ROWS = 100_000_000


class Records:
    """Turns the lines of one file into rows."""

    def __init__(self, header: Header, file: str, tally: Tally) -> None:
        self._header, self._file, self._tally = header, file, tally
        self._infos = Infos(header, file, tally)
        self._genotypes = Genotypes(header, file, tally)
        self._alleles = Alleles(header, file, tally)
        self._effects = Effects(header)
        self._filters: dict[str, list[str] | None] = {".": None}
        self._count = 0
        self._last = ("", 0)
        self._chroms: set[str] = set()
        self._here: set[int] = set()
        self.columns = Columns(header.samples)

    def add(self, lines: Sequence[tuple[int, str]]) -> None:
        """Take the rows of some records, by their lines. Raises BadInput."""
        split = [(number, line.split("\t")) for number, line in lines]
        self._genotypes.prepare(
            [
                (number, cells[_FIXED:], 0 if cells[4] == "." else cells[4].count(",") + 1)
                for number, cells in split
                if len(cells) > _FIXED + 1 and ":" in cells[_FIXED]
            ]
        )
        for (number, line), (_, cells) in zip(lines, split, strict=True):
            if len(cells) != self._header.width or line.startswith("#"):
                raise self._misshapen(line, number)
            self._add(cells, len(line), number)

    def _add(self, cells: Sequence[str], length: int, number: int) -> None:
        chrom, pos_text, ids, ref, alt_text, qual, filters, info_text = cells[:8]
        if chrom not in self._chroms:
            self._check_chrom(chrom, number)
        if not _POSITION.fullmatch(pos_text):
            raise self._bad("POS", pos_text, "a whole number, of 18 digits at most", number)
        pos = int(pos_text)
        alts = self._alleles.read(ref, alt_text, number)
        if ids != ".":
            self._check_ids(ids, number)
        quality = None if qual == "." else self._quality(qual, number)
        failed = (
            self._filters[filters] if filters in self._filters else self._failed(filters, number)
        )
        info, info_json = self._infos.read(info_text, len(alts), number)
        self._check_place(chrom, pos, hash((ref, alt_text)), number)
        self._infos.check_end(info, pos, number)
        self._check_size(len(info_json), len(alts), cells[8:], number)
        shared = (
            self._count, None if ids == "." else ids, chrom, pos, ref, quality, failed, info_json
        )  # fmt: skip
        self._count += 1
        fixed = len(ref) + len(ids) + len(info_json)
        self.columns.record(shared, fixed, length - len(info_text) - len(alt_text))
        at = (pos, ref, _block_length(cells[8:]))
        self._add_alleles(info, at, alts, self._calls(info, alts, cells[8:], number))

    def _add_alleles(
        self,
        info: Texts,
        at: tuple[int, str, int],
        alts: Sequence[str],
        calls: Sequence[Calls],
    ) -> None:
        pos, ref, length = at
        for place, alt in enumerate(alts or (None,)):
            index = place + 1 if alts else 0
            end = self._infos.end(info, pos, ref, (index, alt, len(alts)))
            if alt in _REFERENCE_BLOCKS:
                end = max(end, pos + length - 1)
            effect = self._effects.of(info, ref, alt, index)
            self.columns.allele((index, end, alt, *effect), calls[place])

    def _calls(
        self, info: Texts, alts: Sequence[str], cells: Sequence[str], number: int
    ) -> Sequence[Calls]:
        if self._header.samples:
            return self._genotypes.calls(cells, len(alts), number)
        depth = whole(info.get("DP"))
        reads = None if depth is None or depth < 0 else depth
        return [((None,), (None,), (reads,), (None,), (None,))] * max(1, len(alts))

    def _check_chrom(self, chrom: str, number: int) -> None:
        if not _CHROM.fullmatch(chrom):
            expected = "a contig name (no whitespace, comma, quote or lone <)"
            raise self._bad("CHROM", chrom, expected, number)
        place = f"line {number}, column 1"
        if ":" in chrom and not chrom.startswith("HLA-"):
            message = f"CHROM {chrom[:60]} has a colon, by which regions are written"
            self._tally.note("odd_contig", message, place)
        if self._header.contigs and chrom.strip("<>") not in self._header.contigs:
            message = f"CHROM {chrom[:60]} is none of the contigs that the header defines"
            self._tally.note("undefined_contig", message, place)

    def _check_ids(self, ids: str, number: int) -> None:
        if ids.split() != [ids]:
            raise self._bad("ID", ids, "identifiers without whitespace, or .", number)
        if ";" in ids:
            several = ids.split(";")
            if len(set(several)) < len(several) or "" in several:
                message = f"ID {ids[:60]} has an identifier twice, or an empty one"
                self._tally.note("odd_identifiers", message, f"line {number}, column 3")

    def _quality(self, text: str, number: int) -> float | None:
        if not _QUAL.fullmatch(text):
            raise self._bad("QUAL", text, "a number, or .", number)
        value = float(text)
        if value < 0:
            message = f"QUAL is {text[:30]}, expected 0 or more"
            self._tally.note("odd_quality", message, f"line {number}, column 6")
        return None if isnan(value) else value

    def _failed(self, text: str, number: int) -> list[str]:
        found = text.split(";")
        if not all(found) or "." in found or text.split() != [text]:
            raise self._bad("FILTER", text, "PASS, filter names joined by ;, or . alone", number)
        place = f"line {number}, column 7"
        named = all(any(map(str.isalnum, name)) for name in found)
        whole_ = len(set(found)) == len(found) and ("PASS" not in found or len(found) == 1)
        if not named or not whole_ or "0" in found:
            message = f"FILTER {text[:60]} repeats a name, has 0 or no name, or PASS beside others"
            self._tally.note("odd_filter", message, place)
            return found
        unknown = [name for name in found if name not in self._header.filters and name != "PASS"]
        if unknown:
            message = f"FILTER {unknown[0][:60]} is not defined in the header"
            self._tally.note("undefined_key", message, place)
        if len(self._filters) < 10_000:
            self._filters[text] = found
        return found

    def _check_place(self, chrom: str, pos: int, alleles: int, number: int) -> None:
        last, before = self._last
        if chrom != last:
            if chrom in self._chroms:
                message = f"contig {chrom} began before and begins again"
                self._tally.note("records_unordered", message, f"line {number}, column 1")
            self._chroms.add(chrom)
        elif pos < before:
            message = f"position {pos} comes after {before}"
            self._tally.note("records_unordered", message, f"line {number}, column 2")
        if pos != before or chrom != last:
            self._here.clear()
            self._last = (chrom, pos)
        if alleles in self._here:
            message = f"{chrom}:{pos} has the same alleles as a record before; both are kept"
            self._tally.note("repeated_records", message, f"line {number}")
        self._here.add(alleles)

    def _check_size(self, info: int, alts: int, cells: Sequence[str], number: int) -> None:
        """A record may not become more than a disk holds: each row repeats INFO and FORMAT."""
        rows = max(1, alts) * max(1, len(cells) - 1)
        named = len(cells[0]) * (len(cells) - 1) if cells else 0
        if rows <= _MAX_ROWS and rows * info <= _MAX_REPEATED and named <= _MAX_FORMAT:
            return
        raise BadInput(
            "record_too_large",
            f"the record has {rows} rows (ALT alleles x samples) that each repeat {info} "
            f"characters of INFO, expected at most {_MAX_ROWS} rows and {_MAX_REPEATED} characters",
            file=self._file,
            place=f"line {number}",
            hint="split the file by samples, or remove INFO, by `bcftools view` or `annotate -x`",
        )

    def _misshapen(self, line: str, number: int) -> BadInput:
        if line.startswith("#"):
            return BadInput(
                "header_repeated",
                f"found a line of the header, {line[:30]!r}, among the records, expected a record",
                file=self._file,
                place=f"line {number}, column 1",
                hint="join files by `bcftools concat`, which keeps one header",
            )
        found, width = line.count("\t") + 1, self._header.width
        return BadInput(
            "ragged_row",
            f"the line has {counted(found, 'column')}, expected {width} as the header has",
            file=self._file,
            place=f"line {number}, column {min(found, width) + (found > width)}",
            hint="look for a lost or extra tab, and for spaces in place of tabs",
        )

    def _bad(self, column: str, found: str, expected: str, number: int) -> BadInput:
        return bad_field(column, found, expected, self._file, number)


def _block_length(cells: Sequence[str]) -> int:
    """The longest LEN of the samples, which since 4.5 says how far reference calls reach."""
    keys = cells[0].split(":") if cells else []
    if "LEN" not in keys:
        return 0
    at = keys.index("LEN")
    found = (whole(cell.split(":")[at]) for cell in cells[1:] if cell.count(":") >= at)
    return max((length for length in found if length is not None), default=0)
