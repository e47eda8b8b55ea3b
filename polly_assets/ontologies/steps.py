"""An ontology release becomes rows of `ontology.terms` and `ontology.ancestors`.

Keep out: matching terms in text; Dagster.
"""

from __future__ import annotations

import polars as pl

from polly_assets.schema import ONTOLOGY_ANCESTORS, ONTOLOGY_TERMS
from polly_resources.ontologies.base import OntologyInfo, OntologySource
from polly_resources.tables.base import TableStore

TERMS_TABLE = f"ontology/{ONTOLOGY_TERMS.name}"
ANCESTORS_TABLE = f"ontology/{ONTOLOGY_ANCESTORS.name}"


def load(info: OntologyInfo, source: OntologySource, tables: TableStore) -> int:
    """Replace the ontology's rows by those of the release; the number of terms."""
    terms = list(source.terms(info.name))
    frame = pl.DataFrame(
        {
            "ontology": [info.name] * len(terms),
            "version": [info.version] * len(terms),
            "curie": [term.curie for term in terms],
            "label": [term.label for term in terms],
            "synonyms": [list(term.synonyms) for term in terms],
            "deprecated": [term.deprecated for term in terms],
            "replaced_by": [term.replaced_by for term in terms],
        },
        schema_overrides={"synonyms": pl.List(pl.String), "replaced_by": pl.String},
    )
    closure = pl.DataFrame(
        {
            "ontology": [info.name] * len(terms),
            "curie": frame["curie"],
            "ancestor_curie": [list(term.ancestors) for term in terms],
        },
        schema_overrides={"ancestor_curie": pl.List(pl.String)},
    )
    closure = closure.explode("ancestor_curie").drop_nulls("ancestor_curie")
    for table, spec, rows in (
        (TERMS_TABLE, ONTOLOGY_TERMS, frame),
        (ANCESTORS_TABLE, ONTOLOGY_ANCESTORS, closure),
    ):
        tables.write(table, spec, rows.to_arrow().cast(spec.schema()), replace=[info.name])
    return len(terms)


def loaded(tables: TableStore) -> dict[str, str]:
    """Ontology name -> release, of what the tables hold."""
    if tables.version(TERMS_TABLE) is None:
        return {}
    rows = pl.DataFrame(tables.read(TERMS_TABLE, columns=["ontology", "version"])).unique()
    return dict(rows.iter_rows())
