"""The definitions load everywhere, and the asset graph is the one that was agreed on."""

from __future__ import annotations

import os
import subprocess
import sys

import dagster as dg
import pytest

from polly_assets.schema import ATLAS_TABLES
from polly_resources.settings import PROFILES
from tests.house import graph
from tests.house.source import ROOT

GROUPS = {"raw", "normalized", "curated", "indexed", "ontologies"}


@pytest.fixture(scope="module")
def specs() -> list[dg.AssetSpec]:
    return list(graph.definitions().resolve_all_asset_specs())


@pytest.mark.parametrize("profile", PROFILES)
def test_definitions_load_in_every_profile(profile):
    dg.Definitions.validate_loadable(graph.definitions(profile))


def test_the_graph_is_that_of_the_snapshot():
    assert graph.SNAPSHOT.read_text() == graph.text(), "renew it: make graph"


def test_everything_has_description_owner_kind_and_group(specs):
    for spec in specs:
        assert spec.description and spec.owners and spec.kinds, spec.key
        assert spec.group_name in GROUPS, spec.key


def test_every_table_is_an_asset_and_every_asset_of_an_atlas_a_table(specs):
    assets = {spec.key.to_user_string() for spec in specs if spec.group_name != "ontologies"}
    assert assets == {spec.name for spec in ATLAS_TABLES} | {"catalog", "search_index"}


def test_jobs_sensors_and_schedules_are_described():
    repository = graph.definitions().get_repository_def()
    jobs = [job for job in repository.get_all_jobs() if not job.name.startswith("__")]
    for one in [*jobs, *repository.sensor_defs, *repository.schedule_defs]:
        assert one.description, one.name


@pytest.mark.parametrize("profile", PROFILES)
def test_dagster_validates_the_workspace(tmp_path, profile):
    done = subprocess.run(
        [sys.executable, "-m", "dagster", "definitions", "validate", "-w", "workspace.yaml"],
        cwd=ROOT,
        env={
            **os.environ,
            "POLLY_HOME": str(tmp_path),
            "POLLY_PROFILE": profile,
            "DAGSTER_DISABLE_TELEMETRY": "yes",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "All code locations passed validation" in done.stderr + done.stdout


def test_the_instance_file_is_the_one_that_is_shipped():
    shipped = ROOT / "polly_assets" / "dagster.yaml"
    assert (ROOT / "dagster.yaml").read_text() == shipped.read_text()


def test_nothing_phones_home():
    text = (ROOT / "dagster.yaml").read_text()
    assert "telemetry:\n  enabled: false" in text
    assert "nux:\n  enabled: false" in text
