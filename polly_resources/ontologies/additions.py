"""Adds to a release the terms that its package lacks, out of a table in `data/`.

A table `NAME.tsv` has columns curie, label, synonyms (divided by `|`) and parent (one CURIE,
of the table or of the release; empty at the top). Its name becomes part of the release's
version: rename the file whenever its content changes.
Keep out: ontologies of their own, and correcting what a package says.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path

from polly_resources.errors import BadInput
from polly_resources.ontologies.catalogue import Release
from polly_resources.records import Term

FOLDER = Path(__file__).parent / "data"


def merged(release: Release, name: str) -> Release:
    """The release, then the terms of `NAME.tsv` that it lacks; its version ends in `+NAME`."""
    return Release(f"{release.version}+{name}", lambda: _merged(release, FOLDER / f"{name}.tsv"))


def _merged(release: Release, path: Path) -> Iterator[Term]:
    terms = {term.curie: term for term in _read(path)}
    for term in release.read():
        terms.pop(term.curie, None)
        yield term
    yield from terms.values()


def _read(path: Path) -> Iterator[Term]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE, strict=True))
        parents = {row["curie"]: row["parent"] for row in rows}
        for row in rows:
            synonyms = tuple(filter(None, row["synonyms"].split("|")))
            lineage = tuple(_lineage(row["curie"], parents))
            yield Term(row["curie"], row["label"], synonyms, lineage)
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise BadInput(
            "damaged_ontology_file",
            f"expected a table of curie, label, synonyms and parent, found: {error}",
            file=str(path),
            hint="reinstall this package",
        ) from error


def _lineage(curie: str, parents: Mapping[str, str]) -> Iterator[str]:
    """From the parent to the top of the table."""
    while curie := parents.get(curie, ""):
        yield curie
