"""How a DynamoDB ledger reaches its table: creation, strong reads, index queries, errors.

The table is made by the first call that misses it, which is safe for any number of callers.
Owns the client and the table's definition; add an index to `INDEXES` (and to docs/adr/0006).
Keep out: what the items mean (`dynamodb_items`) and what is stored together (`dynamodb_sheet`).
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from polly_resources import aws
from polly_resources.addresses import Address, bad_address, parse
from polly_resources.errors import Misconfigured, Permanent, PollyError, Unavailable
from polly_resources.jobs.dynamodb_items import Item, Key, key_item

MOST_AT_ONCE = 100
"""The most items of one transaction, and of one batch of reads."""

INDEXES: Mapping[str, str] = {
    "batch": "batch_key",
    "dataset": "dataset_key",
    "jobs": "kind",
    "queue": "queue",
    "source": "source_key",
    "state": "state",
}
"""Index name to the attribute that it finds jobs by; each sorts them by id."""

_EXAMPLE = "dynamodb://polly-jobs?region=eu-west-1"
_NAME = re.compile(r"[A-Za-z0-9_.-]{3,255}")
_READ_SECONDS = 5.0
_READY_SECONDS = 60.0
_OVERTAKEN = {
    "ConditionalCheckFailed",
    "ConditionalCheckFailedException",
    "TransactionConflict",
    "TransactionConflictException",
    "TransactionInProgressException",
}
_SLOW = {"ProvisionedThroughputExceeded", "ThrottlingError"}


class Overtaken(Exception):
    """Somebody else changed an item first, or DynamoDB is busy: read and decide again.

    `item` is what a failed condition found, where that was asked for.
    """

    def __init__(self, item: Item | None = None) -> None:
        super().__init__("overtaken")
        self.item = item


class Table:
    """The table of one ledger.

    Args:
        address: `dynamodb://TABLE?endpoint=URL&region=NAME`.
    """

    def __init__(self, address: str) -> None:
        self._address = _checked(address)
        self.name = self._address.host
        self._lock = threading.Lock()
        self._client: Any = None
        self._seen = False

    def get(self, keys: Iterable[Key]) -> Iterator[Item]:
        """The items of these keys that exist, read strongly, in no order."""
        wanted = [key_item(key) for key in dict.fromkeys(keys)]
        for start in range(0, len(wanted), MOST_AT_ONCE):
            left = wanted[start : start + MOST_AT_ONCE]
            while left:
                request = {self.name: {"Keys": left, "ConsistentRead": True}}
                answer = self.call("batch_get_item", RequestItems=request)
                yield from answer["Responses"].get(self.name, [])
                left = answer.get("UnprocessedKeys", {}).get(self.name, {}).get("Keys", [])

    def neighbours(self, partition: str) -> Iterator[Item]:
        """All items of one partition of the table, read strongly."""
        yield from self._query(
            ConsistentRead=True,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": partition}},
        )

    def index(
        self, name: str, value: str, *, before: str | None, newest_first: bool, page: int
    ) -> Iterator[Item]:
        """Id, atlas and source of the jobs that an index has under a value, by id.

        An index may lag behind the table: read the jobs themselves before deciding anything.

        Args:
            name: which of `INDEXES`.
            value: what the jobs have in common.
            before: only ids below this one.
            newest_first: the direction.
            page: how many one request may bring.
        """
        condition, values = "#value = :value", {":value": {"S": value}}
        if before is not None:
            condition += " AND job_id < :before"
            values[":before"] = {"S": before}
        yield from self._query(
            IndexName=name,
            KeyConditionExpression=condition,
            ExpressionAttributeNames={"#value": INDEXES[name]},
            ExpressionAttributeValues=values,
            ScanIndexForward=not newest_first,
            Limit=page,
        )

    def transact(self, puts: Sequence[Mapping[str, Any]]) -> None:
        """Do these conditional puts, all or none. Raises Overtaken."""
        items = [{"Put": {"TableName": self.name, **put}} for put in puts]
        self.call("transact_write_items", TransactItems=items)

    def call(self, operation: str, **arguments: Any) -> Any:
        """One request; repeated once where it makes the table. Raises Overtaken."""
        try:
            try:
                answer = getattr(self._connected(), operation)(**arguments)
            except ClientError as error:
                if aws.code_of(error) != "ResourceNotFoundException" or self._seen:
                    raise
                self._make()
                answer = getattr(self._connected(), operation)(**arguments)
        except (ClientError, BotoCoreError) as error:
            raise _translated(error, self.name) from error
        self._seen = True
        return answer

    def _query(self, **arguments: Any) -> Iterator[Item]:
        start: Mapping[str, Any] = {}
        while True:
            answer = self.call("query", TableName=self.name, **arguments, **start)
            yield from answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}

    def _connected(self) -> Any:
        with self._lock:
            if self._client is None:
                self._client = aws.client("dynamodb", self._address, read_seconds=_READ_SECONDS)
            return self._client

    def _make(self) -> None:
        """Make the table, or wait for whoever makes it."""
        try:
            self._connected().create_table(**definition(self.name))
        except ClientError as error:
            if aws.code_of(error) != "ResourceInUseException":
                raise _not_made(error, self.name) from error
        end = time.monotonic() + _READY_SECONDS
        while not self._ready():
            if time.monotonic() > end:
                raise Unavailable(
                    "ledger_unavailable",
                    f"DynamoDB table {self.name} is still being made",
                    hint="try again in some minutes",
                )
            time.sleep(0.2)

    def _ready(self) -> bool:
        table = self._connected().describe_table(TableName=self.name)["Table"]
        indexes = table.get("GlobalSecondaryIndexes", [])
        states = [table["TableStatus"], *(index["IndexStatus"] for index in indexes)]
        return set(states) == {"ACTIVE"}


def definition(name: str) -> dict[str, Any]:
    """The table as `CreateTable` takes it."""
    texts = sorted({"pk", "sk", "job_id", *INDEXES.values()})
    return {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": t, "AttributeType": "S"} for t in texts],
        "KeySchema": _keys("pk", "sk"),
        "GlobalSecondaryIndexes": [
            {
                "IndexName": index,
                "KeySchema": _keys(attribute, "job_id"),
                # Nothing that ever changes: a job that moves costs no write in other indexes.
                "Projection": {
                    "ProjectionType": "INCLUDE",
                    "NonKeyAttributes": ["atlas", "source"],
                },
            }
            for index, attribute in INDEXES.items()
        ],
    }


def _keys(partition: str, order: str) -> list[dict[str, str]]:
    return [
        {"AttributeName": partition, "KeyType": "HASH"},
        {"AttributeName": order, "KeyType": "RANGE"},
    ]


def _checked(address: str) -> Address:
    found = parse(address, "jobs", _EXAMPLE, aws.OPTIONS)
    if found.scheme != "dynamodb" or found.user or found.port or found.path.strip("/"):
        raise bad_address(str(found), "jobs", "expected only a table's name", _EXAMPLE)
    if len(found.hosts) != 1 or not _NAME.fullmatch(found.host):
        why = "a table's name is 3 to 255 letters, digits, dots, dashes and underscores"
        raise bad_address(str(found), "jobs", why, _EXAMPLE)
    return found


def _translated(error: ClientError | BotoCoreError, table: str) -> Exception:
    place = f"DynamoDB table {table}"
    if isinstance(error, ClientError):
        code = aws.code_of(error)
        reasons = {r.get("Code") for r in error.response.get("CancellationReasons", [])}
        if code in _OVERTAKEN or reasons & (_OVERTAKEN | _SLOW):
            return Overtaken(error.response.get("Item"))
        if code == "ResourceNotFoundException":
            return Misconfigured(
                "ledger_missing",
                f"{place} was there and is gone",
                hint="restore it from a backup, or set POLLY_JOBS to the right table",
            )
        if code == "ValidationException" and "index" in str(error):
            return Misconfigured(
                "ledger_unreadable",
                f"{place} is no job ledger of this version: {error}",
                hint="set POLLY_JOBS to a new table, or make the table as docs/adr/0006 says",
            )
    return aws.translated(error, "ledger", place)


def _not_made(error: ClientError, table: str) -> PollyError:
    found = aws.translated(error, "ledger", f"DynamoDB table {table}")
    if not isinstance(found, Permanent):
        return found
    return Misconfigured(
        "ledger_missing",
        f"DynamoDB table {table} does not exist, and to make it is refused: {found.message}",
        hint="run `polly doctor` once with the right dynamodb:CreateTable, or make the table as "
        "docs/adr/0006-dynamodb-ledger.md says",
    )
