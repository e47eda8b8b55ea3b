"""Nothing is written and then never wired: every growing thing stands in its table."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

from polly_api.base import EXPORT_FORMATS
from polly_assets import schema
from polly_assets.curate.models.base import AnnotationModel
from polly_assets.curate.models.registry import DEFAULT_MODEL, MODELS
from polly_assets.ingest.formats.base import Reader
from polly_assets.ingest.formats.registry import READERS
from polly_assets.publish.exports.base import Export
from polly_assets.publish.exports.registry import EXPORTS
from polly_client.cli.verbs_query import DatasetFormat
from polly_resources import backends
from polly_resources.events.base import EventSource
from polly_resources.jobs.base import JobLedger
from polly_resources.objects.base import ObjectStore
from polly_resources.ontologies.base import OntologySource
from polly_resources.query.base import QueryEngine
from polly_resources.search.base import SearchIndex
from polly_resources.settings import CAPABILITIES, PROFILES
from polly_resources.tables.base import TableSpec, TableStore
from tests.house.source import PACKAGES, ROOT, modules

OURS = [key for key, row in backends.BACKENDS.items() if row.target.startswith(PACKAGES)]
"""The backends of the project; other tests may add theirs while they run."""

APART = "polly_assets.ingest.formats.apart.reader:Apart"
"""The reader that stands before those that work in a process of their own."""

TARGETS = {
    "format": {APART, *(row.target for row in READERS)},
    "export": set(EXPORTS.values()),
    "model": set(MODELS.values()),
    "backend": {backends.BACKENDS[key].target for key in OURS},
}


def load(target: str) -> type:
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)


def leaves(base: type) -> set[str]:
    """`module:Class` of the project's classes that derive from `base` and from which none does."""
    below = [one for one in base.__subclasses__() if one.__module__.partition(".")[0] in PACKAGES]
    return set().union(*map(leaves, below)) if below else {f"{base.__module__}:{base.__name__}"}


@pytest.mark.parametrize(
    ("kind", "package", "bases"),
    [
        ("format", "polly_assets.ingest.formats", {Reader}),
        ("export", "polly_assets.publish.exports", {Export}),
        ("model", "polly_assets.curate.models", {AnnotationModel}),
        (
            "backend",
            "polly_resources",
            {
                EventSource,
                JobLedger,
                ObjectStore,
                OntologySource,
                QueryEngine,
                SearchIndex,
                TableStore,
            },
        ),
    ],
)
def test_every_class_of_its_kind_is_in_its_table(kind, package, bases):
    for found in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
        importlib.import_module(found.name)
    assert set().union(*map(leaves, bases)) == TARGETS[kind]


@pytest.mark.parametrize(
    ("kind", "base"), [("format", Reader), ("export", Export), ("model", AnnotationModel)]
)
def test_tables_name_classes_of_their_kind(kind, base):
    assert all(issubclass(load(target), base) for target in TARGETS[kind])


def test_reader_rows_agree_with_their_classes():
    for row in READERS:
        reader = row.load()
        assert (reader.name, reader.suffixes) == (row.name, row.suffixes)


def test_tables_are_alphabetical():
    assert [row.name for row in READERS] == sorted(row.name for row in READERS)
    assert list(EXPORTS) == sorted(EXPORTS)
    assert list(MODELS) == sorted(MODELS)
    assert sorted(OURS) == OURS


def test_exports_are_offered_everywhere():
    assert tuple(EXPORTS) == EXPORT_FORMATS
    assert {each.value for each in DatasetFormat} == set(EXPORTS)
    assert DEFAULT_MODEL in MODELS


def test_every_capability_has_a_backend_in_every_profile():
    for profile in PROFILES.values():
        assert tuple(sorted(profile)) == CAPABILITIES
        for capability, address in profile.items():
            assert not address or (capability, address.partition(":")[0]) in backends.BACKENDS


def test_every_table_of_the_schema_is_in_use():
    specs = {value.name for value in vars(schema).values() if isinstance(value, TableSpec)}
    others = {"atlases", "terms", "ancestors", "search_index"}
    assert specs == {spec.name for spec in schema.ATLAS_TABLES} | others
    assert all(spec in schema.ATLAS_TABLES for spec in schema.SQL_TABLES)


def test_every_asset_module_is_in_the_definitions():
    definitions = (ROOT / "polly_assets" / "definitions.py").read_text()
    for module in modules():
        if module.name == "assets.py":
            assert module.path.removesuffix(".py").replace("/", ".") in definitions


def test_every_module_is_used():
    """A module that nobody imports is dead, unless it is run or found by name."""
    imported = {name for m in modules() for name in m.imports()}
    named = {target.partition(":")[0] for targets in TARGETS.values() for target in targets}
    ways_in = {
        "polly_api.sql.docs",
        "polly_assets.definitions",
        "polly_assets.ingest.formats.apart.worker",
        "polly_client.cli.main",
        "polly_client.cli.reference",
        "polly_resources.jobs.sql_psycopg",
    }
    dead = []
    for m in modules():
        name = m.path.removesuffix(".py").replace("/", ".")
        used = any(other == name or other.startswith(f"{name}.") for other in imported)
        if m.name != "__init__.py" and not used and name not in named | ways_in:
            dead.append(m.path)
    assert not dead
