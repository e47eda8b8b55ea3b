"""Data files of a Delta table, written as rows come and made part of the table by one commit.

Owns the way of a stream of rows into files, their statistics, and the files that a replacement
leaves behind. The Delta library's own writer gathers 8,192 rows before it writes any, however
long they are; here memory follows the row group. Keep out: commits.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake.transaction import AddAction, RemoveAction
from pyarrow.fs import FileSystem

from polly_resources.tables.base import TableSpec
from polly_resources.tables.delta_places import Place
from polly_resources.tables.delta_types import conform, plain

# zstd 1 writes 3x faster than zstd 3 for 1 % more bytes; see docs/adr/0002.
COMPRESSION_LEVEL = 1
ROWS_PER_GROUP = 65_536
GROUP_BYTES = 64 * 1024 * 1024
"""Rows that are held before they are written; also the row group's size, before compression."""
LONG_ROW_BYTES = 1024 * 1024
TARGET_FILE_BYTES = 256 * 1024 * 1024
_LONGEST_STATISTIC = 256
_NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__"

Partition = tuple[Any, ...]


class DataFiles:
    """New files of one table. Raises what the library raises; see `delta_handles.translated`."""

    def __init__(self, place: Place, table: str, spec: TableSpec) -> None:
        self._place, self._table, self._spec = place, table, spec
        self.added: list[AddAction] = []
        self._open: dict[Partition, _File] = {}

    def write(self, rows: Iterable[pa.RecordBatch]) -> None:
        """Write all rows, whose errors end the writing and leave nothing behind."""
        try:
            for batch in rows:
                table = pa.Table.from_batches([batch])
                self._take(conform(table, self._spec, self._table))
            self._close()
        except BaseException:
            self.discard()
            raise

    def rewrite(self, path: str, partition: Partition, dropped: pa.ChunkedArray) -> None:
        """Write the rows of a file of the table again, less those that are dropped."""
        with self._folder().open_input_file(unquote(path)) as source:
            file, at = pq.ParquetFile(source), 0
            for group in range(file.num_row_groups):
                rows = plain(file.read_row_group(group))
                gone = dropped.slice(at, rows.num_rows)
                at += rows.num_rows
                some = pc.any(gone).as_py()
                self._put(partition, rows.filter(pc.invert(gone)) if some else rows)
        self._close()

    def holding(self, path: str, keys: Sequence[Any]) -> pa.ChunkedArray:
        """For each row of a file of the table, whether its key is one of these."""
        with self._folder().open_input_file(unquote(path)) as source:
            column = plain(pq.read_table(source, columns=[self._spec.key]))[self._spec.key]
        found = pc.is_in(column, value_set=pa.array(keys, column.type))
        return found if isinstance(found, pa.ChunkedArray) else pa.chunked_array([found])

    def discard(self) -> None:
        """Remove what was written, which no commit knows."""
        while self._open:
            _, file = self._open.popitem()
            with suppress(Exception):
                self.added.append(file.close())
        while self.added:
            with suppress(Exception):  # what stays is no part of the table; `maintain` removes it
                self._folder().delete_file(self.added.pop().path)

    def _folder(self) -> FileSystem:
        """Opened anew for each file, for keys to a bucket do not last as long as a stream."""
        return self._place.folder(self._table)

    def _take(self, rows: pa.Table) -> None:
        names = list(self._spec.partition_by)
        if not names:
            self._put((), rows)
            return
        for values in rows.select(names).group_by(names).aggregate([]).to_pylist():
            own = rows
            for name, value in values.items():
                column = own[name]
                same = pc.is_null(column) if value is None else pc.equal(column, value)
                same = pc.fill_null(same, False)
                own = own if pc.all(same).as_py() else own.filter(same)
            self._put(tuple(values[name] for name in names), own.drop_columns(names))

    def _put(self, partition: Partition, rows: pa.Table) -> None:
        if not rows.num_rows:
            return
        if partition not in self._open:
            self._open[partition] = _File.begun(self._folder(), self._spec, partition, rows)
        if self._open[partition].put(rows) >= TARGET_FILE_BYTES:
            self.added.append(self._open.pop(partition).close())

    def _close(self) -> None:
        while self._open:
            _, file = self._open.popitem()
            self.added.append(file.close())


@dataclass(slots=True)
class _File:
    """One file that is being written."""

    path: str
    values: Mapping[str, str | None]
    rows_per_group: int
    sink: pa.NativeFile
    writer: pq.ParquetWriter
    written: list[pq.FileMetaData]
    waiting: list[pa.Table] = field(default_factory=list)

    @classmethod
    def begun(
        cls, folder: FileSystem, spec: TableSpec, partition: Partition, rows: pa.Table
    ) -> _File:
        values = _partition_values(spec, partition)
        parent = "/".join(f"{name}={_encoded(value)}" for name, value in values.items())
        path = f"{parent}/part-{uuid.uuid4().hex}.zstd.parquet".lstrip("/")
        if parent:
            folder.create_dir(parent)
        sink = folder.open_output_stream(path)
        written: list[pq.FileMetaData] = []
        writer = pq.ParquetWriter(
            sink,
            rows.schema,
            compression="zstd",
            compression_level=COMPRESSION_LEVEL,
            use_dictionary=_repeating(rows),
            store_schema=False,  # a column is not to be read as a dictionary because it came as one
            metadata_collector=written,
        )
        return cls(path, values, spec.rows_per_group or ROWS_PER_GROUP, sink, writer, written)

    def put(self, rows: pa.Table) -> int:
        """Take rows and write what makes whole groups; the bytes of the file by now."""
        if self.waiting and self._is_full(rows):
            self._write()
        self.waiting.append(rows.cast(self.writer.schema))
        if self._is_full():
            self._write()
        return int(self.sink.tell())

    def _is_full(self, *more: pa.Table) -> bool:
        """Whether these rows, too, would be more than a group; what comes together stays so."""
        rows = sum(each.num_rows for each in (*self.waiting, *more))
        size = sum(each.nbytes for each in (*self.waiting, *more))
        return bool(rows > self.rows_per_group or size > GROUP_BYTES)

    def close(self) -> AddAction:
        """End the file; what a commit is to tell of it."""
        self._write()
        self.writer.close()
        size = int(self.sink.tell())
        self.sink.close()
        return AddAction(
            path=self.path,  # the library encodes it
            size=size,
            partition_values=self.values,
            modification_time=time.time_ns() // 1_000_000,
            data_change=True,
            stats=json.dumps(_statistics(self.written[0])),
        )

    def _write(self) -> None:
        if not self.waiting:
            return
        rows = pa.concat_tables(self.waiting)
        self.waiting.clear()
        groups = max(1, round(rows.nbytes / GROUP_BYTES))  # alike, not one of the rest
        fitting = -(-rows.num_rows // groups)
        self.writer.write_table(rows, row_group_size=min(fitting, self.rows_per_group))


def _repeating(rows: pa.Table) -> bool | list[str]:
    """The columns for which to try a dictionary.

    Not long lists: a page ends with a row, so their dictionary would grow without end. Not texts
    where others came as codes: whoever coded some knows that these do not repeat. Not real numbers
    of which most differ: a dictionary of them takes longer to write, and is larger than they are.
    """
    long = rows.nbytes > LONG_ROW_BYTES * rows.num_rows
    coded = any(pa.types.is_dictionary(kind) for kind in rows.schema.types)
    if not (long or coded):
        return True
    apart = pa.types.is_string if coded else pa.types.is_nested
    fields = [field for field in rows.schema if not apart(field.type)]
    return [each.name for each in fields if not _differ(rows[each.name])]


def _differ(column: pa.ChunkedArray) -> bool:
    """Whether these are real numbers of which most of the first are there once."""
    first = column.slice(0, ROWS_PER_GROUP)
    return pa.types.is_floating(column.type) and bool(
        pc.count_distinct(first).as_py() * 2 > len(first)
    )


def _encoded(value: str | None) -> str:
    return _NULL_PARTITION if value is None else quote(value, safe="")


def _statistics(file: pq.FileMetaData) -> dict[str, Any]:
    """Rows, and of whole numbers and short texts the least, the greatest and the missing.

    A column that has them in some groups only has none: absent statistics exclude nothing.
    """
    least: dict[str, Any] = {}
    most: dict[str, Any] = {}
    missing: dict[str, int] = {}
    for number, name in _flat_columns(file):
        found = [file.row_group(i).column(number).statistics for i in range(file.num_row_groups)]
        if not all(one is not None and one.has_null_count for one in found):
            continue
        missing[name] = sum(one.null_count for one in found)
        ranged = [one for one in found if one.num_values]
        if ranged and all(one.has_min_max for one in ranged):
            low, high = min(one.min for one in ranged), max(one.max for one in ranged)
            if _tellable(low) and _tellable(high):
                least[name], most[name] = low, high
    return {
        "numRecords": file.num_rows,
        "minValues": least,
        "maxValues": most,
        "nullCount": missing,
    }


def _flat_columns(file: pq.FileMetaData) -> Iterator[tuple[int, str]]:
    for number in range(file.num_columns):
        column = file.schema.column(number)
        if column.path == column.name and not column.max_repetition_level:
            yield number, column.name


def _tellable(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= _LONGEST_STATISTIC
    return isinstance(value, int) and not isinstance(value, bool)


def removal(path: str, size: int, spec: TableSpec, partition: Partition) -> RemoveAction:
    """What a commit is to tell of a file that it takes out of the table."""
    values = _partition_values(spec, partition)
    return RemoveAction(unquote(path), True, time.time_ns() // 1_000_000, size, values)


def _partition_values(spec: TableSpec, partition: Partition) -> dict[str, str | None]:
    named = zip(spec.partition_by, partition, strict=True)
    return {name: None if value is None else str(value) for name, value in named}
