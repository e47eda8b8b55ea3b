"""The contract for SQL engines: one authorised, pinned statement in, Arrow out.

The statement arrives as a sqlglot tree in the Trino dialect, already checked: read-only,
every table reference resolved to a version. An engine translates and runs it.
Keep out: authorisation, name resolution and the user's dialect.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
from sqlglot import exp

from polly_resources.served import Served
from polly_resources.tables.base import TableFiles

TABLE_MOVED = "table_moved"
"""The code of Unavailable where an engine that reads only the newest version found a newer one."""


@dataclass(frozen=True, slots=True)
class Relation:
    """What a table name of the statement stands for: pinned files, rows in memory, or an index.

    `schema` is the declared Arrow schema; it is what an empty table looks like. `index` is
    the atlas whose search index an engine that `federates` shall read.
    """

    schema: pa.Schema
    files: TableFiles | None = None
    rows: pa.Table | None = None
    index: str | None = None


@dataclass(frozen=True, slots=True)
class Statement:
    """A checked statement; its table nodes are bare identifiers, the keys of `relations`."""

    tree: exp.Query
    relations: Mapping[str, Relation] = field(default_factory=dict)


class QueryEngine(Served):
    """Runs checked read-only statements."""

    @abstractmethod
    def run(self, statement: Statement, *, max_rows: int | None = None) -> pa.Table:
        """The result, at most `max_rows` rows of it.

        Raises BadQuery where the engine refuses the statement, Unavailable where it
        does not answer or, with the code `TABLE_MOVED`, where a new statement would succeed.
        """

    @abstractmethod
    def publish(self, tables: Sequence[TableFiles]) -> None:
        """Make tables known to the engine under their names; known ones are left as they are.

        An engine that is handed its files has nothing to do.
        """

    @abstractmethod
    def federates(self, search: str) -> bool:
        """Whether the engine itself can read the search index at this address."""
