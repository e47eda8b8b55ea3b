"""Abbreviations that a study defines itself: `hepatocellular carcinoma (HCC)`.

Owns finding such definitions in the texts of a study and the mentions that rest on them.
Field-wide abbreviations need no definition: they are rows of `data/extra_names.tsv`.
Keep out: any other matching.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from polly_assets.curate.keys import Route
from polly_assets.curate.matcher import Match
from polly_assets.curate.naming import Kind

_BRACKETED = re.compile(r"\s*[(\[](?P<short>[A-Z][A-Za-z0-9-]{1,7}?)s?[)\]]")


@dataclass(frozen=True, slots=True)
class Definitions:
    """What a study's own abbreviations stand for: the match of each long form."""

    meanings: Mapping[str, Match]
    pattern: re.Pattern[str] | None

    def find(self, text: str, route: Route) -> list[Match]:
        """The mentions in `text` of defined abbreviations, where the route allows the field."""
        if self.pattern is None:
            return []
        found = []
        for at in self.pattern.finditer(text):
            meaning = self.meanings[at["short"]]
            hinted = meaning.field in route.hinted
            if hinted or meaning.field in route.also:
                start, end = at.span("short")
                whole = at.group() == text.strip()
                found.append(
                    Match(meaning.field, meaning.term, Kind.ABBREVIATION, start, end, hinted, whole)
                )
        return found


def defined(text: str, matches: Iterable[Match]) -> list[tuple[str, Match]]:
    """The definitions in one text: a match directly before a bracketed short form of it."""
    if "(" not in text and "[" not in text:
        return []
    found = []
    for match in matches:
        bracket = _BRACKETED.match(text, match.end)
        if not bracket or match.nested:
            continue
        short = bracket["short"]
        long = text[match.start : match.end]
        if len(long) > len(short) + 2 and _abbreviates(short, long):
            found.append((short, match))
    return found


def collect(definitions: Iterable[tuple[str, Match]]) -> Definitions:
    """The definitions of a study; a short form with two meanings has none."""
    meanings: dict[str, Match] = {}
    clashes: set[str] = set()
    for short, match in definitions:
        known = meanings.setdefault(short, match)
        if known.term.index != match.term.index:
            clashes.add(short)
    kept = {short: match for short, match in meanings.items() if short not in clashes}
    if not kept:
        return Definitions({}, None)
    shorts = "|".join(re.escape(short) for short in sorted(kept, key=len, reverse=True))
    return Definitions(
        kept, re.compile(rf"(?<![A-Za-z0-9])(?P<short>{shorts})(?:s)?(?![A-Za-z0-9])")
    )


def _abbreviates(short: str, long: str) -> bool:
    """Whether the letters of `short` occur in `long` in order, beginning with its first."""
    letters = [c for c in short.casefold() if c.isalpha()]
    rest = long.casefold()
    if not letters or not rest.startswith(letters[0]):
        return False
    position = 0
    for letter in letters:
        position = rest.find(letter, position) + 1
        if position == 0:
            return False
    return True
