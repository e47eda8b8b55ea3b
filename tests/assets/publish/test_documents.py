"""What of a dataset can be found by words, filtered and counted."""

from __future__ import annotations

import json
from typing import Any

from polly_assets.publish.documents import STORED, curies, document
from polly_assets.schema import DATASETS


def dataset(**values: Any) -> dict[str, Any]:
    """One `datasets` row, NULL where nothing is given."""
    nothing = dict.fromkeys(column.name for column in DATASETS.columns)
    return {**nothing, "dataset_id": "GSE1", "metadata": "{}", **values}


def test_curies_of_all_fields() -> None:
    row = dataset(curated_disease_curie=["MONDO:2", ""], curated_drug_curie=[])
    assert list(curies(row)) == ["MONDO:2", ""]


def test_concepts_are_labels_then_the_names_around_them() -> None:
    row = dataset(
        curated_disease=["cancer", "flu"],
        curated_disease_curie=["MONDO:2", ""],
        curated_tissue=["lung"],
        curated_tissue_curie=["UBERON:1"],
    )
    names = {"MONDO:2": ["malignant neoplasm", "disease"], "UBERON:1": ["organ", "cancer"], "": []}
    made = document(row, [], names)
    assert made.concepts.split("\n") == [
        "cancer", "flu", "lung", "malignant neoplasm", "disease", "organ",
    ]  # fmt: skip
    assert made.facets == {"curated_disease": ["cancer", "flu"], "curated_tissue": ["lung"]}


def test_text_has_each_wording_once() -> None:
    metadata = json.dumps({"title": "A study", "more": [{"deep": "words"}, 3, None]})
    sample = {"sample_id": "s1", "metadata": '{"a": "lung"}', "curated_sex": "female"}
    other = {"sample_id": "s2", "metadata": '{"a": "lung"}', "curated_sex": None}
    rows = [{**row, "curated_sample_type": None} for row in (sample, other)]
    made = document(dataset(summary="words", year=2020, metadata=metadata), rows, {})
    assert made.text.split("\n") == ["words", "s1", "lung", "s2", "A study"]
    assert made.title == "GSE1"
    assert made.facets == {"curated_sex": ["female"], "year": ["2020"]}
    assert set(made.stored) == set(STORED)
