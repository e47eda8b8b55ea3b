"""The indexed layer as Dagster assets.

Owns the wiring of `publish.steps` to the asset graph, and the end of a batch's jobs.
Keep out: the steps themselves.
"""

from collections.abc import Iterable, Iterator

import dagster as dg

from polly_assets import checks, knowledge
from polly_assets.batch_data import datasets_of
from polly_assets.partitions import SHARDS, Stores, layer
from polly_assets.publish import catalog, measurements, steps
from polly_assets.schema import (
    ANNOTATIONS,
    CURATION_PASSES,
    DATASETS,
    FEATURES,
    MATRICES,
    MEASUREMENTS,
    NORMALIZED_DATASETS,
    NORMALIZED_SAMPLES,
    SAMPLES,
)
from polly_assets.specs import OWNER, check_specs, table_asset
from polly_resources.resources import LimitsResource, OntologiesResource, QueryResource

CATALOG = "catalog"
SEARCH_INDEX = "search_index"
_DEPS = [s.name for s in (NORMALIZED_DATASETS, NORMALIZED_SAMPLES, ANNOTATIONS, CURATION_PASSES)]


@dg.multi_asset(
    name="published_layer",
    specs=[
        table_asset(SAMPLES, "indexed", deps=_DEPS),
        table_asset(DATASETS, "indexed", deps=_DEPS),
    ],
    check_specs=[
        *check_specs(["schema"], SAMPLES.name),
        *check_specs(["schema", "unique_key"], DATASETS.name),
    ],
)
def published_layer(
    context: dg.AssetExecutionContext, stores: Stores, limits: LimitsResource
) -> Iterator[dg.MaterializeResult[None]]:
    """Publish the batch's datasets and samples with their curated columns."""
    with layer(context, stores, limits, "indexed") as (work, jobs):
        datasets = datasets_of(work, jobs)
        ids = [row["dataset_id"] for row in datasets]
        samples = steps.published(work, datasets, stores.objects.address)
        for spec in (SAMPLES, DATASETS):
            results = [checks.schema(work, spec)]
            if spec is DATASETS:
                results.append(checks.unique_key(work, spec, ids))
            yield dg.MaterializeResult(
                asset_key=spec.name,
                metadata={
                    "datasets": len(ids),
                    "samples": samples,
                    "table_version": work.tables.version(work.name(spec)) or 0,
                },
                check_results=results,
            )


@dg.multi_asset(
    name="measurement_layer",
    specs=[
        table_asset(
            MEASUREMENTS,
            "indexed",
            deps=[MATRICES.name, FEATURES.name, NORMALIZED_SAMPLES.name],
        )
    ],
    check_specs=check_specs(["schema"], MEASUREMENTS.name),
)
def measurement_layer(
    context: dg.AssetExecutionContext, stores: Stores, limits: LimitsResource
) -> Iterator[dg.MaterializeResult[None]]:
    """Derive the gene-ordered long rows of the batch's matrices."""
    with layer(context, stores, limits, "indexed") as (work, jobs):
        datasets = datasets_of(work, jobs)
        written = measurements.measurements(work, datasets)
        yield dg.MaterializeResult(
            asset_key=MEASUREMENTS.name,
            metadata={
                "datasets": len(datasets),
                "rows": written,
                "derived_from_version": work.tables.version(work.name(MATRICES)) or 0,
                "table_version": work.tables.version(work.name(MEASUREMENTS)) or 0,
            },
            check_results=[checks.schema(work, MEASUREMENTS)],
        )


def _spec(key: str, kind: str, description: str, deps: Iterable[str]) -> dg.AssetSpec:
    """An asset of the indexed layer that is no table."""
    return dg.AssetSpec(
        key=key,
        description=description,
        deps=list(deps),
        group_name="indexed",
        owners=[OWNER],
        kinds={kind},
        partitions_def=SHARDS,
    )


_TABLES = (DATASETS.name, SAMPLES.name, MEASUREMENTS.name)


@dg.multi_asset(
    name="search_layer",
    specs=[
        _spec(CATALOG, "sql", "The tables that users query, known to the SQL engine.", _TABLES),
        _spec(
            SEARCH_INDEX,
            "search",
            "One document per dataset: words, ontology terms, facets.",
            (*_TABLES, CATALOG),
        ),
    ],
    check_specs=[
        *check_specs(["catalog_complete"], CATALOG),
        *check_specs(["index_complete"], SEARCH_INDEX),
    ],
)
def search_layer(
    context: dg.AssetExecutionContext,
    stores: Stores,
    limits: LimitsResource,
    ontologies: OntologiesResource,
    query: QueryResource,
) -> Iterator[dg.MaterializeResult[None]]:
    """Tell the SQL engine and the search index of the batch, then close its jobs.

    Both in one step, for a step costs more than an embedded engine has to do.
    """
    with layer(context, stores, limits, "indexed") as (work, jobs):
        known = catalog.catalogued(work.tables, work.atlas.name, query.open)
        told = {"engine": known.engine, "warning": known.warning}
        yield dg.MaterializeResult(
            asset_key=CATALOG,
            metadata={"tables": known.tables, **{key: text for key, text in told.items() if text}},
            check_results=[checks.catalog_complete(known.tables, known.warning)],
        )
        datasets = datasets_of(work, jobs)
        indexed = steps.indexed(work, datasets, knowledge.concepts(ontologies.open()))
        work.ledger.finish(work.batch_id, steps.outcomes(datasets, jobs))
        yield dg.MaterializeResult(
            asset_key=SEARCH_INDEX,
            metadata={"documents": indexed},
            check_results=[checks.index_complete(work)],
        )
