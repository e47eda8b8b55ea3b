"""Relations as DuckDB views: exactly the declared columns, in the declared types.

Owns the SQL of a view over pinned Parquet files and the names of Arrow types in DuckDB.
Add a type here when a table specification uses it. Keep out: connections and the
translation of statements.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

import pyarrow as pa

from polly_resources.errors import Misconfigured
from polly_resources.query.base import Relation
from polly_resources.query.sql_words import TypeNames, literal, quote

_SIMPLE: tuple[tuple[Callable[[pa.DataType], bool], str], ...] = (
    (pa.types.is_boolean, "BOOLEAN"),
    (pa.types.is_int8, "TINYINT"),
    (pa.types.is_int16, "SMALLINT"),
    (pa.types.is_int32, "INTEGER"),
    (pa.types.is_int64, "BIGINT"),
    (pa.types.is_uint8, "UTINYINT"),
    (pa.types.is_uint16, "USMALLINT"),
    (pa.types.is_uint32, "UINTEGER"),
    (pa.types.is_uint64, "UBIGINT"),
    (pa.types.is_float32, "REAL"),
    (pa.types.is_floating, "DOUBLE"),
    (pa.types.is_string, "VARCHAR"),
    (pa.types.is_large_string, "VARCHAR"),
    (pa.types.is_string_view, "VARCHAR"),
    (pa.types.is_binary, "BLOB"),
    (pa.types.is_large_binary, "BLOB"),
    (pa.types.is_date, "DATE"),
    (pa.types.is_time, "TIME"),
    (pa.types.is_null, "VARCHAR"),
)

_TYPES = TypeNames(
    engine="DuckDB",
    simple=_SIMPLE,
    moment="TIMESTAMPTZ",
    timestamp="TIMESTAMP",
    array="{}[]",
    struct="STRUCT",
)


def type_name(kind: pa.DataType) -> str:
    """The DuckDB type that holds an Arrow type. Raises Misconfigured for one it has not."""
    return _TYPES.of(kind)


def local_path(address: str) -> str:
    """The path of a data file. Raises Misconfigured for an address that is no local file."""
    if address.startswith("file://"):
        return unquote(urlsplit(address).path)
    if "://" in address:
        raise Misconfigured(
            "remote_files",
            f"{address} is not a local file, and the embedded engine opens no network",
            hint="use a query engine beside the object store (POLLY_QUERY)",
        )
    return address


def root(path: str, table: str) -> str:
    """The folder to open for a file: the store that holds `<namespace>/<table>`, or its own."""
    before, found, _ = path.rpartition(f"/{table}/")
    return before if found and table else str(PurePosixPath(path).parent)


def select_nothing(schema: pa.Schema) -> str:
    """A query with the columns of the schema and no rows."""
    return f"SELECT {_casts(schema, ())} WHERE false"


def select_files(relation: Relation, paths: Sequence[str], present: Collection[str] | None) -> str:
    """The query that reads Parquet files as the declared columns.

    Columns of `key=value` folders are read from the path. `present` names the columns
    that the files have, where some lack declared ones (these are NULL there); None
    trusts that every file has every column, which opens one file instead of all.
    """
    folders = {part.partition("=")[0] for part in PurePosixPath(paths[0]).parts if "=" in part}
    hive = any(name in folders for name in relation.schema.names)
    names = set(relation.schema.names) if present is None else set(present)
    source = scan(paths, hive, present is not None)
    return f"SELECT {_casts(relation.schema, names)} FROM {source}"  # noqa: S608 - quoted


def scan(paths: Sequence[str], hive: bool, by_name: bool) -> str:
    """The table function over the files."""
    options = f"hive_partitioning={hive}, hive_types_autocast=false, union_by_name={by_name}"
    return f"read_parquet([{', '.join(literal(path) for path in paths)}], {options})"


def select_rows(relation: Relation, registered: str) -> str:
    """The query that reads a registered Arrow table as the declared columns."""
    columns = _casts(relation.schema, relation.schema.names)
    return f"SELECT {columns} FROM {quote(registered)}"  # noqa: S608 - quoted


def _casts(schema: pa.Schema, present: Iterable[str]) -> str:
    names = set(present)
    return ", ".join(
        f"CAST({quote(field.name) if field.name in names else 'NULL'} AS {type_name(field.type)})"
        f" AS {quote(field.name)}"
        for field in schema
    )
