"""The blocks of matrix X become the long table, ordered by gene.

Owns the derivation of `measurements` from `matrices`, `features` and `normalized_samples`, of
datasets that fit into memory together. Keep out: those that do not (`large_measurements`),
reading files and answering queries.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from polly_assets.batch_data import groups
from polly_assets.publish.blocks import Rows, assemble, split
from polly_assets.publish.large_measurements import SCHEMA, long_rows
from polly_assets.schema import FEATURES, MATRICES, MEASUREMENTS, NORMALIZED_SAMPLES
from polly_assets.work import Work

CHUNK_VALUES = 4_000_000
"""Values expanded, sorted and written at once; each chunk is one sorted file."""


def measurements(work: Work, datasets: Sequence[dict[str, Any]]) -> int:
    """Derive and store the long rows of the datasets' matrix X; the number of rows.

    One chunk is written while the next is made. A dataset of more values is written as they
    are made, in one commit.
    """
    written = 0
    writing: Future[int] | None = None
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="write") as pool:
        for chunk in groups(datasets, _cells, CHUNK_VALUES):
            large = _cells(chunk[0]) > CHUNK_VALUES
            rows = None if large else _long_rows(work, chunk)
            if writing is not None:
                written += writing.result()
            if rows is None:
                writing = pool.submit(_write_large, work, chunk[0])
            else:
                writing = pool.submit(_write, work, chunk, rows)
    return written + (writing.result() if writing is not None else 0)


def _write(work: Work, datasets: Sequence[dict[str, Any]], rows: pa.Table) -> int:
    work.replace(MEASUREMENTS, rows, [row["dataset_id"] for row in datasets])
    return int(rows.num_rows)


def _write_large(work: Work, dataset: dict[str, Any]) -> int:
    written = 0

    def batches() -> Iterator[pa.RecordBatch]:
        nonlocal written
        made = long_rows(work, dataset, CHUNK_VALUES) if _has_values(dataset) else iter(())
        for rows in _ahead(made):
            written += rows.num_rows
            yield from rows.to_batches()

    rows = pa.RecordBatchReader.from_batches(SCHEMA, batches())
    keys = [dataset["dataset_id"]]
    work.tables.write(work.name(MEASUREMENTS), MEASUREMENTS, rows, replace=keys)
    return written


def _ahead(made: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """The tables, of which the next is made while one is used."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="make") as pool:
        making = pool.submit(next, made, None)
        while (rows := making.result()) is not None:
            making = pool.submit(next, made, None)
            yield rows


def _cells(row: dict[str, Any]) -> int:
    return int(row["total_num_samples"] * row["total_num_features"])


@dataclass(frozen=True, slots=True)
class _Order:
    """The rows of all datasets' X in the order of the long table: by name, then dataset.

    `dataset` is a position among the datasets and `row` one in its matrix; `name` and
    `feature_id` are dictionary-encoded.
    """

    dataset: npt.NDArray[np.int32]
    row: npt.NDArray[np.int32]
    name: pa.DictionaryArray
    feature_id: pa.DictionaryArray


def _long_rows(work: Work, datasets: list[dict[str, Any]]) -> pa.Table:
    """All values of these datasets' X, ordered by name, then dataset."""
    matrices = _matrices(work, datasets)
    if not matrices:
        return MEASUREMENTS.schema().empty_table()
    present = [row for row in datasets if row["dataset_id"] in matrices]
    ids = [row["dataset_id"] for row in present]
    order = _order(work, ids)
    gathered = _gather([matrices[i] for i in ids], order)
    return _table(order, gathered, _sample_ids(work, ids), present)


def _matrices(work: Work, datasets: list[dict[str, Any]]) -> dict[str, Rows]:
    ids = [row["dataset_id"] for row in datasets if _has_values(row)]
    if not ids:
        return {}
    blocks = work.read(MATRICES, where={"dataset_id": ids, "matrix": ["X"]})
    return {dataset_id: assemble(own) for dataset_id, own in split(blocks, "dataset_id").items()}


def _has_values(row: dict[str, Any]) -> bool:
    return "X" in row["matrices"] and _cells(row) > 0


def _order(work: Work, ids: list[str]) -> _Order:
    """Sorts whole numbers, not names: datasets share most of their names."""
    columns = ["src_dataset_id", "feature_index", "name", "feature_id"]
    rows = work.read(FEATURES, columns, where={"src_dataset_id": ids})
    dataset = pc.index_in(rows["src_dataset_id"], pa.array(ids)).to_numpy()
    row = rows["feature_index"].to_numpy()
    name = _encoded(rows["name"])
    rank = pc.rank(name.dictionary, tiebreaker="dense").to_numpy().astype(np.int64)
    key = rank[name.indices.to_numpy()] * len(ids) + dataset
    order = np.argsort(key * (int(row.max()) + 1) + row)
    return _Order(
        dataset[order], row[order], name.take(order), _encoded(rows["feature_id"]).take(order)
    )


def _encoded(column: pa.ChunkedArray) -> pa.DictionaryArray:
    return column.combine_chunks().dictionary_encode()


def _sample_ids(work: Work, ids: list[str]) -> pa.Array:
    """The ids of all samples, dataset after dataset, in the order of their matrices."""
    columns = ["src_dataset_id", "sample_index", "sample_id"]
    rows = work.read(NORMALIZED_SAMPLES, columns, where={"src_dataset_id": ids})
    dataset = pc.index_in(rows["src_dataset_id"], pa.array(ids)).to_numpy()
    order = np.lexsort((rows["sample_index"].to_numpy(), dataset))
    return rows["sample_id"].combine_chunks().take(pa.array(order))


def _gather(
    matrices: list[Rows], order: _Order
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32], npt.NDArray[np.float64]]:
    """Per ordered row its number of values; then the sample code and value of each."""
    row_base = np.cumsum([0, *(m.shape[0] for m in matrices)])
    value_base = np.cumsum([0, *(len(m.values) for m in matrices)])
    sample_base = np.cumsum([0, *(m.shape[1] for m in matrices)])
    row = row_base[order.dataset] + order.row
    starts = np.concatenate(
        [m.indptr[:-1] + base for m, base in zip(matrices, value_base, strict=False)]
    )[row]
    counts = np.concatenate([np.diff(m.indptr) for m in matrices])[row]
    first = np.cumsum(counts) - counts
    at = np.arange(int(counts.sum())) + np.repeat(starts - first, counts)
    values = np.concatenate([m.values.astype(np.float64, copy=False) for m in matrices])
    codes = np.concatenate(
        [_sample_codes(m, b) for m, b in zip(matrices, sample_base, strict=False)]
    )
    return counts, codes[at], values[at]


def _sample_codes(matrix: Rows, base: int) -> npt.NDArray[np.int32]:
    if matrix.indices is None:
        own = np.tile(np.arange(matrix.shape[1], dtype=np.int32), matrix.shape[0])
    else:
        own = matrix.indices.astype(np.int32, copy=False)
    return own + np.int32(base)


def _table(
    order: _Order,
    gathered: tuple[npt.NDArray[np.int64], npt.NDArray[np.int32], npt.NDArray[np.float64]],
    sample_ids: pa.Array,
    datasets: list[dict[str, Any]],
) -> pa.Table:
    """Dictionary columns throughout: writing them costs a quarter of writing strings."""
    counts, sample_codes, values = gathered
    dataset = np.repeat(order.dataset, counts)
    ids = pa.array([row["dataset_id"] for row in datasets])
    shards = np.array([row["shard"] for row in datasets], dtype=np.int32)
    columns = {
        "name": _repeated(order.name, counts),
        "feature_id": _repeated(order.feature_id, counts),
        "dataset_id": pa.DictionaryArray.from_arrays(pa.array(dataset), ids),
        "sample_id": pa.DictionaryArray.from_arrays(pa.array(sample_codes), sample_ids),
        # Missing is NULL in SQL, NaN in arrays.
        "value": pa.array(values, from_pandas=True),
        "shard": pa.array(shards[dataset]),
    }
    return pa.table(columns)


def _repeated(column: pa.DictionaryArray, counts: npt.NDArray[np.int64]) -> pa.DictionaryArray:
    codes = np.repeat(column.indices.to_numpy(), counts)
    return pa.DictionaryArray.from_arrays(pa.array(codes), column.dictionary)
