"""Ontology releases as Dagster assets: one per ontology, versioned by its release.

Keep out: how a release becomes rows; see `steps`.
"""

from collections.abc import Iterable

import dagster as dg

from polly_assets.ontologies import steps
from polly_assets.schema import ONTOLOGY_TERMS
from polly_assets.specs import OWNER, column_schema
from polly_resources.ontologies.base import OntologyInfo
from polly_resources.resources import OntologiesResource, TablesResource


def ontology_assets(available: Iterable[OntologyInfo]) -> list[dg.AssetsDefinition]:
    """An asset for each ontology that can be loaded."""
    return [_asset(info.name) for info in available]


def _asset(name: str) -> dg.AssetsDefinition:
    @dg.asset(
        key=["ontology", name],
        group_name="ontologies",
        owners=[OWNER],
        kinds={"deltalake"},
        description=f"The terms of {name} and their ancestors, in `ontology.terms` and "
        "`ontology.ancestors`.",
        metadata={"dagster/column_schema": column_schema(ONTOLOGY_TERMS)},
    )
    def ontology(
        ontologies: OntologiesResource, tables: TablesResource
    ) -> dg.MaterializeResult[None]:
        source = ontologies.open()
        info = next(info for info in source.available() if info.name == name)
        count = steps.load(info, source, tables.open())
        return dg.MaterializeResult(
            metadata={
                "terms": count,
                "release": info.version,
                "licence": info.licence,
                "source": info.source,
            },
            data_version=dg.DataVersion(info.version),
        )

    return ontology
