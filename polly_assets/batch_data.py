"""Which datasets a batch is about, read back from the ledger and the normalized layer.

Owns the hand-over between layers: each reads what the one before has stored, so that any
layer can be run again alone; and how much of a batch is in memory at once, for a dataset may
have a million samples. Keep out: what a layer does with them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any

import polars as pl
import pyarrow as pa

from polly_assets.schema import NORMALIZED_DATASETS, NORMALIZED_SAMPLES
from polly_assets.work import Work
from polly_resources.records import Job, JobAction
from polly_resources.tables.base import TableSpec

SAMPLES_AT_ONCE = 50_000
"""Samples that a step works on together."""

HELD_BYTES = 64 * 1024 * 1024
"""Rows that are held before they are written as they come."""


def datasets_of(work: Work, jobs: Sequence[Job]) -> list[dict[str, Any]]:
    """The `normalized_datasets` rows that the jobs concern, each with its `job_id` added.

    Of an ingest these are the rows that it wrote: a dataset of its file that could not be
    read this time keeps the rows of an older version.
    """
    by_source = {job.source: job for job in jobs if job.action == JobAction.INGEST}
    by_dataset = {
        job.dataset_id: job for job in jobs if job.action in (JobAction.RECURATE, JobAction.REINDEX)
    }
    rows: dict[str, dict[str, Any]] = {}
    for column, wanted in (("source", by_source), ("dataset_id", by_dataset)):
        if wanted:
            for row in work.read(NORMALIZED_DATASETS, where={column: sorted(wanted)}).to_pylist():
                job = wanted[row[column]]
                if column == "dataset_id" or row["fingerprint"] == job.fingerprint:
                    rows[row["dataset_id"]] = row | {"job_id": job.job_id}
    return [rows[dataset_id] for dataset_id in sorted(rows)]


def groups(
    datasets: Sequence[dict[str, Any]], size: Callable[[dict[str, Any]], int], most: int
) -> Iterator[list[dict[str, Any]]]:
    """Consecutive datasets whose sizes sum up to `most`, or a single one that is larger."""
    group: list[dict[str, Any]] = []
    total = 0
    for row in datasets:
        if group and total + size(row) > most:
            yield group
            group, total = [], 0
        group.append(row)
        total += size(row)
    if group:
        yield group


def sample_count(dataset: dict[str, Any]) -> int:
    """The samples of a `normalized_datasets` row."""
    return int(dataset["total_num_samples"])


def samples_of(
    work: Work, group: Sequence[dict[str, Any]], columns: list[str]
) -> Iterator[pl.DataFrame]:
    """The `normalized_samples` of a group of datasets: of a large one a slice at a time.

    Ordered by dataset, then as in its matrix. `columns` are besides these two.
    """
    where: dict[str, Sequence[Any]] = {"src_dataset_id": [row["dataset_id"] for row in group]}
    order = ["src_dataset_id", "sample_index"]
    most = max(map(sample_count, group))
    for first in range(0, max(1, most), SAMPLES_AT_ONCE):
        if most > SAMPLES_AT_ONCE:
            where["sample_index"] = range(first, first + SAMPLES_AT_ONCE)
        rows = work.read(NORMALIZED_SAMPLES, [*order, *columns], where=where)
        yield pl.DataFrame(rows).sort(order)


def replace_by(work: Work, spec: TableSpec, rows: Iterator[pa.Table], keys: list[str]) -> int:
    """Replace all rows of these keys by those that come, in one commit; how many came."""
    held: list[pa.Table] = []
    count = size = 0

    def batches() -> Iterator[pa.RecordBatch]:
        nonlocal count
        for piece in chain(held, rows):
            count += piece.num_rows
            yield from piece.to_batches()

    for piece in rows:
        held.append(piece)
        size += piece.nbytes
        if size > HELD_BYTES:
            stream = pa.RecordBatchReader.from_batches(spec.schema(), batches())
            work.tables.write(work.name(spec), spec, stream, replace=keys)
            return count
    table = pa.concat_tables([spec.schema().empty_table(), *held])
    work.replace(spec, table, keys)
    return int(table.num_rows)
