"""What a message says that tells of objects in S3: from S3 itself, through SNS, or EventBridge.

Owns the three shapes and their spellings; the keys of S3's own records are encoded as in a
form, those of EventBridge are plain. Servers in S3's place write `s3:` before the names of
events. Keep out: queues.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote_plus

from polly_resources.events.base import EventKind


class NotS3(ValueError):
    """The message is none of those that S3's events come in."""


@dataclass(frozen=True, slots=True)
class Change:
    """One record: what happened to an object; `kind` is None where it neither came nor went.

    `sequencer` orders the changes of one key where both have one, else `at` does.
    """

    bucket: str
    key: str
    kind: EventKind | None
    name: str
    at: datetime
    sequencer: int | None

    def follows(self, other: Change) -> bool:
        """Whether it happened after a change of the same key, or at once with it."""
        if None not in (self.sequencer, other.sequencer) and self.sequencer != other.sequencer:
            return (self.sequencer or 0) > (other.sequencer or 0)
        return self.at >= other.at

    @property
    def expired(self) -> bool:
        """Whether a lifecycle rule removed the object, and not a person."""
        return self.name.startswith("LifecycleExpiration")


def changes(body: str) -> list[Change]:
    """The changes that a message tells of; none for the test message of a new notification.

    Raises NotS3 for a message of another kind, or one with a part that cannot be read.
    """
    try:
        return _changes(json.loads(body))
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise NotS3(f"{type(error).__name__}: {error}") from error


def _changes(message: Mapping[str, Any]) -> list[Change]:
    if message.get("Type") == "Notification" and "TopicArn" in message:
        return _changes(json.loads(message["Message"]))
    if message.get("source") == "aws.s3":
        return [_from_eventbridge(message)]
    if message.get("Event") == "s3:TestEvent":
        return []
    records = message["Records"]
    if not records:
        raise NotS3("it has no records")
    return [_from_s3(record) for record in records]


def _from_s3(record: Mapping[str, Any]) -> Change:
    told = record["s3"]["object"]
    name = str(record["eventName"]).removeprefix("s3:")
    return Change(
        bucket=record["s3"]["bucket"]["name"],
        key=unquote_plus(told["key"], errors="strict"),
        kind=_kind(name),
        name=name,
        at=_time(record.get("eventTime")),
        sequencer=_sequencer(told.get("sequencer")),
    )


def _from_eventbridge(message: Mapping[str, Any]) -> Change:
    detail, what = message["detail"], message["detail-type"]
    name = str(what)
    if what == "Object Created":
        name = f"ObjectCreated:{detail.get('reason', '')}"
    elif what == "Object Deleted":
        expired = "lifecycle" in str(detail.get("reason", "")).lower()
        name = f"{'LifecycleExpiration' if expired else 'ObjectRemoved'}:Delete"
    return Change(
        bucket=detail["bucket"]["name"],
        key=str(detail["object"]["key"]),
        kind=_kind(name),
        name=name,
        at=_time(message.get("time")),
        sequencer=_sequencer(detail["object"].get("sequencer")),
    )


def _kind(name: str) -> EventKind | None:
    what = name.partition(":")[0]
    return {"ObjectCreated": EventKind.CREATED, "ObjectRemoved": EventKind.REMOVED}.get(what)


def _time(text: object) -> datetime:
    """The time of an event; the first of all times where it tells none that can be read."""
    try:
        time = datetime.fromisoformat(str(text))
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _sequencer(text: object) -> int | None:
    """The hexadecimal number that orders the events of one key; they differ in length."""
    try:
        return int(str(text), 16)
    except ValueError:
        return None
