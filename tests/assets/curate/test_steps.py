"""Which words of a dataset are read, and how the answers become rows."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import polars as pl
import pyarrow as pa
import pytest

from polly_assets import batch_data, knowledge
from polly_assets.curate import steps
from polly_assets.curate.models.base import FIELDS
from polly_assets.ingest import normalize
from polly_assets.ingest.formats.base import ParsedDataset
from polly_assets.schema import (
    ANNOTATIONS,
    CURATION_PASSES,
    FEATURES,
    NORMALIZED_DATASETS,
    NORMALIZED_SAMPLES,
    SINGLE_CELL,
)

NOW = datetime(2026, 1, 2, tzinfo=UTC)
ORIGIN = normalize.Origin("landing/demo/d.gct", "f", 0, 1, NOW)


def store(instance, dataset_id="d", metadata=None, data_type="", **columns):
    """Normalized rows of one dataset with these sample columns; its dataset row."""
    height = len(next(iter(columns.values()), [None]))
    samples = pl.DataFrame({"sample_id": [f"s{i}" for i in range(height)], **columns})
    features = pl.DataFrame({"feature_id": ["TP53"]})
    parsed = ParsedDataset(
        dataset_id, "gct", metadata or {}, samples, features, (), data_type=data_type
    )
    work = instance.work()
    rows = normalize.dataset_row(parsed, ORIGIN, 0.0)
    genes = knowledge.genes(instance.backends.ontologies)
    work.replace(NORMALIZED_DATASETS, rows, [dataset_id])
    samples = pa.concat_tables(normalize.sample_rows(parsed, 0))
    work.replace(NORMALIZED_SAMPLES, samples, [dataset_id])
    work.replace(FEATURES, normalize.feature_rows(parsed, 0, genes), [dataset_id])
    return rows.to_pylist()[0]


def labels(instance, field, dataset_id="d"):
    """sample id (None = the dataset) -> labels."""
    found: dict[str | None, list[str]] = {}
    for row in instance.rows("annotations", dataset_id=dataset_id):
        if row["field"] == field:
            found.setdefault(row["sample_id"], []).append(row["label"])
    return found


class TestAnnotations:
    def test_of_samples_and_of_the_dataset(self, instance, model):
        row = store(
            instance,
            metadata={"title": "A study of asthma", "summary": "lung of patients"},
            disease=["type 2 diabetes", None, "asthma"],
        )
        made = steps.curated(instance.work(), [row], model)
        assert made == len(instance.rows("annotations"))
        assert labels(instance, "disease") == {
            None: ["asthma"],
            "s0": ["type 2 diabetes mellitus"],
            "s2": ["asthma"],
        }
        assert labels(instance, "tissue")[None] == ["lung"]

    def test_keys_of_the_dataset_speak_of_its_samples(self, instance, model):
        metadata = {"tissue": "liver", "contact_name": "lung", "type": "asthma"}
        row = store(instance, metadata=metadata, nothing=["x"])
        steps.curated(instance.work(), [row], model)
        assert labels(instance, "tissue") == {None: ["liver"]}
        assert labels(instance, "disease") == {}

    def test_provenance(self, instance, model):
        row = store(instance, disease=["has type 2 diabetes"])
        steps.curated(instance.work(), [row], model)
        (found,) = [r for r in instance.rows("annotations") if r["field"] == "disease"]
        begin, end = found["span_begin"], found["span_end"]
        assert "has type 2 diabetes"[begin:end] == found["raw_text"] == "type 2 diabetes"
        assert found["curie"] == "MONDO:0005148" and found["source_field"].endswith("disease")
        assert (found["method"], found["model_version"]) == (model.name, model.version)
        assert found["ontology_version"] and 0 < found["confidence"] <= 1
        assert (found["status"], found["curator"], found["shard"]) == ("auto", None, 0)
        assert found["annotated_at"].tzinfo is not None

    def test_control(self, instance, model):
        row = store(instance, treatment=["untreated control", "dexamethasone"])
        steps.curated(instance.work(), [row], model)
        assert labels(instance, "is_control")["s0"] == ["true"]

    def test_a_pass_says_what_was_assessed(self, instance, model):
        row = store(instance, nothing=["x", "y"])
        steps.curated(instance.work(), [row], model)
        (one,) = instance.rows("curation_passes")
        assert one["fields"] == [*FIELDS, "is_control"] and one["records"] == 2
        assert (one["method"], one["model_version"]) == (model.name, model.version)

    def test_again_replaces_and_others_stay(self, instance, model):
        rows = [store(instance, name, disease=["asthma"]) for name in "de"]
        steps.curated(instance.work(), rows, model)
        steps.curated(instance.work(), [store(instance, "d", disease=["none"])], model)
        assert labels(instance, "disease", "d") == {}
        assert labels(instance, "disease", "e") == {"s0": ["asthma"]}
        assert sorted(r["dataset_id"] for r in instance.rows("curation_passes")) == ["d", "e"]

    def test_nothing(self, instance, model):
        assert steps.curated(instance.work(), [], model) == 0
        assert instance.rows("curation_passes") == []
        row = store(instance, note=pl.Series([], dtype=pl.String))
        assert steps.curated(instance.work(), [row], model) == 0
        assert instance.rows("curation_passes")[0]["records"] == 0

    def test_metadata_that_is_no_text(self, instance, model):
        metadata = {"title": 7, "summary": ["lung", 3], "description": {"a": "b"}, "abstract": None}
        row = store(instance, metadata=metadata, disease=["asthma"])
        steps.curated(instance.work(), [row], model)
        assert labels(instance, "tissue")[None] == ["lung"]

    def test_schemas(self, instance, model):
        steps.curated(instance.work(), [store(instance, disease=["asthma"])], model)
        for spec in (ANNOTATIONS, CURATION_PASSES):
            stored = instance.tables.read(f"demo/{spec.name}").schema
            assert {f.name: f.type for f in stored} == {f.name: f.type for f in spec.schema()}


CELLS = {
    "cell_type": ["T cell", "macrophage", "T cell", "T cell", None] * 4,
    "disease": ["asthma", "normal", "asthma", "diabetes", "asthma"] * 4,
    "tissue_ontology_term_id": ["UBERON:0002048"] * 20,
    "is_primary_data": [True, False] * 10,
}


class TestCells:
    def test_one_reading_per_wording_gives_what_reading_each_cell_gives(self, instance, model):
        steps.curated(instance.work(), [store(instance, "bulk", **CELLS)], model)
        cells = store(
            instance,
            "cells",
            data_type=SINGLE_CELL,
            n_counts=[float(i) for i in range(20)],
            **CELLS,
        )
        steps.curated(instance.work(), [cells], model)
        for field in (*FIELDS, "is_control"):
            assert labels(instance, field, "cells") == labels(instance, field, "bulk")
        assert labels(instance, "cell_type", "cells")["s0"] == ["T cell"]
        passes = {r["dataset_id"]: r["records"] for r in instance.rows("curation_passes")}
        assert passes == {"bulk": 20, "cells": 20}

    @pytest.mark.parametrize("data_type", [SINGLE_CELL, ""])
    def test_few_readings(self, data_type):
        kinds = {"kind": "String", "n": "Int64", "flag": "Boolean"}
        dataset = {
            "dataset_id": "d",
            "data_type": data_type,
            "sample_columns": json.dumps(kinds),
        }
        readings = steps.Readings(dataset)
        for first in (0, 50):
            texts = [
                json.dumps({"kind": ["T cell", "macrophage"][i % 2], "n": i, "flag": True})
                for i in range(first, first + 50)
            ]
            ids = [f"s{i}" for i in range(first, first + 50)]
            readings.add(pl.DataFrame({"sample_id": ids, "metadata": texts}))
        cells = data_type == SINGLE_CELL
        assert [r.id for r in readings.records] == [f"s{i}" for i in range(2 if cells else 100)]
        assert readings.owners()["sample_id"].to_list() == [f"s{i}" for i in range(100)]
        keys = [0, 1] * 50 if cells else list(range(100))
        assert readings.owners()["key"].to_list() == keys
        assert readings.records[1].characteristics["kind"] == "macrophage"

    def test_slices_of_a_large_dataset_join(self, instance, model, monkeypatch):
        steps.curated(instance.work(), [store(instance, "whole", **CELLS)], model)
        for module in (steps, batch_data):
            monkeypatch.setattr(module, "SAMPLES_AT_ONCE", 7)
        monkeypatch.setattr(batch_data, "HELD_BYTES", 1)
        for name, kind in (("bulk", ""), ("cells", SINGLE_CELL)):
            row = store(instance, name, data_type=kind, **CELLS)
            made = steps.curated(instance.work(), [row], model)
            assert made == len(instance.rows("annotations", dataset_id=name))
            for field in (*FIELDS, "is_control"):
                assert labels(instance, field, name) == labels(instance, field, "whole")


@pytest.mark.parametrize("published", ["samples", "datasets"])
def test_three_states_in_the_published_tables(instance, write, published):
    """Assessed and not found is an empty list, in samples and datasets alike."""
    samples = {"s1": {"disease": "asthma"}, "s2": {"disease": ""}}
    write("f/a.csv", "gene,s1,s2\nTP53,1,2\n")
    write("f/a.json", json.dumps({"title": "t", "samples": samples}))
    (job,) = instance.ingest(write("f/b.gct").parent)[:1]
    assert job.error is None
    rows = instance.rows(published)
    diseases = [row["curated_disease"] for row in rows]
    assert ["asthma"] in diseases and [] in diseases and None not in diseases
