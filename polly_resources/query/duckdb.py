"""The embedded SQL engine: DuckDB, in this process, over pinned files and rows.

Owns the connection: how it is hardened, limited, interrupted and reused. The address is
`duckdb://`, or `duckdb://?memory=4GB&threads=2&seconds=300` to set limits.
Keep out: the meaning of Trino's words (`duckdb_trino`) and of DuckDB's (`duckdb_errors`).
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl

import duckdb
import pyarrow as pa

from polly_resources.errors import BadQuery, Misconfigured
from polly_resources.query import duckdb_errors, duckdb_trino, duckdb_views, results
from polly_resources.query.base import QueryEngine, Relation, Statement
from polly_resources.query.duckdb_macros import MACROS
from polly_resources.query.sql_words import literal, quote
from polly_resources.tables.base import TableFiles


@dataclass(frozen=True, slots=True)
class Limits:
    """What one engine may use; a statement may run `seconds`."""

    memory: str = "4GB"
    threads: int = 0
    seconds: float = 300.0


@dataclass(frozen=True, slots=True)
class _Instance:
    """A locked database that can open files below `folders` and nothing else."""

    connection: duckdb.DuckDBPyConnection
    folders: frozenset[str]
    process: int


class DuckDBEngine(QueryEngine):
    """Runs statements on one shared, hardened, in-memory database.

    DuckDB cannot widen its list of readable folders once locked, so a statement over
    files of a new store makes a new instance; earlier statements finish on theirs.
    Each statement has its own cursor, whose temporary views no other statement sees.
    """

    def __init__(self, address: str = "duckdb://") -> None:
        self._limits = _limits(address)
        self._lock = threading.Lock()
        self._instance: _Instance | None = None

    def run(self, statement: Statement, *, max_rows: int | None = None) -> pa.Table:
        """The result, at most `max_rows` rows of it; columns without a name are `_colN`.

        Raises BadQuery where DuckDB refuses the statement or a limit ends it, Unavailable
        where a pinned file is gone.
        """
        sql = duckdb_trino.translate(statement, max_rows)
        paths = {name: _paths(relation) for name, relation in statement.relations.items()}
        instance = self._open(_folders(statement.relations, paths))
        job = _Job(instance, sql, statement.relations, paths)
        try:
            return self._supervise(job)
        except duckdb.Error as error:
            names = (n for r in statement.relations.values() for n in r.schema.names)
            raise duckdb_errors.translate(str(error), names) from error

    def publish(self, tables: Sequence[TableFiles]) -> None:
        """See `QueryEngine.publish`: statements bring their files."""

    def federates(self, search: str) -> bool:
        """See `QueryEngine.federates`: the engine opens no network."""
        return False

    def about(self) -> str:
        """See `Served.about`."""
        return f"DuckDB {duckdb.__version__}"

    def _supervise(self, job: _Job) -> pa.Table:
        """Run the job in a thread, so that the clock and Ctrl-C can interrupt it."""
        threading.Thread(target=job.work, name="polly-sql", daemon=True).start()
        try:
            in_time = job.done.wait(self._limits.seconds)
        finally:
            job.stop()
        if not in_time:
            raise BadQuery(
                "query_too_large",
                f"the statement ran longer than {self._limits.seconds:g} s",
                hint="filter more, or raise `seconds` in POLLY_QUERY",
            )
        return job.result()

    def _open(self, folders: frozenset[str]) -> _Instance:
        with self._lock:
            now = self._instance
            if now is None or now.process != os.getpid() or not folders <= now.folders:
                known = now.folders if now is not None else frozenset[str]()
                self._instance = now = _connect(self._limits, known | folders)
            return now


class _Job:
    """One statement on its own cursor."""

    def __init__(
        self,
        instance: _Instance,
        sql: str,
        relations: Mapping[str, Relation],
        paths: Mapping[str, list[str]],
    ) -> None:
        self._cursor = instance.connection.cursor()
        self._sql = sql
        self._relations = relations
        self._paths = paths
        self._table: pa.Table | None = None
        self._error: BaseException | None = None
        self._stopped = False
        self.done = threading.Event()

    def work(self) -> None:
        """Run, keeping the result or the error; files are matched by name only if need be."""
        try:
            try:
                self._table = self._attempt(by_name=False)
            except (duckdb.BinderException, duckdb.InvalidInputException) as error:
                hopeless = self._stopped or not any(self._paths.values())
                if hopeless or not duckdb_errors.schema_mismatch(str(error)):
                    raise
                self._table = self._attempt(by_name=True)
        except BaseException as error:
            self._error = error
        finally:
            self._cursor.close()
            self.done.set()

    def stop(self) -> None:
        """End the statement. DuckDB forgets an interrupt that comes before it executes."""
        self._stopped = True
        tries = 100
        while not self.done.is_set() and tries:
            with suppress(duckdb.Error):
                self._cursor.interrupt()
            self.done.wait(0.05)
            tries -= 1

    def result(self) -> pa.Table:
        """The rows, or the error raised."""
        error, self._error = self._error, None
        if error is not None:
            raise error
        return self._table

    def _attempt(self, *, by_name: bool) -> pa.Table:
        for name, relation in self._relations.items():
            query = self._source(name, relation, by_name)
            self._cursor.execute(f"CREATE OR REPLACE TEMP VIEW {quote(name)} AS {query}")
        answer = self._cursor.sql(self._sql)
        kinds = [str(kind) for kind in answer.types]
        return _finish(answer.to_arrow_table(), kinds)

    def _source(self, name: str, relation: Relation, by_name: bool) -> str:
        paths = self._paths[name]
        if relation.rows is not None:
            registered = f"{name}_rows"
            self._cursor.register(registered, relation.rows)
            return duckdb_views.select_rows(relation, registered)
        if not paths:
            return duckdb_views.select_nothing(relation.schema)
        present = None
        if by_name:
            described = self._cursor.sql(f"FROM {duckdb_views.scan(paths, True, True)}")
            present = frozenset(described.columns)
        return duckdb_views.select_files(relation, paths, present)


def _finish(table: pa.Table, kinds: list[str]) -> pa.Table:
    """Trino's result types and names: sums are BIGINT, and every column has its own name."""
    columns = []
    for column, kind in zip(table.columns, kinds, strict=True):
        if kind != "HUGEINT":
            plain = results.plain_type(column.type)
            columns.append(column if plain == column.type else column.cast(plain))
            continue
        try:
            columns.append(column.cast(pa.int64()))
        except pa.ArrowInvalid:
            raise BadQuery(
                "out_of_range", "a sum does not fit in BIGINT", hint="sum it as DOUBLE"
            ) from None
    return pa.table(columns, names=results.result_names(table.column_names))


def _connect(limits: Limits, folders: frozenset[str]) -> _Instance:
    """A new database: macros defined, then files, network and settings closed."""
    spill = Path(tempfile.gettempdir()) / f"polly-duckdb-{os.getpid()}"
    connection = duckdb.connect(
        ":memory:",
        config={
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "allow_community_extensions": False,
            "python_enable_replacements": False,
            "memory_limit": limits.memory,
            "temp_directory": str(spill),
            "threads": limits.threads or os.cpu_count() or 1,
        },
    )
    listed = ", ".join(literal(folder) for folder in sorted(folders))
    connection.execute(
        f"{MACROS}; SET GLOBAL TimeZone = 'UTC';"
        " SET GLOBAL default_null_order = 'nulls_last'; SET GLOBAL parquet_metadata_cache = true;"
        f" SET allowed_directories = [{listed}]; SET enable_external_access = false;"
        " SET lock_configuration = true"
    )
    return _Instance(connection, folders, os.getpid())


def _paths(relation: Relation) -> list[str]:
    files = relation.files.files if relation.files is not None else ()
    return [duckdb_views.local_path(address) for address in files]


def _folders(relations: Mapping[str, Relation], paths: Mapping[str, list[str]]) -> frozenset[str]:
    return frozenset(
        duckdb_views.root(path, relation.files.table)
        for name, relation in relations.items()
        if relation.files is not None
        for path in paths[name]
    )


def _limits(address: str) -> Limits:
    """The limits in an address. Raises Misconfigured for an unknown or malformed one."""
    values = dict(parse_qsl(address.partition("?")[2], keep_blank_values=True))
    usual = Limits()
    try:
        if unknown := values.keys() - {"memory", "threads", "seconds"}:
            raise ValueError(f"unknown limit {', '.join(sorted(unknown))}")
        return Limits(
            memory=values.get("memory", usual.memory),
            threads=int(values.get("threads", usual.threads)),
            seconds=float(values.get("seconds", usual.seconds)),
        )
    except ValueError as error:
        raise Misconfigured(
            "bad_address",
            f"{address!r} is not a DuckDB address: {error}",
            hint="write duckdb://?memory=4GB&threads=2&seconds=300",
        ) from None
