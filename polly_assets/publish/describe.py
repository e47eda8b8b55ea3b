"""A dataset's own metadata becomes the descriptive columns of `datasets` and `samples`.

Owns which original keys feed which column; the originals stay whole in `metadata`.
Keep out: curated values.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

_DATASET_KEYS: Mapping[str, tuple[str, ...]] = {
    "title": ("title", "name", "dataset_title", "study_title"),
    "description": ("description", "title", "name"),
    "summary": ("summary", "abstract"),
    "overall_design": ("overall_design",),
    "author": ("author", "authors", "contributor"),
    "publication": ("publication", "pubmed_id", "pubmed_ids", "pmid", "doi"),
    "src_dataset_id": ("src_dataset_id", "geo_accession", "accession"),
    "dataset_source": ("dataset_source", "source", "repository"),
}
_SAMPLE_KEYS: Mapping[str, tuple[str, ...]] = {
    "title": ("title", "sample_title"),
    "source_name": ("source_name", "source_name_ch1", "source"),
    "description": ("description",),
}
_YEAR_KEYS = ("year", "publication_year", "pubdate", "status", "submission_date")
_YEAR = re.compile(r"\b(19[89]\d|20\d\d)\b")
_PLATFORMS = (
    ("high throughput sequencing", "RNASeq"),
    ("rna-seq", "RNASeq"),
    ("by array", "Microarray"),
    ("oligonucleotide", "Microarray"),
    ("spotted", "Microarray"),
)


def dataset_columns(metadata: Mapping[str, Any]) -> dict[str, str | int | None]:
    """The descriptive columns that a dataset's own metadata gives."""
    lowered = {str(key).lower(): value for key, value in metadata.items()}
    if "fileformat" in lowered:
        lowered.pop("source", None)  # in a VCF the program that wrote it
    columns: dict[str, str | int | None] = {
        column: _first(lowered, keys) for column, keys in _DATASET_KEYS.items()
    }
    accession = columns["src_dataset_id"]
    if columns["dataset_source"] is None and str(accession).startswith("GSE"):
        columns["dataset_source"] = "GEO"
    return columns | {"year": _year(lowered), "platform": _platform(lowered)}


def describing(columns: Iterable[str]) -> list[str]:
    """Those of a sample's own columns that `sample_columns` looks at."""
    known = {key for keys in _SAMPLE_KEYS.values() for key in keys}
    return [name for name in columns if name.lower() in known]


def sample_columns(metadata: Mapping[str, Any]) -> dict[str, str | None]:
    """The descriptive columns that a sample's own metadata gives."""
    lowered = {str(key).lower(): value for key, value in metadata.items()}
    return {column: _first(lowered, keys) for column, keys in _SAMPLE_KEYS.items()}


def _first(metadata: Mapping[str, Any], keys: Iterable[str]) -> str | None:
    for key in keys:
        text = _text(metadata.get(key))
        if text:
            return text
    return None


def _text(value: Any) -> str | None:
    if isinstance(value, (list, tuple)):
        return "; ".join(str(item) for item in value if item is not None) or None
    return str(value) if isinstance(value, (str, int, float)) and str(value).strip() else None


def _year(metadata: Mapping[str, Any]) -> int | None:
    for key in _YEAR_KEYS:
        found = _YEAR.search(_text(metadata.get(key)) or "")
        if found:
            return int(found.group())
    return None


def _platform(metadata: Mapping[str, Any]) -> str | None:
    """Polly's word for the technology, else what the file calls its platform."""
    for key in ("type", "platform_technology"):
        text = (_text(metadata.get(key)) or "").lower()
        for words, platform in _PLATFORMS:
            if words in text:
                return platform
    return _first(metadata, ("platform", "platform_title", "platform_id"))
