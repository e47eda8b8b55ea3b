"""How annotations become columns: three states, first values, and what datasets inherit."""

from __future__ import annotations

import polars as pl
import pytest

from polly_assets.publish import curated_columns
from polly_assets.schema import TERM_FIELDS

SAMPLES = pl.DataFrame({"dataset_id": ["d", "d", "e"], "sample_id": ["s1", "s2", "s1"]})
DATASETS = pl.DataFrame({"dataset_id": ["d", "e"]})
SCHEMA = {
    "dataset_id": pl.String,
    "sample_id": pl.String,
    "field": pl.String,
    "label": pl.String,
    "curie": pl.String,
    "status": pl.String,
}


def annotations(*rows):
    """(dataset, sample, field, label[, status]) each."""
    return pl.DataFrame(
        [
            (
                d,
                s,
                field,
                label,
                f"X:{label}" if field in TERM_FIELDS else None,
                *(status or ["auto"]),
            )
            for d, s, field, label, *status in rows
        ],
        schema=SCHEMA,
        orient="row",
    )


def samples(*rows):
    return curated_columns.for_samples(SAMPLES, annotations(*rows))


def datasets(*rows):
    return curated_columns.for_datasets(DATASETS, annotations(*rows))


class TestSamples:
    def test_assessed_and_nothing_found_is_an_empty_list(self):
        frame = samples()
        assert frame.height == 3
        for name in TERM_FIELDS:
            assert frame[f"curated_{name}"].to_list() == [[], [], []]
            assert frame[f"curated_{name}_curie"].to_list() == [[], [], []]
        for name in ("sex", "age", "sample_type", "control"):
            assert frame[f"curated_{name}"].to_list() == [None] * 3

    def test_values_belong_to_their_sample_of_their_dataset(self):
        frame = samples(
            ("d", "s1", "disease", "asthma"),
            ("d", "s1", "disease", "cancer"),
            ("e", "s1", "disease", "gout"),
            ("d", "s1", "tissue", "lung"),
        )
        assert frame["curated_disease"].to_list() == [["asthma", "cancer"], [], ["gout"]]
        assert frame["curated_disease_curie"].to_list()[0] == ["X:asthma", "X:cancer"]
        assert frame["curated_tissue"].to_list() == [["lung"], [], []]
        assert frame.select("dataset_id", "sample_id").equals(SAMPLES)

    def test_each_value_once_and_lists_stay_beside_each_other(self):
        frame = samples(
            ("d", "s1", "strain", "B6"), ("d", "s1", "strain", "B6"), ("d", "s1", "strain", "X")
        )
        assert frame["curated_strain"].to_list()[0] == ["B6", "X"]
        lengths = frame["curated_strain_curie"].list.len().to_list()
        assert lengths == frame["curated_strain"].list.len().to_list()

    def test_a_value_without_a_term_has_an_empty_curie(self):
        found = annotations(("d", "s1", "strain", "odd")).with_columns(
            curie=pl.lit(None, pl.String)
        )
        frame = curated_columns.for_samples(SAMPLES, found)
        assert frame["curated_strain_curie"].to_list()[0] == [""]

    @pytest.mark.parametrize("field", ["sex", "age", "sample_type"])
    def test_single_values(self, field):
        frame = samples(("d", "s2", field, "one"), ("d", "s2", field, "two"))
        assert frame[f"curated_{field}"].to_list() == [None, "one", None]

    def test_control_is_yes_no_or_unknown(self):
        frame = samples(("d", "s1", "is_control", "true"), ("d", "s2", "is_control", "false"))
        assert frame["curated_control"].to_list() == [1, 0, None]
        assert frame["curated_control"].dtype == pl.Int32

    def test_rejected_ones_do_not_count(self):
        frame = samples(
            ("d", "s1", "disease", "asthma", "rejected"),
            ("d", "s1", "sex", "male", "rejected"),
            ("d", "s1", "sex", "female", "corrected"),
            ("d", "s1", "is_control", "true", "rejected"),
        )
        assert frame["curated_disease"].to_list()[0] == []
        assert frame["curated_sex"].to_list()[0] == "female"
        assert frame["curated_control"].to_list()[0] is None

    def test_what_the_study_says_is_not_said_of_samples(self):
        assert samples(("d", None, "disease", "asthma"))["curated_disease"].to_list()[0] == []


class TestDatasets:
    def test_the_union_of_the_samples(self):
        frame = datasets(
            ("d", "s1", "disease", "asthma"),
            ("d", "s2", "disease", "cancer"),
            ("d", "s2", "disease", "asthma"),
            ("d", None, "disease", "gout"),
        )
        assert frame["curated_disease"].to_list() == [["asthma", "cancer"], []]
        assert frame["curated_disease_curie"].to_list() == [["X:asthma", "X:cancer"], []]

    def test_else_what_the_study_says_field_by_field(self):
        frame = datasets(
            ("d", "s1", "tissue", "lung"),
            ("d", None, "disease", "asthma"),
            ("d", None, "tissue", "blood"),
            ("e", None, "tissue", "liver"),
        )
        assert frame["curated_disease"].to_list() == [["asthma"], []]
        assert frame["curated_tissue"].to_list() == [["lung"], ["liver"]]

    def test_rejected_ones_do_not_count(self):
        frame = datasets(
            ("d", "s1", "tissue", "lung", "rejected"),
            ("d", None, "tissue", "blood"),
            ("e", None, "tissue", "blood", "rejected"),
        )
        assert frame["curated_tissue"].to_list() == [["blood"], []]
