"""Ontology releases out of installed Python packages: no download, no server.

Owns the backend `packages://FOLDER`, where FOLDER is its cache.
Keep out: file layouts (one reader module each) and the list of ontologies (`catalogue`).
"""

from __future__ import annotations

import hashlib
import importlib.util
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from polly_resources.errors import Misconfigured, NotFound
from polly_resources.ontologies import cache, cellxgene, drug_names, hgnc
from polly_resources.ontologies.base import OntologyInfo, OntologySource
from polly_resources.ontologies.catalogue import ROWS, OntologyRow, Release
from polly_resources.records import Term

READERS: Mapping[str, Callable[[Path, str], Release]] = {
    "cellxgene": cellxgene.release,
    "drug_names": drug_names.release,
    "hgnc": hgnc.release,
}
"""Reader name to its call: package folder and ontology name to the newest release."""


class PackageOntologies(OntologySource):
    """The ontologies of `catalogue.ROWS`, in the newest release that is installed.

    The first load of an ontology converts it into the cache folder, where that can be
    written; `packages://` alone works without a cache.
    """

    def __init__(self, address: str) -> None:
        folder = address.partition("://")[2]
        self._folder = Path(folder) if folder else None

    def available(self) -> Sequence[OntologyInfo]:
        """The ontologies that can be loaded, one release each, ordered by name."""
        return tuple(
            OntologyInfo(row.name, _release(row).version, row.licence, row.source) for row in ROWS
        )

    def terms(self, name: str) -> Iterator[Term]:
        """Every term of the ontology, deprecated ones included. Raises NotFound."""
        row = next((row for row in ROWS if row.name == name), None)
        if row is None:
            known = ", ".join(row.name for row in ROWS)
            raise NotFound(
                "unknown_ontology", f"no ontology is named {name!r}", hint=f"choose one of: {known}"
            )
        release = _release(row)
        if self._folder is None:
            return _kept(release.read(), row.skip)
        path = self._folder / _file_name(row, release.version)
        stored = cache.read(path)
        if stored is None and cache.write(path, _kept(release.read(), row.skip)):
            stored = cache.read(path)
        return _kept(release.read(), row.skip) if stored is None else stored


def _release(row: OntologyRow) -> Release:
    return READERS[row.reader](_package_folder(row.package), row.name)


def _package_folder(package: str) -> Path:
    """The folder of an installed package, found without importing it."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise Misconfigured(
            "missing_package",
            f"the package {package} is not installed",
            hint=f"pip install {package.replace('_', '-')}",
        )
    return Path(next(iter(spec.submodule_search_locations)))


def _file_name(row: OntologyRow, version: str) -> str:
    """Names what the content depends on: release, row and code revision."""
    mark = hashlib.sha256(f"{row}{cache.REVISION}".encode()).hexdigest()[:12]
    return f"{row.name}-{re.sub(r'[^A-Za-z0-9.-]', '_', version)}-{mark}.arrow"


def _kept(terms: Iterator[Term], skip: str) -> Iterator[Term]:
    if not skip:
        return terms
    skipped = re.compile(skip).search
    return (term for term in terms if term.synonyms or not skipped(term.label))
