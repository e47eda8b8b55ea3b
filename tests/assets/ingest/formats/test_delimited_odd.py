"""Odd and broken separated files: each read as pandas reads it, or refused by one error."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from polly_assets.ingest.formats.base import ParsedDataset, Source
from polly_assets.ingest.formats.streams import lines, spool
from polly_assets.ingest.reading import datasets
from polly_resources.errors import BadInput


def parse(folder: Path, content: str | bytes, name: str = "x.csv", **beside: str) -> ParsedDataset:
    """What is read of a file with these sidecars, by the way that ingest takes."""
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    sidecars = {}
    for key, text in beside.items():
        sidecars[key.replace("_", ".")] = folder / f"beside.{key.replace('_', '.')}"
        sidecars[key.replace("_", ".")].write_text(text)
    (found,) = datasets(Source(path, name, sidecars))
    assert isinstance(found, ParsedDataset)
    return found


def refuse(folder: Path, content: str | bytes, name: str = "x.csv", **beside: str) -> BadInput:
    with pytest.raises(BadInput) as caught:
        parse(folder, content, name, **beside)
    error = caught.value
    assert error.hint
    assert error.file
    assert error.code != "internal_error"
    return error


def values(found: ParsedDataset) -> np.ndarray:
    return np.vstack(list(found.matrices[0].blocks()))  # type: ignore[arg-type]


def ids(found: ParsedDataset) -> tuple[list[str], list[str]]:
    return found.features["feature_id"].to_list(), found.samples["sample_id"].to_list()


def codes(found: ParsedDataset) -> list[str]:
    return [notice.code for notice in found.notices]


def check_as_pandas(found: ParsedDataset, frame: pd.DataFrame) -> None:
    assert ids(found) == ([str(i) for i in frame.index], [str(c) for c in frame.columns])
    np.testing.assert_array_equal(values(found), frame.to_numpy(dtype=values(found).dtype))


ROWS = "gene,S1,S2\nTP53,1,2.5\nMYC,3,4\n"

AS_PANDAS: dict[str, tuple[str | bytes, dict[str, Any]]] = {
    "comma": (ROWS, {}),
    "tab": (ROWS.replace(",", "\t"), {"sep": "\t"}),
    "semicolon": (ROWS.replace(",", ";"), {"sep": ";"}),
    "pipe": (ROWS.replace(",", "|"), {"sep": "|"}),
    "space": (ROWS.replace(",", " "), {"sep": " "}),
    "write.table of R": ('"S1" "S2"\n"TP53" 1 2.5\n"MYC" 3 4\n', {"sep": " "}),
    "write.table of R, tabs": ("S1\tS2\nTP53\t1\t2.5\nMYC\t3\t4\n", {"sep": "\t"}),
    "one column in R": ("S1\nTP53\t1\nMYC\t3\n", {"sep": "\t"}),
    "CR-LF": (ROWS.replace("\n", "\r\n"), {}),
    "CR only": (ROWS.replace("\n", "\r"), {"lineterminator": "\r"}),
    "no last line end": (ROWS.rstrip("\n"), {}),
    "many last line ends": (ROWS + "\n\n\n", {}),
    "blank lines": (ROWS.replace("\n", "\n\n"), {}),
    "byte order mark": ("\ufeff" + ROWS, {}),
    "UTF-16": (ROWS.encode("utf-16"), {"encoding": "utf-16"}),
    "UTF-16 big endian": (b"\xfe\xff" + ROWS.encode("utf-16-be"), {"encoding": "utf-16"}),
    "Latin-1": (ROWS.replace("S1", "é").encode("latin-1"), {"encoding": "latin-1"}),
    "letters of many scripts": (ROWS.replace("TP53", "β-カテニン"), {}),
    "quoted": ('"gene","S1","S2"\n"TP53","1","2.5"\n', {}),
    "quoted separators": ('gene,"S,1","S 2"\n"TP53,x",1,2\n', {}),
    "quoted line ends": ('gene,"S\n1",S2\n"TP\n53",1,2\nMYC,3,4\n', {}),
    "quotes in quotes": ('gene,S1,S2\n"5"" UTR",1,2\n', {}),
    "comment lines": ("# made by x\n# on Monday\n" + ROWS, {"comment": "#"}),
    "missing values": (ROWS.replace("1", "NA").replace("4", ""), {}),
    "a row of nothing": (ROWS + "ABC,NA,NA\n", {}),
    "a column of nothing": ("gene,S1,S2\nTP53,,1\nMYC,,2\n", {}),
    "one row": ("gene,S1,S2\nTP53,1,2\n", {}),
    "one sample": ("gene,S1\nTP53,1\nMYC,2\n", {}),
    "signs": (ROWS.replace("1", "+1").replace("3", "-3"), {}),
    "exponents": ("gene,S1,S2\nA,1e-3,1.5E+5\nB,-2e05,7e0\n", {}),
    "bare points": (ROWS.replace("1", "1.").replace("3", ".5"), {}),
    "infinities": (ROWS.replace("1", "inf").replace("3", "-Inf"), {}),
    "beyond floats": (ROWS.replace("1", "1e400"), {}),
    "below floats": (ROWS.replace("1", "1e-400"), {}),
    "many digits": (ROWS.replace("1", "0.1000000000000000055511151231257827"), {}),
    "beyond 2^53": ("gene,S1\nTP53,9007199254740993\n", {}),
    "trailing separators": (ROWS.replace("\n", ",\n"), {"usecols": [0, 1, 2]}),
    "decimal commas": ("gene;S1;S2\nTP53;1,5;2\nMYC;0,25;-3,75\n", {"sep": ";", "decimal": ","}),
    "decimal commas, tabs": (
        "gene\tS1\tS2\nTP53\t1,5\t1,234\nMYC\t0,25\t3\n",
        {"sep": "\t", "decimal": ","},
    ),
    "decimal commas, quoted": ('gene,S1,S2\nTP53,"1,5","2"\nMYC,"0,25","3"\n', {"decimal": ","}),
    "decimal commas in R": ("S1;S2\nTP53;1,5;2\nMYC;0,25;3\n", {"sep": ";", "decimal": ","}),
    "Excel's sep=": ("sep=;\n" + ROWS.replace(",", ";"), {"sep": ";", "skiprows": 1}),
    "spreadsheet formulas as names": ("gene,S1,S2\n=cmd|x,1,2\n@SUM,3,4\n+1,5,6\n-x,7,8\n", {}),
    "names with spaces": ("gene,S 1,S 2\nTP 53,1,2\n", {}),
    "gz by another name": (gzip.compress(ROWS.encode()), {"compression": "gzip"}),
    "gz of several members": (
        gzip.compress(ROWS[:13].encode()) + gzip.compress(ROWS[13:].encode()),
        {"compression": "gzip"},
    ),
}


@pytest.mark.parametrize("case", AS_PANDAS)
def test_as_pandas_reads_it(tmp_path: Path, case: str) -> None:
    content, how = AS_PANDAS[case]
    data = content.encode() if isinstance(content, str) else content
    how = {"index_col": 0, "float_precision": "round_trip", **how}
    frame = pd.read_csv(io.BytesIO(data), **how)
    check_as_pandas(parse(tmp_path, content), frame)


@pytest.mark.parametrize("rows", [2, 300])
def test_wide_and_long(tmp_path: Path, rows: int) -> None:
    frame = pd.DataFrame(np.arange(rows * 700).reshape(rows, 700) / 8)
    frame.index, frame.columns = [f"g{i}" for i in frame.index], [f"S{i}" for i in frame.columns]
    check_as_pandas(parse(tmp_path, frame.to_csv()), frame)
    check_as_pandas(parse(tmp_path, frame.to_csv(sep="\t"), "x.tsv"), frame)


STATED: dict[str, tuple[str, list[str], list[str], list[str]]] = {
    "index of pandas": (
        ",gene,S1\n0,TP53,1\n1,MYC,2\n",
        ["TP53", "MYC"],
        ["S1"],
        ["row_numbers"],
    ),
    "index of pandas, twice": (
        "Unnamed: 0,gene,S1\n0,TP53,1\n1,MYC,2\n",
        ["TP53", "MYC"],
        ["S1"],
        ["row_numbers"],
    ),
    "index of R": ('"","gene","S1"\n"1","TP53",1\n"2","MYC",2\n', ["TP53", "MYC"], ["S1"],
                   ["row_numbers"]),
    "numbers that name rows": ("entrez,gene,S1\n1,TP53,1\n2,MYC,2\n", ["1", "2"], ["S1"], []),
    "leading empty column": (",gene,S1\n,TP53,1\n,MYC,2\n", ["TP53", "MYC"], ["S1"], []),
    "empty column within": ("gene,,S1\nTP53,,1\nMYC,,2\n", ["TP53", "MYC"], ["S1"], []),
    "empty columns at the end": ("gene,S1,,\nTP53,1,,\nMYC,2,,\n", ["TP53", "MYC"], ["S1"], []),
    "repeated genes": ("gene,S1\nA,1\nA,2\n", ["A", "A"], ["S1"], ["duplicate_feature_ids"]),
    "genes without name": ("gene,S1\n,1\nA,2\n", ["", "A"], ["S1"], ["empty_feature_ids"]),
    "genes that Excel took for dates": (
        "gene,S1\n1-Mar,1\n2-Sep,2\nDEC1,3\n",
        ["1-Mar", "2-Sep", "DEC1"],
        ["S1"],
        ["dates_as_feature_ids"],
    ),
    "genes that Excel took for dates, in full": (
        "gene,S1\n2024-03-01,1\nMar-02,2\n",
        ["2024-03-01", "Mar-02"],
        ["S1"],
        ["dates_as_feature_ids"],
    ),
    "columns that lead": (
        "id,symbol,description,S1\nENSG1,TP53,a protein,1\nENSG2,MYC,,2\n",
        ["ENSG1", "ENSG2"],
        ["S1"],
        [],
    ),
    "results behind the counts": (
        "gene,S1,S2,log2FoldChange,padj,GC\nA,1,2,0.5,0.01,45%\nB,3,4,-1,NA,50%\n",
        ["A", "B"],
        ["S1", "S2"],
        ["columns_as_feature_metadata"],
    ),
    "text among the samples": (
        "gene,S1,note,S2\nA,1,x,2\nB,3,y,4\n",
        ["A", "B"],
        ["S1", "S2"],
        ["columns_as_feature_metadata"],
    ),
    "samples called by numbers": ("gene,1,2,10\nA,5,5,5\nB,1,1,1\n", ["A", "B"], ["1", "2", "10"],
                                  ["numbers_as_sample_ids"]),
    "spaces behind commas": ('gene, S1, "S 2"\nA, 1, 2\n', ["A"], ["S1", "S 2"], []),
    "rows that are cells by name": ("cell,TP53,MYC\nc1,1,2\nc2,3,4\n", ["TP53", "MYC"],
                                    ["c1", "c2"], ["orientation_guessed"]),
    "genes below the word sample": ("sample,TCGA-1,TCGA-2\nTP53,1,2\nMYC,3,4\n",
                                    ["TP53", "MYC"], ["TCGA-1", "TCGA-2"], []),
    "a name of 200,000 letters": (f"gene,S1\n{'A' * 200_000},1\n", ["A" * 200_000], ["S1"], []),
}  # fmt: skip


@pytest.mark.parametrize("case", STATED)
def test_stated_rules(tmp_path: Path, case: str) -> None:
    content, features, samples, noticed = STATED[case]
    found = parse(tmp_path, content)
    assert ids(found) == (features, samples)
    assert codes(found) == noticed


def test_columns_that_are_no_samples_are_kept(tmp_path: Path) -> None:
    found = parse(tmp_path, ",gene,S1,,padj,,note\n0,A,1,,0.1,x,\n1,B,2,,0.2,,z\n")
    assert found.features.columns == ["feature_id", "unnamed_1", "padj", "unnamed_6", "note"]
    assert found.features.rows() == [("A", "0", "0.1", "x", None), ("B", "1", "0.2", None, "z")]


def test_integers_that_floats_cannot_hold_are_noticed(tmp_path: Path) -> None:
    found = parse(tmp_path, "gene,S1\nA,9007199254740993\nB,NA\n")
    assert (found.matrices[0].dtype, codes(found)) == ("float64", ["integers_rounded"])
    found = parse(tmp_path, "gene,S1\nA,99999999999999999999\n")
    assert (values(found)[0, 0], codes(found)) == (1e20, ["integers_rounded"])


def test_decimal_commas_are_noticed_and_text_keeps_its_commas(tmp_path: Path) -> None:
    found = parse(tmp_path, "gene;about;S1\nA;1,2;1,5\nB;x, y;0,5\nC;z;NA\n")
    assert found.features["about"].to_list() == ["1,2", "x, y", "z"]
    np.testing.assert_array_equal(values(found), [[1.5], [0.5], [np.nan]])
    assert codes(found) == ["decimal_commas"]


REFUSED: dict[str, tuple[str | bytes, str, str]] = {
    "thousands": ('gene,S1\nA,"1,234"\nB,"2,345"\n', "not_a_number", "line 2, column 2"),
    "thousands and points": (
        'gene,S1\nA,"1,234.5"\nB,"2,345.0"\n',
        "not_a_number",
        "line 2, column 2",
    ),
    "commas in doubt": ("gene;S1\nA;1,234\nB;2,345\n", "not_a_number", "line 2, column 2"),
    "thousands in one of two": (
        'gene,S1,S2\nA,"1,234",5\nB,"2,345",6\n',
        "not_a_number",
        "line 2, column 2",
    ),
    "a word": ("gene,S1\nA,1\nB,high\nC,2\n", "not_a_number", "line 3, column 2"),
    "a formula": ("gene,S1\nA,1\nB,=1+1\nC,2\n", "not_a_number", "line 3, column 2"),
    "hexadecimal": ("gene,S1\nA,1\nB,0x1F\nC,2\n", "not_a_number", "line 3, column 2"),
    "grouped digits": ("gene,S1\nA,1\nB,1_000\nC,2\n", "not_a_number", "line 3, column 2"),
    "a long minus": ("gene,S1\nA,1\nB,\u22122\nC,2\n", "not_a_number", "line 3, column 2"),
    "Excel's error": ("gene,S1\nA,1\nB,#DIV/0!\nC,2\n", "not_a_number", "line 3, column 2"),
    "a percentage": ("gene,S1\nA,1\nB,5%\nC,2\n", "not_a_number", "line 3, column 2"),
    "two numbers": ("gene,S1\nA,1\nB,2 3\nC,2\n", "not_a_number", "line 3, column 2"),
    "truth values": ("gene,S1\nA,TRUE\nB,FALSE\n", "no_numeric_columns", "line 2"),
    "a short row": (ROWS.replace("3,4", "3"), "ragged_row", "line 3, column 2"),
    "a long row": (ROWS.replace("3,4", "3,4,5"), "ragged_row", "line 3, column 4"),
    "a comment within": (ROWS + "# the end\n", "ragged_row", "line 4, column 1"),
    "samples twice": ("gene,S1,S1\nA,1,2\n", "duplicate_sample_ids", "line 1, column 3"),
    "a sample without name": ("gene,S1,,S3\nA,1,2,3\n", "missing_sample_id", "line 1, column 3"),
    "two rows of names": (",ctrl,case\n,S1,S2\nA,1,2\n", "not_a_number", "line 2, column 2"),
    "no names": ("A,0.5,1.5\nB,2.5,3\n", "no_header", "line 1"),
    "no names, HTSeq": ("ENSG01\t5\nENSG02\t7\n", "no_header", "line 1"),
    "no names, STAR": (
        "N_unmapped\t9\t9\t9\nN_multi\t1\t2\t3\nENSG1\t0\t0\t1\n",
        "no_header",
        "line 1",
    ),
    "a long table": ("gene,sample,value\nA,S1,1\nA,S2,2\nB,S1,3\n", "long_table", "line 2"),
    "a long table of numbered cells": (
        "gene,cell,count\nA,1,5\nA,2,5\nB,1,4\n",
        "long_table",
        "line 2",
    ),
    "a long table of one row a sample": (
        "gene,sample,value\nA,S1,1\nB,S2,2\n", "long_table", "line 2"),
    "a title": ("Table S1,,\ngene,S1,S2\nA,1,2\n", "no_numeric_columns", "line 2"),
    "a line below": (ROWS + "Total: 2 genes\n", "ragged_row", "line 4, column 1"),
    "a row of units": (
        "gene,S1,S2\n,TPM,TPM\nA,1,2\nB,3,4\nC,5,6\n",
        "not_a_number",
        "line 2, column 2",
    ),
    "results": (
        "gene,baseMean,log2FoldChange,lfcSE,stat,pvalue,padj\nA,1,2,3,4,0.5,0.6\n",
        "no_sample_columns",
        "line 2",
    ),
    "results of limma": (
        "gene,logFC,AveExpr,t,P.Value,adj.P.Val,B\nA,1,2,3,0.4,0.5,6\n",
        "no_sample_columns",
        "line 2",
    ),
    "annotation": ("gene,Length\nA,10\n", "no_sample_columns", "line 2"),
    "text": ("gene,tissue\nA,liver\n", "no_numeric_columns", "line 2"),
    "one column": ("gene\nA\nB\n", "no_numeric_columns", "line 2"),
    "a line": ("gene,S1,S2\n", "no_rows", "line 1"),
    "nothing": ("", "empty_file", ""),
    "a byte order mark of UTF-16": (b"\xff\xfe", "no_rows", "line 1"),
    "a byte order mark": ("\ufeff", "no_rows", "line 1"),
    "blanks": (" \n\t\n  \n", "no_rows", "line 1"),
    "comments": ("# a\n# b\n", "no_rows", "line 1"),
    "a quote that does not end": (
        'gene,S1\nA,1\nB,2\nC,"3\nD,4\n',
        "not_a_number",
        "line 4, column 2",
    ),
    "a NUL byte": (ROWS * 9 + "ABC,\0,1\n", "binary_content", "line 28, byte 5"),
    "NUL bytes": (b"\0" * 4096, "unknown_format", ""),
    "UTF-16 without a mark": (ROWS.encode("utf-16-le"), "unsupported_format", ""),
    "UTF-32": (ROWS.encode("utf-32"), "unsupported_format", ""),
    "a page": ("<!DOCTYPE html><html>404</html>", "unsupported_format", ""),
    "a page behind blanks": ("\n\n  <HTML><body>", "unsupported_format", ""),
    "a zip": (b"PK\3\4 and so on", "unsupported_format", ""),
    "a PDF": (b"%PDF-1.4\n", "unsupported_format", ""),
    "a picture": (b"\x89PNG\r\n\x1a\n", "unsupported_format", ""),
    "bzip2": (bz2.compress(ROWS.encode()), "unsupported_format", ""),
    "xz": (lzma.compress(ROWS.encode()), "unsupported_format", ""),
    "gz in gz": (gzip.compress(gzip.compress(ROWS.encode())), "unsupported_format", ""),
    "a gz cut short": (gzip.compress(ROWS.encode() * 99)[:-9], "corrupt_gzip", ""),
    "a gz of nothing": (gzip.compress(b""), "empty_file", ""),
    "a gz with more behind": (gzip.compress(ROWS.encode()) + b"junk", "corrupt_gzip", ""),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refused(tmp_path: Path, case: str) -> None:
    content, code, place = REFUSED[case]
    error = refuse(tmp_path, content)
    assert (error.code, error.place) == (code, place)
    assert error.file == "x.csv"


def test_plain_text_called_gz(tmp_path: Path) -> None:
    assert ids(parse(tmp_path, ROWS, "x.csv.gz")) == (["TP53", "MYC"], ["S1", "S2"])


def test_text_that_begins_as_a_gz_does(tmp_path: Path) -> None:
    assert refuse(tmp_path, b"\x1f\x8bgene,S1\nA,1\n", "x.csv.gz").code == "corrupt_gzip"


def test_endless_header(tmp_path: Path) -> None:
    header = ",".join(f"S{i}" for i in range(30_000))
    row = ",".join(["7"] * 30_000)
    found = parse(tmp_path, f"gene,{header}\nA,{row}\nB,{row}\n")
    assert found.matrices[0].shape == (2, 30_000)


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are read in blocks of some lines, and values put aside."""
    monkeypatch.setattr(lines.Blocks.__init__, "__defaults__", (256,))
    monkeypatch.setattr(
        spool.Spool.__init__, "__kwdefaults__", {"transposed": False, "memory_bytes": 512}
    )


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("case", AS_PANDAS)
def test_in_blocks_as_pandas_reads_it(tmp_path: Path, case: str) -> None:
    test_as_pandas_reads_it(tmp_path, case)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("case", REFUSED)
def test_in_blocks_refused(tmp_path: Path, case: str) -> None:
    test_refused(tmp_path, case)


@pytest.mark.usefixtures("small_blocks")
def test_larger_files_in_blocks(tmp_path: Path) -> None:
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(300, 40)).round(3))
    frame.index = [f"g{i}" if i % 7 else f'g,"{i}"\nx' for i in frame.index]
    frame.columns = [f"S{i}" for i in frame.columns]
    check_as_pandas(parse(tmp_path, frame.to_csv()), frame)
    packed = gzip.compress(frame.to_csv(sep="\t").encode())
    check_as_pandas(parse(tmp_path, packed, "x.tsv.gz"), frame)
    commas = frame.to_csv(sep=";", decimal=",")
    check_as_pandas(parse(tmp_path, commas), frame)
    plain = frame.set_axis([f"g{i}" for i in range(300)])
    turned = parse(tmp_path, plain.T.to_csv(), json='{"orientation": "samples_as_rows"}')
    check_as_pandas(turned, plain)
    whole = (frame * 1000).astype("int64")
    whole.iloc[299, 0] = 2**53 + 1
    assert parse(tmp_path, whole.to_csv()).matrices[0].dtype == "int64"
    check_as_pandas(parse(tmp_path, whole.to_csv()), whole)
    assert codes(parse(tmp_path, whole.to_csv() + "late," + "NA," * 39 + "1\n")) == [
        "integers_rounded"
    ]


@pytest.mark.usefixtures("small_blocks")
def test_faults_far_behind_have_their_line(tmp_path: Path) -> None:
    rows = "".join(f"g{i},{i},2\n" for i in range(1000))
    for last, code, column in (
        ("x,1\n", "ragged_row", 2),
        ("x,1,2,3\n", "ragged_row", 4),
        ("x,1,y\n", "not_a_number", 3),
    ):
        error = refuse(tmp_path, f"id,S1,S2\n{rows}{last}z,1,1\n")
        assert (error.code, error.place) == (code, f"line 1002, column {column}")


def test_genes_across_are_guessed_in_blocks(tmp_path: Path, small_blocks: None) -> None:
    genes = [f"{a}{b}K{i}" for i, a in enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZ") for b in "AB"]
    rows = "".join(f"Cell_{i}," + ",".join(["0"] * len(genes)) + "\n" for i in range(4))
    found = parse(tmp_path, "," + ",".join(genes) + "\n" + rows)
    assert (found.matrices[0].shape, codes(found)) == ((52, 4), ["orientation_guessed"])
    more = "".join(f"Cell_{i}," + ",".join(["0"] * len(genes)) + "\n" for i in range(4, 30))
    found = parse(tmp_path, "," + ",".join(genes) + "\n" + rows + more)
    assert (found.matrices[0].shape, codes(found)) == ((30, 52), [])


SAMPLES = "gene,S1,S2\nA,1,2\nB,3,4\n"


@pytest.mark.parametrize(
    ("table", "expected", "noticed"),
    [
        ("sample,t\nS2,b\nS1,a\n", ["a", "b"], []),
        ("sample,t\nS1,a\n", ["a", None], ["samples_without_metadata"]),
        ("sample,t\nS1,a\nS2,b\nS3,c\n", ["a", "b"], ["metadata_without_samples"]),
        ("sample,t\ns1,a\ns2,b\n", ["a", "b"], ["ids_respelled"]),
        ("sample,t\nS1 ,a\n S2,b\n", ["a", "b"], []),
        ("sample,t\nS1.bam,a\nx/S2.counts.txt,b\n", ["a", "b"], ["ids_respelled"]),
        ("no,name,t\n1,S1,a\n2,S2,b\n", ["a", "b"], ["ids_in_other_column"]),
        ("\ufeffsample,t\r\nS1,a\r\nS2,b\r\n", ["a", "b"], []),
        ("sample;t\nS1;a\nS2;b\n", ["a", "b"], []),
        ('"t"\n"S1" "a"\n"S2" "b"\n', ["a", "b"], []),
    ],
)
def test_tables_of_samples(
    tmp_path: Path, table: str, expected: list[str | None], noticed: list[str]
) -> None:
    found = parse(tmp_path, SAMPLES, csv=table)
    assert found.samples["t"].to_list() == expected
    assert codes(found) == noticed


def test_ids_that_are_alike_are_not_mixed_up(tmp_path: Path) -> None:
    matrix = "gene,S1,s1,S-2,S.2\nA,1,2,3,4\n"
    found = parse(tmp_path, matrix, csv="sample,t\nS1,a\ns1,b\nS 2,c\n")
    assert found.samples["t"].to_list() == ["a", "b", None, None]
    assert codes(found) == ["samples_without_metadata", "metadata_without_samples"]


def test_ids_that_R_changed(tmp_path: Path) -> None:
    found = parse(tmp_path, "gene,X1.A,P.2\nA,1,2\n", csv="sample,t\n1-A,a\nP-2,b\n")
    assert found.samples["t"].to_list() == ["a", "b"]


@pytest.mark.parametrize(
    ("beside", "code", "place"),
    [
        ({"csv": ""}, "empty_file", ""),
        ({"csv": "sample,t\n"}, "no_rows", "line 1"),
        ({"csv": "sample,t\nS1,a\nS1,b\n"}, "duplicate_sample_ids", "line 3, column 1"),
        ({"csv": "sample,t\nS1,a\n,b\n"}, "missing_sample_id", "line 3, column 1"),
        ({"csv": "sample,t\nT1,a\n"}, "sidecar_matches_nothing", ""),
        ({"json": ""}, "empty_file", ""),
        ({"json": '{"a": 1,\n "b": }'}, "bad_json", "line 2, column 7"),
        ({"json": "[1, 2]"}, "bad_sidecar", ""),
        ({"json": '{"a": 1, "a": 2}'}, "bad_sidecar", ""),
        ({"json": "[" * 100_000}, "bad_sidecar", ""),
        ({"json": '{"a": ' + "9" * 5000 + "}"}, "bad_sidecar", ""),
        ({"json": '{"samples": {"S1": {"t": "\\ud800"}}}'}, "bad_sidecar", ""),
        ({"json": '{"samples": [{"t": 1}]}'}, "missing_sample_id", "samples[0]"),
        ({"json": '{"samples": 5}'}, "bad_sidecar", ""),
        ({"cls": "1 1 1\n# a\n0\n"}, "class_count_mismatch", "line 1, column 1"),
        ({"features_csv": "id,s\nX,1\n"}, "sidecar_matches_nothing", ""),
        ({"features_csv": "id,s\nA,1\nA,2\n"}, "duplicate_feature_ids", "line 3, column 1"),
    ],
)
def test_bad_sidecars(tmp_path: Path, beside: dict[str, str], code: str, place: str) -> None:
    error = refuse(tmp_path, SAMPLES, **beside)
    assert (error.code, error.place) == (code, place)
    assert error.file.startswith("beside.")


def test_table_of_features(tmp_path: Path) -> None:
    found = parse(
        tmp_path,
        SAMPLES,
        features_csv="feature_id,symbol\nB,MYC\nA,TP53\n",
        json=json.dumps({"features": {"A": {"chr": "17"}}}),
    )
    assert found.features.to_dict(as_series=False) == {
        "feature_id": ["A", "B"],
        "chr": ["17", None],
        "symbol": ["TP53", "MYC"],
    }


def test_rows_of_chromosomes_are_called_by_their_genes(tmp_path: Path) -> None:
    rows = "#chr\tstart\tend\tgene_id\tS1\tS2\nchr1\t1\t2\tENSG1\t.5\t1\nchr1\t5\t6\tENSG2\t3\t4\n"
    found = parse(tmp_path, rows, "x.txt")
    assert ids(found) == (["ENSG1", "ENSG2"], ["S1", "S2"])
    assert found.features["#chr"].to_list() == ["chr1", "chr1"]
    assert "ids_beside_chromosomes" in codes(found)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (
            "chrom,start,end,name,score,strand\nchr1,1,2,a,5,+\nchr1,3,4,b,6,-\n",
            "no_sample_columns",
        ),
        ("gene,p_val,avg_log2FC,cluster\nTP53,.1,2,0\nMYC,.2,3,1\n", "no_sample_columns"),
        ("Reads,100,x\nSaturation,0.5,y\nCells,7,z\n", "no_header"),
    ],
)
def test_places_results_and_summaries_are_no_matrix(
    tmp_path: Path, content: str, code: str
) -> None:
    assert refuse(tmp_path, content).code == code


@pytest.mark.parametrize("corner", ["SampleID", "Patient ID", "cellBarcode", "DepMap_ID"])
def test_samples_in_rows_however_their_column_is_spelled(tmp_path: Path, corner: str) -> None:
    found = parse(tmp_path, f"{corner},TP53,MYC\np1,1,2.5\np2,3,4\np3,5,6\n")
    assert ids(found) == (["TP53", "MYC"], ["p1", "p2", "p3"])
    assert codes(found) == ["orientation_guessed"]
