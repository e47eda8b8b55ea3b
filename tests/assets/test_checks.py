"""The checks pass on what the steps write, and fail when somebody changes it behind their back."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from polly_assets import checks
from polly_assets.batch_data import datasets_of
from polly_assets.schema import (
    ATLAS_TABLES,
    CURATION_PASSES,
    DATASETS,
    MATRICES,
    NORMALIZED_DATASETS,
    NORMALIZED_SAMPLES,
)
from tests.assets.instance import gct


@pytest.fixture
def done(instance, write):
    """The surroundings and dataset rows of a finished batch of two."""
    instance.submit(write("a.gct"), write("b.gct", gct([[1, 2, 3]])))
    work, jobs = instance.claim()
    instance.normalize(work)
    datasets = datasets_of(work, jobs)
    instance.publish(work)
    return work, datasets


def ids(datasets):
    return [row["dataset_id"] for row in datasets]


def without(work, spec, keep):
    """Rewrite a table with only the rows that `keep` says."""
    rows = work.read(spec)
    keys = list(set(rows[spec.key].to_pylist()))
    work.replace(spec, rows.filter(keep(rows)), keys)


def test_all_is_well(done):
    work, datasets = done
    for spec in ATLAS_TABLES:
        result = checks.schema(work, spec)
        assert result.passed and (result.check_name, str(result.asset_key.to_user_string())) == (
            "schema",
            spec.name,
        )
    for spec in (NORMALIZED_DATASETS, DATASETS):
        assert checks.unique_key(work, spec, ids(datasets)).passed
    assert checks.samples_match_matrix(work, datasets).passed
    assert checks.all_assessed(work, ids(datasets)).passed
    assert checks.index_complete(work).passed


def test_an_empty_atlas(instance):
    work = instance.work()
    assert all(checks.schema(work, spec).passed for spec in ATLAS_TABLES)
    assert checks.unique_key(work, DATASETS, []).passed
    assert checks.samples_match_matrix(work, []).passed
    assert checks.all_assessed(work, []).passed
    assert checks.index_complete(work).passed


def test_a_column_of_another_type(instance):
    work = instance.work()
    columns = tuple(
        replace(column, type=pa.int32()) if column.name == "records" else column
        for column in CURATION_PASSES.columns
        if column.name != "method"
    )
    odd = replace(CURATION_PASSES, columns=columns)
    work.replace(odd, odd.schema().empty_table(), [])
    result = checks.schema(work, CURATION_PASSES)
    assert not result.passed
    assert result.metadata["differing"].value == "method: absent, records: int32"


def test_a_missing_and_a_doubled_row(done):
    work, datasets = done
    rows = work.read(DATASETS)
    work.tables.write(work.name(DATASETS), DATASETS, rows.filter(pc.equal(rows["dataset_id"], "a")))
    work.tables.delete(work.name(DATASETS), DATASETS, ["b"])
    result = checks.unique_key(work, DATASETS, ids(datasets))
    assert not result.passed
    assert {key: value.value for key, value in result.metadata.items()} == {
        "doubled": "a",
        "missing": "b",
    }
    assert checks.index_complete(work).passed  # two rows, two documents: not its business


def test_a_sample_that_went(done):
    work, datasets = done
    without(work, NORMALIZED_SAMPLES, lambda rows: pc.not_equal(rows["sample_id"], "S3"))
    result = checks.samples_match_matrix(work, datasets)
    assert not result.passed and result.metadata["differing"].value == "b"


@pytest.mark.parametrize("how", ["gone", "narrower"])
def test_a_matrix_that_went_or_shrank(done, how):
    work, datasets = done
    rows = work.read(MATRICES, where={"dataset_id": ["b"]})
    if how == "gone":
        work.tables.delete(work.name(MATRICES), MATRICES, ["b"])
    else:
        at = rows.schema.get_field_index("sample_count")
        narrower = rows.set_column(at, "sample_count", pa.array([2], pa.int32()))
        work.replace(MATRICES, narrower, ["b"])
    result = checks.samples_match_matrix(work, datasets)
    assert not result.passed and result.metadata["differing"].value == "b"


def test_a_dataset_that_nobody_assessed(done):
    work, datasets = done
    work.tables.delete(work.name(CURATION_PASSES), CURATION_PASSES, ["a"])
    result = checks.all_assessed(work, ids(datasets))
    assert not result.passed and result.metadata["missing"].value == "a"


def test_an_index_that_lost_a_document(done):
    work, _ = done
    work.search.delete("demo", ["a"])
    result = checks.index_complete(work)
    assert not result.passed
    assert (result.metadata["documents"].value, result.metadata["datasets"].value) == (1, 2)
