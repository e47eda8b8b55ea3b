"""A catalog of two small atlases in memory, and a way to ask it."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pytest

from polly_api.sql.catalog import Catalog, TableInfo
from polly_api.sql.metadata import NESTED, Fields
from polly_api.sql.prepare import prepare
from polly_assets.schema import SEARCH_INDEX, SQL_TABLES
from polly_resources.query.base import Relation
from polly_resources.query.duckdb import DuckDBEngine
from polly_resources.tables.base import Where

SPECS = {spec.name: spec for spec in (*SQL_TABLES, SEARCH_INDEX)}
MATRIX = pa.table({"rid": ["BRD4", "TP53"], "gsm1": [1.5, 0.0], "gsm2": [None, 2.0]})
LABELS = {
    ("disease", "breast neoplasms", "related"): ["Breast cancer", "Breast carcinoma"],
    ("disease", "obesity", "match"): ["Obesity"],
    ("tissue", "nothing", "match"): [],
}

DATASET_METADATA: dict[str, dict[str, Any]] = {
    "G1": {"status": "public", "contributor": ["A", "B"]},
    "G2": {"status": None, "contributor": "C"},
}
SAMPLE_METADATA: dict[str, dict[str, Any]] = {
    "S1": {
        "gender_ch1": "F",
        "Age (years)": 61,
        "weight": 7.5,
        "passed": True,
        "characteristics_ch1.disease state": "tumour",
        "protocol": ["a", 'say "b"'],
        "Cell type": "T",
        "status": "s1",
        "a\"b\\c'd.*/~": "odd",
        "*": "star",
        "name": "not this",
        "x.name": "snake of no column",
    },
    "S2": {"gender_ch1": "M", "cell_type": "B", "protocol": "null", "weight": None, "*": None},
}
FIELDS: dict[str, dict[str, pa.DataType]] = {
    "datasets": {"status": pa.string(), "contributor": NESTED},
    "samples": {
        **dict.fromkeys(SAMPLE_METADATA["S1"], pa.string()),
        "cell_type": pa.string(),
        "Age (years)": pa.int64(),
        "weight": pa.float64(),
        "passed": pa.bool_(),
        "protocol": NESTED,
    },
}


def filled(name: str, rows: list[dict[str, Any]]) -> pa.Table:
    """Rows of a specified table; columns not given are NULL."""
    schema = pa.schema([field.with_nullable(True) for field in SPECS[name].schema()])
    return pa.Table.from_pylist(
        [{column: row.get(column) for column in schema.names} for row in rows], schema=schema
    )


def geo() -> dict[str, pa.Table]:
    datasets = [
        {"dataset_id": "G1", "year": 2018, "platform": "Microarray", "data_matrix_available": True},
        {"dataset_id": "G2", "year": 2020, "platform": "RNASeq", "data_matrix_available": False},
        {"dataset_id": "G3", "platform": "RNASeq"},
    ]
    diseases = [["Breast carcinoma", "Normal"], ["Obesity"], None]
    organisms = [["Homo sapiens"], ["Homo sapiens", "Rattus norvegicus"], []]
    for row, disease, organism in zip(datasets, diseases, organisms, strict=True):
        row |= {"curated_disease": disease, "curated_organism": organism, "total_num_samples": 5}
    for row in datasets:
        row["metadata"] = json.dumps(DATASET_METADATA.get(row["dataset_id"], {}))
    samples = [
        {"sample_id": "S1", "name": "S1", "src_dataset_id": "G1", "curated_cell_line": ["HeLa"]},
        {"sample_id": "S2", "name": "S2", "src_dataset_id": "G2", "curated_cell_line": []},
    ]
    for row in samples:
        row["metadata"] = json.dumps(SAMPLE_METADATA[row["sample_id"]])
    return {"datasets": filled("datasets", datasets), "samples": filled("samples", samples)}


@dataclass
class SmallCatalog(Catalog):
    """Two atlases and one matrix; keeps what it was asked."""

    atlases: dict[str, dict[str, pa.Table]] = field(
        default_factory=lambda: {"geo": geo(), "TCGA": {}}
    )
    fields_asked: list[str] = field(default_factory=list)
    asked: list[tuple[str, str, Collection[str] | None, Where]] = field(default_factory=list)

    def schemas(self) -> Sequence[str]:
        return [*self.atlases, "data_matrices"]

    def tables(self, schema: str) -> Sequence[str]:
        return ["geo__G1"] if schema == "data_matrices" else list(SPECS)

    def describe(self, schema: str, table: str) -> TableInfo | None:
        if schema == "data_matrices":
            return TableInfo(MATRIX.schema) if table.lower() == "geo__g1" else None
        spec = SPECS.get(table.lower())
        if spec is None:
            return None
        return TableInfo(spec.schema(), {c.name: c.description for c in spec.columns})

    def fields(self, schema: str, table: str) -> Fields:
        self.fields_asked.append(table.lower())
        return FIELDS.get(table.lower(), {}) if schema == "geo" else {}

    def relation(
        self, schema: str, table: str, columns: Collection[str] | None, where: Where
    ) -> Relation:
        self.asked.append((schema, table.lower(), columns, where))
        if schema == "data_matrices":
            return Relation(MATRIX.schema, rows=MATRIX)
        empty = SPECS[table.lower()].schema().empty_table()
        rows = self.atlases[schema].get(table.lower(), empty)
        return Relation(rows.schema, rows=rows)


@pytest.fixture
def catalog() -> SmallCatalog:
    return SmallCatalog()


@pytest.fixture(scope="session")
def engine() -> DuckDBEngine:
    return DuckDBEngine("duckdb://?memory=1GB&threads=2")


def expand(field: str, text: str, mode: str) -> Sequence[str]:
    return LABELS[field, text, mode]


@pytest.fixture
def ask(catalog: SmallCatalog, engine: DuckDBEngine) -> Callable[[str], list[Any]]:
    """Prepare and run a statement; its rows as tuples, or values where there is one column."""

    def ask(query: str) -> list[Any]:
        found = prepare(query, catalog, expand)
        table = found if isinstance(found, pa.Table) else engine.run(found)
        rows = list(zip(*(column.to_pylist() for column in table.columns), strict=True))
        return [row[0] for row in rows] if table.num_columns == 1 else rows

    return ask
