"""The contract for the job ledger: the one truth about what was asked and what became of it.

A claim is a conditional write with a lease: whatever number of workers claim at once,
each job goes to one of them. A worker that dies stops renewing; its jobs return to the queue.
Keep out: what a job does.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence

from polly_resources.records import Failure, Job, JobFilter, JobOutcome, JobRequest, JobStatus
from polly_resources.served import Served

MAX_ATTEMPTS = 3

LEGAL_MOVES: Mapping[JobStatus, frozenset[JobStatus]] = {
    JobStatus.QUEUED: frozenset({JobStatus.RUNNING}),
    JobStatus.RUNNING: frozenset(
        {JobStatus.QUEUED, JobStatus.SUCCEEDED, JobStatus.ERRORED, JobStatus.DELETED}
    ),
    JobStatus.SUCCEEDED: frozenset(),
    JobStatus.ERRORED: frozenset({JobStatus.QUEUED}),
    JobStatus.UNCHANGED: frozenset(),
    JobStatus.DELETED: frozenset(),
}
"""Where each status may move; a new request is a new job. ERRORED -> QUEUED is a retry."""


class JobLedger(Served):
    """Jobs with conditional claims, leases, attempts and outcomes."""

    @abstractmethod
    def submit(self, requests: Sequence[JobRequest]) -> list[Job]:
        """Record the requests, in order, and return one job for each.

        An ingest whose source's newest finished ingest succeeded with the same
        fingerprint is recorded as `unchanged`, unless one of the source's datasets was
        deleted after it. A request equal to a queued or running
        job (same atlas, action, source, dataset and fingerprint) returns that job. A
        queued ingest of the same source with another fingerprint is updated in place
        to the new one.
        """

    @abstractmethod
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
        """Move queued jobs to `running` under the batch; high priority, then oldest first.

        Jobs of one claim share one atlas and shard (those of the first job). A job whose
        source already has a running job is left in the queue. A job on its last attempt
        is claimed alone, so that it cannot fail its neighbours for good. At least one job is
        claimed where any matches, even if it alone exceeds `max_bytes`.
        """

    @abstractmethod
    def renew(
        self, batch_id: str, *, lease_seconds: float, stages: Mapping[str, str] | None = None
    ) -> int:
        """Extend the lease of the batch's running jobs, set stages by job id; how many."""

    @abstractmethod
    def finish(self, batch_id: str, outcomes: Sequence[JobOutcome]) -> None:
        """Record outcomes of jobs that this batch still holds; others are ignored.

        A further outcome with the same job id and another dataset id adds a job.
        """

    @abstractmethod
    def requeue(
        self,
        *,
        batch_id: str | None = None,
        job_ids: Sequence[str] = (),
        retry: bool = False,
        error: Failure | None = None,
    ) -> list[Job]:
        """Return jobs to the queue, attempt + 1; those out of attempts become errored.

        `error` says why the attempt ended, where that is known.

        Without arguments: every running job whose lease has expired. With `batch_id` or
        `job_ids`: those running jobs now, whatever their lease. With `retry` and
        `job_ids`: errored jobs, attempts reset. Returns the jobs as they are now.
        """

    @abstractmethod
    def find(self, filter: JobFilter) -> list[Job]:
        """The jobs that match, newest first; page on with `after` = the last job's id."""
