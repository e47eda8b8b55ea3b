"""What VCF says of samples: genotypes of any ploidy, read depths, and the other FORMAT values.

Owns the grammar of FORMAT and of sample columns. Keep out: the columns before them.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from operator import itemgetter
from typing import Any, cast

import numpy as np

from polly_assets.ingest.formats.streams.tally import Tally
from polly_assets.ingest.formats.vcf.columns import CALL, Calls
from polly_assets.ingest.formats.vcf.fields import Field, Sized
from polly_assets.ingest.formats.vcf.header import FIXED, Header
from polly_assets.ingest.formats.wording import counted
from polly_resources.errors import BadInput

_GENOTYPE = re.compile(r"[/|]?([0-9]{1,9}|\.)([/|]([0-9]{1,9}|\.))*")
_BETWEEN = re.compile(r"[/|]")
_KEY = re.compile(r"[^\s:;=,]{1,100}")
_PLAIN_KEY = re.compile(r"[A-Za-z_][0-9A-Za-z_.]*")
_FIRST = len(FIXED) + 1
_REMEMBERED, _REMEMBERED_LENGTH = 50_000, 20
_LONGEST_COUNT = 18
_MANY = 4
"""Samples from which on reading them together is quicker."""
_ALLELES = "allele 0 is REF, 1 the first ALT; / or | is between them"

Call = tuple[str | None, int | None, int | None, int | None, str | None]
"""What a record says of an ALT allele in one sample, by `CALL`."""

Alleles = tuple[int | None, ...]

_Copies = tuple[int | None, ...]
"""Of a genotype the ploidy, then the copies of each ALT allele."""


class _Listed(dict[str, list[int | None]]):
    """Reads by the text that lists them, as `AD` does; short texts are remembered."""

    def __missing__(self, text: str) -> list[int | None]:
        found = [_reads(part) for part in text.split(",")]
        if len(text) <= _REMEMBERED_LENGTH and len(self) < _REMEMBERED:
            self[text] = found
        return found


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

    def of_size(self, alts: int, ploidy: int) -> list[Sized]:
        """The fields in records of so many ALT alleles, and samples of this ploidy."""
        found = self.sized.get((alts, ploidy))
        if found is None:
            found = self.sized[alts, ploidy] = [one.sized(alts, ploidy) for one in self.fields]
        return found


class Genotypes:
    """Reads the sample columns of one file's records."""

    def __init__(self, header: Header, file: str, tally: Tally) -> None:
        self._header, self._file, self._tally = header, file, tally
        self._fields = dict(header.formats)
        self._layouts: dict[str, _Layout] = {}
        self._remembered = 0
        self._cells: dict[tuple[tuple[str, ...], int], dict[str, tuple[Call, ...]]] = {}
        self._known: dict[str, Alleles] = {}
        self._copies: dict[int, dict[str, _Copies]] = {}
        self._listed = _Listed()
        self._prepared: dict[int, Sequence[Calls]] = {}

    def prepare(self, records: Sequence[tuple[int, Sequence[str], int]]) -> None:
        """Read the samples of some records at once, where none needs a closer look.

        Args:
            records: the line of each, its cells from FORMAT on, and how many ALT alleles it has.
        """
        alike: dict[tuple[str, int], list[tuple[int, Sequence[str]]]] = defaultdict(list)
        for number, cells, alts in records:
            colons = cells[0].count(":")
            if all(cell.count(":") == colons for cell in cells[1:]):
                alike[cells[0], alts].append((number, cells[1:]))
        self._prepared.clear()
        for (keys, alts), found in alike.items():
            texts = [text for _, several in found for text in several]
            layout = self._layouts.get(keys)
            if layout and (together := self._together(texts, layout, alts)) is not None:
                for at, (number, several) in enumerate(found):
                    own = slice(at * len(several), (at + 1) * len(several))
                    self._prepared[number] = [
                        tuple(column[own] for column in calls) for calls in together
                    ]

    def calls(self, cells: Sequence[str], alts: int, number: int) -> Sequence[Calls]:
        """What FORMAT and the columns after it say, for each ALT allele; one where none is.

        Raises BadInput.
        """
        if (prepared := self._prepared.pop(number, None)) is not None:
            return prepared
        layout = self._layouts.get(cells[0])
        if layout is None:
            layout = self._layouts[cells[0]] = self._layout(cells[0], number)
        texts, colons = cells[1:], len(layout.keys) - 1
        together, whole = None, []
        if colons and len(texts) > _MANY:
            whole = [at for at, cell in enumerate(texts) if cell.count(":") == colons]
        if _MANY <= len(whole) < len(texts):
            together = self._together([texts[at] for at in whole], layout, alts)
        if together is None:
            return self._one_by_one(texts, range(len(texts)), layout, alts, number)
        short = [at for at, cell in enumerate(texts) if cell.count(":") != colons]
        others = self._one_by_one(texts, short, layout, alts, number)
        order = np.argsort([*whole, *short]).tolist()
        return [
            tuple([both[at] for at in order] for both in map(_chained, one, other))
            for one, other in zip(together, others, strict=True)
        ]

    def _one_by_one(
        self, texts: Sequence[str], places: Sequence[int], layout: _Layout, alts: int, number: int
    ) -> Sequence[Calls]:
        """Samples at these places, each by itself; short ones are remembered."""
        if self._remembered >= _REMEMBERED:
            self._cells.clear()
            self._remembered = 0
        known = self._cells.setdefault((layout.keys, alts), {})
        if len(places) < len(texts):
            texts = [texts[at] for at in places]
        found = list(map(known.get, texts))
        if None in found:
            for index, (at, text) in enumerate(zip(places, texts, strict=True)):
                if found[index] is None:
                    found[index], clean = self._call(text, layout, alts, (number, _FIRST + at + 1))
                    if clean and len(text) <= _REMEMBERED_LENGTH:
                        known[text] = cast("tuple[Call, ...]", found[index])
                        self._remembered += 1
        if not found:
            return [((),) * len(CALL)] * max(1, alts)
        by_allele = zip(*cast("list[tuple[Call, ...]]", found), strict=True)
        return [tuple(zip(*rows, strict=True)) for rows in by_allele]

    def _together(self, texts: Sequence[str], layout: _Layout, alts: int) -> Sequence[Calls] | None:
        """Samples with all values of FORMAT, by its keys; None where one needs a closer look."""
        width, samples = len(layout.keys), len(texts)
        flat = ":".join(texts).split(":")
        columns = [flat[at::width] for at in range(width)]
        genotypes: Sequence[str | None] = [None] * samples
        ploidy, copies = 0, cast("list[list[int | None]]", [[None] * samples] * alts)
        if layout.gt >= 0:
            genotypes = columns[layout.gt]
            known = self._copies.setdefault(alts, {})
            if not known.keys() >= set(genotypes):
                return None
            called = [known[text] for text in genotypes]
            ploidies = {one[0] for one in called}
            if len(ploidies) != 1:
                return None
            ploidy = ploidies.pop() or 0
            copies = [list(map(itemgetter(at), called)) for at in range(1, alts + 1)]
        shown = []
        for column, one in zip(columns, layout.of_size(alts, ploidy), strict=True):
            if (values := one.all(column)) is None:
                return None
            shown.append(values)
        json = [f"{{{text}}}" for text in map(",".join, zip(*shown, strict=True))]
        total, *each = self._all_depths(columns, layout, alts)
        if not alts:
            return [(genotypes, [None] * samples, total, [None] * samples, json)]
        return [(genotypes, copies[at], total, each[at], json) for at in range(alts)]

    def _all_depths(
        self, columns: Sequence[Sequence[str]], layout: _Layout, alts: int
    ) -> Sequence[Sequence[int | None]]:
        """The depths of many samples, as `_depths` has those of one, by allele."""
        if layout.dp >= 0 and layout.ad >= 0:
            each = list(map(self._listed.__getitem__, columns[layout.ad]))
            if set(map(len, each)) == {alts + 1}:
                total = [_reads(text) for text in columns[layout.dp]]
                return [total, *(list(map(itemgetter(at), each)) for at in range(1, alts + 1))]
        if max(layout.dp, layout.ad, layout.ao) < 0:
            return [[None] * len(columns[0])] * (alts + 1)
        parts = zip(*columns, strict=True)
        return list(zip(*(self._depths(one, layout, alts) for one in parts), strict=True))

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
    ) -> tuple[tuple[Call, ...], bool]:
        """One sample's cell, and whether nothing is to be noticed of it."""
        parts = cell.split(":")
        if len(parts) > len(layout.keys) and cell != ".":
            found = f"{counted(len(parts), 'value')} in {cell[:60]!r}"
            hint = "values are in the order of FORMAT's keys, joined by :"
            raise self._bad(found, f"at most the {len(layout.keys)} of FORMAT", at, hint)
        genotype: str | None = None
        alleles: Alleles = ()
        if 0 <= layout.gt < len(parts):
            genotype = parts[layout.gt]
            alleles = self._alleles(genotype, alts, at)
        ploidy = 0 if genotype == "." else len(alleles)
        sized = layout.of_size(alts, ploidy)
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
        copies = tuple(alleles.count(i) if called else None for i in range(1, alts + 1))
        if genotype is not None and len(genotype) <= _REMEMBERED_LENGTH:
            self._copies.setdefault(alts, {})[genotype] = (ploidy, *copies)
        rows = [
            (genotype, times, reads[0], alt, json)
            for times, alt in zip(copies, reads[1:], strict=True)
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
        return self._listed[parts[at]]

    def _bad(self, found: str, expected: str, at: tuple[int, int], hint: str) -> BadInput:
        return BadInput(
            "bad_genotype",
            f"found {found}, expected {expected}",
            file=self._file,
            place=f"line {at[0]}, column {at[1]}",
            hint=hint,
        )


def _chained(one: Sequence[Any], other: Sequence[Any]) -> list[Any]:
    return list(chain(one, other))


def _reads(text: str) -> int | None:
    return int(text) if len(text) <= _LONGEST_COUNT and text.isdecimal() else None
