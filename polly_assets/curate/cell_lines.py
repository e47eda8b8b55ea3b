"""Whether a spelling in its place names a cell line.

Owns the support that a name needs: `MCF-7` anywhere, `HeLa` in its own capitals, `PC3` before
`cells`, and `T24` only where the key asks for a line.
Keep out: finding candidates (`matcher`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from polly_assets.curate.lexicon import Entry
from polly_assets.curate.naming import Kind

_LINE_BEFORE = re.compile(r"\b(?:cell )?line[s:]? $", re.IGNORECASE)
_LINE_AFTER = re.compile(r"[\s_-]*(?:cells?|cell[\s_-]*lines?|line)\b", re.IGNORECASE)
_COMMON = re.compile(r"CVCL_[0-3]\d{3}")
"""Cellosaurus numbered the lines in common use first, with digits only."""


@dataclass(frozen=True, slots=True)
class Place:
    """A candidate: `text[start:end]`, whether its key asks for a line, whether it is all."""

    text: str
    start: int
    end: int
    hinted: bool
    whole: bool

    @property
    def raw(self) -> str:
        """The candidate as written."""
        return self.text[self.start : self.end]

    @property
    def told(self) -> bool:
        """Whether the key or the words before announce a cell line."""
        before = self.text[max(0, self.start - 11) : self.start]
        return self.hinted or _LINE_BEFORE.search(before) is not None

    @property
    def said(self) -> bool:
        """Whether it is announced, or called cells by the words after."""
        return self.told or _LINE_AFTER.match(self.text, self.end) is not None


def cell_line(entries: Sequence[Entry], place: Place) -> Entry | None:
    """The cell line named there, exact spelling first; None where the support is too thin."""
    letters = _letters(place.raw)
    lines = [entry for entry in entries if entry.kind is Kind.LINE]
    if not lines or letters.isdigit():
        return None
    same = [entry for entry in lines if _letters(entry.form) == letters]
    best = next((e for e in lines if e.form == place.raw), (same or lines)[0])
    common = _COMMON.fullmatch(best.term.curie) is not None
    if " " in place.raw and not (same and (common or place.told)):
        return None
    mixed = any(c.isdigit() for c in letters) and any(c.isalpha() for c in letters)
    fits = _fits_told if place.told else _fits_untold
    return best if fits(letters, place, common, bool(same), mixed) else None


def _fits_told(letters: str, place: Place, common: bool, same: bool, mixed: bool) -> bool:
    if len(letters) <= (1 if mixed else 3):
        return False
    return place.whole or ((same or mixed) and (common or len(letters) > 4))


def _fits_untold(letters: str, place: Place, common: bool, same: bool, mixed: bool) -> bool:
    if not common:
        return place.said and same and mixed and len(letters) > 4
    if mixed:
        return len(letters) > (2 if place.said else 3)
    wordlike = letters.islower() or letters.istitle()
    return len(letters) > 3 and (place.said or (same and not wordlike))


def _letters(name: str) -> str:
    return "".join(c for c in name if c.isalnum())
