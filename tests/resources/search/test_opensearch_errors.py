"""OpenSearch away, silent, full, refusing: every error is ours, in time, without the password."""

from __future__ import annotations

import json
import logging
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from polly_resources.errors import BadInput, Misconfigured, PollyError, Unavailable
from polly_resources.records import SearchRequest
from polly_resources.search.opensearch import OpenSearchIndex
from tests.contracts.search import document
from tests.servers.base import HOST, free_port
from tests.servers.faulty import Faulty
from tests.servers.opensearch import OpenSearch
from tests.servers.pool import Pool
from tests.servers.tls_proxy import TlsProxy

pytestmark = pytest.mark.servers

SECRET = "pä:ss w/rd"
JSON = {"Content-Type": "application/json"}

Call = Callable[[OpenSearchIndex], object]

READS: list[Call] = [
    lambda index: index.search("demo", SearchRequest("x", facets=["a"])),
    lambda index: index.search("demo", SearchRequest("x", offset=20_000)),
    lambda index: index.count("demo"),
    lambda index: list(index.scan("demo")),
]
WRITES: list[Call] = [
    lambda index: index.put("demo", [document("d2")]),
    lambda index: index.delete("demo", ["d1"]),
    lambda index: index.rebuild("demo", [document("d3")]),
]


@pytest.fixture
def node(servers: Pool) -> OpenSearch:
    return servers.get(OpenSearch)


@pytest.fixture
def prefix(node: OpenSearch) -> Iterator[str]:
    made = f"e{uuid.uuid4().hex[:8]}-"
    yield made
    node.ask("DELETE", f"/{made}*")


@pytest.fixture
def index(node: OpenSearch, prefix: str) -> OpenSearchIndex:
    made = OpenSearchIndex(f"{node.address}/{prefix}")
    made.put("demo", [document("d1", "x")])
    return made


@pytest.fixture
def proxy(node: OpenSearch) -> Iterator[Faulty]:
    with Faulty(HOST, node.port) as made:
        yield made


def refused(index: OpenSearchIndex, call: Call) -> PollyError:
    with pytest.raises(PollyError) as caught:
        call(index)
    assert SECRET not in str(caught.value) and SECRET not in repr(caught.value.__cause__)
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize("call", [*READS, *WRITES])
def test_servers_that_are_away_are_unavailable_until_they_are_back(index, proxy, prefix, call):
    through = OpenSearchIndex(f"opensearch://{HOST}:{proxy.port}/{prefix}")
    assert through.count("demo") == 1
    proxy.mode = "refuse"
    error = refused(through, call)
    assert isinstance(error, Unavailable) and error.code == "search_unavailable"
    proxy.mode = "pass"
    call(through)


@pytest.mark.parametrize("call", [READS[0], WRITES[0]])
def test_a_server_that_says_nothing_is_waited_for_within_bounds(index, proxy, prefix, call):
    through = OpenSearchIndex(f"opensearch://{HOST}:{proxy.port}/{prefix}", seconds=0.5)
    proxy.mode = "stall"
    began = time.monotonic()
    assert isinstance(refused(through, call), Unavailable)
    assert time.monotonic() - began < 30


def test_another_host_is_asked_where_one_is_away_or_silent(index, proxy, prefix):
    port = index._cluster.name.rpartition(":")[2].partition("/")[0]
    away = f"{HOST}:{free_port()}"
    hosts = f"{away},{HOST}:{proxy.port},{HOST}:{port}"
    through = OpenSearchIndex(f"opensearch://{hosts}/{prefix}", seconds=1.0)
    for mode in ("stall", "refuse", "pass"):
        proxy.mode = mode
        for number in range(4):
            through.put("demo", [document(f"d{number}")])
        assert through.count("demo") == 4


@pytest.mark.parametrize("call", WRITES[:2])
def test_a_full_disk_is_unavailable_and_told(index, node, prefix, call):
    node.ask("PUT", f"/{prefix}*/_settings", {"index.blocks.read_only_allow_delete": True})
    error = refused(index, call)
    assert isinstance(error, Unavailable) and error.code == "search_full"
    assert "index.blocks.read_only_allow_delete" in error.hint
    assert index.count("demo") == 1
    node.ask("PUT", f"/{prefix}*/_settings", {"index.blocks.read_only_allow_delete": None})
    call(index)


def test_a_document_that_cannot_be_taken_is_named(index, node, prefix):
    limit = {"index.mapping.total_fields.limit": 20}
    node.ask("PUT", f"/{prefix}*/_settings", limit)
    bulky = document("d9", facets={f"f{n}": ["x"] for n in range(30)})
    with pytest.raises(PollyError) as caught:
        index.put("demo", [bulky])
    assert caught.value.code == "search_failed" and "total fields" in caught.value.message
    too_long = document("x" * 40_000)
    with pytest.raises(BadInput, match="does not take 'xxx"):
        index.put("demo", [document("d2"), too_long])


def test_an_index_of_another_with_the_name_of_an_atlas_is_told(index, node, prefix):
    node.ask("PUT", f"/{prefix}taken", {})
    for call in (
        lambda: index.put("taken", [document("d1")]),
        lambda: index.rebuild("taken", []),
    ):
        with pytest.raises(Misconfigured) as caught:
            call()
        assert caught.value.code == "search_name_taken"
    assert len(node.ask("GET", f"/{prefix}taken*/_alias")) == 1


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (200, b"<html>hello</html>", Misconfigured, "search_not_opensearch"),
        (404, b"Not Found", Misconfigured, "search_not_opensearch"),
        (502, b"Bad Gateway", Unavailable, "search_unavailable"),
        (401, b"Unauthorized", Misconfigured, "search_refused"),
        (403, b"Forbidden", Misconfigured, "search_refused"),
        (429, b'{"error":{"type":"circuit_breaking_exception","reason":"Data too large"}}',
         Unavailable, "search_busy"),
        (400, b'{"error":{"type":"parsing_exception","reason":"[x]"},"status":400}',
         Misconfigured, "search_failed"),
    ],
)  # fmt: skip
def test_what_other_servers_answer_is_told(proxy, status, body, kind, code):
    index = OpenSearchIndex(f"opensearch://{HOST}:{proxy.port}", seconds=0.5)
    headers = JSON if body.startswith(b"{") else {"Content-Type": "text/html"}
    proxy.answer = (status, headers, body)
    for call in (READS[0], WRITES[0], WRITES[1], WRITES[2]):
        error = refused(index, call)
        assert (type(error), error.code) == (kind, code)


@pytest.mark.parametrize(
    "answer",
    [
        {"_shards": {"total": 2, "successful": 1, "failed": 1}},
        {"_shards": {"total": 1, "successful": 1, "failed": 0}, "timed_out": True},
    ],
)
def test_an_answer_of_a_part_is_no_answer(proxy, answer):
    index = OpenSearchIndex(f"opensearch://{HOST}:{proxy.port}")
    hits = {"total": {"value": 1}, "hits": []}
    proxy.answer = (200, JSON, json.dumps({**answer, "hits": hits, "count": 1}).encode())
    for call in (READS[0], READS[2]):
        error = refused(index, call)
        assert isinstance(error, Unavailable) and error.code == "search_partial"


class TestSignIn:
    @pytest.fixture
    def door(self, node: OpenSearch, tmp_path: Path) -> Iterator[TlsProxy]:
        users = {"writer": SECRET, "reader": "reads"}
        with TlsProxy(HOST, node.port, tmp_path, users, readers="reader") as made:
            yield made

    def opened(self, door: TlsProxy, login: str, prefix: str) -> OpenSearchIndex:
        place = f"{login}@{HOST}:{door.port}/{prefix}"
        return OpenSearchIndex(f"opensearch+https://{place}?ca={door.certificate}", seconds=5)

    def test_user_and_password_open(self, door, prefix, caplog):
        caplog.set_level(logging.DEBUG)
        index = self.opened(door, "writer:p%C3%A4%3Ass%20w%2Frd", prefix)
        index.put("demo", [document("d1", "x")])
        assert index.search("demo", SearchRequest("x")).total == 1
        assert SECRET not in repr(vars(index)) + caplog.text

    def test_a_reader_reads_and_is_refused_to_write(self, index, door, prefix):
        reader = self.opened(door, "reader:reads", prefix)
        assert reader.count("demo") == len(list(reader.scan("demo"))) == 1
        for call in WRITES:
            error = refused(reader, call)
            assert isinstance(error, Misconfigured) and error.code == "search_refused"
            assert "name=reader" in error.message

    @pytest.mark.parametrize("login", ["writer:wrong", "nobody:x", "writer"])
    def test_who_is_not_known_is_refused(self, door, prefix, login):
        error = refused(self.opened(door, login, prefix), READS[0])
        assert isinstance(error, Misconfigured) and error.code == "search_refused"
        assert "POLLY_SEARCH_PASSWORD" in error.hint and "wrong" not in str(error)

    def test_a_certificate_of_nobody_we_trust_is_refused(self, door, prefix):
        index = OpenSearchIndex(f"opensearch+https://u:{'s'}@{HOST}:{door.port}/{prefix}")
        error = refused(index, READS[0])
        assert isinstance(error, Misconfigured) and error.code == "search_certificate"
        assert "ca=" in error.hint
