"""Separated matrices: separators, orientation, column meaning, number types, sidecars."""

from __future__ import annotations

import gzip
import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polly_assets.ingest.formats.base import ParsedDataset, Source
from polly_assets.ingest.formats.separated.orientation import (
    is_annotation,
    looks_like_samples_as_rows,
)
from polly_assets.ingest.formats.separated.reader import CsvReader, TsvReader
from polly_resources.errors import BadInput

PLAIN = ",S1,S2\ng1,1,2\ng2,3,4\n"


def write(folder: Path, content: str | bytes, name: str = "x.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def parse(path: Path, **sidecars: Path) -> ParsedDataset:
    (found,) = CsvReader().read(Source(path, path.name, sidecars))
    assert isinstance(found, ParsedDataset)
    return found


def values(dataset: ParsedDataset) -> np.ndarray:
    return np.vstack(list(dataset.matrices[0].blocks()))  # type: ignore[arg-type]


def codes(dataset: ParsedDataset) -> list[str]:
    return [notice.code for notice in dataset.notices]


def refuse(path: Path, **sidecars: Path) -> BadInput:
    with pytest.raises(BadInput) as caught:
        parse(path, **sidecars)
    assert caught.value.hint
    return caught.value


def test_plain_matrix(tmp_path: Path) -> None:
    found = parse(write(tmp_path, PLAIN, "GSE 1.csv"))
    assert (found.dataset_id, found.format, found.notices) == ("GSE_1", "csv", ())
    assert found.samples.to_dict(as_series=False) == {"sample_id": ["S1", "S2"]}
    assert found.features.to_dict(as_series=False) == {"feature_id": ["g1", "g2"]}
    assert found.matrices[0].dtype == "int64"
    np.testing.assert_array_equal(values(found), [[1, 2], [3, 4]])


@pytest.mark.parametrize(
    "content",
    [
        PLAIN.replace(",", "\t"),
        PLAIN.replace(",", ";"),
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("\n", ",\n"),
        PLAIN.replace(",S1", "S1", 1),
        PLAIN.replace("1,2", "1,2,").replace("3,4", "3,4,"),
        PLAIN.replace(",S1", "gene,S1", 1),
        PLAIN.replace(",S1", "#gene,S1", 1),
        "\n" + PLAIN + "\n,,\n",
        '"","S1","S2"\n"g1","1","2"\n"g2",3,4\n',
        gzip.compress(PLAIN.encode()),
        PLAIN.encode("utf-16"),
        "\ufeff" + PLAIN,
        PLAIN.replace("1,2", " 1 , 2 "),
    ],
)
def test_the_same_matrix_written_otherwise(tmp_path: Path, content: str | bytes) -> None:
    found = parse(write(tmp_path, content))
    assert found.samples["sample_id"].to_list() == ["S1", "S2"]
    assert found.features["feature_id"].to_list() == ["g1", "g2"]
    assert found.matrices[0].dtype == "int64"
    np.testing.assert_array_equal(values(found), [[1, 2], [3, 4]])


@pytest.mark.parametrize(
    ("content", "dtype", "first"),
    [
        (PLAIN.replace("3,4", "3,4.0"), "float64", 1.0),
        (PLAIN.replace("1,2", "NA,2"), "float64", math.nan),
        (PLAIN.replace("1,2", ",2"), "float64", math.nan),
        (PLAIN.replace("1,2", "n/a,2"), "float64", math.nan),
        (PLAIN.replace("1,2", "inf,2"), "float64", math.inf),
        (PLAIN.replace("1,2", "9223372036854775807,2"), "int64", 2**63 - 1),
        (PLAIN.replace("1,2", "1e3,2"), "float64", 1000.0),
    ],
)
def test_number_types(tmp_path: Path, content: str, dtype: str, first: float) -> None:
    found = parse(write(tmp_path, content))
    assert found.matrices[0].dtype == dtype
    np.testing.assert_array_equal(values(found)[0, 0], first)


def test_whole_numbers_at_first_and_fractions_later(tmp_path: Path) -> None:
    rows = "".join(f"g{i},{i},2\n" for i in range(300))
    found = parse(write(tmp_path, f",A,B\n{rows}last,0.5,1\n"))
    assert (found.matrices[0].dtype, values(found)[-1, 0]) == ("float64", 0.5)


def test_feature_columns_are_not_samples(tmp_path: Path) -> None:
    content = (
        '# Program:featureCounts v2.0.1; Command:"featureCounts"\n'
        "Geneid\tChr\tStart\tEnd\tStrand\tLength\tgene name\ta.bam\tnote\n"
        "g1\t1;1\t5;9\t7;11\t+;+\t6\tTP53\t10\tx\n"
        "g2\t2\t1\t2\t-\t2\tNA\t20\t\n"
    )
    found = parse(write(tmp_path, content))
    assert found.samples["sample_id"].to_list() == ["a.bam"]
    names = ["feature_id", "Chr", "Start", "End", "Strand", "Length", "gene name", "note"]
    assert found.features.columns == names
    assert found.features["gene name"].to_list() == ["TP53", "NA"]
    assert found.features["note"].to_list() == ["x", None]
    assert found.metadata["comments"][0].startswith("# Program:featureCounts")
    np.testing.assert_array_equal(values(found), [[10], [20]])


def test_text_that_begins_late_is_still_text(tmp_path: Path) -> None:
    rows = "".join(f"g{i},{i},\n" for i in range(300))
    found = parse(write(tmp_path, f"id,S1,driver\n{rows}z,1,yes\n"))
    assert found.samples["sample_id"].to_list() == ["S1"]
    assert found.features["driver"].to_list()[-1] == "yes"


def test_column_without_any_value_is_a_sample(tmp_path: Path) -> None:
    found = parse(write(tmp_path, ",S1,S2\ng1,1,NA\ng2,2,\n"))
    assert found.samples["sample_id"].to_list() == ["S1", "S2"]
    assert np.isnan(values(found)[:, 1]).all()


def test_quoted_cells(tmp_path: Path) -> None:
    content = 'id,about,S1\ng1,"a, ""b""\nc",1\ng2,5" UTR,NA\n"",x,"3"\n'
    found = parse(write(tmp_path, content))
    assert found.features["about"].to_list() == ['a, "b"\nc', '5" UTR', "x"]
    assert found.features["feature_id"].to_list() == ["g1", "g2", ""]
    np.testing.assert_array_equal(values(found), [[1], [np.nan], [3]])


@pytest.mark.parametrize(
    ("content", "code", "place"),
    [
        (PLAIN.replace("3,4", "3,abc"), "not_a_number", "line 3, column 3"),
        (PLAIN.replace("3,4", "3"), "ragged_row", "line 3, column 2"),
        (PLAIN.replace("3,4", "3,4,5"), "ragged_row", "line 3, column 4"),
        (PLAIN.replace("S2", "S1"), "duplicate_sample_ids", "line 1, column 3"),
        (PLAIN.replace("S1", ""), "missing_sample_id", "line 1, column 2"),
        ("# a\n" + PLAIN.replace("3,4", "\n3,4,5"), "ragged_row", "line 4, column 2"),
        ('id,S1\n"g\n1",1\ng2,x\ng3,2\n', "not_a_number", "line 4, column 2"),
        ("id;S1;S2\ng1;1,500;2\ng2;3;4\n", "not_a_number", "line 2, column 2"),
        ("id,place\nS1,liver\nS2,brain\n", "no_numeric_columns", "line 2"),
        ("id,S1\n", "no_rows", "line 1"),
        ("", "empty_file", ""),
        ("\n\n", "no_rows", "line 1"),
        ('"', "no_rows", "line 1"),
        ("a" * 200_000, "no_rows", "line 1"),
        ("id,S1\n" + "g1,1\n" * 20 + "g2,\0\n", "binary_content", "line 22, byte 4"),
        ("just text\nand more\n", "no_numeric_columns", "line 2"),
    ],
)
def test_errors_have_a_place(tmp_path: Path, content: str, code: str, place: str) -> None:
    error = refuse(write(tmp_path, content))
    assert (error.code, error.place, error.file) == (code, place, "x.csv")


def test_clinical_table_is_no_matrix(tmp_path: Path) -> None:
    names = ["id", *(f"t{i}" for i in range(9)), "age"]
    rows = [[f"P{i}", *["text"] * 9, str(40 + i)] for i in range(5)]
    content = "\n".join(",".join(row) for row in [names, *rows])
    error = refuse(write(tmp_path, content))
    assert error.code == "no_numeric_columns"
    assert "1 of the 10 columns" in error.message


def test_repeated_features_are_noticed(tmp_path: Path) -> None:
    assert codes(parse(write(tmp_path, PLAIN.replace("g2", "g1")))) == ["duplicate_feature_ids"]


def test_json_sidecar_names_the_samples(tmp_path: Path) -> None:
    content = {"dataset_id": "A 1", "year": 2020, "samples": {"S1": {"n": 1}, "S2": {"n": "x"}}}
    sidecar = write(tmp_path, json.dumps(content), "x.json")
    found = parse(write(tmp_path, "id,score,S1,S2\ng1,7,1,2\ng2,8,3,4\n"), json=sidecar)
    assert found.dataset_id == "A_1"
    assert found.metadata == {"year": 2020}
    assert found.samples.to_dict(as_series=False) == {"sample_id": ["S1", "S2"], "n": ["1", "x"]}
    assert found.features["score"].to_list() == ["7", "8"]
    assert codes(found) == ["columns_as_feature_metadata", "dataset_id_changed"]


def test_a_sample_that_the_sidecar_leaves_out_stays_one(tmp_path: Path) -> None:
    sidecar = write(tmp_path, "sample_id,t\nS2,a\nS3,b\n", "x_metadata.csv")
    found = parse(write(tmp_path, "id,S1,S2,S3\ng1,7,1,2\n"), csv=sidecar)
    assert found.samples["sample_id"].to_list() == ["S1", "S2", "S3"]
    assert codes(found) == ["samples_without_metadata"]


@pytest.mark.parametrize("name", ["x_metadata.csv", "x.tsv"])
def test_table_sidecar(tmp_path: Path, name: str) -> None:
    sidecar = write(tmp_path, "sample,tissue\nS1,liver\nS9,\n", name)
    found = parse(write(tmp_path, PLAIN), **{name[-3:]: sidecar})
    assert found.samples["tissue"].to_list() == ["liver", None]
    assert codes(found) == ["samples_without_metadata", "metadata_without_samples"]


def test_samples_as_rows_by_sidecar(tmp_path: Path) -> None:
    matrix = write(tmp_path, "cell,batch,TP53,EGFR\nc1,a,1,2\nc2,b,3,4\nc3,a,5,6\n")
    sidecar = write(tmp_path, "sample_id,age\nc1,30\nc2,40\nc3,50\n", "x_metadata.csv")
    found = parse(matrix, csv=sidecar)
    assert found.samples.rows() == [("c1", "a", "30"), ("c2", "b", "40"), ("c3", "a", "50")]
    assert found.features["feature_id"].to_list() == ["TP53", "EGFR"]
    np.testing.assert_array_equal(values(found), [[1, 3, 5], [2, 4, 6]])


def test_orientation_may_be_stated(tmp_path: Path) -> None:
    sidecar = write(tmp_path, '{"orientation": "samples_as_rows"}', "x.json")
    found = parse(write(tmp_path, PLAIN), json=sidecar)
    assert found.samples["sample_id"].to_list() == ["g1", "g2"]
    np.testing.assert_array_equal(values(found), [[1, 3], [2, 4]])


def test_samples_as_rows_need_unique_ids(tmp_path: Path) -> None:
    sidecar = write(tmp_path, '{"orientation": "samples_as_rows"}', "x.json")
    error = refuse(write(tmp_path, PLAIN.replace("g2", "g1")), json=sidecar)
    assert (error.code, error.place) == ("duplicate_sample_ids", "line 3, column 1")


def test_orientation_guessed(tmp_path: Path) -> None:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    genes = [f"{a}{b}K{i}" for i, a in enumerate(letters) for b in "AB"]
    rows = "".join(f"Cell_{i}," + ",".join(["0"] * len(genes)) + "\n" for i in range(4))
    found = parse(write(tmp_path, "," + ",".join(genes) + "\n" + rows))
    assert found.matrices[0].shape == (52, 4)
    assert codes(found) == ["orientation_guessed"]


@pytest.mark.parametrize(
    ("header", "rows", "expected"),
    [
        ([f"ENSG{i:011d}" for i in range(60)], ["GSM1", "GSM2", "GSM3"], True),
        ([f"ENSG{i:011d}" for i in range(60)], ["AAACCTGAGAAGG-1", "TTTCCTGAGAAGG-1"], True),
        ([f"{c}K{i} ({i})" for i in range(9) for c in "ABCDEFG"], ["ACH-1", "ACH-2"], True),
        ([f"S{i}" for i in range(60)], ["TP53", "EGFR"], False),
        ([f"TCGA-A{i}-{c}0SD-01" for i in range(9) for c in "ABCDEFG"], ["KRT1", "KRT2"], False),
        ([f"S{i}" for i in range(60)], [f"ENSG{i:011d}" for i in range(3)], False),
        ([f"ENSG{i:011d}" for i in range(20)], ["GSM1", "GSM2", "GSM3"], True),
        ([f"ENSG{i:011d}" for i in range(20)], [f"Cell{i}" for i in range(30)], True),
        ([f"ENSG{i:011d}" for i in range(20)], [f"ENSG{i:011d}" for i in range(3)], False),
        ([f"ENSG{i:011d}" for i in range(20)], ["TP53", "EGFR", "MYC", "CDK4"], False),
        ([f"ENSG{i:011d}" for i in range(20)], ["T cells", "B cells", "NK", "DC"], True),
        ([f"ENSG{i:011d}" for i in range(20)], ["A549", "MCF7", "HeLa", "K562"], True),
        (["TP53 (7157)", "MYC (4609)"], [f"ACH-{i:06d}" for i in range(9)], True),
        (["TP53", "EGFR", "MYC"], ["ACGTACGTACGTACGT-1"] * 9, True),
        (["TP53", "EGFR", "MYC"], ["s1_ACGTACGTACGT"] * 9, True),
        (["S1", "S2", "S3"], ["ACGTACGTACGTACGT"] * 9, False),
        (["TP53", "EGFR", "MYC"], ["ACGTACGTACGTACGTACGTACGT"] * 9, False),
        ([f"TCGA-A{i}-A0SD-01" for i in range(9)], ["KRT1", "KRT2"], False),
        ([f"GSM{i}" for i in range(60)], ["TP53", "EGFR"], False),
    ],
)
def test_the_rule_of_orientation(header: list[str], rows: list[str], expected: bool) -> None:
    assert looks_like_samples_as_rows(header, rows, len(rows)) is expected


def test_annotation_names() -> None:
    assert is_annotation("Entrez.Gene ID")
    assert not is_annotation("GSM1")


def test_sidecar_that_matches_nothing(tmp_path: Path) -> None:
    sidecar = write(tmp_path, "sample,tissue\nT1,liver\n", "x.tsv")
    error = refuse(write(tmp_path, PLAIN), tsv=sidecar)
    assert (error.code, error.file) == ("sidecar_matches_nothing", "x.tsv")
    assert "T1" in error.message
    assert "S1" in error.message


@pytest.mark.parametrize("attributes", ["tissue\nS1,liver\nS2,brain\n", "age\nS1,3\nS2,4\n"])
def test_description_taken_for_the_matrix(tmp_path: Path, attributes: str) -> None:
    main = write(tmp_path, "sample," + attributes, "x.tsv")
    found = parse(main, csv=write(tmp_path, PLAIN))
    assert found.matrices[0].shape == (2, 2)
    assert found.samples.columns == ["sample_id", attributes.partition("\n")[0]]
    assert codes(found) == ["sidecar_swapped"]


@pytest.mark.parametrize(
    ("content", "code", "place"),
    [
        ("sample,a\nS1,1\nS1,2\n", "duplicate_sample_ids", "line 3, column 1"),
        ("a,sample\n1,S1\n2,\n", "missing_sample_id", "line 3, column 2"),
        ("sample,a\nS1,1\nS2,1,2\n", "ragged_row", "line 3, column 3"),
        ("sample,a\n", "no_rows", "line 1"),
    ],
)
def test_bad_table_sidecars(tmp_path: Path, content: str, code: str, place: str) -> None:
    sidecar = write(tmp_path, content, "x.samples.csv")
    error = refuse(write(tmp_path, PLAIN), csv=sidecar)
    assert (error.code, error.place, error.file) == (code, place, "x.samples.csv")


def test_sniff() -> None:
    assert CsvReader().sniff("x.csv.gz", b"a,b\n")
    assert TsvReader().sniff("x.txt", b"a\tb\n")
    assert not TsvReader().sniff("x.txt", b"!Series_title\t\n")
    assert not TsvReader().sniff("x.txt", b"#1.2\n")
    assert not CsvReader().sniff("x.csv", b"PK\0\0")
    assert not CsvReader().sniff("x.tsv", b"a\tb\n")
    assert not TsvReader().sniff("x.txt", b"##fileformat=VCFv4.2\n")
    assert not CsvReader().sniff("x.csv", b"%%MatrixMarket matrix coordinate real general\n")


FLOATS = st.one_of(st.floats(allow_nan=False).map(repr), st.just("NA"), st.just(""))


@settings(deadline=None)
@given(
    st.lists(st.tuples(FLOATS, FLOATS), min_size=1, max_size=5),
    st.sampled_from([",", "\t", ";"]),
    st.booleans(),
)
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[str, str]],
    separator: str,
    quoted: bool,
) -> None:
    lines = [["gene", "A", "B"], ["g", "1.5", "2"]]
    lines += [[f"g{i}", *row] for i, row in enumerate(rows)]
    mark = '"' if quoted else ""
    text = "\n".join(separator.join(f"{mark}{cell}{mark}" for cell in line) for line in lines)
    found = parse(write(tmp_path_factory.getbasetemp(), text, "round.csv"))
    expected = [[float("nan" if c in ("", "NA") else c) for c in line[1:]] for line in lines[1:]]
    np.testing.assert_array_equal(values(found), np.array(expected))


def test_real_counts(real_data: Path) -> None:
    path = real_data / "formats/geo/GSE60450_Lactation-GenewiseCounts.txt.gz"
    found = parse(path)
    frame = pd.read_csv(path, sep="\t", dtype={"EntrezGeneID": str, "Length": str})
    assert found.dataset_id == "GSE60450_Lactation-GenewiseCounts"
    assert (found.matrices[0].dtype, found.matrices[0].shape) == ("int64", (27179, 12))
    np.testing.assert_array_equal(values(found), frame.iloc[:, 2:].to_numpy())
    assert found.samples["sample_id"].to_list() == list(frame.columns[2:])
    assert found.features["feature_id"].to_list() == frame["EntrezGeneID"].to_list()
    assert found.features["Length"].to_list() == frame["Length"].to_list()


def test_real_cells_by_genes(real_data: Path) -> None:
    path = real_data / "formats/tables/celltypist_sample_cell_by_gene.csv.gz"
    found = parse(path)
    assert codes(found) == ["orientation_guessed"]
    assert found.matrices[0].shape == (32786, 559)
    assert found.samples["sample_id"].to_list() == [f"Cell_{i}" for i in range(1, 560)]
    text = gzip.decompress(path.read_bytes()).decode().splitlines()
    assert found.features["feature_id"].to_list() == text[0].split(",")[1:]
    matrix = values(found)
    for row in (0, 300, 558):
        expected = np.array(text[row + 1].split(",")[1:], dtype=float)
        np.testing.assert_array_equal(matrix[:, row], expected)
