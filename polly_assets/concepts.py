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


class Concepts:
    """The names around terms of a source, remembered once looked up. Safe among threads."""

    def __init__(self, source: OntologySource) -> None:
        self._source = source
        self._names: dict[str, list[str]] = {}
        self._labels: dict[str, dict[str, str]] = defaultdict(dict)
        self._lock = threading.Lock()

    def names(self, curies: Collection[str]) -> dict[str, list[str]]:
        """Per CURIE its synonyms, then its ancestors' labels, nearest first; [] if unknown.

        Ancestors that are no terms of the same ontology have no label and are left out.
        """
        with self._lock:
            unseen = set(curies) - self._names.keys()
            for ontology, group in self._by_ontology(unseen).items():
                self._learn(ontology, group)
            return {curie: self._names.get(curie, []) for curie in curies}

    def _learn(self, ontology: str, curies: Collection[str]) -> None:
        terms = self._source.lookup(ontology, curies)
        labels = self._labels[ontology]
        above = {a for term in terms.values() for a in term.ancestors} - labels.keys()
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
    names = (*term.synonyms, *(labels[curie] for curie in term.ancestors))
    return [name for name in names if name]
