"""Finding names of the lexicon in one text.

Owns the search, which kinds of names are accepted where, and what becomes of overlaps.
Keep out: other texts of the record or study, negation, and confidence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from polly_assets.curate.keys import Route
from polly_assets.curate.lexicon import Entry, Lexicon, LexiconTerm
from polly_assets.curate.naming import Kind, stop_names
from polly_assets.curate.text import HARD, Words, compact_name, cut

_LONGEST_NAME = 120
_LONGEST_LINE = 24
_PREFERENCE = ("cell_line", "cell_type", "disease", "drug", "tissue", "organism", "gene")
"""Which field keeps a text that two fields claim with equal right."""
_LINE_BEFORE = re.compile(r"\b(?:cell )?line[s:]? $", re.IGNORECASE)
_LINE_AFTER = re.compile(r"[\s_-]*(?:cells?|cell[\s_-]*lines?|line)\b", re.IGNORECASE)
_COMMON_LINE = re.compile(r"CVCL_[0-3]\d{3}")
"""Cellosaurus numbered the lines in common use first, with digits only."""


@dataclass(frozen=True, slots=True)
class Match:
    """A name found: `text[start:end]` names `term`.

    `hinted` tells that the key asked for this field, `whole` that nothing else is in the
    text, and `nested` that the name lies inside a longer one of another field.
    """

    field: str
    term: LexiconTerm
    kind: Kind
    start: int
    end: int
    hinted: bool
    whole: bool
    nested: bool = False


class Matcher:
    """Finds names; holds the lexicon and the names that free text may not use."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon
        self._stops = stop_names("free")

    def find(self, text: str, route: Route) -> tuple[Match, ...]:
        """The matches in `text`, in order of their start, read the way `route` says."""
        if not (route.hinted or route.also):
            return ()
        words = cut(text)
        return _settle([*self._names(words, route), *self._lines(words, route)])

    def _names(self, words: Words, route: Route) -> Iterator[Match]:
        last = {at + _length(words, i): i for i, at in enumerate(words.spaced_at)}
        count = len(words.starts)
        for first in range(count):
            if not words.begins[first]:
                continue
            at = words.spaced_at[first]
            for length, entries in self._lexicon.spaced(words.spaced[at : at + _LONGEST_NAME]):
                final = last.get(at + length)
                if final is None or not words.closes[final]:
                    continue
                start, end = words.starts[first], words.ends[final]
                whole = first == 0 and final == count - 1
                key = words.spaced[at : at + length]
                for entry in entries:
                    if self._accepts(entry, key, words.text[start:end], route, whole):
                        yield _match(entry, start, end, route, whole)

    def _accepts(self, entry: Entry, key: str, raw: str, route: Route, whole: bool) -> bool:
        field = entry.term.field
        hinted = field in route.hinted
        if not hinted and (field not in route.also or (field, key) in self._stops):
            return False
        kind = entry.kind
        if kind is Kind.ABBREVIATION:
            loose = len(key) >= 4 or (hinted and whole)
            return (raw == entry.form and (hinted or len(raw) > 2)) or loose
        if kind is Kind.ACRONYM:
            asked = hinted and route.name != "group"
            return asked and whole and raw == entry.form and len(raw) > 2
        if kind in (Kind.COMMON, Kind.AMBIGUOUS):
            return hinted
        if field == "drug" and not hinted:
            return len(key) > 5
        return True

    def _lines(self, words: Words, route: Route) -> Iterator[Match]:
        hinted = "cell_line" in route.hinted
        if not hinted and "cell_line" not in route.also:
            return
        last = {}
        count = len(words.starts)
        for i, at in enumerate(words.compact_at):
            end = words.compact_at[i + 1] if i + 1 < count else len(words.compact)
            last[end - (1 if words.compact[end - 1 : end] == HARD else 0)] = i
        for first in range(count):
            if not words.begins[first]:
                continue
            at = words.compact_at[first]
            for length, entries in self._lexicon.compact(words.compact[at : at + _LONGEST_LINE]):
                final = last.get(at + length)
                if final is None or not words.closes[final]:
                    continue
                start, end = words.starts[first], words.ends[final]
                whole = first == 0 and final == count - 1
                entry = _line(words.text, start, end, entries, hinted, whole, self._stops)
                if entry is not None:
                    yield _match(entry, start, end, route, whole)


def _length(words: Words, word: int) -> int:
    after = words.spaced_at[word + 1] - 1 if word + 1 < len(words.starts) else len(words.spaced)
    return after - words.spaced_at[word]


def _match(entry: Entry, start: int, end: int, route: Route, whole: bool) -> Match:
    field = entry.term.field
    return Match(field, entry.term, entry.kind, start, end, field in route.hinted, whole)


def _line(
    text: str, start: int, end: int, entries: tuple[Entry, ...], hinted: bool, whole: bool,
    stops: frozenset[tuple[str, str]],
) -> Entry | None:  # fmt: skip
    """The cell line that `text[start:end]` names, if its spelling and place allow one."""
    raw = text[start:end]
    letters = "".join(c for c in raw if c.isalnum())
    lines = [entry for entry in entries if entry.kind is Kind.LINE]
    if not lines or letters.isdigit():
        return None
    exact = [e for e in lines if e.form == raw]
    same = [e for e in lines if "".join(c for c in e.form if c.isalnum()) == letters]
    best = (exact or same or lines)[0]
    told = hinted or bool(_LINE_BEFORE.search(text[max(0, start - 11) : start]))
    said = told or bool(_LINE_AFTER.match(text, end))
    folded = compact_name(raw)
    if ("cell_line", folded) in stops and not whole:
        return None
    return best if _line_fits(raw, letters, best, bool(same), told, said, whole) else None


def _line_fits(
    raw: str, letters: str, entry: Entry, same: bool, told: bool, said: bool, whole: bool
) -> bool:
    """Short or wordlike names need more support than `MCF-7` does."""
    mixed = any(c.isdigit() for c in letters) and any(c.isalpha() for c in letters)
    common = _COMMON_LINE.fullmatch(entry.term.curie) is not None
    if " " in raw and not (same and (common or told)):
        return False
    if told:
        enough = len(letters) > 3 if not mixed else len(letters) > 1
        return (whole and enough) or (enough and (same or mixed) and (common or len(letters) > 4))
    if not common:
        return said and same and mixed and len(letters) > 4
    if mixed:
        return len(letters) > 3 if not said else len(letters) > 2
    wordlike = letters.islower() or letters.istitle()
    return (same and len(letters) > 3 and not wordlike) or (said and len(letters) > 3)


def _settle(found: list[Match]) -> tuple[Match, ...]:
    """Overlaps resolved: hinted first, then longer, then by field.

    A hinted name inside a longer one stands beside it (`breast` in `tissue: breast
    cancer`); a tissue inside a longer disease or cell type is kept as nested.
    """
    order = sorted(
        found, key=lambda m: (m.start - m.end, not m.hinted, _PREFERENCE.index(m.field), m.start)
    )
    kept: list[Match] = []
    for match in order:
        over = [k for k in kept if k.start < match.end and match.start < k.end]
        if not over:
            kept.append(match)
        elif all(k.field != match.field for k in over):
            inside = all(k.start <= match.start and match.end <= k.end for k in over)
            if inside and match.hinted and not any(k.hinted for k in over):
                kept.append(match)
            elif (
                inside
                and match.field == "tissue"
                and over[0].end - over[0].start > (match.end - match.start)
            ):
                kept.append(_nest(match))
    return tuple(sorted(kept, key=lambda m: (m.start, m.end, m.field)))


def _nest(match: Match) -> Match:
    return Match(
        match.field, match.term, match.kind, match.start, match.end, match.hinted, False, True
    )
