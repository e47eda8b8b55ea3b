"""Events of S3 through an SQS queue, or a server that speaks its protocol.

A message is deleted when all that it tells has been settled. One that tells of no S3 object
stays, so that after the queue's own count of tries it goes to the dead letter queue, if the
queue has one; one that tells of another bucket or prefix stays for whoever it is for.
Keep out: the shapes of messages (`s3_messages`), and what follows from an event.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from botocore.exceptions import ClientError

from polly_resources import aws
from polly_resources.addresses import bad_address, parse
from polly_resources.errors import Misconfigured, Unavailable
from polly_resources.events.base import EventSource, ObjectEvent
from polly_resources.events.s3_messages import Change, NotS3, changes

LOG = logging.getLogger(__name__)

EXAMPLE = "sqs://polly-landing?region=eu-west-1&bucket=my-bucket"
OPTIONS = {**aws.OPTIONS, "bucket": "", "prefix": ""}

READ_SECONDS = 5.0
DELETE_ROUNDS = 4
_AT_ONCE = 10
"""What SQS takes and gives in one call."""

_REMEMBERED = 10_000
_NO_QUEUE = ("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist")


@dataclass(slots=True)
class _Found:
    """The newest change of one key, and the messages that told of the key."""

    change: Change
    receipts: list[str] = field(default_factory=list)


class SqsEvents(EventSource):
    """The queue at `sqs://QUEUE?endpoint=URL&region=NAME&bucket=NAME&prefix=P`.

    With `bucket` only its events count. With `prefix` only keys below it count and are told
    without it, as an object store at `s3://BUCKET/PREFIX` names them. How long a message that
    has not been settled stays away is the queue's own visibility timeout.
    """

    def __init__(self, address: str) -> None:
        at = parse(address, "events", EXAMPLE, options=OPTIONS)
        if len(at.hosts) != 1 or at.port is not None or at.path.strip("/"):
            raise bad_address(address, "events", "it names no queue", EXAMPLE)
        self._address = at
        self._queue = at.host
        self._bucket = at.options["bucket"]
        prefix = at.options["prefix"].strip("/")
        self._prefix = f"{prefix}/" if prefix else ""
        self._client = aws.client("sqs", at, read_seconds=READ_SECONDS)
        self._told: set[str] = set()

    def about(self) -> str:
        """See `Served.about`; counts are those of the service, which may lag."""
        with self._errors():
            found = self._client.get_queue_attributes(
                QueueUrl=self._url, AttributeNames=["ApproximateNumberOfMessages"]
            )
        return f"SQS, about {found['Attributes']['ApproximateNumberOfMessages']} messages wait"

    def receive(self, limit: int = 1000) -> list[ObjectEvent]:
        """See `EventSource.receive`; takes at most `limit` messages, and waits for none.

        Raises Misconfigured without the queue or the right to read it.
        """
        found: dict[str, _Found] = {}
        idle: list[str] = []
        left = limit
        while left > 0 and (messages := self._messages(min(left, _AT_ONCE))):
            left -= len(messages)
            for message in messages:
                self._take(message, found, idle)
        self._delete(idle)
        return [
            ObjectEvent(one.change.kind, key, tuple(one.receipts))
            for key, one in found.items()
            if one.change.kind is not None
        ]

    def settle(self, events: Sequence[ObjectEvent]) -> None:
        """See `EventSource.settle`.

        A message that told of several keys is deleted when its events are settled in one
        call; else it comes again.
        """
        settled = Counter(receipt for event in events for receipt in event.receipts)
        parted = [(receipt.partition(" "), count) for receipt, count in settled.items()]
        self._delete([handle for (of, _, handle), count in parted if count >= int(of)])

    def _messages(self, count: int) -> list[Mapping[str, Any]]:
        with self._errors():
            answer = self._client.receive_message(
                QueueUrl=self._url, MaxNumberOfMessages=count, WaitTimeSeconds=0
            )
        return list(answer.get("Messages") or ())

    def _take(self, message: Mapping[str, Any], found: dict[str, _Found], idle: list[str]) -> None:
        """Sort the message's changes into `found`, or its handle into `idle`."""
        try:
            told = changes(message["Body"])
        except NotS3 as error:
            self._tell_once(message, f"is no event of S3 ({error})", logging.WARNING)
            return
        newest: dict[str, Change] = {}
        foreign = False
        for change in told:
            key = self._key(change)
            foreign = foreign or key is None
            if key is not None and self._counts(change, key):
                before = newest.get(key)
                if before is None or change.follows(before):
                    newest[key] = change
        if foreign:
            self._tell_once(message, "tells of another bucket or prefix", logging.INFO)
        elif not newest:
            idle.append(message["ReceiptHandle"])
        receipt = f"{len(newest)} {message['ReceiptHandle']}"
        for key, change in newest.items():
            one = found.setdefault(key, _Found(change))
            if change.follows(one.change):
                one.change = change
            if not foreign:
                one.receipts.append(receipt)

    def _key(self, change: Change) -> str | None:
        """The key as the object store names it; None for an object of another place."""
        if self._bucket and change.bucket != self._bucket:
            return None
        if not change.key.startswith(self._prefix):
            return None
        return change.key.removeprefix(self._prefix)

    def _counts(self, change: Change, key: str) -> bool:
        """Whether an object came or went; the markers of folders are none."""
        if change.expired:
            LOG.warning(
                "%s expired by a lifecycle rule of bucket %s; its datasets stay for now, but "
                "reconciliation takes them for removed: let no such rule apply to landed files",
                change.key,
                change.bucket,
            )
        elif change.kind is None:
            LOG.debug("not an arrival or removal: %s of %s", change.name, change.key)
        return change.kind is not None and bool(key) and not key.endswith("/")

    def _tell_once(self, message: Mapping[str, Any], what: str, level: int) -> None:
        """Say that a message is left in the queue, the first time that it comes."""
        message_id = str(message.get("MessageId"))
        if message_id in self._told:
            return
        if len(self._told) >= _REMEMBERED:
            self._told.clear()
        self._told.add(message_id)
        LOG.log(level, "left in queue %s: message %s %s", self._queue, message_id, what)

    def _delete(self, handles: Sequence[str]) -> None:
        """Delete messages; those that have come again meanwhile are left to their next turn."""
        left = list(dict.fromkeys(handles))
        for pause in (0.0, *(0.1 * 2**n for n in range(DELETE_ROUNDS - 1))):
            if not left:
                return
            time.sleep(pause)
            left = [
                handle
                for start in range(0, len(left), _AT_ONCE)
                for handle in self._delete_some(left[start : start + _AT_ONCE])
            ]
        if left:
            raise Unavailable(
                "events_unsettled",
                f"queue {self._queue} did not delete {len(left)} messages",
                hint="their events come again, which does no harm",
            )

    def _delete_some(self, handles: Sequence[str]) -> list[str]:
        """Delete up to ten messages; the handles of those to be tried again."""
        entries = [{"Id": str(n), "ReceiptHandle": handle} for n, handle in enumerate(handles)]
        with self._errors():
            answer = self._client.delete_message_batch(QueueUrl=self._url, Entries=entries)
        again = []
        for failed in answer.get("Failed") or ():
            if failed.get("SenderFault"):
                LOG.info("a message of queue %s comes again: %s", self._queue, failed.get("Code"))
            else:
                again.append(handles[int(failed["Id"])])
        return again

    @cached_property
    def _url(self) -> str:
        with self._errors():
            return str(self._client.get_queue_url(QueueName=self._queue)["QueueUrl"])

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            with aws.errors("events", f"queue {self._queue}"):
                yield
        except Misconfigured as error:
            cause = error.__cause__
            if isinstance(cause, ClientError) and aws.code_of(cause) in _NO_QUEUE:
                raise self._no_queue() from cause
            raise

    def _no_queue(self) -> Misconfigured:
        options = self._address.options
        endpoint = f" --endpoint-url {options['endpoint']}" if options["endpoint"] else ""
        region = f" --region {options['region']}" if options["region"] else ""
        return Misconfigured(
            "no_queue",
            f"there is no queue {self._queue}",
            hint=f"make it: aws sqs create-queue --queue-name {self._queue}{endpoint}{region}; "
            "or correct POLLY_EVENTS",
        )
