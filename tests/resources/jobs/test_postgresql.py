"""The SQL ledger on a real PostgreSQL: the contract, its model, crashes, and names and numbers.

Errors of a server that is away, slow, full or says no are in `test_postgresql_errors`.
"""

from __future__ import annotations

import hashlib
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis.stateful import run_state_machine_as_test

from polly_resources.addresses import insert_password
from polly_resources.errors import BadInput, Transient
from polly_resources.jobs.base import JobLedger
from polly_resources.jobs.sql import SqlLedger
from polly_resources.records import Job, JobFilter, JobStatus
from tests.contracts.jobs import JobLedgerContract, done, request
from tests.contracts.jobs_model import ledger_machine
from tests.servers.postgres import Postgres

pytestmark = pytest.mark.servers

LEASE = 60.0


def schema_of(folder: Path) -> str:
    return "t" + hashlib.sha256(str(folder).encode()).hexdigest()[:20]


def new_address(server: Postgres, **options: str) -> str:
    """A ledger that nobody has used, with its password."""
    options.setdefault("schema", f"t{uuid.uuid4().hex}")
    query = "&".join(f"{name}={value}" for name, value in options.items())
    return f"{insert_password(server.address, server.PASSWORD)}?{query}"


@pytest.fixture
def server(servers) -> Postgres:
    return servers.get(Postgres)


@pytest.fixture
def own_server(servers):
    """A server that the test may kill."""
    server = servers.new(Postgres)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def address(server) -> str:
    return new_address(server)


class TestPostgresql(JobLedgerContract):
    TESTED = ("`postgresql://`", "PostgreSQL")

    @pytest.fixture(autouse=True)
    def _on_server(self, server):
        self.server = server

    def open_ledger(self, folder: Path, clock: Callable[[], datetime]) -> JobLedger:
        return SqlLedger(self.address(folder), clock=clock)

    def address(self, folder: Path) -> str:
        return new_address(self.server, schema=schema_of(folder))


def test_the_model_agrees(server):
    machine = ledger_machine(
        lambda folder, clock: SqlLedger(new_address(server, schema=schema_of(folder)), clock=clock)
    )
    run_state_machine_as_test(machine, settings=machine.TestCase.settings)


# Crashes


def test_a_server_killed_between_calls_loses_no_acknowledged_change(own_server):
    ledger = SqlLedger(new_address(own_server))
    acts: list[Callable[[], object]] = [
        lambda: ledger.submit([request(f"s{i}") for i in range(20)]),
        lambda: ledger.claim("b", "w", lease_seconds=LEASE, max_jobs=5),
        lambda: ledger.finish("b", [done(job) for job in ledger.find(JobFilter(batch_id="b"))[:3]]),
        lambda: ledger.requeue(batch_id="b"),
    ]
    for act in acts:
        act()
        before = ledger.find(JobFilter())
        own_server.kill()
        own_server.start()
        assert ledger.find(JobFilter()) == before
    assert {job.attempt for job in before} == {1, 2}


def test_a_server_killed_under_writers_loses_no_acknowledged_job(own_server):
    address = new_address(own_server)
    SqlLedger(address).find(JobFilter())
    acknowledged: list[Job] = []
    ended = threading.Barrier(5)

    def write(number: int) -> None:
        ledger = SqlLedger(address)
        try:
            for i in range(100_000):
                acknowledged.extend(ledger.submit([request(f"w{number}-{i}")]))
        except Transient:
            ended.wait(timeout=60)

    with ThreadPoolExecutor(4) as pool:
        writers = [pool.submit(write, number) for number in range(4)]
        while len(acknowledged) < 50 and not any(writer.done() for writer in writers):
            threading.Event().wait(0.01)
        own_server.kill()
        ended.wait(timeout=60)
        for writer in writers:
            writer.result()
    own_server.start()
    found = {job.job_id: job for job in SqlLedger(address).find(JobFilter(limit=1_000_000))}
    assert all(found[job.job_id] == job for job in acknowledged)
    assert len(found) <= len(acknowledged) + 4, "one unanswered job of each writer at most"


def test_a_restart_in_mid_life_is_not_seen_or_passes(own_server):
    ledger = SqlLedger(new_address(own_server))
    [job] = ledger.submit([request()])
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: ledger.find(JobFilter()), range(8)))
    own_server.stop()
    with pytest.raises(Transient):
        ledger.find(JobFilter())
    own_server.start()
    assert ledger.find(JobFilter()) == [job]
    assert ledger.claim("b", "w", lease_seconds=LEASE)[0].job_id == job.job_id


def test_connections_that_the_server_ended_are_replaced(server, address):
    ledger = SqlLedger(address)
    ledger.submit([request()])
    with server.connect() as polly:
        polly.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE usename = 'polly' AND pid <> pg_backend_pid()"
        )
    assert len(ledger.find(JobFilter())) == 1


# Concurrency


def test_many_threads_may_open_a_new_ledger_at_once(address):
    ledgers = [SqlLedger(address) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: ledgers[i].submit([request(f"s{i}")]), range(8)))
    assert len(ledgers[0].find(JobFilter())) == 8


def test_concurrent_submitters_agree_on_jobs_and_ids(address):
    sources = [f"s{i}" for i in range(40)]

    def submit(_: int) -> list[str]:
        ledger = SqlLedger(address)
        return [ledger.submit([request(source)])[0].job_id for source in sources]

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(submit, range(6)))
    jobs = SqlLedger(address).find(JobFilter())
    assert len(jobs) == len(sources)
    assert answers == [answers[0]] * 6
    assert answers[0] == sorted(job.job_id for job in jobs)


def test_concurrent_submitters_see_what_is_unchanged(address):
    ledger = SqlLedger(address)
    ledger.submit([request()])
    [job] = ledger.claim("b", "w", lease_seconds=LEASE)
    start = threading.Barrier(5)

    def submit(_: int) -> JobStatus:
        start.wait(timeout=30)
        return SqlLedger(address).submit([request()])[0].status

    with ThreadPoolExecutor(4) as pool:
        answers = pool.map(submit, range(4))
        start.wait(timeout=30)
        ledger.finish("b", [done(job)])
        seen = set(answers)
    assert seen <= {JobStatus.RUNNING, JobStatus.UNCHANGED}
    assert ledger.find(JobFilter(statuses=[JobStatus.QUEUED])) == []


# Names and numbers


def test_ids_sort_alike_under_every_collation(server):
    with server.connect(user=server.ADMIN, dbname="postgres") as admin:
        admin.execute(
            "CREATE DATABASE czech OWNER polly TEMPLATE template0 "
            "LOCALE_PROVIDER icu ICU_LOCALE 'cs' LOCALE 'C.UTF-8'"
        )
    ledger = SqlLedger(new_address(server).replace("/polly?", "/czech?"))
    jobs = ledger.submit([request(f"s{i}") for i in range(1100)])  # all ends, so "CH" and "CZ"
    pages: list[Job] = []
    while page := ledger.find(JobFilter(limit=90, after=pages[-1].job_id if pages else None)):
        pages += page
    assert pages == jobs[::-1]
    [later] = ledger.submit([request("later")])
    assert later.job_id > jobs[-1].job_id


def test_two_schemas_are_two_ledgers_and_other_tables_are_left_alone(server, address):
    with server.connect() as polly:
        polly.execute(f"CREATE SCHEMA other{uuid.uuid4().hex}")
        polly.execute("CREATE TABLE IF NOT EXISTS dagster_jobs (id int)")
    one, two = SqlLedger(address), SqlLedger(new_address(server))
    one.submit([request()])
    assert two.find(JobFilter()) == []
    assert len(SqlLedger(address).find(JobFilter())) == 1


@pytest.mark.parametrize(
    "changes",
    [{"etag": "nul\0"}, {"shard": 2**31}, {"size": 2**63}, {"dataset_id": "\udce9"}],
    ids=["nul", "int32", "int64", "surrogate"],
)
def test_values_that_no_column_holds_are_refused_whole(address, changes):
    ledger = SqlLedger(address)
    with pytest.raises(BadInput) as caught:
        ledger.submit([request("good"), request("bad", **changes)])
    assert caught.value.code == "ledger_value"
    assert ledger.find(JobFilter()) == []
    assert len(ledger.submit([request("good")])) == 1


def test_a_source_longer_than_an_index_holds_is_refused(address):
    noise = "".join(hashlib.sha256(bytes([i])).hexdigest() for i in range(80))
    with pytest.raises(BadInput, match="index"):
        SqlLedger(address).submit([request(noise)])
