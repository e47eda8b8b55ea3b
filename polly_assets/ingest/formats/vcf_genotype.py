"""What VCF says of samples: genotypes of any ploidy, read depths, and the other FORMAT values.

Owns the grammar of FORMAT and of sample columns. Keep out: the columns before them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from polly_assets.ingest.formats.tally import Tally
from polly_assets.ingest.formats.vcf_fields import Field, Value
from polly_assets.ingest.formats.vcf_header import FIXED, Header
from polly_resources.errors import BadInput

_GENOTYPE = re.compile(r"[/|]?(\d{1,9}|\.)([/|](\d{1,9}|\.))*")
_KEY = re.compile(r"[^\s:;=,]+")
_WHOLE = re.compile(r"\d{1,18}")
_FIRST = len(FIXED) + 1


@dataclass(frozen=True, slots=True)
class Call:
    """What a record says of one sample."""

    text: str | None = None
    alleles: tuple[int | None, ...] = ()
    values: Mapping[str, Value] = field(default_factory=dict)
    json: str | None = None

    def copies(self, allele: int) -> int | None:
        """How often the genotype has the allele; None where it calls nothing."""
        if not allele or all(one is None for one in self.alleles):
            return None
        return self.alleles.count(allele)


_NOTHING = Call()


class Genotypes:
    """Reads the sample columns of one file's records."""

    def __init__(self, header: Header, file: str, tally: Tally) -> None:
        self._header, self._file, self._tally = header, file, tally
        self._fields = dict(header.formats)
        self._layouts: dict[str, list[tuple[str, str, Field]]] = {}
        self._known: dict[str, tuple[int | None, ...]] = {}

    def calls(self, cells: Sequence[str], alts: int, number: int) -> Sequence[Call]:
        """A call for each sample; one that says nothing where the file has no samples."""
        if not self._header.samples:
            return (_NOTHING,)
        layout = self._layouts.get(cells[0])
        if layout is None:
            layout = self._layouts[cells[0]] = self._layout(cells[0], number)
        return [
            self._call(cell, layout, alts, f"line {number}, column {column}")
            for column, cell in enumerate(cells[1:], _FIRST + 1)
        ]

    def _layout(self, text: str, number: int) -> list[tuple[str, str, Field]]:
        place = f"line {number}, column {_FIRST}"
        if text == ".":
            return []
        keys = text.split(":")
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
        decoded = self._header.version >= (4, 3)
        return [
            (key, f"{json.dumps(key)}:", self._fields.setdefault(key, Field(decoded=decoded)))
            for key in keys
        ]

    def _call(
        self, cell: str, layout: Sequence[tuple[str, str, Field]], alts: int, place: str
    ) -> Call:
        parts = cell.split(":")
        if len(parts) > len(layout) and cell != ".":
            found = f"{len(parts)} values in {cell[:60]!r}"
            raise self._bad(found, f"at most the {len(layout)} of FORMAT", place)
        values: dict[str, Value] = {}
        texts: list[str] = []
        genotype: str | None = None
        alleles: tuple[int | None, ...] = ()
        for part, (key, quoted, described) in zip(parts, layout, strict=False):
            if key == "GT":
                genotype, alleles = part, self._alleles(part, alts, place)
            values[key] = value = described.value(part)
            texts.append(quoted + value.json)
            if doubt := described.doubt(value, alts, len(alleles)):
                self._tally.note(doubt.code, f"FORMAT {key} {doubt.message}", place)
        return Call(genotype, alleles, values, "{" + ",".join(texts) + "}")

    def _alleles(self, text: str, alts: int, place: str) -> tuple[int | None, ...]:
        alleles = self._known.get(text)
        if alleles is None:
            if not _GENOTYPE.fullmatch(text):
                raise self._bad(f"genotype {text[:60]!r}", "allele numbers such as 0/1 or .", place)
            parts = re.split(r"[/|]", text.lstrip("/|"))
            alleles = tuple(None if part == "." else int(part) for part in parts)
            self._known[text] = alleles
        if any(one is not None and one > alts for one in alleles):
            raise self._bad(f"genotype {text[:60]!r}", f"alleles 0 to {alts}", place)
        return alleles

    def _bad(self, found: str, expected: str, place: str) -> BadInput:
        return BadInput(
            "bad_genotype",
            f"found {found}, expected {expected}",
            file=self._file,
            place=place,
            hint="allele 0 is REF, 1 the first ALT; see the specification of VCF, section 1.6.2",
        )


def depth(values: Mapping[str, Value], alts: int) -> int | None:
    """Reads at a place: DP, else the sum of the depths of REF and all ALTs."""
    if "DP" in values:
        return _whole(values["DP"].json)
    each = [one for one in _wholes(values.get("AD")) if one is not None]
    return sum(each) if len(each) == alts + 1 else None


def alt_depth(values: Mapping[str, Value], allele: int, alts: int) -> int | None:
    """Reads with an ALT allele: its part of AD (of REF and ALTs, or of ALTs beside RD), or AO."""
    each = _wholes(values.get("AD"))
    if len(each) == alts + 1:
        return each[allele]
    if len(each) == alts and "RD" in values:
        return each[allele - 1]
    observed = _wholes(values.get("AO"))
    return observed[allele - 1] if len(observed) == alts else None


def _wholes(value: Value | None) -> list[int | None]:
    return [_whole(part) for part in value.json.strip('"[]').split(",")] if value else []


def _whole(text: str) -> int | None:
    found = text.strip('"[]')
    return int(found) if _WHOLE.fullmatch(found) else None
