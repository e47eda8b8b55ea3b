"""The ontologies that installed packages carry, as data: one row each.

Owns names, where the content is found, its licence and its maker's address. An ontology is
one row here; a package of another layout is one reader module beside this file.
Keep out: reading anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from polly_resources.records import Term


@dataclass(frozen=True, slots=True)
class OntologyRow:
    """One ontology: `reader` names the module that reads `package`.

    Terms without synonyms whose label matches the pattern `skip` are left out (reader
    `cellxgene`); those of `data/ADDITIONS.tsv` that the package lacks are added.
    """

    name: str
    reader: str
    package: str
    licence: str
    source: str
    skip: str = ""
    additions: str = ""


@dataclass(frozen=True, slots=True)
class Release:
    """One release, as a reader found it: its version, and a call that streams its terms."""

    version: str
    read: Callable[[], Iterator[Term]]


_GUIDE = "cellxgene_ontology_guide"
_STAGES = "https://github.com/obophenotype/developmental-stage-ontologies"

OPEN_NOMENCLATURE = r"\b(?:sp|spp|cf|aff|nr)\."
"""Organisms that their collector could not name: 63 % of NCBITaxon, and no dataset's organism."""

ROWS = (
    OntologyRow("CHEBI", "cellxgene", _GUIDE, "CC-BY-4.0", "https://www.ebi.ac.uk/chebi"),
    OntologyRow(
        "CL", "cellxgene", _GUIDE, "CC-BY-4.0", "https://obophenotype.github.io/cell-ontology"
    ),
    OntologyRow("CVCL", "cellxgene", _GUIDE, "CC-BY-4.0", "https://www.cellosaurus.org"),
    OntologyRow(
        "DRUGBANK",
        "drug_names",
        "drug_named_entity_recognition",
        "CC0-1.0",
        "https://go.drugbank.com/releases/latest#open-data",
    ),
    OntologyRow("EFO", "cellxgene", _GUIDE, "Apache-2.0", "https://www.ebi.ac.uk/efo"),
    OntologyRow(
        "HANCESTRO", "cellxgene", _GUIDE, "CC-BY-4.0", "https://github.com/EBISPOT/hancestro"
    ),
    OntologyRow(
        "HGNC", "hgnc", "polly_resources.ontologies", "CC0-1.0", "https://www.genenames.org"
    ),
    OntologyRow("HsapDv", "cellxgene", _GUIDE, "CC-BY-3.0", _STAGES),
    OntologyRow("MONDO", "cellxgene", _GUIDE, "CC-BY-4.0", "https://mondo.monarchinitiative.org"),
    OntologyRow("MmusDv", "cellxgene", _GUIDE, "CC-BY-3.0", _STAGES),
    OntologyRow(
        "NCBITaxon",
        "cellxgene",
        _GUIDE,
        "CC0-1.0",
        "https://github.com/obophenotype/ncbitaxon",
        skip=OPEN_NOMENCLATURE,
        additions="organisms1",
    ),
    OntologyRow("PATO", "cellxgene", _GUIDE, "CC-BY-3.0", "https://github.com/pato-ontology/pato"),
    OntologyRow(
        "UBERON", "cellxgene", _GUIDE, "CC-BY-3.0", "https://obophenotype.github.io/uberon"
    ),
)
"""Every ontology that can be loaded, ordered by name."""
