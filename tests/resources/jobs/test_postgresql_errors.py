"""A PostgreSQL that is away, silent, held, full, read-only or says no; each error and its cure."""

from __future__ import annotations

import traceback
import uuid
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from polly_resources.addresses import insert_password
from polly_resources.errors import Misconfigured, PollyError, Unavailable
from polly_resources.jobs import sql_postgresql
from polly_resources.jobs.sql import SqlLedger
from polly_resources.jobs.sql_postgresql import PostgresqlDatabase
from polly_resources.jobs.sql_tables import METADATA
from polly_resources.records import JobFilter
from tests.contracts.jobs import request
from tests.resources.jobs.test_postgresql import address, new_address, own_server, server
from tests.servers.base import HOST, free_port
from tests.servers.faulty import Faulty
from tests.servers.postgres import Postgres

pytestmark = pytest.mark.servers

__all__ = ["address", "own_server", "server"]

FULL = """
CREATE FUNCTION {schema}.fill() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
AS $$ BEGIN COPY (SELECT repeat('x', 100000)) TO '/dev/full'; RETURN NEW; END $$;
CREATE TRIGGER fill BEFORE INSERT ON {schema}.jobs EXECUTE FUNCTION {schema}.fill();
"""
"""Each insert writes to a device that is full: the server's own error, without filling a disk."""


def schema_in(address: str) -> str:
    return address.partition("schema=")[2].partition("&")[0]


def through(proxy: Faulty, server: Postgres, **options: str) -> str:
    return new_address(server, connect_timeout="2", **options).replace(
        f":{server.port}/", f":{proxy.port}/"
    )


def failure(act: Callable[[], object], kind: type[PollyError]) -> PollyError:
    with pytest.raises(kind) as caught:
        act()
    assert type(caught.value) is kind
    told = "".join(traceback.format_exception(caught.value))
    assert Postgres.PASSWORD not in told + repr(caught.value) + caught.value.hint
    return caught.value


@pytest.fixture
def stranger(server) -> str:
    """A role that may connect and no more."""
    name = f"r{uuid.uuid4().hex[:12]}"
    with server.connect(user=server.ADMIN) as admin:
        admin.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{server.PASSWORD}'")
    return name


# Away, silent, held


def test_nobody_listens():
    ledger = SqlLedger(f"postgresql://polly:x@{HOST}:{free_port()}/polly")
    error = failure(lambda: ledger.find(JobFilter()), Unavailable)
    assert error.code == "ledger_unavailable"
    assert error.file.startswith("postgresql://polly@")


def test_a_host_without_address():
    ledger = SqlLedger("postgresql://polly:x@no-such-host.invalid/polly")
    failure(lambda: ledger.find(JobFilter()), Unavailable)


def test_a_broken_network_is_unavailable_and_mends_itself(server):
    with Faulty(HOST, server.port) as proxy:
        ledger = SqlLedger(through(proxy, server))
        ledger.submit([request()])
        proxy.mode = "refuse"
        failure(lambda: ledger.submit([request()]), Unavailable)
        proxy.mode = "pass"
        assert len(ledger.find(JobFilter())) == 1


def test_a_silent_server_is_given_up(server, monkeypatch):
    monkeypatch.setattr(sql_postgresql, "GRACE_SECONDS", 0.2)
    with Faulty(HOST, server.port) as proxy:
        ledger = SqlLedger(through(proxy, server), busy_seconds=0.5)
        ledger.submit([request()])
        proxy.mode = "stall"
        failure(lambda: ledger.claim("b", "w", lease_seconds=1), Unavailable)
        proxy.mode = "pass"
        assert len(ledger.find(JobFilter())) == 1


def test_a_server_that_falls_silent_within_a_call_is_given_up(server, monkeypatch):
    monkeypatch.setattr(sql_postgresql, "GRACE_SECONDS", 0.2)
    with Faulty(HOST, server.port) as proxy:
        database = PostgresqlDatabase(through(proxy, server), METADATA, busy_seconds=0.5)

        def fall_silent() -> None:
            with database.read() as connection:
                proxy.mode = "stall"
                connection.exec_driver_sql("SELECT 1")

        error = failure(fall_silent, Unavailable)
        assert "did not answer for 0.7 s" in error.message


def test_a_ledger_held_too_long_is_unavailable_for_writers_alone(address):
    ledger = SqlLedger(address, busy_seconds=0.2)
    ledger.submit([request()])
    with PostgresqlDatabase(address, METADATA, busy_seconds=30).write():
        error = failure(lambda: ledger.claim("b", "w", lease_seconds=1), Unavailable)
        assert "timeout" in error.message
        assert len(ledger.find(JobFilter())) == 1, "readers do not wait for writers"
    assert len(ledger.claim("b", "w", lease_seconds=1)) == 1


def test_a_frozen_worker_does_not_hold_the_ledger(address, monkeypatch):
    ledger = SqlLedger(address)
    ledger.submit([request()])

    monkeypatch.setattr(sql_postgresql, "FROZEN_SECONDS", 0.3)

    def freeze() -> None:
        with PostgresqlDatabase(address, METADATA, busy_seconds=30).write() as frozen:
            assert len(ledger.claim("b", "w", lease_seconds=1)) == 1
            frozen.exec_driver_sql("SELECT 1")

    failure(freeze, Unavailable)


# Full


def test_a_full_disk_is_unavailable_until_there_is_room(server, address):
    ledger = SqlLedger(address)
    [job] = ledger.submit([request()])
    with server.connect(user=server.ADMIN) as admin:
        admin.execute(FULL.format(schema=schema_in(address)))
        error = failure(lambda: ledger.submit([request("b")]), Unavailable)
        assert "No space left on device" in error.message
        assert "free disk" in error.hint
        assert ledger.find(JobFilter()) == [job]
        admin.execute(f"DROP TRIGGER fill ON {schema_in(address)}.jobs")
    assert len(ledger.submit([request("b")])) == 1


def test_no_connection_left_is_unavailable(server, stranger, address):
    with server.connect(user=server.ADMIN) as admin:
        admin.execute(f"ALTER ROLE {stranger} CONNECTION LIMIT 1")
    theirs = SqlLedger(address.replace("//polly:", f"//{stranger}:"))
    with server.connect(user=stranger):
        error = failure(lambda: theirs.find(JobFilter()), Unavailable)
    assert "max_connections" in error.hint


def test_every_connection_in_use_is_unavailable(address):
    database = PostgresqlDatabase(address, METADATA, busy_seconds=2)

    def one_more() -> None:
        with database.read():
            pass

    with ExitStack() as reads:
        for _ in range(16):
            reads.enter_context(database.read())
        error = failure(one_more, Unavailable)
        assert "connections are in use" in error.message
    one_more()


# Read-only


def test_a_standby_answers_and_takes_no_jobs(own_server):
    ledger = SqlLedger(new_address(own_server))
    [job] = ledger.submit([request()])
    own_server.stop()
    signal = own_server.data / "cluster" / "standby.signal"
    signal.touch()
    own_server.start()
    assert ledger.find(JobFilter()) == [job]
    error = failure(lambda: ledger.submit([request("b")]), Misconfigured)
    assert error.code == "ledger_read_only"
    assert "primary" in error.hint


def test_of_several_hosts_the_one_that_takes_writes_is_used(server, address, own_server):
    own_server.stop()
    (own_server.data / "cluster" / "standby.signal").touch()
    own_server.start()
    hosts = f"{HOST}:{free_port()},{HOST}:{own_server.port},{HOST}:{server.port}"
    ledger = SqlLedger(address.replace(f"{HOST}:{server.port}", hosts))
    assert len(ledger.submit([request()])) == 1
    none = SqlLedger(address.replace(f":{server.port}", f":{own_server.port},{HOST}:{free_port()}"))
    failure(lambda: none.submit([request()]), Unavailable)


# The server says no, and following the hint helps


def test_a_wrong_password(server):
    ledger = SqlLedger(insert_password(server.address, "not-" + server.PASSWORD))
    error = failure(lambda: ledger.find(JobFilter()), Misconfigured)
    assert error.code == "ledger_refused"
    assert "POLLY_JOBS_PASSWORD" in error.hint


def test_no_password(server, monkeypatch, tmp_path):
    monkeypatch.setenv("PGPASSFILE", str(tmp_path / "pass"))
    ledger = SqlLedger(f"{server.address}?schema=t{uuid.uuid4().hex}")
    error = failure(lambda: ledger.find(JobFilter()), Misconfigured)
    assert "PGPASSFILE" in error.hint
    (tmp_path / "pass").write_text(f"{HOST}:{server.port}:polly:polly:{server.PASSWORD}\n")
    (tmp_path / "pass").chmod(0o600)
    assert ledger.find(JobFilter()) == []


def test_an_unknown_user(server, address):
    ledger = SqlLedger(address.replace("//polly:", "//nobody:"))
    assert failure(lambda: ledger.find(JobFilter()), Misconfigured).code == "ledger_refused"


def test_a_missing_database(server, address):
    name = f"d{uuid.uuid4().hex}"
    ledger = SqlLedger(address.replace("/polly?", f"/{name}?"))
    error = failure(lambda: ledger.find(JobFilter()), Misconfigured)
    assert error.code == "ledger_missing"
    assert error.hint.endswith(f"--host {HOST} --port {server.port} --owner polly {name}")
    with server.connect(user=server.ADMIN) as admin:
        admin.execute(f"CREATE DATABASE {name} OWNER polly")
    assert ledger.find(JobFilter()) == []


def test_no_right_to_connect(server, stranger, address):
    name = f"d{uuid.uuid4().hex}"
    with server.connect(user=server.ADMIN) as admin:
        admin.execute(f"CREATE DATABASE {name}")
        admin.execute(f"REVOKE CONNECT ON DATABASE {name} FROM public")
        theirs = address.replace("//polly:", f"//{stranger}:").replace("/polly?", f"/{name}?")
        error = failure(lambda: SqlLedger(theirs).find(JobFilter()), Misconfigured)
        command = f"GRANT CONNECT ON DATABASE {name} TO {stranger}"
        assert command in error.hint
        admin.execute(command)
        error = failure(lambda: SqlLedger(theirs).find(JobFilter()), Misconfigured)
        assert f"CREATE SCHEMA {schema_in(address)} AUTHORIZATION {stranger}" in error.hint


def test_no_right_to_make_the_schema(server, stranger, address):
    theirs = SqlLedger(address.replace("//polly:", f"//{stranger}:"))
    error = failure(lambda: theirs.submit([request()]), Misconfigured)
    assert error.code == "ledger_refused"
    command = f"CREATE SCHEMA {schema_in(address)} AUTHORIZATION {stranger}"
    assert command in error.hint
    with server.connect(user=server.ADMIN) as admin:
        admin.execute(command)
    assert len(theirs.submit([request()])) == 1


def test_no_right_to_the_tables(server, stranger, address):
    SqlLedger(address).submit([request()])
    theirs = SqlLedger(address.replace("//polly:", f"//{stranger}:"))
    error = failure(lambda: theirs.find(JobFilter()), Misconfigured)
    schema = schema_in(address)
    commands = [
        f"GRANT ALL ON SCHEMA {schema} TO {stranger}",
        f"GRANT ALL ON {schema}.jobs TO {stranger}",
    ]
    with server.connect() as owner:
        for command in commands:
            assert command in error.hint
            owner.execute(command)
    assert len(theirs.claim("b", "w", lease_seconds=1)) == 1


def test_another_table_named_jobs(server, address):
    with server.connect() as polly:
        polly.execute(f"CREATE SCHEMA {schema_in(address)}")
        polly.execute(f"CREATE TABLE {schema_in(address)}.jobs (id int)")
    error = failure(lambda: SqlLedger(address).submit([request()]), Misconfigured)
    assert error.code == "ledger_unreadable"
    assert "?schema=NAME" in error.hint


def test_encryption_that_the_server_does_not_offer(server, monkeypatch):
    ledger = SqlLedger(new_address(server, sslmode="require"))
    error = failure(lambda: ledger.find(JobFilter()), Misconfigured)
    assert "sslmode" in error.hint
    monkeypatch.setenv("PGSSLMODE", "require")
    failure(lambda: SqlLedger(new_address(server)).find(JobFilter()), Misconfigured)
    plain = SqlLedger(new_address(server, sslmode="disable"))
    assert plain.find(JobFilter()) == [], "an address says more than a variable"


def test_a_ledger_shows_no_password(address):
    ledger = SqlLedger(address)
    ledger.find(JobFilter())
    shown = f"{ledger!r} {vars(ledger)!r} {vars(ledger._database)!r} {ledger._database._engine!r}"
    assert Postgres.PASSWORD not in shown
