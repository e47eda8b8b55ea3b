"""Ontology releases out of installed Python packages: no download, no server.

Owns the backend `packages://FOLDER`, where FOLDER is its cache.
Keep out: file layouts (one reader module each) and the list of ontologies (`catalogue`).
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Sequence
from pathlib import Path

from polly_resources.errors import Misconfigured, NotFound
from polly_resources.ontologies import cellxgene
from polly_resources.ontologies.base import OntologyInfo, OntologySource
from polly_resources.ontologies.catalogue import ROWS, OntologyRow
from polly_resources.records import Term


class PackageOntologies(OntologySource):
    """The ontologies of `catalogue.ROWS`, in the newest release that is installed."""

    def __init__(self, address: str) -> None:
        self._cache = address.partition("://")[2]

    def available(self) -> Sequence[OntologyInfo]:
        """The ontologies that can be loaded, one release each, ordered by name."""
        return tuple(
            OntologyInfo(
                row.name,
                cellxgene.release(_folder(row.package), row.name)[0],
                row.licence,
                row.source,
            )
            for row in ROWS
        )

    def terms(self, name: str) -> Iterator[Term]:
        """Every term of the ontology, deprecated ones included. Raises NotFound."""
        row = _row(name)
        return cellxgene.read(cellxgene.release(_folder(row.package), row.name)[1])


def _row(name: str) -> OntologyRow:
    for row in ROWS:
        if row.name == name:
            return row
    known = ", ".join(row.name for row in ROWS)
    raise NotFound("unknown_ontology", f"no ontology {name!r}", hint=f"choose one of: {known}")


def _folder(package: str) -> Path:
    """The folder of an installed package, found without importing it."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise Misconfigured(
            "missing_package",
            f"the package {package} is not installed",
            hint=f"pip install {package.replace('_', '-')}",
        )
    return Path(spec.submodule_search_locations[0])
