"""The sensor's ticks and the reconciliation, on real stores and a Dagster instance."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from polly_assets import automation, batches, upkeep
from polly_assets.automation import landing_sensor, reconciliation, reconciliation_schedule
from polly_assets.definitions import build
from polly_assets.partitions import BATCH_TAG, SHARD_PARTITIONS, SHARD_TAG, Stores
from polly_assets.schema import ATLAS_TABLES
from polly_resources.records import JobFilter, JobStatus
from polly_resources.resources import from_settings
from tests.assets.instance import gct


@pytest.fixture
def dagster(tmp_path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as one:
        yield one


def drop(instance, name: str, content: str = "", age: float = 60.0) -> None:
    """A file that somebody put into the landing folder by hand, some seconds ago."""
    path = instance.settings.home / "objects" / "landing" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content or gct())
    then = datetime.now(UTC).timestamp() - age
    os.utime(path, (then, then))


def resources(instance) -> dict:
    faces = from_settings(instance.settings)
    stores = Stores(**{name: faces[name] for name in ("jobs", "objects", "tables", "search")})
    return {"stores": stores, "limits": faces["limits"], "events": faces["events"]}


def tick(instance, dagster) -> dg.SensorResult | dg.SkipReason:
    given = resources(instance)
    with dg.build_sensor_context(instance=dagster, resources=given) as context:
        return landing_sensor(context)


def running(instance):
    return instance.ledger.find(JobFilter(statuses=[JobStatus.RUNNING]))


class TestSensor:
    def test_landed_files_become_one_run_request(self, instance, dagster):
        drop(instance, "demo/a.gct")
        drop(instance, "demo/sub/b.gct")
        result = tick(instance, dagster)
        (wanted,) = result.run_requests
        assert wanted.partition_key == "demo/00"
        assert wanted.tags == {BATCH_TAG: wanted.run_key, SHARD_TAG: "demo/00"}
        (add,) = result.dynamic_partitions_requests
        assert (add.partitions_def_name, add.partition_keys) == (SHARD_PARTITIONS, ["demo/00"])
        jobs = running(instance)
        assert {job.dataset_id for job in jobs} == {"a", "b"}
        assert {job.batch_id for job in jobs} == {wanted.run_key}
        assert {job.owner for job in jobs} == {batches.LAUNCHER}

    def test_further_ticks_launch_nothing_again(self, instance, dagster):
        drop(instance, "demo/a.gct")
        tick(instance, dagster)
        for _ in range(2):
            assert isinstance(tick(instance, dagster), dg.SkipReason)
        assert [job.attempt for job in running(instance)] == [1]

    def test_known_partitions_are_not_added_again(self, instance, dagster):
        dagster.add_dynamic_partitions(SHARD_PARTITIONS, ["demo/00"])
        drop(instance, "demo/a.gct")
        (add,) = tick(instance, dagster).dynamic_partitions_requests
        assert add.partition_keys == []

    def test_a_folder_becomes_an_atlas_where_its_name_allows(self, instance, dagster):
        drop(instance, "new_one/a.gct")
        drop(instance, "No Atlas/b.gct")
        drop(instance, "loose.gct")
        result = tick(instance, dagster)
        assert [wanted.partition_key for wanted in result.run_requests] == ["new_one/00"]
        assert "new_one/00" in result.dynamic_partitions_requests[0].partition_keys

    def test_a_file_still_being_written_waits(self, instance, dagster):
        drop(instance, "demo/a.gct", age=0)
        assert isinstance(tick(instance, dagster), dg.SkipReason)
        drop(instance, "demo/a.gct")
        assert len(tick(instance, dagster).run_requests) == 1

    def test_a_tick_launches_so_many_runs_at_most(self, instance, dagster, monkeypatch):
        monkeypatch.setattr(automation, "RUNS_PER_TICK", 2)
        instance.settings = replace(instance.settings, batch_jobs=1)
        for name in "abc":
            drop(instance, f"demo/{name}.gct", gct([[ord(name)]]))
        assert len(tick(instance, dagster).run_requests) == 2
        assert len(tick(instance, dagster).run_requests) == 1

    def test_a_run_that_waits_long_keeps_its_claim(self, instance, dagster, monkeypatch):
        monkeypatch.setattr(batches, "LAUNCH_LEASE_SECONDS", -1.0)
        drop(instance, "demo/a.gct")
        (wanted,) = tick(instance, dagster).run_requests
        job_def = build(instance.settings).resolve_job_def(automation.INGEST.name)
        waiting = dagster.create_run_for_job(job_def, tags=dict(wanted.tags))
        monkeypatch.undo()
        assert isinstance(tick(instance, dagster), dg.SkipReason)
        (job,) = running(instance)
        assert job.attempt == 1
        assert job.lease_until > datetime.now(UTC) + timedelta(seconds=60)
        dagster.report_run_canceled(waiting)
        monkeypatch.setattr(batches, "LAUNCH_LEASE_SECONDS", -1.0)
        instance.ledger.renew(job.batch_id, lease_seconds=-1)
        (again,) = tick(instance, dagster).run_requests
        assert again.run_key != wanted.run_key
        assert [job.attempt for job in running(instance)] == [2]


class TestReconciliation:
    def test_what_was_lost_is_found(self, instance):
        drop(instance, "demo/a.gct")
        done = upkeep.reconcile(instance.ledger, instance.objects, instance.tables)
        assert done == upkeep.Upkeep(released=0, queued=1, removed=0, compacted=0)
        assert upkeep.reconcile(instance.ledger, instance.objects, instance.tables).queued == 0
        (job,) = instance.drain()
        assert job.status == JobStatus.SUCCEEDED
        assert upkeep.reconcile(instance.ledger, instance.objects, instance.tables).queued == 0

    def test_dead_claims_are_released(self, instance, write):
        instance.submit(write("a.gct"))
        instance.ledger.claim("b", "elsewhere:1:1", lease_seconds=-1)
        done = upkeep.reconcile(instance.ledger, instance.objects, instance.tables)
        assert (done.released, done.queued) == (1, 0)

    def test_tables_of_many_files_are_compacted(self, instance, write, monkeypatch):
        monkeypatch.setattr(upkeep, "FILES_BEFORE_COMPACTION", 3)
        for name in ("a", "b", "c"):
            instance.ingest(write(f"{name}.gct"))
        before = instance.rows("samples")
        done = upkeep.reconcile(instance.ledger, instance.objects, instance.tables)
        assert done.compacted == len(ATLAS_TABLES) - 2  # nothing is annotated, and nothing varies
        assert len(instance.tables.files("demo/measurements").files) == 1
        key = str
        assert sorted(instance.rows("samples"), key=key) == sorted(before, key=key)
        again = upkeep.reconcile(instance.ledger, instance.objects, instance.tables)
        assert again.compacted == 0

    def test_as_an_op_and_on_a_schedule(self, instance, dagster):
        drop(instance, "demo/a.gct")
        done = reconciliation.execute_in_process(
            resources={"stores": resources(instance)["stores"]}, instance=dagster
        )
        assert done.success
        (output,) = done.filter_events(lambda event: event.is_successful_output)
        numbers = {key: value.value for key, value in output.step_output_data.metadata.items()}
        assert numbers == {"released": 0, "queued": 1, "removed": 0, "compacted": 0}
        with dg.build_schedule_context() as context:
            assert reconciliation_schedule(context) == {}
