"""What `recommend(field, text, mode)` means in SQL: a text becomes the labels to look for.

Owns the table of fields with their ontologies, and the modes. Add a field as one row.
Keep out: SQL, and how names are looked up (`vocabulary`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from polly_assets.vocabulary import Vocabularies, Vocabulary
from polly_resources.errors import BadQuery
from polly_resources.records import Term

MODES = ("match", "related")
"""`match`: the text's own terms. `related`: with their ancestors and descendants."""


@dataclass(frozen=True, slots=True)
class FieldOntologies:
    """The ontologies of one field. `loose` allows plurals, punctuation and inversion."""

    field: str
    ontologies: tuple[str, ...]
    loose: bool = True


FIELDS = {
    row.field: row
    for row in (
        FieldOntologies("cell_line", ("CVCL",)),
        FieldOntologies("cell_type", ("CL",)),
        FieldOntologies("disease", ("MONDO",)),
        FieldOntologies("drug", ("CHEBI", "DRUGBANK")),
        FieldOntologies("gene", ("HGNC",), loose=False),
        FieldOntologies("organism", ("NCBITaxon",)),
        FieldOntologies("tissue", ("UBERON",)),
    )
}


def expand(field: str, text: str, mode: str, ontologies: Vocabularies) -> list[str]:
    """The labels and synonyms that the text stands for, each once.

    Args:
        field: A curated field, with or without `curated_`.
        text: A term's label or one of its synonyms.
        mode: One of `MODES`.
        ontologies: Where terms are found.

    Returns:
        Labels and synonyms of the terms that have this name; with `related`, then the
        labels of their ancestors (broad ones left out) and of their descendants.

    Raises:
        BadQuery: The field, the mode or the text is not known.
    """
    row = FIELDS.get(field.removeprefix("curated_"))
    if row is None:
        raise BadQuery(
            "unsupported_recommend_field",
            f"recommend() knows no field {field!r}",
            hint=f"choose one of: {', '.join(f'curated_{name}' for name in FIELDS)}",
        )
    if mode not in MODES:
        raise BadQuery(
            "unsupported_recommend_mode",
            f"recommend() has no mode {mode!r} for {field}",
            hint=f"choose one of: {', '.join(MODES)}",
        )
    loaded = [ontologies.get(name) for name in row.ontologies]
    found = [(one, term) for one in loaded for term in one.find(text, loose=row.loose)]
    if not found:
        raise _unknown(row, text, loaded)
    labels = [_own(term) for _, term in found]
    if mode == "related":
        labels += [_family(one, term) for one, term in found]
    return list(dict.fromkeys(chain.from_iterable(labels)))


def _own(term: Term) -> Iterable[str]:
    return term.label, *term.synonyms


def _family(vocabulary: Vocabulary, term: Term) -> Iterator[str]:
    kin = chain(vocabulary.ancestors(term), vocabulary.descendants(term))
    return (relative.label for relative in kin)


def _unknown(row: FieldOntologies, text: str, loaded: Iterable[Vocabulary]) -> BadQuery:
    near = dict.fromkeys(chain.from_iterable(one.nearest(text) for one in loaded))
    return BadQuery(
        "unknown_term",
        f"no {row.field.replace('_', ' ')} is named {text!r} in {' or '.join(row.ontologies)}",
        hint=f"similar names: {'; '.join(near)}" if near else "use a label of the ontology",
    )
