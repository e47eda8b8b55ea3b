"""Reads the ontologies that the package `cellxgene_ontology_guide` carries.

The package holds one file `NAME-ontology-VERSION.json.zst` per ontology and release: one
JSON object, CURIE to term, whose `ancestors` map a CURIE to its distance.
Keep out: other packages' layouts, and anything that imports the package.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

import zstandard

from polly_resources.errors import BadInput, NotFound
from polly_resources.ontologies.catalogue import Release
from polly_resources.records import Term

_CHUNK = 1 << 22
"""Characters decoded at once: memory follows this, not the file (NCBITaxon is 850 MB)."""


def release(package: Path, name: str) -> Release:
    """The newest release of an ontology in the package's folder.

    Raises NotFound where the package has none.
    """
    prefix, suffix = f"{name}-ontology-", ".json.zst"
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
    return Release(version, lambda: _read(path))


def _read(path: Path) -> Iterator[Term]:
    try:
        with path.open("rb") as raw, zstandard.ZstdDecompressor().stream_reader(raw) as stream:
            for curie, entry in _entries(io.TextIOWrapper(stream, encoding="utf-8")):
                yield _term(curie, entry)
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


def _entries(text: TextIO) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The members of the one object in `text`, decoded as they arrive."""
    decode = json.JSONDecoder().raw_decode
    buffer, done = "", False
    while not done:
        chunk = text.read(_CHUNK)
        done = not chunk
        buffer += chunk
        place = 0
        while True:
            try:
                key, after = decode(buffer, _skip(buffer, place, "{,"))
                entry, end = decode(buffer, _skip(buffer, after, ":"))
            except json.JSONDecodeError:
                break
            yield key, entry
            place = end
        buffer = buffer[place:]
    if "".join(buffer.split()) not in ("}", "{}"):
        raise ValueError(f"no term at {buffer[:80]!r}")


def _skip(buffer: str, place: int, marks: str) -> int:
    while place < len(buffer) and (buffer[place].isspace() or buffer[place] in marks):
        place += 1
    return place


def _term(curie: str, entry: Mapping[str, Any]) -> Term:
    ancestors = entry["ancestors"]
    return Term(
        curie=curie,
        label=entry["label"],
        synonyms=tuple(entry.get("synonyms") or ()),
        ancestors=tuple(sorted(ancestors, key=ancestors.__getitem__)),
        deprecated=entry["deprecated"],
        replaced_by=entry.get("replaced_by"),
    )
