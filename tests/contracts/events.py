"""The contract suite of event sources that keep events: subclass it and give the fixtures.

A source without a queue (`listing`) keeps nothing and has tests of its own.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable

import pytest

from polly_resources.events.base import EventKind, EventSource, ObjectEvent

CREATED, REMOVED = EventKind.CREATED, EventKind.REMOVED

ODD_KEYS = [
    "landing/demo/with space.gct",
    "landing/demo/plus+plus.gct",
    "landing/demo/100%25.gct",
    "landing/demo/percent%2Fslash%.gct",
    "landing/demo/ünï-数据.gct",
    "landing/demo/a&b=c?d#e;f,g'h\"i.gct",
    "landing/demo/sub/folder/x.h5ad",
]

Happens = Callable[[EventKind, str], None]


class EventSourceContract(ABC):
    """What every event source does."""

    again_seconds: float
    """How soon events that were not settled come again."""

    @pytest.fixture
    @abstractmethod
    def source(self) -> EventSource:
        """A source for which nothing has happened yet."""

    @pytest.fixture
    @abstractmethod
    def happens(self, source) -> Happens:
        """Let the source be told of a change of a key."""

    def test_it_says_what_serves_it(self, source):
        assert len(source.about()) > 3

    def test_nothing_happened(self, source):
        assert source.receive() == []

    def test_what_happened_is_told_until_it_is_settled(self, source, happens):
        happens(CREATED, "landing/demo/a.gct")
        happens(REMOVED, "landing/demo/b.gct")
        events = wait_for(source, 2)
        assert [(e.kind, e.key) for e in events] == [
            (CREATED, "landing/demo/a.gct"),
            (REMOVED, "landing/demo/b.gct"),
        ]
        time.sleep(self.again_seconds)
        again = wait_for(source, 2)
        assert again == events
        source.settle(again)
        time.sleep(self.again_seconds)
        assert source.receive() == []

    def test_each_event_is_settled_on_its_own(self, source, happens):
        happens(CREATED, "landing/demo/a.gct")
        happens(CREATED, "landing/demo/b.gct")
        a, b = wait_for(source, 2)
        source.settle([b])
        time.sleep(self.again_seconds)
        assert source.receive() == [a]

    def test_a_key_is_told_once_and_settled_whole(self, source, happens):
        for kind in (CREATED, REMOVED, CREATED, REMOVED):
            happens(kind, "landing/demo/a.gct")
        (event,) = wait_for(source, 1)
        assert event == ObjectEvent(REMOVED, "landing/demo/a.gct")
        source.settle([event])
        time.sleep(self.again_seconds)
        assert source.receive() == []

    @pytest.mark.parametrize("key", ODD_KEYS)
    def test_odd_keys(self, source, happens, key):
        happens(CREATED, key)
        (event,) = wait_for(source, 1)
        assert event == ObjectEvent(CREATED, key)
        source.settle([event])

    def test_settling_what_is_settled_and_nothing(self, source, happens):
        happens(CREATED, "landing/demo/a.gct")
        events = wait_for(source, 1)
        for settled in (events, events, []):
            source.settle(settled)

    def test_many(self, source, happens):
        keys = [f"landing/demo/{n:03}.gct" for n in range(45)]
        for key in keys:
            happens(CREATED, key)
        some = source.receive(limit=15)
        assert 0 < len(some) <= 25
        source.settle(some)
        rest = wait_for(source, len(keys) - len(some))
        assert sorted(e.key for e in (*some, *rest)) == keys
        source.settle(rest)
        time.sleep(self.again_seconds)
        assert source.receive() == []


def wait_for(source: EventSource, count: int, seconds: float = 10) -> list[ObjectEvent]:
    """The next `count` events of different keys, sorted; what happened may take a while."""
    found: dict[str, ObjectEvent] = {}
    end = time.monotonic() + seconds
    while len(found) < count and time.monotonic() < end:
        found |= {event.key: event for event in source.receive()}
    assert len(found) == count
    return sorted(found.values(), key=lambda event: event.key)
