"""Ontology terms that the submitter recorded: trusted as they are.

Owns the columns of the single-cell schema (`tissue_ontology_term_id`, ...) and reading
the CURIEs in them.
Keep out: anything that is matched in words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from polly_assets.curate.attributes import SEX_CURIES
from polly_assets.curate.lexicon import Lexicon
from polly_assets.curate.models.base import CurationRecord
from polly_resources.records import Annotation

_SUFFIX = "_ontology_term_id"
_FIELDS: Mapping[str, str] = {
    "cell_line": "cell_line",
    "cell_type": "cell_type",
    "development_stage": "age",
    "disease": "disease",
    "organism": "organism",
    "sex": "sex",
    "strain": "strain",
    "tissue": "tissue",
}
"""The columns that are read, without their suffix, and the field that each fills."""

_CURIE = re.compile(r"\b[A-Za-z][A-Za-z0-9]*[:_][A-Za-z0-9_]+\b")
_HEALTHY = "PATO:0000461"
_SEX_LABELS = {curie: label for label, curie in SEX_CURIES.items() if curie}


def submitted_terms(
    lexicon: Lexicon, record: CurationRecord
) -> Mapping[str, tuple[Annotation, ...]]:
    """Recorded terms by field; `PATO:0000461` (normal) makes an assessed, empty disease."""
    fields: dict[str, tuple[Annotation, ...]] = {}
    for key, value in record.characteristics.items():
        if not key.endswith(_SUFFIX):
            continue
        column = key.removesuffix(_SUFFIX)
        field = _FIELDS.get(column)
        curies = list(_CURIE.finditer(value))
        if field is None or not curies:
            continue
        beside = record.characteristics.get(column, "") if len(curies) == 1 else ""
        fields[field] = tuple(
            _annotation(lexicon, field, found, f"characteristics.{key}", beside)
            for found in curies
            if found.group() != _HEALTHY
        )
    return fields


def _annotation(
    lexicon: Lexicon, field: str, found: re.Match[str], source_field: str, beside: str
) -> Annotation:
    curie = found.group()
    term = lexicon.term(curie)
    label = term.label if term else _SEX_LABELS.get(curie) or beside or curie
    return Annotation(
        field=field,
        curie=curie,
        label=label,
        ontology_version=term.version if term else "",
        text=curie,
        start=found.start(),
        end=found.end(),
        source_field=source_field,
        method="submitted",
        confidence=1.0,
    )
