"""The contract suite of job ledgers: subclass it and give `open_ledger` and `address`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from polly_resources.errors import Conflict
from polly_resources.jobs.base import MAX_ATTEMPTS, JobLedger
from polly_resources.records import (
    Failure,
    Job,
    JobAction,
    JobFilter,
    JobOutcome,
    JobRequest,
    JobStatus,
    Notice,
    Priority,
)

S = JobStatus
LEASE = 60.0

_CLAIMERS = """
import os, sys
from polly_resources.backends import open_backend

ledger = open_backend("jobs", sys.stdin.read())
children = []
for number in range(int(sys.argv[1])):
    children.append(os.fork())
    if children[-1] == 0:
        batch = f"b{number}"
        while jobs := ledger.claim(batch, "w", lease_seconds=3600, max_jobs=3):
            words = [batch, str(os.getpid()), *(job.job_id for job in jobs)]
            os.write(1, (" ".join(words) + "\\n").encode())
        os._exit(0)
for child in children:
    os.waitpid(child, 0)
"""
"""Processes that claim all there is and tell of each claim: batch, process, job ids."""


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_seconds(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def request(source: str = "a", fingerprint: str = "f1", **changes: object) -> JobRequest:
    base = JobRequest(
        atlas="demo",
        shard=0,
        action=JobAction.INGEST,
        source=f"landing/demo/{source}.gct",
        dataset_id=source,
        fingerprint=fingerprint,
        etag=f"etag-{fingerprint}",
        size=100,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def done(job: Job, status: JobStatus = S.SUCCEEDED, **changes: object) -> JobOutcome:
    return replace(JobOutcome(job.job_id, job.dataset_id, status), **changes)  # type: ignore[arg-type]


class JobLedgerContract(ABC):
    """What every ledger does."""

    @abstractmethod
    def open_ledger(self, folder: Path, clock: Callable[[], datetime]) -> JobLedger:
        """A handle on the ledger of the folder; a second call opens the same ledger."""

    @abstractmethod
    def address(self, folder: Path) -> str:
        """Where another process finds the ledger of the folder; with its password."""

    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()

    @pytest.fixture
    def reopen(self, tmp_path: Path, clock: Clock) -> Callable[[], JobLedger]:
        return lambda: self.open_ledger(tmp_path, clock)

    @pytest.fixture
    def ledger(self, reopen: Callable[[], JobLedger]) -> JobLedger:
        return reopen()

    def run(self, ledger: JobLedger, status: JobStatus = S.SUCCEEDED, batch: str = "run") -> Job:
        """Claim one job and end it."""
        [job] = ledger.claim(batch, "w", lease_seconds=LEASE, max_jobs=1)
        ledger.finish(batch, [done(job, status)])
        return ledger.find(JobFilter(job_ids=[job.job_id]))[0]

    # Submitting

    def test_it_says_what_serves_it(self, ledger):
        assert len(ledger.about()) > 3

    def test_a_new_job_has_all_that_was_asked(self, ledger, reopen, clock):
        asked = request(shard=3, priority=Priority.HIGH, size=7)
        [job] = ledger.submit([asked])
        for name in JobRequest.__dataclass_fields__:
            assert getattr(job, name) == getattr(asked, name)
        assert (job.status, job.attempt, job.created_at) == (S.QUEUED, 1, clock.now)
        assert job.batch_id is job.owner is job.lease_until is job.error is None
        assert reopen().find(JobFilter()) == [job]

    def test_an_empty_ledger_answers_with_nothing(self, ledger):
        assert ledger.submit([]) == []
        assert ledger.find(JobFilter()) == []
        assert ledger.claim("b", "w", lease_seconds=LEASE) == []
        assert ledger.requeue() == []
        assert ledger.renew("b", lease_seconds=LEASE) == 0

    def test_ids_sort_by_creation_even_if_the_clock_goes_back(self, ledger, reopen, clock):
        first = ledger.submit([request(f"s{i}") for i in range(50)])
        clock.pass_seconds(-3600)
        second = reopen().submit([request(f"t{i}") for i in range(50)])
        ids = [job.job_id for job in first + second]
        assert ids == sorted(set(ids))

    def test_an_equal_request_returns_the_queued_or_running_job(self, ledger):
        [job] = ledger.submit([request()])
        assert ledger.submit([request(), request()]) == [job, job]
        [running] = ledger.claim("b", "w", lease_seconds=LEASE)
        assert ledger.submit([request()]) == [running]
        assert len(ledger.find(JobFilter())) == 1

    @pytest.mark.parametrize(
        "change", [{"action": JobAction.RECURATE}, {"atlas": "other"}, {"source": "elsewhere"}]
    )
    def test_requests_that_differ_are_jobs_of_their_own(self, ledger, change):
        jobs = ledger.submit([request(), replace(request(), **change)])
        assert len({job.job_id for job in jobs}) == 2

    def test_one_call_treats_requests_in_order(self, ledger):
        jobs = ledger.submit([request(), request(), request(fingerprint="f2"), request("b")])
        assert [job.job_id for job in jobs[:3]] == [jobs[0].job_id] * 3
        assert {job.fingerprint for job in jobs[:3]} == {"f2"}
        assert len(ledger.find(JobFilter())) == 2

    def test_a_newer_content_overtakes_the_queued_ingest(self, ledger, clock):
        [old] = ledger.submit([request(priority=Priority.HIGH)])
        clock.pass_seconds(5)
        [new] = ledger.submit([request(fingerprint="f2", size=9, shard=2)])
        assert new == replace(old, fingerprint="f2", etag="etag-f2", size=9, shard=2)
        assert ledger.find(JobFilter()) == [new]

    def test_a_newer_content_waits_behind_the_running_ingest(self, ledger):
        ledger.submit([request()])
        ledger.claim("b", "w", lease_seconds=LEASE)
        [new] = ledger.submit([request(fingerprint="f2")])
        assert new.status == S.QUEUED
        assert ledger.claim("b2", "w", lease_seconds=LEASE) == []
        assert len(ledger.find(JobFilter())) == 2

    def test_a_known_content_is_unchanged(self, ledger, clock):
        ledger.submit([request()])
        self.run(ledger)
        [job] = ledger.submit([request(etag="touched")])
        assert (job.status, job.etag, job.finished_at) == (S.UNCHANGED, "touched", clock.now)
        assert ledger.submit([request()])[0].status == S.UNCHANGED
        assert ledger.claim("b", "w", lease_seconds=LEASE) == []

    @pytest.mark.parametrize("status", [S.ERRORED, S.DELETED])
    def test_only_a_success_makes_a_content_known(self, ledger, status):
        ledger.submit([request()])
        self.run(ledger, status)
        assert ledger.submit([request()])[0].status == S.QUEUED

    def test_only_the_newest_ingest_counts(self, ledger, clock):
        for fingerprint in ("f1", "f2"):
            clock.pass_seconds(1)
            ledger.submit([request(fingerprint=fingerprint)])
            self.run(ledger, batch=fingerprint)
        assert ledger.submit([request(fingerprint="f1")])[0].status == S.QUEUED

    def test_nothing_is_unchanged_while_another_content_is_read(self, ledger):
        ledger.submit([request()])
        self.run(ledger)
        ledger.submit([request(fingerprint="f2")])
        ledger.claim("b", "w", lease_seconds=LEASE)
        assert ledger.submit([request()])[0].status == S.QUEUED

    def test_a_deleted_dataset_is_ingested_again(self, ledger, clock):
        ledger.submit([request()])
        self.run(ledger)
        clock.pass_seconds(1)
        ledger.submit([request("by-hand", "", action=JobAction.DELETE, dataset_id="a")])
        assert ledger.submit([request()])[0].status == S.QUEUED
        self.run(ledger, S.DELETED, batch="delete")
        clock.pass_seconds(1)
        self.run(ledger, batch="again")
        assert ledger.submit([request()])[0].status == S.UNCHANGED

    def test_a_deleted_further_dataset_is_ingested_again(self, ledger, clock):
        ledger.submit([request()])
        [job] = ledger.claim("b", "w", lease_seconds=LEASE)
        ledger.finish("b", [done(job), done(job, dataset_id="a_2")])
        assert ledger.submit([request()])[0].status == S.UNCHANGED
        clock.pass_seconds(1)
        ledger.submit([request(action=JobAction.DELETE, dataset_id="a_2", fingerprint="")])
        self.run(ledger, S.DELETED)
        assert ledger.submit([request()])[0].status == S.QUEUED

    def test_a_file_with_a_failed_dataset_is_ingested_again(self, ledger):
        ledger.submit([request()])
        [job] = ledger.claim("b", "w", lease_seconds=LEASE)
        ledger.finish("b", [done(job), done(job, S.ERRORED, dataset_id="a_2")])
        assert ledger.submit([request()])[0].status == S.QUEUED

    def test_many_requests_keep_their_order(self, ledger):
        jobs = ledger.submit([request(f"s{i}") for i in range(1200)])
        assert [job.dataset_id for job in jobs] == [f"s{i}" for i in range(1200)]
        assert ledger.submit([request(f"s{i}") for i in range(1200)]) == jobs

    # Claiming

    def test_a_claim_sets_batch_owner_and_lease(self, ledger, reopen, clock):
        ledger.submit([request()])
        clock.pass_seconds(2)
        [job] = ledger.claim("b", "me", lease_seconds=30)
        assert (job.status, job.batch_id, job.owner) == (S.RUNNING, "b", "me")
        assert job.started_at == clock.now
        assert job.lease_until == clock.now + timedelta(seconds=30)
        assert reopen().find(JobFilter(batch_id="b")) == [job]

    def test_high_priority_first_then_oldest(self, ledger):
        order = [Priority.LOW, Priority.HIGH, Priority.MEDIUM, Priority.HIGH]
        ledger.submit([request(f"s{i}", priority=p) for i, p in enumerate(order)])
        jobs = ledger.claim("b", "w", lease_seconds=LEASE)
        assert [job.dataset_id for job in jobs] == ["s1", "s3", "s2", "s0"]

    def test_a_claim_has_one_atlas_and_shard(self, ledger):
        ledger.submit(
            [
                request("x", atlas="z"),
                request("y"),
                request("v", atlas="z", shard=1),
                request("w", atlas="z"),
            ]
        )
        claims = [ledger.claim(f"b{i}", "w", lease_seconds=LEASE) for i in range(4)]
        assert [[j.dataset_id for j in jobs] for jobs in claims] == [["x", "w"], ["y"], ["v"], []]

    def test_jobs_and_bytes_close_a_claim_in_order(self, ledger):
        ledger.submit([request(f"s{i}", size=size) for i, size in enumerate([50, 40, 30, 5])])
        names = lambda jobs: [job.dataset_id for job in jobs]  # noqa: E731
        assert names(ledger.claim("a", "w", lease_seconds=LEASE, max_bytes=100)) == ["s0", "s1"]
        assert names(ledger.claim("b", "w", lease_seconds=LEASE, max_bytes=10)) == ["s2"]
        assert ledger.claim("c", "w", lease_seconds=LEASE, max_jobs=0) == []
        assert names(ledger.claim("c", "w", lease_seconds=LEASE, max_jobs=1)) == ["s3"]

    def test_a_source_has_one_running_job(self, ledger):
        ledger.submit([request(), request(action=JobAction.RECURATE), request("b")])
        jobs = ledger.claim("b1", "w", lease_seconds=LEASE)
        assert [job.dataset_id for job in jobs] == ["a", "b"]
        assert ledger.claim("b2", "w", lease_seconds=LEASE) == []
        ledger.finish("b1", [done(jobs[0])])
        [left] = ledger.claim("b2", "w", lease_seconds=LEASE)
        assert left.action == JobAction.RECURATE

    def test_a_claim_takes_only_what_the_filter_matches(self, ledger):
        jobs = ledger.submit([request(f"s{i}", shard=i) for i in range(4)])
        claim = lambda f: ledger.claim("b", "w", lease_seconds=LEASE, filter=f)  # noqa: E731
        assert claim(JobFilter(atlas="other")) == []
        assert claim(JobFilter(statuses=[S.ERRORED])) == []
        assert [j.shard for j in claim(JobFilter(atlas="demo", shard=2))] == [2]
        assert [j.job_id for j in claim(JobFilter(job_ids=[jobs[3].job_id]))] == [jobs[3].job_id]
        assert [j.source for j in claim(JobFilter(sources=[jobs[1].source]))] == [jobs[1].source]
        assert [j.dataset_id for j in claim(JobFilter(dataset_ids=["s0"]))] == ["s0"]

    def test_each_job_goes_to_one_of_many_claimers(self, ledger, reopen):
        jobs = ledger.submit([request(f"s{i}") for i in range(48)])
        handles = [reopen() for _ in range(4)]

        def work(number: int) -> list[str]:
            mine: list[str] = []
            while got := handles[number % 4].claim(
                f"b{number}", "w", lease_seconds=LEASE, max_jobs=2
            ):
                mine += [job.job_id for job in got]
            return mine

        with ThreadPoolExecutor(16) as pool:
            claimed = [job_id for ids in pool.map(work, range(16)) for job_id in ids]
        assert sorted(claimed) == [job.job_id for job in jobs]

    def test_each_job_goes_to_one_of_many_processes_and_a_kill_loses_none(self, ledger, tmp_path):
        jobs = ledger.submit([request(f"s{i}") for i in range(300)])
        told: list[tuple[str, str]] = []
        killed = ""
        command = [sys.executable, "-c", _CLAIMERS, "16"]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as processes:
            assert processes.stdin is not None
            assert processes.stdout is not None
            processes.stdin.write(self.address(tmp_path))
            processes.stdin.close()
            for line in processes.stdout:
                batch, pid, *ids = line.split()
                told += [(job_id, batch) for job_id in ids]
                if not killed:
                    killed = batch
                    os.kill(int(pid), signal.SIGKILL)
        assert processes.returncode == 0
        held = {job.job_id: str(job.batch_id) for job in ledger.find(JobFilter())}
        assert held.keys() == {job.job_id for job in jobs}
        assert len(told) == len(dict(told)), "no job is told of twice"
        assert held | dict(told) == held
        untold = {job_id for job_id, batch in held.items() if batch == killed}
        assert held.keys() - dict(told).keys() <= untold
        released = ledger.requeue(batch_id=killed)
        assert {job.job_id for job in released} == untold
        assert {job.status for job in released} == {S.QUEUED}

    # Leases

    def test_renewal_keeps_a_lease_and_sets_stages(self, ledger, clock):
        ledger.submit([request("x"), request("y")])
        one, two = ledger.claim("b", "w", lease_seconds=10)
        clock.pass_seconds(9)
        assert ledger.renew("b", lease_seconds=10, stages={one.job_id: "raw", "none": "?"}) == 2
        clock.pass_seconds(9)
        assert ledger.requeue() == []
        found = {job.job_id: job for job in ledger.find(JobFilter())}
        assert (found[one.job_id].stage, found[two.job_id].stage) == ("raw", "")
        ledger.finish("b", [done(one)])
        assert ledger.renew("b", lease_seconds=10, stages={one.job_id: "late"}) == 1
        assert ledger.renew("other", lease_seconds=10, stages={two.job_id: "theirs"}) == 0
        assert {job.stage for job in ledger.find(JobFilter())} == {"raw", ""}

    def test_an_expired_lease_returns_the_job(self, ledger, clock):
        ledger.submit([request()])
        [lost] = ledger.claim("b", "w", lease_seconds=10)
        clock.pass_seconds(10)
        [job] = ledger.requeue()
        assert (job.job_id, job.status, job.attempt) == (lost.job_id, S.QUEUED, 2)
        assert job.batch_id is job.owner is job.lease_until is job.started_at is None
        assert ledger.requeue() == []

    def test_a_job_out_of_attempts_is_errored(self, ledger, clock):
        ledger.submit([request()])
        for attempt in range(1, MAX_ATTEMPTS + 1):
            [job] = ledger.claim(f"b{attempt}", "w", lease_seconds=10)
            assert job.attempt == attempt
            clock.pass_seconds(11)
            [job] = ledger.requeue()
        assert (job.status, job.finished_at) == (S.ERRORED, clock.now)
        assert job.error is not None
        assert job.error.code == "lease_expired"
        assert ledger.claim("b", "w", lease_seconds=10) == []

    def test_batches_and_jobs_are_released_whatever_their_lease(self, ledger):
        ledger.submit([request(f"s{i}") for i in range(3)])
        one, two, three = ledger.claim("b", "w", lease_seconds=LEASE)
        assert ledger.requeue(batch_id="other") == []
        assert [j.job_id for j in ledger.requeue(job_ids=[one.job_id])] == [one.job_id]
        assert [j.job_id for j in ledger.requeue(batch_id="b")] == [two.job_id, three.job_id]
        assert {job.attempt for job in ledger.find(JobFilter(statuses=[S.QUEUED]))} == {2}

    def test_a_lost_worker_cannot_write(self, ledger, clock):
        ledger.submit([request()])
        [job] = ledger.claim("lost", "w", lease_seconds=10)
        clock.pass_seconds(11)
        ledger.requeue()
        late = [done(job), done(job, dataset_id="a_2")]
        ledger.finish("lost", late)
        assert ledger.renew("lost", lease_seconds=10) == 0
        [again] = ledger.claim("new", "w", lease_seconds=10)
        ledger.finish("lost", late)
        assert ledger.find(JobFilter()) == [again]

    def test_a_lost_worker_cannot_write_after_the_last_attempt(self, ledger, clock):
        ledger.submit([request()])
        for _ in range(MAX_ATTEMPTS):
            [job] = ledger.claim("lost", "w", lease_seconds=10)
            clock.pass_seconds(11)
            errored = ledger.requeue()
        ledger.finish("lost", [done(job), done(job, dataset_id="a_2")])
        assert ledger.find(JobFilter()) == errored

    # Outcomes

    def test_an_outcome_is_recorded_whole(self, ledger, reopen, clock):
        ledger.submit([request()])
        [job] = ledger.claim("b", "w", lease_seconds=LEASE)
        clock.pass_seconds(3)
        outcome = JobOutcome(
            job.job_id,
            "real-id",
            S.ERRORED,
            format="gct",
            samples=12,
            features=20_000,
            seconds=0.25,
            warnings=(Notice("odd", "ça va", "line 3"), Notice("odder", "x")),
            error=Failure("bad", "m", "f", "p", "h"),
        )
        ledger.finish("b", [outcome])
        [found] = reopen().find(JobFilter())
        for name in JobOutcome.__dataclass_fields__:
            assert getattr(found, name) == getattr(outcome, name)
        assert (found.finished_at, found.lease_until, found.batch_id) == (clock.now, None, "b")

    def test_further_datasets_of_a_file_become_jobs(self, ledger):
        ledger.submit([request(shard=1), request("next", shard=1)])
        job, other = ledger.claim("b", "w", lease_seconds=LEASE)
        outcomes = [
            done(job, dataset_id="a_1", samples=1),
            done(job, S.ERRORED, dataset_id="a_2", error=Failure("bad", "m")),
            done(other),
            done(job, dataset_id="a_3", samples=3),
        ]
        ledger.finish("b", outcomes)
        found = ledger.find(JobFilter(batch_id="b"))
        assert [j.dataset_id for j in found] == ["next", "a_3", "a_2", "a_1"]
        assert [j.status for j in found] == [S.SUCCEEDED, S.SUCCEEDED, S.ERRORED, S.SUCCEEDED]
        assert [j.samples for j in found] == [None, 3, None, 1]
        assert found[3].job_id == job.job_id
        for extra in found[1:3]:
            for name in ("atlas", "shard", "action", "source", "fingerprint", "etag", "attempt"):
                assert getattr(extra, name) == getattr(job, name)

    def test_repeating_a_finish_changes_nothing(self, ledger, clock):
        ledger.submit([request()])
        [job] = ledger.claim("b", "w", lease_seconds=LEASE)
        outcomes = [done(job), done(job, dataset_id="a_2"), done(job, dataset_id="a_2")]
        ledger.finish("b", outcomes)
        before = ledger.find(JobFilter())
        clock.pass_seconds(1)
        ledger.finish("b", [*outcomes, done(job, S.ERRORED)])
        assert ledger.find(JobFilter()) == before
        ledger.finish("b", [done(job, dataset_id="a_3")])
        assert [j.dataset_id for j in ledger.find(JobFilter())] == ["a_3", "a_2", "a"]

    @pytest.mark.parametrize("status", [S.QUEUED, S.RUNNING, S.UNCHANGED])
    def test_what_is_no_end_is_refused(self, ledger, status):
        ledger.submit([request()])
        [job] = ledger.claim("b", "w", lease_seconds=LEASE)
        with pytest.raises(Conflict) as caught:
            ledger.finish("b", [done(job, status)])
        assert caught.value.code == "illegal_move"
        assert ledger.find(JobFilter()) == [job]

    def test_ended_jobs_do_not_move(self, ledger, clock):
        ledger.submit([request(f"s{i}") for i in range(3)])
        for i, status in enumerate((S.SUCCEEDED, S.DELETED, S.ERRORED)):
            self.run(ledger, status, batch=f"b{i}")
        ledger.submit([request("s0")])
        before = ledger.find(JobFilter())
        assert {job.status for job in before} == {S.SUCCEEDED, S.DELETED, S.ERRORED, S.UNCHANGED}
        clock.pass_seconds(1000)
        ids = [job.job_id for job in before]
        assert ledger.requeue() == ledger.requeue(job_ids=ids) == []
        assert ledger.claim("b", "w", lease_seconds=LEASE) == []
        assert ledger.find(JobFilter()) == before
        retried = ledger.requeue(job_ids=ids, retry=True)
        assert [job.dataset_id for job in retried] == ["s2"]

    def test_a_retry_starts_afresh(self, ledger, clock):
        ledger.submit([request()])
        for _ in range(MAX_ATTEMPTS):
            ledger.claim("b", "w", lease_seconds=1)
            clock.pass_seconds(2)
            [lost] = ledger.requeue()
        assert ledger.requeue(retry=True) == []
        [job] = ledger.requeue(job_ids=[lost.job_id], retry=True)
        assert (job.status, job.attempt, job.error, job.finished_at) == (S.QUEUED, 1, None, None)
        assert self.run(ledger).status == S.SUCCEEDED

    # Finding

    def test_every_filter_restricts(self, ledger):
        jobs = ledger.submit(
            [request("x"), request("y", shard=1), request("z", atlas="other"), request("v")]
        )
        x, y, z, v = jobs
        [claimed] = ledger.claim("b", "w", lease_seconds=LEASE, filter=JobFilter(shard=1))
        names = lambda **f: [j.dataset_id for j in ledger.find(JobFilter(**f))]  # noqa: E731
        assert names() == ["v", "z", "y", "x"]
        assert names(atlas="demo") == ["v", "y", "x"]
        assert names(shard=0) == ["v", "z", "x"]
        assert names(job_ids=[x.job_id, v.job_id, x.job_id]) == ["v", "x"]
        assert names(statuses=[S.RUNNING, S.ERRORED]) == ["y"]
        assert names(sources=[z.source, y.source]) == ["z", "y"]
        assert names(dataset_ids=["v"]) == ["v"]
        assert names(batch_id="b") == [claimed.dataset_id]
        assert names(atlas="demo", statuses=[S.QUEUED], dataset_ids=["x", "y"]) == ["x"]
        assert names(limit=2) == ["v", "z"]
        assert names(limit=0) == []

    def test_pages_join_to_the_whole(self, ledger):
        ledger.submit([request(f"s{i}") for i in range(25)])
        whole = ledger.find(JobFilter())
        pages: list[Job] = []
        while page := ledger.find(JobFilter(limit=7, after=pages[-1].job_id if pages else None)):
            pages += page
        assert pages == whole
        assert len(whole) == 25

    def test_very_long_lists_are_answered(self, ledger):
        ledger.submit([request(f"s{i}") for i in range(3)])
        many = [f"landing/demo/s{i}.gct" for i in range(70_000)]
        found = ledger.find(JobFilter(sources=many, limit=2))
        assert [job.dataset_id for job in found] == ["s2", "s1"]

    def test_the_latest_of_each_source(self, ledger, clock):
        ledger.submit([request("x"), request("y"), request("x", atlas="other")])
        for batch in ("b1", "b2", "b3"):
            clock.pass_seconds(1)
            self.run(ledger, S.ERRORED, batch=batch)
        newer = ledger.submit([request("x", "f2")])
        latest = ledger.find(JobFilter(latest_per_source=True))
        assert [(j.atlas, j.dataset_id, j.status) for j in latest] == [
            ("demo", "x", S.QUEUED),
            ("other", "x", S.ERRORED),
            ("demo", "y", S.ERRORED),
        ]
        assert latest[0] == newer[0]
        failed = JobFilter(atlas="demo", statuses=[S.ERRORED], latest_per_source=True)
        assert [job.dataset_id for job in ledger.find(failed)] == ["y"]
