"""The raw and normalized layers as Dagster assets.

Owns the wiring of `ingest.steps` to the asset graph: one materialization per table and
batch, with counts. Keep out: the steps themselves.
"""

from collections.abc import Iterator

import dagster as dg

from polly_assets import batches, checks, knowledge
from polly_assets.atlases import parse_partition_key
from polly_assets.batch_data import datasets_of
from polly_assets.ingest import landing, steps
from polly_assets.partitions import Stores, batch_of, layer
from polly_assets.schema import (
    FEATURES,
    MATRICES,
    NORMALIZED_DATASETS,
    NORMALIZED_SAMPLES,
    RAW_OBJECTS,
    VARIANTS,
)
from polly_assets.specs import check_specs, table_asset
from polly_resources.records import JobFilter
from polly_resources.resources import LimitsResource, OntologiesResource

FAILED_SHOWN = 100
_NORMALIZED = (MATRICES, VARIANTS, FEATURES, NORMALIZED_SAMPLES, NORMALIZED_DATASETS)


@dg.multi_asset(
    name="raw_layer",
    specs=[table_asset(RAW_OBJECTS, "raw", kinds=("file", "deltalake"))],
    check_specs=check_specs(["schema"], RAW_OBJECTS.name),
)
def raw_layer(
    context: dg.AssetExecutionContext, stores: Stores, limits: LimitsResource
) -> Iterator[dg.MaterializeResult[None]]:
    """Take up the batch; without one, find what landed unnoticed and claim it."""
    ledger = stores.jobs.open()
    if not batches.held(ledger, batch_of(context)):
        _claim_what_landed(context, stores, limits)
    with layer(context, stores, limits, "raw") as (work, jobs):
        report = steps.raw(work, jobs)
        yield dg.MaterializeResult(
            asset_key=RAW_OBJECTS.name,
            metadata={
                "jobs": report.jobs,
                "bytes": report.bytes,
                "removed": report.removed,
                "failed": len(report.failed),
                "failed_datasets": report.failed[:FAILED_SHOWN],
                "table_version": work.tables.version(work.name(RAW_OBJECTS)) or 0,
            },
            check_results=[checks.schema(work, RAW_OBJECTS)],
        )


def _claim_what_landed(
    context: dg.AssetExecutionContext, stores: Stores, limits: LimitsResource
) -> None:
    name, shard = parse_partition_key(context.partition_key)
    with layer(context, stores, limits, "raw") as (work, _):
        batches.release_dead(work.ledger)
        work.ledger.submit(landing.missed(work.objects, work.ledger, work.atlas))
        wanted = JobFilter(atlas=name, shard=shard)
        claimed = batches.claim(work.ledger, limits, work.batch_id, filter=wanted)
        context.log.info("claimed %d jobs of %s", len(claimed), context.partition_key)


@dg.multi_asset(
    name="normalized_layer",
    specs=[table_asset(spec, "normalized", deps=[RAW_OBJECTS.name]) for spec in _NORMALIZED],
    check_specs=[
        *(check for spec in _NORMALIZED for check in check_specs(["schema"], spec.name)),
        *check_specs(["samples_match_matrix"], MATRICES.name),
        *check_specs(["unique_key"], NORMALIZED_DATASETS.name),
    ],
)
def normalized_layer(
    context: dg.AssetExecutionContext,
    stores: Stores,
    limits: LimitsResource,
    ontologies: OntologiesResource,
) -> Iterator[dg.MaterializeResult[None]]:
    """Read the batch's files into matrices, features, samples and dataset records."""
    with layer(context, stores, limits, "reading") as (work, jobs):
        genes = knowledge.genes(ontologies.open())
        mark = batches.Marks(work.ledger, limits, work.batch_id, "normalized")
        report = steps.normalized(work, jobs, genes, workers=limits.workers, on_read=mark)
        context.log.info(
            "read %d files: %d datasets, %d failed",
            report.jobs,
            report.datasets,
            len(report.failed),
        )
        datasets = datasets_of(work, jobs)
        ids = [row["dataset_id"] for row in datasets]
        for spec in _NORMALIZED:
            results = [checks.schema(work, spec)]
            if spec is MATRICES:
                results.append(checks.samples_match_matrix(work, datasets))
            if spec is NORMALIZED_DATASETS:
                results.append(checks.unique_key(work, spec, ids))
            yield dg.MaterializeResult(
                asset_key=spec.name,
                metadata={
                    "datasets": report.datasets,
                    "samples": report.samples,
                    "failed": len(report.failed),
                    "failed_datasets": report.failed[:FAILED_SHOWN],
                    "table_version": work.tables.version(work.name(spec)) or 0,
                },
                check_results=results,
            )
