"""Delta Lake tables, on disk or wherever delta-rs can write.

Owns the physical side of a table: schema conformity, commits and their retries, pruning by
file statistics, compaction. Keep out: which tables exist and what they hold.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote, urlparse

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import (
    CommitProperties,
    DeltaTable,
    QueryBuilder,
    WriterProperties,
    write_deltalake,
)
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from tenacity import (
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from polly_resources.errors import BadInput, Misconfigured, NotFound, Unavailable
from polly_resources.tables.base import TableFiles, TableSpec, TableStore, Where

# zstd 1 writes 3x faster than zstd 3 for 1 % more bytes; see docs/adr/0002.
COMPRESSION_LEVEL = 1
ROWS_PER_GROUP = 65_536
COMMIT_ATTEMPTS = 8
TARGET_FILE_BYTES = 256 * 1024 * 1024


class DeltaStore(TableStore):
    """Delta tables under one root address, `delta:///path`."""

    def __init__(self, address: str) -> None:
        self._root = unquote(urlparse(address).path).rstrip("/")
        self._open: dict[str, DeltaTable] = {}
        self._lock = threading.Lock()
        self._writers: dict[str, DeltaTable] = {}
        self._turns: dict[str, threading.Lock] = {}

    def write(
        self,
        table: str,
        spec: TableSpec,
        data: pa.Table | pa.RecordBatchReader,
        *,
        replace: Sequence[Any] | None = None,
    ) -> int:
        """See `TableStore.write`."""
        rows = data.read_all() if isinstance(data, pa.RecordBatchReader) else data
        rows = _conform(rows, spec, table)
        # An append is several times cheaper than a replacement that finds nothing.
        overwrite = bool(replace) and self._holds(table, spec, replace or ())
        before = self.version(table)
        if not overwrite and rows.num_rows == 0 and before is not None:
            return before
        predicate = _in(spec.key, replace or ()) if overwrite else None
        options: dict[str, Any] = {
            "partition_by": list(spec.partition_by) or None,
            "name": spec.name,
            "description": spec.description,
            "configuration": dict(spec.properties) or None,
            "writer_properties": _writer_properties(spec),
            "commit_properties": CommitProperties(max_commit_retries=COMMIT_ATTEMPTS),
        }
        for attempt in _commit_retries():
            with attempt, self._writing(table) as target:
                if predicate is None:
                    write_deltalake(target, rows, mode="append", **options)
                else:
                    write_deltalake(target, rows, mode="overwrite", predicate=predicate, **options)
        with self._current(table) as held:
            return int(held.version())

    def delete(self, table: str, spec: TableSpec, keys: Sequence[Any]) -> int | None:
        """See `TableStore.delete`."""
        if self.version(table) is None:
            return None
        if keys:
            for attempt in _commit_retries():
                with attempt, self._writing(table) as target:
                    if isinstance(target, DeltaTable):
                        target.delete(_in(spec.key, keys))
        return self.version(table)

    def version(self, table: str) -> int | None:
        """See `TableStore.version`."""
        try:
            with self._current(table) as held:
                return held.version()
        except NotFound:
            return None

    def files(
        self, table: str, *, version: int | None = None, where: Where | None = None
    ) -> TableFiles:
        """See `TableStore.files`."""
        with self._pinned(table, version) as pinned:
            actions = pa.table(pinned.get_add_actions(flatten=True))
            at = pinned.version()
        kept = actions.filter(_may_match(actions, where or {}))
        paths = sorted(f"{self._uri(table)}/{unquote(p)}" for p in kept["path"].to_pylist())
        return TableFiles(table, at, tuple(paths), pc.sum(kept["num_records"]).as_py() or 0)

    def read(
        self,
        table: str,
        *,
        version: int | None = None,
        columns: Sequence[str] | None = None,
        where: Where | None = None,
    ) -> pa.Table:
        """See `TableStore.read`."""
        chosen = ", ".join(_identifier(c) for c in columns) if columns else "*"
        query = f"SELECT {chosen} FROM pinned"  # noqa: S608 - names quoted, values escaped
        if where:
            query += " WHERE " + " AND ".join(_in(c, v) for c, v in where.items())
        with self._pinned(table, version) as pinned:
            builder = QueryBuilder().register("pinned", pinned)
        with _translated(table):
            return _plain(pa.table(builder.execute(query).read_all()))

    def maintain(self, table: str) -> Mapping[str, int]:
        """See `TableStore.maintain`."""
        with _translated(table):
            handle = DeltaTable(self._uri(table))
            done = handle.optimize.compact(target_size=TARGET_FILE_BYTES)
            handle.create_checkpoint()
            removed = handle.vacuum(dry_run=False)
        return {
            "files_removed": int(done["numFilesRemoved"]),
            "files_added": int(done["numFilesAdded"]),
            "files_vacuumed": len(removed),
        }

    def _holds(self, table: str, spec: TableSpec, keys: Sequence[Any]) -> bool:
        where = {spec.key: keys}
        try:
            found = self.files(table, where=where).files
            return bool(found) and self.read(table, columns=[spec.key], where=where).num_rows > 0
        except NotFound:
            return False

    def _uri(self, table: str) -> str:
        return f"{self._root}/{table}"

    @contextmanager
    def _current(self, table: str) -> Iterator[DeltaTable]:
        """The shared handle at its newest version; held until the caller has read from it."""
        uri = self._uri(table)
        with self._lock, _translated(table):
            held = self._open.get(uri)
            if held is None:
                held = self._open[uri] = DeltaTable(uri)
            held.update_incremental()
            yield held

    @contextmanager
    def _writing(self, table: str) -> Iterator[DeltaTable | str]:
        """A handle to write with, or the address of a table that does not exist yet.

        It is kept for the next write, for opening a table costs more with every file; one
        that failed is not. Handles are not shared, so writers of this process take turns.
        """
        uri = self._uri(table)
        with self._lock:
            turn = self._turns.setdefault(uri, threading.Lock())
        with turn, _translated(table):
            handle = self._writers.pop(uri, None)
            if not DeltaTable.is_deltatable(uri):
                try:
                    yield uri
                except TableNotFoundError as error:
                    raise _unwritable(table, error) from error
                return
            if handle is None:
                handle = DeltaTable(uri)
            handle.update_incremental()
            yield handle
            self._writers[uri] = handle

    @contextmanager
    def _pinned(self, table: str, version: int | None) -> Iterator[DeltaTable]:
        if version is None:
            with self._current(table) as held:
                yield held
        else:
            with _translated(table):
                yield DeltaTable(self._uri(table), version=version)


def _writer_properties(spec: TableSpec) -> WriterProperties:
    return WriterProperties(
        compression="ZSTD",
        compression_level=COMPRESSION_LEVEL,
        max_row_group_size=spec.rows_per_group or ROWS_PER_GROUP,
    )


def _commit_retries() -> Retrying:
    return Retrying(
        retry=retry_if_exception_type(Unavailable),
        stop=stop_after_attempt(COMMIT_ATTEMPTS),
        wait=wait_random_exponential(multiplier=0.05, max=2),
        reraise=True,
    )


def _unwritable(table: str, error: Exception) -> Misconfigured:
    return Misconfigured(
        "tables_unwritable",
        f"table {table} cannot be made: {' '.join(str(error).split())}",
        hint="give this user the right to write there, or change POLLY_HOME or POLLY_TABLES",
    )


@contextmanager
def _translated(table: str) -> Iterator[None]:
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
    except DeltaError as error:
        raise Unavailable(
            "table_store_failed", f"table {table}: {error}", hint="check disk space and permissions"
        ) from error


def _conform(rows: pa.Table, spec: TableSpec, table: str) -> pa.Table:
    schema = spec.schema()
    if set(rows.column_names) != set(schema.names):
        missing = sorted(set(schema.names) - set(rows.column_names))
        extra = sorted(set(rows.column_names) - set(schema.names))
        raise BadInput(
            "wrong_columns", f"table {table}: missing columns {missing}, unexpected columns {extra}"
        )
    ordered = rows.select(schema.names)
    try:
        return ordered.cast(_keeping_dictionaries(schema, ordered.schema))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError) as error:
        raise BadInput("wrong_type", f"table {table}: {error}") from error


def _keeping_dictionaries(schema: pa.Schema, given: pa.Schema) -> pa.Schema:
    """Dictionary columns are stored as their value type but written much faster as they are."""
    fields = []
    for field in schema:
        kind = given.field(field.name).type
        keep = pa.types.is_dictionary(kind) and kind.value_type == field.type
        fields.append(field.with_type(kind) if keep else field)
    return pa.schema(fields)


def _plain(rows: pa.Table) -> pa.Table:
    """View types, which few readers know, become their plain equals."""
    fields = [pa.field(f.name, _plain_type(f.type), f.nullable) for f in rows.schema]
    return rows.cast(pa.schema(fields))


def _plain_type(kind: pa.DataType) -> pa.DataType:
    if kind == pa.string_view():
        return pa.string()
    if kind == pa.binary_view():
        return pa.binary()
    if pa.types.is_dictionary(kind):
        return _plain_type(kind.value_type)
    if pa.types.is_list(kind):
        return pa.list_(pa.field("element", _plain_type(kind.value_type)))
    return kind


def _may_match(actions: pa.Table, where: Where) -> pa.ChunkedArray:
    keep = pa.array([True] * actions.num_rows, pa.bool_())
    for column, values in where.items():
        low, high, exact = f"min.{column}", f"max.{column}", f"partition.{column}"
        if exact in actions.column_names:
            hit = pc.is_in(actions[exact], value_set=pa.array(values, actions[exact].type))
        elif low in actions.column_names and values:
            hit = _ranges_overlap(actions[low], actions[high], values)
        else:
            continue
        keep = pc.and_(keep, pc.fill_null(hit, True))
    return keep


def _ranges_overlap(
    low: pa.ChunkedArray, high: pa.ChunkedArray, values: Sequence[Any]
) -> pa.BooleanArray:
    ordered = sorted(values)

    def overlaps(least: Any, most: Any) -> bool:
        if least is None or most is None:
            return True
        at = bisect_left(ordered, least)
        return bool(at < len(ordered) and ordered[at] <= most)

    pairs = zip(low.to_pylist(), high.to_pylist(), strict=True)
    return pa.array([overlaps(least, most) for least, most in pairs], pa.bool_())


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _in(column: str, values: Sequence[Any]) -> str:
    if not values:
        return "false"
    return f"{_identifier(column)} IN ({', '.join(_literal(v) for v in values)})"


def _literal(value: Any) -> str:
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return str(int(value))
