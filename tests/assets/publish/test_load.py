"""Stored tables back into one dataset: matrices that are held, and those that are not."""

from __future__ import annotations

import numpy as np
import pytest

from polly_assets.publish import load
from polly_assets.publish.load import load_dataset
from polly_assets.schema import FEATURES, MATRICES, SAMPLES
from polly_resources.errors import Unavailable
from tests.assets.instance import Instance

HEIGHT = 150  # three blocks


def values(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(HEIGHT, 4))


def gct(x: np.ndarray) -> str:
    rows = ["\t".join([f"g{i}", "", *map(repr, row)]) for i, row in enumerate(x.tolist())]
    return "\n".join(["#1.2", f"{len(x)}\t4", "Name\tDescription\ta\tb\tc\td", *rows, ""])


@pytest.fixture
def stored(instance: Instance, write) -> np.ndarray:
    """What is in the one dataset of the instance, which is not held when it is loaded."""
    x = values(0)
    instance.ingest(write("d.gct", gct(x)))
    return x


@pytest.fixture(autouse=True)
def not_held(monkeypatch) -> None:
    monkeypatch.setattr(load, "HELD_CELLS", HEIGHT * 4 - 1)


def test_a_large_matrix_comes_in_runs(instance, stored):
    matrix = load_dataset(instance.tables, "demo", "d").matrices["X"]
    assert (matrix.shape, matrix.dtype, matrix.entries) == ((HEIGHT, 4), "float64", None)
    for most, sizes in ((1, [64, 64, 22]), (512, [128, 22]), (10**6, [150])):
        runs = list(matrix.runs(most))
        assert [len(run) for run in runs] == sizes
        assert np.array_equal(np.concatenate(runs), stored)


def test_a_small_one_is_held(instance, stored, monkeypatch):
    monkeypatch.setattr(load, "HELD_CELLS", HEIGHT * 4)
    assert np.array_equal(load_dataset(instance.tables, "demo", "d").matrices["X"], stored)


def test_it_stays_the_one_that_was_loaded(instance, stored, write):
    matrix = load_dataset(instance.tables, "demo", "d").matrices["X"]
    instance.ingest(write("d.gct", gct(values(1))))
    assert np.array_equal(np.concatenate(list(matrix.runs(1))), stored)


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize("held", [0, 10**6])
@pytest.mark.parametrize("spec", [MATRICES, SAMPLES, FEATURES])
def test_rows_of_another_version_are_told(instance, monkeypatch, held, spec):
    monkeypatch.setattr(load, "HELD_CELLS", held)
    instance.tables.delete(f"demo/{spec.name}", spec, ["d"])
    with pytest.raises(Unavailable) as caught:
        load_dataset(instance.tables, "demo", "d")
    assert caught.value.code == "dataset_changed"


@pytest.mark.usefixtures("stored")
def test_samples_come_in_slices(instance, monkeypatch):
    whole = load_dataset(instance.tables, "demo", "d").samples
    monkeypatch.setattr(load, "SAMPLES_AT_ONCE", 3)
    assert load_dataset(instance.tables, "demo", "d").samples.equals(whole)
