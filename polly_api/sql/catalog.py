"""What the SQL door asks about tables: which there are, their columns, and their data.

Keep out: parsing, and how the tables are stored.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from polly_api.sql.metadata import Fields
from polly_resources.query.base import Relation
from polly_resources.tables.base import Where


@dataclass(frozen=True, slots=True)
class TableInfo:
    """The columns of one table, with what they hold (by column name)."""

    schema: pa.Schema
    descriptions: Mapping[str, str] = field(default_factory=dict)


class Catalog(ABC):
    """The tables that one statement may read.

    One catalog serves one statement, and pins each table once: two calls about a table
    speak of the same version. Table names are matched without regard to case; the schema
    passed is always one of `schemas()`.
    """

    @abstractmethod
    def schemas(self) -> Sequence[str]:
        """The schemas: every atlas, `data_matrices`, `ontology` and `platform`."""

    @abstractmethod
    def tables(self, schema: str) -> Sequence[str]:
        """The tables of a schema, to list and to suggest."""

    @abstractmethod
    def describe(self, schema: str, table: str) -> TableInfo | None:
        """The columns of a table, or None where it does not exist."""

    @abstractmethod
    def fields(self, schema: str, table: str) -> Fields:
        """The fields of the JSON column `metadata` of a table; none where it has no such column.

        Asked only where a statement names a column that its tables do not have.
        """

    @abstractmethod
    def relation(
        self, schema: str, table: str, columns: Collection[str] | None, where: Where
    ) -> Relation:
        """The data of a table that `describe` knows.

        The statement uses no column but `columns` (None: all), and no row that fails
        `where`: each named column equals one of the values. Both are leave to read less;
        a relation may hold more. Its schema must hold the named columns.
        """
