"""The contract for events: what tells the platform that something changed in the landing area.

Delivery is at least once and in no order: an event may come twice, late or never, so it only
says where to look. Whoever receives looks at the store, and reconciliation finds the rest.
Keep out: what follows from an event.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from polly_resources.served import Served


class EventKind(StrEnum):
    """What an event says of its key."""

    CREATED = "created"
    REMOVED = "removed"
    LOOK = "look"


@dataclass(frozen=True, slots=True)
class ObjectEvent:
    """Something happened to the object `key`; `look`: to any below the prefix `key`.

    `receipts` are what the source needs to settle the deliveries that told of it.
    """

    kind: EventKind
    key: str
    receipts: tuple[str, ...] = field(default=(), compare=False)


class EventSource(Served):
    """Where events come from."""

    @abstractmethod
    def receive(self, limit: int = 1000) -> list[ObjectEvent]:
        """Up to about `limit` events that wait, one per key; does not wait for more.

        Events received and not settled come again after a while. Raises Unavailable.
        """

    @abstractmethod
    def settle(self, events: Sequence[ObjectEvent]) -> None:
        """These events have been dealt with and shall not come again."""
