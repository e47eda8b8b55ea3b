"""What makes things happen: the landing sensor and the reconciliation schedule.

Owns the jobs, sensors and schedules. Keep out: the work; see `upkeep` and the layers.
"""

import dagster as dg

from polly_assets import atlases, batches, upkeep
from polly_assets.partitions import BATCH_TAG, SHARD_PARTITIONS, SHARD_TAG, SHARDS, Stores
from polly_resources.errors import Transient
from polly_resources.jobs.base import JobLedger
from polly_resources.resources import EventsResource, LimitsResource

RUNS_PER_TICK = 20
"""Submitting a run takes the daemon about half a second, and a tick has 60 seconds."""

_WAITING = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTING,
]

INGEST = dg.define_asset_job(
    "ingest",
    selection=dg.AssetSelection.groups("raw", "normalized", "curated", "indexed"),
    description="One batch of one shard: raw, normalized, curated, indexed, in one process.",
)

ONTOLOGIES = dg.define_asset_job(
    "ontologies",
    selection=dg.AssetSelection.groups("ontologies"),
    description="Load the installed ontology releases into the `ontology` tables.",
)


@dg.sensor(
    job=INGEST,
    minimum_interval_seconds=10,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Queue what landed or was removed, then claim queued jobs and launch their runs.",
)
def landing_sensor(
    context: dg.SensorEvaluationContext,
    stores: Stores,
    limits: LimitsResource,
    events: EventsResource,
) -> dg.SensorResult | dg.SkipReason:
    """Claims are made before the run requests, so that no job is launched twice."""
    ledger, tables = stores.jobs.open(), stores.tables.open()
    _renew_waiting(context.instance, ledger)
    batches.release_dead(ledger)
    try:
        upkeep.follow(events.open(), ledger, stores.objects.open(), tables)
    except Transient as error:  # what is queued already can be worked on
        context.log.warning("events are not followed for now: %s", error)
    requests: list[dg.RunRequest] = []
    while len(requests) < RUNS_PER_TICK:
        batch_id = batches.new_batch_id()
        jobs = batches.claim(ledger, limits, batch_id, for_launch=True)
        if not jobs:
            break
        key = atlases.partition_key(jobs[0].atlas, jobs[0].shard)
        tags = {BATCH_TAG: batch_id, SHARD_TAG: key}
        requests.append(dg.RunRequest(run_key=batch_id, partition_key=key, tags=tags))
    if not requests:
        return dg.SkipReason("nothing landed and nothing is queued")
    partitions = [key for atlas in atlases.listed(tables) for key in atlas.partitions()]
    known_keys = context.instance.get_dynamic_partitions(SHARD_PARTITIONS)
    missing = [key for key in partitions if key not in known_keys]
    return dg.SensorResult(
        run_requests=requests, dynamic_partitions_requests=[SHARDS.build_add_request(missing)]
    )


def _renew_waiting(instance: dg.DagsterInstance, ledger: JobLedger) -> None:
    """Keep the claims of batches whose runs wait for their turn, however long that takes."""
    waiting = dg.RunsFilter(job_name=INGEST.name, statuses=_WAITING)
    for run in instance.get_runs(waiting):
        if BATCH_TAG in run.tags:
            ledger.renew(run.tags[BATCH_TAG], lease_seconds=batches.LAUNCH_LEASE_SECONDS)


@dg.op(description="Release dead claims, queue what events missed, compact tables.")
def reconcile(context: dg.OpExecutionContext, stores: Stores) -> None:
    """See `upkeep.reconcile`."""
    done = upkeep.reconcile(stores.jobs.open(), stores.objects.open(), stores.tables.open())
    context.add_output_metadata(
        {
            "released": done.released,
            "queued": done.queued,
            "removed": done.removed,
            "compacted": done.compacted,
        }
    )


@dg.job(description="Find what events missed and what dead workers left; tidy the tables.")
def reconciliation() -> None:
    """See `upkeep.reconcile`."""
    reconcile()


@dg.schedule(
    job=reconciliation,
    cron_schedule="17 * * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Reconcile once an hour.",
)
def reconciliation_schedule() -> dict[str, object]:
    """No run configuration is needed."""
    return {}
