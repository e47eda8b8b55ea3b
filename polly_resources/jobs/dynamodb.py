"""The job ledger in a DynamoDB table: for many machines, with no server to look after.

Every change is a transaction on condition that nothing it was decided on has changed, so
neither a race nor a kill leaves a job between states; docs/adr/0006 has the items.
Owns the contract's face. Keep out: its rules (`dynamodb_submit`, `dynamodb_claim`,
`dynamodb_moves`, `dynamodb_find`), items and requests.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from sys import maxsize

from polly_resources.jobs.base import JobLedger
from polly_resources.jobs.dynamodb_claim import Order, claim
from polly_resources.jobs.dynamodb_find import find
from polly_resources.jobs.dynamodb_moves import finish, renew, requeue
from polly_resources.jobs.dynamodb_submit import submit
from polly_resources.jobs.dynamodb_table import Table
from polly_resources.jobs.outcomes import by_job
from polly_resources.records import Failure, Job, JobFilter, JobOutcome, JobRequest, JobStatus


def _now() -> datetime:
    return datetime.now(UTC)


class DynamoLedger(JobLedger):
    """A ledger at `dynamodb://TABLE?endpoint=URL&region=NAME`; any number of machines may use it.

    Args:
        address: which table; made on first use where it does not exist.
        clock: tells the time, with its zone.
    """

    def __init__(self, address: str, *, clock: Callable[[], datetime] = _now) -> None:
        self._table = Table(address)
        self._clock = clock

    def about(self) -> str:
        """See `Served.about`; DynamoDB tells no version."""
        told = self._table.call("describe_table", TableName=self._table.name)["Table"]
        return f"DynamoDB, table {told['TableName']} is {told['TableStatus'].lower()}"

    def submit(self, requests: Sequence[JobRequest]) -> list[Job]:
        """See `JobLedger.submit`. Requests are recorded by the few dozen, in order."""
        return submit(self._table, requests, self._clock())

    def claim(
        self,
        batch_id: str,
        owner: str,
        *,
        lease_seconds: float,
        filter: JobFilter | None = None,
        max_jobs: int = 500,
        max_bytes: int | None = None,
    ) -> list[Job]:
        """See `JobLedger.claim`. The filter's `limit` is not used.

        Claimers that meet may take jobs a little out of order, and each one once.
        """
        now = self._clock()
        order = Order(
            batch_id=batch_id,
            owner=owner,
            now=now,
            lease_until=now + timedelta(seconds=lease_seconds),
            filter=filter or JobFilter(),
            max_jobs=max_jobs,
            max_bytes=max_bytes,
        )
        return claim(self._table, order)

    def renew(
        self, batch_id: str, *, lease_seconds: float, stages: Mapping[str, str] | None = None
    ) -> int:
        """See `JobLedger.renew`."""
        until = self._clock() + timedelta(seconds=lease_seconds)
        return renew(self._table, batch_id, until, stages or {})

    def finish(self, batch_id: str, outcomes: Sequence[JobOutcome]) -> None:
        """See `JobLedger.finish`; repeating a call changes nothing.

        Texts and warnings too long for an item are cut, and say so. Raises Conflict for an
        outcome that is no end of a running job.
        """
        finish(self._table, batch_id, by_job(outcomes), self._clock())

    def requeue(
        self,
        *,
        batch_id: str | None = None,
        job_ids: Sequence[str] = (),
        retry: bool = False,
        error: Failure | None = None,
    ) -> list[Job]:
        """See `JobLedger.requeue`. Returns the jobs that moved, oldest first."""
        if retry and not job_ids:
            return []
        now = self._clock()
        status = JobStatus.ERRORED if retry else JobStatus.RUNNING
        chosen = JobFilter(batch_id=batch_id, job_ids=job_ids, statuses=[status], limit=maxsize)
        expired_at = None if batch_id is not None or job_ids else now
        return requeue(self._table, chosen, expired_at=expired_at, now=now, error=error)

    def find(self, filter: JobFilter) -> list[Job]:
        """See `JobLedger.find`. A job of the last moments may be found a moment late."""
        return find(self._table, filter)
