"""Tables that describe `x` find the matrices `x_counts`, `x_tpm` and the like."""

from __future__ import annotations

import pytest

from polly_assets.ingest.formats.beside.description_names import matrix_of
from polly_assets.ingest.formats.grouping import beginnings_of, group_sources


def grouped(*names: str) -> dict[str, dict[str, str]]:
    return {group.main: dict(group.sidecars) for group in group_sources(names)}


@pytest.mark.parametrize(
    ("base", "of"),
    [("x_counts", "x"), ("gse5_raw_counts", "gse5"), ("a.b-tpm", "a.b"), ("counts", ""), ("x", "")],
)
def test_what_a_matrix_is_of(base: str, of: str) -> None:
    assert matrix_of(base) == of


def test_samples_and_features_of_counts() -> None:
    names = ("GSE5_counts.txt.gz", "GSE5_metadata.csv", "GSE5_features.tsv")
    assert grouped(*names) == {
        "GSE5_counts.txt.gz": {"csv": "GSE5_metadata.csv", "features.tsv": "GSE5_features.tsv"}
    }


def test_one_table_describes_counts_and_tpm() -> None:
    assert grouped("x_counts.csv", "x_tpm.csv", "x_samples.csv") == {
        "x_counts.csv": {"csv": "x_samples.csv"},
        "x_tpm.csv": {"csv": "x_samples.csv"},
    }


def test_a_matrix_of_the_very_name_comes_first() -> None:
    assert grouped("x.csv", "x_counts.csv", "x_metadata.csv") == {
        "x.csv": {"csv": "x_metadata.csv"},
        "x_counts.csv": {},
    }


def test_its_own_table_and_the_shared_one() -> None:
    assert grouped("x_counts.csv", "x_counts_samples.csv", "x_metadata.csv") == {
        "x_counts.csv": {"csv": "x_counts_samples.csv", "csv.2": "x_metadata.csv"}
    }


def test_other_names_stay_apart() -> None:
    assert grouped("x_liver.csv", "x_metadata.csv") == {"x_liver.csv": {}, "x_metadata.csv": {}}


def test_a_table_that_comes_later_finds_its_matrix() -> None:
    assert beginnings_of("a/x_Counts.csv") == beginnings_of("a/x_metadata.csv") == {"x"}
