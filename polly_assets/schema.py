"""Every table of the platform as data: names, types, descriptions, keys.

Owns the table specifications, from which writers, checks, SQL and documentation are made.
Add a column here with its description and unit; asset = table = heading in the docs.
Column names follow Polly's public names where the same thing has one.
Keep out: code that fills or reads the tables.
"""

from __future__ import annotations

import pyarrow as pa

from polly_resources.tables.base import Column, TableSpec

TERM_FIELDS = (
    "disease",
    "tissue",
    "cell_type",
    "cell_line",
    "drug",
    "organism",
    "gene",
    "strain",
)
"""Curated fields whose values are lists of ontology labels (`curated_<field>`)."""

FACETS = (
    *(f"curated_{name}" for name in TERM_FIELDS),
    "curated_sex",
    "curated_sample_type",
    "data_type",
    "dataset_source",
    "file_type",
    "platform",
    "year",
)
"""What a search can filter and count: `--filter`, `--facet`, the columns of `search_index`."""

UTC = pa.timestamp("us", tz="UTC")
TEXT = pa.string()
TEXTS = pa.list_(pa.field("element", pa.string()))


def _list(value: pa.DataType) -> pa.DataType:
    return pa.list_(pa.field("element", value))


SHARD = Column("shard", pa.int32(), "Hash bucket of the dataset id; the unit of writing.", False)

_CURATED = tuple(
    column
    for name in TERM_FIELDS
    for column in (
        Column(
            f"curated_{name}",
            TEXTS,
            f"Labels for {name.replace('_', ' ')}; NULL = not assessed, empty = none found.",
        ),
        Column(f"curated_{name}_curie", TEXTS, f"CURIEs of `curated_{name}`, in the same order."),
    )
)

RAW_OBJECTS = TableSpec(
    name="raw_objects",
    description="The landed originals, pinned by checksum.",
    columns=(
        Column("source", TEXT, "Landing key of the main object.", False),
        Column("sidecars", TEXTS, "Landing keys of the files that belong to it."),
        Column("fingerprint", TEXT, "SHA-256 over the main object and its sidecars.", False),
        Column("size_bytes", pa.int64(), "Size of the main object and its sidecars in bytes."),
        Column("job_id", TEXT, "Job that ingested it.", False),
        Column("claimed_at", UTC, "When the job's batch took it up.", False),
        SHARD,
    ),
    key="source",
    partition_by=("shard",),
)

NORMALIZED_DATASETS = TableSpec(
    name="normalized_datasets",
    description="One row per dataset: its own metadata, whole, and its shape.",
    columns=(
        Column("dataset_id", TEXT, "Dataset, unique in the atlas.", False),
        Column("format", TEXT, "File format it was read from.", False),
        Column("data_type", TEXT, "Kind of measurement, in Polly's words; NULL = unknown."),
        Column("source", TEXT, "Landing key of the main object.", False),
        Column("fingerprint", TEXT, "SHA-256 over the main object and its sidecars.", False),
        Column("metadata", TEXT, "Dataset-level metadata under original names, as JSON.", False),
        Column("sample_columns", TEXT, "Original sample columns and their types, as JSON.", False),
        Column(
            "feature_columns", TEXT, "Original feature columns and their types, as JSON.", False
        ),
        Column("total_num_samples", pa.int64(), "Samples (cells, for single cell).", False),
        Column("total_num_features", pa.int64(), "Features.", False),
        Column("matrices", TEXTS, "Names of its matrices; empty = no matrix.", False),
        Column("notices", TEXT, "Warnings recorded while reading, as JSON.", False),
        Column("file_failures", TEXT, "Datasets of the same file that failed, as JSON.", False),
        Column("version", pa.int64(), "Ingests of this dataset so far, from 1.", False),
        Column("read_seconds", pa.float64(), "Time spent reading and normalizing.", False),
        Column("ingested_at", UTC, "When it was read.", False),
        SHARD,
    ),
    partition_by=("shard",),
)

NORMALIZED_SAMPLES = TableSpec(
    name="normalized_samples",
    description="One row per sample, with the submitter's metadata whole.",
    columns=(
        Column("src_dataset_id", TEXT, "Dataset of the sample.", False),
        Column("sample_index", pa.int32(), "Position in the matrix, from 0.", False),
        Column("sample_id", TEXT, "Sample, unique in its dataset.", False),
        Column("metadata", TEXT, "Sample metadata under original names, as JSON.", False),
        SHARD,
    ),
    key="src_dataset_id",
    partition_by=("shard",),
    sorted_by=("src_dataset_id", "sample_index"),
)

FEATURES = TableSpec(
    name="features",
    description="One row per feature (gene, probe, ...) of each dataset.",
    columns=(
        Column("src_dataset_id", TEXT, "Dataset of the feature.", False),
        Column("feature_index", pa.int32(), "Position in the matrix, from 0.", False),
        Column("feature_id", TEXT, "The file's own row id (`rid` in matrices).", False),
        Column("name", TEXT, "Symbol where known, else the feature id.", False),
        Column("symbol", TEXT, "Approved gene symbol, where an ontology knows the feature."),
        Column("curie", TEXT, "CURIE of the gene, where an ontology knows the feature."),
        Column("metadata", TEXT, "Feature metadata under original names, as JSON; NULL = none."),
        SHARD,
    ),
    key="src_dataset_id",
    partition_by=("shard",),
    sorted_by=("src_dataset_id", "feature_index"),
)

MATRICES = TableSpec(
    name="matrices",
    description="The truth of all values: blocks of 64 features x all samples of a dataset.",
    columns=(
        Column("dataset_id", TEXT, "Dataset of the block.", False),
        Column("matrix", TEXT, "Matrix name: X, or layers/NAME.", False),
        Column("block", pa.int32(), "Block number, from 0.", False),
        Column("feature_start", pa.int32(), "Feature index of the first row.", False),
        Column("feature_count", pa.int32(), "Rows of the block.", False),
        Column("sample_count", pa.int32(), "Columns of the block.", False),
        Column(
            "dtype", TEXT, "float32, float64, int32 or int64: which column holds the values.", False
        ),
        Column("sparse", pa.bool_(), "Whether only stored entries are listed.", False),
        Column("float32", _list(pa.float32()), "Values, row after row; NaN = missing."),
        Column("float64", _list(pa.float64()), "Values, row after row; NaN = missing."),
        Column("int32", _list(pa.int32()), "Values, row after row."),
        Column("int64", _list(pa.int64()), "Values, row after row."),
        Column("indptr", _list(pa.int64()), "Sparse: offsets of each row in values, count + 1."),
        Column("indices", _list(pa.int32()), "Sparse: sample index of each value."),
        SHARD,
    ),
    partition_by=("shard",),
    sorted_by=("dataset_id", "matrix", "block"),
    rows_per_group=128,
)

VARIANTS = TableSpec(
    name="variants",
    description="One row per record, ALT allele and sample: one gene across all datasets.",
    columns=(
        Column("dataset_id", TEXT, "Dataset.", False),
        Column("sample_id", TEXT, "Sample; NULL = the file has sites without samples."),
        Column("record_index", pa.int64(), "Record of the file, from 0.", False),
        Column(
            "allele_index",
            pa.int32(),
            "Which ALT allele of the record, from 1; 0 = the record has none. "
            "Of a structural variant: which of its two sites.",
            False,
        ),
        Column("variant_id", TEXT, "Ids that the file gives, such as rs123, joined by `;`."),
        Column("chromosome", TEXT, "Chromosome or contig, as the file spells it."),
        Column("position", pa.int64(), "First base of `ref`, from 1."),
        Column("end_position", pa.int64(), "Last base of the variant, from 1."),
        Column("ref", TEXT, "Reference allele."),
        Column("alt", TEXT, "This row's ALT allele, symbolic ones included; NULL = none."),
        Column("gene", TEXT, "Approved gene symbol where known, else the file's own."),
        Column("gene_curie", TEXT, "CURIE of the gene, where an ontology knows it."),
        Column("consequence", TEXT, "Effect on the gene, in the file's own words."),
        Column("protein_change", TEXT, "Change of the protein, such as p.V600E."),
        Column("genotype", TEXT, "Genotype as the file has it, such as 0/1 or 1|2."),
        Column("copies", pa.int32(), "Copies of this ALT allele called; NULL = not called."),
        Column("depth", pa.int64(), "Reads at the position."),
        Column("alt_depth", pa.int64(), "Reads with this ALT allele."),
        Column("qual", pa.float64(), "Phred-scaled quality of the record."),
        Column("filters", TEXTS, "PASS, or the filters it failed; NULL = not filtered."),
        Column("info", TEXT, "INFO of a VCF record, whole, as JSON."),
        Column("metadata", TEXT, "The sample's or row's own columns, whole, as JSON."),
        SHARD,
    ),
    partition_by=("shard",),
    sorted_by=("gene", "chromosome", "position"),
    rows_per_group=122_880,
)

CURATION_PASSES = TableSpec(
    name="curation_passes",
    description="Which model assessed which dataset: 'none found' is not 'not assessed'.",
    columns=(
        Column("dataset_id", TEXT, "Dataset assessed.", False),
        Column("method", TEXT, "Model name.", False),
        Column("model_version", TEXT, "Model version.", False),
        Column("fields", TEXTS, "Fields assessed.", False),
        Column("records", pa.int64(), "Samples read.", False),
        Column("assessed_at", UTC, "When.", False),
        SHARD,
    ),
    partition_by=("shard",),
)

ANNOTATIONS = TableSpec(
    name="annotations",
    description="Curated values with their provenance; the curated columns are derived from these.",
    columns=(
        Column("dataset_id", TEXT, "Dataset annotated.", False),
        Column("sample_id", TEXT, "Sample annotated; NULL = the dataset itself."),
        Column("field", TEXT, "Curated field: disease, tissue, ..., sex, age, is_control.", False),
        Column("raw_text", TEXT, "The words that were read."),
        Column("span_begin", pa.int32(), "First character of the words in the source field."),
        Column("span_end", pa.int32(), "Character after the last."),
        Column("source_field", TEXT, "Metadata field that holds the words."),
        Column("curie", TEXT, "Ontology term; NULL where the value is no term."),
        Column("label", TEXT, "Label of the term, or the normalised value.", False),
        Column("ontology_version", TEXT, "Ontology and release, such as MONDO v2026-05-05."),
        Column("method", TEXT, "Model that made it.", False),
        Column("model_version", TEXT, "Version of the model."),
        Column("confidence", pa.float64(), "Probability of being right, in [0, 1].", False),
        Column("status", TEXT, "auto, accepted, corrected or rejected.", False),
        Column("curator", TEXT, "Who decided, for all but auto."),
        Column("annotated_at", UTC, "When.", False),
        SHARD,
    ),
    partition_by=("shard",),
    sorted_by=("dataset_id", "sample_id", "field"),
)

DATASETS = TableSpec(
    name="datasets",
    description="One row per dataset, curated: start here.",
    columns=(
        Column("dataset_id", TEXT, "Dataset, unique in the atlas.", False),
        Column("src_dataset_id", TEXT, "Accession at its source, such as GSE60450."),
        Column("src_repo", TEXT, "Atlas that holds it.", False),
        Column("dataset_source", TEXT, "Repository it comes from, such as GEO."),
        Column("data_type", TEXT, "Kind of measurement, in Polly's words."),
        Column("title", TEXT, "Title."),
        Column("description", TEXT, "Title, or the description its file gives."),
        Column("summary", TEXT, "Summary, as submitted."),
        Column("overall_design", TEXT, "Study design, as submitted."),
        Column("author", TEXT, "Contributors, as submitted."),
        Column("publication", TEXT, "PubMed id, DOI or link."),
        Column("year", pa.int32(), "Year of publication or submission."),
        Column("platform", TEXT, "Instrument or array platform."),
        Column("total_num_samples", pa.int64(), "Samples (cells, for single cell).", False),
        Column("total_num_features", pa.int64(), "Features.", False),
        Column("total_num_cells", pa.int64(), "Cells; NULL for bulk data."),
        Column("data_matrix_available", pa.bool_(), "Whether it has a matrix.", False),
        Column("data_table_name", TEXT, "Its table in `data_matrices`; NULL without a matrix."),
        Column("version", pa.int64(), "Ingests of this dataset so far.", False),
        Column("is_current", pa.bool_(), "Always true: older versions are table versions.", False),
        Column("timestamp_", pa.int64(), "Ingest time in milliseconds since 1970 UTC.", False),
        Column("key", TEXT, "Landing key of the original.", False),
        Column("file_type", TEXT, "File format it was read from.", False),
        Column("src_uri", TEXT, "Address of the original.", False),
        Column("fingerprint", TEXT, "SHA-256 over the original and its sidecars.", False),
        *_CURATED,
        Column("metadata", TEXT, "Dataset-level metadata under original names, as JSON.", False),
        Column("ingested_at", UTC, "When it was read.", False),
        SHARD,
    ),
    partition_by=("shard",),
)

SAMPLES = TableSpec(
    name="samples",
    description="One row per sample, curated; `src_dataset_id` joins to `datasets.dataset_id`.",
    columns=(
        Column("sample_id", TEXT, "Sample, unique in its dataset.", False),
        Column("src_dataset_id", TEXT, "Dataset of the sample.", False),
        Column("sample_index", pa.int32(), "Position in the matrix, from 0.", False),
        Column("name", TEXT, "Sample id, under Polly's name for it.", False),
        Column("title", TEXT, "Title, as submitted."),
        Column("source_name", TEXT, "Source of the material, as submitted."),
        Column("description", TEXT, "Description, as submitted."),
        *_CURATED,
        Column("curated_sex", TEXT, "female, male or mixed; NULL = not stated."),
        Column("curated_age", TEXT, "Age with its unit, such as 58 years; NULL = not stated."),
        Column(
            "curated_sample_type", TEXT, "tissue, cell line, primary cell, ...; NULL = not stated."
        ),
        Column("curated_control", pa.int32(), "1 = control, 0 = not; NULL = not assessed."),
        Column("metadata", TEXT, "Sample metadata under original names, as JSON.", False),
        SHARD,
    ),
    key="src_dataset_id",
    partition_by=("shard",),
    sorted_by=("src_dataset_id", "sample_index"),
)

MEASUREMENTS = TableSpec(
    name="measurements",
    description="Every value of matrix X as a row, ordered by gene: one gene across all datasets.",
    columns=(
        Column("name", TEXT, "Symbol where known, else the feature id.", False),
        Column("feature_id", TEXT, "The file's own row id.", False),
        Column("dataset_id", TEXT, "Dataset.", False),
        Column("sample_id", TEXT, "Sample.", False),
        Column(
            "value", pa.float64(), "Value; NULL = missing. Zeros of sparse data are not listed."
        ),
        SHARD,
    ),
    partition_by=("shard",),
    sorted_by=("name", "dataset_id"),
    rows_per_group=122_880,
)

SEARCH_INDEX = TableSpec(
    name="search_index",
    description="One row per dataset of the search index: its title and the values of its facets.",
    columns=(
        Column("dataset_id", TEXT, "Dataset, unique in the atlas.", False),
        Column("title", TEXT, "Title as it is searched; the dataset id where it has none.", False),
        *(Column(name, TEXTS, f"Values of the facet `{name}`; NULL = none.") for name in FACETS),
    ),
)

ATLASES = TableSpec(
    name="atlases",
    description="The atlases: named collections of datasets with one schema.",
    columns=(
        Column("atlas", TEXT, "Name; also the SQL schema.", False),
        Column("description", TEXT, "What it holds."),
        Column("shards", pa.int32(), "Number of hash buckets, 1 to 256.", False),
        Column("created_at", UTC, "When it was created.", False),
    ),
    key="atlas",
)

ONTOLOGY_TERMS = TableSpec(
    name="terms",
    description="Every term of every loaded ontology.",
    columns=(
        Column("ontology", TEXT, "Ontology name, such as MONDO.", False),
        Column("version", TEXT, "Release.", False),
        Column("curie", TEXT, "Term id.", False),
        Column("label", TEXT, "Preferred label.", False),
        Column("synonyms", TEXTS, "Other names.", False),
        Column("deprecated", pa.bool_(), "Whether the ontology withdrew it.", False),
        Column("replaced_by", TEXT, "CURIE of its successor."),
    ),
    key="ontology",
)

ONTOLOGY_ANCESTORS = TableSpec(
    name="ancestors",
    description="The closure of every term: all its ancestors.",
    columns=(
        Column("ontology", TEXT, "Ontology name.", False),
        Column("curie", TEXT, "Term id.", False),
        Column("ancestor_curie", TEXT, "One of its ancestors.", False),
    ),
    key="ontology",
)

ATLAS_TABLES = (
    RAW_OBJECTS,
    NORMALIZED_DATASETS,
    NORMALIZED_SAMPLES,
    FEATURES,
    MATRICES,
    VARIANTS,
    CURATION_PASSES,
    ANNOTATIONS,
    DATASETS,
    SAMPLES,
    MEASUREMENTS,
)
"""Every table that an atlas has, in the order in which a batch writes them."""

SQL_TABLES = (DATASETS, SAMPLES, FEATURES, MEASUREMENTS, VARIANTS, ANNOTATIONS)
"""The stored tables of an atlas that users query; `SEARCH_INDEX` is made when it is asked for."""

SINGLE_CELL = "Single cell"
"""The `data_type` whose samples are cells."""
