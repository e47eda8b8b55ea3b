"""Batches through Dagster in this process, and through its command."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest

from polly_assets import runs
from polly_assets.publish import steps as publish
from polly_resources.backends import Backends
from polly_resources.errors import Misconfigured, NotFound
from polly_resources.jobs.base import MAX_ATTEMPTS
from polly_resources.records import JobAction, JobFilter, JobRequest, JobStatus
from polly_resources.settings import environment
from tests.assets.instance import BROKEN_GCT, Instance, gct

ROOT = Path(__file__).parents[2]
S, E, D = JobStatus.SUCCEEDED, JobStatus.ERRORED, JobStatus.DELETED


def ends(jobs):
    return {job.dataset_id: job.status for job in jobs}


def dagster_of(instance) -> dg.DagsterInstance:
    return dg.DagsterInstance.from_config(str(instance.settings.home))


class TestProcess:
    def test_one_run_from_files_to_search(self, instance, write):
        seen = []
        write("f/a.gct"), write("f/b.gct", gct([[1, 2, 3]]))
        jobs = instance.submit(write("f/c.gct", BROKEN_GCT).parent)
        done = runs.process(instance.backends, [job.job_id for job in jobs], seen.append)
        assert ends(done) == {"a": S, "b": S, "c": E}
        assert done == seen[-1] and len({job.batch_id for job in done}) == 1
        assert instance.everywhere() == {"a", "b"} and instance.found("a") == ["a"]
        with dagster_of(instance) as dagster:
            (record,) = dagster.get_run_records()
            assert record.dagster_run.is_success
            assert record.dagster_run.tags["polly/shard"] == "demo/00"
            assert dagster.get_dynamic_partitions("shards") == ["demo/00"]
            checks = {
                event.asset_check_evaluation_data.check_name: event.asset_check_evaluation_data
                for event in (
                    entry.dagster_event
                    for entry in dagster.all_logs(record.dagster_run.run_id)
                    if entry.is_dagster_event
                )
                if event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION
            }
        assert len(checks) == 6 and all(check.passed for check in checks.values())

    def test_only_the_callers_jobs(self, instance, write):
        (mine,) = instance.submit(write("a.gct"))
        (other,) = instance.submit(write("b.gct"))
        runs.process(instance.backends, [mine.job_id])
        states = {job.job_id: job.status for job in instance.ledger.find(JobFilter())}
        assert states == {mine.job_id: S, other.job_id: JobStatus.QUEUED}

    def test_several_batches_and_shards(self, tmp_path, write):
        instance = Instance(tmp_path / "home", shards=3, batch_jobs=2)
        for name in "abcde":
            path = write(f"f/{name}.gct")
        jobs = instance.submit(path.parent)
        done = runs.process(instance.backends, [job.job_id for job in jobs])
        assert set(ends(done).values()) == {S} and len(done) == 5
        assert len({job.batch_id for job in done}) >= 3
        rows = instance.rows("datasets")
        assert {row["shard"] for row in rows} == {job.shard for job in jobs}
        assert all(row["shard"] == instance.atlas.shard_of(row["dataset_id"]) for row in rows)

    def test_deletes_and_ingests_in_one_batch(self, instance, write):
        instance.ingest(write("a.gct"))
        (row,) = instance.rows("datasets")
        gone = JobRequest("demo", 0, JobAction.DELETE, row["key"], "a", row["fingerprint"])
        jobs = [*instance.ledger.submit([gone]), *instance.submit(write("b.gct"))]
        done = runs.process(instance.backends, [job.job_id for job in jobs])
        assert ends(done) == {"a": D, "b": S} and len({job.batch_id for job in done}) == 1
        assert instance.everywhere() == {"b"}

    def test_unknown_jobs(self, instance):
        with pytest.raises(NotFound):
            runs.process(instance.backends, ["nope"])

    def test_a_layer_that_fails_ends_with_its_reason(self, instance, write):
        broken = replace(instance.settings, search="tantivy:///dev/null/search")
        write("f/a.gct")
        jobs = instance.submit(write("f/b.gct").parent)
        done = runs.process(Backends(broken), [job.job_id for job in jobs])
        assert ends(done) == {"a": E, "b": E}
        assert {job.attempt for job in done} == {MAX_ATTEMPTS}
        assert all(
            job.error.place == "stage indexed" and "/dev/null" in str(job.error) for job in done
        )
        with dagster_of(instance) as dagster:
            assert dagster.get_runs_count() == (MAX_ATTEMPTS - 1) + 2  # at last one by one
        instance.ledger.requeue(job_ids=[job.job_id for job in jobs], retry=True)
        again = runs.process(instance.backends, [job.job_id for job in jobs])
        assert ends(again) == {"a": S, "b": S} and {job.attempt for job in again} == {1}
        assert {row["version"] for row in instance.rows("datasets")} == {1}

    def test_what_fails_before_the_first_layer_is_handed_back_too(self, instance, write):
        (job,) = instance.submit(write("a.gct"))
        broken = replace(instance.settings, home=Path("/dev/null/home"))
        (done,) = runs.process(Backends(broken), [job.job_id])
        assert (done.status, done.error.code) == (E, "home_unusable")

    def test_a_family(self, instance, write):
        text = BROKEN_GCT
        (job,) = instance.submit(write("a.gct", text))
        assert runs.family(instance.ledger, [job.job_id]) == [job]


class TestHome:
    def test_is_prepared_once_and_kept(self, instance):
        runs.prepare_home(instance.settings)
        config = instance.settings.home / "dagster.yaml"
        config.write_text(config.read_text() + "\n# mine\n")
        runs.prepare_home(instance.settings)
        assert config.read_text().endswith("# mine\n")

    def test_an_unusable_folder(self, instance):
        with pytest.raises(Misconfigured) as caught:
            runs.prepare_home(replace(instance.settings, home=Path("/dev/null/home")))
        assert caught.value.code == "home_unusable" and caught.value.hint


class TestRecurate:
    def test_failures_of_the_old_reading_are_not_told_again(self, instance, write):
        row = {
            "job_id": "j",
            "dataset_id": "a",
            "format": "gct",
            "total_num_samples": 1,
            "total_num_features": 1,
            "read_seconds": 0.1,
            "notices": "[]",
            "file_failures": '[{"dataset_id": "b", "code": "odd", "message": "m"}]',
        }
        (job,) = instance.submit(write("a.gct"))
        read = replace(job, job_id="j")
        assert [o.status for o in publish.outcomes([row], [read])] == [S, E]
        again = replace(read, action=JobAction.RECURATE)
        assert [o.status for o in publish.outcomes([row], [again])] == [S]


def materialize(instance, selection: str) -> subprocess.CompletedProcess[str]:
    env = environment(instance.settings) | {
        "DAGSTER_HOME": str(instance.settings.home),
        "POLLY_ONTOLOGIES": instance.settings.ontologies,
        "POLLY_CACHE": str(instance.settings.cache),
        "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]),
    }
    command = ["-m", "dagster", "asset", "materialize", "--select", selection]
    where = ["--partition", "demo/00", "-m", "tests.assets.small_definitions"]
    return subprocess.run(
        [sys.executable, *command, *where],
        env=env,
        cwd=instance.settings.home,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


class TestMaterialize:
    def test_what_landed_is_ingested_and_one_layer_alone_does_no_harm(self, instance, write):
        runs.register_partitions(instance.settings, instance.atlas)
        instance.requests(write("a.gct"), write("b.gct", BROKEN_GCT))
        groups = ",".join(f"group:{name}" for name in ("raw", "normalized", "curated", "indexed"))
        for path in (instance.settings.home / "objects" / "landing" / "demo").iterdir():
            os.utime(path, (1, 1))
        done = materialize(instance, groups)
        assert done.returncode == 0, done.stderr
        assert ends(instance.ledger.find(JobFilter())) == {"a": S, "b": E}
        assert instance.everywhere() == {"a"}
        before = {t: instance.rows(t) for t in ("datasets", "samples", "annotations")}
        done = materialize(instance, "group:curated,group:indexed")
        assert done.returncode == 0, done.stderr
        assert {t: instance.rows(t) for t in before} == before
        assert instance.found() == ["a"] and len(instance.ledger.find(JobFilter())) == 2
