"""Which original keys feed which descriptive column, and what is searched."""

from __future__ import annotations

import json

import pytest

from polly_assets.publish import documents
from polly_assets.publish.describe import dataset_columns, sample_columns
from polly_assets.publish.documents import STORED, document
from polly_assets.schema import DATASETS, FACETS


class TestDatasetColumns:
    def test_keys_in_their_order_without_regard_to_case(self):
        found = dataset_columns({"Title": "t", "name": "n", "Abstract": "a", "Summary": "s"})
        assert (found["title"], found["summary"], found["description"]) == ("t", "s", "t")

    @pytest.mark.parametrize(
        ("value", "text"),
        [("x", "x"), (3, "3"), (["a", None, "b"], "a; b"), ([], None), (" ", None), ({}, None)],
    )
    def test_what_counts_as_text(self, value, text):
        assert dataset_columns({"title": value})["title"] == text

    def test_an_empty_value_gives_way_to_the_next_key(self):
        assert dataset_columns({"title": "", "name": "n"})["title"] == "n"

    def test_geo(self):
        found = dataset_columns({"geo_accession": "GSE1", "status": "Public on Jan 02 2015"})
        assert (found["src_dataset_id"], found["dataset_source"], found["year"]) == (
            "GSE1",
            "GEO",
            2015,
        )

    @pytest.mark.parametrize(
        ("metadata", "year"),
        [({"year": 2020}, 2020), ({"year": "x", "status": "in 1999"}, 1999), ({}, None)],
    )
    def test_year(self, metadata, year):
        assert dataset_columns(metadata)["year"] == year

    @pytest.mark.parametrize(
        ("metadata", "platform"),
        [
            ({"type": "Expression profiling by high throughput sequencing"}, "RNASeq"),
            ({"type": ["Expression profiling by array"], "platform": "x"}, "Microarray"),
            ({"platform_id": "GPL570"}, "GPL570"),
            ({}, None),
        ],
    )
    def test_platform(self, metadata, platform):
        assert dataset_columns(metadata)["platform"] == platform


def test_sample_columns():
    found = sample_columns({"Title": "t", "source_name_ch1": "liver", "other": "x"})
    assert found == {"title": "t", "source_name": "liver", "description": None}


def row(**changes):
    empty = {column.name: None for column in DATASETS.columns}
    return empty | {"dataset_id": "d", "metadata": "{}"} | changes


def sample(**changes):
    given = {"sample_id": "s1", "metadata": "{}", "curated_sex": None, "curated_sample_type": None}
    return given | changes


class TestDocuments:
    def test_words(self):
        metadata = {"a": "deep", "b": {"c": ["nested", 3, None]}}
        made = document(
            row(summary="sum", author="Ann", metadata=json.dumps(metadata)),
            [sample(metadata='{"note": "of sample"}'), sample(sample_id="s2")],
            {},
        )
        assert made.text.split("\n") == ["sum", "Ann", "s1", "of sample", "s2", "deep", "nested"]
        assert made.title == "d"

    def test_each_wording_once_and_no_more_than_the_limit(self, monkeypatch):
        same = [sample(sample_id=f"s{i}", metadata='{"x": "again"}') for i in range(5)]
        assert document(row(), same, {}).text.count("again") == 1
        monkeypatch.setattr(documents, "MAX_TEXT", 3)
        assert document(row(summary="abcdef"), [], {}).text == "abc"

    def test_concepts(self):
        made = document(
            row(curated_disease=["asthma"], curated_disease_curie=["X:1"]),
            [],
            {"X:1": ["wheeze", "lung disease"]},
        )
        assert made.concepts.split("\n") == ["asthma", "wheeze", "lung disease"]

    def test_facets(self):
        made = document(
            row(curated_disease=["a", "b"], curated_tissue=[], year=2020, platform="RNASeq"),
            [sample(curated_sex="male"), sample(curated_sex="female"), sample()],
            {},
        )
        assert made.facets == {
            "curated_disease": ["a", "b"],
            "curated_sex": ["female", "male"],
            "platform": ["RNASeq"],
            "year": ["2020"],
        }
        assert set(made.facets) <= set(FACETS)

    def test_what_is_returned_with_a_hit(self):
        made = document(row(title="t", total_num_samples=3), [], {})
        assert set(made.stored) == set(STORED)
        assert (made.title, made.stored["total_num_samples"]) == ("t", 3)
