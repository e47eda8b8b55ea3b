"""How an SQL ledger reaches its database: engine, transactions and errors.

Owns everything that is particular to SQLite; the other `sql*` modules hold portable
SQLAlchemy Core. Add a server database here: its address, its way to begin a write.
Keep out: tables and rules of the ledger.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import tenacity
from sqlalchemy import URL, Connection, Engine, MetaData, create_engine, event
from sqlalchemy.exc import DBAPIError, OperationalError

from polly_resources.errors import Misconfigured, PollyError, Unavailable

_WRITE = {"polly_begin": "BEGIN IMMEDIATE"}
_PASSING = ("locked", "busy", "full", "disk i/o")


class Database:
    """One database: `read` sees one snapshot, `write` excludes all other writers.

    Nothing is opened before first use; that use makes the folder, the file and the tables.
    """

    def __init__(self, address: str, metadata: MetaData, busy_seconds: float) -> None:
        self._path = _path(address)
        self._metadata = metadata
        self._busy_seconds = busy_seconds
        self._engine: Engine | None = None
        self._lock = threading.Lock()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection in a transaction that sees one state of the database."""
        with self._errors(), self._open().begin() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A connection in a transaction that no other writer can interleave with."""
        with self._errors():
            engine = self._open().execution_options(**_WRITE)
            with engine.begin() as connection:
                yield connection

    def _open(self) -> Engine:
        with self._lock:
            if self._engine is None:
                self._engine = self._create()
            return self._engine

    def _create(self) -> Engine:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _unreadable(self._path, error) from error
        engine = _sqlite_engine(self._path, self._busy_seconds)
        retry = tenacity.Retrying(
            retry=tenacity.retry_if_exception(
                lambda e: isinstance(e, OperationalError) and "locked" in str(e.orig)
            ),
            stop=tenacity.stop_after_delay(self._busy_seconds),
            wait=tenacity.wait_random(0.01, 0.1),
            reraise=True,
        )
        try:
            retry(self._make_tables, engine)
        except BaseException:
            engine.dispose()
            raise
        return engine

    def _make_tables(self, engine: Engine) -> None:
        with engine.connect() as connection:
            # Outside a transaction: SQLite refuses to change the journal within one.
            cursor = connection.connection.cursor()
            cursor.execute("PRAGMA journal_mode=WAL")
            cursor.close()
        with engine.execution_options(**_WRITE).begin() as connection:
            self._metadata.create_all(connection)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise _translated(self._path, error) from error


def _path(address: str) -> Path:
    _, mark, rest = address.partition("sqlite://")
    if not mark or not rest.strip("/"):
        raise Misconfigured(
            "bad_address",
            f"ledger address {address!r}, expected sqlite:///absolute/path/jobs.db",
            hint="correct POLLY_JOBS",
        )
    return Path("/" + unquote(rest).lstrip("/"))


def _sqlite_engine(path: Path, busy_seconds: float) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        connect_args={"timeout": busy_seconds, "check_same_thread": False},
        max_overflow=-1,
        hide_parameters=True,
    )

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: object) -> None:
        # The driver's own implicit BEGIN is deferred, and a deferred writer can fail halfway.
        connection.isolation_level = None
        connection.execute("PRAGMA synchronous=NORMAL")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        connection.exec_driver_sql(options.get("polly_begin", "BEGIN"))

    return engine


def _translated(path: Path, error: DBAPIError) -> PollyError:
    text = str(error.orig)
    if any(word in text.lower() for word in _PASSING):
        return Unavailable(
            "ledger_unavailable",
            f"the job ledger did not accept the call: {text}",
            file=str(path),
            hint="another process may hold it, or the disk is full: try again",
        )
    return _unreadable(path, error.orig or error)


def _unreadable(path: Path, error: BaseException) -> Misconfigured:
    return Misconfigured(
        "ledger_unreadable",
        f"the job ledger cannot be used: {error}",
        file=str(path),
        hint="POLLY_JOBS must name a readable and writable SQLite file, or a new one",
    )
