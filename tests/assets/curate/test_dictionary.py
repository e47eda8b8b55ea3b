# ruff: noqa: RUF001 - Greek letters and curly quotes are what is tested

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polly_assets.curate.models.base import FIELDS, CurationRecord
from tests.assets.curate.small import all_annotations, labels


def texts_of(record: CurationRecord) -> dict[str, str]:
    return {
        "title": record.title,
        "source": record.source,
        "description": record.description,
        **{f"characteristics.{key}": value for key, value in record.characteristics.items()},
    }


@pytest.mark.parametrize("name", ["MCF7", "MCF-7", "MCF 7", "mcf7", "MCF_7"])
def test_cell_lines_in_any_punctuation(annotate, name):
    (line,) = annotate(cell_line=name).fields["cell_line"]
    assert (line.curie, line.text, line.source_field) == (
        "CVCL_0031" if name != "MCF7" else "CVCL_A1B2",
        name,
        "characteristics.cell line",
    )


@pytest.mark.parametrize("title", ["T24 rep1", "1234", "are YOU here", "hela", "patient 293"])
def test_short_numeric_and_wordlike_lines_are_not_taken_from_a_title(annotate, title):
    assert labels(annotate(title), "cell_line") == []


@pytest.mark.parametrize(
    ("title", "line"),
    [("T24 cells, control", "T24"), ("HeLa rep 2", "HeLa"), ("HEK 293 cells", "HEK293")],
)
def test_context_admits_a_line(annotate, title, line):
    assert labels(annotate(title), "cell_line") == [line]


def test_the_key_decides_between_fields(annotate):
    record = annotate(tissue="breast cancer")
    assert labels(record, "tissue") == ["breast"]
    assert labels(record, "disease") == ["breast cancer"]


def test_a_tissue_inside_a_disease_counts_where_no_other_is_named(annotate):
    assert labels(annotate("breast cancer sample"), "tissue") == ["breast"]
    assert labels(annotate("breast cancer sample", "liver"), "tissue") == ["liver"]


def test_a_common_line_gives_its_organ_where_no_tissue_is_named(annotate):
    (tissue,) = annotate(cell_line="HeLa").fields["tissue"] or [None]
    assert tissue is None  # the small ontology has no uterine cervix
    (tissue,) = annotate(cell_line="MCF-7").fields["tissue"]
    assert (tissue.label, tissue.text, tissue.confidence) == ("breast", "MCF-7", 0.55)


def test_the_specific_statement_stands_for_the_general(annotate):
    record = annotate("type 2 diabetes patient", disease="diabetes")
    assert labels(record, "disease") == ["type 2 diabetes mellitus"]
    assert labels(annotate("hippocampus", tissue="brain"), "tissue") == ["hippocampal formation"]


def test_words_of_the_title_do_not_add_to_what_the_key_says(annotate):
    assert labels(annotate("lung metastasis study", tissue="liver"), "tissue") == ["liver"]


@pytest.mark.parametrize(
    "words",
    ["no diabetes", "non-diabetic", "without asthma", "negative for asthma", "ruled out asthma",
     "family history of asthma", "asthma: none", "asthma negative", "not breast cancer"],
)  # fmt: skip
def test_denied_diseases_are_not_annotated(annotate, words):
    assert labels(annotate(words), "disease") == []


@pytest.mark.parametrize(
    "keys",
    [
        {"disease_state": "normal"},
        {"disease": "none"},
        {"diagnosis": "healthy control"},
        {"tissue": "adjacent normal tissue"},
        {"tissue": "tumour-adjacent normal"},
        {"subject_status": "healthy donor"},
        {"group": "control"},
    ],
)
def test_stated_health_leaves_disease_empty(annotate, keys):
    record = annotate("breast cancer study, sample 3", **keys)
    assert record.fields["disease"] == ()


def test_a_bare_healthy_value_does_not_overrule_a_named_disease(annotate):
    record = annotate(disease="asthma", infection="none")
    assert labels(record, "disease") == ["asthma"]


def test_a_control_of_treatment_keeps_its_disease(annotate):
    record = annotate(disease_state="asthma", treatment="control")
    assert labels(record, "disease") == ["asthma"]


def test_a_key_may_name_the_disease_that_its_value_affirms(annotate):
    (disease,) = annotate(asthma="yes").fields["disease"]
    assert (disease.label, disease.text) == ("asthma", "yes")
    assert annotate(asthma="no").fields["disease"] == ()


def test_an_uninfected_cell_keeps_its_disease(annotate):
    record = annotate(infection="uninfected", cell_type="breast cancer cells")
    assert labels(record, "disease") == ["breast cancer"]


def test_acronyms_need_their_key_or_their_table(annotate):
    assert labels(annotate("AML blasts"), "disease") == []
    assert labels(annotate("NSCLC biopsy"), "disease") == ["non-small cell lung carcinoma"]
    assert labels(annotate(disease="AML"), "disease") == ["acute myeloid leukemia"]


def test_a_study_defines_its_own_abbreviations(model):
    records = [
        CurationRecord("a", "S1", title="diabetes mellitus (DIM) patient 1"),
        CurationRecord("b", "S1", title="DIM patient 2"),
        CurationRecord("c", "S2", title="DIM patient 3"),
    ]
    found = [labels(outcome, "disease") for outcome in model.annotate(records)]
    assert found == [["diabetes mellitus"], ["diabetes mellitus"], []]


def test_disease_does_not_spread_over_a_study(model):
    records = [
        CurationRecord("a", "S", "asthma patient"),
        CurationRecord("b", "S", "subject 2"),
    ]
    assert [labels(r, "disease") for r in model.annotate(records)] == [["asthma"], []]


@pytest.mark.parametrize(
    ("keys", "genes"),
    [
        ({"title": "siRNA TP53 rep1"}, ["TP53"]),
        ({"title": "shTP53 day 2"}, ["TP53"]),
        ({"title": "TP53-/- cells"}, ["TP53"]),
        ({"title": "anti-MYC ChIP"}, ["MYC"]),
        ({"title": "MYC overexpression"}, ["MYC"]),
        ({"genotype": "TP53 knockout"}, ["TP53"]),
        ({"title": "TP53 and MYC levels"}, []),
        ({"genotype": "CAT"}, []),
        ({"title": "tp53 knockout"}, []),
    ],
)
def test_genes_need_capitals_and_context(annotate, keys, genes):
    assert labels(annotate(**keys), "gene") == genes


def test_drugs_by_any_name_but_not_vehicles_or_buffers(annotate):
    assert labels(annotate(treatment="Decadron 10 nM"), "drug") == ["dexamethasone"]
    assert labels(annotate(treatment="water"), "drug") == []
    assert labels(annotate(treatment="without dexamethasone"), "drug") == []
    assert labels(annotate(description="extraction buffer: tamoxifen column"), "drug") == []
    assert labels(annotate(description="cells treated with tamoxifen"), "drug") == ["tamoxifen"]


def test_unsearched_keys_say_nothing(annotate):
    record = annotate(smoking_status="asthma", batch="liver", patient_id="MCF7", rin="blood")
    assert all_annotations(record) == []


@pytest.mark.parametrize(
    ("said", "organism"),
    [
        ("yeast", "Saccharomyces cerevisiae"),
        ("Baker's yeast", "Saccharomyces cerevisiae"),
        ("S. cerevisiae", "Saccharomyces cerevisiae"),
        ("S.cerevisiae", "Saccharomyces cerevisiae"),
        ("E. coli", "Escherichia coli"),
        ("D. rerio", "Danio rerio"),
        ("M. musculus", "Mus musculus"),
        ("Rice (Nipponbare)", "Oryza sativa"),
        ("HIV1", "Human immunodeficiency virus 1"),
        ("hiv-1 NL4-3", "Human immunodeficiency virus 1"),
        ("Salmonella Typhimurium", "Salmonella"),
        ("Arabidopsis", "Arabidopsis thaliana"),
        ("Arabidopsis lyrata", "Arabidopsis"),
    ],
)
def test_organisms_that_are_no_animals_by_key(annotate, said, organism):
    assert labels(annotate(organism=said), "organism") == [organism]


def test_organisms_in_running_text(annotate):
    assert labels(annotate("Arabidopsis leaf"), "organism") == ["Arabidopsis thaliana"]
    assert labels(annotate("S. cerevisiae, log phase"), "organism") == ["Saccharomyces cerevisiae"]
    assert labels(annotate("D. rerio embryo"), "organism") == ["Danio rerio"]
    for title in ("yeast extract", "rice bran", "Salmonella vaccine", "HIV-1 seropositive"):
        assert labels(annotate(title), "organism") == []


def test_viruses_are_not_abbreviated(annotate):
    assert labels(annotate(organism="Z. virus"), "organism") == []


def test_organism_by_scientific_and_common_name(annotate):
    assert annotate(organism="Homo sapiens").fields["organism"][0].curie == "NCBITaxon:9606"
    assert labels(annotate("mouse liver"), "organism") == ["Mus musculus"]
    assert labels(annotate(host="human"), "organism") == ["Homo sapiens"]
    assert labels(annotate(organism="E. coli"), "organism") == ["Escherichia coli"]


def test_submitted_terms_are_trusted(model):
    record = CurationRecord(
        "c1",
        characteristics={
            "tissue_ontology_term_id": "UBERON:0002048",
            "tissue": "liver",
            "disease_ontology_term_id": "PATO:0000461",
            "disease": "asthma",
            "sex_ontology_term_id": "PATO:0000383",
            "development_stage_ontology_term_id": "HsapDv:0000087",
            "cell_type_ontology_term_id": "CL:9999999",
            "cell_type": "odd cell",
        },
    )
    (outcome,) = model.annotate([record])
    (tissue,) = outcome.fields["tissue"]
    assert (tissue.label, tissue.method, tissue.confidence) == ("lung", "submitted", 1.0)
    assert tissue.text == tissue.curie == "UBERON:0002048"
    assert outcome.fields["disease"] == ()
    assert labels(outcome, "sex") == ["female"]
    assert labels(outcome, "age") == ["adult stage"]
    assert labels(outcome, "cell_type") == ["odd cell"]


def test_every_field_is_present_and_stamped(model, annotate):
    record = annotate("HeLa cells", tissue="liver")
    assert tuple(record.fields) == FIELDS
    for annotation in all_annotations(record):
        assert annotation.model_version == model.version
        assert 0 <= annotation.confidence <= 1


WORDS = st.sampled_from(
    ["breast cancer", "MCF-7", "MCF 7", "no", "T-cells", "(HCC)", "hepatocellular carcinoma",
     "TNF-α",
     "liver;", "Sjögren’s", "E18.5", "58 years old", "female", "C57BL/6", "siTP53", "\u00a0",
     "İ", "ﬁ", "ß", "HCC",
     "Age: 5", "sex: F", ".", "non-", "healthy", "organoid", "µM", "A\u0301"]
)  # fmt: skip
TEXTS = st.one_of(st.lists(WORDS, max_size=8).map(" ".join), st.text(max_size=60))
KEYS = st.sampled_from(
    ["tissue", "disease", "cell line", "cell type", "Sex", "age (weeks)", "strain",
     "treatment", "odd", "genotype", ""]
)  # fmt: skip
RECORDS = st.builds(
    CurationRecord,
    id=st.just("x"),
    study=st.sampled_from(["", "S"]),
    title=TEXTS,
    source=TEXTS,
    characteristics=st.dictionaries(KEYS, TEXTS, max_size=4),
    description=TEXTS,
)


@given(st.lists(RECORDS, max_size=3))
def test_offsets_slice_back_and_annotating_twice_is_equal(model, records):
    first = model.annotate(records)
    assert first == model.annotate(records)
    for record, outcome in zip(records, first, strict=True):
        texts = texts_of(record)
        for annotation in all_annotations(outcome):
            text = texts[annotation.source_field]
            assert text[annotation.start : annotation.end] == annotation.text
            assert annotation.text.strip()
