"""Partitions: a run works on one shard of one atlas, and on one batch of jobs.

Owns the partition definition and what a run's context says about its work.
Keep out: the work.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from polly_assets import atlases, batches
from polly_assets.work import Work
from polly_resources.patience import patient
from polly_resources.records import Job
from polly_resources.resources import (
    JobsResource,
    LimitsResource,
    ObjectsResource,
    SearchResource,
    TablesResource,
)

SHARD_PARTITIONS = "shards"

SHARDS = dg.DynamicPartitionsDefinition(name=SHARD_PARTITIONS)
"""One partition per shard of each atlas, such as `demo/00`."""

BATCH_TAG = "polly/batch"
SHARD_TAG = "polly/shard"
"""Limits a shard to one run at a time; see dagster.yaml."""


class Stores(dg.ConfigurableResource[None]):
    """The stores that every layer of the pipeline works with."""

    jobs: JobsResource
    objects: ObjectsResource
    tables: TablesResource
    search: SearchResource


def batch_of(context: dg.AssetExecutionContext) -> str:
    """The batch that the run was launched for, or else the run itself as a batch."""
    return context.run.tags.get(BATCH_TAG, context.run.run_id)


@contextmanager
def layer(
    context: dg.AssetExecutionContext, stores: Stores, limits: LimitsResource, stage: str
) -> Iterator[tuple[Work, list[Job]]]:
    """The surroundings and running jobs of one layer, under a lease while it works.

    The stores are patient: a restart of a server delays the batch and does not fail it.
    """
    name, _ = atlases.parse_partition_key(context.partition_key)
    seconds = limits.patience_seconds
    tables = patient(stores.tables.open(), seconds)
    work = Work(
        atlas=atlases.get(tables, name),
        batch_id=batch_of(context),
        ledger=patient(stores.jobs.open(), seconds),
        objects=patient(stores.objects.open(), seconds),
        tables=tables,
        search=patient(stores.search.open(), seconds),
    )
    with batches.working(work.ledger, limits, work.batch_id, stage):
        yield work, batches.held(work.ledger, work.batch_id)
