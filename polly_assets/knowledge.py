"""What takes time to load and serves a whole process: genes, vocabularies, concepts.

Owns loading each once per source. Keep out: what they know.
"""

from __future__ import annotations

from functools import cache

from polly_assets.concepts import Concepts
from polly_assets.genes import GeneIndex
from polly_assets.vocabulary import Vocabularies
from polly_resources.ontologies.base import OntologySource


@cache
def concepts(source: OntologySource) -> Concepts:
    """The names around terms."""
    return Concepts(source)


@cache
def genes(source: OntologySource) -> GeneIndex:
    """The index of human genes."""
    return GeneIndex(source.terms("HGNC"))


@cache
def vocabularies(source: OntologySource) -> Vocabularies:
    """The ontologies as vocabularies."""
    return Vocabularies(source)
