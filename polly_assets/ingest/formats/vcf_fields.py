"""The fields of VCF that headers define: their types and counts, and their values as JSON.

Owns how INFO and FORMAT values are typed. A value is kept as the file writes it: numbers
with all their digits, `.` as null, several values as a list, and text where it is not of the
declared type. Keep out: the grammar of lines (`vcf_header`, `vcf_record`).

Reserved fields: VCF 4.3 specification, tables 1 and 2 (https://samtools.github.io/hts-specs/).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import comb
from urllib.parse import unquote

from polly_resources.records import Notice

_JSON_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?")
_INTEGER = re.compile(r"[+-]?\d+")
_FLOAT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_NOT_FINITE = re.compile(r"[+-]?(nan|inf(inity)?)", re.IGNORECASE)
_REMEMBERED = 50_000

TYPES = ("Integer", "Float", "Flag", "Character", "String")
_PER_ALLELE = {"A": 0, "R": 1}


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a field: as JSON, how many it lists, and whether all are of its type."""

    json: str
    count: int
    typed: bool


class Field:
    """A key of INFO or FORMAT with its declared type and number; values are remembered."""

    def __init__(self, number: str = ".", kind: str = "", *, decoded: bool = False) -> None:
        self.number, self.kind = number, kind
        self._decoded = decoded
        self._listed = number != "1" and bool(kind)
        self._seen: dict[str, Value] = {}
        self._counts: dict[tuple[int, int], int | None] = {}

    def value(self, text: str) -> Value:
        """The value that `text` stands for."""
        found = self._seen.get(text)
        if found is None:
            if len(self._seen) >= _REMEMBERED:
                self._seen.clear()
            found = self._seen[text] = self._value(text)
        return found

    def _value(self, text: str) -> Value:
        if text == ".":
            return Value("null", 0, typed=True)
        if not self.kind:
            return Value(self._text(text), 1, typed=True)
        parts = text.split(",")
        shown = [self._one(part) for part in parts]
        typed = None not in shown
        texts = [self._text(p) if s is None else s for p, s in zip(parts, shown, strict=True)]
        several = len(parts) > 1 or self._listed
        return Value(f"[{','.join(texts)}]" if several else texts[0], len(parts), typed)

    def _one(self, text: str) -> str | None:
        """The JSON of one value; None where it is not of the type."""
        if text == ".":
            return "null"
        if self.kind in ("Integer", "Float"):
            return _number(text, _INTEGER if self.kind == "Integer" else _FLOAT)
        if self.kind == "Character" and len(unquote(text)) != 1:
            return None
        return self._text(text)

    def _text(self, text: str) -> str:
        return json.dumps(unquote(text) if self._decoded else text, ensure_ascii=False)

    def doubt(self, value: Value, alts: int, ploidy: int = 0) -> Notice | None:
        """What is to be noticed where a value is not as declared; None where it is."""
        if not value.typed:
            message = f"has a value that is not {self.kind}; kept as text"
            return Notice("value_of_other_type", message)
        if not value.count:
            return None
        size = (alts, ploidy)
        if size not in self._counts:
            self._counts[size] = self._expected(alts, ploidy)
        expected = self._counts[size]
        if expected is not None and value.count != expected:
            message = f"has {value.count} values, expected {expected}; all are kept"
            return Notice("value_count_mismatch", message)
        return None

    def _expected(self, alts: int, ploidy: int) -> int | None:
        """How many values a record of so many ALT alleles must have; None = any number."""
        if self.kind == "Flag":
            return None
        if self.number.isdigit():
            return int(self.number)
        if not alts:
            return None
        if self.number in _PER_ALLELE:
            return alts + _PER_ALLELE[self.number]
        return comb(alts + ploidy, ploidy) if self.number == "G" and ploidy else None


def _number(text: str, pattern: re.Pattern[str]) -> str | None:
    if not pattern.fullmatch(text):
        if pattern is _FLOAT and _NOT_FINITE.fullmatch(text):
            return json.dumps(text)
        return None
    if _JSON_NUMBER.fullmatch(text):
        return text
    return str(int(text)) if pattern is _INTEGER and len(text) < 20 else repr(float(text))


def _table(rows: str) -> Mapping[str, tuple[str, str]]:
    names = {"I": "Integer", "F": "Float", "S": "String", "0": "Flag"}
    found = {}
    for row in rows.split():
        key, number, kind = row.split(":")
        found[key] = (number, names[kind])
    return found


RESERVED_INFO = _table(
    "AA:1:S AC:A:I AD:R:I ADF:R:I ADR:R:I AF:A:F AN:1:I BQ:1:F CIGAR:A:S DB:0:0 DP:1:I END:1:I "
    "H2:0:0 H3:0:0 MQ:1:F MQ0:1:I NS:1:I SOMATIC:0:0 VALIDATED:0:0 1000G:0:0 IMPRECISE:0:0 "
    "SVTYPE:1:S CIPOS:2:I CIEND:2:I"
)
"""Number and type of INFO keys that a header need not define."""

RESERVED_FORMAT = _table(
    "AD:R:I ADF:R:I ADR:R:I DP:1:I EC:A:I FT:1:S GL:G:F GP:G:F GQ:1:F GT:1:S HQ:2:I MQ:1:F "
    "PL:G:I PQ:1:F PS:1:I"
)
"""Number and type of FORMAT keys that a header need not define."""
