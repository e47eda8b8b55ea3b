"""The SQL engine is told of the tables; one that cannot be told fails no batch."""

from __future__ import annotations

import dagster as dg
import pytest

from polly_assets import checks, runs
from polly_assets.publish.catalog import catalogued, known_tables
from polly_assets.schema import ATLASES, ONTOLOGY_TERMS, SQL_TABLES
from polly_resources.errors import Misconfigured
from polly_resources.records import JobStatus
from tests.assets.instance import Instance


def names(tables, atlas="demo"):
    return [table.table for table in known_tables(tables, atlas)]


def test_the_tables_that_exist_with_their_columns(instance, write):
    assert names(instance.tables) == ["platform/atlases"]
    instance.ingest(write("a.gct"))
    found = known_tables(instance.tables, "demo")
    schemas = {table.table: table.schema for table in found}
    assert schemas == {f"demo/{spec.name}": spec.schema() for spec in SQL_TABLES} | {
        "platform/atlases": ATLASES.schema()
    }
    assert all(table.version == instance.tables.version(table.table) for table in found)
    empty = ONTOLOGY_TERMS.schema().empty_table()
    instance.tables.write("ontology/terms", ONTOLOGY_TERMS, empty)
    assert names(instance.tables)[-1] == "ontology/terms"
    assert names(instance.tables, "other") == ["platform/atlases", "ontology/terms"]


def test_an_embedded_engine_has_nothing_to_be_told(instance, write):
    instance.ingest(write("a.gct"))
    done = catalogued(instance.tables, "demo", lambda: instance.backends.query)
    assert (done.tables, done.warning) == (7, "") and done.engine.startswith("DuckDB")
    assert checks.catalog_complete(done.tables, done.warning).passed


def test_only_expected_failures_are_warnings(instance):
    def misconfigured():
        raise Misconfigured("no_credentials", "there are none", hint="set some")

    done = catalogued(instance.tables, "demo", misconfigured)
    assert (done.tables, done.warning) == (0, "no_credentials: there are none (set some)")
    with pytest.raises(ZeroDivisionError):
        catalogued(instance.tables, "demo", lambda: 1 / 0)


@pytest.mark.parametrize(("query", "passed"), [("duckdb://", True), ("nowhere://x", False)])
def test_a_batch_with_and_without_its_engine(tmp_path, write, query, passed):
    instance = Instance(tmp_path / "home", query=query)
    (job,) = instance.submit(write("a.gct"))
    (done,) = runs.process(instance.backends, [job.job_id])
    assert done.status == JobStatus.SUCCEEDED and instance.found() == ["a"]
    with dg.DagsterInstance.from_config(str(instance.settings.home)) as dagster:
        (record,) = dagster.get_run_records()
        events = [
            entry.dagster_event
            for entry in dagster.all_logs(record.dagster_run.run_id)
            if entry.is_dagster_event
        ]
    assert record.dagster_run.is_success
    made = [event.asset_key.path[-1] for event in events if event.is_step_materialization]
    assert made[-2:] == ["catalog", "search_index"]
    (check,) = (
        event.asset_check_evaluation_data
        for event in events
        if event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION
        and event.asset_check_evaluation_data.check_name == "catalog_complete"
    )
    assert (check.passed, check.severity) == (passed, dg.AssetCheckSeverity.WARN)
    assert ("unknown_backend" in str(check.metadata.get("warning"))) != passed
