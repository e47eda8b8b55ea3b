"""VCF as text, made of records alone, and what becomes of it."""

from __future__ import annotations

from polly_assets.ingest.formats.base import Source
from polly_assets.ingest.formats.vcf.reader import VcfReader

META = """##INFO=<ID=DP,Number=1,Type=Integer,Description="d">
##INFO=<ID=AF,Number=A,Type=Float,Description="d">
##INFO=<ID=AC,Number=A,Type=Integer,Description="d">
##INFO=<ID=DB,Number=0,Type=Flag,Description="d">
##INFO=<ID=NOTE,Number=.,Type=String,Description="d">
##FORMAT=<ID=GT,Number=1,Type=String,Description="d">
##FORMAT=<ID=AD,Number=R,Type=Integer,Description="d">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description="d">
##FORMAT=<ID=PL,Number=G,Type=Integer,Description="d">
##FORMAT=<ID=FT,Number=1,Type=String,Description="d">
##FORMAT=<ID=LAA,Number=.,Type=Integer,Description="d">
##FORMAT=<ID=LAD,Number=LR,Type=Integer,Description="d">
##FILTER=<ID=q10,Description="d">
##FILTER=<ID=s50,Description="d">
##ALT=<ID=DEL,Description="d">
##ALT=<ID=NON_REF,Description="d">
##contig=<ID=1,length=1000000>
##contig=<ID=HLA-A*01:01,length=3000>
"""
FIRST = META.count("\n") + 3
"""The line of the first record."""

COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"


def content(records, version="4.3", meta=META, samples=("a", "b")):
    """Records written with spaces; with samples where they have more than eight columns."""
    wide = any(record.count(" ") > 7 for record in records)
    names = "\t".join(["", "FORMAT", *samples]) if wide else ""
    lines = "".join(record.replace(" ", "\t").replace("~", " ") + "\n" for record in records)
    return f"##fileformat=VCFv{version}\n{meta}{COLUMNS}{names}\n{lines}"


def parsed(path, text):
    """The dataset of a VCF of this text, written to a path `x.vcf`."""
    path.write_text(text)
    (dataset,) = VcfReader().read(Source(path, "x.vcf"))
    return dataset


def rows(dataset):
    return [row for table in dataset.variants for row in table.to_pylist()]


def doubts(dataset):
    return [(n.code, n.place) for n in dataset.notices if n.code != "no_samples"]
