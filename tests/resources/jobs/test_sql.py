"""The SQL ledger: the contract and its model on SQLite, its files, and addresses of PostgreSQL."""

from __future__ import annotations

import sqlite3
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import pytest

from polly_resources import jobs
from polly_resources.errors import BadInput, Misconfigured, Unavailable
from polly_resources.jobs.base import JobLedger
from polly_resources.jobs.sql import SqlLedger
from polly_resources.records import JobFilter
from tests.contracts.jobs import JobLedgerContract, request
from tests.contracts.jobs_model import ledger_machine

TestSqlLedgerModel = ledger_machine(
    lambda folder, clock: SqlLedger(f"sqlite:///{folder}/jobs.db", clock=clock)
).TestCase


class TestSqlLedger(JobLedgerContract):
    TESTED = ("`sqlite://`",)

    def open_ledger(self, folder: Path, clock: Callable[[], datetime]) -> JobLedger:
        return SqlLedger(self.address(folder), clock=clock)

    def address(self, folder: Path) -> str:
        return f"sqlite:///{folder}/deep/jobs.db"


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


def test_times_are_utc(tmp_path):
    [job] = SqlLedger(f"sqlite:///{tmp_path}/jobs.db").submit([request()])
    assert job.created_at.utcoffset() is not None
    assert abs(job.created_at.timestamp() - time.time()) < 60


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("postgresql://polly:secret@host/polly?sslmod=require", "unknown option sslmod"),
        ("postgresql://polly:secret@host/polly?sslmode=always", "sslmode 'always'"),
        ("postgresql://polly:secret@host/polly?connect_timeout=soon", "connect_timeout 'soon'"),
        ("postgresql://polly:secret@host/polly?schema=Polly%20Jobs", "schema 'Polly Jobs'"),
        ("postgresql://polly:secret@host/polly?schema=", "schema ''"),
        ("postgresql://polly:secret@host:port/polly", "'host:port' is not HOST:PORT"),
        ("postgres://polly:secret@host/polly", "its scheme is none of postgresql://, sqlite://"),
    ],
)
def test_addresses_of_postgresql_are_checked_before_use(address, why):
    with pytest.raises(Misconfigured, match=why) as caught:
        SqlLedger(address)
    assert caught.value.code == "bad_address"
    assert "secret" not in str(caught.value)


def test_postgresql_without_its_driver_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    monkeypatch.delitem(sys.modules, "polly_resources.jobs.sql_psycopg", raising=False)
    monkeypatch.delattr(jobs, "sql_psycopg", raising=False)
    with pytest.raises(Misconfigured, match="needs psycopg") as caught:
        SqlLedger("postgresql://polly@127.0.0.1/polly")
    assert caught.value.hint == "pip install 'polly-open[servers]'"


def test_names_that_are_not_unicode_are_refused(tmp_path):
    ledger = SqlLedger(f"sqlite:///{tmp_path}/jobs.db")
    with pytest.raises(BadInput) as caught:
        ledger.submit([request(), request("\udce9")])
    assert caught.value.code == "ledger_value"
    assert ledger.find(JobFilter()) == []
