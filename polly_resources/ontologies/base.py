"""The contract for ontology releases: whole vocabularies with a version.

Keep out: matching terms in text.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from polly_resources.records import Term
from polly_resources.served import Served


@dataclass(frozen=True, slots=True)
class OntologyInfo:
    """An ontology as shipped: prefix, release, licence of the content, and its source."""

    name: str
    version: str
    licence: str
    source: str


class OntologySource(Served):
    """Where ontology releases come from."""

    @abstractmethod
    def available(self) -> Sequence[OntologyInfo]:
        """The ontologies that can be loaded, one release each, ordered by name."""

    @abstractmethod
    def terms(self, name: str) -> Iterator[Term]:
        """Every term of the ontology, deprecated ones included. Raises NotFound."""

    def lookup(self, name: str, curies: Collection[str]) -> dict[str, Term]:
        """The terms of these CURIEs, deprecated ones included; unknown CURIEs are left out.

        Reads every term; a source that can find a few without the rest does so instead.
        Raises NotFound where no ontology has that name.
        """
        wanted = set(curies)
        return {term.curie: term for term in self.terms(name) if term.curie in wanted}
