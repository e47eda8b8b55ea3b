"""Files that lie beside their own gzip."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from polly_assets.ingest.formats.grouping import group_sources
from polly_assets.ingest.validate import Severity, validate

CSV = b"gene,S1,S2\nTP53,1,2\nMYC,3,4\n"
SERIES = (
    b'!Series_geo_accession\t"GSE1"\n!Sample_geo_accession\t"GSM1"\t"GSM2"\n'
    b'!Sample_title\t"S1"\t"S2"\n!Sample_platform_id\t"GPL1"\t"GPL1"\n'
    b'!series_matrix_table_begin\n"ID_REF"\n!series_matrix_table_end\n'
)


def found(folder: Path, **files: bytes) -> list[tuple[str, str, str]]:
    """The findings of a folder: severity, dataset and code."""
    for name, data in files.items():
        (folder / name.replace("__", ".")).write_bytes(data)
    return [
        (each.severity.value, each.dataset_id, each.code) for each in validate([folder], workers=1)
    ]


def test_one_content_is_one_dataset(tmp_path: Path) -> None:
    assert found(tmp_path, x__csv=CSV, x__csv__gz=gzip.compress(CSV)) == [
        ("ok", "x", "readable"),
        ("warning", "x", "given_twice"),
    ]


@pytest.mark.parametrize(
    "packed", [gzip.compress(CSV + b"KRAS,5,6\n"), gzip.compress(CSV)[:-9], b""]
)
def test_the_other_content_is_told_and_not_read(tmp_path: Path, packed: bytes) -> None:
    assert found(tmp_path, x__csv=CSV, x__csv__gz=packed) == [
        ("ok", "x", "readable"),
        ("warning", "x", "given_twice_otherwise"),
    ]


def test_counts_of_a_series_packed_and_not(tmp_path: Path) -> None:
    files = {"GSE1_series_matrix__txt": SERIES, "GSE1_counts__csv": CSV}
    told = found(tmp_path, **files, GSE1_counts__csv__gz=gzip.compress(CSV))
    assert told[0] == ("ok", "GSE1_GPL1", "readable")
    assert ("warning", "GSE1_GPL1", "given_twice") in told
    assert {dataset for _, dataset, _ in told} == {"GSE1_GPL1"}


def test_a_table_that_describes_packed_and_not(tmp_path: Path) -> None:
    table = b"sample,tissue\nS1,liver\nS2,lung\n"
    told = found(tmp_path, x__csv=CSV, x_samples__csv=table, x_samples__csv__gz=table + b"\n")
    assert told == [("ok", "x", "readable"), ("warning", "x", "given_twice_otherwise")]


def test_a_file_that_fails_tells_its_fault_alone(tmp_path: Path) -> None:
    bad = CSV.replace(b"4", b"four,")
    ((severity, _, code),) = found(tmp_path, x__csv=bad, x__csv__gz=gzip.compress(bad))
    assert (severity, code) == (Severity.ERROR.value, "not_a_number")


def test_what_readers_compare_themselves_is_left_to_them() -> None:
    names = ["GSE1_family.soft", "GSE1_family.soft.gz"]
    (group,) = group_sources(names)
    assert group.sidecars == {"series.gse1_family.soft.gz": names[1]}


def test_other_folders_and_cases_are_other_files() -> None:
    names = ["A.csv", "a.csv.gz", "x/b.csv", "y/b.csv.gz"]
    assert [group.main for group in group_sources(names)] == names
