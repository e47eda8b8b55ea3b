"""Finding names of the lexicon in one text.

Owns the search, which kinds of names are accepted where, and what becomes of overlaps.
Keep out: other texts of the record or study, negation, and confidence.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from polly_assets.curate.cell_lines import Place, cell_line
from polly_assets.curate.keys import Route
from polly_assets.curate.lexicon import Entry, Lexicon, LexiconTerm
from polly_assets.curate.naming import Kind, stop_names
from polly_assets.curate.text import HARD, Words, cut

_LONGEST_NAME = 120
_LONGEST_LINE = 24
_PREFERENCE = ("cell_line", "cell_type", "disease", "drug", "tissue", "organism", "gene")
"""Which field keeps a text that two fields claim with equal right."""


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
        count = len(words.starts)
        last = {_compact_end(words, i): i for i in range(count)}
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
                entry = cell_line(entries, Place(words.text, start, end, hinted, whole))
                if entry is not None:
                    yield _match(entry, start, end, route, whole)


def _length(words: Words, word: int) -> int:
    after = words.spaced_at[word + 1] - 1 if word + 1 < len(words.starts) else len(words.spaced)
    return after - words.spaced_at[word]


def _compact_end(words: Words, word: int) -> int:
    if word + 1 == len(words.starts):
        return len(words.compact)
    end = words.compact_at[word + 1]
    return end - 1 if words.compact[end - 1 : end] == HARD else end


def _match(entry: Entry, start: int, end: int, route: Route, whole: bool) -> Match:
    field = entry.term.field
    return Match(field, entry.term, entry.kind, start, end, field in route.hinted, whole)


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
