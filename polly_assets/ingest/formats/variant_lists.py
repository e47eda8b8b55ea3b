"""Tables of variants that are neither VCF nor MAF, told by the names of their columns.

Owns what such columns are called by DepMap, Xena, ICGC, ANNOVAR, and in a MAF saved as CSV: a
table of numbers they are too, whose positions and depths no reader may take for samples.
Keep out: reading variants, and matrices with a row per variant, which have no column of samples.
"""

from __future__ import annotations

import re
from collections.abc import Set

from polly_assets.ingest.formats.tabbed import beginning

_CHROMOSOME = frozenset({"chr", "chrom", "chromosome", "contig", "seqnames"})
_POSITION = frozenset(
    {"chromosomestart", "chromstart", "pos", "position", "start", "startposition"}
)
_REFERENCE = frozenset(
    {"ref", "refallele", "reference", "referenceallele", "referencegenomeallele"}
)
_ALTERNATIVE = frozenset(
    {"alt", "altallele", "alternate", "alternateallele", "alternative", "mutatedtoallele",
     "tumorseqallele2", "variantallele"}
)  # fmt: skip
_OF_ONE_SAMPLE = frozenset(
    {"barcode", "caseid", "celllinename", "depmapid", "donorid", "funcrefgene", "icgcdonorid",
     "icgcsampleid", "modelid", "patientid", "sample", "sampleid", "samplename",
     "tumorsamplebarcode"}
)  # fmt: skip
_KINDS = (_CHROMOSOME, _POSITION, _REFERENCE, _ALTERNATIVE, _OF_ONE_SAMPLE)
_MAF = frozenset({"hugosymbol", "tumorsamplebarcode", "variantclassification"})


def lists_variants(head: bytes) -> bool:
    """Whether a file's first bytes name the columns of a list: a row per variant and sample."""
    text = beginning(head)
    if "\0" in text:
        return False
    names = _columns(text)
    return names >= _MAF or not any(names.isdisjoint(kind) for kind in _KINDS)


def _columns(head: str) -> Set[str]:
    """The names in the first line that is no comment, by their letters and digits."""
    lines = head.splitlines()
    first = next((line for line in lines if line.strip() and not line.startswith("#")), "")
    cells = re.split(r"[\t,;]", first)
    return {re.sub(r"[^0-9a-z]", "", cell.lower()) for cell in cells}
