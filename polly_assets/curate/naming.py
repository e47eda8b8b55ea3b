"""Which names of which ontology name what: the rules that turn terms into lexicon entries.

Owns the table of ontologies that are searched, the kinds of names, and the filters that keep
dangerous names out. An ontology is one row of `SOURCES`; a name to add or to stop is one row
of `data/extra_names.tsv` or `data/stop_names.tsv`.
Keep out: building and saving the lexicon, and matching.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from importlib import resources

from polly_assets.curate.text import spaced_name
from polly_resources.records import Term


class Kind(IntEnum):
    """How a name names its term; ordered, the stronger claim first."""

    EXTRA = 0
    """A name of `extra_names.tsv`."""
    LABEL = 1
    SYNONYM = 2
    ABBREVIATION = 3
    """A field-wide abbreviation of `extra_names.tsv`: any case from four letters on."""
    AMBIGUOUS = 4
    """A synonym that several unrelated terms share; the first of them is taken."""
    COMMON = 5
    """An everyday word, taken only where the key asks for this field."""
    ACRONYM = 6
    """A short synonym in capitals: same capitals, and only where the key asks for it."""
    LINE = 7
    """A cell line: punctuation is ignored, capitals may matter."""
    SYMBOL = 8
    """A gene symbol: same capitals, and only in a gene's context."""


@dataclass(frozen=True, slots=True)
class Name:
    """One name of a term as it enters the lexicon."""

    text: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Source:
    """One ontology that is searched: the field it fills and how its terms yield names."""

    ontology: str
    field: str
    names: Callable[[Term], Iterator[Name]]


_ACRONYM = re.compile(r"(?=.*[A-Z].*[A-Z0-9])[A-Z0-9][A-Za-z0-9/+-]{0,6}")
_BINOMIAL = re.compile(r"[A-Z][a-z]+ [a-z-]{3,}( [a-z-]{3,})?")
_CHEMICAL = re.compile(r"[A-Za-z][A-Za-z0-9 '+-]{3,29}")
_LINE = re.compile(r"(?=.*[A-Za-z])\S.{1,39}")
_SYMBOL = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9][A-Za-z0-9.-]{1,14}")
_DISEASE_ROOT = "MONDO:0000001"
"""What is not below it qualifies diseases: `tumor grade 2`, `common`."""
_ANIMAL_ROOT = "MONDO:0005583"
_ANIMALS = "NCBITaxon:33208"
"""Outside animals the source holds a chosen few (bacteria, viruses, plants): all are taken."""
_ORGANISM_ROOTS = frozenset(
    ("NCBITaxon:7742", "NCBITaxon:7215", "NCBITaxon:6237", "NCBITaxon:7157")
)
"""Vertebrates, Drosophila, Caenorhabditis, mosquitoes: what is sequenced; not 1.2 M insects."""


def _is_acronym(name: str) -> bool:
    return _ACRONYM.fullmatch(name) is not None and not name.isdigit()


def _label_and_synonyms(term: Term) -> Iterator[Name]:
    yield Name(term.label, Kind.ACRONYM if _is_acronym(term.label) else Kind.LABEL)
    for synonym in term.synonyms:
        if _is_acronym(synonym):
            yield Name(synonym, Kind.ACRONYM)
        elif len(synonym) > 3:
            yield Name(synonym, Kind.SYNONYM)


def _disease(term: Term) -> Iterator[Name]:
    if _DISEASE_ROOT in term.ancestors and _ANIMAL_ROOT not in term.ancestors:
        yield from _label_and_synonyms(term)


def _organism(term: Term) -> Iterator[Name]:
    if _ANIMALS not in term.ancestors:
        yield from _chosen_organism(term)
        return
    if not _BINOMIAL.fullmatch(term.label) or _ORGANISM_ROOTS.isdisjoint(term.ancestors):
        return
    yield Name(term.label, Kind.LABEL)
    for synonym in term.synonyms:
        yield Name(synonym, Kind.SYNONYM if _BINOMIAL.fullmatch(synonym) else Kind.COMMON)


def _chosen_organism(term: Term) -> Iterator[Name]:
    """Names of one word (`yeast`, `HIV-1`, `Salmonella`) are said of much else: key only."""
    for name in (term.label, *term.synonyms):
        kind = Kind.LABEL if name == term.label else Kind.SYNONYM
        yield Name(name, kind if " " in name else Kind.COMMON)
    if _BINOMIAL.fullmatch(term.label) and not term.label.endswith("virus"):
        genus, _, species = term.label.partition(" ")
        yield Name(f"{genus[0]}. {species}", Kind.SYNONYM)


def _cell_line(term: Term) -> Iterator[Name]:
    if _LINE.fullmatch(term.label):
        yield Name(term.label, Kind.LINE)


def _drug(term: Term) -> Iterator[Name]:
    for name in (term.label, *term.synonyms):
        if len(name) > 3 and not name.isdigit():
            yield Name(name, Kind.LABEL if name == term.label else Kind.SYNONYM)


def _chemical(term: Term) -> Iterator[Name]:
    if _CHEMICAL.fullmatch(term.label):
        yield Name(term.label, Kind.COMMON)


def _gene(term: Term) -> Iterator[Name]:
    if _SYMBOL.fullmatch(term.label):
        yield Name(term.label, Kind.SYMBOL)


def _no_names(term: Term) -> Iterator[Name]:
    return iter(())


SOURCES = (
    Source("MONDO", "disease", _disease),
    Source("UBERON", "tissue", _label_and_synonyms),
    Source("CL", "cell_type", _label_and_synonyms),
    Source("CVCL", "cell_line", _cell_line),
    Source("DRUGBANK", "drug", _drug),
    Source("CHEBI", "drug", _chemical),
    Source("NCBITaxon", "organism", _organism),
    Source("HGNC", "gene", _gene),
    Source("HsapDv", "age", _no_names),
    Source("MmusDv", "age", _no_names),
)
"""Every ontology that is read; those with no names serve to look up submitted CURIEs."""


def _rows(name: str) -> list[dict[str, str]]:
    path = resources.files("polly_assets.curate") / "data" / name
    lines = path.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if line and not line.startswith("#")]
    return list(csv.DictReader(kept, delimiter="\t", quoting=csv.QUOTE_NONE))


def extra_names() -> list[tuple[str, str, Name]]:
    """The rows of `extra_names.tsv` as (field, CURIE, name)."""
    return [
        (row["field"], row["curie"], Name(row["name"], Kind[row["kind"].upper()]))
        for row in _rows("extra_names.tsv")
    ]


def stop_names(where: str) -> frozenset[tuple[str, str]]:
    """The rows of `stop_names.tsv` for `always` or `free`, as (field, normal name)."""
    return frozenset(
        (row["field"], spaced_name(row["name"]))
        for row in _rows("stop_names.tsv")
        if row["where"] == where
    )


def line_origins() -> dict[str, str]:
    """The rows of `cell_line_origins.tsv`: CURIE of a cell line -> CURIE of its tissue."""
    return {row["cell_line"]: row["tissue"] for row in _rows("cell_line_origins.tsv")}


def strain_rows() -> list[dict[str, str]]:
    """The rows of `strains.tsv`: a pattern and the strain's standard name."""
    return _rows("strains.tsv")


def key_rows() -> list[dict[str, str]]:
    """The rows of `keys.tsv`: a pattern of characteristics keys and what it routes to."""
    return _rows("keys.tsv")
