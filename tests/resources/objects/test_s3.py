"""The store in S3 buckets: the contract on two servers, and what is particular to them."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import ClassVar

import pytest

from polly_resources.objects.base import ObjectStore
from polly_resources.objects.s3 import S3Store
from tests.contracts.gaps import Gap, never
from tests.contracts.objects import ObjectStoreContract
from tests.servers.s3 import S3Server
from tests.servers.seaweedfs import SeaweedFS
from tests.servers.versitygw import VersityGW

pytestmark = pytest.mark.servers


class OnServer(ObjectStoreContract):
    """The contract on one server: a store is a new prefix of one bucket."""

    KIND: ClassVar[type[S3Server]]

    @pytest.fixture(autouse=True)
    def _server(self, servers):
        self.server = servers.get(self.KIND)

    def open_store(self, folder: Path) -> ObjectStore:
        return S3Store(
            f"s3://{self.server.bucket()}/{uuid.uuid4()}?endpoint={self.server.endpoint}"
        )


class TestS3StoreOnSeaweedFS(OnServer):
    KIND = SeaweedFS
    GAPS: ClassVar[dict[str, Gap]] = {
        "test_a_backslash_is_no_slash": never("SeaweedFS itself takes a backslash for a slash"),
    }


class TestS3StoreOnVersityGW(OnServer):
    KIND = VersityGW
