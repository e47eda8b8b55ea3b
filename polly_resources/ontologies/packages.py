"""Ontology releases out of installed Python packages: no download, no server.

Owns the backend `packages://FOLDER`, where FOLDER is its cache, percent-encoded.
Keep out: file layouts (one reader module each) and the list of ontologies (`catalogue`).
"""

from __future__ import annotations

import hashlib
import importlib.util
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import unquote

from polly_resources.errors import Misconfigured, NotFound
from polly_resources.ontologies import additions, cache, cellxgene, drug_names, hgnc
from polly_resources.ontologies.base import OntologyInfo, OntologySource
from polly_resources.ontologies.catalogue import ROWS, OntologyRow, Release
from polly_resources.records import Term

READERS: Mapping[str, Callable[[Path, OntologyRow], Release]] = {
    "cellxgene": cellxgene.release,
    "drug_names": drug_names.release,
    "hgnc": hgnc.release,
}
"""Reader name to its call: package folder and row of the catalogue to the newest release."""


class PackageOntologies(OntologySource):
    """The ontologies of `catalogue.ROWS`, in the newest release that is installed.

    The first to take all terms of an ontology converts it into the cache folder, where that
    can be written; `packages://` alone works without a cache.
    """

    def __init__(self, address: str) -> None:
        folder = unquote(address.partition("://")[2])
        self._folder = Path(folder) if folder else None

    def about(self) -> str:
        """See `Served.about`."""
        return f"{len(self.available())} ontologies from Python packages"

    def available(self) -> Sequence[OntologyInfo]:
        """The ontologies that can be loaded, one release each, ordered by name."""
        return tuple(
            OntologyInfo(row.name, _release(row).version, row.licence, row.source) for row in ROWS
        )

    def terms(self, name: str) -> Iterator[Term]:
        """Every term of the ontology, deprecated ones included. Raises NotFound."""
        release, path = self._source(name)
        if path is None:
            return release.read()
        stored = cache.read(path)
        return cache.record(path, release.read()) if stored is None else stored

    def lookup(self, name: str, curies: Collection[str]) -> dict[str, Term]:
        """See `OntologySource.lookup`; without a cache every term is read."""
        wanted = set(curies)
        _, path = self._source(name)
        found = None if path is None else cache.lookup(path, wanted)
        if found is None:
            found = (term for term in self.terms(name) if term.curie in wanted)
        return {term.curie: term for term in found}

    def _source(self, name: str) -> tuple[Release, Path | None]:
        """The release of that name, and its file in the cache. Raises NotFound."""
        row = next((row for row in ROWS if row.name == name), None)
        if row is None:
            known = ", ".join(row.name for row in ROWS)
            raise NotFound(
                "unknown_ontology", f"no ontology is named {name!r}", hint=f"choose one of: {known}"
            )
        release = _release(row)
        if self._folder is None:
            return release, None
        return release, self._folder / _file_name(row, release.version)


def _release(row: OntologyRow) -> Release:
    """The newest release, with what the row adds."""
    release = READERS[row.reader](_package_folder(row.package), row)
    return additions.merged(release, row.additions) if row.additions else release


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
