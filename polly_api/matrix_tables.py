"""The wide tables of `data_matrices`: one per dataset, made when asked for.

Owns their names and shape. Bulk data: a row per feature with `rid` and a column per
sample; single cell: a row per cell with `obs_name` and a column per gene. Column names
are lower-case, as in Polly; a repeated one gets `_2`, `_3`, ...
Keep out: stored formats; blocks are put together in `polly_assets.publish.blocks`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from polly_api.pinned import Pinned
from polly_api.sql.catalog import TableInfo
from polly_assets.ingest.formats.base import BLOCK_FEATURES
from polly_assets.publish.blocks import Rows, assemble
from polly_assets.schema import DATASETS, FEATURES, MATRICES, SAMPLES, SINGLE_CELL
from polly_resources.errors import BadQuery
from polly_resources.query.base import Relation
from polly_resources.tables.base import Where

SCHEMA = "data_matrices"

MAX_CELLS = 200_000_000
"""Values that one statement may turn into a wide table: 1.6 GB."""


@dataclass(frozen=True, slots=True)
class _Wide:
    """One dataset's wide table: its key column, and what its columns stand for."""

    atlas: str
    dataset_id: str
    by_cell: bool
    features: list[str]
    samples: list[str]
    dtype: pa.DataType

    @property
    def key(self) -> str:
        return "obs_name" if self.by_cell else "rid"

    @property
    def columns(self) -> list[str]:
        return _unique(self.features if self.by_cell else self.samples, self.key)

    def schema(self) -> pa.Schema:
        fields = [pa.field(name, self.dtype) for name in self.columns]
        return pa.schema([pa.field(self.key, pa.string(), False), *fields])


class MatrixTables:
    """The wide tables of all atlases, read at pinned versions."""

    def __init__(self, pinned: Pinned, atlases: Sequence[str]) -> None:
        self._pinned = pinned
        self._atlases = atlases
        self._known: dict[str, _Wide | None] = {}

    def names(self) -> list[str]:
        """Every table, `atlas__dataset_id` in lower case."""
        found: list[str] = []
        for atlas in self._atlases:
            rows = self._pinned.read(f"{atlas}/{DATASETS.name}", DATASETS, ["data_table_name"], {})
            found += filter(None, rows["data_table_name"].to_pylist())
        return sorted(found)

    def describe(self, table: str) -> TableInfo | None:
        """The columns of a table, or None where there is none."""
        wide = self._wide(table.lower())
        if wide is None:
            return None
        key = "Cell." if wide.by_cell else "The file's own row id (gene, probe, ...)."
        return TableInfo(wide.schema(), {wide.key: key})

    def relation(self, table: str, columns: Collection[str] | None, where: Where) -> Relation:
        """The rows of a table, at least those that the statement wants."""
        wide = self._wide(table.lower())
        if wide is None:
            raise BadQuery("unknown_table", f"table {SCHEMA}.{table} does not exist")
        at = self._wanted_features(wide, columns, where)
        chosen = len(wide.features) if at is None else len(at)
        if chosen * len(wide.samples) > MAX_CELLS:
            raise BadQuery(
                "query_too_large",
                f"{chosen} features x {len(wide.samples)} samples are too many for one table",
                hint="name the columns or rows that you need, or use `polly get`",
            )
        rows = self._rows(wide, at, columns)
        return Relation(rows.schema, rows=rows)

    def _wide(self, table: str) -> _Wide | None:
        if table not in self._known:
            self._known[table] = self._find(table)
        return self._known[table]

    def _find(self, table: str) -> _Wide | None:
        for atlas in self._atlases:
            if not table.startswith(f"{atlas}__"):
                continue
            where = {"data_table_name": [table]}
            columns = ["dataset_id", "data_type"]
            rows = self._pinned.read(f"{atlas}/{DATASETS.name}", DATASETS, columns, where)
            for row in rows.to_pylist():
                return self._load(atlas, row["dataset_id"], row["data_type"] == SINGLE_CELL)
        return None

    def _load(self, atlas: str, dataset_id: str, by_cell: bool) -> _Wide | None:
        own = {"src_dataset_id": [dataset_id]}
        columns = ["feature_index", "name" if by_cell else "feature_id"]
        features = self._pinned.read(f"{atlas}/{FEATURES.name}", FEATURES, columns, own)
        samples = self._pinned.read(
            f"{atlas}/{SAMPLES.name}", SAMPLES, ["sample_index", "sample_id"], own
        )
        block = self._pinned.read(
            f"{atlas}/{MATRICES.name}",
            MATRICES,
            ["dtype"],
            {"dataset_id": [dataset_id], "matrix": ["X"], "block": [0]},
        )
        if not block.num_rows:
            return None
        return _Wide(
            atlas=atlas,
            dataset_id=dataset_id,
            by_cell=by_cell,
            features=features.sort_by("feature_index")[columns[1]].to_pylist(),
            samples=samples.sort_by("sample_index")["sample_id"].to_pylist(),
            dtype=pa.from_numpy_dtype(np.dtype(block["dtype"][0].as_py())),
        )

    def _wanted_features(
        self, wide: _Wide, columns: Collection[str] | None, where: Where
    ) -> npt.NDArray[np.int64] | None:
        """Which features the statement can need, in order; None = all."""
        if wide.by_cell:
            if columns is None:
                return None
            return np.flatnonzero(np.isin(wide.columns, list(columns)))
        if wide.key not in where:
            return None
        return np.flatnonzero(np.isin(wide.features, [str(v) for v in where[wide.key]]))

    def _rows(
        self,
        wide: _Wide,
        at: npt.NDArray[np.int64] | None,
        columns: Collection[str] | None,
    ) -> pa.Table:
        values = self._values(wide, at)
        if wide.by_cell:
            chosen = range(len(wide.features)) if at is None else at
            names = [wide.columns[i] for i in chosen]
            arrays = [_column(values[i]) for i in range(len(names))]
            return pa.table([pa.array(wide.samples), *arrays], names=[wide.key, *names])
        rids = wide.features if at is None else [wide.features[i] for i in at]
        keep = [
            (i, name) for i, name in enumerate(wide.columns) if columns is None or name in columns
        ]
        arrays = [_column(values[:, i]) for i, _ in keep]
        names = [wide.key, *(name for _, name in keep)]
        return pa.table([pa.array(rids, pa.string()), *arrays], names=names)

    def _values(self, wide: _Wide, at: npt.NDArray[np.int64] | None) -> npt.NDArray[np.generic]:
        """Features x samples, of the wanted features only."""
        where: dict[str, Sequence[object]] = {"dataset_id": [wide.dataset_id], "matrix": ["X"]}
        blocks = None if at is None else np.unique(at // BLOCK_FEATURES)
        if blocks is not None:
            where["block"] = blocks.tolist()
        stored = self._pinned.read(f"{wide.atlas}/{MATRICES.name}", MATRICES, None, where)
        if not stored.num_rows:
            return np.zeros((0, len(wide.samples)), wide.dtype.to_pandas_dtype())
        dense = _dense(assemble(stored))
        if at is None or blocks is None:
            return dense
        before = np.searchsorted(blocks, at // BLOCK_FEATURES)
        picked: npt.NDArray[np.generic] = dense[before * BLOCK_FEATURES + at % BLOCK_FEATURES]
        return picked


def _dense(rows: Rows) -> npt.NDArray[np.generic]:
    if rows.indices is None:
        return rows.values.reshape(rows.shape)
    full = np.zeros(rows.shape, dtype=rows.values.dtype)
    full[np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr)), rows.indices] = rows.values
    return full


def _column(values: npt.NDArray[np.generic]) -> pa.Array:
    """Missing is NaN in matrices and NULL in SQL."""
    array = pa.array(np.ascontiguousarray(values))
    if not pa.types.is_floating(array.type):
        return array
    return pc.if_else(pc.is_nan(array), pa.scalar(None, array.type), array)


def _unique(names: Sequence[str], key: str) -> list[str]:
    taken = {key}
    unique = []
    for name in names:
        fresh, count = name.lower(), 1
        while fresh in taken:
            count += 1
            fresh = f"{name.lower()}_{count}"
        taken.add(fresh)
        unique.append(fresh)
    return unique
