"""The names around terms that make them found."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pytest

from polly_assets.concepts import BROAD, Concepts
from polly_resources.ontologies.packages import PackageOntologies
from polly_resources.records import Term
from tests.contracts.ontologies import entry, install

CELLS = {
    "CL:1": entry("cell"),
    "CL:2": entry("T cell", "CL:1", synonyms=["T lymphocyte"]),
    "CL:3": entry("CD4+ T cell", "CL:2", "CL:1", "UBERON:7", synonyms=["helper T cell"]),
    "CL:4": {**entry("", "CL:1"), "deprecated": True},
}


class Counting(PackageOntologies):
    """Tells which lookups were made."""

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.asked: list[tuple[str, set[str]]] = []

    def lookup(self, name: str, curies: Collection[str]) -> dict[str, Term]:
        self.asked.append((name, set(curies)))
        return super().lookup(name, curies)


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Counting:
    lines = {"CVCL_0031": entry("MCF-7", synonyms=["MCF7"])}
    descent = {"AfPO:1": entry("ours", "HANCESTRO:1"), "HANCESTRO:1": entry("African")}
    install(tmp_path / "site", monkeypatch, {"CL": CELLS, "CVCL": lines, "HANCESTRO": descent})
    return Counting(f"packages://{tmp_path}")


def test_synonyms_then_labels_of_known_ancestors(source: Counting) -> None:
    assert Concepts(source).names(["CL:3", "CL:2", "CL:1", "CL:4", "CVCL_0031", "AfPO:1"]) == {
        "CL:3": ["helper T cell", "T cell", "cell"],
        "CL:2": ["T lymphocyte", "cell"],
        "CL:1": [],
        "CL:4": ["cell"],
        "CVCL_0031": ["MCF7"],
        "AfPO:1": ["African"],
    }


def test_unknown_curies_have_no_names(source: Counting) -> None:
    unknown = ["CL:999", "NOPE:1", "", "no curie", "CL"]
    assert Concepts(source).names(unknown) == {curie: [] for curie in unknown}


def test_each_ontology_is_asked_twice_and_nothing_again(source: Counting) -> None:
    concepts = Concepts(source)
    assert concepts.names([]) == {}
    assert source.asked == []
    first = concepts.names(["CL:3", "CL:9"])
    assert source.asked == [("CL", {"CL:3", "CL:9"}), ("CL", {"CL:2", "CL:1", "UBERON:7"})]
    assert concepts.names(["CL:9", "CL:3"]) == first
    assert len(source.asked) == 2
    concepts.names(["CL:2", "CL:3"])
    assert source.asked[2:] == [("CL", {"CL:2"})]


def test_broad_ancestors_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tissues = {
        "UBERON:0001062": entry("anatomical entity", synonyms=["anatomy"]),
        "UBERON:0000955": entry("brain", "UBERON:0010314", "UBERON:0001062"),
        "UBERON:0010314": entry("structure from neural crest", "UBERON:0001062"),
        "UBERON:0002421": entry("hippocampus", "UBERON:0000955", "UBERON:0001062"),
    }
    install(tmp_path / "site", monkeypatch, {"UBERON": tissues})
    concepts = Concepts(PackageOntologies(f"packages://{tmp_path}"))
    assert concepts.names(["UBERON:0002421", "UBERON:0000955", "UBERON:0001062"]) == {
        "UBERON:0002421": ["brain"],
        "UBERON:0000955": [],
        "UBERON:0001062": ["anatomy"],
    }


def test_broad_terms_are_current_terms_of_the_installed_releases(tmp_path: Path) -> None:
    source = PackageOntologies(f"packages://{tmp_path}")
    small = {curie for curie in BROAD if curie.partition(":")[0] in ("CL", "MONDO", "UBERON")}
    for ontology in ("CL", "MONDO", "UBERON"):
        wanted = {curie for curie in small if curie.startswith(f"{ontology}:")}
        found = source.lookup(ontology, wanted)
        assert found.keys() == wanted
        assert not any(term.deprecated for term in found.values())
