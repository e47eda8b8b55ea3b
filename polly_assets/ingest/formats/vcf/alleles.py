"""The alleles of a VCF record: bases, `*`, symbolic ones such as <DEL>, and breakends.

Owns the grammar of REF and ALT, and what is odd about alleles that can be read.
Keep out: which sample has which allele (`genotype`).
"""

from __future__ import annotations

import re

from polly_assets.ingest.formats.streams.tally import Tally
from polly_assets.ingest.formats.vcf.faults import bad_field
from polly_assets.ingest.formats.vcf.header import FIXED, Header

_BASES = re.compile(r"[ACGTNacgtn]+")
_AMBIGUOUS = re.compile(r"[ACGTNRYSWKMBDHVacgtnryswkmbdhv]+")
_PLACE = r"(?:[^\s\[\],<>]+|<[^\s\[\],<>]+>):[0-9]+"
_ALT = re.compile(
    rf"\*|<[^<>,\s]+>|\.[ACGTNacgtn]+|[ACGTNacgtn]+\.|"
    rf"[ACGTNacgtn.]+(?:\[{_PLACE}\[|\]{_PLACE}\])|(?:\[{_PLACE}\[|\]{_PLACE}\])[ACGTNacgtn.]+|"
    rf"[ACGTNacgtn]*(?:\[<[^\s\[\],<>]+>\[|\]<[^\s\[\],<>]+>\])[ACGTNacgtn]*"
)
_KINDS = re.compile(r"(DEL|INS|DUP|INV|CNV)(:.*)?|CN[0-9]+|\*|NON_REF")


class Alleles:
    """Reads REF and ALT of one file's records."""

    def __init__(self, header: Header, file: str, tally: Tally) -> None:
        self._header, self._file, self._tally = header, file, tally

    def read(self, ref: str, text: str, number: int) -> list[str]:
        """The ALT alleles, none for `.`. Raises BadInput `bad_field`."""
        if not _BASES.fullmatch(ref):
            if not _AMBIGUOUS.fullmatch(ref):
                expected = "one allele of the bases A, C, G, T, N"
                raise bad_field("REF", ref, expected, self._file, number)
            self._ambiguous("REF", ref, number)
        if text == ".":
            return []
        if _BASES.fullmatch(text):
            alts = [text]
        else:
            alts = text.split(",")
            for alt in alts:
                self._check(alt, number)
        if ref in alts or len(set(alts)) < len(alts):
            message = f"ALT {text[:60]} names an allele twice, or REF {ref[:60]} again"
            self._tally.note("repeated_allele", message, f"line {number}, column 5")
        return alts

    def _check(self, alt: str, number: int) -> None:
        if _BASES.fullmatch(alt):
            return
        if _ALT.fullmatch(alt):
            name = alt[1:-1] if alt.startswith("<") else "*"
            if not _KINDS.fullmatch(name) and name not in self._header.alts:
                message = f"ALT {alt[:60]} is neither defined in the header nor a usual kind"
                self._tally.note("undefined_allele", message, f"line {number}, column 5")
            return
        if not _AMBIGUOUS.fullmatch(alt):
            expected = "bases, *, <ID>, a breakend, or . alone"
            raise bad_field("ALT", alt, expected, self._file, number)
        self._ambiguous("ALT", alt, number)

    def _ambiguous(self, column: str, allele: str, number: int) -> None:
        message = f"{column} {allele[:60]} has codes for several bases; kept as it is"
        place = f"line {number}, column {FIXED.index(column) + 1}"
        self._tally.note("ambiguous_bases", message, place)
