"""The SQL engine of servers: Trino, over Delta tables in an object store.

The address is `trino://USER@HOST:PORT/CATALOG?admin=CATALOG`, or `trino+https://` with a password:
the path names the catalog to read from, `admin` the one whose tables are the same and that may
register them. `schema_prefix` tells platforms that share a server apart. `search` names the catalog
of the search index, if there is one, `index_prefix` what its indexes' names begin with, `ca` the
authority of the certificate, `seconds` how long a statement may run.

Files are read where they lie, each reference at its pinned version: Trino answers wrongly where a
bare name follows a pinned one. Rows in memory become part of the text of a statement; where a
statement needs nothing else, the embedded engine answers it, for the data is here already.
Keep out: the protocol (`trino_client`), the dialect (`trino_sql`), its errors (`trino_errors`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import pyarrow as pa

from polly_resources.addresses import bad_address, parse
from polly_resources.errors import BadQuery
from polly_resources.query import results, trino_errors, trino_sql, trino_types
from polly_resources.query.base import QueryEngine, Relation, Statement
from polly_resources.query.duckdb import DuckDBEngine
from polly_resources.query.trino_client import EXAMPLE, Answer, Client
from polly_resources.query.trino_errors import Refused
from polly_resources.query.trino_index import Indexes
from polly_resources.query.trino_rows import select_rows
from polly_resources.query.trino_tables import Tables
from polly_resources.tables.base import TableFiles

MAX_INLINE_BYTES = 8_000_000
"""How much text the rows of one statement may become; Trino's own default limit is 1 MB."""

_OPTIONS = {
    "admin": "lake_admin",
    "ca": "",
    "index_prefix": "",
    "schema_prefix": "",
    "search": "",
    "seconds": "300",
}


class TrinoEngine(QueryEngine):
    """Runs statements on a Trino coordinator; safe to share by threads."""

    def __init__(self, address: str) -> None:
        found = parse(address, "query", EXAMPLE, _OPTIONS)
        catalog = found.path.strip("/")
        try:
            seconds = float(found.options["seconds"])
        except ValueError:
            raise bad_address(str(found), "query", "`seconds` is no number", EXAMPLE) from None
        if not catalog or "/" in catalog:
            raise bad_address(str(found), "query", "its path must name a catalog", EXAMPLE)
        self._client = Client(found, seconds)
        self._tables = Tables(
            self._client, catalog, found.options["admin"], found.options["schema_prefix"]
        )
        self._search = found.options["search"]
        self._prefix = found.options["index_prefix"]
        self._indexes = Indexes(self._client, self._search, self._prefix)
        self._embedded = DuckDBEngine(f"duckdb://?seconds={seconds}")

    def run(self, statement: Statement, *, max_rows: int | None = None) -> pa.Table:
        """See `QueryEngine.run`."""
        relations = statement.relations.values()
        if relations and all(relation.rows is not None for relation in relations):
            return self._embedded.run(statement, max_rows=max_rows)
        try:
            return _arrow(self._answer(statement, max_rows))
        except Refused as error:
            names = (name for relation in relations for name in relation.schema.names)
            raise trino_errors.translate(error, names) from error

    def publish(self, tables: Sequence[TableFiles]) -> None:
        """See `QueryEngine.publish`; tables that have moved are registered anew."""
        try:
            self._tables.know(tables)
        except Refused as error:
            raise trino_errors.translate(error) from error

    def federates(self, search: str) -> bool:
        """See `QueryEngine.federates`: where `search` and `index_prefix` fit that address."""
        there = parse(search, "search", "opensearch://HOST:9200")
        fits = there.path.strip("/") == self._prefix
        return bool(self._search) and fits and there.scheme.startswith("opensearch")

    def about(self) -> str:
        """See `Served.about`."""
        try:
            return f"Trino {self._client.run('SELECT version()').rows[0][0]}"
        except Refused as error:
            raise trino_errors.translate(error) from error

    def _answer(self, statement: Statement, max_rows: int | None) -> Answer:
        """Run it over registered tables; where names are missing, look what there is."""
        used = [r.files for r in statement.relations.values() if r.files is not None]
        read = [files for files in used if files.files]
        self._tables.know(read)
        try:
            return self._client.run(self._text(statement, max_rows, {}))
        except Refused as error:
            if not error.unknown_table and not error.unknown_column:
                raise
            if error.unknown_table:
                self._tables.forget(read)
                self._tables.know(read)
            present = {
                name: self._present(relation) for name, relation in statement.relations.items()
            }
        return self._client.run(self._text(statement, max_rows, present))

    def _text(
        self,
        statement: Statement,
        max_rows: int | None,
        present: Mapping[str, Collection[str] | None],
    ) -> str:
        """The statement as text; `present` has the columns that relations are known to have."""
        sources = {
            name: self._source(relation, present.get(name))
            for name, relation in statement.relations.items()
        }
        inline = sum(
            len(sources[name].encode())
            for name, relation in statement.relations.items()
            if relation.rows is not None
        )
        if inline > MAX_INLINE_BYTES:
            raise BadQuery(
                "query_too_large",
                f"rows that are in no table make {inline:,} bytes of text, at most"
                f" {MAX_INLINE_BYTES:,} can join with tables",
                hint="select fewer of their rows or columns, or ask for them alone",
            )
        return trino_sql.translate(statement, sources, max_rows)

    def _source(self, relation: Relation, present: Collection[str] | None) -> str:
        if relation.rows is not None:
            return select_rows(relation)
        if relation.index is not None:
            return self._indexes.select(relation.index, relation.schema, present)
        if relation.files is None or not relation.files.files:
            return trino_sql.select_nothing(relation.schema)
        return trino_sql.select(relation.schema, self._tables.pinned(relation.files), present)

    def _present(self, relation: Relation) -> Collection[str] | None:
        """The columns that a relation's table or index has in fact."""
        if relation.index is not None:
            return self._indexes.columns(relation.index)
        if relation.files is None or not relation.files.files:
            return None
        return self._tables.columns(relation.files)


def _arrow(answer: Answer) -> pa.Table:
    """The answer with the embedded engine's types, and a name for every column."""
    columns = [
        trino_types.array(column["typeSignature"], [row[index] for row in answer.rows])
        for index, column in enumerate(answer.columns)
    ]
    names = results.result_names([column["name"] for column in answer.columns])
    return pa.table(columns, names=names)
