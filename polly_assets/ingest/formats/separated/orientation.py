"""Which way round a separated matrix lies, and what each of its columns is.

Owns the two guesses that a matrix without description forces on us, stated as rules.
Add an annotation column's name to `ANNOTATIONS`. Keep out: reading files.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

import polars as pl

from polly_assets.ingest.formats.beside.sample_names import folded, names_results
from polly_assets.ingest.formats.h5ad.exchanged import names_genes
from polly_assets.ingest.formats.streams.table import is_missing

_ANNOTATION_WORDS = """
biotype chr chrom chrom_end chrom_start chromend chromosome chromosome_name
chromosome_scaffold_name chromstart cytoband description eff_length effective_length end
end_position ensembl ensembl_gene_id ensembl_id ensemblid entrez entrez_gene_id entrez_id
entrezgene entrezgene_id entrezid exon_count gc_content gene gene_biotype gene_chr
gene_description gene_end gene_end_bp gene_gc_content gene_id gene_length gene_name
gene_short_name gene_stable_id gene_start gene_start_bp gene_strand gene_symbol gene_title
gene_type gene_version geneid genename genesymbol hgnc_id hgnc_symbol hugo_symbol length
ncbi_gene_formerly_entrezgene_id ncbi_gene_id pct_1 pct_2 percentage_gene_gc_content probe_id
refseq start start_position strand symbol transcript_end transcript_end_bp transcript_id
transcript_length transcript_start transcript_start_bp tss_id tx_end tx_start txend txstart
"""

ANNOTATIONS = frozenset(_ANNOTATION_WORDS.split())
"""Names (as `folded`) of columns that describe features; those of results do, too."""

_SAMPLE_WORDS = """
barcode biosample cell cellbarcode cellid cellline cellname depmapid donor donorid geoaccession gsm
individualid modelid participantid patient patientbarcode patientid sample samplebarcode sampleid
samplename specimenid subject subjectid
"""
_SAMPLE_COLUMNS = frozenset(_SAMPLE_WORDS.split())
"""Names (letters and digits alone) of columns that tell the sample of each row."""

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?inf(inity)?", re.IGNORECASE)
_WRITTEN = re.compile(
    r"[\u2212\u2013]\d+([.,]\d+)?([eE][+-]?\d+)?"
    r"|[+\u2212\u2013-]?\d{1,3}([ '\u2019\u00a0\u2009\u202f]\d{3})+([.,]\d+)?"
)
"""Numbers as people write them, which are told as mistakes."""

_COMMAS = re.compile(r"[+-]?\d+,\d+([eE][+-]?\d+)?|[+-]?\d{1,3}(,\d{3})+(\.\d*)?")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d*)?")
_WHOLE = re.compile(r"[+-]?\d+")
_ENSEMBL = re.compile(r"ENS[A-Z]*[GT]\d{6,}(\.\d+)?")
_SYMBOL = re.compile(r"[A-Za-z][A-Za-z0-9]*([-.][A-Za-z0-9]+)*( \(\w+\)|\|\d+)?")
_BARCODE = re.compile(r"(.*[_\-:.])?[ACGTN]{8,}([-_.]\w+)*")
_CELL = re.compile(r"(.*[_\-:.])?[ACGTN]{10,18}([-_.]\w+)*")
_ACCESSION = re.compile(r"GSM\d+|[SED]RR\d+|ACH-\d{6}|(TCGA|GTEX)-\w+(-\w+)*")
_NUMBERED_GENE = re.compile(r"[A-Z][A-Za-z0-9.-]* \(\d+\)")
_PROBE = re.compile(
    r"\d+|.*_at|(ILMN|A|cg|rs|NM|NR|XM|XR|UGT|TC|AFFX)_?\d.*|hsa-.*|[ACGTN]{19,}|[OPQ]\d\w{3}\d(-\d+)?|.*:.*"
)
_MANY_COLUMNS = 50
_COLUMNS_PER_ROW = 5


def is_number(cell: str) -> bool:
    """Whether a cell is a number (a missing cell is not)."""
    return _NUMBER.fullmatch(cell.strip()) is not None


def is_whole(cell: str) -> bool:
    """Whether a cell is a whole number, or missing."""
    return _WHOLE.fullmatch(cell.strip()) is not None or is_missing(cell)


def is_text_column(cells: Sequence[str]) -> bool:
    """Whether more than half of a column's cells that are not missing are not numbers.

    Less than that is a number column with a mistake, which must be reported; and so is one
    whose numbers are written with commas, marks between thousands or a printer's minus.
    """
    present = [cell.strip() for cell in cells if not is_missing(cell)]
    numbers = sum(
        is_number(cell) or any(form.fullmatch(cell) for form in (_COMMAS, _WRITTEN))
        for cell in present
    )
    return numbers * 2 < len(present)


def has_decimal_commas(cells: Iterable[str]) -> bool:
    """Whether numbers have decimal commas, beyond doubt.

    One at least can be nothing else (`0,5`, `1,25`), and none has a point or more commas.
    """
    found = False
    for cell in map(str.strip, cells):
        if "." in cell and (is_number(cell) or _THOUSANDS.fullmatch(cell)):
            return False
        if _COMMAS.fullmatch(cell):
            if cell.count(",") > 1:
                return False
            found = found or not _THOUSANDS.fullmatch(cell)
    return found


def is_plain_id(name: str) -> bool:
    """Whether a name of a column is a number, which few samples are called by."""
    return is_number(name)


def shape_of(name: str) -> str:
    """A name with each run of digits made one `0`: names of one kind often have one shape."""
    return re.sub(r"\d+", "0", name.strip())


def is_sample_column(name: str) -> bool:
    """Whether a column of this name tells the sample of each row."""
    return re.sub(r"[^0-9a-z]", "", name.lower()) in _SAMPLE_COLUMNS


def is_annotation(name: str) -> bool:
    """Whether a column of this name describes features."""
    return folded(name) in ANNOTATIONS or names_results(name)


def looks_like_samples_as_rows(header: Sequence[str], rows: Sequence[str], count: int) -> bool:
    """Whether a matrix without a sidecar has samples as rows.

    Whatever its size it has where the rows are barcodes of cells or accessions (GSM, SRR, TCGA,
    ACH, ...) and the columns are neither these nor called alike; where the columns are surely
    genes (Ensembl ids, or `TP53 (7157)` as DepMap has them) and the rows are no genes; and where
    three columns are called as well-known genes are, and the rows neither as genes nor as probes
    (`1007_s_at`, `cg0001`). Else it has where
    all of these hold: at least 50 columns and 5 columns per row (`count` rows);
    the column names look like genes (Ensembl ids, or symbols that do not all begin alike and
    of which at least 1 in 10 differs from the others in more than digits); the row ids look
    like cells or samples (barcodes, or names of which at most half differ in more than
    digits, as `Cell_1`, `GSM12`).
    """
    if is_barcodes(rows) and not is_barcodes(header):
        return looks_like_genes(header)
    if _mostly(header, _ENSEMBL, _NUMBERED_GENE) and not _mostly(rows, _ENSEMBL, _NUMBERED_GENE):
        return not names_genes(pl.Series(rows, dtype=pl.String))
    if names_genes(pl.Series(header, dtype=pl.String)) and not _mostly(rows, _ENSEMBL, _PROBE):
        return not names_genes(pl.Series(rows, dtype=pl.String)) and _sample_like(rows)
    wide = len(header) >= max(_MANY_COLUMNS, _COLUMNS_PER_ROW * count)
    return wide and looks_like_genes(header) and _sample_like(rows)


def is_barcodes(names: Sequence[str]) -> bool:
    """Whether names are barcodes of cells, or accessions of samples."""
    return _mostly(names, _CELL, _ACCESSION)


def _mostly(names: Sequence[str], *patterns: re.Pattern[str]) -> bool:
    """Whether at least nine of ten names are of one of the patterns."""
    fitting = sum(any(pattern.fullmatch(name) for pattern in patterns) for name in names)
    return bool(names) and fitting * 10 >= len(names) * 9


def looks_like_genes(names: Sequence[str]) -> bool:
    """Whether names are Ensembl ids, or symbols of several kinds."""
    sure = sum(
        (_ENSEMBL.fullmatch(name) or _NUMBERED_GENE.fullmatch(name)) is not None for name in names
    )
    if sure * 2 >= len(names):
        return True
    if len({name[:1] for name in names}) == 1:
        return False
    symbols = [name for name in names if _SYMBOL.fullmatch(name) and not _BARCODE.fullmatch(name)]
    return len(symbols) * 2 >= len(names) and _stems(symbols) * 10 >= len(symbols)


def _sample_like(names: Collection[str]) -> bool:
    if any(_ENSEMBL.fullmatch(name) for name in names):
        return False
    barcodes = sum(_BARCODE.fullmatch(name) is not None for name in names)
    return barcodes * 2 >= len(names) or _stems(names) * 2 <= len(names)


def _stems(names: Collection[str]) -> int:
    return len({re.sub(r"\d+", "", name) for name in names})
