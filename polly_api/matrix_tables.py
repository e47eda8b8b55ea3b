"""The wide tables of `data_matrices`: one per dataset, made when asked for.

Owns their names and shape. Bulk data: a row per feature with `rid` and a column per
sample; single cell: a row per cell with `obs_name` and a column per gene. Column names
are lower-case, as in Polly; a repeated one gets `_2`, `_3`, ...
Keep out: stored formats (`matrix_values`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from polly_api.matrix_values import Positions, Values, matrix_values
from polly_api.pinned import Pinned
from polly_api.sql.catalog import TableInfo
from polly_assets.schema import DATASETS, FEATURES, MATRICES, SAMPLES, SINGLE_CELL
from polly_resources.errors import BadQuery
from polly_resources.query.base import Relation
from polly_resources.tables.base import Where

SCHEMA = "data_matrices"

MAX_CELLS = 200_000_000
"""Values that one statement may turn into a wide table: 1.6 GB."""

_NAMELESS = "unnamed"


@dataclass(frozen=True, slots=True)
class _Wide:
    """One dataset's wide table: what stands in its columns, and their names in SQL."""

    atlas: str
    dataset_id: str
    by_cell: bool
    columns: list[str]
    dtype: pa.DataType

    @property
    def key(self) -> str:
        return "obs_name" if self.by_cell else "rid"

    def schema(self, columns: Collection[str] | None = None) -> pa.Schema:
        """The key, then the columns named (None: all)."""
        names = [name for name in self.columns if columns is None or name in columns]
        fields = [pa.field(name, self.dtype) for name in names]
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
        """The columns of a table, or None where there is none.

        Raises BadQuery where two datasets have the same table name.
        """
        wide = self._wide(table.lower())
        if wide is None:
            return None
        key = "Cell." if wide.by_cell else "The file's own row id (gene, probe, ...)."
        return TableInfo(wide.schema(), {wide.key: key})

    def relation(self, table: str, columns: Collection[str] | None, where: Where) -> Relation:
        """The rows of a table that `describe` knows, at least those that the statement wants."""
        wide = self._wide(table.lower())
        if wide is None:
            raise BadQuery("unknown_table", f"table {SCHEMA}.{table} does not exist")
        wanted = None if columns is None else frozenset(columns)
        rows = self._cells(wide, wanted) if wide.by_cell else self._bulk(wide, wanted, where)
        return Relation(rows.schema, rows=rows)

    def _wide(self, table: str) -> _Wide | None:
        if table not in self._known:
            self._known[table] = self._find(table)
        return self._known[table]

    def _find(self, table: str) -> _Wide | None:
        columns = ["dataset_id", "data_type"]
        for atlas in self._atlases:
            if not table.startswith(f"{atlas}__"):
                continue
            rows = self._pinned.read(
                f"{atlas}/{DATASETS.name}", DATASETS, columns, {"data_table_name": [table]}
            ).to_pylist()
            if len(rows) > 1:
                ids = sorted(row["dataset_id"] for row in rows)
                raise BadQuery(
                    "ambiguous_table",
                    f"{SCHEMA}.{table} stands for the datasets {' and '.join(ids)}",
                    hint=f"take them from {atlas}.measurements, by dataset_id",
                )
            if rows:
                return self._load(atlas, rows[0]["dataset_id"], rows[0]["data_type"] == SINGLE_CELL)
        return None

    def _load(self, atlas: str, dataset_id: str, by_cell: bool) -> _Wide | None:
        first = self._pinned.read(
            f"{atlas}/{MATRICES.name}",
            MATRICES,
            ["dtype"],
            {"dataset_id": [dataset_id], "matrix": ["X"], "block": [0]},
        )
        if not first.num_rows:
            return None
        if by_cell:
            names = self._features(atlas, dataset_id, "name", {})["name"].to_pylist()
        else:
            names = self._samples(atlas, dataset_id)
        key = "obs_name" if by_cell else "rid"
        dtype = pa.from_numpy_dtype(np.dtype(first["dtype"][0].as_py()))
        return _Wide(atlas, dataset_id, by_cell, _unique(names, key), dtype)

    def _features(self, atlas: str, dataset_id: str, label: str, where: Where) -> pa.Table:
        """Index and label of features, in order."""
        own = {**where, FEATURES.key: [dataset_id]}
        rows = self._pinned.read(
            f"{atlas}/{FEATURES.name}", FEATURES, ["feature_index", label], own
        )
        return rows.sort_by("feature_index")

    def _samples(self, atlas: str, dataset_id: str) -> list[str]:
        columns = ["sample_index", "sample_id"]
        own = {SAMPLES.key: [dataset_id]}
        rows = self._pinned.read(f"{atlas}/{SAMPLES.name}", SAMPLES, columns, own)
        return list(rows.sort_by("sample_index")["sample_id"].to_pylist())

    def _bulk(self, wide: _Wide, columns: Collection[str] | None, where: Where) -> pa.Table:
        """Rows are features: those that the statement filters for."""
        named = {"feature_id": where[wide.key]} if wide.key in where else {}
        features = self._features(wide.atlas, wide.dataset_id, "feature_id", named)
        schema = wide.schema(columns)
        rids = features["feature_id"].combine_chunks()
        if len(schema) == 1 or not features.num_rows:
            return _table(schema, rids, (pa.array([], field.type) for field in list(schema)[1:]))
        _limit(features.num_rows, len(wide.columns), f"fewer rows: WHERE {wide.key} IN (...)")
        at = features["feature_index"].to_numpy() if named else None
        values = self._values(wide, at, features.num_rows, len(wide.columns))
        kept = [i for i, name in enumerate(wide.columns) if columns is None or name in columns]
        return _table(schema, rids, (_column(values[:, i]) for i in kept))

    def _cells(self, wide: _Wide, columns: Collection[str] | None) -> pa.Table:
        """Rows are cells, all of them; columns are features."""
        schema = wide.schema(columns)
        cells = pa.array(self._samples(wide.atlas, wide.dataset_id), pa.string())
        if len(schema) == 1:
            return _table(schema, cells, ())
        _limit(len(schema) - 1, len(cells), "fewer columns: name the genes")
        at = None
        if columns is not None:
            at = np.array([i for i, name in enumerate(wide.columns) if name in columns])
        values = self._values(wide, at, len(schema) - 1, len(cells))
        return _table(schema, cells, map(_column, values))

    def _values(self, wide: _Wide, at: Positions | None, features: int, samples: int) -> Values:
        return matrix_values(self._pinned, wide.atlas, wide.dataset_id, at, (features, samples))


def _limit(features: int, samples: int, remedy: str) -> None:
    if features * samples > MAX_CELLS:
        raise BadQuery(
            "query_too_large",
            f"{features} features x {samples} samples are too many for one table",
            hint=f"ask for {remedy}, or use `polly get`",
        )


def _table(schema: pa.Schema, labels: pa.Array, columns: Iterable[pa.Array]) -> pa.Table:
    return pa.Table.from_arrays([labels, *columns], schema=schema)


def _column(values: Values) -> pa.Array:
    """Missing is NaN in matrices and NULL in SQL."""
    return pa.array(np.ascontiguousarray(values), from_pandas=True)


def _unique(names: Sequence[str], key: str) -> list[str]:
    """Names in lower case, repeated ones numbered, none empty and none that of the key."""
    taken = {key}
    last: Counter[str] = Counter()
    unique = []
    for name in names:
        base = fresh = name.lower() or _NAMELESS
        while fresh in taken:
            last[base] = max(last[base], 1) + 1
            fresh = f"{base}_{last[base]}"
        taken.add(fresh)
        unique.append(fresh)
    return unique
