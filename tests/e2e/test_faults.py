"""What must hold whatever dies: every dataset exactly once, equal to a run without faults."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from polly_assets import upkeep
from polly_assets.publish.load import load_dataset
from polly_assets.schema import ATLAS_TABLES
from polly_resources.records import JobFilter, JobStatus
from tests.assets.instance import BROKEN_GCT, Instance, gct

ROOT = Path(__file__).parents[2]
DATASETS = 6
PASSING = (
    "job_id",
    "claimed_at",
    "ingested_at",
    "timestamp_",
    "assessed_at",
    "annotated_at",
    "read_seconds",
    "src_uri",
)
"""Columns that tell when and by whom, which may differ."""


def write_files(folder: Path, first: int = 0, count: int = DATASETS) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(first)
    for i in range(first, first + count):
        (folder / f"d{i}.gct").write_text(gct(rng.normal(size=(3, 2 + i % 3)).tolist()))
        samples = {"S1": {"disease": "asthma" if i % 2 else "type 2 diabetes"}}
        (folder / f"d{i}.json").write_text(json.dumps({"title": f"study {i}", "samples": samples}))
    return folder


def start(home: Path, *paths: Path, when: str = "never") -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.e2e.worker", str(home), when, *map(str, paths)]
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finish(child: subprocess.Popen[str]) -> dict[str, str]:
    """The status of each dataset that the child reports."""
    out, err = child.communicate(timeout=180)
    assert child.returncode == 0, err
    lines = [json.loads(line) for line in out.splitlines() if line.startswith("[")]
    return {name: status for name, status, _ in lines}


def stored(instance: Instance) -> dict[str, Any]:
    """All that the instance holds, without what may differ between runs."""
    tables = {}
    for spec in ATLAS_TABLES:
        rows = [
            repr({k: v for k, v in row.items() if k not in PASSING})
            for row in instance.rows(spec.name)
        ]
        tables[spec.name] = sorted(rows)
    return tables | {"index": instance.found(), "words": instance.found("asthma")}


def assert_whole(instance: Instance, ids: list[str]) -> None:
    """Each dataset exactly once, in every place, and the newest job of each file done."""
    expected = sorted(ids)
    for table in ("normalized_datasets", "curation_passes", "datasets"):
        assert instance.ids(table) == expected, table
    for table in ("matrices", "samples", "features", "measurements", "normalized_samples"):
        assert sorted(set(instance.ids(table))) == expected, table
    assert instance.found() == expected
    assert set(Counter(instance.ids("matrices")).values()) == {1}
    measured = Counter(instance.ids("measurements"))
    for row in instance.rows("datasets"):
        name = row["dataset_id"]
        assert measured[name] == row["total_num_samples"] * row["total_num_features"]
        matrix = load_dataset(instance.tables, "demo", name).matrices["X"]
        assert matrix.shape == (row["total_num_features"], row["total_num_samples"])
        values = [r["value"] for r in instance.rows("measurements", dataset_id=name)]
        assert sorted(values) == sorted(matrix.ravel().tolist())
    newest = instance.ledger.find(JobFilter(latest_per_source=True))
    jobs = [job for job in newest if job.status != JobStatus.DELETED]
    assert sorted(job.dataset_id for job in jobs) == expected
    assert {job.status for job in jobs} <= {JobStatus.SUCCEEDED, JobStatus.UNCHANGED}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return write_files(tmp_path_factory.mktemp("files") / "f")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, folder) -> dict[str, Any]:
    """What a run without faults stores."""
    instance = Instance(tmp_path_factory.mktemp("calm") / "home")
    instance.ingest(folder)
    assert_whole(instance, [f"d{i}" for i in range(DATASETS)])
    return stored(instance)


class TestKill:
    def test_in_every_stage(self, tmp_path, folder, undisturbed):
        instance = Instance(tmp_path / "home")
        home = instance.settings.home
        draw = random.Random(20)
        for stage in ("raw", "reading", "curated", "indexed"):
            child = start(home, folder, when=f"{stage}+{draw.uniform(0, 0.2):.3f}+SIGKILL")
            child.communicate(timeout=120)
            assert child.returncode == -signal.SIGKILL
        reported = finish(start(home, folder))
        assert set(reported.values()) <= {"succeeded", "unchanged"} and len(reported) == DATASETS
        assert_whole(instance, [f"d{i}" for i in range(DATASETS)])
        assert stored(instance) == undisturbed
        assert set(finish(start(home, folder)).values()) == {"unchanged"}
        assert stored(instance) == undisturbed

    def test_reconciliation_alone_finds_what_a_killed_worker_left(
        self, tmp_path, folder, undisturbed
    ):
        instance = Instance(tmp_path / "home")
        start(instance.settings.home, folder, when="curated+0+SIGKILL").communicate(timeout=120)
        done = upkeep.reconcile(instance.ledger, instance.objects, instance.tables)
        assert done.released == 3
        instance.drain()
        assert_whole(instance, [f"d{i}" for i in range(DATASETS)])
        assert stored(instance) == undisturbed


class TestTogether:
    def test_two_workers_on_different_files(self, tmp_path):
        instance = Instance(tmp_path / "home")
        home = instance.settings.home
        folders = [write_files(tmp_path / name, i * 3, 3) for i, name in enumerate("ab")]
        reports = [finish(child) for child in [start(home, folder) for folder in folders]]
        assert [set(report.values()) for report in reports] == [{"succeeded"}] * 2
        assert_whole(instance, [f"d{i}" for i in range(6)])

    def test_two_workers_on_the_same_files(self, tmp_path, folder, undisturbed):
        instance = Instance(tmp_path / "home")
        children = [start(instance.settings.home, folder) for _ in range(2)]
        for report in map(finish, children):
            assert set(report.values()) <= {"succeeded", "unchanged"} and len(report) == DATASETS
        assert_whole(instance, [f"d{i}" for i in range(DATASETS)])
        assert stored(instance) == undisturbed


POLLY = """
from polly_client.cli.main import run
from tests.assets.instance import register_ontologies
register_ontologies()
run()
"""


def polly(home: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"POLLY_ONTOLOGIES": "small://1", "POLLY_CACHE": str(home.parent / "cache")}
    return subprocess.run(
        [sys.executable, "-c", POLLY, *map(str, arguments), "--home", str(home)],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


class TestMachine:
    def test_a_home_that_cannot_be(self, tmp_path):
        (tmp_path / "file").write_text("not a folder")
        (tmp_path / "a.gct").write_text(gct())
        done = polly(tmp_path / "file" / "home", "ingest", tmp_path / "a.gct", "--atlas", "demo")
        assert done.returncode == 3, done.stderr
        assert "error[" in done.stderr and "Traceback" not in done.stderr

    @pytest.mark.parametrize("size", ["64k", "400k", "800k"])
    def test_a_full_disk(self, tmp_path, size):
        disk = tmp_path / "disk"
        disk.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(disk)]
        if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
            pytest.skip("mounting a small disk is not allowed here")
        try:
            files = write_files(tmp_path / "f", count=20)
            for path in files.glob("*.gct"):
                path.write_text(gct(np.random.default_rng(1).normal(size=(3, 2000)).tolist()))
            done = polly(disk / "home", "ingest", files, "--atlas", "demo", "--json")
            assert done.returncode in (1, 3), done.stderr
            assert "Traceback" not in done.stderr, done.stderr
            assert "error[" in done.stderr or '"error"' in done.stdout
        finally:
            subprocess.run(["umount", "-l", str(disk)], check=True)

    def test_broken_files_end_in_exit_code_one(self, tmp_path):
        (tmp_path / "a.gct").write_text(gct())
        (tmp_path / "b.gct").write_text(BROKEN_GCT)
        done = polly(tmp_path / "home", "ingest", tmp_path, "--atlas", "demo", "--json")
        assert done.returncode == 1, done.stderr
        reports = {r["dataset_id"]: r for r in map(json.loads, done.stdout.splitlines())}
        assert reports["a"]["status"] == "succeeded" and reports["b"]["status"] == "errored"
        assert reports["b"]["error"]["place"]

    @pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
    def test_an_interrupt_ends_the_command_and_returns_the_jobs(self, tmp_path, folder, name):
        instance = Instance(tmp_path / "home")
        child = start(instance.settings.home, folder, when=f"reading+0+{name}")
        child.communicate(timeout=60)
        assert child.returncode != 0
        jobs = instance.ledger.find(JobFilter(statuses=[JobStatus.QUEUED]))
        assert len(jobs) == DATASETS and {job.attempt for job in jobs} == {1, 2}
