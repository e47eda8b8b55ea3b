"""How documents and requests look to OpenSearch: mapping, documents, queries, hits.

All searched text is one field, `words`, whose values (id, title, text, concepts) OpenSearch keeps
positions apart, so words match across them and phrases do not. They are the words of `text.words`,
parted by spaces; `title` is for reading. `stored` and `entry` are JSON. A facet is a keyword field
in `facets`, its name as it is where it is letters, digits and `_`. What may hold several values
is declared in `_meta` for Trino, which cannot know otherwise.
Keep out: requests, names and versions of indexes, counting facets (`opensearch_facets`).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from polly_resources.errors import BadInput
from polly_resources.records import IndexEntry, SearchDocument, SearchHit, SearchRequest
from polly_resources.search.base import TITLE_BOOST
from polly_resources.search.text import MAX_TERM_BYTES, clauses, shortened, words

ENTRY = ["dataset_id", "entry"]
HIT = ["dataset_id", "stored"]

ORDER = [{"_score": "desc"}, {"dataset_id": "asc"}]

MAX_TITLE_CLAUSES = 20
"""The server counts every clause against 1,024, and long searches need no ranking by title."""

_MAX_ID_BYTES = 512
_OUTSIDE = re.compile(r"[^A-Za-z0-9_]")
_KEYWORD = {"type": "keyword"}


def settings(shards: str, replicas: str) -> dict[str, Any]:
    """The settings of an index."""
    return {
        "number_of_shards": shards,
        "number_of_replicas": replicas,
        "mapping.total_fields.limit": 10_000,
        "analysis": {
            "tokenizer": {"words": {"type": "whitespace", "max_token_length": MAX_TERM_BYTES}},
            "analyzer": {"words": {"type": "custom", "tokenizer": "words"}},
        },
    }


def mapping(paths: Iterable[str]) -> dict[str, Any]:
    """The mapping of an index with these facets; others become fields as they come."""
    searched = {"type": "text", "analyzer": "words"}
    kept = {"type": "text", "index": False, "store": True}
    return {
        **declared(paths),
        "dynamic": "false",
        "dynamic_templates": [{"facets": {"path_match": "facets.*", "mapping": _KEYWORD}}],
        "properties": {
            "dataset_id": {"type": "keyword", "store": True},
            "title": {"type": "text", "index": False},
            "title_words": searched,
            "words": searched,
            "facets": {"type": "object", "dynamic": "true", **facet_fields(paths)},
            "stored": kept,
            "entry": kept,
        },
    }


def facet_fields(paths: Iterable[str]) -> dict[str, Any]:
    """The fields of facets, as a part of a mapping."""
    return {"properties": dict.fromkeys(paths, _KEYWORD)}


def declared(paths: Iterable[str]) -> dict[str, Any]:
    """Which fields hold several values, as a part of a mapping; replaced as a whole."""
    many = {"isArray": True}
    facets = dict.fromkeys(sorted(paths), many)
    return {"_meta": {"trino": {"words": many, "facets": facets}}}


def path(name: str) -> str:
    """The field of a facet below `facets`; different for each name."""
    return _OUTSIDE.sub(lambda found: f"~{ord(found[0]):x}~", name) or "~"


def key(value: str) -> str:
    """A facet's value as it is indexed."""
    return shortened(value, MAX_TERM_BYTES)


def identity(dataset_id: str) -> str:
    """The `_id` of a dataset's document."""
    return shortened(dataset_id, _MAX_ID_BYTES) or "sha256:"


def document(source: SearchDocument) -> dict[str, Any]:
    """The document to index.

    Raises BadInput where it holds what is not Unicode text, or `stored` is not JSON.
    """
    facets = {name: list(values) for name, values in source.facets.items()}
    try:
        title = words(source.title)
        made = {
            "dataset_id": source.dataset_id,
            "title": source.title,
            "title_words": title,
            "words": [
                words(source.dataset_id),
                title,
                words(source.text),
                words(source.concepts),
            ],
            "facets": {
                path(name): [key(value) for value in values] for name, values in facets.items()
            },
            "stored": encoded(dict(source.stored)).decode(),
            "entry": encoded({"title": source.title, "facets": facets}).decode(),
        }
        encoded(made)
    except (TypeError, ValueError) as error:
        raise BadInput(
            "bad_document",
            f"{source.dataset_id!r} holds what is neither Unicode text nor JSON: {error}",
            hint="store text, numbers, lists and mappings only",
        ) from error
    return made


def encoded(value: Mapping[str, Any]) -> bytes:
    """JSON in one line. Raises TypeError or ValueError for what is not JSON."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False).encode()


def query(request: SearchRequest) -> dict[str, Any]:
    """The query of a request.

    Raises BadQuery where it has too many words, ValueError where a filter is not Unicode.
    """
    wanted: list[dict[str, Any]] = [{"match_all": {}}]
    better: list[dict[str, Any]] = []
    unwanted: list[dict[str, Any]] = []
    found = clauses(request.text)
    for clause in found:
        if clause.excluded:
            unwanted.append(_text("words", clause.words))
            continue
        wanted.append(_text("words", clause.words))
        if len(better) < MAX_TITLE_CLAUSES:
            better.append(_text("title_words", clause.words, TITLE_BOOST))
    filters = [
        {"terms": {f"facets.{path(name)}": [key(value) for value in values]}}
        for name, values in request.filters.items()
    ]
    return {"bool": {"must": wanted, "should": better, "must_not": unwanted, "filter": filters}}


def preference(request: SearchRequest) -> str:
    """A word by which all pages of one search ask the same copies: scores differ between copies."""
    asked = encoded(
        {"text": request.text, "filters": {k: list(v) for k, v in request.filters.items()}}
    )
    return hashlib.sha256(asked).hexdigest()


def hit(found: Mapping[str, Any]) -> SearchHit:
    """A hit asked for with the fields `HIT`."""
    fields = found["fields"]
    stored = json.loads(fields["stored"][0])
    return SearchHit(fields["dataset_id"][0], float(found["_score"]), stored)


def entry(found: Mapping[str, Any]) -> IndexEntry:
    """What the index holds of a dataset; a hit asked for with the fields `ENTRY`."""
    fields = found["fields"]
    return IndexEntry(fields["dataset_id"][0], **json.loads(fields["entry"][0]))


def _text(field: str, tokens: Sequence[str], boost: float = 1.0) -> dict[str, Any]:
    kind = "match" if len(tokens) == 1 else "match_phrase"
    return {kind: {field: {"query": " ".join(tokens), "boost": boost}}}
