"""Where in a statement something stands, and which known names are near a wrong one.

Keep out: raising errors.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from sqlglot import exp

_SHOWN = 40
_COMPARED = 5_000


def place_at(query: str, offset: int) -> str:
    """The line and column, from 1, of a character of the statement."""
    line = query.count("\n", 0, offset) + 1
    return f"line {line}, column {offset - query.rfind(chr(10), 0, offset)}"


def place_of(query: str, node: exp.Expr) -> str:
    """The place where a node of the tree begins; empty where the parser kept none."""
    starts = [item.meta["start"] for item in node.walk() if "start" in item.meta]
    return place_at(query, min(starts)) if starts else ""


def nearest(name: str, known: Iterable[str]) -> list[str]:
    """Up to three known names that look like the name, best first."""
    wanted = name.lower()
    by_lower = {item.lower(): item for item in known}
    if len(by_lower) > _COMPARED:
        near = [item for item in by_lower if item[:5] == wanted[:5]]
        by_lower = {item: by_lower[item] for item in near[:_COMPARED]}
    return [by_lower[item] for item in get_close_matches(wanted, by_lower, n=3, cutoff=0.6)]


def suggest(name: str, known: Iterable[str], what: str) -> str:
    """A hint: the nearest names, or else the names there are."""
    names = list(known)
    if close := nearest(name, names):
        return f"did you mean {', '.join(close)}?"
    if not names:
        return f"there are no {what}"
    more = ", ..." if len(names) > _SHOWN else ""
    return f"{what}: {', '.join(names[:_SHOWN])}{more}"
