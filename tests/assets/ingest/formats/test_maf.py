"""MAF: spellings of columns, what a row says, every fault with its place, and real files."""

from __future__ import annotations

import gzip
import json

import pandas as pd
import pytest

from polly_assets.ingest.formats.base import Source
from polly_assets.ingest.formats.grouping import group_sources
from polly_assets.ingest.formats.maf.reader import MafReader
from polly_assets.ingest.formats.registry import reader_for
from polly_resources.errors import BadInput

ROW = {
    "Hugo_Symbol": "TP53",
    "Entrez_Gene_Id": "7157",
    "NCBI_Build": "GRCh38",
    "Chromosome": "17",
    "Start_Position": "7675088",
    "End_Position": "7675088",
    "Variant_Classification": "Missense_Mutation",
    "Reference_Allele": "C",
    "Tumor_Seq_Allele1": "C",
    "Tumor_Seq_Allele2": "T",
    "dbSNP_RS": "rs28934578",
    "Tumor_Sample_Barcode": "S1",
    "HGVSp_Short": "p.R175H",
    "t_depth": "50",
    "t_ref_count": "30",
    "t_alt_count": "20",
    "FILTER": "PASS",
    "vcf_qual": "99.5",
}


def text(*changes, without=(), **renamed):
    rows = [{**ROW, **change} for change in changes or ({},)]
    names = [name for name in dict.fromkeys(n for row in rows for n in row) if name not in without]
    header = [renamed.get(name, name) for name in names]
    lines = [header, *([row.get(name, "") for name in names] for row in rows)]
    return "".join("\t".join(cells) + "\n" for cells in lines)


@pytest.fixture
def parse(tmp_path):
    def parsed(content, name="x.maf", **beside):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        sidecars = {}
        for key, said in beside.items():
            sidecars[key] = tmp_path / f"x_side.{key}"
            sidecars[key].write_text(said)
        (dataset,) = MafReader().read(Source(path, name, sidecars))
        return dataset

    return parsed


def rows(dataset):
    return [row for table in dataset.variants for row in table.to_pylist()]


def codes(dataset):
    return [notice.code for notice in dataset.notices]


def column(name):
    return list(ROW).index(name) + 1


class TestRows:
    def test_what_a_row_says(self, parse):
        dataset = parse("#version 2.4\n" + text())
        (row,) = rows(dataset)
        assert json.loads(row.pop("metadata")) == ROW
        assert row == {
            "sample_id": "S1", "record_index": 0, "allele_index": 1, "variant_id": "rs28934578",
            "chromosome": "17", "position": 7675088, "end_position": 7675088, "ref": "C",
            "alt": "T", "gene": "TP53", "consequence": "Missense_Mutation",
            "protein_change": "p.R175H", "genotype": None, "copies": 1, "depth": 50,
            "alt_depth": 20, "qual": 99.5, "filters": ["PASS"], "info": None,
        }  # fmt: skip
        assert (dataset.dataset_id, dataset.data_type) == ("x", "Mutations")
        assert dataset.metadata == {"version": "2.4"} and dataset.notices == ()
        assert dataset.matrices == () and dataset.features.height == 0

    def test_other_spellings(self, parse):
        spelt = {"HGVSp_Short": "Protein_Change", "End_Position": "End_position"}
        spelt |= {"Tumor_Sample_Barcode": "TUMOR_SAMPLE_BARCODE", "Chromosome": "chr"}
        (row,) = rows(parse(text(**spelt)))
        assert (row["protein_change"], row["end_position"]) == ("p.R175H", 7675088)
        assert (row["sample_id"], row["chromosome"]) == ("S1", "17")

    @pytest.mark.parametrize(
        ("change", "expected"),
        [
            ({"Tumor_Seq_Allele1": "A", "Tumor_Seq_Allele2": "C"}, ("C", "A", 1)),
            ({"Tumor_Seq_Allele1": "T"}, ("C", "T", 2)),
            ({"Tumor_Seq_Allele2": "-"}, ("C", "-", 1)),
            ({"Reference_Allele": "-", "Tumor_Seq_Allele1": "-"}, ("-", "T", 1)),
            ({"Tumor_Seq_Allele1": ""}, ("C", "T", None)),
            ({"Tumor_Seq_Allele2": ""}, ("C", None, None)),
        ],
    )
    def test_alleles(self, parse, change, expected):
        (row,) = rows(parse(text(change)))
        assert (row["ref"], row["alt"], row["copies"]) == expected

    def test_missing_is_null(self, parse):
        missing = dict.fromkeys(("t_depth", "t_ref_count", "t_alt_count"), ".")
        (row,) = rows(parse(text({**missing, "vcf_qual": "NA", "FILTER": "", "dbSNP_RS": "novel"})))
        names = ("depth", "alt_depth", "qual", "filters", "variant_id")
        assert [row[name] for name in names] == [None] * 5
        assert json.loads(row["metadata"])["t_depth"] == "."

    def test_depth_is_the_sum_where_it_is_not_given(self, parse):
        (row,) = rows(parse(text({"t_depth": ""})))
        assert row["depth"] == 50

    def test_a_gene_by_its_number_only(self, parse):
        (row,) = rows(parse(text(without=["Hugo_Symbol"])))
        assert row["gene"] == "7157"

    def test_the_smallest_maf(self, parse):
        keep = ("Hugo_Symbol", "Tumor_Sample_Barcode", "Variant_Classification", "HGVSp_Short")
        dataset = parse(text(without=[name for name in ROW if name not in keep]))
        assert codes(dataset) == ["no_positions"] and rows(dataset)[0]["position"] is None

    def test_samples_that_were_sequenced_without_a_mutation(self, parse):
        dataset = parse("#sequenced_samples: S0 S1\n" + text())
        assert dataset.samples["sample_id"].to_list() == ["S1", "S0"]

    def test_clinical_tables_are_joined_by_barcode(self, parse):
        table = "age\tTumor_Sample_Barcode\n61\tS1\n50\tS9\n"
        dataset = parse(text({}, {"Tumor_Sample_Barcode": "S2"}), tsv=table)
        assert dataset.samples.to_dicts() == [
            {"sample_id": "S1", "age": "61"},
            {"sample_id": "S2", "age": None},
        ]
        assert "metadata_without_samples" in codes(dataset)

    @pytest.mark.parametrize("end", ["\n", "\r\n"])
    @pytest.mark.parametrize("pack", [bytes, gzip.compress])
    def test_text(self, parse, pack, end):
        content = text({"Hugo_Symbol": '"TP53"'}).replace("\n", end).encode("utf-8-sig")
        assert rows(parse(pack(content)))[0]["gene"] == "TP53"

    @pytest.mark.parametrize(
        ("name", "expected"), [("x.maf.gz", "maf"), ("data_mutations.txt", "maf"), ("x.tsv", "maf")]
    )
    def test_sniffing(self, name, expected):
        assert reader_for(name, b"#version 2.4\n\n" + text().encode()).name == expected
        assert reader_for("x.tsv", b"gene\tS1\n").name == "tsv"

    def test_grouping(self):
        names = ["a/t.maf.gz", "a/t_annot.tsv", "a/t.json", "a/u.csv", "a/u_annot.csv"]
        found = {group.main: dict(group.sidecars) for group in group_sources(names)}
        assert found == {
            "a/t.maf.gz": {"json": "a/t.json", "tsv": "a/t_annot.tsv"},
            "a/u.csv": {},
            "a/u_annot.csv": {},
        }


class TestFaults:
    @pytest.mark.parametrize(
        ("change", "code", "name"),
        [
            ({"Start_Position": "7,675"}, "bad_field", "Start_Position"),
            ({"End_Position": "x"}, "bad_field", "End_Position"),
            ({"Tumor_Sample_Barcode": " "}, "missing_sample_id", "Tumor_Sample_Barcode"),
        ],
    )
    def test_a_row(self, parse, change, code, name):
        with pytest.raises(BadInput) as caught:
            parse("#version 2.4\n" + text({}, change))
        error = caught.value
        assert (error.code, error.place) == (code, f"line 4, column {column(name)}")
        assert error.file == "x.maf" and error.hint and "expected" in error.message

    @pytest.mark.parametrize(
        ("content", "code", "place"),
        [
            (text(without=["Tumor_Sample_Barcode"]), "missing_columns", "line 1"),
            (text(without=["Variant_Classification"]), "missing_columns", "line 1"),
            (text(without=["Hugo_Symbol", "Entrez_Gene_Id"]), "missing_columns", "line 1"),
            (text().replace("\t", " "), "missing_columns", "line 1"),
            ("#version 2.4\n", "no_rows", "line 1"),
            (text() + "TP53\t7157\n", "ragged_row", "line 3, column 2"),
            (text() + "x\t" * 30 + "x\n", "ragged_row", "line 3, column 19"),
        ],
    )
    def test_a_file(self, parse, content, code, place):
        with pytest.raises(BadInput) as caught:
            parse(content)
        assert (caught.value.code, caught.value.place) == (code, place)

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            ({"Variant_Classification": "missense"}, "odd_variant_classification"),
            ({"End_Position": "5"}, "end_before_position"),
            ({"Reference_Allele": "TRUE"}, "odd_allele"),
            ({"Tumor_Seq_Allele2": "C"}, "allele_is_reference"),
            ({"t_depth": "many"}, "value_of_other_type"),
            ({"vcf_qual": "high"}, "value_of_other_type"),
            ({"NCBI_Build": "GRCh37", "Start_Position": "1"}, "several_builds"),
            ({}, "repeated_records"),
        ],
    )
    def test_doubts(self, parse, change, code):
        other = {"Tumor_Sample_Barcode": "S2"} if change else {}
        dataset = parse(text({}, {**other, **change}))
        assert codes(dataset) == [code] and len(rows(dataset)) == 2
        assert dataset.notices[0].place.startswith("line 3")

    def test_no_rows_and_no_protein(self, parse):
        dataset = parse(text(without=["HGVSp_Short"]).split("\n")[0])
        assert codes(dataset) == ["no_protein_change", "no_variants"]


BAD = {
    "mutations__data_mutations_invalid_utf8": "not_utf8",  # its bytes have a meaning in Latin-1
    "mutations__data_mutations_missing_aa_change_column": "no_protein_change",  # may be missing
    "study_various_issues__brca_tcga_pub": "odd_variant_classification",  # kept as it is
}
"""Files of cBioPortal's validator whose rows can all be read: accepted, with a warning."""


class TestRealFiles:
    def test_every_bad_file_is_doubted(self, real_data):
        for stem, code in BAD.items():
            path = real_data / "formats" / "mutation" / "cbio_bad" / f"{stem}.maf"
            (dataset,) = MafReader().read(Source(path, path.name))
            assert codes(dataset) == [code] and rows(dataset)

    @pytest.mark.parametrize(
        "name",
        ["tcga_laml.maf.gz", "vcf2maf_test_b38_output.maf",
         "cbio_study_es_0/data_mutations_extended.maf"],
    )  # fmt: skip
    def test_equal_to_pandas(self, real_data, name):
        path = real_data / "formats" / "mutation" / name
        (dataset,) = MafReader().read(Source(path, path.name))
        wanted = pd.read_csv(path, sep="\t", comment="#", dtype=str, keep_default_na=False)
        found = rows(dataset)
        assert [json.loads(row["metadata"]) for row in found] == [
            {key: value or None for key, value in row.items()} for row in wanted.to_dict("records")
        ]
        lower = wanted.rename(columns=str.lower)
        assert [row["gene"] for row in found] == lower["hugo_symbol"].tolist()
        assert [row["position"] for row in found] == lower["start_position"].astype(int).tolist()
        assert [row["alt"] for row in found] == lower["tumor_seq_allele2"].tolist()
        barcodes = lower["tumor_sample_barcode"].unique().tolist()
        assert dataset.samples["sample_id"].to_list() == barcodes
        assert dataset.notices == ()

    def test_laml_with_its_clinical_table(self, real_data):
        folder = real_data / "formats" / "mutation"
        sidecars = {"tsv": folder / "tcga_laml_annot.tsv"}
        (dataset,) = MafReader().read(
            Source(folder / "tcga_laml.maf.gz", "tcga_laml.maf.gz", sidecars)
        )
        assert dataset.samples.columns[1:] == [
            "FAB_classification", "days_to_last_followup", "Overall_Survival_Status"
        ]  # fmt: skip
        assert dataset.samples.height == 193 and dataset.samples.null_count().row(0) == (0,) * 4
