"""What lies beside data and is passed over, and tables that only look like matrices."""

from __future__ import annotations

from pathlib import Path

import pytest

from polly_assets.ingest.formats.grouping import group_sources
from polly_assets.ingest.formats.never_data import never_data
from polly_assets.ingest.formats.registry import reader_for
from polly_assets.ingest.formats.streams.text import base_name
from polly_assets.ingest.formats.variant_lists import lists_variants
from polly_assets.ingest.validate import Severity, validate
from polly_resources.errors import BadInput


@pytest.mark.parametrize(
    "name",
    [
        "a.bam.bai", "a.vcf.gz.csi", "a.vcf.gz.md5", "a.vcf.gz.tbi", "a.vcf.idx",
        "checksums.sha256", "filelist.txt", "gdc_manifest.2024-01-01.txt", "genome.dict",
        "genome.fa.fai", "LICENSE", "MANIFEST.txt", "Makefile", "md5sums.txt", "meta_cna.txt.bak",
        "metrics_summary.csv", "Features.stats", "web_summary.html", "run_info.json",
        "GSE1_README.txt", "GSE1_processed-ReadMe_v2.txt.gz", "x.readme", "x_LICENSE.pdf",
        "meta_cna.txt~", "readme_first.txt", "run.log", "snpEff_genes.txt", "Thumbs.db",
    ],
)  # fmt: skip
def test_indexes_checksums_lists_and_notes(name: str) -> None:
    assert never_data(f"folder/{name}")
    assert group_sources([f"folder/{name}"]) == []


@pytest.mark.parametrize(
    "name",
    [
        "log.csv",
        "md5.csv",
        "manifest_counts.txt",
        "x.bak.csv",
        "index",
        "x_readme.csv",
        "threadme.txt",
    ],
)
def test_names_that_only_resemble_them(name: str) -> None:
    assert not never_data(name)


def test_an_index_beside_its_file_is_no_error(tmp_path: Path) -> None:
    head = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    (tmp_path / "s.vcf").write_text(f"{head}1\t9\t.\tA\tC\t.\t.\t.\n")
    (tmp_path / "s.vcf.idx").write_bytes(bytes(16))
    findings = validate([tmp_path], workers=1)
    found = {each.file: each.severity for each in findings if each.code != "no_samples"}
    assert found == {"s.vcf": Severity.OK, "s.vcf.idx": Severity.SKIPPED}


@pytest.mark.parametrize(
    "columns",
    [
        # a MAF saved as CSV; DepMap; Xena; ICGC; ANNOVAR
        "Hugo_Symbol,Start_Position,Variant_Classification,Tumor_Sample_Barcode,t_depth",
        '"Chrom","Pos","Ref","Alt","AF","DP","HugoSymbol","ModelID"',
        "Sample_ID\tgene\tchrom\tstart\tend\tref\talt\teffect\tdna_vaf",
        "icgc_donor_id\tchromosome\tchromosome_start\treference_genome_allele\tmutated_to_allele",
        "Chr\tStart\tEnd\tRef\tAlt\tFunc.refGene\tSIFT_score",
    ],
)
@pytest.mark.parametrize("name", ["x.csv", "x.tsv", "x.txt"])
def test_lists_of_variants_are_no_matrix(name: str, columns: str) -> None:
    with pytest.raises(BadInput) as caught:
        reader_for(name, f"# a comment\n{columns}\n1,2,3,4,5,6,7,8\n".encode())
    assert caught.value.code == "unsupported_format"
    assert "a table of variants" in caught.value.message


def test_a_matrix_with_a_row_per_variant_is_one() -> None:
    assert reader_for("x.csv", b"id,chrom,pos,ref,alt,S1,S2\nv1,1,100,A,C,0,2\n").name == "csv"


def test_bgzip_by_its_own_ending_is_no_part_of_the_id() -> None:
    assert base_name("a/gnomad.sites.chr1.vcf.bgz") == "gnomad.sites.chr1"


@pytest.mark.parametrize("name", ["tcga.seg.v2.txt", "gistic.seg.txt.gz", "x.tsv", "x.seg"])
@pytest.mark.parametrize(
    "columns",
    [
        "GDC_Aliquot\tChromosome\tStart\tEnd\tNum_Probes\tSegment_Mean",
        '"ID"\t"chrom"\t"loc.start"\t"loc.end"\t"num.mark"\t"seg.mean"',
    ],
)
def test_segments_by_any_name_are_no_matrix(name: str, columns: str) -> None:
    assert reader_for(name, f"{columns}\r\nS1\t1\t9\t20\t5\t-0.5\r\n".encode()).name == "cbio_seg"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_columns_of_variants_in_any_encoding(encoding: str) -> None:
    columns = "Hugo_Symbol\tVariant_Classification\tTumor_Sample_Barcode\n"
    assert lists_variants(columns.encode(encoding))
    assert not lists_variants(columns.encode("utf-16")[2:])  # no mark: not text
