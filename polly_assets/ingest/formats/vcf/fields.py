"""The fields of VCF that headers define: their types and counts, and their values as JSON.

Owns how INFO and FORMAT values are typed, and what is to be said of those that are not as
declared. A value is kept as the file writes it: numbers with all their digits, `.` as null,
several values as a list, and text where it is not of the declared type. Keep out: the grammar
of lines (`header`, `record`), and the keys of the specification (`reserved`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from math import comb, isfinite
from typing import cast

from polly_assets.ingest.formats.vcf.reserved import bounds_of, shape_of
from polly_assets.ingest.formats.wording import counted
from polly_resources.records import Notice

_JSON_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_JSON_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)")
_INTEGER = re.compile(r"[+-]?[0-9]+")
_FLOAT = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[+-]?(nan|inf(inity)?)", re.IGNORECASE)
_SPACE = re.compile(r"\s")
_ENCODED = re.compile(r"%(3[ABDabd]|2[5Cc]|0[9ADad])")
_SHARE = r"(?:0(?:\.[0-9]{1,20})?|1(?:\.0{1,20})?|[0-9](?:\.[0-9]{1,20})?[eE]-0?[1-9][0-9]?)"
"""From 0 to 1, as such numbers are written."""

_LONGEST_NUMBER = 64
_REMEMBERED, _REMEMBERED_LENGTH = 50_000, 64
_LARGEST = 40

TYPES = ("Integer", "Float", "Flag", "Character", "String")
_PER_ALLELE = {"A": 0, "R": 1}
_NUMBERS = ("Integer", "Float")

quoted = json.JSONEncoder(ensure_ascii=False).encode
"""A text as JSON."""


def decode(text: str) -> str:
    """`text` without the percent encoding of the characters that VCF reserves."""
    return _ENCODED.sub(lambda found: chr(int(found[1], 16)), text) if "%" in text else text


class Field:
    """A key of INFO or FORMAT with its declared type and number."""

    def __init__(
        self, key: str, number: str = ".", kind: str = "", *, decoded: bool = False
    ) -> None:
        self.key, self.number, self.kind = key, number, kind
        self.decoded = decoded
        self.listed = number != "1" and bool(kind)
        self.bounds, self._shape = bounds_of(key), shape_of(key)
        self.shaped = self._shape is not None
        self._sized: dict[tuple[int, int], Sized] = {}

    def sized(self, alts: int, ploidy: int = 0) -> Sized:
        """The field in records of so many ALT alleles; the ploidy matters to Number=G alone."""
        size = (alts, ploidy if self.number == "G" else 0)
        found = self._sized.get(size)
        if found is None:
            found = self._sized[size] = Sized(self, self._expected(*size))
        return found

    def value(self, text: str | None, expected: int | None) -> tuple[str, Notice | None]:
        """A value as JSON, and what is to be noticed of it; None where the key stands alone."""
        if text is None:
            lone = self.kind in ("", "Flag")
            return "true", None if lone else self._odd("value_of_other_type", "has no value")
        if text == ".":
            return "null", None
        parts = text.split(",") if self.kind else [text]
        shown = [self._one(part) for part in parts]
        texts = [self._text(p) if s is None else s for p, s in zip(parts, shown, strict=True)]
        several = len(parts) > 1 or self.listed
        listed = f"[{','.join(texts)}]" if several else texts[0]
        return listed, self._doubt(text, parts, shown, expected)

    def _one(self, text: str) -> str | None:
        """The JSON of one value; None where it is not of the type."""
        if text == ".":
            return "null"
        if self.kind in _NUMBERS:
            return _number(text, integer=self.kind == "Integer")
        if self.kind == "Character" and len(decode(text)) != 1:
            return None
        return self._text(text)

    def _text(self, text: str) -> str:
        return quoted(decode(text) if self.decoded else text)

    def _doubt(
        self, text: str, parts: Sequence[str], shown: Sequence[str | None], expected: int | None
    ) -> Notice | None:
        """What is to be noticed where a value is not as declared; None where it is."""
        if None in shown:
            wrong = parts[shown.index(None)]
            what = f"has the value {wrong[:30]!r}, expected {self.kind}; kept as text"
            return self._odd("value_of_other_type", what)
        if self.kind == "Flag":
            return self._odd("value_of_other_type", f"is a flag and has the value {text[:30]!r}")
        if "" in parts:
            return self._odd("value_of_other_type", "has an empty value, expected . or a value")
        if expected is not None and len(parts) != expected:
            what = f"has {counted(len(parts), 'value')}, expected {expected}; all are kept"
            return self._odd("value_count_mismatch", what)
        if _SPACE.search(text):
            return self._odd("odd_value", "has a space, which many readers refuse")
        return self._outside(parts)

    def _outside(self, parts: Sequence[str]) -> Notice | None:
        """A value of a key of the specification that it excludes."""
        if self._shape is not None and not all(map(self._shape.fullmatch, parts)):
            return self._odd("odd_value", f"is {','.join(parts)[:60]!r}, which it cannot be")
        if self.bounds is None or self.kind not in _NUMBERS:
            return None
        low, high = self.bounds
        for part in parts:
            if part != "." and not low <= float(part) <= high:
                top = f" to {high:g}" if isfinite(high) else " or more"
                return self._odd("odd_value", f"is {part[:30]}, expected {low:g}{top}")
        return None

    def _odd(self, code: str, what: str) -> Notice:
        return Notice(code, f"{self.key[:60]} {what}")

    def _expected(self, alts: int, ploidy: int) -> int | None:
        """How many values a record of so many ALT alleles must have; None = any number."""
        if self.number.isdigit():
            return int(self.number)
        if not alts:
            return None
        if self.number in _PER_ALLELE:
            return alts + _PER_ALLELE[self.number]
        if self.number != "G" or not ploidy or min(alts, ploidy) > _LARGEST:
            return None
        return comb(alts + ploidy, ploidy)


def _number(text: str, *, integer: bool) -> str | None:
    if len(text) > _LONGEST_NUMBER:
        return None
    if (_JSON_INTEGER if integer else _JSON_NUMBER).fullmatch(text):
        return text
    if integer:
        return str(int(text)) if _INTEGER.fullmatch(text) else None
    if _FLOAT.fullmatch(text):
        value = float(text)
        return repr(value) if isfinite(value) else quoted(text)
    return quoted(text) if _NOT_FINITE.fullmatch(text) else None


class Sized:
    """A field in records of one size: values that are as declared are quick, and remembered.

    `known` has them as `"KEY":value`, by their text.
    """

    __slots__ = (
        "_alone",
        "_around",
        "_between",
        "_expected",
        "_field",
        "_plain",
        "known",
        "prefix",
    )

    def __init__(self, field: Field, expected: int | None) -> None:
        self._field, self._expected = field, expected
        self.prefix = quoted(field.key) + ":"
        self.known: dict[str, str] = {}
        quote = "" if field.kind in _NUMBERS else '"'
        self._between = f"{quote},{quote}" if field.kind else ","
        opened, closed = ("[", "]") if field.listed else ("", "")
        self._around = (self.prefix + opened + quote, quote + closed)
        self._plain = _plain(field, expected)
        alone, doubt = field.value(None, expected)
        self._alone = (self.prefix + alone, doubt)

    def all(self, texts: Sequence[str]) -> list[str] | None:
        """`"KEY":value` of each; None where something is to be noticed of one."""
        shown = list(map(self.known.get, texts))
        for at in [at for at, one in enumerate(shown) if one is None]:
            shown[at], doubt = self.look(texts[at])
            if doubt is not None:
                return None
        return cast("list[str]", shown)

    def look(self, text: str | None) -> tuple[str, Notice | None]:
        """`"KEY":value`, and what is to be noticed of it; None for a key that stands alone."""
        if text is None:
            return self._alone
        doubt: Notice | None = None
        if self._plain is not None and self._plain.fullmatch(text):
            before, after = self._around
            shown = f"{before}{text.replace(',', self._between)}{after}"
        else:
            json, doubt = self._field.value(text, self._expected)
            shown = self.prefix + json
        if doubt is None and len(text) <= _REMEMBERED_LENGTH:
            if len(self.known) >= _REMEMBERED:
                self.known.clear()
            self.known[text] = shown
        return shown, doubt


def _plain(field: Field, expected: int | None) -> re.Pattern[str] | None:
    """Texts that need no look at each of their values; None where each needs it."""
    if field.kind in ("Flag", "Character") or (expected or 1) > _LARGEST:
        return None
    if field.kind in _NUMBERS:
        shares = field.bounds is not None and isfinite(field.bounds[1])
        if shares and field.kind == "Integer":
            return None
        sign = "" if field.bounds else "-?"
        one = rf"{sign}(?:0|[1-9][0-9]{{0,17}})"
        if field.kind == "Float":
            one += r"(?:\.[0-9]{1,20})?(?:[eE][+-]?[0-9]{1,3})?"
        if shares:
            one = _SHARE
    elif field.shaped:
        return None
    else:
        encoded = "%" if field.decoded else ""
        comma = "," if field.kind else ""
        one = rf'(?!\.(?:,|$))[^\s"\\{comma}{encoded}\x00-\x1f]+'
    if expected is None and field.listed:
        return re.compile(f"{one}(?:,{one})*")
    return re.compile(",".join([one] * (expected or 1)))
