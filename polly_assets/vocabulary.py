"""Loaded ontologies: terms by name and by CURIE, their ancestors and descendants.

Owns the rules of name lookup, and the rule for ancestors too broad to help. Each ontology is
loaded on first use and kept. Curation and SQL share it.
Keep out: finding names inside running text, which field uses which ontology, and what can
be looked up without loading an ontology (`concepts`).
"""

from __future__ import annotations

import difflib
import re
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from itertools import chain

from polly_resources.ontologies.base import OntologySource
from polly_resources.records import Term

BROAD_SHARE = 0.25
"""An ancestor of more than this share of an ontology's live terms says nothing about one."""

_NEAREST = 5
_SLACK = 3


class Vocabulary:
    """One ontology. Withdrawn terms are known by CURIE but not by name."""

    def __init__(self, terms: Iterable[Term]) -> None:
        self.terms: Mapping[str, Term] = {term.curie: term for term in terms}
        self._live = [term for term in self.terms.values() if not term.deprecated and term.label]

    def find(self, text: str, *, loose: bool = True) -> list[Term]:
        """The terms of that name: by label, else by synonym, both without regard to case.

        Where neither fits and `loose` is set, plural words, punctuation and inverted names
        ("Leukemia, Myeloid, Acute") are evened out, and labels, then synonyms tried again.
        """
        exact = _first(self._exact, _folded(text))
        if exact or not loose:
            return exact
        return _first(self._loose, _evened(text)) or _first(self._loose, _evened(_uninverted(text)))

    def nearest(self, text: str) -> list[str]:
        """Labels and synonyms spelled much like the text, best first."""
        wanted = _folded(text)
        slack = max(_SLACK, len(wanted) // 2)
        near = {
            name
            for name in chain.from_iterable(self._exact)
            if name[:1] == wanted[:1] and abs(len(name) - len(wanted)) <= slack
        }
        return difflib.get_close_matches(wanted, sorted(near), _NEAREST)

    def ancestors(self, term: Term) -> list[Term]:
        """The term's ancestors, nearest first, without the broad ones (`BROAD_SHARE`)."""
        known = (self.terms.get(curie) for curie in term.ancestors if curie not in self._broad)
        return [ancestor for ancestor in known if ancestor is not None]

    def descendants(self, term: Term) -> list[Term]:
        """Every live term below the term, in the ontology's order."""
        return [other for other in self._live if term.curie in other.ancestors]

    @cached_property
    def _broad(self) -> frozenset[str]:
        covered = Counter(chain.from_iterable(term.ancestors for term in self._live))
        limit = BROAD_SHARE * len(self._live)
        return frozenset(curie for curie, count in covered.items() if count > limit)

    @cached_property
    def _exact(self) -> Sequence[Mapping[str, list[Term]]]:
        return self._indexes(_folded)

    @cached_property
    def _loose(self) -> Sequence[Mapping[str, list[Term]]]:
        return self._indexes(_evened)

    def _indexes(self, key: Callable[[str], str]) -> Sequence[Mapping[str, list[Term]]]:
        labels: dict[str, list[Term]] = defaultdict(list)
        synonyms: dict[str, list[Term]] = defaultdict(list)
        for term in self._live:
            labels[key(term.label)].append(term)
            for name in {key(synonym) for synonym in term.synonyms}:
                synonyms[name].append(term)
        return dict(labels), dict(synonyms)


class Vocabularies:
    """The ontologies of a source, each loaded on first use. Safe to share among threads."""

    def __init__(self, source: OntologySource) -> None:
        self._source = source
        self._loaded: dict[str, Vocabulary] = {}
        self._lock = threading.Lock()

    def get(self, name: str) -> Vocabulary:
        """One ontology, by its name. Raises NotFound."""
        with self._lock:
            if name not in self._loaded:
                self._loaded[name] = Vocabulary(self._source.terms(name))
            return self._loaded[name]


def _first(indexes: Sequence[Mapping[str, list[Term]]], key: str) -> list[Term]:
    return next((list(index[key]) for index in indexes if key and key in index), [])


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _evened(text: str) -> str:
    """Letters, digits and plus signs only, with plural words in the singular."""
    words = re.findall(r"[^\W_]+|\+", text.casefold())
    return "".join(_singular(word) for word in words)


def _singular(word: str) -> str:
    plural = len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is"))
    return word[:-1] if plural else word


def _uninverted(text: str) -> str:
    return " ".join(reversed(text.split(",")))
