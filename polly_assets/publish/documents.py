"""Published datasets and samples become search documents.

Owns what of a dataset can be found by words and what can be filtered or counted.
Keep out: the search engine.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from polly_assets.schema import FACETS, TERM_FIELDS
from polly_resources.records import SearchDocument

STORED = (
    "title",
    "data_type",
    "total_num_samples",
    "total_num_features",
    "curated_disease",
    "curated_tissue",
    "curated_organism",
    "data_table_name",
)
"""Columns returned with each hit."""

MAX_TEXT = 200_000
"""Characters of free text indexed per dataset."""


def curies(dataset: Mapping[str, Any]) -> Iterator[str]:
    """The CURIEs in the curated columns of one `datasets` row."""
    for name in TERM_FIELDS:
        yield from dataset[f"curated_{name}_curie"] or ()


def document(
    dataset: Mapping[str, Any],
    samples: Iterable[Mapping[str, Any]],
    names: Mapping[str, list[str]],
) -> SearchDocument:
    """The document of one `datasets` row with its `samples` rows.

    `names` gives other words for each of the row's CURIEs, see `Concepts.names`.
    """
    rows = list(samples)
    words = [
        dataset[c] for c in ("description", "summary", "overall_design", "author", "publication")
    ]
    words += [text for row in rows for text in _sample_words(row)]
    return SearchDocument(
        dataset_id=dataset["dataset_id"],
        title=dataset["title"] or dataset["dataset_id"],
        text=_joined([*words, *_strings(json.loads(dataset["metadata"]))]),
        concepts=_joined(_concept_words(dataset, names)),
        facets=_facets(dataset, rows),
        stored={name: dataset[name] for name in STORED},
    )


def _sample_words(row: Mapping[str, Any]) -> Iterator[str]:
    yield row["sample_id"]
    yield from _strings(json.loads(row["metadata"]))


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


def _concept_words(dataset: Mapping[str, Any], names: Mapping[str, list[str]]) -> Iterator[str]:
    for name in TERM_FIELDS:
        yield from dataset[f"curated_{name}"] or ()
    for curie in curies(dataset):
        yield from names[curie]


def _facets(dataset: Mapping[str, Any], samples: list[Mapping[str, Any]]) -> dict[str, list[str]]:
    facets: dict[str, list[str]] = {}
    for name in FACETS:
        value = dataset.get(name)
        values = value if isinstance(value, list) else [] if value is None else [str(value)]
        if name in ("curated_sex", "curated_sample_type"):
            values = sorted({row[name] for row in samples if row[name]})
        if values:
            facets[name] = list(values)
    return facets


def _joined(words: Iterable[str | None]) -> str:
    """Each wording once, in order: samples of a study repeat each other."""
    return "\n".join(dict.fromkeys(word for word in words if word))[:MAX_TEXT]
