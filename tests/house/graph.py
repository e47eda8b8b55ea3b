"""The asset graph as data, and its committed snapshot.

`make graph` renews the snapshot; look at the difference before committing it.
Keep out: judging the graph.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dagster as dg

from polly_assets.definitions import build
from polly_resources.settings import Settings, load

SNAPSHOT = Path(__file__).with_name("asset_graph.json")


def definitions(profile: str = "local") -> dg.Definitions:
    """The definitions of a profile, whatever the environment says."""
    return build(settings(profile))


def settings(profile: str = "local") -> Settings:
    """Settings of an instance that is nowhere: building definitions opens nothing."""
    return load(home="/nowhere/polly", profile=profile, environ={"POLLY_CACHE": "/nowhere/cache"})


def snapshot() -> dict[str, Any]:
    """Assets, checks, jobs, sensors and schedules, sorted."""
    built = definitions()
    repository = built.get_repository_def()
    specs = sorted(built.resolve_all_asset_specs(), key=lambda spec: spec.key)
    graph = built.resolve_asset_graph()
    return {
        "assets": {spec.key.to_user_string(): _asset(spec) for spec in specs},
        "checks": sorted(
            f"{key.asset_key.to_user_string()}:{key.name}" for key in graph.asset_check_keys
        ),
        "jobs": sorted(
            job.name for job in repository.get_all_jobs() if not job.name.startswith("__")
        ),
        "schedules": {one.name: one.cron_schedule for one in repository.schedule_defs},
        "sensors": sorted(one.name for one in repository.sensor_defs),
        "resources": sorted(built.resources or {}),
    }


def _asset(spec: dg.AssetSpec) -> dict[str, Any]:
    return {
        "group": spec.group_name,
        "deps": sorted(dep.asset_key.to_user_string() for dep in spec.deps),
        "kinds": sorted(spec.kinds),
        "owners": sorted(spec.owners),
        "partitions": spec.partitions_def.name if spec.partitions_def else None,
        "code_version": spec.code_version,
    }


def text() -> str:
    """The snapshot as it is committed."""
    return json.dumps(snapshot(), indent=2) + "\n"


if __name__ == "__main__":
    SNAPSHOT.write_text(text())
