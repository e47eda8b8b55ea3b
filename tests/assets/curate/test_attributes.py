from __future__ import annotations

import pytest

from tests.assets.curate.small import labels


@pytest.mark.parametrize(
    ("value", "sex"),
    [("F", "female"), ("Male", "male"), ("woman", "female"), ("boy", "male"), ("mixed", "mixed"),
     ("male and female", "mixed"), ("1", None), ("NA", None), ("unknown", None), ("1 (female)",
     "female")],
)  # fmt: skip
def test_sex_under_its_key(annotate, value, sex):
    for key in ("Sex", "gender"):
        assert labels(annotate(**{key: value}), "sex") == ([sex] if sex else [])


def test_sex_carries_the_term_and_running_text_may_state_it(annotate):
    assert annotate(Sex="F").fields["sex"][0].curie == "PATO:0000383"
    assert annotate("liver of a male mouse").fields["sex"][0].curie == "PATO:0000384"
    assert labels(annotate("Sex M, Age 44"), "sex") == ["male"]


@pytest.mark.parametrize(
    ("key", "value", "age"),
    [
        ("age", "58 years", "58 years"),
        ("age", "58", "58 years"),
        ("age at surgery", "58", "58 years"),
        ("age", "8 wk", "8 weeks"),
        ("age", "1 year", "1 year"),
        ("age (months)", "3.5", "3.5 months"),
        ("age in weeks", "12", "12 weeks"),
        ("age", "8-10 weeks", "8-10 weeks"),
        ("age", "16-week-old", "16 weeks"),
        ("age", "P7", "7 days postnatal"),
        ("age", "E18.5", "embryonic day 18.5"),
        ("age", "20 weeks of gestation", "20 weeks gestation"),
        ("age", ">89", ">89 years"),
        ("age", "adult", "adult"),
        ("developmental stage", "fetal", "fetal"),
        ("age", "NA", None),
        ("age", "unknown", None),
    ],
)
def test_age_is_normalised(annotate, key, value, age):
    assert labels(annotate(**{key: value}), "age") == ([age] if age else [])


def test_age_of_a_rodent_gets_no_guessed_years(annotate):
    assert labels(annotate("mouse liver", age="8"), "age") == ["8"]


def test_age_in_running_text(annotate):
    assert labels(annotate("58 year old donor"), "age") == ["58 years"]
    assert labels(annotate("liver E18.5 rep1"), "age") == ["embryonic day 18.5"]
    assert labels(annotate("Sex M, Age 44, pN0"), "age") == ["44 years"]
    assert labels(annotate("P7 cells after 3 days"), "age") == []


@pytest.mark.parametrize(
    ("value", "strain"),
    [("C57BL/6", "C57BL/6"), ("C57BL6", "C57BL/6"), ("c57/bl6", "C57BL/6"), ("C57BL/6J",
     "C57BL/6J"),
     ("Balb/c", "BALB/c"), ("FVB/N", "FVB/N"), ("129/Sv", "129"), ("Sprague-Dawley",
     "Sprague Dawley"),
     ("Kunming", "Kunming")],
)  # fmt: skip
def test_strains_by_their_standard_names(annotate, value, strain):
    (found,) = annotate(strain=value).fields["strain"]
    assert (found.label, found.curie) == (strain, "")


def test_what_is_no_strain_is_left_out(annotate):
    assert labels(annotate(background="healthy control"), "strain") == []
    assert labels(annotate(strain="NA"), "strain") == []
    assert labels(annotate(mtb_strain="HN878"), "strain") == []


@pytest.mark.parametrize(
    ("keys", "kind"),
    [
        ({"source": "liver biopsy"}, "tissue"),
        ({"tissue": "liver"}, "tissue"),
        ({"cell_line": "MCF-7"}, "cell line"),
        ({"source": "primary human hepatocytes"}, "primary cell"),
        ({"title": "intestinal organoid day 5"}, "organoid"),
        ({"title": "MCF-7 xenograft"}, "xenograft"),
        ({"source": "whole blood"}, "biofluid"),
        ({"source": "iPSC-derived neurons"}, "in vitro differentiated cell"),
        ({"source": "cultured cells"}, "cell culture"),
    ],
)
def test_sample_types(annotate, keys, kind):
    assert labels(annotate(**keys), "sample_type") == [kind]
