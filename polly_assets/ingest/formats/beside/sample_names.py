"""Words and patterns by which tables of samples are known.

Owns the names of columns that hold ids of samples, names of their metadata, and accessions. Add
a name here, in lower case with `_` for every other character. Keep out: what follows from them
(`separated.sample_table`).
"""

from __future__ import annotations

import re

_SAMPLES = """
sample sample_id sampleid sample_identifier sample_barcode tumor_sample_barcode
bcr_sample_barcode
"""
_ALIKE = """
aliquot aliquot_id aliquot_barcode barcode barcodes bcr_aliquot_barcode biosample
biosample_accession cell cell_barcode cell_id cellid cell_name cells geo_accession geo_sample
gsm gsm_id library_id run run_accession run_id sample_accession sample_geo_accession
sample_name samplename sample_title samples sequencing_run source_name specimen specimen_id
sra_run sra_sample srr assay_name
"""
_DONORS = """
bcr_patient_barcode case_id case_submitter_id cell_line cell_line_name depmap_id donor donor_id
individual individual_id model_id modelid participant participant_id patient patient_barcode
patient_id patientid subject subject_id subjectid
"""

ID_RANKS = {
    name: rank for rank, names in enumerate((_SAMPLES, _ALIKE, _DONORS)) for name in names.split()
}
"""Names of columns of sample ids; of those that name each row the one of the lowest rank counts."""

ACCESSION_RANK = ID_RANKS["geo_accession"]
"""The rank of a column of accessions, whatever it is called."""

_ACCESSION = re.compile(
    r"GSM\d+|[SED]R[RSX]\d+|SAM(N|EA|D)[A-Z]?\d+|ACH-\d{6}|TCGA-\w\w-\w{4}(-\w+)*|GTEX-\w+(-\w+)*"
)

_FEATURE_WORDS = """
chr chrom chromosome ensembl ensembl_gene_id ensembl_id entrez entrez_gene_id entrez_id entrezid
feature feature_id gene gene_id gene_name gene_symbol geneid genename genes genesymbol
hgnc_symbol hugo_symbol id_ref metabolite mirna peptide probe probe_id probeset probeset_id protein
protein_id symbol transcript transcript_id uniprot variant variant_id
"""
_FEATURES = frozenset(_FEATURE_WORDS.split())

_RESULT = re.compile(
    r"(?:^|_)(?:log_?\d*_?fc|(?:log_?\d*_?)?fold_?changes?|l2fc|lfc_?se|adj_?p|fdr|fwer"
    r"|p_?(?:vals?|values?|adj|adjust)|q_?(?:vals?|values?)|log_?10_?p)(?:$|_)"
)
_RESULT_WORDS = frozenset(["aveexpr", "base_mean", "basemean", "log_cpm", "logcpm"])

_WORDS = """
age ancestry batch biopsy bmi cellline celltype characteristics cluster cohort compartment
condition consent days developmental diagnosis disease dose ethnicity followup gender genotype
group histology
instrument library organ organism origin passage pathology phenotype platform race region
replicate response sex smoker smoking source species stage status strain subtype survival symptom
timepoint tissue treatment tumor tumour
"""
_METADATA_WORDS = frozenset(_WORDS.split())

_NUMBER_WORDS = """
age age_at_diagnosis avgspotlen bases batch bmi bytes cluster day days days_to_birth
days_to_death days_to_last_follow_up dose doublet_score g2m_score grade height insertsize leiden
louvain mbases mbytes n_counts n_genes n_genes_by_counts ncount_rna nfeature_rna nreads passage
pct_counts_mt percent_mito percent_mt pmi purity replicate rin s_score seurat_clusters
size_factor spots stage survival time total_counts weight year
"""
_METADATA_NUMBERS = frozenset(_NUMBER_WORDS.split())

_AXIS = re.compile(
    r"(?:x_)?(?:dc|diffmap|dim|harmony|ic|lsi|mds|nmf|pc|pca|phate|scvi|tsne|umap)_?\d+"
)
"""Coordinates of samples in a space of few dimensions."""

_ELEMENT = re.compile(r"[^0-9a-z]+")
_OLD_SRA = re.compile(r"_[sl]$")


def folded(name: str) -> str:
    """A column's name in lower case, with `_` for every other character, as `Sample Name`.

    Without what SRA's older tables put behind it (`run_s`, `mbases_l`).
    """
    return _OLD_SRA.sub("", _ELEMENT.sub("_", name.strip().lower()).strip("_"))


def is_accession(cell: str) -> bool:
    """Whether a cell is an accession or barcode of a sample, a run or a cell line."""
    return _ACCESSION.fullmatch(cell.strip()) is not None


def names_features(name: str) -> bool:
    """Whether a column of this name tells genes and the like."""
    return folded(name) in _FEATURES


def names_results(name: str) -> bool:
    """Whether a column of this name tells results of a comparison."""
    plain = folded(name)
    return plain in _RESULT_WORDS or _RESULT.search(plain) is not None


def names_metadata(name: str) -> bool:
    """Whether a word of the name is one of sample metadata, as in `tissue_site_1`."""
    return not _METADATA_WORDS.isdisjoint(folded(name).split("_"))


def names_metadata_number(name: str) -> bool:
    """Whether numbers of this name describe samples, and are no values of a matrix."""
    return folded(name) in _METADATA_NUMBERS


def names_axis(name: str) -> bool:
    """Whether a column of this name has coordinates of samples, as `UMAP_1` and `PC2` do."""
    return _AXIS.fullmatch(folded(name)) is not None
