"""The records of VCF 4: one line becomes a row for each ALT allele and sample.

Owns the grammar of a record and which faults refuse it. What makes a fixed column or a
genotype unreadable is an error. What leaves the record readable is kept as it stands and
noticed: order, repeated records, and INFO or FORMAT values of another count or type.
Keep out: the header, and what annotators write into INFO (`vcf_effects`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from polly_assets.ingest.formats.tally import Tally
from polly_assets.ingest.formats.vcf_effects import Effects
from polly_assets.ingest.formats.vcf_fields import Field, Value
from polly_assets.ingest.formats.vcf_genotype import Genotypes, alt_depth, depth
from polly_assets.ingest.formats.vcf_header import FIXED, Header
from polly_resources.errors import BadInput

_CHROM = re.compile(r"<[^<>,\s]+>|[0-9A-Za-z!#$%&+./:;?@^_|~-][0-9A-Za-z!#$%&*+./:;=?@^_|~-]*")
_BASES = re.compile(r"[ACGTNacgtn]+")
_AMBIGUOUS = re.compile(r"[ACGTNRYSWKMBDHVacgtnryswkmbdhv]+")
_PLACE = r"(?:[^\s\[\],<>]+|<[^\s\[\],<>]+>):\d+"
_ALT = re.compile(
    rf"\*|<[^<>,\s]+>|\.[ACGTNacgtn]+|[ACGTNacgtn]+\.|"
    rf"[ACGTNacgtn.]+(?:\[{_PLACE}\[|\]{_PLACE}\])|(?:\[{_PLACE}\[|\]{_PLACE}\])[ACGTNacgtn.]+|"
    rf"[ACGTNacgtn]*(?:\[<[^\s\[\],<>]+>\[|\]<[^\s\[\],<>]+>\])[ACGTNacgtn]*"
)
_QUAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(inf(inity)?|nan)", re.IGNORECASE)
_INFO_KEY = re.compile(r"[A-Za-z_][0-9A-Za-z_.]*|1000G")
_WITH_LENGTH = ("<DEL", "<DUP", "<INV", "<CNV")
_MAX_DIGITS = 18


class Records:
    """Turns the lines of one file into rows of `variants.FIELDS`."""

    def __init__(self, header: Header, file: str, tally: Tally) -> None:
        self._header, self._file, self._tally = header, file, tally
        self._info = dict(header.info)
        self._genotypes = Genotypes(header, file, tally)
        self._effects = Effects(header)
        self._count = 0
        self._last = ("", 0)
        self._chroms: set[str] = set()
        self._here: set[tuple[str, str]] = set()

    def rows(self, line: str, number: int) -> Iterator[Sequence[Any]]:
        """The rows of one record. Raises BadInput."""
        cells = line.split("\t")
        if len(cells) != self._header.width or line.startswith("#"):
            raise self._misshapen(cells, number)
        chrom, pos_text, ids, ref, alt_text, qual, filters, info_text = cells[:8]
        if not _CHROM.fullmatch(chrom):
            raise self._bad(
                0, chrom, "a contig name (no whitespace, comma, quote or lone <)", number
            )
        if not (pos_text.isascii() and pos_text.isdigit() and len(pos_text) <= _MAX_DIGITS):
            raise self._bad(1, pos_text, "a whole number, 0 or more", number)
        pos = int(pos_text)
        self._check_bases(ref, number)
        alts = self._alts(alt_text, ref, number)
        if not ids or any(c.isspace() for c in ids):
            raise self._bad(2, ids, "identifiers without whitespace, or .", number)
        if qual != "." and not _QUAL.fullmatch(qual):
            raise self._bad(5, qual, "a number, or .", number)
        failed = self._filters(filters, number)
        info = self._infos(info_text, len(alts), number)
        self._check_place(chrom, pos, ref, alt_text, number)
        quality = None if qual in (".", "nan", "NaN") else float(qual)
        shared = (None if ids == "." else ids, chrom, pos)
        info_json = _object(info)
        calls = self._genotypes.calls(cells[8:], len(alts), number)
        record, self._count = self._count, self._count + 1
        for index in range(1, len(alts) + 1) if alts else (0,):
            alt = alts[index - 1] if alts else None
            end = self._end(info, pos, ref, alt, number)
            effect = self._effects.of(info, ref, alt, index)
            for sample, call in zip(self._header.samples or (None,), calls, strict=True):
                yield (
                    sample, record, index, *shared, end, ref, alt, *effect,
                    call.text, call.copies(index),
                    depth(call.values if sample is not None else info, len(alts)),
                    alt_depth(call.values, index, len(alts)) if index else None,
                    quality, failed, info_json, call.json,
                )  # fmt: skip

    def _check_bases(self, ref: str, number: int) -> None:
        if _BASES.fullmatch(ref):
            return
        if not _AMBIGUOUS.fullmatch(ref):
            raise self._bad(3, ref, "one allele of the bases A, C, G, T, N", number)
        self._ambiguous("REF", ref, number)

    def _alts(self, text: str, ref: str, number: int) -> list[str]:
        if text == ".":
            return []
        if _BASES.fullmatch(text):
            alts = [text]
        else:
            alts = text.split(",")
            for alt in alts:
                if _BASES.fullmatch(alt) or _ALT.fullmatch(alt):
                    continue
                if not _AMBIGUOUS.fullmatch(alt):
                    raise self._bad(4, alt, "bases, *, <ID>, a breakend, or . alone", number)
                self._ambiguous("ALT", alt, number)
        if len(set(alts)) < len(alts) or ref in alts:
            message = f"ALT {text[:60]} names an allele twice, or REF {ref[:60]} again"
            self._tally.note("repeated_allele", message, f"line {number}, column 5")
        return alts

    def _ambiguous(self, column: str, allele: str, number: int) -> None:
        message = f"{column} {allele[:60]} has codes for several bases; kept as it is"
        place = f"line {number}, column {FIXED.index(column) + 1}"
        self._tally.note("ambiguous_bases", message, place)

    def _filters(self, text: str, number: int) -> list[str] | None:
        if text == ".":
            return None
        found = text.split(";")
        if not all(found) or "." in found or any(c.isspace() for c in text):
            raise self._bad(6, text, "PASS, filter names joined by ;, or . alone", number)
        if len(set(found)) < len(found) or "0" in found or ("PASS" in found and len(found) > 1):
            message = f"FILTER {text[:60]} repeats a name, has 0, or PASS beside others"
            self._tally.note("odd_filter", message, f"line {number}, column 7")
        return found

    def _infos(self, text: str, alts: int, number: int) -> dict[str, Value]:
        found: dict[str, Value] = {}
        if text == ".":
            return found
        place = f"line {number}, column 8"
        for part in text.removesuffix(";").split(";"):
            key, equals, value = part.partition("=")
            field = self._info.get(key)
            if field is None:
                field = self._new_info(key, part, number)
            if key in found:
                message = f"INFO {key} is given twice; its values were joined"
                self._tally.note("repeated_info", message, place)
                found[key] = _joined(found[key], field.value(value))
                continue
            found[key] = shown = field.value(value) if equals else Value("true", 0, typed=True)
            if doubt := field.doubt(shown, alts):
                self._tally.note(doubt.code, f"INFO {key} {doubt.message}", place)
        return found

    def _new_info(self, key: str, part: str, number: int) -> Field:
        if not key or any(c.isspace() for c in key):
            raise self._bad(7, part, "key=value or a flag, joined by ;, or . alone", number)
        if self._header.version >= (4, 3) and not _INFO_KEY.fullmatch(key):
            message = f"INFO {key[:60]} is not named as the specification wants it"
            self._tally.note("odd_info_key", message, f"line {number}, column 8")
        return self._info.setdefault(key, Field(decoded=self._header.version >= (4, 3)))

    def _check_place(self, chrom: str, pos: int, ref: str, alt: str, number: int) -> None:
        last, before = self._last
        if chrom != last or pos < before:
            if pos < before and chrom == last:
                message = f"position {pos} comes after {before}"
                self._tally.note("records_unordered", message, f"line {number}, column 2")
            elif chrom != last and chrom in self._chroms:
                message = f"contig {chrom} began before and begins again"
                self._tally.note("records_unordered", message, f"line {number}, column 1")
            self._chroms.add(chrom)
        if (chrom, pos) != self._last:
            self._here.clear()
            self._last = (chrom, pos)
        if (ref, alt) in self._here:
            message = f"{chrom}:{pos} {ref[:30]} {alt[:30]} is there before; both are kept"
            self._tally.note("repeated_records", message, f"line {number}")
        self._here.add((ref, alt))

    def _end(
        self, info: Mapping[str, Value], pos: int, ref: str, alt: str | None, number: int
    ) -> int:
        plain = pos + len(ref) - 1
        end = _whole(info, "END")
        if end is not None and end < pos:
            message = f"END {end} is before POS {pos}; not taken as the end"
            self._tally.note("end_before_position", message, f"line {number}, column 8")
        elif end is not None:
            return end
        length = _whole(info, "SVLEN")
        if length is not None and alt and alt.startswith(_WITH_LENGTH):
            return pos + abs(length)
        return plain

    def _misshapen(self, cells: Sequence[str], number: int) -> BadInput:
        again = cells[0].startswith("#")
        width = self._header.width
        return BadInput(
            "header_repeated" if again else "ragged_row",
            f"found a line of the header, {cells[0][:30]!r}, among the records, expected a record"
            if again
            else f"the line has {len(cells)} columns, expected {width}",
            file=self._file,
            place=f"line {number}, column {1 if again else min(len(cells), width)}",
            hint="join files by `bcftools concat`, and separate columns by tabs",
        )

    def _bad(self, column: int, found: str, expected: str, number: int) -> BadInput:
        name = FIXED[column].removeprefix("#")
        return BadInput(
            "bad_field",
            f"{name} is {found[:60]!r}, expected {expected}",
            file=self._file,
            place=f"line {number}, column {column + 1}",
            hint="see the specification of VCF, section 1.6.1",
        )


def _object(values: Mapping[str, Value]) -> str:
    return "{" + ",".join(f"{_key(key)}:{value.json}" for key, value in values.items()) + "}"


def _key(key: str) -> str:
    return f'"{key}"' if key.isidentifier() else json.dumps(key, ensure_ascii=False)


def _joined(one: Value, other: Value) -> Value:
    parts = [v.json[1:-1] if v.json.startswith("[") else v.json for v in (one, other)]
    return Value(f"[{','.join(parts)}]", one.count + other.count, one.typed and other.typed)


def _whole(info: Mapping[str, Value], key: str) -> int | None:
    """The first value of a key, where it is a whole number."""
    value = info.get(key)
    text = value.json.strip("[]").partition(",")[0].strip('"') if value else ""
    return int(text) if re.fullmatch(r"-?\d{1,18}", text) else None
