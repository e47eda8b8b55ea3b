"""Claims, leases and their end, with processes that really die."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest

from polly_assets import batches
from polly_resources.errors import BadInput, Unavailable
from polly_resources.jobs.base import MAX_ATTEMPTS
from polly_resources.jobs.sql import SqlLedger
from polly_resources.records import JobAction, JobFilter, JobOutcome, JobRequest, JobStatus
from tests.assets.instance import small_settings

CHILD = """
import sys
from polly_assets import batches
from polly_resources.jobs.sql import SqlLedger
from polly_resources.settings import load
batches.claim(SqlLedger(sys.argv[1]), load(environ={}), "child")
print("claimed", flush=True)
sys.stdin.read()
"""


def request(name: str, **changes) -> JobRequest:
    made = JobRequest(
        "demo", 0, JobAction.INGEST, f"landing/demo/{name}.gct", name, name, "e", size=10
    )
    return replace(made, **changes)


@pytest.fixture
def limits(tmp_path):
    return small_settings(tmp_path / "home", lease_seconds=30.0, batch_bytes=1000, batch_jobs=100)


@pytest.fixture
def ledger(limits) -> SqlLedger:
    return SqlLedger(limits.jobs)


def only(ledger):
    (job,) = ledger.find(JobFilter())
    return job


class TestClaim:
    def test_closed_by_count_and_by_bytes(self, ledger, limits):
        ledger.submit([request(f"d{i}") for i in range(8)])
        few = replace(limits, batch_jobs=3)
        assert len(batches.claim(ledger, few, "a")) == 3
        small = replace(limits, batch_bytes=25)
        assert len(batches.claim(ledger, small, "b")) == 2
        assert len(batches.claim(ledger, limits, "c")) == 3
        assert batches.claim(ledger, limits, "d") == []

    def test_the_owner_is_this_process(self, ledger, limits):
        ledger.submit([request("a")])
        (job,) = batches.claim(ledger, limits, "b")
        host, pid, started = job.owner.split(":")
        assert (host, pid) == (socket.gethostname(), str(os.getpid())) and started.isdigit()
        assert not batches.is_dead(job.owner)

    def test_a_job_on_its_last_attempt_is_alone(self, ledger, limits):
        ledger.submit([request("a"), request("b")])
        for attempt in range(1, MAX_ATTEMPTS):
            assert len(batches.claim(ledger, limits, f"try {attempt}")) == 2
            ledger.requeue(batch_id=f"try {attempt}")
        assert [len(batches.claim(ledger, limits, name)) for name in "123"] == [1, 1, 0]


class TestDead:
    def test_a_killed_process_gives_its_jobs_back_at_once(self, ledger, limits):
        ledger.submit([request("a")])
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, limits.jobs],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert child.stdout.readline() == "claimed\n"
            assert batches.release_dead(ledger) == []
            assert not batches.is_dead(only(ledger).owner)
            child.kill()
            while not batches.is_dead(only(ledger).owner):
                time.sleep(0.01)  # not yet reaped: a zombie is dead too
            (job,) = batches.release_dead(ledger)
        finally:
            child.kill()
            child.communicate()
        assert (job.status, job.attempt, job.batch_id) == (JobStatus.QUEUED, 2, None)
        assert batches.release_dead(ledger) == []

    @pytest.mark.parametrize(
        "owner",
        [None, "", batches.LAUNCHER, "elsewhere:1:1", f"{socket.gethostname()}:x:1", "a:b:c:d"],
    )
    def test_only_a_lease_tells_of_others(self, owner):
        assert not batches.is_dead(owner)

    def test_another_process_with_the_same_number(self):
        host, pid, started = batches.owner().split(":")
        assert batches.is_dead(f"{host}:{pid}:{int(started) - 1}")

    def test_a_launched_batch_waits_for_its_run(self, ledger, limits):
        ledger.submit([request("a")])
        batches.claim(ledger, limits, "launched", for_launch=True)
        assert batches.release_dead(ledger) == []
        assert only(ledger).status == JobStatus.RUNNING

    def test_an_expired_lease(self, ledger, limits):
        ledger.submit([request("a")])
        ledger.claim("elsewhere", "elsewhere:1:1", lease_seconds=-1)
        assert [job.attempt for job in batches.release_dead(ledger)] == [2]


class TestWorking:
    def test_the_lease_is_renewed_and_the_stage_is_shown(self, ledger, limits):
        short = replace(limits, lease_seconds=0.6)
        ledger.submit([request("a")])
        (before,) = batches.claim(ledger, short, "b")
        with batches.working(ledger, short, "b", "raw"):
            time.sleep(1.0)
            assert batches.release_dead(ledger) == []
            assert only(ledger).stage == "raw"
            assert only(ledger).lease_until > before.lease_until
        assert not any(t.name.startswith("lease-") for t in threading.enumerate())

    def test_a_store_that_fails_once_does_not_end_the_lease(self, ledger, limits):
        class Failing(SqlLedger):
            failures = 1

            def renew(self, batch_id, *, lease_seconds, stages=None):
                if stages is None and self.failures:
                    self.failures -= 1
                    raise Unavailable("locked", "another process holds it")
                return super().renew(batch_id, lease_seconds=lease_seconds, stages=stages)

        short = replace(limits, lease_seconds=0.6)
        failing = Failing(limits.jobs)
        failing.submit([request("a")])
        batches.claim(failing, short, "b")
        with batches.working(failing, short, "b", "raw"):
            time.sleep(1.0)
            assert batches.release_dead(ledger) == []
        assert not failing.failures

    def test_failure_hands_back_and_is_remembered_at_the_last_attempt(self, ledger, limits):
        ledger.submit([request("a")])
        for attempt in range(1, MAX_ATTEMPTS + 1):
            (job,) = batches.claim(ledger, limits, f"b{attempt}")
            assert job.attempt == attempt
            with (
                pytest.raises(ZeroDivisionError),
                batches.working(ledger, limits, f"b{attempt}", "curated"),
            ):
                raise ZeroDivisionError("boom")
        job = only(ledger)
        assert job.status == JobStatus.ERRORED
        assert job.error.code == "internal_error" and "boom" in job.error.message
        assert job.error.place == "stage curated"

    @pytest.mark.parametrize(
        ("raised", "code"),
        [
            (BadInput("odd", "m", place="line 1"), "odd"),
            (KeyboardInterrupt(), "interrupted"),
            (SystemExit(1), "interrupted"),
        ],
    )
    def test_what_is_remembered(self, ledger, limits, raised, code):
        ledger.submit([request("a")])
        for attempt in range(MAX_ATTEMPTS):
            batches.claim(ledger, limits, f"b{attempt}")
            with (
                pytest.raises(type(raised)),
                batches.working(ledger, limits, f"b{attempt}", "raw"),
            ):
                raise raised
        error = only(ledger).error
        assert error.code == code
        assert error.place == ("line 1" if code == "odd" else "stage raw")

    def test_finished_jobs_are_not_handed_back(self, ledger, limits):
        ledger.submit([request("a"), request("b")])
        first, _ = batches.claim(ledger, limits, "b")
        with pytest.raises(OSError), batches.working(ledger, limits, "b", "raw"):
            ledger.finish("b", [JobOutcome(first.job_id, "a", JobStatus.SUCCEEDED)])
            raise OSError("disk")
        states = {job.dataset_id: job.status for job in ledger.find(JobFilter())}
        assert states == {"a": JobStatus.SUCCEEDED, "b": JobStatus.QUEUED}

    def test_held_are_the_running_jobs_of_the_batch(self, ledger, limits):
        ledger.submit([request("a"), request("b", action=JobAction.DELETE)])
        batches.claim(ledger, limits, "b")
        assert len(batches.held(ledger, "b")) == 2
        assert batches.held(ledger, "other") == []


def test_marks_reach_the_ledger_but_not_too_often(ledger, limits, monkeypatch):
    monkeypatch.setattr(batches, "MARK_SECONDS", 0.0)
    ledger.submit([request("d1"), request("d2")])
    first, second = batches.claim(ledger, limits, "b")
    batches.Marks(ledger, limits, "b", "normalized")(first)
    stages = {job.job_id: job.stage for job in ledger.find(JobFilter())}
    assert stages == {first.job_id: "normalized", second.job_id: ""}
    monkeypatch.setattr(batches, "MARK_SECONDS", 60.0)
    batches.Marks(ledger, limits, "b", "normalized")(second)
    assert [job.stage for job in ledger.find(JobFilter(job_ids=[second.job_id]))] == [""]
