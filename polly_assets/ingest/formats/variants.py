"""Variants on their way from a reader to the table: collected row by row, kept on disk.

Owns the columns that a reader fills, and the bounded buffer behind
`ParsedDataset.variants`: a file is read to its end, and found good, before a row is stored.
Keep out: the grammar of any one format.
"""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Iterator, Sequence
from typing import Any, cast

import polars as pl
import pyarrow as pa

from polly_assets.schema import VARIANTS

_ADDED = ("dataset_id", "gene_curie", "shard")

SCHEMA = pa.schema([field for field in VARIANTS.schema() if field.name not in _ADDED])
"""What a reader says of each row; `gene` is the file's own symbol."""

FIELDS: tuple[str, ...] = tuple(SCHEMA.names)

MUTATIONS = "Mutations"
"""The `data_type` of datasets that are variants."""

PIECE_ROWS = 20_000
PIECE_BYTES = 32 * 1024 * 1024
"""How much of a file may wait in memory, in rows and about in bytes."""

_MEMORY_BYTES = 16 * 1024 * 1024


class Variants:
    """Rows of `SCHEMA`: appended by one reader, then taken as tables, time after time.

    Beyond some megabytes they wait in a temporary file that has no name.
    """

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=_MEMORY_BYTES)  # noqa: SIM115
        weakref.finalize(self, self._file.close)
        options = pa.ipc.IpcWriteOptions(compression="lz4")
        self._sink = pa.PythonFile(self._file, mode="w")
        self._writer = pa.ipc.new_stream(self._sink, SCHEMA, options=options)
        self._pending: list[Sequence[Any]] = []
        self.rows = 0

    def append(self, row: Sequence[Any]) -> None:
        """Add a row: its values in the order of `FIELDS`."""
        self._pending.append(row)
        self.rows += 1
        if len(self._pending) >= PIECE_ROWS:
            self._write()

    def extend(self, columns: Sequence[pa.Array[Any]]) -> None:
        """Add at most `PIECE_ROWS` rows: a column for each of `FIELDS`."""
        self._write()
        batch = pa.RecordBatch.from_arrays(list(columns), schema=SCHEMA)
        self._writer.write_batch(batch)
        self.rows += batch.num_rows

    def extend_frame(self, frame: pl.DataFrame) -> None:
        """Add at most `PIECE_ROWS` rows, each a record: columns of other names are null."""
        index = pl.int_range(self.rows, self.rows + pl.len()).alias("record_index")
        nothing = [pl.lit(None).alias(n) for n in FIELDS if n not in frame.columns]
        whole = frame.with_columns(*nothing).with_columns(index).select(FIELDS)
        (batch,) = whole.to_arrow().cast(SCHEMA).combine_chunks().to_batches()
        self.extend(batch.columns)

    def done(self) -> Variants:
        """Itself, to be called when no row follows."""
        self._write()
        self._writer.close()
        return self

    def _write(self) -> None:
        if self._pending:
            columns = zip(*self._pending, strict=True)
            arrays = [pa.array(c, f.type) for c, f in zip(columns, SCHEMA, strict=True)]
            self._writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=SCHEMA))
            self._pending.clear()

    def __iter__(self) -> Iterator[pa.Table]:
        """The rows in order, as tables of at most `PIECE_ROWS` rows."""
        self._file.seek(0)
        stream = cast(Any, pa.ipc.open_stream)(pa.PythonFile(self._file, mode="r"))
        for batch in stream:
            yield pa.Table.from_batches([batch])
