from __future__ import annotations

import json

import pytest

from polly_assets.curate.models.base import FIELDS
from polly_assets.curate.models.registry import open_model
from polly_assets.curate.records import record_from_json, record_from_sample, to_json
from polly_resources.errors import BadInput, NotFound
from tests.assets.curate.small import SmallOntologies


@pytest.mark.parametrize(
    "characteristics",
    [
        {"tissue": "liver", "age": 58},
        ["tissue: liver", "age: 58"],
        "tissue: liver|age: 58",
        "tissue: liver; age: 58",
    ],
)
def test_characteristics_in_every_shape(characteristics):
    record = record_from_json({"id": "s", "study": "G", "characteristics": characteristics})
    assert (record.id, record.study) == ("s", "G")
    assert record.characteristics == {"tissue": "liver", "age": "58"}


def test_nothing_is_lost():
    record = record_from_json(
        {"id": "s", "source_name": "blood", "cohort": "A", "characteristics": "Male|x: 1|x: 2"}
    )
    assert record.source == "blood"
    assert record.characteristics == {"": "Male", "x": "1; 2", "cohort": "A"}


@pytest.mark.parametrize(
    ("obj", "place"),
    [
        ([], "record"),
        ({}, "id"),
        ({"id": ""}, "id"),
        ({"id": "s", "title": {"a": 1}}, "title"),
        ({"id": "s", "characteristics": 5}, "characteristics"),
        ({"id": "s", "characteristics": {"age": {}}}, "characteristics.age"),
    ],
)
def test_a_wrong_field_is_named(obj, place):
    with pytest.raises(BadInput) as caught:
        record_from_json(obj)
    assert (caught.value.code, caught.value.place) == ("bad_record", place)


def test_geo_columns():
    record = record_from_sample(
        {
            "title": "t",
            "source_name_ch1": "blood",
            "organism_ch1": "Homo sapiens",
            "characteristics_ch1": ["tissue: liver", "Male"],
            "characteristics_ch1.age": "58",
            "treatment_protocol": "LPS",
            "description": None,
            "geo_accession": "GSM1",
            "score": float("nan"),
            "passage": 3,
        },
        "GSM1",
        "GSE1",
    )
    assert (record.id, record.study, record.title, record.source) == ("GSM1", "GSE1", "t", "blood")
    assert record.description == ""
    assert record.characteristics == {
        "organism": "Homo sapiens",
        "tissue": "liver",
        "": "Male",
        "age": "58",
        "treatment_protocol": "LPS",
        "passage": "3",
    }


def test_the_public_shape(annotate):
    shape = json.loads(json.dumps(to_json(annotate("control", tissue="liver"))))
    assert set(shape) == {"id", "is_control", *FIELDS}
    assert shape["is_control"]["value"] is True
    (tissue,) = shape["tissue"]
    assert tissue == {
        "curie": "UBERON:0002107",
        "label": "liver",
        "ontology_version": "UBERON 1",
        "text": "liver",
        "start": 0,
        "end": 5,
        "source_field": "characteristics.tissue",
        "method": "dictionary",
        "confidence": 0.97,
    }
    assert shape["disease"] == []


def test_models_open_by_name(tmp_path):
    assert open_model("dictionary", SmallOntologies(), tmp_path).name == "dictionary"
    with pytest.raises(NotFound, match="choose one of: dictionary"):
        open_model("oracle", SmallOntologies(), tmp_path)
