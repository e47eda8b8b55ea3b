"""Open Delta tables, kept between calls, for opening one costs more with every commit.

Owns which handle may be used when: one caller at a time, never with keys that changed, never
again after an error other than a lost race. Keep out: what is done with them.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from polly_resources.errors import NotFound, Unavailable
from polly_resources.tables.delta_places import Place


@dataclass(slots=True)
class _Turn:
    lock: threading.Lock = field(default_factory=threading.Lock)
    handle: DeltaTable | None = None
    options: dict[str, str] | None = None


class Handles:
    """One open table of each name; those who ask for the same one take turns."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._lock = threading.Lock()
        self._turns: dict[str, _Turn] = {}

    @contextmanager
    def current(self, table: str, version: int | None = None) -> Iterator[DeltaTable]:
        """The table at its newest version, or at a certain one; ours until the block ends.

        Raises NotFound without the table, and what `translated` makes of errors in the block.
        """
        with self._lock:
            turn = self._turns.setdefault(table, _Turn())
        with turn.lock, translated(self._place, table):
            handle, turn.handle = turn.handle, None
            options = self._place.options()
            if handle is None or turn.options != options:
                handle, turn.options = self._opened(table, options), options
            elif version is None:
                handle.update_incremental()
            if version not in (None, handle.version()):
                yield self._opened(table, options, version)
            else:
                try:
                    yield handle
                except CommitFailedError:
                    turn.handle = handle
                    raise
                except DeltaError as error:
                    self._notice_removal(table, options, error)
                    raise
            turn.handle = handle

    def _opened(
        self, table: str, options: dict[str, str] | None, version: int | None = None
    ) -> DeltaTable:
        location = self._place.location(table)
        return DeltaTable(location, version=version, storage_options=options)

    def _notice_removal(
        self, table: str, options: dict[str, str] | None, error: DeltaError
    ) -> None:
        """A kept handle knows a table that somebody removed from under it."""
        if not DeltaTable.is_deltatable(self._place.location(table), options):
            raise Unavailable(
                "table_removed", f"table {table} was removed meanwhile", hint="try again"
            ) from error


@contextmanager
def translated(place: Place, table: str) -> Iterator[None]:
    """The Delta library's errors as ours."""
    try:
        yield
    except TableNotFoundError as error:
        raise NotFound("unknown_table", f"table {table} does not exist") from error
    except CommitFailedError as error:
        raise Unavailable(
            "commit_conflict",
            f"table {table}: another writer committed first ({error})",
            hint="try again",
        ) from error
    except (DeltaError, OSError, pa.ArrowException) as error:
        raise place.failure(table, str(error)) from error
    except Exception as error:
        # The library's SQL raises nothing more particular.
        if type(error) is not Exception:
            raise
        raise place.failure(table, str(error)) from error
