"""The search index on OpenSearch servers: one alias per atlas, for many machines.

Searching: an alias that does not exist holds nothing; an answer that lacks a shard is no answer.
Writing: what was written is visible, and still there when no rebuild is under way any more. A
write that meets a rebuild waits for it, and is made again on the version that it left: a rebuild
loses no write, and readers see the version before it or the one after it.
Keep out: requests (`opensearch_client`), versions (`opensearch_versions`), fields and queries
(`opensearch_schema`), facets (`opensearch_facets`), many writes (`opensearch_bulk`).
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any, TypeVar

from polly_resources.errors import BadQuery, NotFound, PollyError, Unavailable
from polly_resources.records import (
    IndexEntry,
    SearchAnswer,
    SearchDocument,
    SearchHit,
    SearchRequest,
)
from polly_resources.search import opensearch_bulk as bulk
from polly_resources.search import opensearch_facets as facets
from polly_resources.search import opensearch_schema as schema
from polly_resources.search.base import SearchIndex, checked_page
from polly_resources.search.opensearch_client import Cluster, address_of, path_of
from polly_resources.search.opensearch_errors import PARTIAL
from polly_resources.search.opensearch_versions import Versions, building

WINDOW = 10_000
"""Hits that OpenSearch counts off at most, from the first of a request."""

_SCAN_PAGE = 1_000
_KEEP = "5m"
_READS = 6
_WRITES = 10

T = TypeVar("T")


class OpenSearchIndex(SearchIndex):
    """Indexes at `opensearch[+https]://USER@HOST:PORT,HOST2:PORT/PREFIX?option=value`.

    Without a port it is 9200, or 443 with `aws_region`. The options: `shards` and `replicas` of
    new indexes (1 and 0); `ca`, a file with the authority of the servers' certificates;
    `aws_region` and `aws_service` (`es`, or `aoss` for serverless, where writes show late), to
    sign requests for AWS.

    Args:
        address: where the servers are, with the user's password.
        seconds: how long a server has for one answer.
        busy_seconds: how long a write waits for a rebuild before Unavailable.
    """

    def __init__(self, address: str, *, seconds: float = 30.0, busy_seconds: float = 60.0) -> None:
        parts = address_of(address)
        self._cluster = Cluster(parts, seconds)
        self._versions = Versions(self._cluster, parts, busy_seconds)

    def about(self) -> str:
        """See `Served.about`."""
        told = self._cluster.ask("GET", "/")["version"]
        return f"{told.get('distribution', 'OpenSearch').capitalize()} {told['number']}"

    def put(self, atlas: str, documents: Sequence[SearchDocument]) -> None:
        """See `SearchIndex.put`; of documents with one id the last counts.

        Raises BadInput for a document that cannot be indexed, Unavailable where the cluster is
        away, busy or full, or the index is being rebuilt for long.
        """
        alias = self._versions.alias(atlas)
        made = {each.dataset_id: schema.document(each) for each in documents}
        if made:
            writes = [bulk.put(dataset_id, each) for dataset_id, each in made.items()]
            self._write(alias, writes, _paths(made.values()), make=True)

    def delete(self, atlas: str, dataset_ids: Sequence[str]) -> None:
        """See `SearchIndex.delete`."""
        alias = self._versions.alias(atlas)
        writes = [bulk.delete(dataset_id) for dataset_id in dict.fromkeys(dataset_ids)]
        if writes:
            self._write(alias, writes, (), make=False)

    def rebuild(self, atlas: str, documents: Sequence[SearchDocument]) -> None:
        """See `SearchIndex.rebuild`."""
        alias = self._versions.alias(atlas)
        made = {each.dataset_id: schema.document(each) for each in documents}
        index = self._versions.begin(alias, _paths(made.values()))
        try:
            writes = (bulk.put(dataset_id, each) for dataset_id, each in made.items())
            bulk.send(self._cluster, building(index), writes)
            self._refresh(index)
            if self._count(index) != len(made):
                raise Unavailable("search_rebuild_lost", f"{index} lacks documents")
            self._versions.put_in_force(alias, index)
        except BaseException:
            with suppress(PollyError):
                self._versions.abandon(index)
            raise
        self._versions.tidy(alias)

    def search(self, atlas: str, request: SearchRequest) -> SearchAnswer:
        """See `SearchIndex.search`; hits by relevance, then by dataset id.

        Raises BadQuery for a negative page or a search of too many words, Unavailable where not
        every shard answers.
        """
        checked_page(request)
        alias = self._versions.alias(atlas)
        try:
            query, copies = schema.query(request), schema.preference(request)
        except ValueError as error:
            raise BadQuery("bad_text", f"the search is not Unicode text: {error}") from error
        far = request.offset + request.limit > WINDOW
        many = len(set(request.facets)) > facets.MAX_TOGETHER
        nothing = SearchAnswer(0, (), {name: {} for name in request.facets})
        if far or many:
            return self._read(alias, lambda: self._search_frozen(alias, query, request)) or nothing
        ask = self._asking(alias, preference=copies)
        return self._read(alias, lambda: _answer(ask, query, request)) or nothing

    def scan(self, atlas: str) -> Iterator[IndexEntry]:
        """See `SearchIndex.scan`. Raises Unavailable where the servers forget what it was."""
        alias = self._versions.alias(atlas)
        frozen = self._read(alias, lambda: self._freeze(alias))
        if frozen is None:
            return
        with self._frozen(frozen) as ask:
            body = {"query": {"match_all": {}}, "stored_fields": schema.ENTRY}
            for found in _pages(ask, {**body, "sort": ["dataset_id"]}, _SCAN_PAGE):
                yield schema.entry(found)

    def count(self, atlas: str) -> int:
        """See `SearchIndex.count`."""
        alias = self._versions.alias(atlas)
        return self._read(alias, lambda: self._count(alias)) or 0

    def _write(
        self, alias: str, writes: Sequence[bulk.Write], paths: Collection[str], *, make: bool
    ) -> None:
        """Make the writes on the version in force; again where it is another one afterwards."""
        for _ in range(_WRITES):
            index = self._versions.settled(alias)
            if index is None:
                if not make:
                    return
                self._versions.make_first(alias, paths)
                continue
            with suppress(NotFound):
                self._versions.declare(index, paths)
                bulk.send(self._cluster, alias, writes)
                self._refresh(index)
                state = self._versions.state(alias)
                if state.current == index and not state.building:
                    return
        raise Unavailable(
            "search_index_busy", f"{alias!r} was rebuilt again and again", hint="try again"
        )

    def _read(self, alias: str, read: Callable[[], T]) -> T | None:
        """What was read; None where the alias is absent.

        A version may go while it is read, and a node may die: the next try finds another.
        """
        for attempt in range(_READS):
            try:
                return read()
            except NotFound as error:
                if error.place == alias:
                    return None
                last: PollyError = error
            except Unavailable as error:
                if error.code != PARTIAL:
                    raise
                last = error
            time.sleep(0.05 * 2**attempt)
        raise Unavailable(PARTIAL, last.message, hint=last.hint) from last

    def _refresh(self, index: str) -> None:
        self._cluster.whole("POST", path_of(index, "_refresh"), {})

    def _count(self, name: str) -> int:
        return int(self._cluster.whole("GET", path_of(name, "_count"), {})["count"])

    def _asking(
        self, *path: str, more: Mapping[str, Any] | None = None, **options: str
    ) -> facets.Ask:
        """Searches with the same path, options and part of the body."""
        seconds = max(int(self._cluster.seconds * 0.8), 1)
        common = {"timeout": f"{seconds}s", **(more or {})}

        def ask(body: Mapping[str, Any]) -> Any:
            return self._cluster.whole(
                "POST", path_of(*path, "_search"), {**common, **body}, **options
            )

        return ask

    def _freeze(self, alias: str) -> str:
        """The id of a point in time: the index stays for it as it is now."""
        path = path_of(alias, "_search", "point_in_time")
        told = self._cluster.whole(
            "POST", path, {}, keep_alive=_KEEP, allow_partial_pit_creation="false"
        )
        return str(told["pit_id"])

    @contextmanager
    def _frozen(self, frozen: str) -> Iterator[facets.Ask]:
        """Searches at a point in time, which ends with this."""
        try:
            yield self._asking(more={"pit": {"id": frozen, "keep_alive": _KEEP}})
        finally:
            with suppress(PollyError):
                self._cluster.ask(
                    "DELETE", path_of("_search", "point_in_time"), {"pit_id": [frozen]}
                )

    def _search_frozen(
        self, alias: str, query: Mapping[str, Any], request: SearchRequest
    ) -> SearchAnswer:
        """The answer by several requests at one point in time: for far pages and many facets."""
        names = list(dict.fromkeys(request.facets))
        with self._frozen(self._freeze(alias)) as ask:
            answer = _answer(ask, query, replace(request, facets=(), limit=0, offset=0))
            counted: dict[str, Mapping[str, int]] = {}
            for start in range(0, len(names), facets.MAX_TOGETHER):
                some = names[start : start + facets.MAX_TOGETHER]
                part = replace(request, facets=some, limit=0, offset=0)
                counted.update(_answer(ask, query, part).facets)
            hits: tuple[SearchHit, ...] = ()
            if request.offset < answer.total:
                hits = tuple(map(schema.hit, _window(ask, query, request)))
        return SearchAnswer(answer.total, hits, counted)


def _answer(ask: facets.Ask, query: Mapping[str, Any], request: SearchRequest) -> SearchAnswer:
    names = list(dict.fromkeys(request.facets))
    told = ask(
        {
            "query": query,
            "from": request.offset,
            "size": request.limit,
            "sort": schema.ORDER,
            "stored_fields": schema.HIT,
            "track_total_hits": True,
            "aggs": facets.aggregations(names),
        }
    )
    return SearchAnswer(
        told["hits"]["total"]["value"],
        tuple(map(schema.hit, told["hits"]["hits"])),
        facets.counts(ask, query, names, told),
    )


def _window(
    ask: facets.Ask, query: Mapping[str, Any], request: SearchRequest
) -> Iterator[Mapping[str, Any]]:
    """The hits of a page, however far it is."""
    body = {"query": query, "sort": schema.ORDER}
    passed = _pages(ask, {**body, "_source": False}, WINDOW, request.offset)
    for last in deque(passed, maxlen=1):
        body["search_after"] = last["sort"]
    yield from _pages(ask, {**body, "stored_fields": schema.HIT}, _SCAN_PAGE, request.limit)


def _pages(
    ask: facets.Ask, body: Mapping[str, Any], page: int, most: float = math.inf
) -> Iterator[Mapping[str, Any]]:
    """Hits in the order of the body, asked for page by page."""
    body = dict(body)
    while most > 0:
        size = int(min(page, most))
        hits = ask({**body, "size": size})["hits"]["hits"]
        yield from hits
        if len(hits) < size:
            return
        body["search_after"] = hits[-1]["sort"]
        most -= size


def _paths(documents: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    return frozenset(path for document in documents for path in document["facets"])
