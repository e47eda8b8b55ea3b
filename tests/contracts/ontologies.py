"""What every ontology source must do, and a small installation to do it on.

Add a test here when `ontologies.base` promises more. Subclasses give the fixture `source`.
Keep out: what only one backend does.
"""

from __future__ import annotations

import bz2
import json
import pickle
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import zstandard

from polly_resources.errors import NotFound
from polly_resources.ontologies.base import OntologySource
from polly_resources.ontologies.catalogue import ROWS


class OntologySuite:
    """The contract of `OntologySource`."""

    def test_available_is_ordered_and_complete(self, source: OntologySource) -> None:
        infos = source.available()
        names = [info.name for info in infos]
        assert names == sorted(set(names))
        assert all(info.version and info.licence and info.source for info in infos)

    def test_terms_of_all_ontologies_are_sound(self, source: OntologySource) -> None:
        for info in source.available():
            terms = list(source.terms(info.name))
            assert terms, info.name
            assert len({term.curie for term in terms}) == len(terms)
            for term in terms:
                assert term.curie not in term.ancestors
                assert isinstance(term.synonyms, tuple)
                assert isinstance(term.ancestors, tuple)

    def test_loads_are_equal(self, source: OntologySource) -> None:
        for info in source.available():
            assert list(source.terms(info.name)) == list(source.terms(info.name))

    def test_unknown_ontology_is_not_found_before_iteration(self, source: OntologySource) -> None:
        with pytest.raises(NotFound) as caught:
            source.terms("NOPE")
        assert caught.value.code == "unknown_ontology"
        assert "MONDO" in caught.value.hint
        with pytest.raises(NotFound) as caught:
            source.lookup("NOPE", [])
        assert caught.value.code == "unknown_ontology"

    def test_lookup_gives_the_same_terms(self, source: OntologySource) -> None:
        for info in source.available():
            terms = {term.curie: term for term in source.terms(info.name)}
            some = dict(list(terms.items())[::3])
            assert source.lookup(info.name, list(some)) == some

    def test_lookup_leaves_out_the_unknown(self, source: OntologySource) -> None:
        first = next(iter(source.terms("MONDO")))
        asked = [first.curie, "NOPE:1", "", first.curie]
        assert source.lookup("MONDO", asked) == {first.curie: first}
        assert source.lookup("MONDO", ["NOPE:1"]) == source.lookup("MONDO", []) == {}


def entry(label: str, *ancestors: str, **more: Any) -> dict[str, Any]:
    """A term as the cellxgene package writes it; ancestors from near to far."""
    distances = {curie: place for place, curie in enumerate(ancestors, start=1)}
    return {"ancestors": distances, "label": label, "deprecated": False, **more}


def write_release(package: Path, name: str, version: str, terms: Mapping[str, Any]) -> Path:
    """One ontology file in the layout of the cellxgene package."""
    path = package / "data" / f"{name}-ontology-{version}.json.zst"
    path.parent.mkdir(parents=True, exist_ok=True)
    content = json.dumps(dict(terms), separators=(",", ":"))
    path.write_bytes(zstandard.compress(content.encode()))
    return path


def install(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    ontologies: Mapping[str, Mapping[str, Any]],
    drugs: Mapping[str, Any] | None = None,
) -> Path:
    """Packages in the layouts of the real ones, found instead of them; the guide's folder."""
    guide = folder / "cellxgene_ontology_guide"
    names = folder / "drug_named_entity_recognition"
    for package in (guide, names):
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        monkeypatch.delitem(sys.modules, package.name, raising=False)
    for row in ROWS:
        if row.reader == "cellxgene":
            default = {f"{row.name}:1": entry("root"), f"{row.name}:2": entry("x", f"{row.name}:1")}
            write_release(guide, row.name, "v2026-01-01", ontologies.get(row.name, default))
    content = drugs or {
        "drug_canonical_to_data": {"aspirin": {"name": "Aspirin", "drugbank_id": "DB00945"}},
        "drug_variant_to_canonical": {"aspirin": ["aspirin"], "asa": ["aspirin"]},
    }
    (names / "drug_ner_dictionary.pkl.bz2").write_bytes(bz2.compress(pickle.dumps(content)))
    monkeypatch.syspath_prepend(str(folder))
    return guide
