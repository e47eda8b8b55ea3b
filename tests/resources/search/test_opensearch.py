"""The OpenSearch index: the contract on a real server, and what is particular to it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from polly_resources.search.base import SearchIndex
from polly_resources.search.opensearch import OpenSearchIndex
from tests.contracts.search import SearchIndexContract
from tests.servers.opensearch import OpenSearch
from tests.servers.pool import Pool

pytestmark = pytest.mark.servers


class TestOpenSearchIndex(SearchIndexContract):
    @pytest.fixture(autouse=True)
    def server(self, servers: Pool, tmp_path: Path) -> Iterator[None]:
        self.node = servers.get(OpenSearch)
        yield
        self.node.ask("DELETE", f"/{prefix(tmp_path / 'search')}*")

    def open_index(self, folder: Path) -> SearchIndex:
        return OpenSearchIndex(f"{self.node.address}/{prefix(folder)}")


def prefix(folder: Path) -> str:
    return f"t{hashlib.sha256(str(folder).encode()).hexdigest()[:12]}-"
