"""The tables that users query, pinned for one statement.

Owns which stored table, or which rows made on the spot, stand behind an SQL name.
Keep out: parsing, and the wide tables of `data_matrices` (`matrix_tables`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict

import pyarrow as pa

from polly_api.matrix_tables import SCHEMA as MATRIX_SCHEMA
from polly_api.matrix_tables import MatrixTables
from polly_api.pinned import Pinned
from polly_api.sql.catalog import Catalog, TableInfo
from polly_assets import atlases
from polly_assets.schema import (
    ATLASES,
    DATASETS,
    FEATURES,
    ONTOLOGY_ANCESTORS,
    ONTOLOGY_TERMS,
    SAMPLES,
    SINGLE_CELL,
    SQL_TABLES,
)
from polly_resources.backends import Backends
from polly_resources.errors import BadQuery
from polly_resources.jobs.base import JobLedger
from polly_resources.query.base import Relation
from polly_resources.records import JobFilter
from polly_resources.tables.base import Column, TableSpec, Where

_ATLAS_TABLES: Mapping[str, TableSpec] = {spec.name: spec for spec in SQL_TABLES}
_CELL_TABLES: Mapping[str, TableSpec] = {
    "samples_singlecell": SAMPLES,
    "features_singlecell": FEATURES,
}
_ONTOLOGY_TABLES: Mapping[str, TableSpec] = {
    spec.name: spec for spec in (ONTOLOGY_TERMS, ONTOLOGY_ANCESTORS)
}
JOBS = TableSpec(
    name="jobs",
    description="The job ledger.",
    columns=(
        Column("job_id", pa.string(), "Job; ids sort by time of creation.", False),
        Column("atlas", pa.string(), "Atlas.", False),
        Column("action", pa.string(), "ingest, delete, recurate or reindex.", False),
        Column("source", pa.string(), "Landing key of the file.", False),
        Column("dataset_id", pa.string(), "Dataset.", False),
        Column("status", pa.string(), "queued, running, succeeded, errored, ...", False),
        Column("stage", pa.string(), "Layer that is at work.", False),
        Column("attempt", pa.int32(), "Attempt, from 1.", False),
        Column("format", pa.string(), "File format."),
        Column("samples", pa.int64(), "Samples read."),
        Column("features", pa.int64(), "Features read."),
        Column("seconds", pa.float64(), "Seconds spent reading."),
        Column("error_code", pa.string(), "Why it failed, in one word."),
        Column("error_message", pa.string(), "Why it failed."),
        Column("created_at", pa.timestamp("us", tz="UTC"), "When it was asked for.", False),
        Column("finished_at", pa.timestamp("us", tz="UTC"), "When it ended."),
    ),
    key="job_id",
)
_PLATFORM_TABLES: Mapping[str, TableSpec] = {spec.name: spec for spec in (ATLASES, JOBS)}


class AtlasCatalog(Catalog):
    """Every atlas, the matrices, the ontologies and the platform's own tables."""

    def __init__(self, backends: Backends) -> None:
        self._jobs = backends.jobs
        self._pinned = Pinned(backends.tables)
        self._atlases = [atlas.name for atlas in atlases.listed(backends.tables)]
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

    def relation(
        self, schema: str, table: str, columns: Collection[str] | None, where: Where
    ) -> Relation:
        """See `Catalog.relation`."""
        name = table.lower()
        if schema == MATRIX_SCHEMA:
            return self._matrices.relation(name, columns, where)
        if schema == "platform" and name == JOBS.name:
            return Relation(JOBS.schema(), rows=_job_rows(self._jobs))
        spec = self._specs(schema)[name]
        if schema == "ontology" and self._pinned.version(f"ontology/{spec.name}") is None:
            raise BadQuery(
                "ontologies_not_loaded",
                "the ontology tables are empty",
                hint="load them once: polly ontologies --load",
            )
        if name in _CELL_TABLES and schema in self._atlases:
            return self._cells(schema, spec, where)
        return self._pinned.relation(f"{schema}/{spec.name}", spec, where)

    def _specs(self, schema: str) -> Mapping[str, TableSpec]:
        if schema == "ontology":
            return _ONTOLOGY_TABLES
        if schema == "platform":
            return _PLATFORM_TABLES
        return {**_ATLAS_TABLES, **_CELL_TABLES}

    def _cells(self, atlas: str, spec: TableSpec, where: Where) -> Relation:
        """Rows of single-cell datasets only."""
        single = {"data_type": [SINGLE_CELL]}
        found = self._pinned.read(f"{atlas}/{DATASETS.name}", DATASETS, ["dataset_id"], single)
        ids = set(found["dataset_id"].to_pylist())
        asked = where.get(spec.key)
        wanted = sorted(ids if asked is None else ids & set(asked))
        rows = self._pinned.read(f"{atlas}/{spec.name}", spec, None, {spec.key: wanted})
        return Relation(spec.schema(), rows=rows)


def _job_rows(ledger: JobLedger) -> pa.Table:
    rows = []
    for job in ledger.find(JobFilter(limit=1_000_000)):
        row = asdict(job)
        row["error_code"] = job.error.code if job.error else None
        row["error_message"] = job.error.message if job.error else None
        rows.append(row)
    return pa.Table.from_pylist(rows, schema=JOBS.schema())
