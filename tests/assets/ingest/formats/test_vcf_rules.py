"""VCF: what the specification or its validators exclude, and a reader can read all the same."""

from __future__ import annotations

from functools import partial

import pytest

from tests.assets.ingest.formats.vcf_texts import FIRST, META, content, doubts, parsed, rows


@pytest.fixture
def parse(tmp_path):
    return partial(parsed, tmp_path / "x.vcf")


class TestRules:
    """What EBI's validator refuses and can be read: kept, and noticed with its place."""

    @pytest.mark.parametrize(
        ("record", "code", "column"),
        [("1:2 10 . A T . . .", "odd_contig undefined_contig", 1),
         ("2 10 . A T . . .", "undefined_contig", 1),
         ("1 10 rs1;rs1 A T . . .", "odd_identifiers", 3),
         ("1 10 rs1; A T . . .", "odd_identifiers", 3),
         ("1 10 . A <FOO> . . .", "undefined_allele", 5),
         ("1 10 . A A . . .", "repeated_allele", 5),
         ("1 10 . A T -1 . .", "odd_quality", 6),
         ("1 10 . A T . q10;q10 .", "odd_filter", 7),
         ("1 10 . A T . *** .", "odd_filter", 7),
         ("1 10 . A T . q99 .", "undefined_key", 7),
         ("1 10 . A T . . AF=1.5", "odd_value", 8),
         ("1 10 . A T . . AF=-0.1", "odd_value", 8),
         ("1 10 . A T . . DP=-1", "odd_value", 8),
         ("1 10 . A T . . AC=1,-2", "value_count_mismatch", 8),
         ("1 10 . A T . . NS=x", "value_of_other_type", 8),
         ("1 10 . A T . . DP", "value_of_other_type", 8),
         ("1 10 . A T . . DP=", "value_of_other_type", 8),
         ("1 10 . A T . . NOTE=", "value_of_other_type", 8),
         ("1 10 . A T . . NOTE=a,,b", "value_of_other_type", 8),
         ("1 10 . A T . . DB=yes", "value_of_other_type", 8),
         ("1 10 . A T . . DP=1.5", "value_of_other_type", 8),
         ("1 10 . A T . . NOTE=a~b", "odd_value", 8),
         ("1 10 . A T . . CIGAR=1Q", "odd_value", 8),
         ("1 10 . A T . . WHAT=1", "undefined_key", 8),
         ("1 10 . A T . . A-B=1", "odd_info_key undefined_key", 8),
         ("1 10 . A T . . END=3", "end_before_position", 8),
         ("1 10 . A T . . . GT:WHAT 0/1:1 0/1:1", "undefined_key", 9),
         ("1 10 . A T . . . GT:1X 0/1:1 0/1:1", "odd_format_key undefined_key", 9),
         ("1 10 . A T . . . GT:DP 0/1: 0/1:1", "value_of_other_type", 10),
         ("1 10 . A T . . . GT:DP 0/1:1 0/1:x", "value_of_other_type", 11),
         ("1 10 . A T . . . GT:AD 0/1:1,2 0/1:1", "value_count_mismatch", 11),
         ("1 10 . A T . . . GT:PL 0/1:1,2,3 0/1:1,2", "value_count_mismatch", 11),
         ("1 10 . A T . . . GT:PL 0:1,2 0:1,2,3", "value_count_mismatch", 11),
         ("1 10 . A T . . . GT:DP 0/1:-3 0/1:1", "odd_value", 10),
         ("1 10 . A T . . . GT:FT 0/1:a~b 0/1:a", "odd_value", 10)],
    )  # fmt: skip
    def test_records(self, parse, record, code, column):
        dataset = parse(content([record]))
        place = f"line {FIRST}, column {column}"
        assert doubts(dataset) == [(each, place) for each in code.split()]
        assert len({row["record_index"] for row in rows(dataset)}) == 1

    @pytest.mark.parametrize(
        "line",
        ['ALT=<ID=FOO,Description="d">', 'ALT=<ID=FOO:BAR,Description="d">', "ALT=<ID=INS>",
         "assembly=reads.fa", "pedigreeDB=nowhere", "contig=<ID=a:b>", "contig=<ID=a b>",
         "contig=<ID=>", 'FILTER=<ID=0,Description="d">', 'FILTER=<ID=a b,Description="d">',
         "FILTER=<ID=x,Description=bare>", 'FILTER=<Description="d",ID=x>',
         'FORMAT=<ID=DP,Number=2,Type=Integer,Description="d">',
         'FORMAT=<ID=GT,Number=1,Type=Integer,Description="d">',
         'INFO=<ID=DP,Number=1,Type=String,Description="d">',
         'INFO=<ID=AC,Number=.,Type=Integer,Description="d">',
         'INFO=<ID=X,Number=-1,Type=Integer,Description="d">',
         'INFO=<ID=X,Number=1,Type=Flag,Description="d">',
         'INFO=<ID=X,Number=0,Type=Integer,Description="d">',
         'INFO=<ID=X,Type=Integer,Number=1,Description="d">',
         'INFO=<ID=X,Number=1,Type=Integer,Description="d",Source=bare>',
         'INFO=<ID=X,Number=1,Type=Integer,Description="d',
         'INFO=<ID=X Y,Number=1,Type=Integer,Description="d">',
         'INFO=ID=X,Number=1,Type=Integer,Description="d"', "PEDIGREE=Child", "META=<ID=>",
         'SAMPLE=<ID=a/b,Description="d">', 'what="no end', "what=<no key>", "=value",
         "fileformat=VCFv4.1"],
    )  # fmt: skip
    def test_meta_lines(self, parse, line):
        """The first of each kind of key counts, so those above are left out where it matters."""
        key = line[: line.find(",")] if "=<ID=" in line else line
        meta = "".join(f"{one}\n" for one in META.splitlines() if f"##{key}," not in f"{one},")
        dataset = parse(content(["1 10 . A T . . ."], meta=f"##{line}\n{meta}"))
        assert doubts(dataset)[0] == ("odd_meta_line", "line 2")
        assert dataset.metadata["fileformat"] == "VCFv4.3"

    @pytest.mark.parametrize(
        "line",
        ['INFO=<ID=X,Number=LA,Type=Integer,Description="d, \\"q\\"",Source="s",Version="1">',
         'FORMAT=<ID=GQ,Number=1,Type=Float,Description="d">', "assembly=https://a.b/c.fa",
         "contig=<ID=chrUn_1,length=3,assembly=B36,species=\"Homo sapiens\">",
         "META=<ID=Assay,Type=String,Number=.,Values=[Whole Genome, Exome]>",
         'SAMPLE=<ID=a,Assay=Exome,Description="d">', "PEDIGREE=<ID=C,Father=F,Mother=M>",
         'GATKCommandLine=<ID=M2,CommandLine="x --y [z]",Version="4">', 'what="quoted"',
         'FILTER=<ID=x,Description="d",IDX=3>', "source=caller \"x\" <y>",
         'ALT=<ID=CNV:TR,Description="d">', 'ALT=<ID=R,Description="IUPAC code R">'],
    )  # fmt: skip
    def test_meta_lines_without_doubt(self, parse, line):
        assert doubts(parse(content(["1 10 . A T . . ."], meta=f"{META}##{line}\n"))) == []

    def test_rules_of_4_3_are_not_those_before(self, parse):
        meta = '##FORMAT=<ID=AD,Number=.,Type=Integer,Description="d">\n'
        assert doubts(parse(content(["1 10 . A T . . ."], "4.2", meta))) == []
        assert doubts(parse(content(["1 10 . A T . . ."], "4.3", meta)))[0][0] == "odd_meta_line"
