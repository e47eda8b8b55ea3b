"""The one place where everything meets: assets, checks, resources, jobs, automation.

Owns building `Definitions` from settings. Keep out: everything that it puts together.
"""

from __future__ import annotations

import dagster as dg

from polly_assets.automation import (
    INGEST,
    ONTOLOGIES,
    landing_sensor,
    reconciliation,
    reconciliation_schedule,
)
from polly_assets.curate.assets import curated_layer
from polly_assets.ingest.assets import normalized_layer, raw_layer
from polly_assets.ontologies.assets import ontology_assets
from polly_assets.partitions import Stores
from polly_assets.publish.assets import measurement_layer, published_layer, search_layer
from polly_resources.backends import Backends
from polly_resources.resources import from_settings
from polly_resources.settings import Settings, load


def build(settings: Settings) -> dg.Definitions:
    """All definitions, with resources at the addresses of the settings."""
    backends = Backends(settings)
    resources = from_settings(settings)
    stores = {name: resources[name] for name in ("jobs", "objects", "tables", "search")}
    return dg.Definitions(
        assets=[
            raw_layer,
            normalized_layer,
            curated_layer,
            published_layer,
            measurement_layer,
            search_layer,
            *ontology_assets(backends.ontologies.available()),
        ],
        jobs=[INGEST, ONTOLOGIES, reconciliation],
        sensors=[landing_sensor],
        schedules=[reconciliation_schedule],
        resources=resources | {"stores": Stores(**stores)},
        # A batch shares one process: a process per step would cost seconds and gain nothing.
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """The definitions of the settings in the environment."""
    return build(load())
