"""What a data file of a cBioPortal study is: by its meta file, else by its column names.

Owns the kinds of file that are loaded, and those that stay in the original, each with the
reason that a warning gives. Add a kind as one row. Keep out: reading them (`study`).

Kinds: https://docs.cbioportal.org/file-formats/.
"""

from __future__ import annotations

from enum import StrEnum

from polly_assets.ingest.formats.cbio.meta import Meta
from polly_assets.ingest.formats.maf.columns import is_header


class Kind(StrEnum):
    """How a data file is read."""

    FUSIONS = "fusions"
    MATRIX = "matrix"
    MUTATIONS = "mutations"
    SEGMENTS = "segments"
    STRUCTURAL = "structural variants"


_OF_META = {
    "CANCER_TYPE": "names a type of cancer",
    "GENE_PANEL_MATRIX": "says which gene panel each sample was measured with",
    "GISTIC_GENES_AMP": "lists regions found by GISTIC, not samples",
    "GISTIC_GENES_DEL": "lists regions found by GISTIC, not samples",
    "MUTSIG": "lists genes found by MutSig, not samples",
}
_OF_COLUMNS = (
    (("start_date", "event_type"), "is a timeline of patients"),
    (("resource_id",), "lists resources (links), not values"),
    (("peak_start", "genes_in_region"), _OF_META["GISTIC_GENES_AMP"]),
    (("rank", "gene"), _OF_META["MUTSIG"]),
    (("sample_id", "cbp_driver"), "annotates drivers of copy numbers"),
)
_TEXT_ASSAYS = ("BINARY", "CATEGORICAL")


def unloaded(head: str, file: str, meta: Meta | None) -> str:
    """Why a file holds no profile of samples; '' where it does."""
    if meta is not None and (reason := _said(meta)):
        return reason
    if kind_of(head, file, meta) is not Kind.MATRIX:
        return ""
    names = columns(head)
    for needed, reason in _OF_COLUMNS:
        if names.issuperset(needed) and "value" not in names:
            return reason
    first = head.split("\t", maxsplit=1)[0].strip().lower()
    by_sample = first == "sample_id" and "patient_id" not in names
    return _OF_META["GENE_PANEL_MATRIX"] if meta is None and by_sample else ""


def _said(meta: Meta) -> str:
    if meta.datatype == "TIMELINE":
        return "is a timeline of patients"
    if "resource_type" in meta.values:
        return "lists resources (links), not values"
    if meta.kind == "GENERIC_ASSAY" and meta.datatype in _TEXT_ASSAYS:
        return f"has values that are no numbers ({meta.datatype.lower()})"
    return _OF_META.get(meta.kind, "")


def kind_of(head: str, file: str, meta: Meta | None) -> Kind:
    """How a file that is loaded is read."""
    names, said = columns(head), meta.kind if meta else ""
    if {"tumor_sample_barcode", "fusion"} <= names and "variant_classification" not in names:
        return Kind.FUSIONS
    if said.startswith("MUTATION") or is_header(head):
        return Kind.MUTATIONS
    if said == "STRUCTURAL_VARIANT" or {"sample_id", "site1_hugo_symbol"} <= names:
        return Kind.STRUCTURAL
    seg = file.lower().removesuffix(".gz").endswith(".seg")
    if seg or {"loc.start", "loc.end"} <= names or (meta and meta.datatype == "SEG"):
        return Kind.SEGMENTS
    return Kind.MATRIX


def columns(head: str) -> set[str]:
    """The names in a line of column names, in lower case."""
    return {cell.strip(' "').lower() for cell in head.split("\t")}
