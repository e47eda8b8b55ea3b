"""Which columns a Mutation Annotation Format file has, under all the names that they go by.

Owns the header of MAF: GDC's, TCGA's, vcf2maf's, maftools' and cBioPortal's spellings. Add a
spelling to its row. Keep out: the rows below (`rows`).

Format: https://docs.gdc.cancer.gov/Data/File_Formats/MAF_Format/ and
https://docs.cbioportal.org/file-formats/#mutation-data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from polly_assets.ingest.formats.streams.table import unquote
from polly_resources.errors import BadInput

NAMES: Mapping[str, tuple[str, ...]] = {
    "sample": ("tumor_sample_barcode",),
    "gene": ("hugo_symbol",),
    "entrez": ("entrez_gene_id",),
    "chromosome": ("chromosome", "chrom", "chr"),
    "start": ("start_position", "start"),
    "end": ("end_position", "end"),
    "ref": ("reference_allele",),
    "alt": ("tumor_seq_allele2",),
    "other": ("tumor_seq_allele1",),
    "consequence": ("variant_classification", "consequence"),
    "protein": ("hgvsp_short", "protein_change", "amino_acid_change", "aachange", "hgvsp"),
    "ids": ("dbsnp_rs",),
    "build": ("ncbi_build",),
    "filters": ("filter",),
    "qual": ("vcf_qual",),
    "depth": ("t_depth",),
    "ref_depth": ("t_ref_count",),
    "alt_depth": ("t_alt_count",),
}
"""What a column means, and its names in lower case, the best first."""

REQUIRED = (("sample",), ("gene", "entrez"), ("consequence",))
"""Of each of these one must be there; cBioPortal's smallest MAF has no more."""

MARKS = ("tumor_sample_barcode", "hugo_symbol", "entrez_gene_id", "variant_classification")
"""A header with the first of these and one of the others is a MAF's."""

_CLASSES = """
3'Flank 3'UTR 5'Flank 5'UTR Complex_Substitution De_novo_Start_InFrame De_novo_Start_OutOfFrame
Frame_Shift_Del Frame_Shift_Ins Fusion IGR In_Frame_Del In_Frame_Ins Intron Missense_Mutation
Nonsense_Mutation Nonstop_Mutation RNA Silent Splice_Region Splice_Site Start_Codon_Del
Start_Codon_Ins Start_Codon_SNP Stop_Codon_Del Stop_Codon_Ins Targeted_Region
Translation_Start_Site Unknown lincRNA
"""
CLASSES = frozenset(_CLASSES.split())
"""The values of Variant_Classification that GDC, TCGA and cBioPortal define."""


MAX_COLUMNS = 10_000
_LONGEST_HEADER = 500_000
_NEEDED = (
    "a MAF names its columns in the first line that is no comment, and needs Hugo_Symbol, "
    "Variant_Classification and Tumor_Sample_Barcode"
)
_TABS = "a MAF is separated by tabs: save it so, not with commas, semicolons or spaces"


def is_header(line: str) -> bool:
    """Whether a line names the columns of a MAF."""
    names = {cell.strip(' "').lower() for cell in line.split("\t")}
    return MARKS[0] in names and not names.isdisjoint(MARKS[1:])


def names_of(line: str, file: str, number: int) -> list[str]:
    """The column names in a line. Raises BadInput `too_many_columns`."""
    if (found := line.count("\t") + 1) > MAX_COLUMNS or len(line) > _LONGEST_HEADER:
        raise BadInput(
            "too_many_columns",
            f"the header has {found} columns and {len(line)} characters, expected at most "
            f"{MAX_COLUMNS} and {_LONGEST_HEADER}",
            file=file,
            place=f"line {number}",
            hint="check that the file is what its name says",
        )
    header = [unquote(cell).strip() for cell in line.split("\t")]
    while len(header) > 1 and not header[-1]:
        header.pop()
    return header


def places(header: Sequence[str], file: str, line: int) -> dict[str, int]:
    """Where each known column is. Raises BadInput `missing_columns`."""
    lower = [name.strip().lower() for name in header]
    found = {
        what: lower.index(name)
        for what, names in NAMES.items()
        if (name := next((one for one in names if one in lower), None)) is not None
    }
    for group in REQUIRED:
        if not any(what in found for what in group):
            wanted = " or ".join(NAMES[what][0].title() for what in group)
            shown = ", ".join([*header[:8], *["..."] * (len(header) > 8)])
            names = f"the header has {len(header)} columns ({shown})"
            lone = f"the header is one column, {header[0][:60]!r}"
            raise BadInput(
                "missing_columns",
                f"{names if len(header) > 1 else lone}, expected one called {wanted}",
                file=file,
                place=f"line {line}",
                hint=_NEEDED if len(header) > 1 else _TABS,
            )
    return found
