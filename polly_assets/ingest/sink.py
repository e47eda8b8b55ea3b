"""Where the rows of parsed datasets go: the normalized tables, in few commits.

Owns what is held before it is written: small datasets are committed together, one whose rows
are too many to hold is written as they come, in one commit of its own.
Keep out: which datasets may be written, and how they become rows.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import pyarrow as pa

from polly_assets.genes import GeneIndex
from polly_assets.ingest.formats.base import FailedDataset, ParsedDataset
from polly_assets.ingest.normalize import (
    Origin,
    dataset_row,
    feature_rows,
    matrix_rows,
    sample_rows,
    variant_rows,
    with_failures,
)
from polly_assets.ingest.reading import internal
from polly_assets.schema import (
    FEATURES,
    MATRICES,
    NORMALIZED_DATASETS,
    NORMALIZED_SAMPLES,
    VARIANTS,
)
from polly_assets.work import Work
from polly_resources.errors import PollyError
from polly_resources.tables.base import TableSpec

LOG = logging.getLogger(__name__)

FLUSH_BYTES = 128 * 1024 * 1024
"""Rows held in memory before they are committed."""

_WRITE_ORDER = (MATRICES, VARIANTS, FEATURES, NORMALIZED_SAMPLES, NORMALIZED_DATASETS)


class Sink:
    """Collects rows and commits them in whole datasets, the dataset's record last."""

    def __init__(self, work: Work, genes: GeneIndex) -> None:
        self._work, self._genes = work, genes
        self._rows: dict[str, list[pa.Table]] = {spec.name: [] for spec in _WRITE_ORDER}
        self._ids: dict[str, list[str]] = {spec.name: [] for spec in _WRITE_ORDER}
        self._bytes = 0

    def add(self, parsed: ParsedDataset, origin: Origin, seconds: float, file: str) -> pa.Table:
        """Store a dataset, of a file of this name, but for its record, which is given back.

        Raises BadInput where its matrices or variants, which are read now, have a fault;
        nothing of the dataset is stored then.
        """
        began = time.perf_counter()
        with _faults(file):
            features = feature_rows(parsed, origin.shard, self._genes)
            record = dataset_row(parsed, origin, 0.0)
        self._take(MATRICES, parsed.dataset_id, _matrices(parsed, origin.shard, file))
        self._take(VARIANTS, parsed.dataset_id, self._variants(parsed, origin.shard, file))
        self._keep(FEATURES, parsed.dataset_id, [features])
        self._take(NORMALIZED_SAMPLES, parsed.dataset_id, _samples(parsed, origin.shard, file))
        self._flush_if_full()
        seconds += time.perf_counter() - began
        at = record.schema.get_field_index("read_seconds")
        return record.set_column(at, record.schema.field(at), pa.array([seconds]))

    def end(self, records: Sequence[pa.Table], failed: Sequence[FailedDataset]) -> None:
        """Make the datasets of a file known, each with what failed beside it."""
        for record in records:
            (dataset_id,) = record["dataset_id"].to_pylist()
            self._keep(NORMALIZED_DATASETS, dataset_id, [with_failures(record, failed)])
        self._flush_if_full()

    def flush(self) -> None:
        """Commit what is held."""
        for spec in _WRITE_ORDER:
            pieces, ids = self._rows[spec.name], self._ids[spec.name]
            if ids:
                self._write(spec, pieces, ids)
            self._rows[spec.name], self._ids[spec.name] = [], []
        self._bytes = 0

    def _flush_if_full(self) -> None:
        if self._bytes >= FLUSH_BYTES:
            self.flush()

    def _take(self, spec: TableSpec, dataset_id: str, rows: Iterator[pa.Table]) -> None:
        """Keep the rows of a dataset, or write them at once where they are too many."""
        held: deque[pa.Table] = deque()
        size = 0
        for piece in rows:
            held.append(piece)
            size += piece.nbytes
            if size >= FLUSH_BYTES:
                self._write(spec, _drained(held, rows), [dataset_id])
                return
        self._keep(spec, dataset_id, held)

    def _variants(self, parsed: ParsedDataset, shard: int, file: str) -> Iterator[pa.Table]:
        with _faults(file):
            yield from variant_rows(parsed, shard, self._genes)

    def _keep(self, spec: TableSpec, dataset_id: str, rows: Iterable[pa.Table]) -> None:
        for piece in rows:
            self._rows[spec.name].append(piece)
            self._bytes += piece.nbytes
        self._ids[spec.name].append(dataset_id)

    def _write(self, spec: TableSpec, rows: Iterable[pa.Table], ids: Sequence[str]) -> None:
        batches = (batch for table in rows for batch in table.to_batches())
        reader = pa.RecordBatchReader.from_batches(spec.schema(), batches)
        self._work.tables.write(self._work.name(spec), spec, reader, replace=ids)


def _matrices(parsed: ParsedDataset, shard: int, file: str) -> Iterator[pa.Table]:
    with _faults(file):
        for matrix in parsed.matrices:
            yield from matrix_rows(parsed.dataset_id, matrix, shard)


def _samples(parsed: ParsedDataset, shard: int, file: str) -> Iterator[pa.Table]:
    with _faults(file):
        yield from sample_rows(parsed, shard)


def _drained(held: deque[pa.Table], rest: Iterator[pa.Table]) -> Iterator[pa.Table]:
    while held:
        yield held.popleft()
    yield from rest


@contextmanager
def _faults(file: str) -> Iterator[None]:
    """A defect that a file brings to light is told as one of that file."""
    try:
        yield
    except PollyError:
        raise
    except Exception as error:
        LOG.exception("storing %s failed", file)
        raise internal(file, error) from error
