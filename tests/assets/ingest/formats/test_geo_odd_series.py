"""Odd and broken series matrices and count files: as pandas, else a rule or one error."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import numpy as np
import pytest

from polly_assets.ingest.formats.base import FailedDataset, ParsedDataset, Source
from polly_assets.ingest.formats.geo.series import SeriesMatrixReader
from polly_assets.ingest.formats.registry import reader_for
from polly_resources.errors import BadInput

NAME = "GSE1_series_matrix.txt"
HEAD = (
    '!Series_title\t"One"\n!Series_geo_accession\t"GSE1"\n!Series_sample_id\t"GSM1 GSM2 "\n'
    '!Series_pubmed_id\t"1"\n!Series_pubmed_id\t"2"\n!Series_relation\t"SRA: https://x"\n\n'
    '!Sample_title\t"liver 1"\t"liver 2"\n!Sample_geo_accession\t"GSM1"\t"GSM2"\n'
    '!Sample_characteristics_ch1\t"age: 1"\t"age: 2"\n'
    '!Sample_description\t""\t"lib-7"\n!Sample_platform_id\t"GPL1"\t"GPL1"\n'
)
BEGIN = '!series_matrix_table_begin\n"ID_REF"\t"GSM1"\t"GSM2"\n'
END = "!series_matrix_table_end\n"


def read(
    folder: Path, text: str | bytes, **beside: str | bytes
) -> list[ParsedDataset | FailedDataset]:
    path = folder / "landed"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    sidecars = {}
    for key, content in beside.items():
        name = f"GSE1_{key}.txt" if key not in ("csv", "json", "tsv") else f"GSE1_metadata.{key}"
        sidecars[name.lower() if name.endswith("txt") else key] = folder / name
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(SeriesMatrixReader().read(Source(path, NAME, sidecars)))


def only(folder: Path, text: str | bytes, **beside: str | bytes) -> ParsedDataset:
    (found,) = read(folder, text, **beside)
    assert isinstance(found, ParsedDataset)
    return found


def array(dataset: ParsedDataset):
    return np.vstack([np.asarray(block) for block in dataset.matrices[0].blocks()])


def codes(dataset: ParsedDataset) -> list[str]:
    return [notice.code for notice in dataset.notices]


PANDAS = {
    "plain": HEAD + BEGIN + '"a"\t1.5\t2\n"b"\t3\t-4e-3\n' + END,
    "windows line ends": (HEAD + BEGIN + '"a"\t1.5\t2\n' + END).replace("\n", "\r\n"),
    "without quotes": (HEAD + BEGIN + "a\t1.5\t2\n" + END).replace('"', ""),
    "missing values": HEAD + BEGIN + '"a"\tnull\t2\n"b"\t\tNA\n"c"\tNaN\tnan\n' + END,
    "quoted numbers": HEAD + BEGIN + '"a"\t"1.5"\t"2"\n' + END,
    "columns in another order": HEAD
    + BEGIN.replace('"GSM1"\t"GSM2"', '"GSM2"\t"GSM1"')
    + '"a"\t1\t2\n'
    + END,
    "repeated ids": HEAD + BEGIN + '"a"\t1\t2\n"a"\t3\t4\n' + END,
    "ids of numbers": HEAD + BEGIN + "0010\t1\t2\n1e5\t3\t4\n" + END,
    "quotes and tabs in ids": HEAD + BEGIN + '"a\tb ""c"""\t1\t2\n"d\'"\t3\t4\n' + END,
    "blank lines": HEAD + "\n" + BEGIN + '"a"\t1\t2\n\n"b"\t3\t4\n' + END,
    "infinite": HEAD + BEGIN + '"a"\tinf\t-inf\n' + END,
}


@pytest.mark.parametrize("text", PANDAS.values(), ids=PANDAS.keys())
def test_odd_tables_agree_with_pandas(tmp_path, text):
    pandas = pytest.importorskip("pandas")
    dataset = only(tmp_path, text)
    table = text.replace("\r\n", "\n").partition("table_begin\n")[2].partition("!series")[0]
    peer = pandas.read_csv(io.StringIO(table), sep="\t", dtype={"ID_REF": str}).set_index("ID_REF")
    assert dataset.features["feature_id"].to_list() == list(peer.index)
    ids = dataset.samples["sample_id"].to_list()
    np.testing.assert_array_equal(array(dataset), peer[ids].to_numpy(float))
    assert ids == ["GSM1", "GSM2"]
    assert dataset.samples["characteristics_ch1.age"].to_list() == ["1", "2"]
    assert dataset.samples["description"].to_list() == [None, "lib-7"]
    assert dataset.metadata["pubmed_id"] == ["1", "2"]
    assert dataset.metadata["relation"] == "SRA: https://x"


PADDED = "\n".join(f"{line}\t\t" if line else "" for line in HEAD.split("\n"))
RULES = {
    "a spreadsheet's empty cells": PADDED + BEGIN + "a\t1\t2\t\n" + END,
    "names in lower case": HEAD.replace("!Series", "!series").replace("!Sample", "!sample")
    + BEGIN
    + "a\t1\t2\n"
    + END,
    "a row of the series without cells": HEAD.replace('accession\t"GSE1"', "accession", 1)
    + BEGIN
    + "a\t1\t2\n"
    + END,
    "a row of samples without cells": HEAD + "!Sample_label_ch1\n" + BEGIN + "a\t1\t2\n" + END,
    "a value of several lines": HEAD + '!Sample_x\t"p\nq"\t"r"\n' + BEGIN + "a\t1\t2\n" + END,
    "a quote of the value's own": HEAD.replace(
        '"2"\n', '"2"\n!Series_x\t"6" dish"\n!Series_y\t"6""\n', 1
    )
    + BEGIN
    + "a\t1\t2\n"
    + END,
    "the platform of the series": HEAD.replace('!Sample_platform_id\t"GPL1"\t"GPL1"', "")
    + '!Series_platform_id\t"GPL1"\n'
    + BEGIN
    + "a\t1\t2\n"
    + END,
    "no line end at the end": (HEAD + BEGIN + "a\t1\t2\n" + END).rstrip(),
    "another name of the id column": HEAD + BEGIN.replace("ID_REF", "ID") + "a\t1\t2\n" + END,
}


@pytest.mark.parametrize("text", RULES.values(), ids=RULES.keys())
def test_rules(tmp_path, text):
    dataset = only(tmp_path, text)
    assert dataset.dataset_id == "GSE1_GPL1"
    assert array(dataset).tolist() == [[1, 2]]
    assert dataset.notices == ()
    if "!Series_x" in text:
        assert (dataset.metadata["x"], dataset.metadata["y"]) == ('6" dish', '6"')
    if "!Sample_x" in text:
        assert dataset.samples["x"].to_list() == ["p\nq", "r"]


FAULTS = {
    "a cut table": (HEAD + BEGIN + "a\t1\t2\n", "truncated_table", "line 15"),
    "another end": (
        HEAD + BEGIN + "a\t1\t2\n!Sample_x\t1\t2\n" + END,
        "truncated_table",
        "line 15",
    ),
    "a table cut in a row": (HEAD + BEGIN + "a\t1\t2\nb\t", "truncated_table", "line 16"),
    "a header cut in a row": (HEAD + '!Sample_x\t"a', "no_table", "line 13"),
    "a header cut in a name": (HEAD + "!Samp", "no_table", "line 13"),
    "a header cut before the samples": ("!Series_title\tOne\n", "no_table", "line 1"),
    "no line before the table": (HEAD + "ID_REF\tGSM1\tGSM2\na\t1\t2\n" + END,
        "unexpected_line", "line 13"),
    "a column twice": (HEAD + BEGIN.replace("GSM2", "GSM1") + END, "samples_disagree", "line 14"),
    "spaces for tabs": ((HEAD + BEGIN + END).replace("\t", "  "), "no_samples", "line 1"),
    "no table": (HEAD, "no_table", "line 12"),
    "text among the rows": (HEAD + "foo\n" + BEGIN + END, "unexpected_line", "line 13"),
    "a row of a platform": (HEAD + "!Platform_x\t1\n" + BEGIN + END, "unexpected_line", "line 13"),
    "lines behind the table": (
        HEAD + BEGIN + "a\t1\t2\n" + END + "\njunk\n",
        "unexpected_line",
        "line 18",
    ),
    "a second table": (
        HEAD + BEGIN + "a\t1\t2\n" + END + BEGIN + END,
        "unexpected_line",
        "line 17",
    ),
    "too few cells of samples": (HEAD + '!Sample_x\t"a"\n' + BEGIN + END, "ragged_row", "line 13"),
    "too many": (HEAD + "!Sample_x\ta\tb\tc\n" + BEGIN + END, "ragged_row", "line 13"),
    "a short row": (HEAD + BEGIN + "a\t1\n" + END, "ragged_row", "line 15, column 3"),
    "a long row": (HEAD + BEGIN + "a\t1\t2\t3\n" + END, "ragged_row", "line 15, column 4"),
    "text": (HEAD + BEGIN + "a\t1\t2\nb\t1\tx\n" + END, "not_a_number", "line 16, column 3"),
    "a decimal comma": (HEAD + BEGIN + "a\t1,5\t2\n" + END, "not_a_number", "line 15, column 2"),
    "no id": (HEAD + BEGIN + '""\t1\t2\n' + END, "empty_feature_id", "line 15, column 1"),
    "a column that is no sample": (
        HEAD + BEGIN.replace("GSM2", "GSM9") + END,
        "samples_disagree",
        "line 14",
    ),
    "a sample without column": (
        HEAD + BEGIN.replace('\t"GSM2"', "") + "a\t1\n" + END,
        "samples_disagree",
        "line 14",
    ),
    "no accessions": (
        HEAD.replace("!Sample_geo_accession", "!Sample_acc") + BEGIN + END,
        "no_samples",
        "line 1",
    ),
    "no platform": (HEAD.replace('"GPL1"', '""') + BEGIN + END, "no_platform", "line 12, column 2"),
    "a web page": ("<html><body>!Series_x\t1</body></html>\n", "not_geo", "line 1"),
    "nothing": ("", "empty_file", ""),
}  # fmt: skip


@pytest.mark.parametrize(("text", "code", "place"), FAULTS.values(), ids=FAULTS.keys())
def test_faults(tmp_path, text, code, place):
    assert reader_for(NAME, text.encode()[:4096]).name == "geo_series_matrix"
    with pytest.raises(BadInput) as caught:
        read(tmp_path, text)
    error = caught.value
    assert (error.code, error.place, error.file) == (code, place, NAME)
    assert error.hint


def test_damage_anywhere_is_found(tmp_path):
    whole = (HEAD + BEGIN + "".join(f"g{i}\t{i}.5\t{i}\n" for i in range(999)) + END).encode()
    for data, code in (
        (gzip.compress(whole, mtime=0)[:-50], "corrupt_gzip"),
        (whole.replace(b"500.5", b"5\0.5"), "binary_content"),
    ):
        with pytest.raises(BadInput) as caught:
            read(tmp_path, data)
        assert caught.value.code == code


def test_pieces_and_platforms_give_the_same_values(tmp_path, monkeypatch):
    rows = "".join(f"g{i}\t{i}.5\t{'' if i % 3 else i}\n" for i in range(200))
    text = HEAD.replace('"GPL1"\n', '"GPL2"\n') + BEGIN + rows + END
    whole = [array(d) for d in read(tmp_path, text)]
    assert [len(values) for values in whole] == [200, 67]
    for size in (1, 100, 1000):
        monkeypatch.setattr("polly_assets.ingest.formats.geo.stream.PIECE_BYTES", size)
        for dataset, expected in zip(read(tmp_path, text), whole, strict=True):
            np.testing.assert_array_equal(array(dataset), expected)
            blocks = [np.asarray(block) for block in dataset.matrices[0].blocks(9)]
            np.testing.assert_array_equal(np.vstack(blocks), expected)


EMPTY = HEAD + BEGIN + END
COUNTS = {
    "titles": ("gene\tliver 1\tliver 2\ng1.3\t5\t6\ng2.1\t7\t8\n", "title"),
    "accessions": ("gene\tGSM2\tGSM1\ng1.3\t6\t5\ng2.1\t8\t7\n", "geo_accession"),
    "accessions in names": ("\tGSM1_a\tGSM2_b\ng1.3\t5\t6\ng2.1\t7\t8\n", "the accession"),
    "titles as R writes them": ("gene,liver.1,liver.2\ng1.3,5,6\ng2.1,7,8\n", "title"),
    "no name of the id column": ("liver 1\tliver 2\ng1.3\t5\t6\ng2.1\t7\t8\n", "title"),
    "columns that describe genes": (
        "id\tchr\tlength\tsymbol\tliver 1\tliver 2\n"
        "g1.3\tX\t10\tTP53\t5\t6\ng2.1\tY\t20\tMYC\t7\t8\n",
        "title",
    ),
    "files of featureCounts": (
        "# Program:featureCounts\nGeneid\tChr\tStart\tEnd\tStrand\tLength\t/a/liver_1.bam\t"
        "/a/liver_2.bam\ng1.3\t1;1\t1;5\t2;9\t+;+\t4\t5\t6\ng2.1\t1\t1\t9\t-\t8\t7\t8\n",
        "title",
    ),
    "quoted": ('"","GSM1","GSM2"\n"g1.3",5,6\n"g2.1",7,8\n', "geo_accession"),
    "gzipped": (gzip.compress(b"gene\tGSM1\tGSM2\ng1.3\t5\t6\ng2.1\t7\t8\n"), "geo_accession"),
    "numbered": ("gene\ts1\ts2\ng1.3\t5\t6\ng2.1\t7\t8\n", "their order"),
}


@pytest.mark.parametrize(("text", "rule"), COUNTS.values(), ids=COUNTS.keys())
def test_counts_of_many_shapes(tmp_path, text, rule):
    dataset = only(tmp_path, EMPTY, counts=text)
    assert dataset.dataset_id == "GSE1_GPL1"
    assert dataset.samples["sample_id"].to_list() == ["GSM1", "GSM2"]
    assert dataset.features["feature_id"].to_list() == ["g1.3", "g2.1"]
    assert array(dataset).tolist() == [[5, 6], [7, 8]]
    assert dataset.matrices[0].dtype == "int64"
    assert any(f"by {rule}" in notice.message for notice in dataset.notices)
    assert dataset.metadata["matrix_file"] == "GSE1_counts.txt"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("gene\tGSM1\tGSM2\ng1\t5\tx\ng2\t1\t2\ng3\t1\t2\n", "not_a_number"),
        (gzip.compress(b"gene\tGSM1\tGSM2\ng1\t5\t6\n" * 99, mtime=0)[:-9], "corrupt_gzip"),
        (b"", "empty_file"),
    ],
)
def test_a_bad_count_file_fails_alone(tmp_path, text, code):
    failed, series = read(tmp_path, EMPTY, counts=text)
    assert isinstance(failed, FailedDataset)
    assert isinstance(series, ParsedDataset)
    assert failed.error.code == code
    assert codes(series) == ["no_matrix"]


def test_results_of_a_test_are_no_samples(tmp_path):
    _, series = read(tmp_path, EMPTY, de="gene\tlog2FC\tpadj\ng1\t5.5\t0.1\n")
    assert isinstance(series, ParsedDataset)
    assert (series.matrices, codes(series)) == ((), ["no_matrix"])


def test_sheets_and_json_describe_a_series(tmp_path):
    text = HEAD + BEGIN + "a\t1\t2\n" + END
    dataset = only(
        tmp_path,
        text,
        csv="geo,tissue,title\nGSM2,lung,x\nGSM1,liver,y\n",
        json='{"dataset_id": "mine", "data_type": "Proteomics", "title": "Other", "lab": "L"}',
    )
    assert (dataset.dataset_id, dataset.data_type) == ("mine", "Proteomics")
    assert (dataset.metadata["title"], dataset.metadata["lab"]) == ("Other", "L")
    assert dataset.samples["tissue"].to_list() == ["liver", "lung"]
    assert dataset.samples["title"].to_list() == ["liver 1", "liver 2"]
    assert dataset.samples["title.1"].to_list() == ["y", "x"]
    assert codes(dataset) == ["metadata_overridden"]


def test_a_sheet_is_shared_by_platforms(tmp_path):
    text = HEAD.replace('"GPL1"\n', '"GPL2"\n') + BEGIN + "a\t1\t2\n" + END
    sheet = "sample\ttissue\nGSM1\tliver\nGSM2\tlung\n"
    first, second = read(tmp_path, text, tsv=sheet, json='{"dataset_id": "x"}')
    assert (first.dataset_id, second.dataset_id) == ("x_GPL1", "x_GPL2")
    assert first.samples["tissue"].to_list() == ["liver"]
    assert second.samples["tissue"].to_list() == ["lung"]
    assert codes(first) == codes(second) == []
    first, second = read(tmp_path, text, tsv=sheet.replace("GSM2", "GSM9"))
    assert codes(first) == ["metadata_without_samples"]
    assert codes(second) == ["samples_without_metadata"]


def test_a_sheet_of_other_samples_is_an_error(tmp_path):
    with pytest.raises(BadInput) as caught:
        only(tmp_path, HEAD + BEGIN + END, csv="sample,tissue\nGSM7,liver\n")
    assert (caught.value.code, caught.value.file) == (
        "sidecar_matches_nothing",
        "GSE1_metadata.csv",
    )
