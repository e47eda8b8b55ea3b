"""What VCF says of samples: genotypes of any ploidy, read depths, and the other FORMAT values.

Owns the grammar of FORMAT and of sample columns. Keep out: the columns before them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from polly_assets.ingest.formats.streams.tally import Tally
from polly_assets.ingest.formats.vcf.columns import Call
from polly_assets.ingest.formats.vcf.fields import Field, Sized
from polly_assets.ingest.formats.vcf.header import FIXED, Header
from polly_resources.errors import BadInput

_GENOTYPE = re.compile(r"[/|]?([0-9]{1,9}|\.)([/|]([0-9]{1,9}|\.))*")
_BETWEEN = re.compile(r"[/|]")
_KEY = re.compile(r"[^\s:;=,]{1,100}")
_PLAIN_KEY = re.compile(r"[A-Za-z_][0-9A-Za-z_.]*")
_FIRST = len(FIXED) + 1
_REMEMBERED, _REMEMBERED_LENGTH = 50_000, 20
_LONGEST_COUNT = 18
_ALLELES = "allele 0 is REF, 1 the first ALT; / or | is between them"

Calls = tuple[Call, ...]
"""What a record says of one sample, for each ALT allele; one where it has none."""

Alleles = tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class _Layout:
    """The keys of a FORMAT with the places of those that rows have; -1 for one not there."""

    keys: tuple[str, ...]
    fields: tuple[Field, ...]
    gt: int
    dp: int
    ad: int
    rd: int
    ao: int
    sized: dict[tuple[int, int], list[Sized]] = field(default_factory=dict)


class Genotypes:
    """Reads the sample columns of one file's records."""

    def __init__(self, header: Header, file: str, tally: Tally) -> None:
        self._header, self._file, self._tally = header, file, tally
        self._fields = dict(header.formats)
        self._layouts: dict[str, _Layout] = {}
        self._remembered = 0
        self._cells: dict[tuple[str, int], dict[str, Calls]] = {}
        self._known: dict[str, Alleles] = {}
        self._listed: dict[str, list[int | None]] = {}

    def calls(self, cells: Sequence[str], alts: int, number: int) -> Sequence[Calls]:
        """What FORMAT and the columns after it say of each sample. Raises BadInput."""
        layout = self._layouts.get(cells[0])
        if layout is None:
            layout = self._layouts[cells[0]] = self._layout(cells[0], number)
        if self._remembered >= _REMEMBERED:
            self._cells.clear()
            self._remembered = 0
        known = self._cells.setdefault((cells[0], alts), {})
        found: list[Calls] = []
        for column, cell in enumerate(cells[1:], _FIRST + 1):
            call = known.get(cell)
            if call is None:
                call, clean = self._call(cell, layout, alts, (number, column))
                if clean and len(cell) <= _REMEMBERED_LENGTH:
                    known[cell] = call
                    self._remembered += 1
            found.append(call)
        return found

    def _layout(self, text: str, number: int) -> _Layout:
        place = f"line {number}, column {_FIRST}"
        keys = () if text == "." else tuple(text.split(":"))
        if not all(map(_KEY.fullmatch, keys)) or len(set(keys)) < len(keys):
            raise BadInput(
                "bad_field",
                f"FORMAT is {text[:60]!r}, expected keys joined by :, each once and none empty",
                file=self._file,
                place=place,
                hint="such as GT:AD:DP",
            )
        if "GT" in keys[1:]:
            self._tally.note("genotype_not_first", f"FORMAT {text[:60]}: GT is not first", place)
        fields = tuple(self._field(key, place) for key in keys)
        gt, dp, ad, rd, ao = (
            keys.index(key) if key in keys else -1 for key in ("GT", "DP", "AD", "RD", "AO")
        )
        return _Layout(keys, fields, gt, dp, ad, rd, ao)

    def _field(self, key: str, place: str) -> Field:
        found = self._fields.get(key)
        if found is None:
            if not _PLAIN_KEY.fullmatch(key):
                message = f"FORMAT {key} is not named as the specification wants it"
                self._tally.note("odd_format_key", message, place)
            message = f"FORMAT {key} is not defined in the header: its values are text"
            self._tally.note("undefined_key", message, place)
            found = self._fields[key] = Field(key, decoded=self._header.decoded)
        return found

    def _call(
        self, cell: str, layout: _Layout, alts: int, at: tuple[int, int]
    ) -> tuple[Calls, bool]:
        """One sample's cell, and whether nothing is to be noticed of it."""
        parts = cell.split(":")
        if len(parts) > len(layout.keys) and cell != ".":
            found = f"{len(parts)} values in {cell[:60]!r}"
            hint = "values are in the order of FORMAT's keys, joined by :"
            raise self._bad(found, f"at most the {len(layout.keys)} of FORMAT", at, hint)
        genotype: str | None = None
        alleles: Alleles = ()
        if 0 <= layout.gt < len(parts):
            genotype = parts[layout.gt]
            alleles = self._alleles(genotype, alts, at)
        ploidy = 0 if genotype == "." else len(alleles)
        size = (alts, ploidy)
        sized = layout.sized.get(size)
        if sized is None:
            sized = layout.sized[size] = [one.sized(*size) for one in layout.fields]
        texts: list[str] = []
        clean = True
        for part, one in zip(parts, sized, strict=False):
            shown = one.known.get(part)
            if shown is None:
                shown, doubt = one.look(part)
                if doubt is not None:
                    clean = False
                    place = f"line {at[0]}, column {at[1]}"
                    self._tally.note(doubt.code, f"FORMAT {doubt.message}", place)
            texts.append(shown)
        json = f"{{{','.join(texts)}}}"
        reads = self._depths(parts, layout, alts)
        if not alts:
            return ((genotype, None, reads[0], None, json),), clean
        called = any(allele is not None for allele in alleles)
        rows = [
            (genotype, alleles.count(i) if called else None, reads[0], reads[i], json)
            for i in range(1, alts + 1)
        ]
        return tuple(rows), clean

    def _alleles(self, text: str, alts: int, at: tuple[int, int]) -> Alleles:
        alleles = self._known.get(text)
        if alleles is None:
            if not _GENOTYPE.fullmatch(text):
                expected = "allele numbers such as 0/1, or ./. where it is not known"
                raise self._bad(f"genotype {text[:60]!r}", expected, at, _ALLELES)
            parts = _BETWEEN.split(text.lstrip("/|"))
            alleles = tuple(None if part == "." else int(part) for part in parts)
            if len(text) <= _REMEMBERED_LENGTH and len(self._known) < _REMEMBERED:
                self._known[text] = alleles
        for one in alleles:
            if one is not None and one > alts:
                raise self._bad(f"genotype {text[:60]!r}", f"alleles 0 to {alts}", at, _ALLELES)
        return alleles

    def _depths(self, parts: Sequence[str], layout: _Layout, alts: int) -> list[int | None]:
        """Reads at the place: DP, else the sum of AD; then those with each ALT allele.

        An ALT's reads are its part of AD (of REF and ALTs, or of ALTs beside RD), or AO.
        """
        each = self._counts(parts, layout.ad)
        if layout.dp >= 0:
            total = _reads(parts[layout.dp]) if layout.dp < len(parts) else None
        else:
            known = [one for one in each if one is not None]
            total = sum(known) if len(known) == alts + 1 else None
        if len(each) == alts + 1:
            return [total, *each[1:]]
        if len(each) == alts and layout.rd >= 0:
            return [total, *each]
        observed = self._counts(parts, layout.ao)
        return [total, *(observed if len(observed) == alts else [None] * alts)]

    def _counts(self, parts: Sequence[str], at: int) -> list[int | None]:
        if not 0 <= at < len(parts):
            return []
        text = parts[at]
        found = self._listed.get(text)
        if found is None:
            found = [_reads(part) for part in text.split(",")]
            if len(text) <= _REMEMBERED_LENGTH and len(self._listed) < _REMEMBERED:
                self._listed[text] = found
        return found

    def _bad(self, found: str, expected: str, at: tuple[int, int], hint: str) -> BadInput:
        return BadInput(
            "bad_genotype",
            f"found {found}, expected {expected}",
            file=self._file,
            place=f"line {at[0]}, column {at[1]}",
            hint=hint,
        )


def _reads(text: str) -> int | None:
    return int(text) if len(text) <= _LONGEST_COUNT and text.isdecimal() else None
