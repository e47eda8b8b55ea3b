"""The SQL ledger: the contract, its model, and what is particular to SQLite."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import pytest

from polly_resources.errors import Misconfigured, Unavailable
from polly_resources.jobs.base import JobLedger
from polly_resources.jobs.sql import SqlLedger
from polly_resources.records import JobFilter, JobStatus
from tests.contracts.jobs import JobLedgerContract, request
from tests.contracts.jobs_model import ledger_machine

TestSqlLedgerModel = ledger_machine(
    lambda folder, clock: SqlLedger(f"sqlite:///{folder}/jobs.db", clock=clock)
).TestCase

_WORKER = """
import sys
from polly_resources.jobs.sql import SqlLedger
ledger = SqlLedger(sys.argv[1])
input()
while jobs := ledger.claim(sys.argv[2], "w", lease_seconds=3600, max_jobs=3):
    print(*(job.job_id for job in jobs), flush=True)
"""


def worker(address: str, batch: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", _WORKER, address, batch]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def start(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


class TestSqlLedger(JobLedgerContract):
    def open_ledger(self, folder: Path, clock: Callable[[], datetime]) -> JobLedger:
        return SqlLedger(f"sqlite:///{folder}/deep/jobs.db", clock=clock)


def test_nothing_is_made_before_first_use(tmp_path):
    SqlLedger(f"sqlite:///{tmp_path}/new/jobs.db")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("slashes", ["sqlite://", "sqlite:///"])
def test_addresses_are_absolute_and_percent_encoded(tmp_path, slashes):
    SqlLedger(f"{slashes}{tmp_path}/odd%20name %2520 ?.db").submit([request()])
    assert (tmp_path / "odd name %20 ?.db").is_file()


@pytest.mark.parametrize("address", ["sqlite://", "sqlite:///", "jobs.db", "postgres://x/y"])
def test_an_address_without_a_path_is_refused(address):
    with pytest.raises(Misconfigured, match="cannot be used"):
        SqlLedger(address)


def test_a_ledger_held_too_long_is_unavailable(tmp_path):
    ledger = SqlLedger(f"sqlite:///{tmp_path}/jobs.db", busy_seconds=0.05)
    ledger.submit([request()])
    holder = sqlite3.connect(tmp_path / "jobs.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable) as caught:
        ledger.claim("b", "w", lease_seconds=1)
    assert caught.value.code == "ledger_unavailable"
    assert len(ledger.find(JobFilter())) == 1, "readers do not wait for writers"
    holder.execute("ROLLBACK")
    holder.close()
    assert len(ledger.claim("b", "w", lease_seconds=1)) == 1


def test_a_file_that_is_no_database_is_named(tmp_path):
    path = tmp_path / "jobs.db"
    path.write_text("this is a text file, not a database; " * 50)
    with pytest.raises(Misconfigured) as caught:
        SqlLedger(f"sqlite:///{path}").find(JobFilter())
    assert caught.value.code == "ledger_unreadable"
    assert caught.value.file == str(path)


def test_a_path_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / "jobs.db", tmp_path):
        with pytest.raises(Misconfigured, match="cannot be used"):
            SqlLedger(f"sqlite:///{path}").submit([request()])


def test_many_threads_may_open_a_new_ledger_at_once(tmp_path):
    ledgers = [SqlLedger(f"sqlite:///{tmp_path}/jobs.db") for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: ledgers[i].submit([request(f"s{i}")]), range(8)))
    assert len(ledgers[0].find(JobFilter())) == 8


def test_processes_share_the_jobs_and_a_kill_loses_none(tmp_path):
    address = f"sqlite:///{tmp_path}/jobs.db"
    ledger = SqlLedger(address)
    jobs = ledger.submit([request(f"s{i}") for i in range(400)])
    workers = [worker(address, f"b{i}") for i in range(3)]
    start(workers[0])
    assert workers[0].stdout is not None
    first = workers[0].stdout.readline().split()
    for process in workers[1:]:
        start(process)
    os.kill(workers[0].pid, signal.SIGKILL)
    outputs = [process.communicate(timeout=60)[0].split() for process in workers]
    told = outputs[1] + outputs[2]
    assert len(told) == len(set(told))
    by_batch = {
        f"b{i}": {j.job_id for j in ledger.find(JobFilter(batch_id=f"b{i}"))} for i in range(3)
    }
    assert by_batch["b1"] | by_batch["b2"] == set(told)
    assert {*first, *outputs[0]} <= by_batch["b0"]
    assert sum(map(len, by_batch.values())) == len(jobs)
    released = ledger.requeue(batch_id="b0")
    assert {job.status for job in released} == {JobStatus.QUEUED}
    assert len(released) + len(told) == len(jobs)


def test_times_are_utc(tmp_path):
    [job] = SqlLedger(f"sqlite:///{tmp_path}/jobs.db").submit([request()])
    assert job.created_at.utcoffset() is not None
    assert abs(job.created_at.timestamp() - time.time()) < 60
