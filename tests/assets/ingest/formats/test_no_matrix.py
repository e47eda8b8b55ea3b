"""Tables of numbers that are no matrix, and columns of numbers that are no values."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from polly_assets.ingest.formats.base import DenseMatrix
from polly_assets.ingest.formats.separated.totals import KeptRows
from tests.assets.ingest.formats.test_delimited_odd import (
    check_as_pandas,
    codes,
    ids,
    parse,
    refuse,
    values,
)

RESULTS = {
    "scanpy": ",names,scores,logfoldchanges,pvals,pvals_adj\n0,TP53,3,4,.1,.2\n1,MYC,3,4,.1,.2\n",
    "sleuth": "target_id,pval,qval,b,se_b,mean_obs,var_obs\nt1,.1,.2,1,2,3,4\nt2,.1,.2,1,2,3,4\n",
    "gsea": "NAME\tSIZE\tES\tNES\tNOM p-val\tFDR q-val\nA\t9\t.5\t1\t.1\t.2\nB\t9\t.4\t1\t.2\t.2\n",
    "fgsea": "pathway,pval,padj,log2err,ES,NES,size\nA,.1,.2,.3,.4,1,9\nB,.1,.2,.3,.4,1,9\n",
    "enrichment": "ID,Description,pvalue,p.adjust,Count\nGO:1,x,.1,.2,3\nGO:2,y,.1,.3,4\n",
    "cuffdiff": "test_id,value_1,value_2,log2(fold_change),p_value\nX,1,2,1,.2\nY,1,2,1,.2\n",
    "contrasts": "gene,log2FC_A_vs_B,padj_A_vs_B\nTP53,1,.1\nMYC,2,.2\n",
    "means": "gene,mean_ctrl,mean_drug,log2FC,padj\nTP53,1,2,.1,.2\nMYC,2,3,.2,.3\n",
    "association": "SNP CHR BP BETA SE P\nrs1 1 9 .1 .2 .3\nrs2 2 9 .1 .2 .3\n",
    "summaries": "gene,mean,sd,median,min,max,n\nTP53,1,2,3,4,5,6\nMYC,1,2,3,4,5,6\n",
    "places": "id,gene,chrom,chromStart,chromEnd\nENSG01,A,chr1,1,2\nENSG02,B,1,3,4\n",
    "biomart": "Gene stable ID,Gene start (bp),Gene end (bp)\nENSG01,1,2\nENSG02,3,4\n",
}
LONG = {
    "two measures": "gene,sample,count,tpm\nTP53,S1,1,2\nTP53,S2,2,3\nMYC,S1,3,4\nMYC,S2,4,5\n",
    "melted": "gene,variable,value\nTP53,S1,1\nTP53,S2,2\nMYC,S1,3\nMYC,S2,4\n",
    "conditions": "Gene,Condition,Level\nTP53,ctrl,1\nTP53,drug,2\nMYC,ctrl,3\nMYC,drug,4\n",
    "indices": "row,col,value\n1,1,5\n2,1,3\n1,2,4\n",
    "edges": "source,target,weight\nTP53,MDM2,.9\nMYC,MAX,.8\nABL1,ATM,.3\n",
    "interactions": "protein1 protein2 score\n9606.ENSP1 9606.ENSP2 4\n9606.ENSP3 9606.ENSP4 5\n",
    "wells": "well,gene,ct\nA1,TP53,20.1\nA2,MYC,21.2\nH12,EGFR,22\n",
}


@pytest.mark.parametrize("content", RESULTS.values(), ids=RESULTS)
def test_results_are_no_matrix(tmp_path: Path, content: str) -> None:
    assert refuse(tmp_path, content).code == "no_sample_columns"


@pytest.mark.parametrize("content", LONG.values(), ids=LONG)
def test_pairs_are_no_matrix(tmp_path: Path, content: str) -> None:
    assert refuse(tmp_path, content).code == "long_table"


@pytest.mark.parametrize(
    "content",
    [
        "sample\tA1\tA2\nTP53\t1\t2\nTP53\t3\t4\nMYC\t5\t6\n",
        "gene,exon,S1,S2\nTP53,e1,1,2\nTP53,e2,3,4\nMYC,e1,5,6\nMYC,e2,5,6\n",
        "gene,FC_1,FC_2\nTP53,1,2\nMYC,3,4\n",
        "gene,mean,S1\nTP53,1,2\nMYC,3,4\n",
        "gene,count\nTP53,1\nMYC,3\n",
    ],
)
def test_matrices_with_such_words_are_read(tmp_path: Path, content: str) -> None:
    assert parse(tmp_path, content).matrices[0].shape[1] in (1, 2)


def test_results_beside_samples_describe_features(tmp_path: Path) -> None:
    found = parse(tmp_path, "gene,S1,log2FC_A_B,S2,padj_A_B\nTP53,1,.5,2,.1\nMYC,3,.6,4,.2\n")
    assert ids(found) == (["TP53", "MYC"], ["S1", "S2"])
    assert found.features["log2FC_A_B"].to_list() == [".5", ".6"]


def test_p_values_of_detection_describe_features(tmp_path: Path) -> None:
    text = "ID_REF,A,Detection Pval,B,Detection Pval\nILMN_1,1.5,0,2,.1\nILMN_2,3,.2,4,0\n"
    found = parse(tmp_path, text)
    assert ids(found) == (["ILMN_1", "ILMN_2"], ["A", "B"])
    assert found.features.columns == ["feature_id", "Detection Pval", "Detection Pval.1"]
    assert codes(found) == ["columns_as_feature_metadata"]


def test_intensities_of_maxquant(tmp_path: Path) -> None:
    text = (
        "Protein IDs,Peptides,Score,Intensity A,Intensity B,LFQ intensity A,LFQ intensity B\n"
        "P1;P2,5,9,10,20,1,2\nP3,5,9,30,40,3,4\n"
    )
    found = parse(tmp_path, text)
    assert found.samples["sample_id"].to_list() == ["LFQ intensity A", "LFQ intensity B"]
    np.testing.assert_array_equal(values(found), [[1, 2], [3, 4]])
    assert found.features["Intensity A"].to_list() == ["10", "30"]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (",TP53,MYC\nTP53,1,.2\nMYC,.2,1\n", "square_matrix"),
        ("id,S1,S2,S3\nS3,1,2,0\nS1,0,1,2\nS2,1,0,2\n", "square_matrix"),
        (
            "," + ",".join(map(str, range(1, 13))) + "\n"
            + "".join(f"{row}" + ",7" * 12 + "\n" for row in "ABCDEFGH"),
            "plate_layout",
        ),
    ],
)  # fmt: skip
def test_what_is_called_alike_on_both_sides(tmp_path: Path, content: str, code: str) -> None:
    assert refuse(tmp_path, content).code == code


def test_a_stated_orientation_says_that_it_is_a_matrix(tmp_path: Path) -> None:
    found = parse(tmp_path, ",A,B\nA,1,2\nB,3,4\n", json='{"orientation": "features_as_rows"}')
    assert ids(found) == (["A", "B"], ["A", "B"])


def test_numbers_that_describe_samples_are_no_values(tmp_path: Path) -> None:
    found = parse(tmp_path, "sample,age,sex,TP53,MYC\nS1,61,F,1,2\nS2,42,M,3,4\n")
    assert ids(found) == (["TP53", "MYC"], ["S1", "S2"])
    assert found.samples.rows() == [("S1", "61", "F"), ("S2", "42", "M")]
    assert codes(found) == ["orientation_guessed", "columns_as_sample_metadata"]


@pytest.mark.parametrize(
    "content",
    [
        ",n_genes,n_counts,leiden\nAAACCTGAGAAACCAT-1,9,20,0\nAAACCTGAGAAACCGC-1,8,22,1\n",
        "barcode,UMAP_1,UMAP_2\nAAACCTGAGAAACCAT-1,1.1,2.2\nAAACCTGAGAAACCGC-1,1.2,2.2\n",
        ",PC1,PC2,PC3\nS1,1.1,2.2,3\nS2,1.2,2.2,3\n",
        "id,age,sex,event\n1,61,M,0\n2,55,F,1\n",
        "barcode,FAB,days_to_followup,survival_status\nTCGA-AB-2802,M4,9,1\nTCGA-AB-2803,M3,8,0\n",
    ],
)
def test_numbers_that_only_describe_samples_are_no_matrix(tmp_path: Path, content: str) -> None:
    found = parse(tmp_path, content)
    assert (found.matrices, found.features.height, found.samples.height) == ((), 0, 2)
    assert codes(found) == ["sample_ids_from", "no_matrix"]


def test_columns_of_well_known_genes_lie_across(tmp_path: Path) -> None:
    found = parse(tmp_path, ",TP53,MYC,EGFR,KRAS\nS1,1,2,3,4\nS2,5,6,7,8\nS3,9,9,9,9\n")
    assert ids(found) == (["TP53", "MYC", "EGFR", "KRAS"], ["S1", "S2", "S3"])
    assert codes(found) == ["orientation_guessed"]


@pytest.mark.parametrize("rows", [["1007_s_at", "1053_at"], ["ILMN_1", "ILMN_2"], ["TP53", "KRAS"]])
def test_samples_called_by_genes_that_were_changed(tmp_path: Path, rows: list[str]) -> None:
    text = "id,TP53,MYC,EGFR\n" + "".join(f"{row},1,2,3\n" for row in rows)
    check_as_pandas(parse(tmp_path, text), pd.read_csv(io.StringIO(text), index_col=0))


@pytest.mark.parametrize("first", ["TP53", "MYC", "ENSG00000141510"])
def test_genes_and_whole_numbers_without_a_header(tmp_path: Path, first: str) -> None:
    assert refuse(tmp_path, f"{first},1,2\nABC1,3,4\nEGFR,5,6\n").code == "no_header"


@pytest.mark.parametrize("first", ["GENE", "ID_REF", "Probe", "", "strain"])
def test_samples_called_by_numbers_below_a_title(tmp_path: Path, first: str) -> None:
    found = parse(tmp_path, f"{first},1,2\nABC1,3,4\nEGFR,5,6\n")
    assert codes(found) == ["numbers_as_sample_ids"]


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("1 234", "thousands"),
        ("1\u2009234,5", "thousands"),
        ("1'234", "thousands"),
        ("1.234,5", "thousands"),
        ("1,5", "decimal points"),
        ("\u22121.5", "minus"),
        ("#VALUE!", "formula failed"),
        ("=A1+1", "formula"),
        ("12 kg", "NA"),
    ],
)
def test_hints_on_numbers_that_are_miswritten(tmp_path: Path, cell: str, said: str) -> None:
    error = refuse(tmp_path, f"gene\tS1\tS2\nTP53\t{cell}\t2\nMYC\t3.5\t4\nA\t1.5\t1\n", "x.tsv")
    assert (error.code, error.place) == ("not_a_number", "line 2, column 2")
    assert f"{cell!r}" in error.message
    assert said in error.hint


def test_thousands_beside_decimal_commas_are_told_as_they_are(tmp_path: Path) -> None:
    error = refuse(tmp_path, "gene;S1;S2\nTP53;1.234,5;2,25\nMYC;3,0;4,5\n")
    assert "'1.234,5'" in error.message


def test_a_second_line_of_names(tmp_path: Path) -> None:
    error = refuse(tmp_path, "gene,S1,S2,S3\n,ctrl,ctrl,drug\nTP53,1,2,3\nMYC,4,5,6\n")
    assert (error.code, error.place) == ("not_a_number", "line 2, column 2")
    assert "ctrl, ctrl, drug" in error.message


@pytest.mark.parametrize(
    ("rows", "totals"),
    [
        ("A,1,2\nB,3,4\n__no_feature,7,8\n__ambiguous,9,0\n", ["__no_feature", "__ambiguous"]),
        ("N_unmapped,7,8\nN_noFeature,9,0\nA,1,2\nB,3,4\n", ["N_unmapped", "N_noFeature"]),
        ("A,1,2\nno_feature,7,8\nB,3,4\nnot_aligned,9,0\n", ["no_feature", "not_aligned"]),
    ],
)
def test_reads_outside_of_features_describe_samples(
    tmp_path: Path, rows: str, totals: list[str]
) -> None:
    found = parse(tmp_path, f"gene,S1,S2\n{rows}")
    assert ids(found) == (["A", "B"], ["S1", "S2"])
    assert values(found).tolist() == [[1, 2], [3, 4]]
    assert found.matrices[0].dtype == "int64"
    assert found.samples.select("sample_id", *totals).rows() == [("S1", 7, 9), ("S2", 8, 0)]
    assert codes(found) == ["totals_set_apart"]


def test_reads_outside_of_features_where_samples_are_rows(tmp_path: Path) -> None:
    found = parse(tmp_path, "sample,A,B,__no_feature\nS1,1,2,7\nS2,3,4,8\n")
    assert ids(found) == (["A", "B"], ["S1", "S2"])
    assert found.samples["__no_feature"].to_list() == ["7", "8"]


def test_reads_outside_of_features_alone_are_a_matrix(tmp_path: Path) -> None:
    found = parse(tmp_path, "gene,S1,S2\n__no_feature,7,8\n__ambiguous,9,0\n")
    assert found.features.height == 2


@pytest.mark.parametrize("features", [1, 2, 3, 64])
def test_blocks_of_kept_rows_are_full(features: int) -> None:
    rows = np.arange(20).reshape(10, 2)
    kept = np.array([True, False, False, True, True, True, False, True, True, False])
    matrix = KeptRows(DenseMatrix(rows), kept)
    blocks = [np.asarray(block) for block in matrix.blocks(features)]
    assert matrix.shape == (6, 2)
    assert [len(block) for block in blocks[:-1]] == [features] * (len(blocks) - 1)
    np.testing.assert_array_equal(np.concatenate(blocks), rows[kept])


@pytest.mark.parametrize(
    "beside",
    ["gene,S1,S2\nTP53,.1,.2\nMYC,.3,.4\n", "gene,S3,S4\nTP53,1,2\nMYC,3,4\n"],
)
def test_a_second_matrix_beside_it_describes_nothing(tmp_path: Path, beside: str) -> None:
    error = refuse(tmp_path, "gene\tS1\tS2\nTP53\t1\t2\nMYC\t3\t4\n", "x.tsv", csv=beside)
    assert (error.code, error.file) == ("sidecar_is_matrix", "beside.csv")


@pytest.mark.parametrize(
    "beside",
    ["sample,age\nliver1,30\nbrain1,40\n", "sample,who\nliver1,A\nbrain1,B\n"],
)
def test_tables_of_samples_in_rows_describe_them(tmp_path: Path, beside: str) -> None:
    found = parse(tmp_path, "id,TP53,MYC\nliver1,1,2\nbrain1,3,4\n", csv=beside)
    assert ids(found) == (["TP53", "MYC"], ["liver1", "brain1"])


def test_a_table_of_samples_that_lies_across_is_told_so(tmp_path: Path) -> None:
    beside = "field,S1,S2\ntissue,x,y\nsex,F,M\n"
    error = refuse(tmp_path, "gene,S1,S2\nTP53,1,2\nMYC,3,4\n", csv=beside)
    assert error.code == "sidecar_matches_nothing"
    assert "one column per sample" in error.hint
