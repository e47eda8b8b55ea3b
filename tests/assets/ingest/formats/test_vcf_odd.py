"""VCF's odd cases: real-life records, each rule of the specification, and sizes out of the usual.

The rows of `ODD` were compared with pysam 0.24 (htslib 1.24): alleles, copies called, `DP` and the
ALT's part of `AD` of each sample are equal. Ours say more in three places: a depth that only `AD`
gives is its sum, the end of a structural variant is its own allele's, and GT is read wherever it
stands (htslib reads none where it is not first).
"""

from __future__ import annotations

import json
import math
from functools import partial

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from polly_assets.ingest.formats import variants as collected
from polly_assets.ingest.formats.base import Source
from polly_assets.ingest.formats.vcf import record as vcf_record
from polly_assets.ingest.formats.vcf.reader import VcfReader
from polly_resources.errors import BadInput
from tests.assets.ingest.formats.vcf_texts import (
    COLUMNS,
    FIRST,
    META,
    content,
    doubts,
    parsed,
    rows,
)


@pytest.fixture
def parse(tmp_path):
    return partial(parsed, tmp_path / "x.vcf")


def shown(row):
    names = ("alt", "end_position", "copies", "depth", "alt_depth")
    return " ".join("." if row[name] is None else str(row[name]) for name in names)


ODD = [
    (
        "multi_allelic",
        "4.3",
        ["1 10 rs1 A C,G,T 9.5 q10;s50 AC=1,2,3;AF=.1,.2,.3 GT:AD 1/2:1,2,3,4 0/3:5,6,7,8"],
        ["C 10 1 10 2", "C 10 0 26 6", "G 10 1 10 3", "G 10 0 26 7", "T 10 0 10 4", "T 10 1 26 8"],
        [],
    ),
    (
        "symbolic",
        "4.3",
        ["1 10 . N <DEL> . PASS SVTYPE=DEL;END=400;SVLEN=-390 GT 0/1 1/1"],
        ["<DEL> 400 1 . .", "<DEL> 400 2 . ."],
        [],
    ),
    (
        "tandem",
        "4.4",
        ["1 10 . A <CNV:TR>,<DUP:TANDEM> . . SVLEN=30,40"],
        ["<CNV:TR> 40 . . .", "<DUP:TANDEM> 50 . . ."],
        [],
    ),
    (
        "breakends",
        "4.3",
        [
            "1 10 b1 G G]1:400] 6 PASS SVTYPE=BND",
            "1 400 b2 T ]1:10]T 6 PASS SVTYPE=BND",
            "1 500 b3 A [1:600[A . . .",
            "1 600 b4 A A. . . .",
            "1 700 b5 A .A . . .",
        ],
        [
            "G]1:400] 10 . . .",
            "]1:10]T 400 . . .",
            "[1:600[A 500 . . .",
            "A. 600 . . .",
            ".A 700 . . .",
        ],
        [],
    ),
    (
        "overlapping_star",
        "4.3",
        ["1 10 . AT A,* 5 . AC=1,1 GT 1/2 0/2"],
        ["A 11 1 . .", "A 11 0 . .", "* 11 1 . .", "* 11 1 . ."],
        [],
    ),
    (
        "gvcf",
        "4.3",
        [
            "1 10 . A <NON_REF> . . END=90 GT:DP:PL 0/0:30:0,90,900 0/0:2:0,6,60",
            "1 91 . C T,<NON_REF> 40 . DP=9 GT:AD:DP 0/1:4,5,0:9 0/0:9,0,0:9",
        ],
        [
            "<NON_REF> 90 0 30 .",
            "<NON_REF> 90 0 2 .",
            "T 91 1 9 5",
            "T 91 0 9 0",
            "<NON_REF> 91 0 9 0",
            "<NON_REF> 91 0 9 0",
        ],
        [],
    ),
    (
        "haploid_and_missing",
        "4.3",
        ["1 10 . A T 1 PASS . GT 1 ."],
        ["T 10 1 . .", "T 10 . . ."],
        [],
    ),
    (
        "polyploid",
        "4.3",
        ["1 10 . A T,G 1 PASS . GT 0/1/2/2 1|1|0|."],
        ["T 10 1 . .", "T 10 2 . .", "G 10 2 . .", "G 10 0 . ."],
        [],
    ),
    ("half_missing", "4.3", ["1 10 . A T 1 PASS . GT ./1 0|."], ["T 10 1 . .", "T 10 0 . ."], []),
    ("phase_prefix", "4.4", ["1 10 . A T 1 PASS . GT /0|1 |1/1"], ["T 10 1 . .", "T 10 2 . ."], []),
    (
        "trailing_dropped",
        "4.3",
        ["1 10 . A T 1 PASS . GT:AD:DP:PL 0/1:3,4 0/0"],
        ["T 10 1 . 4", "T 10 0 . ."],
        [],
    ),
    (
        "all_missing_cell",
        "4.3",
        ["1 10 . A T 1 PASS . GT:AD:DP . 0/1:.:8"],
        ["T 10 . . .", "T 10 1 8 ."],
        [],
    ),
    (
        "gt_not_first",
        "4.3",
        ["1 10 . A T 1 PASS . DP:GT 8:0/1 9:1/1"],
        ["T 10 1 8 .", "T 10 2 9 ."],
        ["genotype_not_first"],
    ),
    ("no_gt", "4.3", ["1 10 . A T 1 PASS . DP:AD 8:3,5 9:9,0"], ["T 10 . 8 5", "T 10 . 9 0"], []),
    ("format_only", "4.3", ["1 10 . A T 1 PASS . DP 8 ."], ["T 10 . 8 .", "T 10 . . ."], []),
    (
        "local_alleles",
        "4.5",
        ["1 10 . A C,G,T 1 PASS . GT:LAA:LAD 0/3:3:5,6 1/2:1,2:1,2,3"],
        ["C 10 0 . .", "C 10 1 . .", "G 10 0 . .", "G 10 1 . .", "T 10 1 . .", "T 10 0 . ."],
        [],
    ),
    ("pos_zero", "4.3", ["1 0 . N <DEL> . . END=1"], ["<DEL> 1 . . ."], []),
    ("lower_case", "4.3", ["1 10 . acgt a . . ."], ["a 13 . . ."], []),
    ("n_bases", "4.3", ["1 10 . NNN N . . ."], ["N 12 . . ."], []),
    ("percent", "4.3", ["1 10 . A T . . NOTE=a%3Bb%2Cc%25"], ["T 10 . . ."], []),
    (
        "flag_with_value",
        "4.3",
        ["1 10 . A T . . DB=1;DP=4"],
        ["T 10 . 4 ."],
        ["value_of_other_type"],
    ),
    ("scientific", "4.3", ["1 10 . A T 1.5e-3 . AF=1e-05;DP=4"], ["T 10 . 4 ."], []),
    ("inf_qual", "4.3", ["1 10 . A T inf . DP=4"], ["T 10 . 4 ."], []),
    ("missing_info_value", "4.3", ["1 10 . A T . . DP=.;AF=."], ["T 10 . . ."], []),
    ("info_trailing_semicolon", "4.3", ["1 10 . A T . . DP=3;"], ["T 10 . 3 ."], []),
    ("hla_contig", "4.3", ["HLA-A*01:01 10 . A T . . DP=3"], ["T 10 . 3 ."], []),
    ("several_ids", "4.3", ["1 10 rs1;rs2 A T . . DP=3"], ["T 10 . 3 ."], []),
    (
        "phased_set",
        "4.3",
        ["1 10 . A T 1 PASS . GT:PS:FT 0|1:10:PASS 1|0:.:q10"],
        ["T 10 1 . .", "T 10 1 . ."],
        [],
    ),
    (
        "unknown_keys",
        "4.3",
        ["1 10 . A T 1 x9 XX=1,2;YY GT:ZZ 0|1:q 1|0:7"],
        ["T 10 1 . .", "T 10 1 . ."],
        ["undefined_key"],
    ),
    (
        "unsorted",
        "4.3",
        ["1 50 . A T 1 PASS .", "1 10 . A T 1 PASS ."],
        ["T 50 . . .", "T 10 . . ."],
        ["records_unordered"],
    ),
    (
        "big_numbers",
        "4.3",
        ["1 999999999 . A T 1 PASS DP=2147483647"],
        ["T 999999999 . 2147483647 ."],
        [],
    ),
    ("quality_zero", "4.3", ["1 10 . A T 0 PASS ."], ["T 10 . . ."], []),
    ("sample_names", "4.3", ["1 10 . A T 1 PASS . GT 0/1 1/1"], ["T 10 1 . .", "T 10 2 . ."], []),
]
"""Name, version, records; then alt, end, copies, depth and ALT depth of each row; then notices."""


class TestRecords:
    @pytest.mark.parametrize(
        ("version", "records", "expected", "codes"),
        [case[1:] for case in ODD],
        ids=[case[0] for case in ODD],
    )
    def test_odd_records(self, parse, version, records, expected, codes):
        dataset = parse(content(records, version))
        assert [shown(row) for row in rows(dataset)] == expected
        assert [code for code, _ in doubts(dataset)] == codes

    def test_values_as_pysam_has_them(self, parse):
        records = ["1 10 a;b A T 1.5e-3 q10;s50 AF=1e-05;DB;NOTE=a%3Bb,c%25%zz"]
        (row,) = rows(parse(content(records)))
        assert (row["variant_id"], row["qual"], row["filters"]) == ("a;b", 0.0015, ["q10", "s50"])
        assert row["info"] == '{"AF":[1e-05],"DB":true,"NOTE":["a;b","c%%zz"]}'
        (row,) = rows(parse(content(["1 10 . A T inf . NOTE=a%3Bb"], "4.2")))
        assert row["qual"] == math.inf and json.loads(row["info"]) == {"NOTE": ["a%3Bb"]}

    def test_numbers_that_json_cannot_hold_are_text(self, parse):
        long, wide = "1" * 5000, "+1e999"
        records = [f"1 10 . A T . . DP={long};AF={wide}", "1 11 . A T . . DP=\u0663;AF=nan"]
        first, second = (json.loads(row["info"]) for row in rows(parse(content(records))))
        assert first == {"DP": long, "AF": [wide]} and second == {"DP": "\u0663", "AF": ["nan"]}

    def test_no_samples_with_a_format_column(self, parse):
        text = content(["1 10 . A T . . DP=3 GT"], samples=())
        assert [shown(row) for row in rows(parse(text))] == ["T 10 . 3 ."]

    def test_an_unknown_ploidy_wants_no_count(self, parse):
        assert doubts(parse(content(["1 10 . A T . . . GT:PL .:1,2,3 1:1,2"]))) == []

    def test_somatic_pairs_with_effects(self, parse):
        meta = META + (
            '##INFO=<ID=CSQ,Number=.,Type=String,Description="Consequences from VEP. Format: '
            'Allele|Consequence|SYMBOL|HGVSp|ALLELE_NUM">\n'
        )
        effects = "CSQ=T|missense_variant|TP53|p.V1E|2,-|frameshift_variant|MYC|p.X|1"
        records = [f"1 10 . CA C,CT . PASS {effects} GT:AD:DP 0/1/2:5,3,2:10 0/0:9,0,0:9"]
        found = rows(parse(content(records, meta=meta, samples=("TUMOR", "NORMAL"))))
        assert [(r["sample_id"], r["gene"], r["alt_depth"]) for r in found] == [
            ("TUMOR", "MYC", 3), ("NORMAL", "MYC", 0), ("TUMOR", "TP53", 2), ("NORMAL", "TP53", 0),
        ]  # fmt: skip


CALLS = st.tuples(
    st.lists(st.one_of(st.none(), st.integers(0, 3)), min_size=1, max_size=4),
    st.lists(st.integers(0, 10**6), min_size=4, max_size=4),
    st.one_of(st.none(), st.integers(0, 10**9)),
)
NOTES = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=9)


class TestRoundTrip:
    @settings(deadline=None, max_examples=40)
    @given(st.lists(st.tuples(CALLS, CALLS), min_size=1, max_size=6), NOTES, st.integers(1, 9))
    def test_what_is_written_is_read(self, tmp_path_factory, records, note, piece):
        """Genotypes, depths and texts of any kind, in pieces of any size."""
        coded = "".join(f"%{ord(c):02X}" if c in "%,;:=" else c for c in note)
        assume(note != "." and "~" not in note)
        lines = []
        for at, calls in enumerate(records):
            cells = []
            for alleles, reads, depth in calls:
                genotype = "/".join("." if one is None else str(one) for one in alleles)
                total = "." if depth is None else depth
                cells.append(f"{genotype}:{','.join(map(str, reads))}:{total}")
            lines.append(f"1 {at + 1} . A C,G,T . . NOTE={coded} GT:AD:DP {' '.join(cells)}")
        path = tmp_path_factory.mktemp("vcf") / "x.vcf"
        path.write_text(content(lines), encoding="utf-8", newline="\n")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(collected, "PIECE_ROWS", piece)
            (dataset,) = VcfReader().read(Source(path, "x.vcf"))
        expected = [
            (at, allele, None if set(call[0]) == {None} else call[0].count(allele), call[2],
             call[1][allele])
            for at, calls in enumerate(records) for allele in (1, 2, 3) for call in calls
        ]  # fmt: skip
        names = ("record_index", "allele_index", "copies", "depth", "alt_depth")
        assert [tuple(row[name] for name in names) for row in rows(dataset)] == expected
        assert {json.loads(row["info"])["NOTE"][0] for row in rows(dataset)} == {note}


class TestSizes:
    def test_many_samples(self, parse):
        samples = [f"S{i}" for i in range(100_000)]
        text = content(["1 10 . A T . . . GT" + " 0|1" * 100_000], samples=samples)
        dataset = parse(text)
        tables = list(dataset.variants)
        assert dataset.samples.height == sum(table.num_rows for table in tables) == 100_000
        assert max(table.num_rows for table in tables) <= collected.PIECE_ROWS

    def test_long_info_is_not_repeated_in_memory(self, parse, monkeypatch):
        monkeypatch.setattr(collected, "PIECE_BYTES", 2_500_000)
        dataset = parse(content([f"1 10 . A T,G . . NOTE={'x' * 1_000_000} GT 0/1 1/2"]))
        tables = list(dataset.variants)
        assert [table.num_rows for table in tables] == [2, 2]
        assert all(len(row["info"]) > 1_000_000 for row in rows(dataset))

    def test_a_record_that_would_fill_a_disk_is_refused(self, parse, monkeypatch):
        monkeypatch.setattr(vcf_record, "_MAX_ROWS", 5)
        parse(content(["1 10 . A T,G . . . GT 0/1 0/1"]))
        with pytest.raises(BadInput) as caught:
            parse(content(["1 10 . A T,G,C . . . GT 0/1 0/1"]))
        assert (caught.value.code, caught.value.place) == ("record_too_large", f"line {FIRST}")

    def test_more_samples_than_a_machine_holds(self, parse):
        with pytest.raises(BadInput) as caught:
            parse(f"##fileformat=VCFv4.3\n{COLUMNS}\tFORMAT" + "\t" * 2_000_001 + "\n")
        assert (caught.value.code, caught.value.place) == ("too_many_samples", "line 2")

    @pytest.mark.parametrize(
        "line",
        ['INFO=<ID=CSQ,Number=.,Type=String,Description="' + "a b " * 100_000 + '">',
         "META=<" + "a=[," * 100_000 + "]x>", "foo=bar\n##" * 50_000 + "foo=bar"],
        ids=["description", "brackets", "repeated"],
    )  # fmt: skip
    def test_long_meta_lines_take_no_longer_than_their_length(self, parse, line):
        assert rows(parse(content(["1 10 . A T . . ."], meta=f"{META}##{line}\n")))

    def test_reference_blocks_reach_as_far_as_the_longest_says(self, parse):
        """As pysam's `stop`, which says 109 for all alleles of the first record."""
        records = [
            "1 10 . A C,<*> . . . GT:LEN 0/0:100 0/1:20",
            "1 200 . A <NON_REF> . . . GT:LEN 0/0 0/0:.",
            "1 300 . AT <*> . . . LEN:GT -5:0/0 x:0/0",
        ]
        found = rows(parse(content(records, version="4.5")))
        assert [row["end_position"] for row in found] == [10, 10, 109, 109, 200, 200, 301, 301]

    def test_keys_without_end_are_forgotten(self, parse, monkeypatch):
        monkeypatch.setattr("polly_assets.ingest.formats.vcf.info._MANY", 40)
        records = [f"1 {i + 1} . A T . . K{i}=1;DP=3;K{i % 7}=2" for i in range(100)]
        found = rows(parse(content(records)))
        assert [row["depth"] for row in found] == [3] * 100
