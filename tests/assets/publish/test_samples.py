"""Published samples and datasets are the same, however few samples are worked on at once."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest

from polly_assets import batch_data
from polly_assets.publish import annotated, describe
from polly_assets.publish import steps as publish
from polly_assets.schema import ANNOTATIONS, NORMALIZED_DATASETS


@pytest.fixture
def stored(instance, write):
    """Two datasets of 30 and 3 samples, some annotated, some described."""
    for name, count in (("many", 30), ("few", 3)):
        ids = [f"{name}{i}" for i in range(count)]
        says = {
            one: {
                "disease": ["asthma", "type 2 diabetes", ""][i % 3],
                "sex": ["female", "male"][i % 2],
                "n": i / 7,
                **({"Title": f"title {i}", "source": ["lung", None][i % 2]} if count > 3 else {}),
            }
            for i, one in enumerate(ids)
        }
        write(f"f/{name}.csv", f"gene,{','.join(ids)}\nTP53,{','.join('1' * count)}\n")
        told = {"title": "lung of patients", "samples": says}
        folder = write(f"f/{name}.json", json.dumps(told)).parent
    jobs = instance.ingest(folder)
    assert [job.error for job in jobs] == [None, None]
    return instance


def both(instance):
    return [
        sorted(instance.rows(table), key=lambda row: [str(row[name]) for name in names])
        for table, names in (
            ("samples", ["src_dataset_id", "sample_id"]),
            ("datasets", ["dataset_id"]),
        )
    ]


@pytest.mark.parametrize("at_once", [1, 7, 30])
def test_slices_join(stored, monkeypatch, at_once):
    wanted = both(stored)
    assert [len(rows) for rows in wanted] == [33, 2]
    assert {str(row["curated_disease"]) for row in wanted[0]} == {
        "['asthma']",
        "['type 2 diabetes mellitus']",
        "[]",
    }
    assert {row["title"] for row in wanted[0]} == {None, *(f"title {i}" for i in range(30))}
    for module in (batch_data, annotated, publish):
        monkeypatch.setattr(module, "SAMPLES_AT_ONCE", at_once)
    monkeypatch.setattr(batch_data, "HELD_BYTES", at_once)
    work = stored.work()
    rows = work.read(NORMALIZED_DATASETS).to_pylist()
    assert publish.published(work, rows, stored.settings.objects) == 33
    assert both(stored) == wanted


def test_what_was_rejected_or_said_of_the_dataset_alone(stored):
    work = stored.work()
    rows = stored.rows("annotations", dataset_id="few")
    assert any(row["sample_id"] is None for row in rows)
    for row in rows:
        row["status"] = "auto" if row["sample_id"] is None else "rejected"
    work.replace(ANNOTATIONS, pa.Table.from_pylist(rows, ANNOTATIONS.schema()), ["few"])
    publish.published(work, work.read(NORMALIZED_DATASETS).to_pylist(), stored.settings.objects)
    samples = stored.rows("samples", src_dataset_id="few")
    assert [row["curated_disease"] for row in samples] == [[], [], []]
    assert [row["curated_tissue"] for row in stored.rows("datasets", dataset_id="few")] == [
        ["lung"]
    ]


def test_columns_that_describe_are_those_that_are_looked_at():
    assert describe.describing(["Title", "age", "SOURCE", "score"]) == ["Title", "SOURCE"]
