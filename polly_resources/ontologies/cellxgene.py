"""Reads the ontologies that the package `cellxgene_ontology_guide` carries.

The package holds one file `NAME-ontology-VERSION.json.zst` per ontology and release: one
JSON object, CURIE to term, whose `ancestors` map a CURIE to its distance. Nine tenths of a
file are ancestors, the same for all siblings: each spelling of them is decoded once.
Keep out: other packages' layouts, and anything that imports the package.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import zstandard

from polly_resources.errors import BadInput, NotFound
from polly_resources.ontologies.catalogue import OntologyRow, Release
from polly_resources.records import Term

_CHUNK = 1 << 19
"""Bytes decoded at once: memory follows this, not the file (NCBITaxon is 850 MB)."""

_MARK = b'"ancestors":{'
"""Stands in no string: the quotes in a JSON string are escaped."""


def release(package: Path, row: OntologyRow) -> Release:
    """The newest release of an ontology in the package's folder, without what the row skips.

    Raises NotFound where the package has none.
    """
    prefix, suffix = f"{row.name}-ontology-", ".json.zst"
    files = (package / "data").glob(f"{prefix}*{suffix}")
    found = [(path.name[len(prefix) : -len(suffix)], path) for path in files]
    if not found:
        raise NotFound(
            "ontology_not_in_package",
            f"{package.name} holds no file {prefix}*{suffix}",
            file=str(package / "data"),
            hint="install a newer cellxgene-ontology-guide",
        )
    version, path = max(found, key=lambda item: _order(item[0]))
    return Release(version, lambda: _read(path, row.skip))


def _read(path: Path, skip: str) -> Iterator[Term]:
    try:
        with path.open("rb") as raw, zstandard.ZstdDecompressor().stream_reader(raw) as stream:
            yield from _terms(stream, skip)
    except (zstandard.ZstdError, ValueError, AttributeError, KeyError, TypeError) as error:
        raise BadInput(
            "damaged_ontology_file",
            f"expected a JSON object of terms, found: {error}",
            file=str(path),
            hint="reinstall cellxgene-ontology-guide",
        ) from error


def _order(version: str) -> tuple[int, ...]:
    """Versions are dates or dotted numbers, with or without v: compare their numbers."""
    return tuple(int(number) for number in re.findall(r"\d+", version))


def _terms(stream: IO[bytes], skip: str) -> Iterator[Term]:
    skipped = re.compile(skip).search if skip else None
    lineages = _Lineages()
    for block in _blocks(stream):
        entries, written = _decoded(block)
        for curie, entry in entries.items():
            label, synonyms = entry["label"], tuple(entry.get("synonyms") or ())
            if skipped and not synonyms and skipped(label):
                continue
            ancestors = lineages[written[entry["ancestors"]]]
            replaced_by = entry.get("replaced_by")
            yield Term(curie, label, synonyms, ancestors, entry["deprecated"], replaced_by)


def _blocks(stream: IO[bytes]) -> Iterator[bytes]:
    """The one object as several of whole terms; as one if it is not written as ever.

    As ever: without spaces, and ancestors first in a term.
    """
    buffer = b""
    while chunk := stream.read(_CHUNK):
        buffer += chunk
        end = buffer.rfind(b'},"', 0, max(0, buffer.rfind(b":{" + _MARK))) + 1
        if end:
            yield buffer[:end] + b"}"
            buffer = b"{" + buffer[end + 1 :]
    if _MARK not in buffer:
        buffer = json.dumps(json.loads(buffer), separators=(",", ":")).encode()
    yield buffer


def _decoded(block: bytes) -> tuple[dict[str, dict[str, Any]], list[bytes]]:
    """The terms of a block, whose `ancestors` are places in the list of what is written there."""
    head, *tails = block.split(_MARK)
    slim, written = [head], []
    for place, tail in enumerate(tails):
        ancestors, _, after = tail.partition(b"}")
        written.append(ancestors)
        slim += (b'"ancestors":%d' % place, after)
    return json.loads(b"".join(slim)), written


class _Lineages(dict[bytes, tuple[str, ...]]):
    """The members of an `ancestors` object, as written -> its CURIEs, nearest first."""

    def __init__(self) -> None:
        super().__init__()
        self._curies: dict[str, str] = {}

    def __missing__(self, written: bytes) -> tuple[str, ...]:
        distances = json.loads(b"{%b}" % written)
        near = sorted(distances, key=distances.__getitem__)
        lineage = self[written] = tuple(map(self._curies.setdefault, near, near))
        return lineage
