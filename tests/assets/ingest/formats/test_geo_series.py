"""Series matrices: metadata rows, the table, faults, and agreement with SOFT and GEOparse."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from polly_assets.ingest.formats.base import ParsedDataset, Source
from polly_assets.ingest.formats.geo.series import SeriesMatrixReader
from polly_assets.ingest.formats.geo.soft import SoftFamilyReader
from polly_assets.ingest.formats.geo.table import cells
from polly_resources.errors import BadInput

SERIES = '!Series_title\t"One"\n!Series_geo_accession\t"GSE1"\n!Series_type\t"Other"\n\n'
SAMPLES = (
    '!Sample_title\t"one"\t"two"\n!Sample_geo_accession\t"GSM1"\t"GSM2"\n'
    '!Sample_platform_id\t"GPL1"\t"GPL1"\n'
)
HEADER = '"ID_REF"\t"GSM1"\t"GSM2"'


def matrix(*rows: str, header: str = HEADER) -> str:
    body = "".join(f"{row}\n" for row in (header, *rows) if row)
    return f"!series_matrix_table_begin\n{body}!series_matrix_table_end\n"


def read(folder: Path, text: str, name: str = "GSE1_series_matrix.txt") -> list[ParsedDataset]:
    path = folder / "landed"
    path.write_text(text, newline="")
    return list(SeriesMatrixReader().read(Source(path, name)))


def values(dataset: ParsedDataset) -> list[list[float | None]]:
    array = np.vstack(list(dataset.matrices[0].blocks()))
    return [[None if np.isnan(v) else float(v) for v in row] for row in array]


def codes(dataset: ParsedDataset) -> list[str]:
    return [notice.code for notice in dataset.notices]


def test_values_go_to_samples_by_accession(tmp_path):
    table = matrix('"a"\t1.5\t2', '"b"\tnull\t', header='"ID_REF"\t"GSM2"\t"GSM1"')
    (dataset,) = read(tmp_path, SERIES + SAMPLES + table)
    assert dataset.dataset_id == "GSE1_GPL1"
    assert dataset.samples["sample_id"].to_list() == ["GSM1", "GSM2"]
    assert dataset.features["feature_id"].to_list() == ["a", "b"]
    assert values(dataset) == [[2, 1.5], [None, None]]
    assert dataset.matrices[0].dtype == "float64"
    assert dataset.metadata["platform_geo_accession"] == "GPL1"
    assert dataset.notices == ()


def test_an_empty_table_is_no_matrix(tmp_path):
    for table in (matrix(), matrix(header="")):
        (dataset,) = read(tmp_path, SERIES + SAMPLES + table)
        assert dataset.matrices == ()
        assert codes(dataset) == ["no_matrix"]
        assert "supplementary" in dataset.notices[0].message


def test_several_platforms_are_several_datasets(tmp_path):
    samples = SAMPLES.replace('"GPL1"\n', '"GPL2"\n')
    table = matrix('"a"\t1\t', '"b"\t\t2', '"c"\t3\t4')
    first, second = read(tmp_path, SERIES + samples + table)
    assert (first.dataset_id, second.dataset_id) == ("GSE1_GPL1", "GSE1_GPL2")
    assert first.features["feature_id"].to_list() == ["a", "c"]
    assert (values(first), values(second)) == ([[1], [3]], [[2], [4]])
    assert second.samples["sample_id"].to_list() == ["GSM2"]


def test_characteristics_are_aligned_by_key_as_in_soft(tmp_path):
    rows = (
        '!Sample_characteristics_ch1\t"sex: F"\t"stage: I: b"\n'
        '!Sample_characteristics_ch1\t"stage: II"\t""\n!Sample_description\t""\t"x ""y"" z"\n'
    )
    (dataset,) = read(tmp_path, SERIES + SAMPLES + rows + matrix('"a"\t1\t2'))
    family = (
        "^SERIES = GSE1\n^SAMPLE = GSM1\n!Sample_title = one\n!Sample_geo_accession = GSM1\n"
        "!Sample_platform_id = GPL1\n!Sample_characteristics_ch1 = sex: F\n"
        "!Sample_characteristics_ch1 = stage: II\n!Sample_description = \n"
        "^SAMPLE = GSM2\n!Sample_title = two\n!Sample_geo_accession = GSM2\n"
        '!Sample_platform_id = GPL1\n!Sample_description = x "y" z\n'
        "!Sample_characteristics_ch1 = stage: I: b\n"
    )
    path = tmp_path / "family"
    path.write_text(family)
    (soft,) = SoftFamilyReader().read(Source(path, "GSE1_family.soft"))
    assert isinstance(soft, ParsedDataset)
    assert dataset.samples.equals(soft.samples)
    assert dataset.samples["characteristics_ch1.stage"].to_list() == ["II", "I: b"]
    assert dataset.samples["characteristics_ch1.sex"].to_list() == ["F", None]


def test_quotes_and_tabs_inside_ids(tmp_path):
    table = matrix('"5\' ""end"""\t1\t"2"', '"a\tb"\t3\t4', "c\t5\t 6 ")
    (dataset,) = read(tmp_path, SERIES + SAMPLES + table)
    assert dataset.features["feature_id"].to_list() == ['5\' "end"', "a\tb", "c"]
    assert values(dataset) == [[1, 2], [3, 4], [5, 6]]


def test_repeated_ids_are_kept_and_told(tmp_path):
    declared = '!Sample_data_row_count\t"9"\t"2"\n'
    (dataset,) = read(tmp_path, SERIES + SAMPLES + declared + matrix('"a"\t1\t2', '"a"\t3\t4'))
    assert values(dataset) == [[1, 2], [3, 4]]
    assert [(n.code, n.place) for n in dataset.notices] == [
        ("duplicate_id_ref", "a"),
        ("row_count_differs", "GSM1"),
    ]


def test_the_file_name_stands_in_for_a_missing_series(tmp_path):
    (dataset,) = read(tmp_path, SAMPLES + matrix(), "GSE7-GPL1_series_matrix.txt")
    assert dataset.dataset_id == "GSE7-GPL1_GPL1"


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        (SERIES + SAMPLES, "no_table", "line 7"),
        (SERIES + SAMPLES + matrix('"a"\t1\t2')[:-25], "truncated_table", "line 10"),
        (SERIES + matrix(), "no_samples", "line 1"),
        (SERIES + SAMPLES.replace("GSM2", "") + matrix(), "no_samples", "line 6"),
        (SERIES + SAMPLES.replace("GSM2", "GSM1") + matrix(), "duplicate_sample", "line 6"),
        (SERIES + SAMPLES.replace('\t"two"', "") + matrix(), "ragged_row", "line 5"),
        (SERIES + "lost\n" + SAMPLES + matrix(), "unexpected_line", "line 5"),
        (
            SERIES + SAMPLES.replace('\t"GPL1"\n', '\t""\n') + matrix(),
            "no_platform",
            "line 7, column 3",
        ),
        (SERIES + SAMPLES + matrix(header=HEADER + '\t"GSM3"'), "samples_disagree", "line 9"),
        (SERIES + SAMPLES + matrix(header='"ID_REF"\t"GSM1"'), "samples_disagree", "line 9"),
        (SERIES + SAMPLES + matrix('"a"\t1\t2', '"b"\t1'), "ragged_row", "line 11, column 3"),
        (SERIES + SAMPLES + matrix('"a"\t1\t"x"'), "not_a_number", "line 10, column 3"),
        (
            SERIES + SAMPLES + matrix('"a"\t1\t2', '""\t1\t2'),
            "empty_feature_id",
            "line 11, column 1",
        ),
    ],
)
def test_faults_name_their_place(tmp_path, text, code, place):
    with pytest.raises(BadInput) as caught:
        read(tmp_path, text)
    error = caught.value
    assert (error.code, error.place, error.file) == (code, place, "GSE1_series_matrix.txt")
    assert error.hint


def test_sniff():
    sniff = SeriesMatrixReader().sniff
    assert sniff("x.txt", SERIES.encode())
    assert sniff("x.txt", matrix().encode())
    assert not sniff("x.soft", b"^SERIES = GSE1\n!Series_title = a\tb\n")
    assert not sniff("x.txt", b"ID_REF\tGSM1\n")


@given(st.lists(st.text(st.characters(blacklist_categories=("Cs", "Cc"))), min_size=1, max_size=5))
def test_cells_undo_quoting(texts):
    quoted = "\t".join('"' + text.replace('"', '""') + '"' for text in texts)
    assert cells(quoted) == texts


numbers = st.floats(allow_nan=False, width=64) | st.none()


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=st.lists(st.tuples(numbers, numbers), max_size=6))
def test_values_survive_a_round_trip(tmp_path, rows):
    lines = [
        "\t".join([f'"p{i}"', *("" if v is None else repr(v) for v in row)])
        for i, row in enumerate(rows)
    ]
    (dataset,) = read(tmp_path, SERIES + SAMPLES + matrix(*lines))
    assert (values(dataset) if rows else []) == [list(row) for row in rows]


def test_a_real_series_matrix_agrees_with_the_csv_module(real_data):
    path = real_data / "formats" / "geo" / "GSE60450_series_matrix.txt"
    (dataset,) = SeriesMatrixReader().read(Source(path, path.name))
    assert dataset.dataset_id == "GSE60450_GPL13112"
    assert dataset.data_type == "Transcriptomics"
    assert dataset.matrices == ()
    assert codes(dataset) == ["no_matrix"]
    expected: dict[str, list[list[str]]] = {}
    with path.open(newline="") as lines:
        for row in csv.reader(lines, delimiter="\t"):
            if row and row[0].startswith("!Sample_"):
                cellwise = expected.setdefault(
                    row[0].removeprefix("!Sample_"), [[] for _ in row[1:]]
                )
                for cell, found in zip(cellwise, row[1:], strict=True):
                    cell.append(found.strip())
    assert dataset.samples["sample_id"].to_list() == [v[0] for v in expected["geo_accession"]]
    for key, columns in expected.items():
        found = [v if isinstance(v, list) else [v] for v in dataset.samples[key].to_list()]
        assert found == columns
    assert dataset.samples["characteristics_ch1.gender"].unique().to_list() == ["female"]
    assert len(dataset.metadata["contributor"]) == 4
