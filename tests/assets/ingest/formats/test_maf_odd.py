"""MAF's odd cases: what spreadsheets, R and joined files make of it, and columns of all sources.

That cells are what pandas reads (`dtype=str`) is asserted in each case that can be read.
"""

from __future__ import annotations

import io
import json

import pandas as pd
import pytest

from polly_assets.ingest.formats import tabbed
from polly_assets.ingest.formats.base import Source
from polly_assets.ingest.formats.maf.reader import MafReader
from polly_resources.errors import BadInput

ROW = {
    "Hugo_Symbol": "TP53", "Entrez_Gene_Id": "7157", "NCBI_Build": "GRCh38", "Chromosome": "17",
    "Start_Position": "100000", "End_Position": "100000",
    "Variant_Classification": "Missense_Mutation", "Reference_Allele": "C",
    "Tumor_Seq_Allele1": "C", "Tumor_Seq_Allele2": "T", "Tumor_Sample_Barcode": "S1",
    "HGVSp_Short": "p.R1H", "t_depth": "50", "t_ref_count": "30", "t_alt_count": "20",
}  # fmt: skip


def text(*changes, **renamed):
    rows = [{**ROW, **change} for change in changes or ({},)]
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = [[renamed.get(name, name) for name in names]]
    lines += [[row.get(name, "") for name in names] for row in rows]
    return "".join("\t".join(cells) + "\n" for cells in lines)


PLAIN = text()
BODY = PLAIN.split("\n")[1] + "\n"


@pytest.fixture
def parse(tmp_path):
    def parsed(content):
        path = tmp_path / "x.maf"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        (dataset,) = MafReader().read(Source(path, "x.maf"))
        return dataset

    return parsed


def rows(dataset):
    return [row for table in dataset.variants for row in table.to_pylist()]


def doubts(dataset):
    return [(notice.code, notice.place) for notice in dataset.notices]


def cells(content):
    frame = pd.read_csv(
        io.StringIO(content), sep="\t", dtype=str, comment="#", keep_default_na=False
    )
    return [{k: v or None for k, v in row.items()} for row in frame.to_dict("records")]


class TestGood:
    @pytest.mark.parametrize(
        "content",
        [PLAIN, "#version gdc-1.0.0\n#filedate 20190101\n" + PLAIN, PLAIN + "#end\n",
         PLAIN + "\n\n" + BODY.replace("S1", "S2"), PLAIN.replace("\n", "\t\n").replace("x", "x"),
         text({"Start_Position": "100000.0"}), text({"dbSNP_RS": "novel", "FILTER": "oxog,q;PASS"}),
         text({"Hugo_Symbol": 'a"b\\c\u2028é'}), text({"Hugo_Symbol": "1-Mar"}),
         text({"n_depth": "9", "Matched_Norm_Sample_Barcode": "N1", "SWISSPROT": "P1"}),
         text({"ASCN.CLONAL": "Clonal", "cbp_driver": "Putative_Driver"}),
         text({"Variant_Classification": "Splice_Region", "Mutation_Status": "Somatic"})],
    )  # fmt: skip
    def test_every_cell_is_that_of_pandas(self, parse, content):
        dataset = parse(content)
        wanted = cells(content.replace("\t\n", "\n"))
        assert [json.loads(row["metadata"]) for row in rows(dataset)] == wanted
        assert doubts(dataset) == []
        assert [row["position"] for row in rows(dataset)] == [100000] * len(wanted)

    @pytest.mark.parametrize("end", ["\r\n", "\r"])
    def test_line_ends(self, parse, end):
        assert rows(parse(PLAIN.replace("\n", end))) == rows(parse(PLAIN))

    def test_quotes_around_every_cell(self, parse):
        quoted = "".join(
            "\t".join(f'"{cell}"' for cell in line.split("\t")) + "\n"
            for line in PLAIN.splitlines()
        )
        assert rows(parse(quoted)) == rows(parse(PLAIN))

    @pytest.mark.parametrize(
        ("change", "expected"),
        [({"Reference_Allele": "-", "Tumor_Seq_Allele1": "-", "Tumor_Seq_Allele2": "AT"},
          ("-", "AT", 1)),
         ({"Reference_Allele": "AT", "Tumor_Seq_Allele1": "-", "Tumor_Seq_Allele2": "-"},
          ("AT", "-", 2)),
         ({"Reference_Allele": "", "Tumor_Seq_Allele1": "", "Tumor_Seq_Allele2": ""},
          (None, None, None)),
         ({"Tumor_Seq_Allele1": "G"}, ("C", "T", 1)),
         ({"Tumor_Seq_Allele1": "T", "Tumor_Seq_Allele2": ""}, ("C", "T", None))],
    )  # fmt: skip
    def test_alleles(self, parse, change, expected):
        (row,) = rows(parse(text(change)))
        assert (row["ref"], row["alt"], row["copies"]) == expected

    def test_columns_given_twice_are_both_kept(self, parse):
        (row,) = rows(parse(text(t_ref_count="t_depth")))
        assert json.loads(row["metadata"])["t_depth.1"] == "30" and row["depth"] == 50

    def test_many_pieces(self, parse, monkeypatch):
        monkeypatch.setattr(tabbed, "PIECE_ROWS", 7)
        changes = [{"Start_Position": str(i), "End_Position": str(i)} for i in range(1, 51)]
        dataset = parse(text(*changes, {"Start_Position": "3", "End_Position": "3"}))
        assert [row["position"] for row in rows(dataset)] == [*range(1, 51), 3]
        assert [row["record_index"] for row in rows(dataset)] == list(range(51))
        assert doubts(dataset) == [("repeated_records", "line 52")]
        assert "those of line 4" in dataset.notices[0].message

    def test_latin_1(self, parse):
        dataset = parse(text({"Hugo_Symbol": "é"}).encode("latin-1"))
        assert rows(dataset)[0]["gene"] == "é" and doubts(dataset) == [("not_utf8", "line 2")]


class TestDoubts:
    @pytest.mark.parametrize(
        ("change", "code", "column"),
        [({"Start_Position": "1e+05"}, "rounded_position", 5),
         ({"End_Position": "1.5E6"}, "rounded_position", 6),
         ({"Entrez_Gene_Id": "TP53"}, "odd_gene_number", 2),
         ({"Variant_Classification": ""}, "odd_variant_classification", 7),
         ({"Reference_Allele": "c/t"}, "odd_allele", 8),
         ({"Tumor_Seq_Allele2": "T,G"}, "odd_allele", 10),
         ({"t_alt_count": "-1"}, "value_of_other_type", 15)],
    )  # fmt: skip
    def test_rows_are_kept(self, parse, change, code, column):
        dataset = parse(text({"Chromosome": "1"}, change))
        assert doubts(dataset) == [(code, f"line 3, column {column}")]
        assert len(rows(dataset)) == 2 and rows(dataset)[1]["position"] == 100000


class TestFaults:
    @pytest.mark.parametrize(
        ("content", "code", "place"),
        [(text({}, {"Start_Position": "1.5e0"}), "bad_field", "line 3, column 5"),
         (text({}, {"Start_Position": "-5"}), "bad_field", "line 3, column 5"),
         (text({}, {"Start_Position": "9" * 30}), "bad_field", "line 3, column 5"),
         (text({}, {"Start_Position": "1e+99"}), "bad_field", "line 3, column 5"),
         (text({}, {"End_Position": "17:5"}), "bad_field", "line 3, column 6"),
         (text({}, {"Tumor_Sample_Barcode": "NA"}), "missing_sample_id", "line 3, column 11"),
         (PLAIN + PLAIN, "header_repeated", "line 3"),
         (PLAIN + "TP53\n" + text({"Start_Position": "x"}), "ragged_row", "line 3, column 1"),
         (text({"Start_Position": "x"}) + "TP53\n", "bad_field", "line 2, column 5"),
         (PLAIN[:-1] + "\tmore\n", "ragged_row", "line 2, column 16"),
         (BODY, "missing_columns", "line 1"),
         (PLAIN.replace("\t", ","), "missing_columns", "line 1"),
         ("\t".join(["Tumor_Sample_Barcode", "Hugo_Symbol", *["x"] * 10_000]) + "\n",
          "too_many_columns", "line 1"),
         (PLAIN.encode("utf-16-le"), "binary_content", "line 1, byte 2"),
         (text({"Hugo_Symbol": "a\0b"}), "binary_content", "line 2, byte 2"),
         ("", "empty_file", ""), ("\n\n", "no_rows", "line 2")],
    )  # fmt: skip
    def test_one_error(self, parse, content, code, place):
        with pytest.raises(BadInput) as caught:
            parse(content)
        error = caught.value
        assert (error.code, error.place, error.file) == (code, place, "x.maf") and error.hint


def test_damage_far_from_the_beginning_is_left_to_the_reader() -> None:
    head = PLAIN.encode()
    assert MafReader().sniff("x.maf", head + b"\0") and not MafReader().sniff("x.maf", b"\0" + head)


class TestUtf16:
    @pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
    def test_with_its_mark(self, parse, codec):
        content = text({"Hugo_Symbol": "é"}).replace("\n", "\r\n")
        data = f"\ufeff{content}".encode(codec)
        assert MafReader().sniff("x.txt", data[:4096])
        dataset = parse(data)
        assert rows(dataset)[0]["gene"] == "é"
        assert [notice.code for notice in dataset.notices] == ["not_utf8"]


@pytest.mark.parametrize("separator", [",", ";", " "])
def test_other_separators(parse, separator):
    with pytest.raises(BadInput) as caught:
        parse(PLAIN.replace("\t", separator))
    assert caught.value.code == "missing_columns" and "separated by tabs" in caught.value.hint
    assert "expected one called Tumor_Sample_Barcode" in caught.value.message
