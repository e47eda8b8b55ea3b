"""A small stored atlas: datasets as arrays, written to real tables without any ingest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from polly_api.catalog import AtlasCatalog
from polly_api.sql.prepare import prepare
from polly_assets import atlases
from polly_assets.genes import GeneIndex
from polly_assets.ingest.formats.base import (
    BLOCK_FEATURES,
    Block,
    DenseMatrix,
    Matrix,
    ParsedDataset,
    SparseBlock,
)
from polly_assets.ingest.normalize import (
    Origin,
    dataset_row,
    feature_rows,
    matrix_rows,
    sample_rows,
)
from polly_assets.schema import DATASETS, FEATURES, MATRICES, NORMALIZED_DATASETS, SAMPLES
from polly_resources.backends import Backends
from polly_resources.settings import load
from polly_resources.tables.base import TableSpec


@dataclass
class SparseMatrix(Matrix):
    """A dense array whose zeros are not stored."""

    values: np.ndarray
    name: str = "X"
    sparse: bool = True
    dtype: str = field(init=False)
    shape: tuple[int, int] = field(init=False)

    def __post_init__(self) -> None:
        self.dtype, self.shape = str(self.values.dtype), self.values.shape

    def blocks(self, features: int = BLOCK_FEATURES) -> Iterator[Block]:
        for start in range(0, self.shape[0], features):
            part = self.values[start : start + features]
            rows, indices = np.nonzero(part)
            counts = np.bincount(rows, minlength=len(part))
            indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
            yield SparseBlock(indptr, indices.astype(np.int32), part[rows, indices])


class Stored:
    """One instance in a folder."""

    def __init__(self, home: Path, *names: str) -> None:
        self.backends = Backends(load(home=home, environ={}))
        self.tables = self.backends.tables
        for name in names or ("geo",):
            atlases.create(self.tables, name)

    def add(
        self,
        dataset_id: str,
        *matrices: Matrix | np.ndarray,
        samples: Sequence[str] = (),
        features: Sequence[str] = (),
        symbols: Mapping[str, str] | None = None,
        sample_columns: Mapping[str, Sequence[Any]] | None = None,
        metadata: Mapping[str, Any] | None = None,
        data_type: str = "Transcriptomics",
        atlas: str = "geo",
    ) -> None:
        """Write a dataset to the tables that SQL reads."""
        held = tuple(m if isinstance(m, Matrix) else DenseMatrix(m) for m in matrices)
        parsed = ParsedDataset(
            dataset_id=dataset_id,
            format="test",
            metadata=metadata or {},
            samples=pl.DataFrame({"sample_id": list(samples), **(sample_columns or {})}),
            features=pl.DataFrame({"feature_id": list(features)}, schema={"feature_id": pl.String}),
            matrices=held,
            data_type=data_type,
        )
        origin = Origin("a.txt", "0" * 64, 0, 1, datetime(2026, 1, 2, tzinfo=UTC))
        own = dataset_row(parsed, origin, 0.1)
        table = f"{atlas}__{dataset_id}".lower() if held else None
        published = {
            **own.to_pylist()[0],
            **{"src_repo": atlas, "data_table_name": table, "data_matrix_available": bool(held)},
            **{"is_current": True, "timestamp_": 0, "key": "a", "src_uri": "a", "file_type": "t"},
        }
        self.write(atlas, NORMALIZED_DATASETS, own, dataset_id)
        self.write(atlas, DATASETS, filled(DATASETS, [published]), dataset_id)
        self.write(atlas, SAMPLES, published_samples(parsed), dataset_id)
        rows = feature_rows(parsed, 0, GeneIndex([]))
        names = [(symbols or {}).get(name, name) for name in features]
        at = rows.schema.get_field_index("name")
        rows = rows.set_column(at, "name", pa.array(names, pa.string()))
        self.write(atlas, FEATURES, rows, dataset_id)
        blocks = [part for matrix in held for part in matrix_rows(dataset_id, matrix, 0)]
        if blocks:
            self.write(atlas, MATRICES, pa.concat_tables(blocks), dataset_id)

    def write(self, atlas: str, spec: TableSpec, rows: pa.Table, dataset_id: str) -> None:
        self.tables.write(f"{atlas}/{spec.name}", spec, rows, replace=[dataset_id])

    def catalog(self) -> AtlasCatalog:
        return AtlasCatalog(self.backends)

    def ask(self, query: str, catalog: AtlasCatalog | None = None) -> pa.Table:
        found = prepare(query, catalog or self.catalog(), lambda *_: [])
        return found if isinstance(found, pa.Table) else self.backends.query.run(found)

    def rows(self, query: str, catalog: AtlasCatalog | None = None) -> list[Any]:
        """The rows as tuples, or the values where there is one column."""
        table = self.ask(query, catalog)
        rows = list(zip(*(column.to_pylist() for column in table.columns), strict=True))
        return [row[0] for row in rows] if table.num_columns == 1 else rows


def filled(spec: TableSpec, rows: list[dict[str, Any]]) -> pa.Table:
    """Rows of a table; columns not given are NULL."""
    schema = pa.schema([column.with_nullable(True) for column in spec.schema()])
    given = [{name: row.get(name) for name in schema.names} for row in rows]
    return pa.Table.from_pylist(given, schema=schema)


def published_samples(parsed: ParsedDataset) -> pa.Table:
    rows = pa.concat_tables(sample_rows(parsed, 0)).to_pylist()
    return filled(SAMPLES, [{**row, "name": row["sample_id"]} for row in rows])
