"""How an SQL ledger reaches its database: one engine, two kinds of transaction, errors as ours.

Owns what all databases share. A database is a subclass in a file of its own (`sql_sqlite`,
`sql_postgresql`): how to connect, how a transaction begins, what an error means.
Keep out: tables and rules of the ledger.
"""

from __future__ import annotations

import threading
import weakref
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, MetaData, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from polly_resources.errors import BadInput, PollyError, Unavailable


class Database(ABC):
    """One database: `read` sees one snapshot, `write` excludes all other writers.

    Nothing is opened before first use; that use makes the tables where they are missing.

    Args:
        place: the database as errors name it, without a password.
        metadata: its tables.
        busy_seconds: how long a call waits for another writer before Unavailable.
    """

    reading: Mapping[str, Any]
    """The execution options of `read`; `polly_begin` is the SQL that opens it."""
    writing: Mapping[str, Any]
    """The execution options of `write`; `polly_begin` is the SQL that opens it."""

    def __init__(self, place: str, metadata: MetaData, busy_seconds: float) -> None:
        self.place = place
        self.metadata = metadata
        self.busy_seconds = busy_seconds
        self._engine: Engine | None = None
        self._lock = threading.Lock()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection in a transaction that sees one state of the database."""
        with self._begun(self.reading) as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A connection in a transaction that no other writer can interleave with."""
        with self._begun(self.writing) as connection:
            yield connection

    @abstractmethod
    def engine(self) -> Engine:
        """A new engine; nothing is connected yet."""

    @abstractmethod
    def make_tables(self, engine: Engine) -> None:
        """Make the tables that are missing, whoever else does the same."""

    @abstractmethod
    def about(self, connection: Connection) -> str:
        """The database's name and version."""

    @abstractmethod
    def translated(self, error: DBAPIError) -> PollyError:
        """The driver's error as ours."""

    @contextmanager
    def _begun(self, options: Mapping[str, Any]) -> Iterator[Connection]:
        with self._errors(), self._open().execution_options(**options).begin() as connection:
            yield connection

    def _open(self) -> Engine:
        with self._lock:
            if self._engine is None:
                engine = self.engine()
                event.listen(engine, "begin", _begin)
                try:
                    self.make_tables(engine)
                except BaseException:
                    engine.dispose()
                    raise
                weakref.finalize(self, engine.dispose)
                self._engine = engine
            return self._engine

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise self.translated(error) from error
        except PoolTimeout as error:
            raise self.unavailable(
                "all its connections are in use", "many threads write at once: try again"
            ) from error
        except UnicodeEncodeError as error:
            raise self.unfit(f"not all of {error.object!r} is Unicode") from error

    def unavailable(self, why: object, hint: str) -> Unavailable:
        """The error for what may pass by itself."""
        return Unavailable(
            "ledger_unavailable",
            f"the job ledger did not accept the call: {why}",
            file=self.place,
            hint=hint,
        )

    def unfit(self, why: object) -> BadInput:
        """The error for a value that no column can hold."""
        return BadInput(
            "ledger_value",
            f"the job ledger cannot store a value: {why}",
            file=self.place,
            hint="rename the source or the dataset; nothing of this call was stored",
        )


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options()["polly_begin"])
