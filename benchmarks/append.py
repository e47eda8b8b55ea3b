"""What one more commit costs as a table grows, and what compaction gives back.

Each commit appends the rows of one small dataset; the cost is told at growing numbers of live
files, for `TableStore.write` (which also looks whether the key is there) and for bare
`write_deltalake` on a table of its own, in turns.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
from deltalake import write_deltalake

from benchmarks.common import OURS, Bench, Result, Times, timed
from polly_assets.schema import MATRICES
from polly_resources.backends import Backends
from polly_resources.settings import load
from polly_resources.tables.base import TableStore

TABLE = f"bench/{MATRICES.name}"
BARE = "write_deltalake, no key looked up"
BLOCKS = 313
"""Blocks of 64 genes in a dataset of 20,000 genes."""


def run(bench: Bench) -> None:
    """Measure and tell."""
    store = Backends(load(bench.folder / "append")).tables
    bare = bench.folder / "append-bare"
    marks = (0, 10, 40, 60) if bench.quick else (0, 10, 40, 60, 90, 110, 290, 310)
    for begin, end in pairwise(marks):
        times = {OURS: Times(), BARE: Times()}
        for number in range(begin, end):
            _append(_rows(number), number, times, store, bare)
        if (begin, end) in ((0, 10), (40, 60), (90, 110), (290, 310)):
            what = f"one dataset of {BLOCKS} small blocks, at {begin} to {end} live files"
            bench.add(Result("append", what, times))
    store.maintain(TABLE)
    times = {OURS: Times()}
    for number in range(marks[-1], marks[-1] + 10):
        with timed(times[OURS]):
            _write(store, number, _rows(number))
    bench.add(Result("append", f"the same, after compaction of {marks[-1]} files", times))
    if store.files(TABLE).rows != BLOCKS * (marks[-1] + 10):
        raise AssertionError("rows were lost")


def _append(
    rows: pa.Table, number: int, times: dict[str, Times], store: TableStore, bare: Path
) -> None:
    with timed(times[OURS]):
        _write(store, number, rows)
    with timed(times[BARE]):
        write_deltalake(str(bare), rows, mode="append", partition_by=["shard"])


def _write(store: TableStore, number: int, rows: pa.Table) -> None:
    store.write(TABLE, MATRICES, rows, replace=[_name(number)])


def _name(number: int) -> str:
    return f"STUDY{number:05d}"


def _rows(number: int) -> pa.Table:
    """Eight values in each block: this is about the cost of committing, not of values."""
    offsets = pa.array(np.arange(BLOCKS + 1, dtype=np.int32) * 8)
    values = pa.array(np.random.default_rng(number).normal(8, 3, BLOCKS * 8).astype(np.float32))
    filled = {
        "dataset_id": pa.repeat(_name(number), BLOCKS),
        "matrix": pa.repeat("X", BLOCKS),
        "block": pa.array(np.arange(BLOCKS, dtype=np.int32)),
        "feature_start": pa.array(np.arange(BLOCKS, dtype=np.int32)),
        "feature_count": pa.repeat(pa.scalar(1, pa.int32()), BLOCKS),
        "sample_count": pa.repeat(pa.scalar(8, pa.int32()), BLOCKS),
        "dtype": pa.repeat("float32", BLOCKS),
        "sparse": pa.repeat(False, BLOCKS),
        "float32": pa.ListArray.from_arrays(offsets, values),
        "shard": pa.repeat(pa.scalar(0, pa.int32()), BLOCKS),
    }
    schema = MATRICES.schema()
    columns = [filled.get(field.name, pa.nulls(BLOCKS, field.type)) for field in schema]
    return pa.table(
        [column.cast(field.type) for column, field in zip(columns, schema, strict=True)],
        schema=schema,
    )
