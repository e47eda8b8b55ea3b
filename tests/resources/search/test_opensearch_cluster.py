"""Three OpenSearch processes, killed while documents are written and searched."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from polly_resources.errors import Unavailable
from polly_resources.records import SearchRequest
from polly_resources.search.opensearch import OpenSearchIndex
from tests.contracts.search import document
from tests.servers.base import wait_until
from tests.servers.opensearch import OpenSearch, OpenSearchCluster
from tests.servers.pool import Pool

pytestmark = pytest.mark.servers

BATCH = 100


@pytest.fixture(scope="module")
def cluster(servers: Pool) -> Iterator[OpenSearchCluster]:
    """Running; each test leaves it so."""
    made = OpenSearchCluster([servers.new(OpenSearch) for _ in range(3)])
    try:
        made.start()
        yield made
    finally:
        made.stop()


class Writer:
    """Puts batch after batch; what was acknowledged must stay."""

    def __init__(self, index: OpenSearchIndex) -> None:
        self.index = index
        self.begun = 0
        self.acknowledged = 0
        self.stop = threading.Event()

    def write(self) -> None:
        while not self.stop.is_set():
            ids = [f"d{self.begun + number}" for number in range(BATCH)]
            self.begun += BATCH
            documents = [document(each, "lung", facets={"n": ["x"]}) for each in ids]
            while True:
                try:
                    self.index.put("demo", documents)
                    break
                except Unavailable:
                    time.sleep(0.2)
            self.acknowledged = self.begun

    def read(self) -> int:
        """Search all the time; how many answers there were."""
        answers = 0
        while not self.stop.is_set():
            least = self.acknowledged
            try:
                answer = self.index.search("demo", SearchRequest("lung", facets=["n"], limit=5))
                counted = self.index.count("demo")
            except Unavailable:
                continue
            most = self.begun
            assert least <= answer.total <= most and least <= counted <= most
            assert answer.facets["n"] == {"x": answer.total}
            answers += 1
        return answers


def test_a_killed_manager_loses_nothing_and_no_answer_is_partial(cluster):
    index = OpenSearchIndex(f"{cluster.address}/faults-?replicas=2", seconds=10)
    index.put("demo", [document("d0", "lung", facets={"n": ["x"]})])
    writer = Writer(index)
    with ThreadPoolExecutor(2) as pool:
        tasks = [pool.submit(writer.write), pool.submit(writer.read)]
        try:
            wait_until(lambda: writer.acknowledged > 0, what="writing")
            cluster.manager().kill()
            cluster.wait("yellow", 2)
            at = writer.acknowledged
            wait_until(lambda: writer.acknowledged > at + BATCH, what="writing on")
            cluster.start()
        finally:
            writer.stop.set()
    answers = [task.result() for task in tasks][1]
    assert answers
    ids = {entry.dataset_id for entry in index.scan("demo")}
    assert ids == {f"d{number}" for number in range(writer.begun)}
    for node in cluster.nodes:
        told = node.ask("GET", "/faults-demo/_count?preference=_local")
        assert told["count"] == len(ids) and told["_shards"]["failed"] == 0


def test_without_a_quorum_writes_are_unavailable_and_reads_are_whole(cluster):
    index = OpenSearchIndex(f"{cluster.address}/quorum-?replicas=2", seconds=6)
    index.put("demo", [document("d1", "lung")])
    doomed = [cluster.manager(), *(n for n in cluster.nodes if n is not cluster.manager())][:2]
    for node in doomed:
        node.kill()
    with pytest.raises(Unavailable):
        index.put("demo", [document("d2", "lung")])
    assert index.search("demo", SearchRequest("lung")).total == 1
    cluster.start()
    index.put("demo", [document("d2", "lung")])
    assert index.count("demo") == 2
