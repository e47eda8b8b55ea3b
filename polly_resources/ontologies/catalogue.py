"""The ontologies that installed packages carry, as data: one row each.

Owns names, where the content is found, its licence and its maker's address. An ontology is
one row here; a package of another layout is one reader module beside this file.
Keep out: reading anything.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OntologyRow:
    """One ontology: `reader` is the module beside this file that reads `package`."""

    name: str
    reader: str
    package: str
    licence: str
    source: str


_GUIDE = "cellxgene_ontology_guide"

ROWS = (
    OntologyRow("CHEBI", "cellxgene", _GUIDE, "CC-BY-4.0", "https://www.ebi.ac.uk/chebi"),
    OntologyRow(
        "CL", "cellxgene", _GUIDE, "CC-BY-4.0", "https://obophenotype.github.io/cell-ontology"
    ),
    OntologyRow("CVCL", "cellxgene", _GUIDE, "CC-BY-4.0", "https://www.cellosaurus.org"),
    OntologyRow("EFO", "cellxgene", _GUIDE, "Apache-2.0", "https://www.ebi.ac.uk/efo"),
    OntologyRow(
        "HANCESTRO", "cellxgene", _GUIDE, "CC-BY-4.0", "https://github.com/EBISPOT/hancestro"
    ),
    OntologyRow(
        "HsapDv",
        "cellxgene",
        _GUIDE,
        "CC-BY-3.0",
        "https://github.com/obophenotype/developmental-stage-ontologies",
    ),
    OntologyRow("MONDO", "cellxgene", _GUIDE, "CC-BY-4.0", "https://mondo.monarchinitiative.org"),
    OntologyRow(
        "MmusDv",
        "cellxgene",
        _GUIDE,
        "CC-BY-3.0",
        "https://github.com/obophenotype/developmental-stage-ontologies",
    ),
    OntologyRow(
        "NCBITaxon", "cellxgene", _GUIDE, "CC0-1.0", "https://github.com/obophenotype/ncbitaxon"
    ),
    OntologyRow("PATO", "cellxgene", _GUIDE, "CC-BY-3.0", "https://github.com/pato-ontology/pato"),
    OntologyRow(
        "UBERON", "cellxgene", _GUIDE, "CC-BY-3.0", "https://obophenotype.github.io/uberon"
    ),
)
"""Every ontology that can be loaded, ordered by name."""
