"""VCF: every grammar case, every fault with its place, and real files against facts of pysam."""

from __future__ import annotations

import gzip
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polly_assets.ingest.formats import variants as collected
from polly_assets.ingest.formats.base import Source
from polly_assets.ingest.formats.registry import reader_for
from polly_assets.ingest.formats.variants import SCHEMA, Variants
from polly_assets.ingest.formats.vcf.reader import VcfReader
from polly_resources.errors import BadInput

META = """##fileformat=VCFv4.3
##INFO=<ID=DP,Number=1,Type=Integer,Description="Depth">
##INFO=<ID=AF,Number=A,Type=Float,Description="Frequency, of each">
##INFO=<ID=DB,Number=0,Type=Flag,Description="In dbSNP">
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
##FORMAT=<ID=AD,Number=R,Type=Integer,Description="Depths">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Depth">
##contig=<ID=1,length=1000>
"""
COLUMNS = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO"]
RECORD = ["1", "10", "rs1", "A", "T", "50", "PASS", "DP=9"]


def text(*records, samples=(), meta=META, columns=None, formats="GT"):
    header = columns or [*COLUMNS, *(["FORMAT", *samples] if samples else [])]
    lines = ["\t".join(header), *("\t".join(record) for record in records)]
    return meta + "\n".join(lines) + "\n"


def changed(column, value, *more):
    record = list(RECORD)
    record[column] = value
    return [*record, *more]


@pytest.fixture
def parse(tmp_path):
    def parsed(content, name="x.vcf"):
        path = tmp_path / name.rpartition("/")[2]
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        (dataset,) = VcfReader().read(Source(path, name))
        return dataset

    return parsed


def rows(dataset):
    return [row for table in dataset.variants for row in table.to_pylist()]


def codes(dataset):
    return [notice.code for notice in dataset.notices]


def refused(parse, content):
    with pytest.raises(BadInput) as caught:
        parse(content)
    error = caught.value
    assert error.file == "x.vcf" and error.hint and "expected" in error.message
    return error.code, error.place


class TestRows:
    def test_one_row_for_each_allele_and_sample(self, parse):
        record = [*changed(4, "T,<DEL>"), "GT:AD:DP", "0/1:5,4,0:9", "1|2:.:."]
        dataset = parse(text(record, samples=["a", "b"]))
        names = ("sample_id", "allele_index", "alt", "genotype", "copies", "depth", "alt_depth")
        found = [tuple(row[name] for name in names) for row in rows(dataset)]
        assert found == [
            ("a", 1, "T", "0/1", 1, 9, 4),
            ("b", 1, "T", "1|2", 1, None, None),
            ("a", 2, "<DEL>", "0/1", 0, 9, 0),
            ("b", 2, "<DEL>", "1|2", 1, None, None),
        ]
        assert dataset.samples["sample_id"].to_list() == ["a", "b"]
        assert (dataset.data_type, dataset.format, dataset.matrices) == ("Mutations", "vcf", ())
        assert codes(dataset) == []

    def test_the_columns_of_a_record(self, parse):
        record = [
            "chr1",
            "7",
            "rs1;rs2",
            "ACG",
            "A",
            "3.5e1",
            "q10;s50",
            "DP=9;AF=.5;DB",
            "GT",
            "1",
        ]
        (row,) = rows(parse(text(record, samples=["a"])))
        assert (row["chromosome"], row["position"], row["end_position"]) == ("chr1", 7, 9)
        assert (row["variant_id"], row["ref"], row["alt"]) == ("rs1;rs2", "ACG", "A")
        assert (row["qual"], row["filters"]) == (35.0, ["q10", "s50"])
        assert json.loads(row["info"]) == {"DP": 9, "AF": [0.5], "DB": True}
        assert json.loads(row["metadata"]) == {"GT": "1"}
        assert (row["genotype"], row["copies"], row["record_index"]) == ("1", 1, 0)

    def test_missing_is_null(self, parse):
        record = ["1", "1", ".", "A", ".", ".", ".", ".", "GT:DP", "./."]
        (row,) = rows(parse(text(record, samples=["a"])))
        nulls = {name for name, value in row.items() if value is None}
        assert nulls >= {"variant_id", "alt", "qual", "filters", "copies", "depth", "alt_depth"}
        assert (row["allele_index"], row["info"], row["genotype"]) == (0, "{}", "./.")

    def test_sites_only(self, parse):
        dataset = parse(text(RECORD, changed(1, "20")))
        assert [r["sample_id"] for r in rows(dataset)] == [None, None]
        assert rows(dataset)[0]["depth"] == 9 and dataset.samples.height == 0
        assert codes(dataset) == ["no_samples"]

    def test_no_records(self, parse):
        dataset = parse(text(samples=["a"]))
        assert rows(dataset) == [] and codes(dataset) == ["no_variants"]

    @pytest.mark.parametrize(
        ("genotype", "copies"),
        [("0", 0), ("1", 1), ("0/1", 1), ("1|1", 2), ("0/1/1", 2), ("1/1/1/1", 4), (".", None),
         ("./.", None), ("./1", 1), ("|1", 1), (".|.|.", None)],
    )  # fmt: skip
    def test_ploidy_and_phase(self, parse, genotype, copies):
        (row,) = rows(parse(text([*RECORD, "GT", genotype], samples=["a"])))
        assert (row["genotype"], row["copies"]) == (genotype, copies)

    @pytest.mark.parametrize(
        "alt",
        ["*", "<DEL>", "<DUP:TANDEM>", "<*>", "<NON_REF>", "G]17:198982]", "]13:123456]T", "C[2:3[",
         "[17:198983[A", ".A", "A.", "acgtn", "C[<ctg1>:7[", "G[HLA-A*01:01:5["],
    )  # fmt: skip
    def test_alleles(self, parse, alt):
        dataset = parse(text(changed(4, alt)))
        assert [r["alt"] for r in rows(dataset)] == [alt] and codes(dataset) == ["no_samples"]

    def test_ends_of_structural_variants(self, parse):
        records = [
            changed(4, "<DEL>"), changed(4, "<DEL>"), changed(4, "<INS>"), changed(4, "<DEL>")
        ]  # fmt: skip
        texts = ("END=99", "SVLEN=-20", "SVLEN=20", "END=5")
        for position, (record, info) in enumerate(zip(records, texts, strict=True)):
            record[1], record[7] = str(10 + position), info
        dataset = parse(text(*records))
        assert [r["end_position"] for r in rows(dataset)] == [99, 31, 12, 13]
        assert "end_before_position" in codes(dataset)

    def test_depths_of_other_callers(self, parse):
        calls = [("GT:AD:RD", "0/1:7:3"), ("GT:AO", "0/1:6"), ("GT:AD", "0/1:3,8")]
        records = [[*changed(1, str(i)), *call] for i, call in enumerate(calls)]
        found = rows(parse(text(*records, samples=["a"])))
        assert [(r["depth"], r["alt_depth"]) for r in found] == [(None, 7), (None, 6), (11, 8)]

    def test_values_keep_their_digits(self, parse):
        record = changed(7, "AF=0.1500;X=a%3Bb;DP=007;Y=1,2;Z=nan;N=.")
        (row,) = rows(parse(text(record)))
        assert row["info"].startswith('{"AF":[0.1500],"X":"a;b","DP":7,"Y":"1,2"')
        assert json.loads(row["info"])["N"] is None

    def test_metadata_of_the_header(self, parse):
        dataset = parse(text(meta=META + "##reference=GRCh37\n##source=a\n##source=b\n"))
        assert dataset.metadata["reference"] == "GRCh37" and dataset.metadata["source"] == [
            "a",
            "b",
        ]
        assert dataset.metadata["contig"] == [{"ID": "1", "length": "1000"}]
        assert dataset.metadata["INFO"][1]["Description"] == "Frequency, of each"


class TestEffects:
    ANN = "##INFO=<ID=ANN,Number=.,Type=String,Description=\"Annotations: 'Allele | Annotation | Annotation_Impact | Gene_Name | Gene_ID | Feature_Type | Feature_ID | Transcript_BioType | Rank | HGVS.c | HGVS.p'\">\n"  # noqa: E501
    CSQ = '##INFO=<ID=CSQ,Number=.,Type=String,Description="VEP. Format: Allele|Consequence|SYMBOL|HGVSp|PICK">\n'  # noqa: E501

    @pytest.mark.parametrize(
        ("meta", "ref", "alt", "info", "expected"),
        [
            (ANN, "A", "T", "ANN=T|missense_variant|M|TP53|E|t|f|b|1|c.1A>T|p.V1E",
             [("TP53", "missense_variant", "p.V1E")]),
            (ANN, "A", "T,G", "ANN=G|stop|H|MYC|E,T|syn|L|TP53|E",
             [("TP53", "syn", None), ("MYC", "stop", None)]),
            (CSQ, "AC", "A", "CSQ=-|frameshift|TP53|p.X|,-|intron|WRAP53||1",
             [("WRAP53", "intron", None)]),
            (CSQ, "A", "AT", "CSQ=T|inframe|TP53|p.Y|", [("TP53", "inframe", "p.Y")]),
            (CSQ, "A", "T", "CSQ=T|missense|BRAF|ENSP0000049.1:p.V600E|",
             [("BRAF", "missense", "p.V600E")]),
            ("", "A", "T", "GENEINFO=TP53:7157|WRAP53:55135", [("TP53", None, None)]),
            ("", "A", "T", "Gene.refGene=TP53;ExonicFunc.refGene=stopgain",
             [("TP53", "stopgain", None)]),
            ("", "A", "T", "DP=1", [(None, None, None)]),
        ],
    )  # fmt: skip
    def test_gene_consequence_and_protein(self, parse, meta, ref, alt, info, expected):
        record = ["1", "10", ".", ref, alt, ".", ".", info]
        found = rows(parse(text(record, meta=META + meta)))
        assert [(r["gene"], r["consequence"], r["protein_change"]) for r in found] == expected


class TestFaults:
    @pytest.mark.parametrize(
        ("column", "value"),
        [(0, "<1"), (0, "a b"), (0, ""), (1, "."), (1, "-1"), (1, "1e3"), (1, "9" * 19), (2, "r s"),
         (2, ""), (3, "C,A"), (3, "."), (3, ""), (3, "X"), (4, "X"), (4, "A,."), (4, ""), (4, "A,"),
         (4, "<D"), (4, "G]17]"), (5, "high"), (5, ""), (6, "q10;."), (6, ""), (6, "a b"), (7, ""),
         (7, "=1"), (7, "a b=1"), (7, "DP=1;;AF=1")],
    )  # fmt: skip
    def test_a_bad_field(self, parse, column, value):
        content = text(RECORD, changed(column, value))
        place = f"line {META.count(chr(10)) + 3}, column {column + 1}"
        assert refused(parse, content) == ("bad_field", place)

    @pytest.mark.parametrize(
        ("layout", "call", "code", "column"),
        [("GT::GL", "0/1", "bad_field", 9), ("GT:GT", "0/1", "bad_field", 9),
         ("", "", "bad_field", 9),
         ("GT", "1/C", "bad_genotype", 10), ("GT", "0/2", "bad_genotype", 10),
         ("GT", "", "bad_genotype", 10), ("GT", "0/1:3", "bad_genotype", 10),
         ("GT", "0//1", "bad_genotype", 10)],
    )  # fmt: skip
    def test_a_bad_sample(self, parse, layout, call, code, column):
        content = text([*RECORD, layout, call], samples=["a"])
        assert refused(parse, content) == (code, f"line 10, column {column}")

    @pytest.mark.parametrize(
        ("content", "code", "place"),
        [("##fileformat=VCFv3.3\n", "unsupported_version", "line 1"),
         ("##fileformat=\n", "unsupported_version", "line 1"),
         ("#CHROM\tPOS\n", "unsupported_version", "line 1"),
         (META, "missing_header", "line 8"),
         (META + "1\t2\n", "missing_header", "line 9"),
         (META + "\t".join(COLUMNS[:7]), "bad_header", "line 9, column 8"),
         (META + " ".join(COLUMNS), "bad_header", "line 9, column 1"),
         (text(columns=["#CHROM", "POSITION", *COLUMNS[2:]]), "bad_header", "line 9, column 2"),
         (text(columns=[*COLUMNS, "S1"]), "bad_header", "line 9, column 9"),
         (text(RECORD[:7]), "ragged_row", "line 10, column 7"),
         (text(RECORD, COLUMNS), "header_repeated", "line 11, column 1"),
         (text(RECORD) + META, "header_repeated", "line 11, column 1")],
    )  # fmt: skip
    def test_a_bad_file(self, parse, content, code, place):
        assert refused(parse, content) == (code, place)

    @pytest.mark.parametrize(
        ("content", "hint"),
        [(META + ",".join(COLUMNS), "with tabs"),
         ("<html>", "is a VCF"),
         ("##fileformat=VCFv3.3\n", "vcf-convert"),
         (text(changed(1, "1e5")), "no 1e5"),
         (text(changed(3, "-")), "the base before it"),
         (text(changed(5, "")), "written as a point"),
         (text(changed(7, "DP=1; AF=1")), "without spaces"),
         (text([*RECORD, "GT:DP", "0/1:1:2"], samples=["a"]), "order of FORMAT"),
         (text(["\t".join(RECORD).replace("\t", " ")]), "spaces in place of tabs")],
    )  # fmt: skip
    def test_what_to_do(self, parse, content, hint):
        with pytest.raises(BadInput) as caught:
            parse(content)
        assert hint in caught.value.hint

    def test_samples_are_named_once(self, parse):
        for samples, code in (
            (["a", "a"], "duplicate_sample_ids"),
            (["a", ""], "missing_sample_id"),
        ):
            with pytest.raises(BadInput) as caught:
                parse(text(samples=samples))
            assert (caught.value.code, caught.value.place) == (code, "line 9, column 11")

    def test_damage(self, parse):
        packed = gzip.compress(text(*[RECORD] * 3000).encode())
        for content, code in ((b"", "empty_file"), (packed[:-20], "corrupt_gzip")):
            with pytest.raises(BadInput) as caught:
                parse(content)
            assert caught.value.code == code
        with pytest.raises(BadInput) as caught:
            parse(text(changed(2, "a\0b")))
        assert (caught.value.code, caught.value.place) == ("binary_content", "line 10, character 7")

    def test_an_error_after_many_rows_leaves_nothing(self, parse, monkeypatch):
        monkeypatch.setattr(collected, "PIECE_ROWS", 2)
        records = [changed(1, str(i)) for i in range(20)]
        assert refused(parse, text(*records, changed(1, "x")))[0] == "bad_field"


class TestDoubts:
    @pytest.mark.parametrize(
        ("records", "code"),
        [([changed(1, "20"), RECORD], "records_unordered"),
         ([RECORD, changed(0, "2"), changed(1, "30")], "records_unordered"),
         ([RECORD, RECORD], "repeated_records"),
         ([changed(4, "R")], "ambiguous_bases"), ([changed(3, "M")], "ambiguous_bases"),
         ([changed(4, "T,T")], "repeated_allele"), ([changed(4, "A")], "repeated_allele"),
         ([changed(6, "PASS;q10")], "odd_filter"), ([changed(6, "0")], "odd_filter"),
         ([changed(7, "AF=1,2")], "value_count_mismatch"),
         ([changed(7, "DP=x")], "value_of_other_type"),
         ([changed(7, "DP=1;DP=2")], "repeated_info"),
         ([changed(7, "9x=1")], "odd_info_key undefined_key")],
    )  # fmt: skip
    def test_records_are_kept_and_noticed(self, parse, records, code):
        meta = META.replace("contig=<ID=1,length=1000>", "source=caller")
        dataset = parse(text(*records, meta=meta))
        assert codes(dataset) == [*code.split(), "no_samples"]
        assert dataset.notices[0].place.startswith("line 1")
        assert len({r["record_index"] for r in rows(dataset)}) == len(records)

    def test_doubts_of_one_kind_are_told_once(self, parse):
        dataset = parse(text(*[changed(1, str(i)) for i in (9, 8, 7, 6)]))
        (notice, _) = dataset.notices
        assert notice.message == "position 8 comes after 9; 2 more of this kind"

    @pytest.mark.parametrize(
        "line",
        ["Some plain text", "assembly=", "contig=<length=1>", "contig=1", "SAMPLE=<Assay=W>",
         'INFO=<ID=X,Number=N,Type=Integer,Description="">', "INFO=<ID=X>",
         'INFO=<ID=X,Number=1,Type=Int,Description="">', "FILTER=<ID=q>",
         'FORMAT=<ID=X,Number=0,Type=Flag,Description="">', "PEDIGREE=<ID=P,Mother=A B>",
         "META=<ID=A,Number=N,Type=Integer,Values=[a, b]>", 'FILTER=<ID="unended>',
         'INFO=<ID=DP,Number=1,Type=Integer,Description="again">'],
    )  # fmt: skip
    def test_odd_meta_lines(self, parse, line):
        dataset = parse(text(RECORD, meta=META + f"##{line}\n"))
        assert codes(dataset) == ["odd_meta_line", "no_samples"]
        assert dataset.notices[0].place == "line 9"
        kept = dataset.metadata.get(line.partition("=")[0]) or dataset.metadata.get("comments")
        assert kept is not None or line == "assembly="

    def test_a_wrong_count_gives_no_depth(self, parse):
        dataset = parse(text([*RECORD, "GT:AD", "0/1:1,2,3"], samples=["a"]))
        assert codes(dataset) == ["value_count_mismatch"]
        assert (
            rows(dataset)[0]["alt_depth"] is None and '"AD":[1,2,3]' in rows(dataset)[0]["metadata"]
        )

    def test_no_line_end_at_the_end(self, parse):
        assert codes(parse(text(RECORD)[:-1])) == ["no_final_line_end", "no_samples"]


class TestText:
    @pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gz"])
    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["lf", "crlf", "cr"])
    @pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["", "bom"])
    def test_line_ends_and_packing(self, parse, pack, end, mark):
        content = text([*RECORD, "GT", "0/1"], samples=["é"])
        dataset = parse(pack(mark + content.replace("\n", end).encode()))
        assert dataset.samples["sample_id"].to_list() == ["é"] and dataset.notices == ()
        assert len(rows(dataset)) == 1

    def test_damage_that_only_a_checksum_shows(self, parse):
        good = text(*[[*RECORD, "GT", "0/1"]] * 50, samples=["S1"]).encode()
        packed = bytearray(gzip.compress(good, compresslevel=0))
        packed[packed.rindex(b"GT\t0/1") + 2] = ord(" ")
        with pytest.raises(BadInput) as caught:
            parse(bytes(packed))
        assert caught.value.code == "corrupt_gzip"

    @pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
    @pytest.mark.parametrize("pack", [bytes, gzip.compress])
    def test_utf_16(self, parse, pack, codec):
        content = text([*RECORD, "GT", "0/1"], samples=["é"]).replace("\n", "\r\n")
        data = f"\ufeff{content}".encode(codec)
        assert VcfReader().sniff("x.txt", data[:4096])
        dataset = parse(pack(data))
        assert dataset.samples["sample_id"].to_list() == ["é"] and codes(dataset) == ["not_utf8"]
        assert [row["genotype"] for row in rows(dataset)] == ["0/1"]

    def test_latin_1(self, parse):
        dataset = parse(text([*RECORD, "GT", "0/1"], samples=["é"]).encode("latin-1"))
        assert dataset.samples["sample_id"].to_list() == ["é"] and codes(dataset) == ["not_utf8"]
        assert dataset.notices[0].place == "line 9"

    def test_bgzip(self, parse):
        def block(data):
            packed = gzip.compress(data, mtime=0)
            size = (len(packed) + 8 - 1).to_bytes(2, "little")
            return packed[:3] + b"\x04" + packed[4:10] + b"\x06\0BC\x02\0" + size + packed[10:]

        end = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
        content = text(RECORD, changed(1, "20")).encode()
        pieces = block(content[:300]) + block(content[300:])
        assert codes(parse(pieces + end, "x.vcf.gz")) == ["no_samples"]
        dataset = parse(pieces, "x.vcf.gz")
        assert codes(dataset) == ["bgzip_cut_short", "no_samples"] and len(rows(dataset)) == 2

    def test_sniffing(self):
        assert reader_for("x.vcf.gz", b"##fileformat=VCFv4.1\n").name == "vcf"
        assert reader_for("x.txt", b"##fileformat=VCFv4.1\n").name in ("tsv", "vcf")
        assert reader_for("calls", b"##fileformat=VCFv4.2\n").name == "vcf"
        assert reader_for("x.bcf", b"BCF\2\2\0").name == "vcf"

    def test_bcf_is_refused_with_the_way_out(self, parse):
        for content in (b"BCF\2\2\0", gzip.compress(b"BCF\2\2\0")):
            with pytest.raises(BadInput) as caught:
                parse(content, "x.bcf")
            assert caught.value.code == "bcf_not_read" and "bcftools view" in caught.value.hint


class TestCollected:
    ROW = ("s", 0, 1, None, "1", 5, 5, "A", "T", None, None, None, "0/1", 1, 3, 2, 1.5, ["PASS"])

    @settings(deadline=None, max_examples=30)
    @given(st.integers(0, 50), st.integers(1, 20))
    def test_rows_come_back_in_order_again_and_again(self, count, piece):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(collected, "PIECE_ROWS", piece)
            patch.setattr(collected, "_MEMORY_BYTES", 100)
            rows = Variants()
            for index in range(count):
                rows.append(("s", index, *self.ROW[2:], "{}", "{}"))
            rows.done()
        for _ in range(2):
            tables = list(rows)
            found = [i for table in tables for i in table["record_index"].to_pylist()]
            assert found == list(range(count)) and rows.rows == count
            assert all(table.schema == SCHEMA and table.num_rows <= piece for table in tables)


REFUSED = {
    "body_chrom": ("bad_field", "line 4, column 1"),
    "body_filter": ("bad_field", "line 4, column 7"),
    "body_format": ("bad_field", "line 4, column 9"),
    "body_id": ("bad_field", "line 4, column 3"),
    "body_pos": ("bad_field", "line 4, column 2"),
    "body_qual": ("bad_field", "line 4, column 6"),
    "body_ref": ("bad_field", "line 4, column 4"),
    "body_sample": ("bad_genotype", "line 4, column 10"),
    "fileformat": ("unsupported_version", "line 1"),
    "header": ("bad_header", "line 2, column 2"),
}
"""A field that the row is made of, or the frame of the file, cannot be read."""

DOUBTED = {
    "body_alt": ("ambiguous_bases", "line 4, column 5"),  # ClinVar and dbSNP have such alleles
    "body_contiguous": ("records_unordered", "line 9, column 1"),  # order carries no meaning here
    "body_duplicated": ("repeated_records", "line 5"),  # nothing says which of both is wrong
    "body_info": ("value_count_mismatch", "line 4, column 8"),  # both values are kept
    "body_no_newline": ("no_final_line_end", ""),  # its last line is complete
    "body_samples_ploidy": ("value_count_mismatch", "line 4, column 10"),  # kept, used nowhere
    "body_unsorted": ("records_unordered", "line 8, column 2"),  # order carries no meaning here
    "meta": ("odd_meta_line", "line 3"),  # no record depends on a meta line
    "meta_assembly": ("odd_meta_line", "line 3"),
    "meta_contig": ("odd_meta_line", "line 3"),
    "meta_format": ("odd_meta_line", "line 3"),
    "meta_info": ("odd_meta_line", "line 3"),
    "meta_meta": ("odd_meta_line", "line 3"),
    "meta_pedigree": ("odd_meta_line", "line 3"),
    "meta_pedigreedb": ("odd_meta_line", "line 3"),
    "meta_sample": ("odd_meta_line", "line 3"),
}
"""Every record can be read all the same: accepted, with a recorded warning."""


class TestRealFiles:
    def test_every_file_of_the_validator_is_refused_or_doubted(self, real_data):
        """Which fault each file has is stated in its own `CauseOfFailure`."""
        folder = real_data / "formats" / "mutation" / "vcf43" / "failed"
        seen = set()
        for path in sorted(folder.glob("*.vcf")):
            kind = path.stem.removeprefix("failed_").rpartition("_")[0]
            seen.add(kind)
            if kind in REFUSED:
                with pytest.raises(BadInput) as caught:
                    list(VcfReader().read(Source(path, path.name)))
                assert (caught.value.code, caught.value.place) == REFUSED[kind], kind
            else:
                (dataset,) = VcfReader().read(Source(path, path.name))
                assert DOUBTED[kind] in {(n.code, n.place) for n in dataset.notices}, kind
                assert rows(dataset)
        assert seen == REFUSED.keys() | DOUBTED.keys()

    @pytest.mark.parametrize(
        ("name", "samples", "records", "alleles", "copies"),
        [
            ("vcf43/passed/complexfile_passed_000.vcf", 100, 27, 29, 294),
            ("vcf43/passed/passed_body_info.vcf", 2, 51, 55, 52),
            ("vcf43/passed/passed_body_samples.vcf", 2, 7, 9, 10),
            ("vcf2maf_test_b38.vcf", 2, 25, 25, 25),
            ("vcf2maf_test_mutect.vcf", 2, 500, 500, 500),
        ],
    )
    def test_good_files(self, real_data, name, samples, records, alleles, copies):
        """Counts of samples, records, alleles and called ALT copies are those of pysam 0.24."""
        path = real_data / "formats" / "mutation" / name
        (dataset,) = VcfReader().read(Source(path, path.name))
        found = rows(dataset)
        assert dataset.samples.height == samples
        assert len({r["record_index"] for r in found}) == records
        assert len({(r["record_index"], r["allele_index"]) for r in found}) == alleles
        assert sum(r["copies"] or 0 for r in found) == copies
