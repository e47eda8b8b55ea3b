"""Tables of samples alone: as pandas reads them, or refused where they may be something else."""

from __future__ import annotations

import gzip
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polly_assets.ingest.formats.base import FailedDataset, ParsedDataset, Source
from polly_assets.ingest.formats.separated.sample_table import typed
from polly_assets.ingest.reading import datasets
from polly_assets.publish.exports.registry import export_named
from polly_assets.publish.load import load_dataset
from polly_resources.errors import BadInput
from polly_resources.records import JobStatus
from tests.assets.ingest.formats.seeds import SEEDS
from tests.assets.ingest.formats.test_delimited_odd import codes, parse, refuse
from tests.assets.instance import Instance
from tests.assets.publish.test_exports import content

PANDAS_NA = ["", "NA", "N/A", "NaN", "null", "n/a", "nan", "NULL", "#N/A"]


def plainly(frame: pd.DataFrame) -> dict[str, list[Any]]:
    """A frame's columns with None for what is missing."""
    return {
        str(name): [None if pd.isna(v) else v for v in column.tolist()]
        for name, column in frame.items()
    }


def check_as_pandas(found: ParsedDataset, frame: pd.DataFrame, key: str) -> None:
    """The same columns, values and types; the ids are the column `key`."""
    assert (found.matrices, found.features.height, found.data_type) == ((), 0, "")
    assert {"sample_ids_from", "no_matrix"} <= {*codes(found)}
    expected = plainly(frame)
    assert found.samples["sample_id"].to_list() == [str(v).strip() for v in expected[key]]
    own = found.samples if key == "sample_id" else found.samples.drop("sample_id")
    got = own.to_dict(as_series=False)
    if key == "sample_id":
        expected["sample_id"] = [str(v) for v in expected["sample_id"]]
    assert [*got] == [*expected]
    assert got == expected


ACCEPTED: dict[str, tuple[str, str]] = {
    "plain": ("sample_id,tissue,age\nS1,liver,50\nS2,lung,61\n", "sample_id"),
    "by another name": ("Sample Name,tissue,age\nS1,liver,50\nS2,lung,61\n", "Sample Name"),
    "not the first column": ("tissue,sample,x\nliver,S1,a\nlung,S2,b\n", "sample"),
    "runs of SRA": (
        "Run,AvgSpotLen,Bases,BioSample,sex\nSRR1,76,1,SAMN1,male\nSRR2,76,2,SAMN1,male\n",
        "Run",
    ),
    "old names of SRA": ("assay_s,mbases_l,run_s\nx,5,ERR1\nx,6,ERR2\n", "run_s"),
    "samples before runs": ("Run,sample\nSRR1,a\nSRR2,b\n", "sample"),
    "runs of one sample": ("sample,Run,x\na,SRR1,k\na,SRR2,l\n", "Run"),
    "samples of one patient": ("patient,sample_barcode,x\np,a,k\np,b,l\n", "sample_barcode"),
    "patients": ("patient_id,sex,age\n1,m,50\n2,f,61\n", "patient_id"),
    "accessions by their looks": ("study,accession,x\nGSE1,GSM1,a\nGSE1,GSM2,b\n", "accession"),
    "barcodes of TCGA": ("x,code\na,TCGA-02-0001-01C\nb,TCGA-02-0002-01C\n", "code"),
    "cell lines, like genes": (
        "cell_line,tissue\nA549,lung\nMCF7,breast\nHELA,cervix\nK562,blood\n",
        "cell_line",
    ),
    "cells with numbers only": (
        "barcode,n_counts,n_genes,leiden\nAAACCTGA-1,9,5,0\nAAACCTGC-1,8,4,1\n",
        "barcode",
    ),
    "an id of no name that is known": (
        "id,tissue,sex,age\nP1,liver,M,50\nP2,lung,F,61\n",
        "id",
    ),
    "text and truth": ("sample,ok,note\nS1,TRUE,a\nS2,FALSE,b\n", "sample"),
    "numbers with gaps": ("sample,age,rin,x\nS1,NA,7.5,a\nS2,61,,b\nS3,5,1e-3,c\n", "sample"),
    "truth with gaps": ("sample,ok,x\nS1,True,a\nS2,,b\n", "sample"),
    "columns of nothing": ("sample,age,x,y\nS1,,a,\nS2,,b,\n", "sample"),
    "words among numbers": ("sample,age,x\nS1,50,a\nS2,unknown,b\nS3,61,c\n", "sample"),
    "dates": ("sample,day,x\nS1,2020-01-31,a\nS2,2020-02-01,b\n", "sample"),
    "numbers beyond int64": ("sample,n,x,y\nS1,5e300,a,c\nS2,-7,b,d\n", "sample"),
    "quoted": ('"sample","about"\n"S1","a, b"\n"S2","say ""x"""\n', "sample"),
    "quoted line ends": ('sample,about\nS1,"a\nb"\nS2,c\n', "sample"),
    "letters of many scripts": ("sample,gewebe\nS1,Nährstoff\nS2,肝臓\n", "sample"),
    "a quote in a word": ('sample,site\nS1,5" UTR\nS2,c\n', "sample"),
    "a last cell of two lines": ('sample,site\nS1,a\nS2,"b\n"\n', "sample"),
    "one sample": ("sample_id,tissue\nS1,liver\n", "sample_id"),
    "genes as columns of text": ("sample,TP53,MYC\nS1,mutated,wild type\nS2,lost,lost\n", "sample"),
    "columns that describe genes elsewhere": (
        "sample,description,length,strand,x\nS1,a,5,+,k\nS2,b,6,-,l\n",
        "sample",
    ),
    "names twice": ("sample,x,x\nS1,a,b\nS2,c,d\n", "sample"),
}


@pytest.mark.parametrize("separator", [",", "\t", ";"])
@pytest.mark.parametrize("case", ACCEPTED)
def test_as_pandas_reads_it(tmp_path: Path, case: str, separator: str) -> None:
    text, key = ACCEPTED[case]
    if separator != ",":
        if '"' in text:
            return
        text = text.replace(",", separator)
    frame = pd.read_csv(io.StringIO(text), sep=separator)
    frame.columns = [str(name) for name in frame.columns]
    check_as_pandas(parse(tmp_path, text, "x.csv" if separator == "," else "x.tsv"), frame, key)


def test_packed_with_comments_and_in_other_letters(tmp_path: Path) -> None:
    text = "# made by x\nsample;tissue;dose\nS1;Nähr;0,5\nS2;b;1,25\n"
    found = parse(tmp_path, gzip.compress(text.encode("latin-1")), "x.csv.gz")
    assert found.samples.rows() == [("S1", "S1", "Nähr", 0.5), ("S2", "S2", "b", 1.25)]
    assert found.metadata == {"comments": ["# made by x"]}
    assert codes(found) == ["not_utf8", "decimal_commas", "sample_ids_from", "no_matrix"]


def test_names_of_rows(tmp_path: Path) -> None:
    written_by_r = '"tissue","age"\n"S1","liver",50\n"S2","lung",NA\n'
    written_by_pandas = ",sample,tissue\n0,S1,liver\n1,S2,lung\n"
    assert parse(tmp_path, written_by_r).samples.to_dict(as_series=False) == {
        "sample_id": ["S1", "S2"],
        "tissue": ["liver", "lung"],
        "age": [50, None],
    }
    found = parse(tmp_path, written_by_pandas).samples
    assert found.columns == ["sample_id", "unnamed_1", "sample", "tissue"]
    assert found["unnamed_1"].to_list() == [0, 1]


def test_what_pandas_would_spoil_is_text(tmp_path: Path) -> None:
    found = parse(
        tmp_path, "sample,code,n,x,y,z\n007,01,9223372036854775808,a,b,c\n008,02,1,b,c,d\n"
    )
    assert found.samples.select("sample_id", "sample", "code", "n").rows() == [
        ("007", "007", "01", "9223372036854775808"),
        ("008", "008", "02", "1"),
    ]


def test_a_column_called_as_ours(tmp_path: Path) -> None:
    found = parse(tmp_path, "sample_id,run\nA,SRR1\nA,SRR2\n")
    assert found.samples.to_dict(as_series=False) == {
        "sample_id": ["SRR1", "SRR2"],
        "sample_id.1": ["A", "A"],
        "run": ["SRR1", "SRR2"],
    }


def test_sidecars_describe_it(tmp_path: Path) -> None:
    found = parse(
        tmp_path,
        "sample,tissue\nS1,liver\nS2,lung\n",
        json='{"dataset_id": "GSE1", "data_type": "Bulk transcriptomics", "title": "T"}',
        csv="sample,age\ns1,5\ns2,6\n",
    )
    assert (found.dataset_id, found.data_type) == ("GSE1", "Bulk transcriptomics")
    assert found.metadata == {"title": "T"}
    assert found.samples["age"].to_list() == ["5", "6"]


REFUSED: dict[str, tuple[str, str, str]] = {
    "no id of its own": (
        "sample,tissue\nS1,a\nS2,b\nS1,c\n", "no_sample_ids", "line 4, column 1"),
    "a sample without id": ("tissue,sample\na,S1\nb,\n", "no_sample_ids", "line 3, column 2"),
    "a row of units": ("sample,tissue,age\n,,years\nS1,a,5\n", "no_sample_ids", "line 2, column 1"),
    "attributes in rows": (
        "sample,key,text\nS1,sex,m\nS1,site,liver\n", "no_sample_ids", "line 3, column 1"),
    "no column of ids": ("tissue,sex\nliver,m\nliver,f\n", "no_numeric_columns", "line 2"),
    "ids that count": ("id,tissue\n1,liver\n2,lung\n", "no_numeric_columns", "line 2"),
    "genes": ("gene,tissue\nTP53,liver\nMYC,lung\n", "no_numeric_columns", "line 2"),
    "genes by their looks": (
        ",tissue,sex\nTP53,high,low\nMYC,low,low\nEGFR,low,high\n", "no_numeric_columns", "line 2"),
    "genes called samples": (
        "sample,tissue,sex\nTP53,high,low\nMYC,low,low\nEGFR,low,high\n",
        "no_numeric_columns", "line 2"),
    "Ensembl ids": ("name,tissue\nENSG00000141510,a\nENSG00000136997,b\n",
                    "no_numeric_columns", "line 2"),
    "annotation": ("id,symbol,organism\nx1,TP53,human\nx2,MYC,human\n",
                   "no_numeric_columns", "line 2"),
    "a matrix of words": (",S1,S2\ng1,high,low\ng2,low,low\n", "no_numeric_columns", "line 2"),
    "a matrix of words, samples in rows": (
        "sample,rs1,rs22,rs3\nS1,AA,AG,GG\nS2,AG,AG,GG\n", "no_numeric_columns", "line 2"),
    "a matrix of truth": ("id,S1,S2\ng1,TRUE,FALSE\ng2,FALSE,TRUE\n",
                          "no_numeric_columns", "line 2"),
    "a matrix of percentages": ("id,ctrl,case\ng1,5%,6%\ng2,7%,8%\n",
                                "no_numeric_columns", "line 2"),
    "no names": ("S1,liver,m\nS2,lung,f\n", "no_numeric_columns", "line 2"),
    "no names, accessions": ("GSM1,liver\nGSM2,lung\n", "no_numeric_columns", "line 2"),
    "a word amid numbers": ("id,ctrl,case\ng1,1,2\ng2,x,3\ng3,4,5\n",
                            "not_a_number", "line 3, column 2"),
    "commas in doubt": ('id,ctrl,case\ng1,"1,234","2,345"\n', "not_a_number", "line 2, column 2"),
    "results": ("gene,log2FC,padj,note\nA,1,0.1,x\nB,2,0.2,y\n", "no_sample_columns", "line 2"),
    "results of samples": ("contrast,sample,log2FC,padj,note\na,S1,1,0.1,x\nb,S2,2,0.2,y\n",
                           "no_sample_columns", "line 2"),
    "a long table": ("gene,sample,tpm\nA,S1,1\nA,S2,2\n", "long_table", "line 2"),
    "a long table, samples first": ("sample,gene,tpm\nS1,A,1\nS2,B,2\n", "long_table", "line 2"),
    "a list": ("sample_id\nS1\nS2\n", "no_numeric_columns", "line 2"),
    "a letter": ("Dear all,\nhere are the data.\n", "unknown_format", ""),
    "a short row": ("sample,tissue,sex\nS1,a,m\nS2,b\n", "ragged_row", "line 3, column 2"),
    "an open quote": ('sample,tissue\nS0,x\nS1,"a\nS2,b\n', "bad_quotes", "line 3"),
    "an open quote at the end": ('sample,tissue\nS1,a\nS2,"b\n', "bad_quotes", "line 3"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refused(tmp_path: Path, case: str) -> None:
    text, code, place = REFUSED[case]
    error = refuse(tmp_path, text)
    assert (error.code, error.place, error.file) == (code, place, "x.csv")


def test_sidecars_that_tell_of_a_matrix(tmp_path: Path) -> None:
    words = "sample,S1,site\na,x,liver\nb,y,lung\n"
    parse(tmp_path, words)
    for said in ('{"orientation": "samples_as_rows"}', '{"samples": {"S1": {"age": 1}}}'):
        assert refuse(tmp_path, words, json=said).code == "no_numeric_columns"


def test_a_table_beside_its_matrix_stays_its_sidecar(tmp_path: Path) -> None:
    table = "sample,tissue,age\nS1,liver,50\nS2,lung,61\n"
    found = parse(tmp_path, table, csv="gene,S1,S2\nTP53,1,2\nMYC,3,4\n")
    assert found.matrices[0].shape == (2, 2)
    assert found.samples["tissue"].to_list() == ["liver", "lung"]
    assert codes(found) == ["sidecar_swapped"]


MATRICES = [
    "cell,TP53,MYC\nc1,1,2\nc2,3,4\n",
    "cell,cluster,TP53,MYC\nc1,a,1,2\nc2,b,3,4\n",
    "cell,cluster,TP53,MYC,n_counts\nc1,a,1,2,9\nc2,b,3,4,8\n",
    "gene,S1,note,S2\nA,1,x,2\nB,3,y,4\n",
    "id,time_0,time_6\ng1,1,2\ng2,3,4\n",
    "id,description,category,S1\nx1,a,b,3\nx2,c,d,4\n",
    "sample,gene_name,chr,S1\nTP53,p53,17,1\nMYC,c-Myc,8,2\nEGFR,x,7,3\n",
]


@pytest.mark.parametrize("text", MATRICES)
def test_matrices_stay_matrices(tmp_path: Path, text: str) -> None:
    assert parse(tmp_path, text).matrices[0].shape[0] >= 2


CELLS = st.one_of(
    st.integers(-(2**62), 2**62).map(str),
    st.floats(allow_nan=False).map(repr),
    st.sampled_from(["TRUE", "false", "True", *PANDAS_NA, "x", "0", "-1", "+5", "1e5", ".5", "7."]),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(CELLS, min_size=1, max_size=5))
def test_types_are_those_of_pandas(cells: list[str]) -> None:
    found = typed(pl.Series(cells, dtype=pl.String))
    frame = pd.read_csv(
        io.StringIO("a,b\n" + "".join(f"{cell},x\n" for cell in cells)),
        float_precision="round_trip",
    )
    expected = plainly(frame)["a"]
    if not all(type(value) is type(expected[0]) for value in expected if value is not None):
        return  # pandas mixes text and truth values
    gaps = found.dtype == pl.Int64 and None in expected  # pandas rounds these from 2^53 on
    assert (found.cast(pl.Float64) if gaps else found).to_list() == expected


def parquet(folder: Path, frame: pd.DataFrame, **how: Any) -> ParsedDataset:
    frame.to_parquet(folder / "x.parquet", **how)
    (found,) = datasets(Source(folder / "x.parquet", "x.parquet"))
    assert isinstance(found, ParsedDataset)
    return found


FRAME = pd.DataFrame(
    {
        "study": ["a", "a"],
        "geo_accession": ["GSM1", "GSM2"],
        "age": [50.5, np.nan],
        "n": [1, 2],
        "ok": [True, False],
        "day": pd.to_datetime(["2020-01-01", "2020-01-02"]),
        "site": pd.Categorical(["x", None]),
        "nothing": [None, None],
    }
)


def test_parquet_as_pandas_reads_it(tmp_path: Path) -> None:
    found = parquet(tmp_path, FRAME)
    expected = plainly(FRAME)
    assert (found.format, found.matrices, codes(found)) == (
        "parquet", (), ["sample_ids_from", "no_matrix"]
    )  # fmt: skip
    assert found.samples["sample_id"].to_list() == ["GSM1", "GSM2"]
    assert found.samples.drop("sample_id").to_dict(as_series=False) == expected


def test_parquet_of_an_index(tmp_path: Path) -> None:
    frame = FRAME.drop(columns="geo_accession").set_index(pd.Index(["S1", "S2"], name="sample"))
    assert parquet(tmp_path, frame).samples["sample_id"].to_list() == ["S1", "S2"]


def test_parquet_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        parquet(tmp_path, FRAME.assign(geo_accession=["GSM1", "GSM1"]))
    assert (caught.value.code, caught.value.place) == (
        "no_sample_ids", "row 2, column 'geo_accession'"
    )  # fmt: skip
    with pytest.raises(BadInput) as caught:
        parquet(tmp_path, pd.DataFrame({"gene": ["A", "B"], "note": ["x", "y"]}))
    assert caught.value.code == "no_numeric_columns"


SAMPLES = pl.DataFrame(
    {"sample_id": ["s1", "s2"], "tissue": ["=liver", None], "age": [61, None], "tags": [["a"], []]}
)
ALONE = content({}, SAMPLES, features=pl.DataFrame(schema={"feature_id": pl.String}))


def test_exports(tmp_path: Path) -> None:
    export_named("csv").write(ALONE, tmp_path / "x.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["x.csv"]
    frame = pd.read_csv(tmp_path / "x.csv")
    assert frame.columns.to_list() == SAMPLES.columns
    assert frame["tissue"].to_list()[0] == "'=liver"
    (back,) = datasets(Source(tmp_path / "x.csv", "x.csv"))
    assert isinstance(back, ParsedDataset)
    assert back.samples["age"].to_list() == [61, None]
    export_named("parquet").write(ALONE, tmp_path / "x.parquet")
    assert pd.read_parquet(tmp_path / "x.parquet")["sample_id"].to_list() == ["s1", "s2"]
    (back,) = datasets(Source(tmp_path / "x.parquet", "x.parquet"))
    assert isinstance(back, ParsedDataset)
    assert back.metadata == {"title": "A study", "n": 3}
    assert back.samples["tissue"].to_list() == ["=liver", None]


def test_exports_of_samples_and_features(tmp_path: Path) -> None:
    export_named("csv").write(replace(ALONE, features=content().features), tmp_path / "x.csv")
    assert {path.name for path in tmp_path.iterdir()} == {"x.csv", "x.features.csv"}


def test_real_runs(real_data: Path) -> None:
    path = real_data / "formats/tables/recount_brain_v1.csv.gz"
    (found,) = datasets(Source(path, path.name))
    assert isinstance(found, ParsedDataset)
    frame = pd.read_csv(path, float_precision="round_trip", low_memory=False)
    assert found.samples.shape == (4431, 49)
    check_as_pandas(found, frame, "run_s")


def test_real_samples(real_data: Path) -> None:
    path = real_data / "scale/metahq_metadata_dev.parquet"
    (found,) = datasets(Source(path, path.name))
    assert isinstance(found, ParsedDataset)
    frame = pd.read_parquet(path)
    assert found.samples["sample_id"].to_list() == frame["sample"].to_list()
    assert found.samples.width == frame.shape[1] + 1


def test_from_a_file_to_exports(tmp_path: Path, instance: Instance) -> None:
    path = tmp_path / "cohort.csv"
    path.write_text("sample,tissue,disease,age\nS1,liver,asthma,50\nS2,lung,,NA\n")
    (job,) = instance.ingest(path)
    assert (job.status, job.error) == (JobStatus.SUCCEEDED, None)
    rows = {row["sample_id"]: row for row in instance.rows("samples")}
    assert rows["S1"]["curated_disease_curie"] == ["MONDO:0004979"]
    whole = load_dataset(instance.tables, "demo", "cohort")
    for name in ("csv", "h5ad", "parquet"):
        export_named(name).write(whole, tmp_path / f"out.{name}")
        (back,) = datasets(Source(tmp_path / f"out.{name}", f"out.{name}"))
        assert isinstance(back, ParsedDataset)
        assert (back.matrices, back.features.height) == ((), 0)
        assert back.samples.select("sample_id", "tissue", "age").rows() == [
            ("S1", "liver", 50),
            ("S2", "lung", None),
        ]


def test_a_further_table_may_describe_others(tmp_path: Path) -> None:
    matrix, path = "gene,S1,S2\nTP53,1,2\n", tmp_path / "x.csv"
    tables = {"csv": "sample,t\nS1,a\nS2,b\n", "csv.2": "sample,c\nctrl,case\n"}
    tables |= {"csv.3": "sample,u\nS2,c\nS1,d\n"}
    path.write_text(matrix)
    beside = {key: tmp_path / f"x.{key}.csv" for key in tables}
    for key, text in tables.items():
        beside[key].write_text(text)
    (found,) = datasets(Source(path, "x.csv", beside))
    assert isinstance(found, ParsedDataset)
    assert found.samples.rows() == [("S1", "a", "d"), ("S2", "b", "c")]
    assert codes(found) == ["metadata_without_samples"]


def test_beside_a_series_it_is_a_dataset_of_its_own(tmp_path: Path) -> None:
    series = tmp_path / "GSE1_series_matrix.txt"
    series.write_bytes(SEEDS["geo_series_matrix"]().data)
    table = tmp_path / "gse1_runs.csv"
    table.write_text("run,tissue\nSRR1,liver\nSRR2,lung\n")
    found = [*datasets(Source(series, series.name, {"gse1_runs.csv": table}))]
    assert [each.matrices for each in found if isinstance(each, ParsedDataset)][-1] == ()
    assert not [each for each in found if isinstance(each, FailedDataset)]


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_damaged_tables_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    text = bytearray(ACCEPTED[data.draw(st.sampled_from([*ACCEPTED]))][0].encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text) - 1))
        text[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        text = text or bytearray(b"x")
    path = tmp_path_factory.getbasetemp() / "damaged.csv"
    path.write_bytes(text)
    try:
        found = [*datasets(Source(path, path.name))]
    except BadInput as error:
        assert error.code != "internal_error" and error.file == path.name
    else:
        assert isinstance(found[0], ParsedDataset)
        assert not found[0].samples["sample_id"].null_count()
