"""The tables that users query, pinned for one statement.

Owns which stored table, or which rows made on the spot, stand behind an SQL name.
Keep out: parsing, the wide tables of `data_matrices` (`matrix_tables`) and how rows are
made (`job_table`, `search_table`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache

from polly_api.job_table import JOBS, job_rows
from polly_api.matrix_tables import SCHEMA as MATRIX_SCHEMA
from polly_api.matrix_tables import MatrixTables
from polly_api.metadata_fields import metadata_fields
from polly_api.pinned import Pinned, narrowed
from polly_api.search_table import search_relation
from polly_api.sql.catalog import Catalog, TableInfo
from polly_api.sql.metadata import Fields
from polly_assets import atlases
from polly_assets.schema import (
    ATLASES,
    DATASETS,
    FEATURES,
    ONTOLOGY_ANCESTORS,
    ONTOLOGY_TERMS,
    SAMPLES,
    SEARCH_INDEX,
    SINGLE_CELL,
    SQL_TABLES,
)
from polly_resources.backends import Backends
from polly_resources.errors import BadQuery
from polly_resources.query.base import Relation
from polly_resources.tables.base import TableSpec, TableStore, Where

_ATLAS_TABLES: Mapping[str, TableSpec] = {spec.name: spec for spec in (*SQL_TABLES, SEARCH_INDEX)}
_CELL_TABLES: Mapping[str, TableSpec] = {
    "samples_singlecell": SAMPLES,
    "features_singlecell": FEATURES,
}
_ONTOLOGY_TABLES: Mapping[str, TableSpec] = {
    spec.name: spec for spec in (ONTOLOGY_TERMS, ONTOLOGY_ANCESTORS)
}
_PLATFORM_TABLES: Mapping[str, TableSpec] = {spec.name: spec for spec in (ATLASES, JOBS)}


class AtlasCatalog(Catalog):
    """Every atlas, the matrices, the ontologies and the platform's own tables."""

    def __init__(self, backends: Backends) -> None:
        self._backends = backends
        self._pinned = Pinned(backends.tables)
        self._atlases = _atlas_names(backends.tables, self._pinned.version(atlases.TABLE))
        self._matrices = MatrixTables(self._pinned, self._atlases)

    def schemas(self) -> Sequence[str]:
        """See `Catalog.schemas`."""
        return [*self._atlases, MATRIX_SCHEMA, "ontology", "platform"]

    def tables(self, schema: str) -> Sequence[str]:
        """See `Catalog.tables`."""
        if schema == MATRIX_SCHEMA:
            return self._matrices.names()
        return sorted(self._specs(schema))

    def describe(self, schema: str, table: str) -> TableInfo | None:
        """See `Catalog.describe`."""
        if schema == MATRIX_SCHEMA:
            return self._matrices.describe(table)
        spec = self._specs(schema).get(table.lower())
        if spec is None:
            return None
        return TableInfo(spec.schema(), {c.name: c.description for c in spec.columns})

    def fields(self, schema: str, table: str) -> Fields:
        """See `Catalog.fields`."""
        if schema not in self._atlases:
            return {}
        return metadata_fields(self._pinned, schema, table.lower())

    def relation(
        self, schema: str, table: str, columns: Collection[str] | None, where: Where
    ) -> Relation:
        """See `Catalog.relation`."""
        name = table.lower()
        if schema == MATRIX_SCHEMA:
            return self._matrices.relation(name, columns, where)
        if schema == "platform" and name == JOBS.name:
            return Relation(JOBS.schema(), rows=job_rows(self._backends.jobs, where))
        spec = self._specs(schema)[name]
        if schema == "ontology" and self._pinned.version(f"ontology/{spec.name}") is None:
            raise BadQuery(
                "ontologies_not_loaded",
                "the ontology tables are empty",
                hint="load them once: polly ontologies --load",
            )
        if name in _CELL_TABLES and schema in self._atlases:
            return self._cells(schema, spec, columns, where)
        if spec is SEARCH_INDEX:
            return search_relation(self._backends, schema, columns, where)
        return self._pinned.relation(f"{schema}/{spec.name}", spec, columns, where)

    def _specs(self, schema: str) -> Mapping[str, TableSpec]:
        if schema == "ontology":
            return _ONTOLOGY_TABLES
        if schema == "platform":
            return _PLATFORM_TABLES
        return {**_ATLAS_TABLES, **_CELL_TABLES}

    def _cells(
        self, atlas: str, spec: TableSpec, columns: Collection[str] | None, where: Where
    ) -> Relation:
        """Rows of single-cell datasets only."""
        single = {"data_type": [SINGLE_CELL]}
        found = self._pinned.read(f"{atlas}/{DATASETS.name}", DATASETS, ["dataset_id"], single)
        ids = set(found["dataset_id"].to_pylist())
        asked = where.get(spec.key)
        wanted = sorted(ids if asked is None else ids & set(asked))
        schema = narrowed(spec, columns, where)
        rows = self._pinned.read(
            f"{atlas}/{spec.name}", spec, schema.names, {**where, spec.key: wanted}
        )
        return Relation(schema, rows=rows)


@lru_cache(maxsize=16)
def _atlas_names(tables: TableStore, version: int | None) -> Sequence[str]:
    """The names of the atlases; the version only says until when they are remembered."""
    return [atlas.name for atlas in atlases.listed(tables)]
