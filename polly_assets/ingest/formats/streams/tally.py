"""Doubts that come up line after line: one notice for each kind, with the first place.

Keep out: deciding what is a doubt and what an error.
"""

from __future__ import annotations

from polly_resources.records import Notice


class Tally:
    """Counts what was noticed, by code."""

    def __init__(self) -> None:
        self._first: dict[str, Notice] = {}
        self._count: dict[str, int] = {}

    def note(self, code: str, message: str, place: str = "", *, times: int = 1) -> None:
        """Count a doubt that was met so many times; the first of its code is told."""
        self._first.setdefault(code, Notice(code, message, place))
        self._count[code] = self._count.get(code, 0) + times

    def notices(self) -> tuple[Notice, ...]:
        """One notice for each code, in order of first appearance."""
        return tuple(self._told(notice) for notice in self._first.values())

    def _told(self, notice: Notice) -> Notice:
        more = self._count[notice.code] - 1
        if not more:
            return notice
        return Notice(notice.code, f"{notice.message}; {more} more of this kind", notice.place)
