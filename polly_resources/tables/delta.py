"""Delta Lake tables, on disk or in a bucket.

Owns writing, reading and keeping tables: commits and their retries, compaction. Where tables
lie is in `delta_places`, their types in `delta_types`, streams of rows in `delta_files`, what a
filter excludes in `delta_pruning`. Keep out: which tables exist and what they hold.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.metadata import version
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import (
    CommitProperties,
    DeltaTable,
    PostCommitHookProperties,
    QueryBuilder,
    WriterProperties,
    write_deltalake,
)
from deltalake.exceptions import CommitFailedError, TableNotFoundError
from deltalake.transaction import AddAction, RemoveAction
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random_exponential

from polly_resources.errors import NotFound, Unavailable
from polly_resources.tables.base import TableFiles, TableSpec, TableStore, Where
from polly_resources.tables.delta_files import (
    COMPRESSION_LEVEL,
    ROWS_PER_GROUP,
    TARGET_FILE_BYTES,
    DataFiles,
    removal,
)
from polly_resources.tables.delta_handles import Handles, translated
from polly_resources.tables.delta_places import open_place, unwritable
from polly_resources.tables.delta_pruning import condition, identifier, is_one_of, may_match
from polly_resources.tables.delta_types import conform, plain

COMMIT_ATTEMPTS = 8
"""Commits of one write that only newer versions stand against; it is not written again."""
COMMIT_SECONDS = 60
"""How long a write that changed what another writer changed is begun again."""

# Tidying the log lists all of it, so `maintain` does that and no commit.
_AFTER_COMMIT = PostCommitHookProperties(create_checkpoint=True, cleanup_expired_logs=False)
_COMMIT = CommitProperties(max_commit_retries=COMMIT_ATTEMPTS)


class DeltaStore(TableStore):
    """Delta tables under `delta:///path` or `delta+s3://BUCKET[/PREFIX]?endpoint=&region=`.

    Every method raises Unavailable where the place does not answer, and Misconfigured where
    it refuses access or is none.
    """

    def __init__(self, address: str) -> None:
        self._place = open_place(address)
        # Apart, so that nobody waits for a write to read.
        self._readers = Handles(self._place)
        self._writers = Handles(self._place)

    def about(self) -> str:
        """See `Served.about`; asks as a writer, whom a place without conditional writes refuses."""
        self._place.admit_writer()
        return f"Delta Lake, deltalake {version('deltalake')}, {self._place.about()}"

    def write(
        self,
        table: str,
        spec: TableSpec,
        data: pa.Table | pa.RecordBatchReader,
        *,
        replace: Sequence[Any] | None = None,
    ) -> int:
        """See `TableStore.write`; files of a stream are written once, however often committed."""
        self._place.admit_writer()
        if isinstance(data, pa.Table):
            rows = conform(data, spec, table)
            return _retried(partial(self._commit, table, spec, rows, replace or ()))
        files = DataFiles(self._place, table, spec)
        with translated(self._place, table):
            files.write(data)
        try:
            commit = partial(self._commit_files, table, spec, files.added, replace or ())
            return _retried(commit, "commit_conflict")
        except Unavailable as error:
            if error.code == "commit_conflict":
                files.discard()
            raise

    def _commit_files(
        self, table: str, spec: TableSpec, added: list[AddAction], replace: Sequence[Any]
    ) -> int:
        """Add files to the table, and take out the rows with these keys."""
        if self.version(table) is None:
            self._create(table, spec, conform(spec.schema().empty_table(), spec, table))
        with self._writers.current(table) as target:
            kept = DataFiles(self._place, table, spec)
            removed = _displaced(target, kept, spec, replace)
            if not added and not removed:
                return int(target.version())
            try:
                target.create_write_transaction(
                    [*added, *kept.added, *removed],
                    mode="append",
                    schema=target.schema(),
                    partition_by=list(spec.partition_by),
                    commit_properties=_COMMIT,
                    post_commithook_properties=_AFTER_COMMIT,
                )
            except CommitFailedError:
                kept.discard()
                raise
            target.update_incremental()
            return int(target.version())

    def _commit(self, table: str, spec: TableSpec, rows: pa.Table, replace: Sequence[Any]) -> int:
        try:
            with self._writers.current(table) as target:
                _put(target, spec, rows, replace)
                return int(target.version())
        except NotFound:
            self._create(table, spec, rows)
        with self._writers.current(table) as made:
            return int(made.version())

    def _create(self, table: str, spec: TableSpec, rows: pa.Table) -> None:
        with translated(self._place, table):
            try:
                write_deltalake(
                    self._place.location(table),
                    rows,
                    mode="append",
                    storage_options=self._place.options(),
                    name=spec.name,
                    description=spec.description,
                    configuration=dict(spec.properties) or None,
                    partition_by=list(spec.partition_by) or None,
                    **_how(spec),
                )
            except TableNotFoundError as error:
                raise unwritable(table, error) from error

    def delete(self, table: str, spec: TableSpec, keys: Sequence[Any]) -> int | None:
        """See `TableStore.delete`."""
        self._place.admit_writer()
        try:
            return _retried(partial(self._remove, table, spec, keys))
        except NotFound:
            return None

    def _remove(self, table: str, spec: TableSpec, keys: Sequence[Any]) -> int:
        with self._writers.current(table) as target:
            if keys:
                target.delete(
                    is_one_of(spec.key, keys),
                    commit_properties=_COMMIT,
                    post_commithook_properties=_AFTER_COMMIT,
                )
            return int(target.version())

    def version(self, table: str) -> int | None:
        """See `TableStore.version`."""
        try:
            with self._readers.current(table) as held:
                return int(held.version())
        except NotFound:
            return None

    def files(
        self, table: str, *, version: int | None = None, where: Where | None = None
    ) -> TableFiles:
        """See `TableStore.files`."""
        with self._readers.current(table, version) as held:
            actions, at = _actions(held, where or {}), int(held.version())
        location = self._place.location(table)
        # The log encodes paths as URLs; partitions' names are encoded in the paths themselves.
        paths = sorted(f"{location}/{unquote(path)}" for path in actions["path"].to_pylist())
        rows = pc.sum(actions["num_records"]).as_py() or 0
        return TableFiles(table, at, tuple(paths), rows, location)

    def read(
        self,
        table: str,
        *,
        version: int | None = None,
        columns: Sequence[str] | None = None,
        where: Where | None = None,
    ) -> pa.Table:
        """See `TableStore.read`."""
        with self._readers.current(table, version) as held:
            builder = QueryBuilder().register("pinned", held)
        with translated(self._place, table):
            return _selected(builder, columns, where or {})

    def maintain(self, table: str) -> Mapping[str, int]:
        """See `TableStore.maintain`."""
        self._place.admit_writer()
        with self._writers.current(table) as target:
            done = target.optimize.compact(
                target_size=TARGET_FILE_BYTES,
                commit_properties=_COMMIT,
                post_commithook_properties=_AFTER_COMMIT,
            )
            target.create_checkpoint()
            target.cleanup_metadata()
            removed = target.vacuum(dry_run=False)
        return {
            "files_removed": int(done["numFilesRemoved"]),
            "files_added": int(done["numFilesAdded"]),
            "files_vacuumed": len(removed),
        }


def _put(target: DeltaTable, spec: TableSpec, rows: pa.Table, replace: Sequence[Any]) -> None:
    # An append is several times cheaper than a replacement that finds nothing.
    if replace and _holds(target, spec.key, replace):
        predicate = is_one_of(spec.key, replace)
        write_deltalake(target, rows, mode="overwrite", predicate=predicate, **_how(spec))
    elif rows.num_rows:
        write_deltalake(target, rows, mode="append", **_how(spec))


def _displaced(
    target: DeltaTable, kept: DataFiles, spec: TableSpec, keys: Sequence[Any]
) -> list[RemoveAction]:
    """The files that hold any of these keys; their other rows are written again to `kept`."""
    removed = []
    for action in _actions(target, {spec.key: keys}).to_pylist() if keys else ():
        path = action["path"]
        found = kept.holding(path, keys)
        if not pc.any(found).as_py():
            continue
        partition = tuple(action[f"partition.{name}"] for name in spec.partition_by)
        if not pc.all(found).as_py():
            kept.rewrite(path, partition, found)
        removed.append(removal(path, action["size_bytes"], spec, partition))
    return removed


def _how(spec: TableSpec) -> dict[str, Any]:
    return {
        "writer_properties": WriterProperties(
            compression="ZSTD",
            compression_level=COMPRESSION_LEVEL,
            max_row_group_size=spec.rows_per_group or ROWS_PER_GROUP,
        ),
        "commit_properties": _COMMIT,
        "post_commithook_properties": _AFTER_COMMIT,
    }


def _holds(target: DeltaTable, key: str, keys: Sequence[Any]) -> bool:
    where = {key: keys}
    if _actions(target, where).num_rows == 0:
        return False
    found = _selected(QueryBuilder().register("pinned", target), [key], where)
    return bool(found.num_rows)


def _actions(handle: DeltaTable, where: Where) -> pa.Table:
    actions = pa.table(handle.get_add_actions(flatten=True))
    return actions.filter(may_match(actions, where))


def _selected(builder: QueryBuilder, columns: Sequence[str] | None, where: Where) -> pa.Table:
    chosen = ", ".join(identifier(name) for name in columns) if columns else "*"
    query = f"SELECT {chosen} FROM pinned"  # noqa: S608 - names quoted, values escaped
    if where:
        query += f" WHERE {condition(where)}"
    # Arrow's reader lets other threads work while the library waits for bytes; its own does not.
    return plain(pa.RecordBatchReader.from_stream(builder.execute(query)).read_all())


_NOTHING_COMMITTED = ("commit_conflict", "table_removed")
"""After other errors, the commit may be there."""


def _retried(commit: Callable[[], int], *codes: str) -> int:
    """Commit again after errors with these codes (none: all after which nothing is committed)."""
    return Retrying(
        retry=retry_if_exception(
            lambda e: isinstance(e, Unavailable) and e.code in (codes or _NOTHING_COMMITTED)
        ),
        stop=stop_after_delay(COMMIT_SECONDS),
        wait=wait_random_exponential(multiplier=0.05, max=2),
        reraise=True,
    )(commit)
