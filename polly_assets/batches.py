"""The batch: the jobs that one run claimed, held by a lease while the run works.

Owns claiming, heartbeats and release. Keep out: what the jobs do.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from polly_resources.errors import PollyError
from polly_resources.jobs.base import JobLedger
from polly_resources.records import Failure, Job, JobFilter, JobStatus

LOG = logging.getLogger(__name__)

LAUNCH_LEASE_SECONDS = 600.0
"""Lease of a batch that was claimed for a run which has yet to start."""


MARK_SECONDS = 0.5
"""A mark is a commit of the ledger: more often would cost more than it tells."""


class Limits(Protocol):
    """What bounds a batch; settings have it, and so has the Dagster resource."""

    @property
    def lease_seconds(self) -> float:
        """Seconds that a claim holds without renewal."""

    @property
    def batch_bytes(self) -> int:
        """Bytes of landed files that close a batch."""

    @property
    def batch_jobs(self) -> int:
        """Jobs that close a batch."""


LAUNCHER = "launcher"
"""Owner of a batch that another process will run: only its lease says whether it lives."""


_ENDED = ("Z", "X")
"""States of a process that has ended and whose parent has not noticed."""


def new_batch_id() -> str:
    """A fresh batch id."""
    return uuid.uuid4().hex


def owner() -> str:
    """Who holds a claim: host, process id and that process's start time."""
    pid = os.getpid()
    return f"{socket.gethostname()}:{pid}:{started(pid)}"


def is_dead(name: str | None) -> bool:
    """Whether the owner was a process of this machine that no longer runs."""
    parts = (name or "").split(":")
    if len(parts) != 3 or parts[0] != socket.gethostname() or not parts[1].isdigit():
        return False
    return started(int(parts[1])) != parts[2]


def started(pid: int) -> str:
    """When a process of this machine began, as the kernel counts; '' where it does not run."""
    try:
        facts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return "" if facts[0] in _ENDED else facts[19]
    except OSError:
        return "" if Path("/proc/self/stat").exists() else "unknown"


def claim(
    ledger: JobLedger,
    limits: Limits,
    batch_id: str,
    *,
    filter: JobFilter | None = None,
    for_launch: bool = False,
) -> list[Job]:
    """Claim a batch of queued jobs of one shard, closed by bytes of work and by count.

    With `for_launch` the claim is for a run that another process will start.
    """
    return ledger.claim(
        batch_id,
        LAUNCHER if for_launch else owner(),
        lease_seconds=LAUNCH_LEASE_SECONDS if for_launch else limits.lease_seconds,
        filter=filter,
        max_jobs=limits.batch_jobs,
        max_bytes=limits.batch_bytes,
    )


def release_dead(ledger: JobLedger) -> list[Job]:
    """Return to the queue what expired leases and dead processes of this machine hold."""
    back = ledger.requeue()
    running = ledger.find(JobFilter(statuses=[JobStatus.RUNNING], limit=100_000))
    orphans = [job.job_id for job in running if is_dead(job.owner)]
    return back + (ledger.requeue(job_ids=orphans) if orphans else [])


def held(ledger: JobLedger, batch_id: str) -> list[Job]:
    """The batch's jobs that are still running, oldest first."""
    running = JobFilter(batch_id=batch_id, statuses=[JobStatus.RUNNING], limit=100_000)
    return sorted(ledger.find(running), key=lambda job: job.job_id)


def _failure(error: BaseException, stage: str) -> Failure:
    if isinstance(error, PollyError):
        return replace(error.failure(), place=error.place or f"stage {stage}")
    if not isinstance(error, Exception):
        return Failure(
            "interrupted",
            f"the run was stopped ({type(error).__name__})",
            place=f"stage {stage}",
            hint="run it again: polly retry",
        )
    return Failure(
        "internal_error",
        f"{type(error).__name__}: {error}",
        place=f"stage {stage}",
        hint="the run's log has the traceback; report it if it is not the machine's fault",
    )


class Marks:
    """Tells the ledger which jobs of a batch have reached a stage, at most twice a second."""

    def __init__(self, ledger: JobLedger, limits: Limits, batch_id: str, stage: str) -> None:
        self._ledger, self._limits = ledger, limits
        self._batch_id, self._stage = batch_id, stage
        self._waiting: dict[str, str] = {}
        self._told = time.monotonic()

    def __call__(self, job: Job) -> None:
        """The job has reached the stage."""
        self._waiting[job.job_id] = self._stage
        if time.monotonic() - self._told >= MARK_SECONDS:
            lease = self._limits.lease_seconds
            self._ledger.renew(self._batch_id, lease_seconds=lease, stages=self._waiting)
            self._waiting = {}
            self._told = time.monotonic()


@contextmanager
def working(ledger: JobLedger, limits: Limits, batch_id: str, stage: str) -> Iterator[None]:
    """Renew the batch's lease while the block works; hand the jobs back if it fails.

    Interrupts count as failures, so a terminated run returns its jobs at once.
    """
    stop = threading.Event()
    stages = {job.job_id: stage for job in held(ledger, batch_id)}
    ledger.renew(batch_id, lease_seconds=limits.lease_seconds, stages=stages)

    def beat() -> None:
        while not stop.wait(limits.lease_seconds / 3):
            try:
                ledger.renew(batch_id, lease_seconds=limits.lease_seconds)
            except PollyError as error:
                LOG.warning("the lease of batch %s was not renewed: %s", batch_id, error)

    thread = threading.Thread(target=beat, name=f"lease-{batch_id}", daemon=True)
    thread.start()
    try:
        yield
    except BaseException as error:
        ledger.requeue(batch_id=batch_id, error=_failure(error, stage))
        raise
    finally:
        stop.set()
        thread.join()
