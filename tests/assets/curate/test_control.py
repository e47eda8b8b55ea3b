from __future__ import annotations

import pytest

from polly_assets.curate.control import controls_of
from polly_assets.curate.models.base import CurationRecord


def verdicts(*titles: str) -> list[bool | None]:
    return [c.value for c in controls_of([CurationRecord(t, "S", title=t) for t in titles])]


@pytest.mark.parametrize(
    "title",
    ["control rep1", "untreated 24h", "DMSO 6h", "mock", "wild type liver", "scrambled shRNA",
     "healthy donor 3",
     "vehicle-treated", "siControl", "uninfected", "sham operated", "empty vector"],
)  # fmt: skip
def test_control_words(title):
    assert verdicts(title) == [True]


@pytest.mark.parametrize(
    "title",
    ["TP53 knockout", "LPS treated", "10 nM dexamethasone", "infected 24h", "Trp53-/- liver",
     "breast tumor", "wild type, treated with LPS 10 ng/ml", "quality control passed tumor"],
)  # fmt: skip
def test_changed_words(title):
    assert verdicts(title) == [False]


def test_keys_speak_louder_than_titles():
    record = CurationRecord("a", title="sample 1", characteristics={"treatment": "none"})
    assert controls_of([record])[0].value is True
    record = CurationRecord("a", title="control diet", characteristics={"genotype": "Myc KO"})
    assert controls_of([record])[0].value is False


def test_a_denied_disease_is_the_reference():
    def under_disease(value):
        record = CurationRecord("a", title="islets", characteristics={"disease state": value})
        return controls_of([record])[0].value

    assert under_disease("no diabetes") is under_disease("without cancer") is True
    assert under_disease("type 2 diabetes") is under_disease("no relapse") is False


def test_nothing_said_is_unknown_unless_the_study_has_controls():
    assert verdicts("liver 1", "liver 2") == [None, None]
    assert verdicts("liver 1", "control liver") == [False, True]


def test_day_zero_is_a_control_by_contrast():
    assert verdicts("day 0") == [False]
    assert verdicts("day 0", "LPS treated day 3") == [True, False]


def test_confidence_is_a_probability():
    study = [
        CurationRecord(str(i), "S", title=t) for i, t in enumerate(("control", "KO", "", "0h"))
    ]
    assert all(0 <= control.confidence <= 1 for control in controls_of(study))
