"""The OpenSearch index: the contract on a real server, and what is particular to it."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from polly_resources.errors import Unavailable
from polly_resources.records import SearchRequest
from polly_resources.search import opensearch_bulk, opensearch_facets
from polly_resources.search.base import SearchIndex
from polly_resources.search.opensearch import OpenSearchIndex
from polly_resources.search.opensearch_versions import Versions
from tests.contracts.search import SearchIndexContract, document
from tests.servers.base import wait_until
from tests.servers.opensearch import OpenSearch
from tests.servers.pool import Pool

pytestmark = pytest.mark.servers


class TestOpenSearchIndex(SearchIndexContract):
    TESTED = ("`opensearch://`", "OpenSearch 3.6.0")

    @pytest.fixture(autouse=True)
    def server(self, servers: Pool, tmp_path: Path) -> Iterator[None]:
        self.node = servers.get(OpenSearch)
        yield
        self.node.ask("DELETE", f"/{prefix(tmp_path / 'search')}*")

    def open_index(self, folder: Path) -> SearchIndex:
        return OpenSearchIndex(f"{self.node.address}/{prefix(folder)}")


def prefix(folder: Path) -> str:
    return f"t{hashlib.sha256(str(folder).encode()).hexdigest()[:12]}-"


@pytest.fixture
def node(servers: Pool) -> OpenSearch:
    return servers.get(OpenSearch)


@pytest.fixture
def open_index(node: OpenSearch, tmp_path: Path) -> Iterator[Callable[..., OpenSearchIndex]]:
    """Opens the indexes of this test, with options of the address and the constructor."""
    name = prefix(tmp_path)
    yield lambda options="", **more: OpenSearchIndex(f"{node.address}/{name}?{options}", **more)
    node.ask("DELETE", f"/{name}*")


def versions(index: OpenSearchIndex, atlas: str = "demo") -> tuple[Versions, str]:
    return index._versions, index._versions.alias(atlas)


@contextmanager
def meanwhile(*calls: Callable[[], object]) -> Iterator[None]:
    """The calls again and again in threads of their own; their errors are raised."""
    stop = threading.Event()

    def again(call: Callable[[], object]) -> None:
        while not stop.is_set():
            call()

    with ThreadPoolExecutor(len(calls)) as pool:
        futures = [pool.submit(again, call) for call in calls]
        try:
            yield
        finally:
            stop.set()
    for future in futures:
        future.result()


def test_readers_see_the_old_or_the_new_index_during_rebuilds(open_index):
    index = open_index()
    sizes = (60, 50, 60, 50)
    index.rebuild("demo", [document(f"d{i}", "x") for i in range(50)])
    seen: set[tuple[int, int]] = set()

    def read() -> None:
        answer = index.search("demo", SearchRequest("x", facets=["a"], limit=100))
        seen.update([(answer.total, len(answer.hits)), (index.count("demo"),) * 2])
        count = len(list(index.scan("demo")))
        seen.add((count, count))

    with meanwhile(read, read):
        for size in sizes:
            index.rebuild("demo", [document(f"d{i}", "x") for i in range(size)])
    assert seen <= {(50, 50), (60, 60)}


def test_first_writers_make_one_index(open_index, node):
    def write(number: int) -> None:
        open_index().put("demo", [document(f"d{number}", facets={f"f{number}": ["x"]})])

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(write, range(6)))
    index = open_index()
    assert index.count("demo") == 6
    state = index._versions.state(versions(index)[1])
    assert state.current is not None and not state.building and not state.garbage


def test_every_facet_is_declared_an_array_by_whoever_came_last(open_index, node):
    def write(number: int) -> None:
        index = open_index()
        for more in range(4):
            name = f"f{number}_{more}"
            index.put("demo", [document(f"d{number}_{more}", facets={name: ["x"]})])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    index = open_index()
    [mapping] = node.ask("GET", f"/{versions(index)[1]}/_mapping").values()
    names = sorted(f"f{number}_{more}" for number in range(4) for more in range(4))
    assert sorted(mapping["mappings"]["properties"]["facets"]["properties"]) == names
    declared = mapping["mappings"]["_meta"]["trino"]
    assert declared == {
        "words": {"isArray": True},
        "facets": {name: {"isArray": True} for name in names},
    }


def test_writes_that_meet_a_rebuild_are_in_its_index(open_index):
    index, other = open_index(), open_index()
    index.put("demo", [document("d0"), document("old")])
    handler, alias = versions(index)
    several = [document(f"d{i}") for i in range(3_000)]
    with ThreadPoolExecutor(3) as pool:
        rebuilt = pool.submit(index.rebuild, "demo", several)
        wait_until(lambda: bool(handler.state(alias).building), what="the rebuild")
        put = pool.submit(other.put, "demo", [document("new"), document("d1", "changed")])
        delete = pool.submit(other.delete, "demo", ["d2"])
        for done in (rebuilt, put, delete):
            done.result()
    assert index.count("demo") == 3_000
    ids = {entry.dataset_id: entry.title for entry in index.scan("demo")}
    assert "new" in ids and ids["d1"] == "changed" and "d2" not in ids and "old" not in ids


def test_a_write_that_a_rebuild_overtakes_is_made_again(open_index, monkeypatch):
    index, other = open_index(), open_index()
    index.put("demo", [document("old")])
    send = opensearch_bulk.send

    def overtaken(*arguments: object) -> None:
        monkeypatch.setattr(opensearch_bulk, "send", send)
        send(*arguments)  # type: ignore[arg-type]
        other.rebuild("demo", [document("rebuilt")])

    monkeypatch.setattr(opensearch_bulk, "send", overtaken)
    index.put("demo", [document("new")])
    assert {entry.dataset_id for entry in index.scan("demo")} == {"rebuilt", "new"}


def test_rebuilds_at_the_same_time_end_with_one_of_them(open_index):
    def rebuild(number: int) -> bool:
        """Whether it came to its end: on a slow machine one may be taken for dead."""
        try:
            open_index().rebuild("demo", [document(f"{number}_{i}") for i in range(20)])
        except Unavailable as error:
            assert error.code == "search_rebuild_lost"
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert any(pool.map(rebuild, range(4)))
    index = open_index()
    ids = [entry.dataset_id for entry in index.scan("demo")]
    assert len(ids) == 20 and len({each.partition("_")[0] for each in ids}) == 1
    index.put("demo", [document("more")])
    handler, alias = versions(index)
    wait_until(lambda: not handler._tidied(alias).garbage, what="tidying")


def test_what_a_dead_rebuild_left_is_removed_by_the_next_writer(open_index):
    index = open_index(busy_seconds=0.5)
    index.put("demo", [document("d1")])
    handler, alias = versions(index)
    left = handler.begin(alias, ())
    assert index.count("demo") == 1
    index.put("demo", [document("d2")])
    assert index.count("demo") == 2
    assert not handler.state(alias).building
    with pytest.raises(Unavailable) as caught:
        handler.put_in_force(alias, left)
    assert caught.value.code == "search_rebuild_lost"


def test_a_rebuild_that_lives_is_waited_for_and_left_alone(open_index):
    index = open_index(busy_seconds=1.0)
    index.put("demo", [document("d1")])
    handler, alias = versions(index)
    new = handler.begin(alias, ())
    writes = [opensearch_bulk.put("d", {"dataset_id": "d"})]

    def work() -> None:
        opensearch_bulk.send(index._cluster, f"{new}~building", writes)

    with meanwhile(work), pytest.raises(Unavailable) as caught:
        index.put("demo", [document("d2")])
    assert caught.value.code == "search_index_busy"
    handler.put_in_force(alias, new)
    assert handler.state(alias).current == new


def test_a_rebuild_that_fails_leaves_the_old_index(open_index):
    index = open_index()
    index.put("demo", [document("d1")])
    with pytest.raises(Exception, match="does not take"):
        index.rebuild("demo", [document("d2"), document("x" * 40_000)])
    handler, alias = versions(index)
    state = handler.state(alias)
    assert index.count("demo") == 1 and not state.building and not state.garbage


def test_writes_of_any_size_go_in_chunks(open_index, monkeypatch):
    monkeypatch.setattr(opensearch_bulk, "CHUNK_BYTES", 3_000)
    monkeypatch.setattr(opensearch_bulk, "CHUNK_DOCUMENTS", 7)
    index = open_index()
    index.put("demo", [document(f"d{i}", text="word " * (i * 5)) for i in range(60)])
    index.delete("demo", [f"d{i}" for i in range(20)])
    assert index.count("demo") == 40


@pytest.mark.parametrize("limit", [7, 10_000])
def test_facets_are_exact_over_several_shards(open_index, monkeypatch, limit):
    monkeypatch.setattr(opensearch_facets, "MAX_FACET_VALUES", limit)
    index = open_index("shards=3")
    documents = [
        document(f"d{i}", facets={"n": [str(k) for k in range(30) if i % (k + 1) == 0]})
        for i in range(200)
    ]
    index.put("demo", documents)
    counts: dict[str, int] = {}
    for source in documents:
        for value in source.facets["n"]:
            counts[value] = counts.get(value, 0) + 1
    most = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:limit]
    told = index.search("demo", SearchRequest("", facets=["n"])).facets["n"]
    assert list(told.items()) == most


def test_the_layout_is_what_others_read(open_index, node):
    index = open_index()
    facets: dict[str, Sequence[str]] = {"curated_disease": ["flu"], "odd.name": ["x"]}
    index.put("demo", [document("GSE1", "Lung, the title", "Some IL-6", facets=facets)])
    [hit] = node.ask("GET", f"/{versions(index)[1]}/_search")["hits"]["hits"]
    source = hit["_source"]
    assert hit["_id"] == source["dataset_id"] == "GSE1"
    assert source["title"] == "Lung, the title"
    assert source["words"] == ["gse1", "lung the title", "some il 6", ""]
    assert source["facets"] == {"curated_disease": ["flu"], "odd~2e~name": ["x"]}
