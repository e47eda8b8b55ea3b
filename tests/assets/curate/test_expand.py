"""`recommend()` in SQL: which labels a text stands for, and what the search index adds."""

from __future__ import annotations

from pathlib import Path

import pytest

from polly_assets.curate.expand import FIELDS, MODES, expand
from polly_assets.vocabulary import Vocabularies, Vocabulary
from polly_resources.errors import BadQuery
from polly_resources.ontologies.packages import PackageOntologies
from polly_resources.records import Term
from tests.contracts.ontologies import entry, install

LINES = {"CVCL_0031": entry("MCF-7"), "CVCL_1": entry("INS-1"), "CVCL_2": entry("Ins-1")}
DRUGS = {"CHEBI:50924": entry("sorafenib"), "CHEBI:1": entry("aspirin")}
CELLS = {
    "CL:1": entry("cell"),
    "CL:2": entry("T cell", "CL:1", synonyms=["T lymphocyte"]),
    "CL:3": entry("CD4+ T cell", "CL:2", "CL:1"),
    "CL:4": {**entry("old T cell", "CL:1"), "deprecated": True},
    **{f"CL:{n}": entry(f"cell {n}", "CL:1") for n in range(10, 20)},
}


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Vocabularies:
    install(tmp_path, monkeypatch, {"CVCL": LINES, "CHEBI": DRUGS, "CL": CELLS})
    return Vocabularies(PackageOntologies("packages://"))


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Vocabularies:
    return Vocabularies(PackageOntologies(f"packages://{tmp_path_factory.mktemp('cache')}"))


def test_match_gives_label_and_synonyms(small: Vocabularies) -> None:
    assert expand("cell_type", "t LYMPHOCYTE ", "match", small) == ["T cell", "T lymphocyte"]
    assert expand("curated_cell_type", "T cells", "match", small) == ["T cell", "T lymphocyte"]


def test_related_adds_kin_but_no_broad_ancestor(small: Vocabularies) -> None:
    assert expand("cell_type", "T cell", "related", small) == [
        "T cell", "T lymphocyte", "CD4+ T cell",
    ]  # fmt: skip
    assert expand("cell_type", "CD4+ T cell", "related", small) == ["CD4+ T cell", "T cell"]
    assert len(expand("cell_type", "cell", "related", small)) == 13


def test_spelling_of_cell_lines_is_evened_out_last(small: Vocabularies) -> None:
    assert expand("cell_line", "MCF7", "match", small) == ["MCF-7"]
    assert expand("cell_line", "ins-1", "match", small) == ["INS-1", "Ins-1"]


def test_two_ontologies_of_drugs(small: Vocabularies) -> None:
    assert expand("drug", "Aspirin", "match", small) == ["aspirin", "Aspirin", "asa"]
    assert expand("drug", "ASA", "match", small) == ["Aspirin", "asa"]
    assert expand("drug", "sorafenib", "match", small) == ["sorafenib"]


def test_plus_is_not_punctuation(small: Vocabularies) -> None:
    with pytest.raises(BadQuery):
        expand("cell_type", "CD4- T cell", "match", small)


def test_withdrawn_terms_have_no_name(small: Vocabularies) -> None:
    with pytest.raises(BadQuery, match="T cell"):
        expand("cell_type", "old T cell", "match", small)


@pytest.mark.parametrize("text", ["", "  ", "-", "qqqqqq"])
def test_unknown_text(small: Vocabularies, text: str) -> None:
    with pytest.raises(BadQuery) as caught:
        expand("cell_line", text, "match", small)
    assert caught.value.code == "unknown_term"
    assert "CVCL" in caught.value.message


def test_unknown_text_names_the_nearest(small: Vocabularies) -> None:
    with pytest.raises(BadQuery) as caught:
        expand("cell_line", "MFC-7", "match", small)
    assert "mcf-7" in caught.value.hint


@pytest.mark.parametrize("mode", ["", "match gene", "related tissue", "related by structure"])
def test_unsupported_mode_names_the_supported(small: Vocabularies, mode: str) -> None:
    with pytest.raises(BadQuery) as caught:
        expand("curated_cell_line", "MCF-7", mode, small)
    assert caught.value.code == "unsupported_recommend_mode"
    assert all(known in caught.value.hint for known in MODES)


def test_unsupported_field(small: Vocabularies) -> None:
    with pytest.raises(BadQuery) as caught:
        expand("curated_strain", "C57BL/6", "match", small)
    assert caught.value.code == "unsupported_recommend_field"
    assert all(name in caught.value.hint for name in FIELDS)


def test_label_goes_before_synonym() -> None:
    vocabulary = Vocabulary([Term("A:1", "other", ("skin",)), Term("A:2", "Skin")])
    assert [term.curie for term in vocabulary.find("skin")] == ["A:2"]


def test_ancestors_that_are_no_terms_are_left_out() -> None:
    terms = [Term(f"A:{n}", f"a{n}", (), (f"B:{n}",)) for n in range(9)]
    assert Vocabulary(terms).ancestors(terms[0]) == []


@pytest.mark.parametrize(
    ("field", "text", "label"),
    [
        ("disease", "breast neoplasms", "breast neoplasm"),
        ("disease", "Breast Neoplasms", "breast neoplasm"),
        ("disease", "Leukemia, Myeloid, Acute", "acute myeloid leukemia"),
        ("disease", "Carcinoma, Hepatocellular", "hepatocellular carcinoma"),
        ("disease", "Diabetes Mellitus, Type 2", "type 2 diabetes mellitus"),
        ("disease", "thyroid cancer", "thyroid cancer"),
        ("disease", "obesity", "obesity disorder"),
        ("disease", "covid19", "COVID-19"),
        ("tissue", "breast", "breast"),
        ("tissue", "skin", "zone of skin"),
        ("cell_type", "germ cell", "germ cell"),
        ("cell_type", "macrophages", "macrophage"),
        ("gene", "p53", "TP53"),
    ],
)
def test_texts_that_people_use(real: Vocabularies, field: str, text: str, label: str) -> None:
    assert expand(field, text, "match", real)[0] == label


def test_related_of_a_real_disease(real: Vocabularies) -> None:
    labels = expand("disease", "thyroid cancer", "related", real)
    assert {"cancer", "neoplasm", "endocrine system disorder"} <= set(labels)
    assert "intrathyroid thymic carcinoma" in labels
    assert not {"disease", "human disease"} & set(labels)
    assert "breast carcinoma" in expand("disease", "breast neoplasms", "related", real)


def test_gene_spelling_is_not_evened_out(real: Vocabularies) -> None:
    with pytest.raises(BadQuery, match="tp53"):
        expand("gene", "Trp53", "match", real)
