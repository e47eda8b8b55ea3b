"""Optimistic concurrency of a DynamoDB ledger: read items, decide, store all or nothing.

A `Sheet` stores what was put on it in one transaction, on condition that no item changed
since it was read; where one did, `settle` does the whole thing again.
Keep out: the rules of the ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import tenacity

from polly_resources.errors import Unavailable
from polly_resources.jobs.dynamodb_items import (
    Deletion,
    Key,
    Record,
    Source,
    deletion_key,
    item_of,
    job_key,
    key_of,
    record_of,
    source_key,
)
from polly_resources.jobs.dynamodb_table import Overtaken, Table
from polly_resources.records import Job

BUSY_SECONDS = 30.0
"""How long a call tries against others who are faster, before Unavailable."""

T = TypeVar("T")


def settle(work: Callable[[], T], table: Table) -> T:
    """What `work` returns once nobody overtakes it. Raises Unavailable after `BUSY_SECONDS`."""
    try:
        for attempt in tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(Overtaken),
            stop=tenacity.stop_after_delay(BUSY_SECONDS),
            wait=tenacity.wait_random_exponential(multiplier=0.01, max=1),
            reraise=True,
        ):
            with attempt:
                return work()
    except Overtaken as error:
        raise Unavailable(
            "ledger_busy",
            f"DynamoDB table {table.name}: others changed the same jobs for {BUSY_SECONDS:g} s",
            hint="try again; fewer claimers at once wait less",
        ) from error
    raise AssertionError("tenacity returns or raises")


class Sheet:
    """Some records as they were read, and what becomes of them."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._read: dict[Key, tuple[Record | None, int]] = {}
        self._put: dict[Key, Record] = {}

    def read(self, keys: Iterable[Key]) -> None:
        """Read the items of these keys that were not read yet."""
        missing = [key for key in keys if key not in self._read]
        self._read |= dict.fromkeys(missing, (None, 0))
        for item in self._table.get(missing):
            record, version = record_of(item)
            self._read[key_of(record)] = record, version

    def neighbours(self, job_id: str) -> list[Job]:
        """All jobs of the job's file, as they are stored, by id."""
        found = []
        for item in self._table.neighbours(job_key(job_id)[0]):
            record, version = record_of(item)
            assert isinstance(record, Job)
            self._read.setdefault(key_of(record), (record, version))
            found.append(record)
        return found

    def job(self, job_id: str) -> Job | None:
        """The job as it will be; it must have been read or put."""
        found = self._record(job_key(job_id))
        assert found is None or isinstance(found, Job)
        return found

    def source(self, atlas: str, source: str) -> Source:
        """The source as it will be; it must have been read or put."""
        found = self._record(source_key(atlas, source)) or Source(atlas, source)
        assert isinstance(found, Source)
        return found

    def deletion(self, atlas: str, dataset_id: str) -> Deletion:
        """The dataset's deletion as it will be; it must have been read or put."""
        found = self._record(deletion_key(atlas, dataset_id)) or Deletion(atlas, dataset_id)
        assert isinstance(found, Deletion)
        return found

    def put(self, record: Record) -> None:
        """Store this record with the others; one that was never read must be new."""
        self._put[key_of(record)] = record

    def store(self) -> None:
        """Store everything that was put, or nothing. Raises Overtaken."""
        changed = {
            key: record
            for key, record in self._put.items()
            if self._read.get(key, (None, 0))[0] != record
        }
        if changed:
            self._table.transact([self._conditional(*entry) for entry in changed.items()])

    def _record(self, key: Key) -> Record | None:
        return self._put[key] if key in self._put else self._read[key][0]

    def _conditional(self, key: Key, record: Record) -> dict[str, Any]:
        version = self._read.get(key, (None, 0))[1]
        item = item_of(record, version + 1)
        if not version:
            return {"Item": item, "ConditionExpression": "attribute_not_exists(pk)"}
        return {
            "Item": item,
            "ConditionExpression": "version = :version",
            "ExpressionAttributeValues": {":version": {"N": str(version)}},
        }
