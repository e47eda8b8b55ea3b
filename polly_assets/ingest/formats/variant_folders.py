"""Tables that describe the variants of their folder: `clinical.tsv`, `data_clinical_sample.txt`.

Owns how such tables and files of variants are called, where no common name joins them. Add here a
name by which a portal gives its clinical tables. Keep out: what they say (`variant_samples`).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping

from polly_assets.ingest.formats.beside.description_names import PLAIN_DESCRIPTIONS, sidecar_key

KEY = "clinical."
"""What the keys of such tables begin with among the sidecars of a file of variants."""

_VARIANTS = re.compile(r".+\.(maf|seg|vcf)|data_mutations?.*\.txt|.+[._]seg(\.v\d)?\.txt")
_CLINICAL = re.compile(r"(data_)?(bcr_)?clin(ical)?(_data)?(_(patients?|samples?))?")
_OTHERS = frozenset(
    ["annot", "annotation", "exposure", "family_history", "follow_up", "pathology_detail", "sample"]
)


def with_clinical(groups: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """The main files with their sidecars, where such tables were put to variants.

    Each describes all files of variants of its folder, by the samples that it names.
    """
    mains: dict[str, list[str]] = defaultdict(list)
    for main in groups:
        folder, _, last = main.rpartition("/")
        if holds_variants(last):
            mains[folder].append(main)
    joined = {main: dict(beside) for main, beside in groups.items()}
    for main, beside in groups.items():
        folder, _, last = main.rpartition("/")
        if not beside and folder in mains and describes_variants(last):
            for owner in mains[folder]:
                joined[owner][KEY + last.lower()] = main
            del joined[main]
    return joined


def beginnings(last: str) -> set[str]:
    """How the names begin of files that may be joined to this one.

    The empty one stands for all files of the folder.
    """
    if holds_variants(last):
        return {"clin", "data_", *PLAIN_DESCRIPTIONS, *_OTHERS}
    return {""} if describes_variants(last) else set()


def holds_variants(last: str) -> bool:
    """Whether a file of this name (without folder) holds variants of samples."""
    return _VARIANTS.fullmatch(last.lower().removesuffix(".gz")) is not None


def describes_variants(last: str) -> bool:
    """Whether a file of this name (without folder) may describe the variants beside it."""
    plain = last.lower().removesuffix(".gz")
    stem, _, ending = plain.rpartition(".")
    if _CLINICAL.fullmatch(stem):
        return ending in ("csv", "tsv", "txt")
    samples = stem in PLAIN_DESCRIPTIONS and not sidecar_key(plain).startswith("features.")
    return ending in ("csv", "tsv") and (samples or stem in _OTHERS)
