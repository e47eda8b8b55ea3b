"""The contract for versioned columnar tables: each write is one atomic new version.

A table's name is `<namespace>/<table>`, such as `demo/samples`; its columns are declared
once as a `TableSpec`, from which the schema, the checks and the documentation are made.
Keep out: SQL, and what the columns mean.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from polly_resources.served import Served


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its Arrow type, whether it may be null, and what it holds."""

    name: str
    type: pa.DataType
    description: str
    nullable: bool = True


@dataclass(frozen=True, slots=True)
class TableSpec:
    """A table as data: columns, the key that replacement uses, and physical layout.

    `partition_by` names string or integer columns that split the files. `sorted_by`
    documents the order in which rows are written. `rows_per_group` bounds a row group.
    """

    name: str
    description: str
    columns: tuple[Column, ...]
    key: str = "dataset_id"
    partition_by: tuple[str, ...] = ()
    sorted_by: tuple[str, ...] = ()
    rows_per_group: int | None = None
    properties: Mapping[str, str] = field(default_factory=dict)

    def schema(self) -> pa.Schema:
        """The Arrow schema that every write must have."""
        return pa.schema([pa.field(c.name, c.type, c.nullable) for c in self.columns])


@dataclass(frozen=True, slots=True)
class TableFiles:
    """A table pinned to one version: the data files that hold it, as absolute addresses.

    Addresses are paths, or `s3://BUCKET/KEY` with the key as it is, nothing encoded.
    `rows` is the number of rows in these files; `location` is the address of the table's
    folder, by which an engine beside the store finds it. `schema` is what the table's columns
    are declared as, where whoever asked knows it; a catalog shows them.
    """

    table: str
    version: int
    files: tuple[str, ...]
    rows: int
    location: str = ""
    schema: pa.Schema | None = None


Where = Mapping[str, Sequence[Any]]
"""A row filter: each named column must hold one of the listed values."""


class TableStore(Served):
    """Versioned tables; safe for concurrent writers of different keys."""

    @abstractmethod
    def write(
        self,
        table: str,
        spec: TableSpec,
        data: pa.Table | pa.RecordBatchReader,
        *,
        replace: Sequence[Any] | None = None,
    ) -> int:
        """Append rows, or replace all rows whose key is in `replace`; the new version.

        With `replace`, every row's key must be in it, and keys without rows are removed.
        A reader is read once, to its end; memory follows its batches, not the sum of them. An
        error that it raises is raised, and nothing is written.

        Creates the table where it does not exist. Points in time with a zone are kept to the
        millisecond. Raises Unavailable after repeated commit conflicts, and BadInput for data
        that the schema cannot hold and types that engines do not share.
        """

    @abstractmethod
    def delete(self, table: str, spec: TableSpec, keys: Sequence[Any]) -> int | None:
        """Remove all rows with these keys; the new version, or None without the table.

        Without keys nothing changes, but a store that must not be written refuses that too.
        """

    @abstractmethod
    def version(self, table: str) -> int | None:
        """The current version, or None where the table does not exist."""

    @abstractmethod
    def files(
        self, table: str, *, version: int | None = None, where: Where | None = None
    ) -> TableFiles:
        """The files of a version, less those whose statistics exclude `where`. NotFound."""

    @abstractmethod
    def read(
        self,
        table: str,
        *,
        version: int | None = None,
        columns: Sequence[str] | None = None,
        where: Where | None = None,
    ) -> pa.Table:
        """The rows of a version that satisfy `where`, in no particular order. NotFound."""

    @abstractmethod
    def maintain(self, table: str) -> Mapping[str, int]:
        """Compact small files and remove files that no kept version needs; what was done."""
