"""What the search index knows of a term beyond its label: its other names, and broader terms.

Owns looking these up for many CURIEs at once without loading an ontology, and which ontology
a CURIE belongs to. Keep out: finding terms by name (`vocabulary`).
"""

from __future__ import annotations

import re
import threading
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from functools import cached_property

from polly_resources.ontologies.base import OntologySource
from polly_resources.records import Term

FOREIGN_PREFIXES = {"AfPO": "HANCESTRO"}
"""CURIE prefixes that live in an ontology of another name."""


BROAD = frozenset(
    (
        "MONDO:0000001",  # disease
        "MONDO:0700096",  # human disease
        "MONDO:7770006",  # disease by body system or component
        "MONDO:7770007",  # disease by developmental or physiological process
        "MONDO:7770008",  # disease by etiologic mechanism
        "MONDO:7770009",  # disease of genetic or genomic mechanism
        "MONDO:7770010",  # disease of primarily extrinsic mechanism
        "MONDO:0005583",  # non-human animal disease
        "MONDO:7770012",  # disease by body system or component, non-human animal
        "MONDO:7770013",  # disease by developmental or physiological process, non-human animal
        "MONDO:7770014",  # disease by etiologic mechanism, non-human animal
        "MONDO:7770015",  # disease of genetic or genomic mechanism, non-human animal
        "UBERON:0001062",  # anatomical entity
        "UBERON:0000465",  # material anatomical entity
        "UBERON:0000061",  # anatomical structure
        "UBERON:0010000",  # multicellular anatomical structure
        "UBERON:0000468",  # multicellular organism
        "UBERON:0000467",  # anatomical system
        "UBERON:0000062",  # organ
        "UBERON:0011216",  # organ system subdivision
        "UBERON:0000475",  # organism subdivision
        "UBERON:0000064",  # organ part
        "UBERON:0010314",  # structure with developmental contribution from neural crest
        "UBERON:0015212",  # lateral structure
        "UBERON:0013701",  # main body axis
        "UBERON:0011676",  # subdivision of organism along main body axis
        "UBERON:0013702",  # body proper
        "UBERON:0004121",  # ectoderm-derived structure
        "UBERON:0004120",  # mesoderm-derived structure
        "UBERON:0004119",  # endoderm-derived structure
        "UBERON:0004111",  # anatomical conduit
        "UBERON:0034925",  # anatomical collection
        "UBERON:0034923",  # disconnected anatomical group
        "UBERON:0000477",  # anatomical cluster
        "UBERON:0000481",  # multi-tissue structure
        "UBERON:0000479",  # tissue
        "UBERON:0000153",  # anterior region of body
        "UBERON:0000025",  # tube
        "UBERON:0013522",  # subdivision of tube
        "UBERON:0009569",  # subdivision of trunk
        "UBERON:0005162",  # multi cell part structure
        "UBERON:0000466",  # immaterial anatomical entity
        "CL:0000000",  # cell
        "CL:0000255",  # eukaryotic cell
        "CL:0002242",  # nucleate cell
        "CL:0000226",  # single nucleate cell
        "CL:0000211",  # electrically active cell
        "CL:0000393",  # electrically responsive cell
        "CL:0000404",  # electrically signaling cell
        "CL:0000219",  # motile cell
        "CL:0000325",  # stuff accumulating cell
        "NCBITaxon:131567",  # cellular organisms
        "NCBITaxon:2759",  # Eukaryota
        "NCBITaxon:33154",  # Opisthokonta
        "NCBITaxon:33208",  # Metazoa
        "NCBITaxon:6072",  # Eumetazoa
        "NCBITaxon:33213",  # Bilateria
        "NCBITaxon:33317",  # Protostomia
        "NCBITaxon:33511",  # Deuterostomia
        "NCBITaxon:1206794",  # Ecdysozoa
        "NCBITaxon:89593",  # Craniata <chordates>
        "NCBITaxon:7776",  # Gnathostomata <vertebrates>
        "NCBITaxon:117570",  # Teleostomi
        "NCBITaxon:117571",  # Euteleostomi
        "NCBITaxon:8287",  # Sarcopterygii
        "NCBITaxon:1338369",  # Dipnotetrapodomorpha
        "CHEBI:24431",  # chemical entity
        "CHEBI:23367",  # molecular entity
        "CHEBI:33579",  # main group molecular entity
        "CHEBI:33675",  # p-block molecular entity
        "CHEBI:33582",  # carbon group molecular entity
        "CHEBI:50860",  # organic molecular entity
        "CHEBI:33285",  # heteroorganic entity
        "CHEBI:36357",  # polyatomic entity
        "CHEBI:33304",  # chalcogen molecular entity
        "CHEBI:25806",  # oxygen molecular entity
        "CHEBI:36962",  # organochalcogen compound
        "CHEBI:36963",  # organooxygen compound
        "CHEBI:25367",  # molecule
        "CHEBI:72695",  # organic molecule
        "CHEBI:33302",  # pnictogen molecular entity
        "CHEBI:33595",  # cyclic compound
        "CHEBI:33832",  # organic cyclic compound
        "CHEBI:51143",  # nitrogen molecular entity
        "CHEBI:35352",  # organonitrogen compound
        "CHEBI:37577",  # heteroatomic molecular entity
        "CHEBI:5686",  # heterocyclic compound
        "CHEBI:24532",  # organic heterocyclic compound
        "CHEBI:50906",  # role
        "CHEBI:24432",  # biological role
        "CHEBI:52211",  # physiological role
        "HsapDv:0000000",  # life cycle stage
        "HsapDv:0000001",  # life cycle
        "MmusDv:0000000",  # life cycle stage
        "MmusDv:0000001",  # life cycle
    )
)
"""Ancestors that name no group anyone would search for.

They are the tops of their ontologies and divisions of method (`organic molecular entity`,
`structure with developmental contribution from neural crest`): above a large part of all
terms, they would make a search for `organ` or `cell` find every dataset.
"""


class Concepts:
    """The names around terms of a source, remembered once looked up. Safe among threads."""

    def __init__(self, source: OntologySource) -> None:
        self._source = source
        self._names: dict[str, list[str]] = {}
        self._labels: dict[str, dict[str, str]] = defaultdict(dict)
        self._lock = threading.Lock()

    def names(self, curies: Collection[str]) -> dict[str, list[str]]:
        """Per CURIE its synonyms, then its ancestors' labels, nearest first; [] if unknown.

        Ancestors that are no terms of the same ontology have no label and are left out, and so
        are those of `BROAD`.
        """
        with self._lock:
            unseen = set(curies) - self._names.keys()
            for ontology, group in self._by_ontology(unseen).items():
                self._learn(ontology, group)
            return {curie: self._names.get(curie, []) for curie in curies}

    def _learn(self, ontology: str, curies: Collection[str]) -> None:
        terms = self._source.lookup(ontology, curies)
        labels = self._labels[ontology]
        above = {a for term in terms.values() for a in term.ancestors} - labels.keys() - BROAD
        if above:
            found = self._source.lookup(ontology, above)
            labels |= {curie: found[curie].label if curie in found else "" for curie in above}
        for curie in curies:
            self._names[curie] = _names(terms[curie], labels) if curie in terms else []

    def _by_ontology(self, curies: Iterable[str]) -> Mapping[str, list[str]]:
        """The CURIEs of each ontology that the source has."""
        groups: dict[str, list[str]] = defaultdict(list)
        for curie in curies:
            prefix = re.split("[:_]", curie, maxsplit=1)[0]
            ontology = FOREIGN_PREFIXES.get(prefix, prefix)
            if ontology in self._ontologies:
                groups[ontology].append(curie)
        return groups

    @cached_property
    def _ontologies(self) -> frozenset[str]:
        return frozenset(info.name for info in self._source.available())


def _names(term: Term, labels: Mapping[str, str]) -> list[str]:
    names = (*term.synonyms, *(labels[curie] for curie in term.ancestors if curie not in BROAD))
    return [name for name in names if name]
