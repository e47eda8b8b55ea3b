"""Delta tables by name in Trino's catalogs: registered where missing, named at a version.

A table `<namespace>/<table>` is `"catalog"."<prefix><namespace>"."<table>"`. Where that points is
looked up once per process: a name whose place holds no table any more is registered anew, for
buckets move; one that is the table of another platform is an error.
Keep out: what a statement reads from them.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Collection, Iterable

from polly_resources.errors import Misconfigured
from polly_resources.query.sql_words import literal, quote
from polly_resources.query.trino_client import Client
from polly_resources.query.trino_errors import Refused
from polly_resources.tables.base import TableFiles

_EXISTS = {"ALREADY_EXISTS", "SCHEMA_ALREADY_EXISTS", "TABLE_ALREADY_EXISTS"}
_GONE = {"NOT_FOUND", "SCHEMA_NOT_FOUND", "TABLE_NOT_FOUND"}
_LOCATION = re.compile(r"^\s*location = '((?:[^']|'')*)'", re.MULTILINE)


class Tables:
    """The tables of one catalog, and of the one that may register them."""

    def __init__(self, client: Client, catalog: str, admin: str, prefix: str) -> None:
        self._client = client
        self._catalog = catalog
        self._admin = admin
        self._prefix = prefix
        self._known: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    def pinned(self, files: TableFiles) -> str:
        """The table at its version, to read from."""
        return f"{self._name(self._catalog, files.table)} FOR VERSION AS OF {files.version}"

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
            if self._readable(table):
                raise self._taken(table, now, location)
            self._call("unregister_table", table)
        schema = quote(self._parts(table)[0])
        self._try(f"CREATE SCHEMA IF NOT EXISTS {quote(self._admin)}.{schema}", _EXISTS)
        self._call("register_table", table, location)

    def _location(self, table: str) -> str | None:
        """Where the name points; None where there is no such name."""
        name = self._name(self._admin, table)
        try:
            shown = self._client.run(f"SHOW CREATE TABLE {name}").rows[0][0]
        except Refused as error:
            if error.unknown_table:
                return None
            raise
        found = _LOCATION.search(shown)
        return found[1].replace("''", "'").rstrip("/") if found else ""

    def _readable(self, table: str) -> bool:
        """Whether there is a table where the name points."""
        try:
            self._client.run(f"SELECT * FROM {self._name(self._catalog, table)} LIMIT 0")  # noqa: S608
        except Refused:
            return False
        return True

    def _call(self, procedure: str, table: str, *location: str) -> None:
        arguments = ", ".join(literal(text) for text in (*self._parts(table), *location))
        done = _EXISTS if location else _GONE
        self._try(f"CALL {quote(self._admin)}.system.{procedure}({arguments})", done)

    def _try(self, sql: str, done: Collection[str]) -> None:
        """Run it; another process may have done the same just before."""
        try:
            self._client.run(sql)
        except Refused as error:
            if error.name not in done:
                raise

    def _taken(self, table: str, there: str, here: str) -> Misconfigured:
        schema, name = self._parts(table)
        return Misconfigured(
            "name_taken",
            f"{self._catalog}.{schema}.{name} is the table at {there}, not ours at {here}",
            hint="give this platform a &schema_prefix= in POLLY_QUERY; or, where ours moved,"
            f" CALL {self._admin}.system.unregister_table('{schema}', '{name}')",
        )

    def _name(self, catalog: str, table: str) -> str:
        schema, name = self._parts(table)
        return f"{quote(catalog)}.{quote(schema)}.{quote(name)}"

    def _parts(self, table: str) -> tuple[str, str]:
        """The schema and the name of a table `<namespace>/<table>`."""
        namespace, _, name = table.partition("/")
        return f"{self._prefix}{namespace}", name
