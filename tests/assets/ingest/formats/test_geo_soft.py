"""SOFT families: datasets, alignment, metadata, faults, and agreement with GEOparse."""

from __future__ import annotations

import gzip
import warnings
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from polly_assets.ingest.formats.base import FailedDataset, ParsedDataset, Source
from polly_assets.ingest.formats.geo.common import key_value
from polly_assets.ingest.formats.geo.soft import SoftFamilyReader
from polly_resources.errors import BadInput

SERIES = "^SERIES = GSE1\n!Series_title = One\n!Series_type = Expression profiling by array\n"
PLATFORM = (
    "^PLATFORM = GPL1\n!Platform_technology = in situ\n#ID = the probe\n#ID = \n#Symbol = gene\n"
    "!platform_table_begin\nID\tSymbol\nc\tC1\na\tA1\nb\t\n!platform_table_end\n"
)


def sample(name: str, *rows: str, head: str = "ID_REF\tVALUE", lines: str = "", gpl: str = "GPL1"):
    """A ^SAMPLE with a table of the given rows."""
    body = "".join(f"{row}\n" for row in (head, *rows) if row)
    return (
        f"^SAMPLE = {name}\n!Sample_title = {name}\n!Sample_platform_id = {gpl}\n{lines}"
        f"!sample_table_begin\n{body}!sample_table_end\n"
    )


def read(folder: Path, text: str | bytes, name: str = "GSE1_family.soft"):
    path = folder / "landed"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return list(SoftFamilyReader().read(Source(path, name)))


def only(found: list[ParsedDataset | FailedDataset]) -> ParsedDataset:
    assert len(found) == 1
    assert isinstance(found[0], ParsedDataset)
    return found[0]


def values(dataset: ParsedDataset) -> list[list[float | None]]:
    (matrix,) = dataset.matrices
    assert matrix.dtype == "float64"
    array = np.vstack(list(matrix.blocks()))
    return [[None if np.isnan(v) else float(v) for v in row] for row in array]


def codes(dataset: ParsedDataset) -> list[str]:
    return [notice.code for notice in dataset.notices]


def fault(folder: Path, text: str | bytes) -> BadInput:
    with pytest.raises(BadInput) as caught:
        read(folder, text)
    return caught.value


def test_values_are_matched_by_id_in_platform_order(tmp_path):
    text = SERIES + PLATFORM + sample("GSM1", "a\t1.5", "c\t3") + sample("GSM2", "c\t-4e-3", "a\t2")
    dataset = only(read(tmp_path, text))
    assert dataset.dataset_id == "GSE1_GPL1"
    assert dataset.features.to_dicts() == [
        {"feature_id": "c", "Symbol": "C1"},
        {"feature_id": "a", "Symbol": "A1"},
    ]
    assert values(dataset) == [[3.0, -0.004], [1.5, 2.0]]
    assert dataset.samples["sample_id"].to_list() == ["GSM1", "GSM2"]
    assert dataset.metadata["title"] == "One"
    assert dataset.metadata["platform_technology"] == "in situ"
    assert dataset.metadata["platform_table_columns"] == {"ID": "the probe", "Symbol": "gene"}
    assert dataset.data_type == "Transcriptomics"
    assert dataset.notices == ()


def test_absent_features_and_missing_tokens_are_nan(tmp_path):
    text = (
        SERIES + sample("GSM1", "a\tnull", "b\t", "c\tNA", "d\t1") + sample("GSM2", "e\t2", "a\t3")
    )
    dataset = only(read(tmp_path, text))
    assert dataset.features["feature_id"].to_list() == ["a", "b", "c", "d", "e"]
    assert values(dataset) == [[None, 3], [None, None], [None, None], [1, None], [None, 2]]


def test_features_that_the_platform_lacks_are_appended_and_told(tmp_path):
    dataset = only(read(tmp_path, SERIES + PLATFORM + sample("GSM1", "z\t9", "b\t1", "y\t8")))
    assert dataset.features["feature_id"].to_list() == ["b", "z", "y"]
    assert dataset.features["Symbol"].to_list() == [None, None, None]
    assert values(dataset) == [[1], [9], [8]]
    assert codes(dataset) == ["features_not_in_platform"]
    assert dataset.notices[0].place == "z, y"


def test_the_first_of_repeated_ids_counts(tmp_path):
    platform = PLATFORM.replace("a\tA1\n", "a\tA1\na\tA2\n")
    dataset = only(read(tmp_path, SERIES + platform + sample("GSM1", "a\t1", "a\t2", "c\t3")))
    assert values(dataset) == [[3], [1]]
    assert dataset.features["Symbol"].to_list() == ["C1", "A1"]
    assert codes(dataset) == ["duplicate_id_ref", "duplicate_platform_id"]
    assert dataset.notices[0].message.startswith("1 row repeats")


def test_other_columns_are_named_and_value_is_found_in_any_case(tmp_path):
    text = SERIES + sample("GSM1", "P\ta\t1", head="ABS_CALL\tid_ref\tValue")
    dataset = only(read(tmp_path, text))
    assert values(dataset) == [[1]]
    assert [(n.code, n.place) for n in dataset.notices] == [("columns_not_loaded", "ABS_CALL")]


def test_without_value_column_there_is_no_matrix(tmp_path):
    dataset = only(read(tmp_path, SERIES + sample("GSM1", "a\t1", head="ID_REF\tCALL")))
    assert dataset.matrices == ()
    assert dataset.features.height == 0
    assert codes(dataset) == ["no_value_column", "columns_not_loaded"]


def test_without_tables_there_is_no_matrix(tmp_path):
    bare = "^SAMPLE = GSM1\n!Sample_platform_id = GPL1\n!Sample_type = SRA\n"
    empty = sample("GSM2", head="").replace(
        "!Sample_title", "!Sample_library_source = x\n!Sample_title"
    )
    dataset = only(read(tmp_path, SERIES + bare + empty + sample("GSM3")))
    assert dataset.matrices == ()
    assert codes(dataset) == ["no_matrix"]
    assert dataset.samples.height == 3


def test_a_sample_without_table_among_others_is_nan_and_told(tmp_path):
    dataset = only(read(tmp_path, SERIES + sample("GSM1", "a\t1") + sample("GSM2", head="")))
    assert values(dataset) == [[1, None]]
    assert [(n.code, n.place) for n in dataset.notices] == [("samples_without_values", "GSM2")]


def test_each_platform_is_a_dataset_and_a_fault_stays_in_its_own(tmp_path):
    text = SERIES + PLATFORM + sample("GSM1", "a\t1") + sample("GSM2", "x\tabc", gpl="GPL 2/b")
    first, second = read(tmp_path, text)
    assert (first.dataset_id, values(first)) == ("GSE1_GPL1", [[1]])
    assert isinstance(second, FailedDataset)
    assert second.dataset_id == "GSE1_GPL_2_b"
    assert (second.error.code, second.error.place) == ("not_a_number", "line 27, column 2")
    assert "'abc'" in second.error.message


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        (SERIES + sample("GSM1", "a\t1", "b\t2\t3"), "ragged_row", "line 10, column 3"),
        (SERIES + sample("GSM1", "a\t1", "b"), "ragged_row", "line 10, column 2"),
        (
            SERIES + sample("GSM1", "a\t1\t", "b", "c\t2\t\tx", head="ID_REF\tVALUE\tP"),
            "ragged_row",
            "line 10, column 2",
        ),
        (SERIES + sample("GSM1", "a\t1_000"), "not_a_number", "line 9, column 2"),
        (SERIES + sample("GSM1", "", "\t3"), "empty_feature_id", "line 9, column 1"),
        (SERIES + sample("GSM1", "a\t1", head="PROBE\tVALUE"), "no_id_column", "line 8"),
        (
            SERIES + sample("GSM1", "a\t1").replace("!sample_table_end\n", ""),
            "truncated_table",
            "line 9",
        ),
        (SERIES + sample("GSM1", gpl=""), "no_platform", "line 4"),
        (SERIES + sample("GSM1") + sample("GSM1"), "duplicate_sample", "line 10"),
        (SERIES + sample("GSM1").replace("^SAMPLE = GSM1\n", ""), "missing_entity", "line 4"),
        (sample("GSM1").replace("^SAMPLE = GSM1\n", ""), "missing_entity", "line 1"),
        (
            SERIES + sample("GSM1") + sample("GSM2").replace("^SAMPLE = GSM2\n", ""),
            "missing_entity",
            "line 10",
        ),
        (
            SERIES + PLATFORM.replace("!platform_table_begin", "!Sample_title = x"),
            "missing_entity",
            "line 9",
        ),
        (
            "^DATASET = GDS1\n!dataset_reference_series = GSE9\n",
            "no_table",
            "line 1",
        ),
        (SERIES + PLATFORM, "no_samples", "line 14"),
    ],
)
def test_faults_name_their_place(tmp_path, text, code, place):
    error = fault(tmp_path, text)
    assert (error.code, error.place, error.file) == (code, place, "GSE1_family.soft")
    assert error.hint


def test_a_lost_header_between_two_bare_samples_is_found(tmp_path):
    first = "^SAMPLE = GSM1\n!Sample_geo_accession = GSM1\n!Sample_platform_id = GPL1\n"
    error = fault(tmp_path, SERIES + first + "!Sample_geo_accession = GSM2\n")
    assert (error.code, error.place) == ("missing_entity", "line 4")


def test_a_cut_table_fails_its_dataset_only(tmp_path):
    cut = sample("GSM2", "a\t1", gpl="GPL2").replace("!sample_table_end\n", "")
    first, second, third = read(
        tmp_path, SERIES + sample("GSM1", "a\t1") + cut + sample("GSM3", "a\t2", gpl="GPL3")
    )
    assert (values(first), values(third)) == ([[1]], [[2]])
    assert isinstance(second, FailedDataset)
    assert second.error.code == "truncated_table"


def test_samples_and_rows_that_are_declared_but_absent_are_told(tmp_path):
    series = SERIES + "!Series_sample_id = GSM1\n!Series_sample_id = GSM7\n"
    dataset = only(
        read(tmp_path, series + sample("GSM1", "a\t1", lines="!Sample_data_row_count = 5\n"))
    )
    assert [(n.code, n.place) for n in dataset.notices] == [
        ("samples_not_in_file", "GSM7"),
        ("row_count_differs", "GSM1"),
    ]


def test_a_file_cut_before_a_table_is_told(tmp_path):
    head = SERIES + sample("GSM1", "a\t1")
    last = "^SAMPLE = GSM2\n!Sample_platform_id = GPL1\n!Sample_data_row_count = 5\n"
    dataset = only(read(tmp_path, head + last))
    assert codes(dataset) == ["samples_without_values", "row_count_differs"]
    assert fault(tmp_path, head + last + "!sample_table_begin").code == "truncated_table"


def test_characteristics_are_aligned_by_key(tmp_path):
    one = (
        "!Sample_characteristics_ch1 = sex: F\n!Sample_characteristics_ch1 = stage: III: late\n"
        "!Sample_characteristics_ch1 = at 12:30\n!Sample_characteristics_ch2 = Pool\n"
    )
    two = "!Sample_characteristics_ch1 = stage:I\n!Sample_characteristics_ch2 = Pool\n"
    three = (
        "!Sample_characteristics_ch1 = dose: 1 uM\n!Sample_characteristics_ch1 = dose: 2 uM\n"
        "!Sample_characteristics_ch1 = sex: \n"
    )
    text = SERIES + "".join(sample(f"GSM{i}", lines=x) for i, x in enumerate((one, two, three)))
    frame = only(read(tmp_path, text)).samples
    assert frame.columns == [
        "sample_id",
        "title",
        "platform_id",
        "characteristics_ch1",
        "characteristics_ch1.sex",
        "characteristics_ch1.stage",
        "characteristics_ch1.dose",
        "characteristics_ch2",
    ]
    assert frame["characteristics_ch1"].to_list()[:2] == [
        ["sex: F", "stage: III: late", "at 12:30"],
        ["stage:I"],
    ]
    assert frame["characteristics_ch1.sex"].to_list() == ["F", None, None]
    assert frame["characteristics_ch1.stage"].to_list() == ["III: late", "I", None]
    assert frame["characteristics_ch1.dose"].to_list() == [None, None, ["1 uM", "2 uM"]]
    assert frame["characteristics_ch2"].to_list() == ["Pool", "Pool", None]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tissue: lung", ("tissue", "lung")),
        ("a: b: c", ("a", "b: c")),
        ("Age:45", ("Age", "45")),
        ("seen at 12:30", None),
        ("http://x.org/a", None),
        ("url: http://x.org", ("url", "http://x.org")),
        ("locus 1:123: AA", ("locus 1:123", "AA")),
        ("healthy", None),
        (": x", None),
        ("note:", ("note", "")),
        ("", None),
    ],
)
def test_key_value(text, expected):
    assert key_value(text) == expected


def test_metadata_is_whole(tmp_path):
    text = (
        "^DATABASE = GeoMiame\n!Database_name = GEO\n"
        "^SERIES = GSE1\n!Series_summary = a = b\n!Series_summary = \n!Series_summary = c\n"
        "!Series_pubmed_id = \n!Series_platform_taxid = 1\n!Series_platform_taxid = 2\n"
        "^PLATFORM = GPL1\n!Platform_taxid = 1\n"
    )
    one = sample(
        "GSM1", "a\t1", lines="!Sample_sample_id = S\n#VALUE = RMA\n#ID_REF = \n#CALL = p\n"
    )
    two = sample("GSM2", "a\t1", lines="!Sample_description = d\nnext\n#VALUE = MAS5\n#CALL = p\n")
    dataset = only(read(tmp_path, text + one + two))
    assert dataset.metadata == {
        "geo_accession": "GSE1",
        "summary": ["a = b", "", "c"],
        "pubmed_id": None,
        "platform_taxid": ["1", "2"],
        "platform_geo_accession": "GPL1",
        "platform_taxid.1": "1",
        "database_name": "GEO",
        "sample_table_columns": {"CALL": "p"},
    }
    assert dataset.samples["sample_id.1"].to_list() == ["S", None]
    assert dataset.samples["#VALUE"].to_list() == ["RMA", "MAS5"]
    assert dataset.samples["description"].to_list() == [None, "d\nnext"]


def test_a_declared_row_count_that_is_no_number_says_nothing(tmp_path):
    lines = "!Sample_data_row_count = ²\n"
    assert codes(only(read(tmp_path, SERIES + sample("GSM1", "a\t1", lines=lines)))) == []


def test_platform_columns_of_any_name_are_kept(tmp_path):
    platform = (
        "^PLATFORM = GPL1\n!platform_table_begin\nGene\tID\tfeature_id\tGene\n"
        "g\ta\t007\tNA\n!platform_table_end\n"
    )
    dataset = only(read(tmp_path, SERIES + platform + sample("GSM1", "a\t1")))
    assert dataset.features.to_dicts() == [
        {"feature_id": "a", "Gene": "g", "feature_id.1": "007", "Gene.1": "NA"}
    ]


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        (PLATFORM + sample("GSM1"), "x.soft", ["GPL1"]),
        (sample("GSM1"), "GSM1.soft.gz", ["GSM1"]),
        (
            sample("GSM1") + sample("GSM2", gpl="GPL2"),
            "my set.soft",
            ["my_set_GPL1", "my_set_GPL2"],
        ),
    ],
)
def test_dataset_ids_without_a_series(tmp_path, text, name, expected):
    assert [d.dataset_id for d in read(tmp_path, text, name)] == expected


def test_samples_of_a_platform_family_go_to_the_series_that_name_them(tmp_path):
    text = (
        PLATFORM
        + "^SERIES = GSE1\n!Series_sample_id = GSM1\n^SERIES = GSE2\n!Series_title = Two\n"
        + sample("GSM1", "a\t1", lines="!Sample_series_id = GSE2\n")
        + sample("GSM2", "a\t2", lines="!Sample_series_id = GSE2\n")
        + sample("GSM3", "a\t3")
    )
    found = {d.dataset_id: d.samples["sample_id"].to_list() for d in read(tmp_path, text)}
    assert found == {"GSE1_GPL1": ["GSM1"], "GSE2_GPL1": ["GSM1", "GSM2"], "GPL1": ["GSM3"]}


def test_windows_line_ends_blank_lines_padding_latin1_and_gzip(tmp_path):
    text = SERIES.replace("One", "Münster") + sample("GSM1", "a\t 1 ", "", "b\tnone")
    text = text.replace("b\tnone\n", "\nb\tNaN\n\t\n").replace("\n", "\r\n")
    dataset = only(read(tmp_path, gzip.compress(text.encode("latin-1"))))
    assert values(dataset) == [[1], [None]]
    assert dataset.metadata["title"] == "Münster"
    assert codes(dataset) == ["not_utf8"]


def test_ids_that_look_like_missing_values_are_ids(tmp_path):
    dataset = only(read(tmp_path, SERIES + sample("GSM1", "NA\t1", "null\t2")))
    assert dataset.features["feature_id"].to_list() == ["NA", "null"]


def test_table_rows_may_begin_with_a_caret_or_hash(tmp_path):
    dataset = only(read(tmp_path, SERIES + sample("GSM1", "^x\t1", "#y\t2", "a!\t3")))
    assert dataset.features["feature_id"].to_list() == ["^x", "#y", "a!"]


@pytest.mark.parametrize(
    ("lines", "series", "expected"),
    [
        ("!Sample_library_source = transcriptomic single cell\n", "", "Transcriptomics"),
        ("!Sample_library_source = genomic single cell\n", "", ""),
        (
            "!Sample_library_source = transcriptomic single cell\n",
            "!Series_type = Expression profiling by high throughput sequencing\n",
            "Transcriptomics",
        ),
        ("!Sample_type = RNA\n", "!Series_type = SuperSeries\n", "Transcriptomics"),
        (
            "!Sample_type = genomic\n",
            "!Series_type = Methylation profiling by array\n",
            "Methylation",
        ),
        ("!Sample_type = protein\n", "!Series_type = Other\n", ""),
    ],
)
def test_data_type(tmp_path, lines, series, expected):
    text = f"^SERIES = GSE1\n{series}" + sample("GSM1", "a\t1", lines=lines)
    assert only(read(tmp_path, text)).data_type == expected


def test_words_of_the_library_source_are_kept(tmp_path):
    line = "!Sample_library_source = transcriptomic single cell\n"
    dataset = only(read(tmp_path, SERIES + sample("GSM1", "a\t1", lines=line)))
    assert dataset.samples["library_source"].to_list() == ["transcriptomic single cell"]


def test_sniff():
    sniff = SoftFamilyReader().sniff
    assert sniff("x.txt", b"^DATABASE = GeoMiame\n")
    assert sniff("x", b"\n^sample=GSM1\n")
    assert not sniff("x.soft", b'!Series_title\t"a"\n')
    assert not sniff("x.txt", b"a^SAMPLE = 1\n")


numbers = st.floats(allow_nan=False, width=64) | st.none()
tables = st.lists(st.dictionaries(st.sampled_from("abcdefgh"), numbers), min_size=1, max_size=4)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(tables=tables)
def test_values_survive_a_round_trip(tmp_path, tables):
    text = SERIES + PLATFORM
    for i, table in enumerate(tables):
        rows = [f"{k}\t{'null' if v is None else repr(v)}" for k, v in table.items()]
        text += sample(f"GSM{i}", *rows)
    dataset = only(read(tmp_path, text))
    ids = dataset.features["feature_id"].to_list()
    assert sorted(ids) == sorted({key for table in tables for key in table})
    expected = [[table.get(key) for table in tables] for key in ids]
    assert (values(dataset) if ids else []) == expected


REAL = [
    "GSE13657_family.soft.gz",
    "GSE2388_family.soft.gz",
    "GSE29014.soft.gz",
    "GSE4345_family.soft.gz",
    "GSE6344.soft.gz",
    "GSE9048_family.soft.gz",
]


@pytest.mark.parametrize("name", REAL)
def test_real_families_agree_with_geoparse(real_data, name):
    geoparse = pytest.importorskip("GEOparse")
    path = real_data / "formats" / "geo" / name
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peer = geoparse.get_GEO(filepath=str(path), silent=True)
    seen = 0
    for dataset in SoftFamilyReader().read(Source(path, name)):
        assert isinstance(dataset, ParsedDataset)
        rows = {feature: i for i, feature in enumerate(dataset.features["feature_id"])}
        array = np.vstack(list(dataset.matrices[0].blocks()))
        for column, row in enumerate(dataset.samples.iter_rows(named=True)):
            gsm = peer.gsms[row["sample_id"]]
            seen += 1
            assert dataset.dataset_id == f"{peer.name}_{gsm.metadata['platform_id'][0]}"
            expected = np.full(len(rows), np.nan)
            table = gsm.table.drop_duplicates("ID_REF") if gsm.table.size else gsm.table
            for key, value in zip(table.get("ID_REF", ()), table.get("VALUE", ()), strict=True):
                expected[rows[str(key)]] = value
            np.testing.assert_allclose(array[:, column], expected, rtol=1e-15)
            for key, raw in gsm.metadata.items():
                found = row[key] if isinstance(row[key], list) else [row[key]]
                assert [v for v in found if v] == [v.strip() for v in raw if v.strip()]
    assert seen == len(peer.gsms)


def test_the_example_family_uses_titles_as_ids(real_data):
    path = real_data / "formats" / "geo" / "soft_ex_family.txt"
    dataset = only(list(SoftFamilyReader().read(Source(path, path.name))))
    assert dataset.dataset_id == "Murine_ES_Cells_Murine_15K_long_oligo_array_version_2.0"
    assert dataset.samples["sample_id"][0] == "Control Embyronic Stem Cell Replicate 1"
    assert dataset.matrices[0].shape == (20, 3)
    assert dataset.samples.schema["characteristics_ch1.Strain"] == pl.String
    assert set(codes(dataset)) == {"columns_not_loaded"}
