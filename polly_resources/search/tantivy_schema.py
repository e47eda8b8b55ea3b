"""How documents and requests look to Tantivy: schema, tokenizer, queries, facet counts.

All searched text is one field, `words`, whose values (id, title, text, concepts) Tantivy
keeps a position apart, so words match across them and phrases do not. Facets are one JSON
field with a path per facet, for exact filters and counts from columns.
Keep out: files, locks and versions of an index (`tantivy`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import tantivy
from tantivy import Occur, Query

from polly_resources.errors import BadInput
from polly_resources.records import IndexEntry, SearchDocument, SearchRequest
from polly_resources.search.base import MAX_FACET_VALUES, TITLE_BOOST
from polly_resources.search.text import MAX_TERM_BYTES, clauses, is_digest, shortened, words

_OUTSIDE = re.compile(r"[^A-Za-z0-9_]")
# A value that looks like a time would be indexed as one; a value that starts so never does.
_LITERAL = "="


def schema() -> tantivy.Schema:
    """The fields of an index."""
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("dataset_id", stored=True, tokenizer_name="raw", index_option="basic")
    builder.add_text_field("title", tokenizer_name="words")
    builder.add_text_field("words", tokenizer_name="words")
    builder.add_json_field("facets", fast=True, tokenizer_name="raw", index_option="basic")
    builder.add_bytes_field("stored", stored=True)
    builder.add_bytes_field("entry", stored=True)
    return builder.build()


def tokenizer() -> tantivy.TextAnalyzer:
    """The `words` tokenizer: text comes as `text.words` splits it."""
    return tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build()


def document(source: SearchDocument) -> tantivy.Document:
    """The document to index. Raises BadInput where `stored` is not JSON."""
    title = words(source.title)
    made = tantivy.Document()
    made.add_text("dataset_id", source.dataset_id)
    made.add_text("title", title)
    for text in (words(source.dataset_id), title, words(source.text), words(source.concepts)):
        made.add_text("words", text)
    facets = {
        _path(name): [_key(value) for value in dict.fromkeys(values)]
        for name, values in source.facets.items()
    }
    made.add_json("facets", facets)
    made.add_bytes("stored", _encode(source))
    entry = {"title": source.title, "facets": {k: list(v) for k, v in source.facets.items()}}
    made.add_bytes("entry", json.dumps(entry, ensure_ascii=False).encode())
    return made


def query(schema: tantivy.Schema, request: SearchRequest) -> Query:
    """The query of a request. Raises BadQuery where it has too many words."""
    parts: list[tuple[Occur, Query]] = [(Occur.Must, Query.all_query())]
    for clause in clauses(request.text):
        found = _text(schema, "words", clause.words)
        parts.append((Occur.MustNot if clause.excluded else Occur.Must, found))
        if not clause.excluded:
            title = Query.boost_query(_text(schema, "title", clause.words), TITLE_BOOST)
            parts.append((Occur.Should, title))
    for name, values in request.filters.items():
        chosen = Query.term_set_query(
            schema, f"facets.{_path(name)}", [_key(value) for value in values]
        )
        parts.append((Occur.Must, Query.const_score_query(chosen, 0.0)))
    return Query.boolean_query(parts)


def count_facets(
    schema: tantivy.Schema, searcher: tantivy.Searcher, query: Query, facets: Sequence[str]
) -> dict[str, dict[str, int]]:
    """How many of all hits have each value, most frequent first.

    A facet lists at most `MAX_FACET_VALUES` values.
    """
    if not facets:
        return {}
    names = list(dict.fromkeys(facets))
    wanted = {
        str(number): {
            "terms": {
                "field": f"facets.{_path(name)}",
                "size": MAX_FACET_VALUES,
                "segment_size": MAX_FACET_VALUES,
            }
        }
        for number, name in enumerate(names)
    }
    found = searcher.aggregate(query, wanted)
    return {
        name: {
            _value(schema, searcher, name, bucket["key"]): int(bucket["doc_count"])
            for bucket in found[str(number)]["buckets"]
        }
        for number, name in enumerate(names)
    }


def stored(found: tantivy.Document) -> tuple[str, Mapping[str, Any]]:
    """The dataset id and the stored fields of a hit."""
    fields: dict[str, Any] = found.to_dict()
    return fields["dataset_id"][0], json.loads(bytes(fields["stored"][0]))


def entry(found: tantivy.Document) -> IndexEntry:
    """What the index holds of a dataset."""
    fields: dict[str, Any] = found.to_dict()
    return IndexEntry(fields["dataset_id"][0], **json.loads(bytes(fields["entry"][0])))


def _text(schema: tantivy.Schema, field: str, tokens: tuple[str, ...]) -> Query:
    if len(tokens) == 1:
        return Query.term_query(schema, field, tokens[0])
    return Query.phrase_query(schema, field, list(tokens))


def _key(value: str) -> str:
    """A facet's value as it is indexed."""
    return _LITERAL + shortened(value, MAX_TERM_BYTES)


def _value(schema: tantivy.Schema, searcher: tantivy.Searcher, name: str, key: str) -> str:
    """The facet's value behind a key; of a digest, as a dataset that has it tells."""
    plain = key.removeprefix(_LITERAL)
    if not is_digest(plain):
        return plain
    having = Query.term_query(schema, f"facets.{_path(name)}", key)
    found: Any = searcher.search(having, 1)
    values = entry(searcher.doc(found.hits[0][1])).facets[name]
    return next(value for value in values if _key(value) == key)


def _path(name: str) -> str:
    """A facet's name as a JSON path of one plain step, different for each name."""
    return "f" + _OUTSIDE.sub(lambda found: f"~{ord(found[0]):x}~", name)


def _encode(source: SearchDocument) -> bytes:
    try:
        return json.dumps(dict(source.stored), ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise BadInput(
            "bad_document",
            f"the stored fields of {source.dataset_id!r} are not JSON: {error}",
            hint="store text, numbers, lists and mappings only",
        ) from error
