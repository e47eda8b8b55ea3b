"""A parsed dataset becomes rows of the normalized tables.

Owns the conversion from what a reader yields to Arrow, lossless and in bounded pieces.
Keep out: file formats, curation, and writing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from polly_assets.batch_data import SAMPLES_AT_ONCE
from polly_assets.genes import GeneIndex
from polly_assets.ingest.formats.base import (
    BLOCK_FEATURES,
    Block,
    FailedDataset,
    Matrix,
    ParsedDataset,
    SparseBlock,
)
from polly_assets.schema import (
    FEATURES,
    MATRICES,
    NORMALIZED_DATASETS,
    NORMALIZED_SAMPLES,
    VARIANTS,
)

_INFINITE = {"inf": "Infinity", "-inf": "-Infinity"}
"""Infinities as text, spelled as JSON's dialects and every SQL engine's casts spell them."""

_NOT_FINITE = {"NaN": None, **{word: word for word in _INFINITE.values()}}

PIECE_BYTES = 64 * 1024 * 1024
"""Bytes of blocks held at once when a matrix is turned into rows; one block at least."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a dataset came from: its job's source, checksum, shard, and ordinal of ingest."""

    source: str
    fingerprint: str
    shard: int
    version: int
    ingested_at: datetime


def dataset_row(parsed: ParsedDataset, origin: Origin, read_seconds: float) -> pa.Table:
    """One row of `normalized_datasets`."""
    row = {
        "dataset_id": parsed.dataset_id,
        "format": parsed.format,
        "data_type": parsed.data_type or None,
        "source": origin.source,
        "fingerprint": origin.fingerprint,
        "metadata": _metadata_json(parsed.metadata),
        "sample_columns": _columns_json(parsed.samples),
        "feature_columns": _columns_json(parsed.features),
        "total_num_samples": parsed.samples.height,
        "total_num_features": parsed.features.height,
        "matrices": [matrix.name for matrix in parsed.matrices],
        "notices": json.dumps([asdict(n) for n in parsed.notices], ensure_ascii=False),
        "file_failures": "[]",
        "version": origin.version,
        "read_seconds": read_seconds,
        "ingested_at": origin.ingested_at,
        "shard": origin.shard,
    }
    return pa.Table.from_pylist([row], schema=NORMALIZED_DATASETS.schema())


def with_failures(record: pa.Table, failed: Sequence[FailedDataset]) -> pa.Table:
    """A row of `normalized_datasets` that tells which datasets of its file failed."""
    told = [{"dataset_id": f.dataset_id, **asdict(f.error.failure())} for f in failed]
    at = record.schema.get_field_index("file_failures")
    return record.set_column(at, record.schema.field(at), pa.array([json.dumps(told)]))


def _metadata_json(metadata: Mapping[str, Any]) -> str:
    """Metadata as strict JSON, which has no NaN (missing) and no infinity (text)."""
    try:
        return json.dumps(metadata, ensure_ascii=False, default=str, allow_nan=False)
    except ValueError:
        loose = json.dumps(metadata, default=str)
        strict = json.loads(loose, parse_constant=_NOT_FINITE.__getitem__)
        return json.dumps(strict, ensure_ascii=False)


def sample_rows(parsed: ParsedDataset, shard: int) -> Iterator[pa.Table]:
    """Rows of `normalized_samples`, in matrix order, in pieces of SAMPLES_AT_ONCE; at least one."""
    own = _storable(parsed.samples)
    for first in range(0, max(1, parsed.samples.height), SAMPLES_AT_ONCE):
        ids = parsed.samples["sample_id"].slice(first, SAMPLES_AT_ONCE)
        count = len(ids)
        yield _table(
            {
                "src_dataset_id": pl.repeat(parsed.dataset_id, count, eager=True),
                "sample_index": pl.arange(first, first + count, dtype=pl.Int32, eager=True),
                "sample_id": ids,
                "metadata": _rows_json(own.slice(first, SAMPLES_AT_ONCE), count).fill_null("{}"),
                "shard": pl.repeat(shard, count, dtype=pl.Int32, eager=True),
            },
            NORMALIZED_SAMPLES.schema(),
        )


def feature_rows(parsed: ParsedDataset, shard: int, genes: GeneIndex) -> pa.Table:
    """Rows of `features`, in matrix order, with symbol and CURIE where a gene is known."""
    frame = parsed.features
    symbols, curies = genes.annotate(frame)
    symbol = pl.Series(symbols, dtype=pl.String)
    return _table(
        {
            "src_dataset_id": pl.repeat(parsed.dataset_id, frame.height, eager=True),
            "feature_index": pl.arange(0, frame.height, dtype=pl.Int32, eager=True),
            "feature_id": frame["feature_id"],
            "name": symbol.zip_with(symbol.is_not_null(), frame["feature_id"]),
            "symbol": symbol,
            "curie": pl.Series(curies, dtype=pl.String),
            "metadata": _rows_json(_storable(frame), frame.height),
            "shard": pl.repeat(shard, frame.height, dtype=pl.Int32, eager=True),
        },
        FEATURES.schema(),
    )


def variant_rows(parsed: ParsedDataset, shard: int, genes: GeneIndex) -> Iterator[pa.Table]:
    """Rows of `variants` in pieces of about PIECE_BYTES, each ordered as the table wants it."""
    pending: list[pa.Table] = []
    for rows in parsed.variants or ():
        pending.append(rows)
        if sum(each.nbytes for each in pending) >= PIECE_BYTES:
            yield _variant_table(parsed.dataset_id, pending, shard, genes)
            pending = []
    if pending:
        yield _variant_table(parsed.dataset_id, pending, shard, genes)


def _variant_table(
    dataset_id: str, pieces: list[pa.Table], shard: int, genes: GeneIndex
) -> pa.Table:
    rows = pa.concat_tables(pieces)
    names = rows["gene"].unique().to_pylist()
    symbols, curies = genes.resolve(names, names)
    at = pc.index_in(rows["gene"], pa.array(names, pa.string()))
    columns = {
        **{name: rows[name] for name in rows.column_names},
        "dataset_id": pa.repeat(dataset_id, rows.num_rows),
        "gene": pc.coalesce(pa.array(symbols, pa.string()).take(at), rows["gene"]),
        "gene_curie": pa.array(curies, pa.string()).take(at),
        "shard": pa.repeat(pa.scalar(shard, pa.int32()), rows.num_rows),
    }
    schema = VARIANTS.schema()
    table = pa.table([columns[name] for name in schema.names], schema=schema)
    return table.sort_by([(name, "ascending") for name in VARIANTS.sorted_by])


def matrix_rows(dataset_id: str, matrix: Matrix, shard: int) -> Iterator[pa.Table]:
    """Rows of `matrices`, in pieces of about PIECE_BYTES of values.

    A matrix without features is one empty block, which keeps its type and width.
    """
    pending: list[Block] = []
    size = 0
    first = 0
    for block in matrix.blocks():
        pending.append(block)
        size += _bytes(block)
        if size >= PIECE_BYTES:
            yield _block_table(dataset_id, matrix, shard, first, pending)
            first += len(pending)
            pending, size = [], 0
    if not pending and not first:
        pending.append(_empty_block(matrix))
    if pending:
        yield _block_table(dataset_id, matrix, shard, first, pending)


def _bytes(block: Block) -> int:
    if isinstance(block, SparseBlock):
        return block.indptr.nbytes + block.indices.nbytes + block.values.nbytes
    return block.nbytes


def _empty_block(matrix: Matrix) -> Block:
    values = np.zeros(0, matrix.dtype)
    if matrix.sparse:
        return SparseBlock(np.zeros(1, np.int64), np.zeros(0, np.int32), values)
    return values.reshape(0, matrix.shape[1])


def _block_table(
    dataset_id: str,
    matrix: Matrix,
    shard: int,
    first: int,
    blocks: list[Block],
) -> pa.Table:
    count = len(blocks)
    start = first * BLOCK_FEATURES + np.arange(count, dtype=np.int32) * BLOCK_FEATURES
    rows = [len(b.indptr) - 1 if isinstance(b, SparseBlock) else b.shape[0] for b in blocks]
    columns: dict[str, Any] = {
        "dataset_id": pa.repeat(dataset_id, count),
        "matrix": pa.repeat(matrix.name, count),
        "block": np.arange(first, first + count, dtype=np.int32),
        "feature_start": start,
        "feature_count": np.array(rows, dtype=np.int32),
        "sample_count": pa.repeat(pa.scalar(matrix.shape[1], pa.int32()), count),
        "dtype": pa.repeat(matrix.dtype, count),
        "sparse": pa.repeat(matrix.sparse, count),
        "shard": pa.repeat(pa.scalar(shard, pa.int32()), count),
    }
    columns.update(_value_columns(matrix, blocks))
    schema = MATRICES.schema()
    arrays = [columns[f.name] if f.name in columns else pa.nulls(count, f.type) for f in schema]
    return pa.Table.from_arrays(
        [a if isinstance(a, pa.Array) else pa.array(a) for a in arrays], schema=schema
    )


def _value_columns(matrix: Matrix, blocks: list[Block]) -> dict[str, pa.Array]:
    if not matrix.sparse:
        flat = [np.ravel(np.asarray(block)) for block in blocks]
        return {matrix.dtype: _lists(flat, matrix.dtype)}
    sparse = [block for block in blocks if isinstance(block, SparseBlock)]
    return {
        matrix.dtype: _lists([b.values for b in sparse], matrix.dtype),
        "indptr": _lists([b.indptr for b in sparse], "int64"),
        "indices": _lists([b.indices for b in sparse], "int32"),
    }


def _lists(parts: list[npt.NDArray[Any]], dtype: str) -> pa.Array:
    offsets = np.zeros(len(parts) + 1, dtype=np.int32)
    np.cumsum([len(part) for part in parts], out=offsets[1:])
    values = np.concatenate(parts).astype(dtype, copy=False)
    kind = pa.list_(pa.field("element", pa.from_numpy_dtype(np.dtype(dtype))))
    # from_pandas=False: NaN stays NaN.
    return pa.ListArray.from_arrays(
        pa.array(offsets), pa.array(values, from_pandas=False), type=kind
    )


def _rows_json(own: pl.DataFrame, rows: int) -> pl.Series:
    """Each row's storable columns as a JSON object; null where there are none."""
    if own.width == 0:
        return pl.repeat(None, rows, dtype=pl.String, eager=True)
    return own.select(pl.struct(pl.all()).struct.json_encode()).to_series()


def _storable(frame: pl.DataFrame) -> pl.DataFrame:
    """The file's own columns as JSON can hold them.

    JSON has no NaN, no infinity and no dates: NaN is missing, a column with infinities and
    columns of other types become text.
    """
    safe = []
    for name, kind in list(frame.schema.items())[1:]:
        column = pl.col(name)
        if kind.is_float():
            column = column.fill_nan(None)
            if frame[name].is_infinite().any():
                column = column.cast(pl.String).replace(_INFINITE)
        elif not (kind.is_integer() or kind in (pl.Boolean, pl.String, pl.List(pl.String))):
            column = column.cast(pl.String)
        safe.append(column)
    return frame.select(safe)


def _columns_json(frame: pl.DataFrame) -> str:
    """The type of each of the file's own columns: the one that it is to have again."""
    kinds = {
        name: str(frame.schema[name] if frame.schema[name].is_float() else kind)
        for name, kind in _storable(frame).schema.items()
    }
    return json.dumps(kinds, ensure_ascii=False)


def _table(columns: dict[str, pl.Series], schema: pa.Schema) -> pa.Table:
    frame = pl.DataFrame(columns)
    return frame.to_arrow().select(schema.names).cast(schema)
