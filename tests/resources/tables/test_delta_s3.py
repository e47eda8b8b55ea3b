"""Delta tables in buckets of real servers."""

from __future__ import annotations

import pytest

from polly_resources.tables.delta import DeltaStore
from tests.contracts.tables import TablesContract
from tests.resources.tables.buckets import store_on
from tests.servers.pool import Pool
from tests.servers.seaweedfs import SeaweedFS
from tests.servers.versitygw import VersityGW

pytestmark = pytest.mark.servers


class TestDeltaOnSeaweedFS(TablesContract):
    @pytest.fixture
    def store(self, servers: Pool) -> DeltaStore:
        return store_on(servers.get(SeaweedFS))


class TestDeltaOnVersityGW(TablesContract):
    @pytest.fixture
    def store(self, servers: Pool) -> DeltaStore:
        return store_on(servers.get(VersityGW), prefix="")
