"""The curated layer as Dagster assets.

Owns the wiring of `curate.steps` to the asset graph. Keep out: the steps themselves.
"""

from collections.abc import Iterator

import dagster as dg

from polly_assets import checks
from polly_assets.batch_data import datasets_of
from polly_assets.curate import steps
from polly_assets.curate.models.registry import DEFAULT_MODEL, open_model
from polly_assets.partitions import Stores, layer
from polly_assets.schema import (
    ANNOTATIONS,
    CURATION_PASSES,
    NORMALIZED_DATASETS,
    NORMALIZED_SAMPLES,
)
from polly_assets.specs import check_specs, table_asset
from polly_resources.records import JobAction
from polly_resources.resources import LimitsResource, OntologiesResource

_DEPS = [NORMALIZED_DATASETS.name, NORMALIZED_SAMPLES.name]


@dg.multi_asset(
    name="curated_layer",
    specs=[
        table_asset(ANNOTATIONS, "curated", deps=_DEPS),
        table_asset(CURATION_PASSES, "curated", deps=_DEPS),
    ],
    check_specs=[
        *check_specs(["schema"], ANNOTATIONS.name),
        *check_specs(["schema", "all_assessed"], CURATION_PASSES.name),
    ],
)
def curated_layer(
    context: dg.AssetExecutionContext,
    stores: Stores,
    limits: LimitsResource,
    ontologies: OntologiesResource,
) -> Iterator[dg.MaterializeResult[None]]:
    """Annotate the batch's datasets and samples with ontology terms."""
    with layer(context, stores, limits, "curated") as (work, jobs):
        wanted = [job for job in jobs if job.action in (JobAction.INGEST, JobAction.RECURATE)]
        datasets = datasets_of(work, wanted)
        ids = [row["dataset_id"] for row in datasets]
        model = open_model(DEFAULT_MODEL, ontologies.open(), limits.cache_of("models"))
        made = steps.curated(work, datasets, model)
        for spec, results in (
            (ANNOTATIONS, [checks.schema(work, ANNOTATIONS)]),
            (
                CURATION_PASSES,
                [checks.schema(work, CURATION_PASSES), checks.all_assessed(work, ids)],
            ),
        ):
            yield dg.MaterializeResult(
                asset_key=spec.name,
                metadata={
                    "datasets": len(datasets),
                    "annotations": made,
                    "model": f"{model.name} {model.version}",
                    "table_version": work.tables.version(work.name(spec)) or 0,
                },
                check_results=results,
            )
