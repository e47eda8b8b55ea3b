"""Counting the values of facets in OpenSearch, exactly.

The server's count of the most frequent values is exact as long as no shard has more values than
it may tell; where one has, all values are counted page by page.
Keep out: the query whose hits are counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from polly_resources.search import opensearch_schema as schema
from polly_resources.search.base import MAX_FACET_VALUES
from polly_resources.search.text import is_digest

MAX_TOGETHER = 6
"""Facets in one request; a request may have 65,535 values."""


class Ask(Protocol):
    """One search of an index, by the body of the request."""

    def __call__(self, body: Mapping[str, Any]) -> Any:
        """The server's answer."""


def aggregations(names: Sequence[str]) -> dict[str, Any]:
    """What asks for the counts of at most `MAX_TOGETHER` facets, as a part of a request."""
    terms = {"size": MAX_FACET_VALUES, "shard_size": MAX_FACET_VALUES}
    return {
        str(i): {"terms": {"field": f"facets.{schema.path(name)}", **terms}}
        for i, name in enumerate(names)
    }


def counts(
    ask: Ask, query: Mapping[str, Any], names: Sequence[str], answer: Mapping[str, Any]
) -> dict[str, dict[str, int]]:
    """The counts that an answer to `aggregations` tells, most frequent first.

    Args:
        ask: for what the answer leaves open.
        query: whose hits are counted.
        names: as given to `aggregations`.
        answer: the server's answer.
    """
    found = {}
    for i, name in enumerate(names):
        told = answer["aggregations"][str(i)]
        if told["doc_count_error_upper_bound"]:
            pairs = _most_frequent(ask, query, name)
        else:
            pairs = [(bucket["key"], bucket["doc_count"]) for bucket in told["buckets"]]
        found[name] = {
            _value(ask, name, key) if is_digest(key) else key: count for key, count in pairs
        }
    return found


def _most_frequent(ask: Ask, query: Mapping[str, Any], name: str) -> list[tuple[str, int]]:
    """Every value and its count, read in the order of values; then the most frequent of them."""
    source = [{"value": {"terms": {"field": f"facets.{schema.path(name)}"}}}]
    pages: dict[str, Any] = {"size": MAX_FACET_VALUES, "sources": source}
    pairs: list[tuple[str, int]] = []
    while True:
        body = {"query": query, "size": 0, "aggs": {"all": {"composite": pages}}}
        told = ask(body)["aggregations"]["all"]
        pairs += [(bucket["key"]["value"], bucket["doc_count"]) for bucket in told["buckets"]]
        if "after_key" not in told:
            return sorted(pairs, key=lambda pair: (-pair[1], pair[0]))[:MAX_FACET_VALUES]
        pages["after"] = told["after_key"]


def _value(ask: Ask, name: str, key: str) -> str:
    """The value that a digest stands for, from a dataset that has it."""
    body = {
        "query": {"term": {f"facets.{schema.path(name)}": key}},
        "size": 1,
        "stored_fields": schema.ENTRY,
    }
    for found in ask(body)["hits"]["hits"]:
        values = schema.entry(found).facets[name]
        return next(value for value in values if schema.key(value) == key)
    return key
