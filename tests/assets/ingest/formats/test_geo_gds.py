"""Curated GEO DataSets: samples and features of one table, subsets, faults, and GEOparse."""

from __future__ import annotations

import gzip
import warnings
from pathlib import Path

import numpy as np
import pytest

from polly_assets.ingest.formats.base import FailedDataset, ParsedDataset, Source
from polly_assets.ingest.formats.geo.soft import SoftFamilyReader
from polly_resources.errors import BadInput

HEAD = (
    "^DATABASE = Geo\n!Database_name = GEO\n^DATASET = GDS7\n!dataset_title = Seven\n"
    "!dataset_type = gene expression array-based\n!dataset_platform = GPL9\n"
    "!dataset_sample_count = 2\n!dataset_feature_count = 3\n"
)
SUBSETS = (
    "^SUBSET = GDS7_1\n!subset_dataset_id = GDS7\n!subset_description = sick\n"
    "!subset_sample_id = GSM2,GSM1\n!subset_type = disease state\n"
    "^SUBSET = GDS7_2\n!subset_dataset_id = GDS7\n!subset_description = treated\n"
    "!subset_sample_id = GSM1\n!subset_type = disease state\n"
    "^SUBSET = GDS7_3\n!subset_dataset_id = GDS7\n!subset_description = 3 h\n"
    "!subset_sample_id = GSM2\n!subset_type = time\n"
)
COLUMNS = "#ID_REF = the probe\n#GSM1 = Value for GSM1: one; src: liver\n#GSM2 = Value for GSM2\n"
HEADER = "ID_REF\tIDENTIFIER\tGSM1\tGSM2"


def table(*rows: str, header: str = HEADER, columns: str = COLUMNS) -> str:
    body = "".join(f"{row}\n" for row in (header, *rows) if row)
    return f"^DATASET = GDS7\n{columns}!dataset_table_begin\n{body}!dataset_table_end\n"


ROWS = ("a\tA1\t1.5\tnull", "b\t\t-2e3\t4", "c\tC1\t5\t6")


def read(folder: Path, text: str, name: str = "GDS7.soft.gz") -> list:
    path = folder / "landed"
    path.write_bytes(gzip.compress(text.encode()))
    return list(SoftFamilyReader().read(Source(path, name)))


def only(folder: Path, text: str) -> ParsedDataset:
    (dataset,) = read(folder, text)
    assert isinstance(dataset, ParsedDataset)
    return dataset


def values(dataset: ParsedDataset) -> list[list[float | None]]:
    array = np.vstack(list(dataset.matrices[0].blocks()))
    return [[None if np.isnan(v) else float(v) for v in row] for row in array]


def codes(dataset: ParsedDataset) -> list[str]:
    return [notice.code for notice in dataset.notices]


def test_subsets_become_sample_columns(tmp_path):
    dataset = only(tmp_path, HEAD + SUBSETS + table(*ROWS))
    assert (dataset.dataset_id, dataset.data_type) == ("GDS7", "Transcriptomics")
    assert dataset.samples.to_dicts() == [
        {
            "sample_id": "GSM1",
            "description": "Value for GSM1: one; src: liver",
            "disease state": ["sick", "treated"],
            "time": None,
        },
        {
            "sample_id": "GSM2",
            "description": "Value for GSM2",
            "disease state": ["sick"],
            "time": "3 h",
        },
    ]
    assert dataset.features.to_dict(as_series=False) == {
        "feature_id": ["a", "b", "c"],
        "IDENTIFIER": ["A1", None, "C1"],
    }
    assert values(dataset) == [[1.5, None], [-2000, 4], [5, 6]]
    assert dataset.notices == ()
    metadata = {key: dataset.metadata[key] for key in ("geo_accession", "title", "platform")}
    assert metadata == {"geo_accession": "GDS7", "title": "Seven", "platform": "GPL9"}
    assert dataset.metadata["platform_geo_accession"] == "GPL9"
    assert dataset.metadata["table_columns"] == {"ID_REF": "the probe"}


def test_annotation_columns_of_a_full_dataset_describe_features(tmp_path):
    header = "ID_REF\tIDENTIFIER\tGSM1\tb7\tGene symbol\tGene ID\tfeature_id"
    columns = COLUMNS + "#b7 = Value for b7: a sample without an accession\n"
    rows = ("a\tA1\t1\t2\tABC\t77\tx", "a\tA1\t3\t4\tDEF\t78\ty", "\t\t\t\t\t\t")
    dataset = only(tmp_path, HEAD + table(*rows, header=header, columns=columns))
    assert dataset.samples["sample_id"].to_list() == ["GSM1", "b7"]
    assert dataset.features.columns == [
        *("feature_id", "IDENTIFIER", "Gene symbol", "Gene ID", "feature_id.1")
    ]
    assert dataset.features["Gene ID"].to_list() == ["77", "78"]
    assert values(dataset) == [[1, 2], [3, 4]]
    assert codes(dataset) == ["duplicate_id_ref", "row_count_differs"]


def test_what_the_file_declares_and_lacks_is_told(tmp_path):
    subsets = SUBSETS.replace("GSM2,GSM1", "GSM2,GSM8")
    dataset = only(tmp_path, HEAD.replace("count = 2", "count = 9") + subsets + table())
    assert dataset.matrices == ()
    assert [(n.code, n.place) for n in dataset.notices] == [
        ("no_matrix", ""),
        ("samples_not_in_file", "GSM8"),
        ("row_count_differs", ""),
        ("row_count_differs", ""),
    ]


def test_each_dataset_of_a_file_is_read(tmp_path):
    second = (HEAD + SUBSETS + table("a\tA\tx\t1")).replace("GDS7", "GDS8")
    first, failed = read(tmp_path, HEAD + SUBSETS + table(*ROWS) + second)
    assert (first.dataset_id, first.samples["time"].to_list()) == ("GDS7", [None, "3 h"])
    assert isinstance(failed, FailedDataset)
    assert (failed.dataset_id, failed.error.code) == ("GDS8", "not_a_number")


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        (HEAD + SUBSETS, "no_table", "line 3"),
        (HEAD + table(*ROWS)[:-5], "truncated_table", "line 18"),
        (HEAD + table(header=""), "no_table", "line 9"),
        (HEAD + table(*ROWS, header=HEADER[3:]), "no_id_column", "line 14"),
        (HEAD + table("a\tb", header="ID_REF\tx", columns=""), "no_samples", "line 11"),
        (
            HEAD + table("a\tA\t1\t2", header=HEADER[:-1] + "1"),
            "duplicate_sample",
            "line 14, column 4",
        ),
        (HEAD + table("a\tA\t1\t2", "b\tB\t1\t-"), "not_a_number", "line 16, column 4"),
        (HEAD + table("a\tA\t1\t2", "b\tB\t1"), "ragged_row", "line 16, column 4"),
        (HEAD + table("\tA\t1\t2"), "empty_feature_id", "line 15, column 1"),
        (HEAD + "!sample_title = x\n" + table(*ROWS), "missing_entity", "line 9"),
    ],
)
def test_faults_name_their_place(tmp_path, text, code, place):
    with pytest.raises(BadInput) as caught:
        read(tmp_path, text)
    error = caught.value
    assert (error.code, error.place, error.file) == (code, place, "GDS7.soft.gz")
    assert error.hint


def test_a_real_dataset_agrees_with_geoparse(real_data):
    geoparse = pytest.importorskip("GEOparse")
    path = real_data / "formats" / "geo" / "GDS507.soft.gz"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peer = geoparse.get_GEO(filepath=str(path), silent=True)
    (dataset,) = SoftFamilyReader().read(Source(path, path.name))
    assert isinstance(dataset, ParsedDataset)
    assert (dataset.dataset_id, dataset.notices) == ("GDS507", ())
    assert dataset.samples["sample_id"].to_list() == list(peer.columns.index)
    for name in peer.columns:
        assert dataset.samples[name].to_list() == peer.columns[name].tolist()
    assert dataset.features["feature_id"].to_list() == peer.table["ID_REF"].tolist()
    assert dataset.features["IDENTIFIER"].to_list() == peer.table["IDENTIFIER"].tolist()
    expected = peer.table[list(peer.columns.index)].to_numpy(dtype="float64")
    np.testing.assert_array_equal(np.vstack(list(dataset.matrices[0].blocks())), expected)
    for key, raw in peer.metadata.items():
        assert dataset.metadata[key] == raw[0]
