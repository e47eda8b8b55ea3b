"""Names of files that describe a matrix: `x_metadata.csv`, `x.features.tsv`, `metadata.csv`.

Owns the words by which such files are called. Add a word here. Keep out: which of them belongs to
which matrix (`grouping`), and what is in them (`sidecars`).
"""

from __future__ import annotations

import re
from typing import NamedTuple

_SURE = """coldata feature_metadata gene_metadata metadata phenodata row_metadata rowdata
sample_annotation sample_info sample_metadata sample_sheet sampleinfo samplesheet"""
_PERHAPS = "design features genes meta obs pheno phenotype phenotypes samples targets var"
_FEATURES = frozenset(
    ["feature_metadata", "features", "gene_metadata", "genes", "row_metadata", "rowdata", "var"]
)
_MATRICES = """abundance count_matrix counts counts_matrix cpm data expr expression
expression_matrix exprs fpkm gene_counts logcounts matrix normalized_counts raw_counts rpkm tpm"""

PLAIN_DESCRIPTIONS = frozenset(_SURE.split()) | frozenset(
    ["design", "features", "genes", "obs", "pheno", "phenotype", "samples", "targets", "var"]
)
"""What a table is called that describes the matrices of its folder of a plain name."""

PLAIN_MATRICES = frozenset(_MATRICES.split())
"""What a matrix is called where its folder says what it is of."""

_OF = re.compile(rf"(?P<base>.+?)[_.-](?:{'|'.join(sorted(PLAIN_MATRICES))})")

_MARKED = re.compile(
    rf"(?P<base>.+?)[_.](?P<mark>{'|'.join((*_SURE.split(), *_PERHAPS.split()))})"
    r"\.(?P<key>csv|tsv)"
)


class Marked(NamedTuple):
    """A name that says of which base it is the description."""

    base: str
    mark: str


def marked(last: str) -> Marked | None:
    """What a file of this plain name describes, if its name may say so."""
    found = _MARKED.fullmatch(last)
    return Marked(found["base"], found["mark"]) if found else None


def matrix_of(base: str) -> str:
    """What a matrix of this base (lower case) is of: `x` for `x_counts` and `x.tpm`, else ``."""
    found = _OF.fullmatch(base)
    return found["base"] if found else ""


def describes_surely(last: str) -> bool:
    """Whether a file of this plain name can be nothing but a description."""
    stem, _, ending = last.rpartition(".")
    found = marked(last)
    return (ending in ("csv", "tsv") and stem in _SURE.split()) or bool(
        found and found.mark in _SURE.split()
    )


def sidecar_key(last: str) -> str:
    """The key of a description by its plain name: `csv`, or `features.csv`."""
    stem, _, ending = last.rpartition(".")
    found = marked(last)
    word = stem if stem in PLAIN_DESCRIPTIONS else found.mark if found else ""
    return f"features.{ending}" if word in _FEATURES else ending
