"""The blocks of matrix X become the long table, ordered by gene.

Owns the derivation of `measurements` from `matrices`, `features` and `normalized_samples`.
Keep out: reading files and answering queries.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from polly_assets.publish.blocks import Rows, assemble
from polly_assets.schema import FEATURES, MATRICES, MEASUREMENTS, NORMALIZED_SAMPLES
from polly_assets.work import Work
from polly_resources.tables.base import TableSpec

CHUNK_VALUES = 4_000_000
"""Values expanded, sorted and written at once; each chunk is one sorted file."""


def measurements(work: Work, datasets: Sequence[dict[str, Any]]) -> int:
    """Derive and store the long rows of the datasets' matrix X; the number of rows."""
    written = 0
    for chunk in _chunks(datasets):
        ids = [row["dataset_id"] for row in chunk]
        rows = _long_rows(work, chunk)
        work.replace(MEASUREMENTS, rows, ids)
        written += rows.num_rows
    return written


def _chunks(datasets: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    chunk: list[dict[str, Any]] = []
    values = 0
    for row in datasets:
        chunk.append(row)
        values += row["total_num_samples"] * row["total_num_features"]
        if values >= CHUNK_VALUES:
            yield chunk
            chunk, values = [], 0
    if chunk:
        yield chunk


def _long_rows(work: Work, datasets: list[dict[str, Any]]) -> pa.Table:
    """All values of these datasets' X, ordered by name, then dataset."""
    matrices = _matrices(work, datasets)
    if not matrices:
        return MEASUREMENTS.schema().empty_table()
    present = [row for row in datasets if row["dataset_id"] in matrices]
    ids = [row["dataset_id"] for row in present]
    features = _frames(work, FEATURES, ids, ["feature_index", "name", "feature_id"])
    samples = _frames(work, NORMALIZED_SAMPLES, ids, ["sample_index", "sample_id"])
    order = pl.concat(
        [
            features[i].select(
                "name", "feature_id", dataset=pl.lit(n, pl.Int32), row=pl.int_range(pl.len())
            )
            for n, i in enumerate(ids)
        ]
    ).sort("name", "dataset", maintain_order=True)
    gathered = _gather([matrices[i] for i in ids], order)
    return _table(order, gathered, ids, [samples[i]["sample_id"] for i in ids], present)


def _matrices(work: Work, datasets: list[dict[str, Any]]) -> dict[str, Rows]:
    ids = [row["dataset_id"] for row in datasets if _has_values(row)]
    if not ids:
        return {}
    where = {"dataset_id": ids, "matrix": ["X"]}
    blocks = work.read(MATRICES, where=where)
    column = blocks["dataset_id"].combine_chunks().dictionary_encode()
    codes = column.indices.to_numpy()
    return {
        dataset_id: assemble(blocks.take(np.flatnonzero(codes == code)))
        for code, dataset_id in enumerate(column.dictionary.to_pylist())
    }


def _has_values(row: dict[str, Any]) -> bool:
    cells = row["total_num_samples"] * row["total_num_features"]
    return "X" in row["matrices"] and bool(cells > 0)


def _frames(
    work: Work, spec: TableSpec, ids: list[str], columns: list[str]
) -> dict[str, pl.DataFrame]:
    """Rows of each dataset, ordered by the first of the columns."""
    rows = work.read(spec, ["src_dataset_id", *columns], where={"src_dataset_id": ids})
    frame = pl.DataFrame(rows).sort("src_dataset_id", columns[0])
    parts = frame.partition_by("src_dataset_id", as_dict=True)
    return {str(key[0]): part for key, part in parts.items()}


def _gather(
    matrices: list[Rows], order: pl.DataFrame
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32], npt.NDArray[np.float64]]:
    """Per ordered row its number of values; then the sample code and value of each."""
    dataset = order["dataset"].to_numpy()
    row = order["row"].to_numpy()
    counts = np.zeros(order.height, dtype=np.int64)
    starts = np.zeros(order.height, dtype=np.int64)
    value_base = np.cumsum([0, *(len(m.values) for m in matrices)])
    for code, matrix in enumerate(matrices):
        own = np.flatnonzero(dataset == code)
        starts[own] = matrix.indptr[row[own]] + value_base[code]
        counts[own] = np.diff(matrix.indptr)[row[own]]
    first = np.cumsum(counts) - counts
    at = np.arange(int(counts.sum())) + np.repeat(starts - first, counts)
    values = np.concatenate([m.values.astype(np.float64, copy=False) for m in matrices])[at]
    sample_base = np.cumsum([0, *(m.shape[1] for m in matrices)])
    codes = np.concatenate(
        [_sample_codes(m, b) for m, b in zip(matrices, sample_base, strict=False)]
    )
    return counts, codes[at], values


def _sample_codes(matrix: Rows, base: int) -> npt.NDArray[np.int32]:
    if matrix.indices is None:
        own = np.tile(np.arange(matrix.shape[1], dtype=np.int32), matrix.shape[0])
    else:
        own = matrix.indices.astype(np.int32, copy=False)
    return own + np.int32(base)


def _table(
    order: pl.DataFrame,
    gathered: tuple[npt.NDArray[np.int64], npt.NDArray[np.int32], npt.NDArray[np.float64]],
    ids: list[str],
    sample_ids: list[pl.Series],
    datasets: list[dict[str, Any]],
) -> pa.Table:
    """Dictionary columns throughout: writing them costs a quarter of writing strings."""
    counts, sample_codes, values = gathered
    dataset = order["dataset"].to_numpy()
    shards = np.array([row["shard"] for row in datasets], dtype=np.int32)
    columns = {
        "name": _encoded(order["name"], counts),
        "feature_id": _encoded(order["feature_id"], counts),
        "dataset_id": pa.DictionaryArray.from_arrays(
            pa.array(np.repeat(dataset, counts)), pa.array(ids)
        ),
        "sample_id": pa.DictionaryArray.from_arrays(
            pa.array(sample_codes), pl.concat(sample_ids).to_arrow().cast(pa.string())
        ),
        # Missing is NULL in SQL, NaN in arrays.
        "value": pa.array(values, mask=np.isnan(values)),
        "shard": pa.array(np.repeat(shards[dataset], counts)),
    }
    return pa.table(columns)


def _encoded(column: pl.Series, counts: npt.NDArray[np.int64]) -> pa.DictionaryArray:
    encoded = pc.dictionary_encode(column.to_arrow().cast(pa.string()))
    codes = np.repeat(encoded.indices.to_numpy(), counts)
    return pa.DictionaryArray.from_arrays(pa.array(codes), encoded.dictionary)
