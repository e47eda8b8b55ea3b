"""OpenSearch for tests: one node, or several processes that make a cluster.

The distribution is the one that OpenSearch publishes to Maven for integration tests. It runs on
a Java runtime from a Python package, which lacks the data for breaking Thai words that OpenSearch
wants for every index: two ICU libraries bring it. There is no security plugin (see `tls_proxy`).
Keep out: indexes and documents.
"""

from __future__ import annotations

import json
import shutil
import time
import urllib.request
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from tests.servers.base import (
    HOST,
    Server,
    ServerFailed,
    cache,
    free_port,
    installing,
    java_home,
    maven,
)

VERSION = "3.6.0"
_ICU = "77.1"
_UNUSED = ("ingest-geoip", "opensearch-dashboards", "repository-url", "rule-framework")
_LOCAL = {
    "bootstrap.memory_lock": "false",
    "cluster.name": "polly-tests",
    "cluster.no_cluster_manager_block": "write",
    "cluster.routing.allocation.disk.threshold_enabled": "false",
    "network.host": HOST,
    "node.processors": "2",
}


class OpenSearch(Server):
    """One node; alone, or a member of the cluster whose members `join` is told."""

    name: ClassVar[str] = "opensearch"
    needs: ClassVar[tuple[str, ...]] = ("mvn",)

    def __init__(self, data: Path) -> None:
        super().__init__(data)
        self.port = free_port()
        self.transport = free_port()
        self._members: Sequence[OpenSearch] = (self,)

    @property
    def address(self) -> str:
        """The address for `polly_resources.search`."""
        return f"opensearch://{HOST}:{self.port}"

    def join(self, members: Sequence[OpenSearch]) -> None:
        """Make one cluster with these nodes, itself among them; before its first start."""
        self._members = members

    @classmethod
    def install(cls) -> None:
        """See `Server.install`."""
        java_home()
        with installing(f"opensearch-{VERSION}") as folder:
            if folder is None:
                return
            parts = folder / "parts"
            maven(f"org.opensearch.distribution.integ-test-zip:opensearch:{VERSION}:zip", out=parts)
            with zipfile.ZipFile(parts / f"opensearch-{VERSION}.zip") as packed:
                wanted = [
                    name
                    for name in packed.namelist()
                    if not any(f"/modules/{module}/" in name for module in _UNUSED)
                ]
                packed.extractall(folder, wanted)
            for library in ("icu4j", "icu4j-localespi"):
                maven(f"com.ibm.icu:{library}:{_ICU}", out=_home() / "lib")
            shutil.rmtree(parts)

    def user(self) -> str:
        """OpenSearch refuses root."""
        return "nobody"

    def command(self) -> Sequence[str | Path]:
        """See `Server.command`."""
        home, java = _home(), java_home()
        config = self.data / "config"
        for folder in (config, self.data / "tmp"):
            folder.mkdir(exist_ok=True)
        shutil.copy(home / "config" / "log4j2.properties", config)
        lines = [f"{name}: {value}\n" for name, value in self._settings().items()]
        (config / "opensearch.yml").write_text("".join(lines))
        return [
            java / "bin" / "java",
            "-Xms512m",
            "-Xmx512m",
            "-Xss1m",
            "-XX:+UseG1GC",
            "-XX:G1ReservePercent=25",
            "-XX:InitiatingHeapOccupancyPercent=30",
            "-XX:TieredStopAtLevel=1",
            "-XX:MaxDirectMemorySize=256m",
            "-Djava.awt.headless=true",
            f"-Djava.io.tmpdir={self.data / 'tmp'}",
            f"-Djna.tmpdir={self.data / 'tmp'}",
            "-Djava.locale.providers=CLDR,SPI",
            "-Dio.netty.noUnsafe=true",
            "-Dlog4j2.disable.jmx=true",
            "--enable-native-access=ALL-UNNAMED",
            "--sun-misc-unsafe-memory-access=allow",
            f"-javaagent:{home / 'agent' / 'opensearch-agent.jar'}",
            f"-Dopensearch.path.home={home}",
            f"-Dopensearch.path.conf={config}",
            "-Dopensearch.distribution.type=zip",
            "-Dopensearch.bundled_jdk=false",
            "-cp",
            f"{home}/lib/*",
            "org.opensearch.bootstrap.OpenSearch",
        ]

    def ready(self) -> bool:
        """Whether an index can be made: a node without ICU's data is green and cannot."""
        name = f"ready-{self.port}"
        made = self.ask("PUT", f"/{name}", {"settings": {"number_of_replicas": 0}})
        self.ask("DELETE", f"/{name}")
        return bool(made["shards_acknowledged"])

    def ask(self, method: str, path: str, body: Any = None, seconds: float = 10) -> Any:
        """One request to this node. Raises OSError where it does not answer or refuses."""
        request = urllib.request.Request(
            f"http://{HOST}:{self.port}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=seconds) as answer:
            return json.load(answer)

    def _settings(self) -> Mapping[str, str]:
        own = {
            "node.name": self._node_name(),
            "http.port": str(self.port),
            "transport.port": str(self.transport),
            "path.data": str(self.data / "data"),
            "path.logs": str(self.data / "logs"),
        }
        if len(self._members) == 1:
            return {**_LOCAL, **own, "discovery.type": "single-node"}
        seeds = ", ".join(f'"{HOST}:{each.transport}"' for each in self._members)
        names = ", ".join(each._node_name() for each in self._members)
        return {
            **_LOCAL,
            **own,
            "discovery.seed_hosts": f"[{seeds}]",
            "cluster.initial_cluster_manager_nodes": f"[{names}]",
        }

    def _node_name(self) -> str:
        return f"node-{self.transport}"


class OpenSearchCluster:
    """Several nodes, each a process that may be killed and started again."""

    def __init__(self, nodes: Sequence[OpenSearch]) -> None:
        self.nodes = nodes
        for node in nodes:
            node.join(nodes)

    @property
    def address(self) -> str:
        """The address that names every node."""
        return "opensearch://" + ",".join(f"{HOST}:{node.port}" for node in self.nodes)

    def start(self) -> None:
        """Start the nodes that do not run, and wait until all are one green cluster."""
        OpenSearch.install()
        for node in self.nodes:
            if not node.alive():
                node.data.mkdir(parents=True, exist_ok=True)
                node.launch()
        self.wait("green", len(self.nodes))

    def stop(self) -> None:
        """Stop every node."""
        for node in self.nodes:
            node.stop()

    def manager(self) -> OpenSearch:
        """The node that the cluster has elected its manager."""
        path = "/_cat/cluster_manager?format=json"
        [elected] = next(n for n in self.nodes if n.alive()).ask("GET", path)
        return next(n for n in self.nodes if n._node_name() == elected["node"])

    def wait(self, status: str, count: int, seconds: float = 120) -> None:
        """Wait until every live node sees so many nodes and this health.

        A busy machine may have failed to make a copy five times, after which the cluster waits to
        be asked again.

        Raises ServerFailed where one ends, or it takes too long.
        """
        end = time.monotonic() + seconds
        live = [node for node in self.nodes if node.process is not None]
        while not all(_sees(node, status, count) for node in live):
            for node in live:
                if not node.alive():
                    raise ServerFailed(f"a node ended:\n{node.tail()}")
            if time.monotonic() > end:
                why = _tell(live[0], "GET", "/_cluster/allocation/explain")
                what = f"no {status} cluster of {count} nodes: {why}"
                raise ServerFailed(f"{what}\n{live[0].tail()}")
            time.sleep(0.5)
            _tell(live[0], "POST", "/_cluster/reroute?retry_failed=true&metric=none")


def _sees(node: OpenSearch, status: str, count: int) -> bool:
    try:
        health = node.ask("GET", "/_cluster/health?timeout=1s", seconds=5)
    except OSError:
        return False
    return bool(health["status"] == status and health["number_of_nodes"] == count)


def _tell(node: OpenSearch, method: str, path: str) -> str:
    """What a node answers, or why it does not."""
    try:
        return json.dumps(node.ask(method, path))
    except OSError as error:
        return str(error)


def _home() -> Path:
    return cache() / f"opensearch-{VERSION}" / f"opensearch-{VERSION}"
