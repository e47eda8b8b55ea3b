"""Events without a queue: every time, look at the whole landing area.

For a folder that people copy into, and for object stores that send no events.
"""

from __future__ import annotations

from collections.abc import Sequence

from polly_resources.addresses import parse
from polly_resources.events.base import EventKind, EventSource, ObjectEvent


class ListingEvents(EventSource):
    """Says `look` at everything; the address is `listing://`."""

    def __init__(self, address: str = "listing://") -> None:
        parse(address, "events", "listing://", options={})

    def about(self) -> str:
        """See `Served.about`."""
        return "the landing area is listed"

    def receive(self, limit: int = 1000) -> list[ObjectEvent]:
        """See `EventSource.receive`."""
        return [ObjectEvent(EventKind.LOOK, "")]

    def settle(self, events: Sequence[ObjectEvent]) -> None:
        """See `EventSource.settle`: nothing is kept."""
