"""Delta tables by name in Trino's catalogs: registered where missing, named at a version.

A table `<namespace>/<table>` is `"catalog"."<namespace>"."<table>"`. A name that points to another
place than the store's is registered anew: buckets move. Where a name points is looked up once per
process. Keep out: what a statement reads from them.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Collection, Iterable

from polly_resources.errors import Misconfigured
from polly_resources.query.trino_client import Client
from polly_resources.query.trino_errors import Refused
from polly_resources.query.trino_sql import literal, quote
from polly_resources.tables.base import TableFiles

_EXISTS = {"ALREADY_EXISTS", "SCHEMA_ALREADY_EXISTS", "TABLE_ALREADY_EXISTS"}
_GONE = {"NOT_FOUND", "SCHEMA_NOT_FOUND", "TABLE_NOT_FOUND"}
_LOCATION = re.compile(r"^\s*location = '((?:[^']|'')*)'", re.MULTILINE)


class Tables:
    """The tables of one catalog, and of the one that may register them."""

    def __init__(self, client: Client, catalog: str, admin: str) -> None:
        self._client = client
        self._catalog = catalog
        self._admin = admin
        self._known: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    def pinned(self, files: TableFiles) -> str:
        """The table at its version, to read from."""
        return f"{_name(self._catalog, files.table)} FOR VERSION AS OF {files.version}"

    def know(self, tables: Iterable[TableFiles]) -> None:
        """See that each name points to its table. Raises Refused."""
        for key in {(files.table, files.location.rstrip("/")) for files in tables}:
            if key in self._known:
                continue
            # One at a time: two registrations of one name would meet in Trino's metastore.
            with self._lock:
                self._know(*key)
                self._known.add(key)

    def columns(self, files: TableFiles) -> frozenset[str]:
        """The columns that the table has at its version, in lower case. Raises Refused."""
        found = self._client.run(f"SELECT * FROM {self.pinned(files)} LIMIT 0")  # noqa: S608
        return frozenset(column["name"].lower() for column in found.columns)

    def forget(self, tables: Iterable[TableFiles]) -> None:
        """Look these up again: Trino does not know them any more."""
        with self._lock:
            self._known -= {(files.table, files.location.rstrip("/")) for files in tables}

    def _know(self, table: str, location: str) -> None:
        if not location.startswith(("s3://", "s3a://")):
            raise Misconfigured(
                "local_files",
                f"table {table} lies at {location or 'no known place'}, which Trino cannot reach",
                hint="keep the tables in an object store: POLLY_TABLES=delta+s3://BUCKET",
            )
        now = self._location(table)
        if now == location:
            return
        if now is not None:
            self._call("unregister_table", table)
        schema = table.partition("/")[0]
        self._try(f"CREATE SCHEMA IF NOT EXISTS {quote(self._admin)}.{quote(schema)}", _EXISTS)
        self._call("register_table", table, location)

    def _location(self, table: str) -> str | None:
        """Where the name points; None where there is no such name."""
        name = _name(self._admin, table)
        try:
            shown = self._client.run(f"SHOW CREATE TABLE {name}").rows[0][0]
        except Refused as error:
            if error.unknown_table:
                return None
            if error.kind == "EXTERNAL":
                return ""
            raise
        found = _LOCATION.search(shown)
        return found[1].replace("''", "'").rstrip("/") if found else ""

    def _call(self, procedure: str, table: str, *location: str) -> None:
        schema, _, name = table.partition("/")
        arguments = ", ".join(literal(text) for text in (schema, name, *location))
        done = _EXISTS if location else _GONE
        self._try(f"CALL {quote(self._admin)}.system.{procedure}({arguments})", done)

    def _try(self, sql: str, done: Collection[str]) -> None:
        """Run it; another process may have done the same just before."""
        try:
            self._client.run(sql)
        except Refused as error:
            if error.name not in done:
                raise


def _name(catalog: str, table: str) -> str:
    schema, _, name = table.partition("/")
    return f"{quote(catalog)}.{quote(schema)}.{quote(name)}"
