"""Names are a grammar: one thing, one name, in tables, assets, files and SQL."""

from __future__ import annotations

import re

import pyarrow as pa
import pytest

from polly_assets.atlases import RESERVED
from polly_assets.curate.models.base import FIELDS
from polly_assets.ingest.formats.registry import READERS
from polly_assets.publish.exports.registry import EXPORTS
from polly_assets.schema import (
    ATLAS_TABLES,
    ATLASES,
    ONTOLOGY_ANCESTORS,
    ONTOLOGY_TERMS,
    SQL_TABLES,
    TERM_FIELDS,
)
from polly_resources.backends import BACKENDS
from polly_resources.settings import CAPABILITIES
from tests.house.source import ROOT, modules

SPECS = (*ATLAS_TABLES, ATLASES, ONTOLOGY_TERMS, ONTOLOGY_ANCESTORS)
COLUMN = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*_?")
POLLYS_OWN = {"timestamp_"}
"""Public names of Polly that the grammar would not give."""


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_columns_are_snake_case_and_say_what_they_hold(spec):
    for column in spec.columns:
        assert COLUMN.fullmatch(column.name), column.name
        if pa.types.is_timestamp(column.type):
            assert column.name.endswith("_at"), column.name
            assert column.type.tz == "UTC"
        elif column.name.endswith("_at"):
            pytest.fail(f"{column.name} is no time")
        if column.name.endswith("_") and column.name not in POLLYS_OWN:
            pytest.fail(f"{column.name} ends in _")


def test_counts_and_ids_have_their_types():
    for spec in SPECS:
        for column in spec.columns:
            if column.name.endswith("_id"):
                assert column.type == pa.string(), column.name
            if column.name.endswith("_count") or column.name.startswith("total_num_"):
                assert pa.types.is_integer(column.type), column.name


def test_curated_columns_are_those_of_the_fields():
    for spec in SQL_TABLES[:2]:
        found = {column.name for column in spec.columns}
        for field in TERM_FIELDS:
            assert {f"curated_{field}", f"curated_{field}_curie"} <= found
    assert set(TERM_FIELDS) <= set(FIELDS)


def test_a_column_of_one_name_has_one_type():
    types: dict[str, set[str]] = {}
    for spec in SPECS:
        for column in spec.columns:
            types.setdefault(column.name, set()).add(str(column.type))
    # A dataset's version counts its ingests; an ontology's is the name of a release.
    assert {name for name, found in types.items() if len(found) > 1} <= {"version"}


def test_keys_are_columns():
    for spec in SPECS:
        names = {column.name for column in spec.columns}
        assert {spec.key, *spec.partition_by, *spec.sorted_by} <= names, spec.name


def test_sql_schemas_of_the_platform_cannot_be_atlases():
    assert {"ontology", "platform", "data_matrices"} <= RESERVED


def test_tables_of_one_growing_thing_are_named_alike():
    assert all(re.fullmatch(r"[a-z0-9_]+", row.name) for row in READERS)
    assert all(target.split(".")[-1].split(":")[0] == name for name, target in EXPORTS.items())
    assert {capability for capability, _ in BACKENDS} == set(CAPABILITIES)
    folders = {path.parent.name for path in (ROOT / "polly_resources").glob("*/base.py")}
    assert folders == set(CAPABILITIES)


def test_files_are_snake_case():
    assert not [m.path for m in modules() if not re.fullmatch(r"[a-z0-9_/]+\.py", m.path)]
