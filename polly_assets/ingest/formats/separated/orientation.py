"""Which way round a separated matrix lies, and what each of its columns is.

Owns the two guesses that a matrix without description forces on us, stated as rules.
Add an annotation column's name to `ANNOTATIONS`. Keep out: reading files.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

import polars as pl

from polly_assets.ingest.formats.h5ad.exchanged import names_genes
from polly_assets.ingest.formats.streams.table import is_missing

_ANNOTATION_WORDS = """
biotype chr chrom chromosome chromosome_name description effective_length end end_position
ensembl ensembl_gene_id ensembl_id ensemblid entrez entrez_gene_id entrez_id entrezgene
entrezgene_id entrezid gc_content gene gene_biotype gene_description gene_id gene_length
gene_name gene_short_name gene_symbol gene_title gene_type gene_version geneid genename
genesymbol hgnc_id hgnc_symbol hugo_symbol length percentage_gene_gc_content probe_id refseq
start start_position strand symbol transcript_id transcript_length tss_id
adj_p_val adj_p_value adjusted_p_value adj_pvalue aveexpr avg_log2fc basemean eff_length fdr
fold_change foldchange lfcse log2_fold_change log2fc log2foldchange logcpm logfc p_adj p_val
p_val_adj p_value padj pct_1 pct_2 pval pvalue q_value qval qvalue
"""

ANNOTATIONS = frozenset(_ANNOTATION_WORDS.split())
"""Names (lower case, `_` for space, dot and hyphen) of columns that describe features."""

_SAMPLE_WORDS = """
barcode biosample cell cellbarcode cellid cellline cellname depmapid donor donorid geoaccession gsm
individualid modelid participantid patient patientbarcode patientid sample samplebarcode sampleid
samplename specimenid subject subjectid
"""
_SAMPLE_COLUMNS = frozenset(_SAMPLE_WORDS.split())
"""Names (letters and digits alone) of columns that tell the sample of each row."""

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?inf(inity)?", re.IGNORECASE)
_COMMAS = re.compile(r"[+-]?\d+,\d+([eE][+-]?\d+)?|[+-]?\d{1,3}(,\d{3})+(\.\d*)?")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d*)?")
_WHOLE = re.compile(r"[+-]?\d+")
_ENSEMBL = re.compile(r"ENS[A-Z]*[GT]\d{6,}(\.\d+)?")
_SYMBOL = re.compile(r"[A-Za-z][A-Za-z0-9]*([-.][A-Za-z0-9]+)*( \(\w+\)|\|\d+)?")
_BARCODE = re.compile(r"(.*[_\-:.])?[ACGTN]{8,}([-_.]\w+)*")
_CELL = re.compile(r"(.*[_\-:.])?[ACGTN]{10,18}([-_.]\w+)*")
_ACCESSION = re.compile(r"GSM\d+|[SED]RR\d+|ACH-\d{6}|(TCGA|GTEX)-\w+(-\w+)*")
_NUMBERED_GENE = re.compile(r"[A-Z][A-Za-z0-9.-]* \(\d+\)")
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
    whose numbers are written with commas.
    """
    present = [cell for cell in cells if not is_missing(cell)]
    numbers = sum(
        is_number(cell) or _COMMAS.fullmatch(cell.strip()) is not None for cell in present
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
    return re.sub(r"[ .\-]+", "_", name.strip()).lower() in ANNOTATIONS


def looks_like_samples_as_rows(header: Sequence[str], rows: Sequence[str], count: int) -> bool:
    """Whether a matrix without a sidecar has samples as rows.

    Whatever its size it has where the rows are barcodes of cells or accessions (GSM, SRR, TCGA,
    ACH, ...) and the columns look like genes; and where the columns are surely genes (Ensembl
    ids, or `TP53 (7157)` as DepMap has them) and the rows are no genes. Else it has where
    all of these hold: at least 50 columns and 5 columns per row (`count` rows);
    the column names look like genes (Ensembl ids, or symbols that do not all begin alike and
    of which at least 1 in 10 differs from the others in more than digits); the row ids look
    like cells or samples (barcodes, or names of which at most half differ in more than
    digits, as `Cell_1`, `GSM12`).
    """
    if _mostly(rows, _CELL, _ACCESSION) and not _mostly(header, _CELL, _ACCESSION):
        return looks_like_genes(header)
    if _mostly(header, _ENSEMBL, _NUMBERED_GENE) and not _mostly(rows, _ENSEMBL, _NUMBERED_GENE):
        return not names_genes(pl.Series(rows, dtype=pl.String))
    wide = len(header) >= max(_MANY_COLUMNS, _COLUMNS_PER_ROW * count)
    return wide and looks_like_genes(header) and _sample_like(rows)


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
