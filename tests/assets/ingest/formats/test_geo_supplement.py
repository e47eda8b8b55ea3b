"""Series matrices without values, and the supplementary files beside them."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from polly_assets.ingest.formats.base import FailedDataset, ParsedDataset, Source
from polly_assets.ingest.formats.geo.series import SeriesMatrixReader
from polly_assets.ingest.formats.geo.supplement import match
from polly_assets.ingest.formats.grouping import beginnings_of, group_sources
from polly_assets.ingest.formats.registry import reader_for
from polly_resources.errors import BadInput

SERIES = (
    '!Series_title\t"One"\n!Series_geo_accession\t"GSE1"\n\n'
    '!Sample_title\t"liver #1"\t"liver #2"\t"brain #1"\n'
    '!Sample_geo_accession\t"GSM1"\t"GSM2"\t"GSM3"\n'
    '!Sample_platform_id\t"GPL1"\t"GPL1"\t"GPL1"\n'
    '!Sample_description\t"Sample name: A-1"\t"Sample name: A-2"\t"Sample name: B-1"\n'
    '!Sample_source_name_ch1\t"liver"\t"liver"\t"brain"\n'
)
EMPTY = '!series_matrix_table_begin\n"ID_REF"\n!series_matrix_table_end\n'
FULL = (
    '!series_matrix_table_begin\n"ID_REF"\t"GSM1"\t"GSM2"\t"GSM3"\n"a"\t1\t2\t3\n'
    "!series_matrix_table_end\n"
)


def table(*columns: str, more: str = "") -> str:
    """Counts 10, 11, ... and 20, 21, ... of two genes, one per column."""
    rows = [[gene, *(str(start + i) for i in range(len(columns)))] for gene, start in _GENES]
    return "\n".join("\t".join(row) for row in (["gene", *columns], *rows)) + more + "\n"


_GENES = (("g1", 10), ("g2", 20))


def read(folder: Path, text: str, **files: str) -> list[ParsedDataset | FailedDataset]:
    path = folder / "GSE1_series_matrix.txt"
    path.write_text(text)
    beside = {}
    for name, content in files.items():
        file = folder / f"GSE1_{name}.txt.gz"
        file.write_bytes(gzip.compress(content.encode()))
        beside[f"gse1_{name.lower()}.txt"] = file
    return list(SeriesMatrixReader().read(Source(path, path.name, beside)))


def only(found: list[ParsedDataset | FailedDataset]) -> ParsedDataset:
    (dataset,) = found
    assert isinstance(dataset, ParsedDataset)
    return dataset


def values(dataset: ParsedDataset) -> list[list[float | None]]:
    array = np.vstack(list(dataset.matrices[0].blocks()))
    return [[None if np.isnan(v) else v.item() for v in row] for row in array]


def codes(dataset: ParsedDataset) -> list[str]:
    return [notice.code for notice in dataset.notices]


def test_columns_go_to_the_samples_that_they_name(tmp_path):
    dataset = only(read(tmp_path, SERIES + EMPTY, counts=table("B-1", "A-1", "A-2")))
    assert (dataset.dataset_id, dataset.format) == ("GSE1_GPL1", "geo_series_matrix")
    assert dataset.samples["sample_id"].to_list() == ["GSM1", "GSM2", "GSM3"]
    assert dataset.samples["matrix_column"].to_list() == ["A-1", "A-2", "B-1"]
    assert dataset.samples["title"].to_list() == ["liver #1", "liver #2", "brain #1"]
    assert values(dataset) == [[11, 12, 10], [21, 22, 20]]
    assert dataset.matrices[0].dtype == "int64"
    assert dataset.features["feature_id"].to_list() == ["g1", "g2"]
    assert dataset.metadata["matrix_file"] == "GSE1_counts.txt.gz"
    assert dataset.metadata["title"] == "One"
    (notice,) = dataset.notices
    assert notice.code == "supplementary_matrix"
    assert "GSE1_counts.txt.gz" in notice.message
    assert notice.message.endswith("by description")


IDS = ["GSM1", "GSM2", "GSM3"]
RECORDS = [
    {
        "title": ["liver 1"],
        "description": ["Library: A-1", "x"],
        "cell": ["c1"],
        "batch": ["7-a"],
        "sex": ["F"],
    },
    {
        "title": ["liver 2"],
        "description": ["Library: A-2", "x"],
        "cell": ["c2"],
        "batch": ["8-b"],
        "sex": ["F"],
    },
    {
        "title": ["brain 1"],
        "description": ["Library: B-1", "x"],
        "cell": ["c3"],
        "batch": ["9-c"],
        "sex": ["M"],
    },
]


@pytest.mark.parametrize(
    ("columns", "samples", "rule"),
    [
        (["GSM3", "GSM1", "GSM2"], [2, 0, 1], "geo_accession"),
        (["brain 1", "liver 1", "liver 2"], [2, 0, 1], "title"),
        (["A-1", "B-1", "A-2"], [0, 2, 1], "description"),
        (["c1", "c2", "c3"], [0, 1, 2], "cell"),
        (["/data/B-1.bam", "/data/A-1.bam", "A-2.counts.txt"], [2, 0, 1], "description as file"),
        (["Liver_1", "Liver_2", "Brain_1"], [0, 1, 2], "title by letters"),
        (["X9_c", "X8_b", "X7_a"], [2, 1, 0], "batch without R's X"),
        (["GSM3_brain", "x_GSM1.sf", "GSM2"], [2, 0, 1], "the accession in"),
        (["S1", "S2", "S3"], [0, 1, 2], "their order"),
        (["liver 2"], [1], "title"),
    ],
)
def test_rules_in_order(columns, samples, rule):
    found = match(columns, IDS, RECORDS)
    assert found is not None
    assert [found.samples[i] for i in range(len(columns))] == samples
    assert found.rule.startswith(rule)
    assert found.guessed == (rule == "their order")


@pytest.mark.parametrize(
    "columns",
    [
        ["one", "two", "three"],
        ["F", "M", "F"],
        ["GSM1", "GSM1_2", "GSM3"],
        ["GSM1", "liver 2", "B-1"],
        ["S1", "S3", "S2"],
        ["S1", "S2"],
        ["S1", "T2", "S3"],
        ["GSM1", "baseMean"],
        ["GSM9"],
    ],
)
def test_what_is_ambiguous_is_no_match(columns):
    assert match(columns, IDS, RECORDS) is None


def test_order_is_a_warning(tmp_path):
    dataset = only(read(tmp_path, SERIES + EMPTY, counts=table("s1", "s2", "s3")))
    assert codes(dataset) == ["samples_matched_by_order"]
    assert values(dataset) == [[10, 11, 12], [20, 21, 22]]


def test_further_columns_describe_features(tmp_path):
    dataset = only(read(tmp_path, SERIES + EMPTY, counts=table("mean", "GSM1", "GSM2", "GSM3")))
    assert dataset.features.to_dict(as_series=False) == {
        "feature_id": ["g1", "g2"],
        "mean": [10, 20],
    }
    assert values(dataset) == [[11, 12, 13], [21, 22, 23]]
    assert "columns_as_feature_metadata" in codes(dataset)


def test_samples_without_a_column_are_missing(tmp_path):
    dataset = only(read(tmp_path, SERIES + EMPTY, counts=table("GSM3", "GSM1")))
    assert values(dataset) == [[11, None, 10], [21, None, 20]]
    assert dataset.matrices[0].dtype == "float64"
    assert dataset.samples["matrix_column"].to_list() == ["GSM1", None, "GSM3"]
    assert ("samples_without_values", "GSM2") in [(n.code, n.place) for n in dataset.notices]


def test_each_platform_takes_its_own_columns(tmp_path):
    text = SERIES.replace('"GPL1"\n', '"GPL2"\n') + EMPTY
    first, second = read(tmp_path, text, counts=table("GSM3", "GSM1", "GSM2"))
    assert (first.dataset_id, values(first)) == ("GSE1_GPL1", [[11, 12], [21, 22]])
    assert (second.dataset_id, values(second)) == ("GSE1_GPL2", [[10], [20]])


def test_several_files_are_several_datasets(tmp_path):
    files = {"raw-counts": table("GSM1", "GSM2", "GSM3"), "FPKM": table("A-1", "A-2", "B-1")}
    found = read(tmp_path, SERIES + EMPTY, **files)
    assert [d.dataset_id for d in found] == ["GSE1_GPL1_FPKM", "GSE1_GPL1_raw-counts"]
    assert all(d.samples["title"][2] == "brain #1" for d in found)


def test_what_fits_no_sample_stands_apart(tmp_path):
    apart, series = read(tmp_path, SERIES + EMPTY, counts=table("one", "two", "four"))
    assert (apart.dataset_id, apart.format, codes(apart)) == (
        *("GSE1_counts", "tsv"),
        ["samples_not_matched"],
    )
    assert apart.samples["sample_id"].to_list() == ["one", "two", "four"]
    assert (series.dataset_id, series.matrices, codes(series)) == ("GSE1_GPL1", (), ["no_matrix"])


def test_a_bad_file_fails_alone(tmp_path):
    good = table("GSM1", "GSM2", "GSM3")
    failed, dataset = read(tmp_path, SERIES + EMPTY, a="gene\tGSM1\ng1\tx\n", counts=good)
    assert isinstance(failed, FailedDataset)
    assert (failed.dataset_id, failed.error.file) == ("GSE1_a", "GSE1_a.txt.gz")
    assert (dataset.dataset_id, len(dataset.matrices)) == ("GSE1_GPL1", 1)


def test_a_series_with_values_keeps_them(tmp_path):
    dataset, other = read(tmp_path, SERIES + FULL, counts=table("GSM1", "GSM2", "GSM3"))
    assert (dataset.dataset_id, values(dataset)) == ("GSE1_GPL1", [[1, 2, 3]])
    assert (other.dataset_id, other.format) == ("GSE1_counts", "tsv")


def groups(*names: str) -> dict[str, list[str]]:
    return {group.main: sorted(group.sidecars.values()) for group in group_sources(names)}


def test_which_files_belong_to_a_series():
    counts = "a/GSE1_counts.txt.gz"
    assert groups("a/GSE1_series_matrix.txt", counts) == {"a/GSE1_series_matrix.txt": [counts]}
    assert groups("a/GSE1-GPL2_series_matrix.txt.gz", "a/GSE1.fpkm.csv") == {
        "a/GSE1-GPL2_series_matrix.txt.gz": ["a/GSE1.fpkm.csv"]
    }
    for beside in ("b/GSE1_counts.txt", "a/GSE11_counts.txt", "a/GSE11_family.txt", "a/GSE1_x.gct"):
        assert len(groups("a/GSE1_series_matrix.txt", beside)) == 2
    two = ("GSE1-GPL1_series_matrix.txt", "GSE1-GPL2_series_matrix.txt", "GSE1_counts.txt")
    assert groups(*two) == {two[0]: [*two[1:]]}
    assert groups("GSE1_family.soft.gz", two[2]) == {"GSE1_family.soft.gz": [two[2]]}
    described = groups("GSE1_series_matrix.txt", "GSE1_counts.txt", "GSE1_counts.json")
    assert described == {"GSE1_series_matrix.txt": [], "GSE1_counts.txt": ["GSE1_counts.json"]}


def test_which_tables_belong_to_a_family():
    tables = ["a/GPL1-tbl-1.txt", "a/GSM1-tbl-1.txt.gz"]
    assert groups("a/GSE1_family.xml", *tables) == {"a/GSE1_family.xml": tables}
    assert groups("GSE1_family.xml", *tables).keys() == {"GSE1_family.xml", *tables}
    with pytest.raises(BadInput) as caught:
        reader_for(tables[0], b"a\t1\n")
    assert caught.value.code == "table_without_family"


def test_how_names_begin_that_may_belong_together():
    names = ("GSE1_series_matrix.txt", "GSE1_counts.txt.gz", "GSE1_counts.json", "x/GSE1.csv")
    for name in names:
        assert beginnings_of(name) == {"GSE1", "GSM"}
    for name in ("GSE1_family.xml", "GSM1-tbl-1.txt"):
        assert beginnings_of(name) == {""}


def test_a_real_series_with_its_counts(real_data):
    """The counts are compared with polars alone; titles with the known design of GSE60450."""
    folder = real_data / "formats" / "geo"
    counts = folder / "GSE60450_Lactation-GenewiseCounts.txt.gz"
    names = ["GSE60450_series_matrix.txt", counts.name]
    (group,) = group_sources(names)
    source = Source(folder / group.main, group.main, dict.fromkeys(group.sidecars, counts))
    dataset = only(list(SeriesMatrixReader().read(source)))
    assert dataset.dataset_id == "GSE60450_GPL13112"
    expected = pl.read_csv(gzip.decompress(counts.read_bytes()), separator="\t")
    columns = dataset.samples["matrix_column"].to_list()
    assert np.array_equal(
        np.vstack(list(dataset.matrices[0].blocks())), expected.select(columns).to_numpy()
    )
    assert dataset.features["feature_id"].to_list() == [str(i) for i in expected["EntrezGeneID"]]
    for title, column in zip(dataset.samples["title"], columns, strict=True):
        assert title.startswith({"L": "Luminal", "D": "Basal"}[column[5]])


@pytest.mark.parametrize("name", ["GSE1_counts.xls", "GSE1_counts.xls.gz"])
def test_text_that_is_called_a_spreadsheet_gives_values(tmp_path, name):
    series, counts = tmp_path / "GSE1_series_matrix.txt", tmp_path / name
    series.write_text(SERIES + EMPTY)
    content = table("B-1", "A-1", "A-2").encode()
    counts.write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    (group,) = group_sources([series.name, name])
    beside = {key: tmp_path / file for key, file in group.sidecars.items()}
    dataset = only([*SeriesMatrixReader().read(Source(series, series.name, beside))])
    assert values(dataset) == [[11, 12, 10], [21, 22, 20]]


def test_a_spreadsheet_beside_a_series_fails_alone(tmp_path):
    series, sheet = tmp_path / "GSE1_series_matrix.txt", tmp_path / "GSE1_counts.xls"
    series.write_text(SERIES + EMPTY)
    sheet.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
    source = Source(series, series.name, {"gse1_counts.xls": sheet})
    failed, dataset = SeriesMatrixReader().read(source)
    assert isinstance(failed, FailedDataset)
    assert (failed.error.code, failed.error.file) == ("unsupported_format", sheet.name)
    assert isinstance(dataset, ParsedDataset)
