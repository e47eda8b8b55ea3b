"""A plain model of the job ledger, and a machine that compares a backend with it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from polly_resources.jobs.base import MAX_ATTEMPTS, JobLedger
from polly_resources.records import JobAction, JobFilter, JobOutcome, JobStatus, Priority
from tests.contracts.jobs import Clock, request

S = JobStatus
Open = Callable[[Path, Callable[[], datetime]], JobLedger]

SOURCES = st.sampled_from(["a", "b", "c"])
ORDER = [Priority.HIGH, Priority.MEDIUM, Priority.LOW]


@dataclass
class Entry:
    """A job of the model; its position in the list is its age."""

    source: str
    action: JobAction
    fingerprint: str
    priority: Priority
    dataset: str
    status: JobStatus = S.QUEUED
    attempt: int = 1
    batch: str | None = None
    lease: float | None = None
    ended: int = -1
    job_id: str = ""

    def view(self) -> tuple[object, ...]:
        return (
            self.dataset, self.action, self.fingerprint, self.priority,
            self.status, self.attempt, self.batch,
        )  # fmt: skip


def ledger_machine(open_ledger: Open) -> type[RuleBasedStateMachine]:
    """A state machine of the backend; use its `TestCase`."""

    class Machine(LedgerMachine):
        opener = staticmethod(open_ledger)

    Machine.TestCase.settings = settings(
        max_examples=25,
        stateful_step_count=25,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    return Machine


class LedgerMachine(RuleBasedStateMachine):
    """Random requests, claims, ends and delays; ledger and model must agree after each."""

    opener: Open

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.clock = Clock()
        self.ledger = type(self).opener(self.folder, self.clock)
        self.jobs: list[Entry] = []
        self.batches = 0
        self.time = 0.0
        self.ends = 0

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    @rule(
        source=SOURCES,
        fingerprint=st.sampled_from(["f1", "f2"]),
        action=st.sampled_from([JobAction.INGEST, JobAction.INGEST, JobAction.DELETE]),
        priority=st.sampled_from(ORDER),
    )
    def submit(self, source, fingerprint, action, priority):
        if action == JobAction.DELETE:
            fingerprint = ""
        asked = request(source, fingerprint, action=action, priority=priority)
        [job] = self.ledger.submit([asked])
        entry = self.expect(Entry(source, action, fingerprint, priority, source))
        entry.job_id = entry.job_id or job.job_id
        assert job.job_id == entry.job_id

    def expect(self, new: Entry) -> Entry:
        """What the request must come to."""
        active = [
            j for j in self.jobs if j.source == new.source and j.status in (S.QUEUED, S.RUNNING)
        ]
        for job in active:
            if (job.action, job.fingerprint) == (new.action, new.fingerprint):
                return job
        if new.action == JobAction.INGEST:
            for job in reversed(active):
                if (job.action, job.status) == (JobAction.INGEST, S.QUEUED):
                    job.fingerprint, job.attempt = new.fingerprint, 1
                    job.priority = min(job.priority, new.priority, key=ORDER.index)
                    return job
            ends = [j for j in self.jobs if j.source == new.source and j.ended >= 0]
            ingests = [j for j in ends if j.action == JobAction.INGEST]
            newest = max(ingests, key=lambda j: j.ended, default=None)
            if (
                newest
                and not active
                and (newest.status, newest.fingerprint) == (S.SUCCEEDED, new.fingerprint)
                and not any(j.status == S.DELETED and j.ended > newest.ended for j in ends)
            ):
                new.status = S.UNCHANGED
        self.jobs.append(new)
        return new

    @rule(count=st.integers(1, 3), lease=st.sampled_from([10, 100]))
    def claim(self, count, lease):
        self.batches += 1
        batch = f"b{self.batches}"
        got = self.ledger.claim(batch, "w", lease_seconds=lease, max_jobs=count)
        busy = {j.source for j in self.jobs if j.status == S.RUNNING}
        expected: list[Entry] = []
        queued = [j for j in self.jobs if j.status == S.QUEUED and j.source not in busy]
        queued.sort(key=lambda j: ORDER.index(j.priority))
        alone = bool(queued) and queued[0].attempt >= MAX_ATTEMPTS
        fit = queued[:1] if alone else [j for j in queued if j.attempt < MAX_ATTEMPTS]
        for job in fit:
            if job.source not in busy and len(expected) < count:
                busy.add(job.source)
                job.status, job.batch, job.lease = S.RUNNING, batch, self.time + lease
                expected.append(job)
        assert [j.job_id for j in got] == [j.job_id for j in expected]

    @rule(
        data=st.data(),
        status=st.sampled_from([S.SUCCEEDED, S.ERRORED]),
        stale=st.booleans(),
    )
    def finish(self, data, status, stale):
        running = [j for j in self.jobs if j.status == S.RUNNING]
        if not running:
            return
        job = data.draw(st.sampled_from(running))
        if job.action == JobAction.DELETE and status == S.SUCCEEDED:
            status = S.DELETED
        batch = "never" if stale else job.batch
        self.pass_seconds(0.001)
        self.ledger.finish(str(batch), [JobOutcome(job.job_id, job.dataset, status)])
        if not stale:
            self.ends += 1
            job.status, job.lease, job.ended = status, None, self.ends

    @rule(batch=st.integers(1, 8))
    def renew(self, batch):
        held = [j for j in self.jobs if j.status == S.RUNNING and j.batch == f"b{batch}"]
        assert self.ledger.renew(f"b{batch}", lease_seconds=50) == len(held)
        for job in held:
            job.lease = self.time + 50

    @rule(seconds=st.sampled_from([1.0, 11.0, 60.0]))
    def pass_seconds(self, seconds):
        self.clock.pass_seconds(seconds)
        self.time += seconds

    @rule(batch=st.none() | st.integers(1, 8))
    def requeue(self, batch):
        self.pass_seconds(0.001)
        name = None if batch is None else f"b{batch}"
        moved = self.ledger.requeue(batch_id=name)
        expected = [
            j
            for j in self.jobs
            if j.status == S.RUNNING
            and (j.batch == name if name else j.lease is not None and j.lease <= self.time)
        ]
        for job in expected:
            job.batch = job.lease = None
            if job.attempt >= MAX_ATTEMPTS:
                self.ends += 1
                job.status, job.ended = S.ERRORED, self.ends
            else:
                job.status, job.attempt = S.QUEUED, job.attempt + 1
        assert [j.job_id for j in moved] == [j.job_id for j in expected]

    @rule(data=st.data())
    def retry(self, data):
        if not self.jobs:
            return
        job = data.draw(st.sampled_from(self.jobs))
        moved = self.ledger.requeue(job_ids=[job.job_id], retry=True)
        assert len(moved) == (job.status == S.ERRORED)
        if moved:
            job.status, job.attempt, job.batch, job.ended = S.QUEUED, 1, None, -1

    @invariant()
    def agree(self):
        found = reversed(self.ledger.find(JobFilter()))
        got = [
            (j.dataset_id, j.action, j.fingerprint, j.priority, j.status, j.attempt, j.batch_id)
            for j in found
        ]
        assert got == [job.view() for job in self.jobs]
