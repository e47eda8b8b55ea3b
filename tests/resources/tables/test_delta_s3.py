"""Delta tables in buckets of real servers."""

from __future__ import annotations

import pytest

from polly_resources.tables.delta import DeltaStore
from tests.contracts.tables import TablesContract
from tests.resources.tables import samples
from tests.resources.tables.buckets import store_on
from tests.servers.pool import Pool
from tests.servers.s3 import S3Server
from tests.servers.seaweedfs import SeaweedFS
from tests.servers.versitygw import VersityGW

pytestmark = pytest.mark.servers


class TestDeltaOnSeaweedFS(TablesContract):
    TESTED = ("`delta+s3://`", "SeaweedFS 4.48")

    @pytest.fixture
    def store(self, servers: Pool) -> DeltaStore:
        return store_on(servers.get(SeaweedFS))


class TestDeltaOnVersityGW(TablesContract):
    TESTED = ("`delta+s3://`", "versitygw 1.8.0")

    @pytest.fixture
    def store(self, servers: Pool) -> DeltaStore:
        return store_on(servers.get(VersityGW), prefix="")


@pytest.mark.parametrize("kind", [SeaweedFS, VersityGW])
def test_files_are_addresses_of_objects(servers: Pool, kind: type[S3Server]) -> None:
    server = servers.get(kind)
    store = store_on(server)
    store.write("a/types", samples.SPEC, samples.everything())
    files = store.files("a/types").files
    assert len(files) == len(samples.PARTS)
    for file in files:
        bucket, _, key = file.removeprefix("s3://").partition("/")
        assert server.client().head_object(Bucket=bucket, Key=key)["ContentLength"]
