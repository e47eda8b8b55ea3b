"""PostgreSQL for tests and development: the ledger's server, with passwords and durable commits.

Runs Debian's programs as the user `postgres` where we are root. The role `polly` owns the
database `polly` and nothing else; `ADMIN` is the superuser.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

import psycopg
from psycopg import sql

from tests.servers.base import HOST, Server, free_port, give, group_of, run

_CONF = """
listen_addresses = '{host}'
port = {port}
unix_socket_directories = ''
max_connections = {connections}
shared_buffers = 32MB
max_wal_size = 128MB
hot_standby = on
fsync = on
"""


class Postgres(Server):
    """One PostgreSQL server; `address` is its ledger's, without the password."""

    name = "postgres"
    connections: ClassVar[int] = 60
    ADMIN: ClassVar[str] = "postgres"
    PASSWORD: ClassVar[str] = "ledger-of-tests"
    """The password of both roles."""

    def __init__(self, data: Path) -> None:
        super().__init__(data)
        self.port = free_port()

    @property
    def address(self) -> str:
        """Where the role `polly` finds its database."""
        return f"postgresql://polly@{HOST}:{self.port}/polly"

    @classmethod
    def missing(cls) -> str:
        """See `Server.missing`."""
        if _programs() is None:
            return "PostgreSQL: apt-get install postgresql"
        return "" if shutil.which("ps") else "ps: apt-get install procps"

    @classmethod
    def install(cls) -> None:
        """Nothing: the Debian package has installed it."""

    def user(self) -> str | None:
        """See `Server.user`; PostgreSQL refuses root."""
        return "postgres"

    def command(self) -> Sequence[str | Path]:
        """See `Server.command`; the first time it makes the data folder."""
        programs, cluster = _programs(), self.data / "cluster"
        assert programs is not None
        if not (cluster / "PG_VERSION").exists():
            self._initialise(programs / "initdb", cluster)
        conf = _CONF.format(host=HOST, port=self.port, connections=self.connections)
        (cluster / "postgresql.auto.conf").write_text(conf)
        return [programs / "postgres", "-D", cluster]

    def ready(self) -> bool:
        """See `Server.ready`; also makes the role and its database."""
        with self.connect(user=self.ADMIN, dbname="postgres") as admin:
            standby = admin.execute("SELECT pg_is_in_recovery()").fetchone()
            if standby == (False,):
                _make_owner(admin, self.PASSWORD)
        with self.connect() as polly:
            return polly.execute("SELECT 1").fetchone() == (1,)

    def connect(self, **parameters: Any) -> psycopg.Connection[Any]:
        """A connection that commits each statement, as `polly` unless told otherwise."""
        defaults = {"user": "polly", "dbname": "polly", "password": self.PASSWORD}
        place = {"host": HOST, "port": self.port, "connect_timeout": 5}
        return psycopg.connect(autocommit=True, **{**defaults, **place, **parameters})

    def stop(self) -> None:
        """End it without waiting for its clients, as SIGTERM would."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """End every process of it at once, as a power cut would; each has a group of its own."""
        if self.process is None:
            return
        family = self._children(self.process.pid)
        super().kill()
        for pid in family:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        end = time.monotonic() + self.stop_seconds
        while family & _living() and time.monotonic() < end:
            time.sleep(0.02)

    def _initialise(self, initdb: Path, cluster: Path) -> None:
        shutil.rmtree(cluster, ignore_errors=True)
        secret = self.data / "password"
        secret.write_text(self.PASSWORD)
        command: list[str | Path] = [initdb, "-D", cluster, "-U", self.ADMIN, "-A", "scram-sha-256"]
        command += ["--pwfile", secret, "-E", "UTF8", "--locale", "C.UTF-8"]
        if os.geteuid() != 0:
            run(*command)
            return
        give(self.data, "postgres")
        subprocess.run(
            command,
            check=True,
            cwd=self.data,
            stdout=subprocess.DEVNULL,
            user="postgres",
            group=group_of("postgres"),
            extra_groups=[],
        )

    def _children(self, parent: int) -> set[int]:
        rows = [line.split() for line in run("ps", "-A", "-o", "pid=,ppid=").splitlines()]
        return {int(pid) for pid, ppid in rows if int(ppid) == parent}


def _living() -> set[int]:
    """The processes that are more than an entry in the table."""
    rows = [line.split() for line in run("ps", "-A", "-o", "pid=,stat=").splitlines()]
    return {int(pid) for pid, state in rows if not state.startswith("Z")}


def _programs() -> Path | None:
    """The newest installed server's folder of programs."""
    folders = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = max(folders, key=lambda path: float(path.parts[-3]), default=None)
    found = newest or shutil.which("initdb")
    return Path(found).parent if found else None


def _make_owner(admin: psycopg.Connection[Any], password: str) -> None:
    if not admin.execute("SELECT FROM pg_roles WHERE rolname = 'polly'").fetchall():
        role = sql.SQL("CREATE ROLE polly LOGIN PASSWORD {}").format(sql.Literal(password))
        admin.execute(role)
    if not admin.execute("SELECT FROM pg_database WHERE datname = 'polly'").fetchall():
        admin.execute("CREATE DATABASE polly OWNER polly")
