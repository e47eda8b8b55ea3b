"""The SQL ledger in a SQLite file: many processes of one machine.

Owns the address `sqlite:///absolute/path/jobs.db`, the write-ahead journal, and what SQLite's
errors mean. Keep out: tables and rules of the ledger.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import unquote

import tenacity
from sqlalchemy import URL, Connection, Engine, MetaData, create_engine, event
from sqlalchemy.exc import DBAPIError, OperationalError

from polly_resources.addresses import bad_address
from polly_resources.errors import Misconfigured, PollyError
from polly_resources.jobs.sql_engine import Database

_PASSING = ("locked", "busy", "full", "disk i/o")


class SqliteDatabase(Database):
    """A SQLite file; made with its folder on first use."""

    example = "sqlite:///absolute/path/jobs.db"

    def __init__(self, address: str, metadata: MetaData, busy_seconds: float) -> None:
        rest = address.partition("://")[2]
        if not rest.strip("/"):
            raise bad_address(address, "jobs", "it names no file", self.example)
        self._path = Path("/" + unquote(rest).lstrip("/"))
        super().__init__(str(self._path), metadata, busy_seconds)
        self.reading = {"polly_begin": "BEGIN"}
        self.writing = {"polly_begin": "BEGIN IMMEDIATE"}

    def engine(self) -> Engine:
        """See `Database.engine`."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._unreadable(error) from error
        engine = create_engine(
            URL.create("sqlite", database=str(self._path)),
            connect_args={"timeout": self.busy_seconds, "check_same_thread": False},
            max_overflow=-1,
            hide_parameters=True,
        )
        event.listen(engine, "connect", _connected)
        return engine

    def make_tables(self, engine: Engine) -> None:
        """See `Database.make_tables`. The journal's first change does not wait: it is repeated."""
        retry = tenacity.Retrying(
            retry=tenacity.retry_if_exception(
                lambda e: isinstance(e, OperationalError) and "locked" in str(e.orig)
            ),
            stop=tenacity.stop_after_delay(self.busy_seconds),
            wait=tenacity.wait_random(0.01, 0.1),
            reraise=True,
        )
        retry(self._make_tables, engine)

    def _make_tables(self, engine: Engine) -> None:
        with engine.execution_options(**self.writing).begin() as connection:
            self.metadata.create_all(connection)

    def about(self, connection: Connection) -> str:
        """See `Database.about`."""
        return f"SQLite {connection.exec_driver_sql('SELECT sqlite_version()').scalar()}"

    def translated(self, error: DBAPIError) -> PollyError:
        """See `Database.translated`."""
        text = str(error.orig)
        if any(word in text.lower() for word in _PASSING):
            return self.unavailable(
                text, "another process may hold it, or the disk is full: try again"
            )
        return self._unreadable(error.orig or error)

    def _unreadable(self, error: BaseException) -> Misconfigured:
        return Misconfigured(
            "ledger_unreadable",
            f"the job ledger cannot be used: {error}",
            file=self.place,
            hint="POLLY_JOBS must name a readable and writable SQLite file, or a new one",
        )


def _connected(connection: Any, _record: object) -> None:
    # The driver's own implicit BEGIN is deferred, and a deferred writer can fail halfway.
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
