"""The PostgreSQL driver's connection, with an end to every wait.

Owns the one import of psycopg, so that the other databases do without it. The server's own
timeouts end what the server does; this ends the wait for a server that says nothing at all.
Keep out: addresses, timeouts of the server and errors as ours (`sql_postgresql`).
"""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any, TypeVar

import psycopg

_T = TypeVar("_T")


class PatientConnection(psycopg.Connection[Any]):
    """A connection that gives up, and closes, after `answer_seconds` of waiting for an answer."""

    answer_seconds: float

    def wait(self, gen: Generator[Any, Any, _T], *args: Any, **kwargs: Any) -> _T:
        """Run the driver's exchange with the server to its end.

        Raises psycopg.OperationalError, with the connection closed, where it takes too long.
        """
        return super().wait(self._limited(gen), *args, **kwargs)

    def _limited(self, gen: Generator[Any, Any, _T]) -> Generator[Any, Any, _T]:
        """The same exchange; the driver resumes it some ten times a second while it waits."""
        end = time.monotonic() + self.answer_seconds
        try:
            wanted = next(gen)
            while True:
                wanted = gen.send((yield wanted))
                if time.monotonic() > end:
                    self.close()
                    raise psycopg.OperationalError(
                        f"the server did not answer for {self.answer_seconds:g} s"
                    )
        except StopIteration as stop:
            answer: _T = stop.value
            return answer


def connect(answer_seconds: float, **parameters: Any) -> PatientConnection:
    """A connection; `parameters` are libpq's and psycopg's own."""
    connection = PatientConnection.connect(**parameters)
    connection.answer_seconds = answer_seconds
    return connection


def default_parameter(name: str) -> str | None:
    """What libpq takes for a parameter that is not given, from its variables and files."""
    for option in psycopg.pq.Conninfo.get_defaults():
        if option.keyword == name.encode() and option.val is not None:
            return option.val.decode()
    return None
