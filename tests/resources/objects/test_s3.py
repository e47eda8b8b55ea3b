"""The store in S3 buckets: the contract on two servers, and what is particular to them."""

from __future__ import annotations

import hashlib
import os
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar

import pytest

from polly_resources.objects import s3
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
    TESTED = ("`s3://`", "SeaweedFS 4.48")

    BACKEND = "S3 (SeaweedFS)"
    KIND = SeaweedFS
    GAPS: ClassVar[dict[str, Gap]] = {
        "test_a_backslash_is_no_slash": never("SeaweedFS itself takes a backslash for a slash"),
    }


class TestS3StoreOnVersityGW(OnServer):
    TESTED = ("`s3://`", "versitygw 1.8.0")

    BACKEND = "S3 (versitygw)"
    KIND = VersityGW


@pytest.fixture(params=[SeaweedFS, VersityGW], ids=lambda kind: kind.name)
def server(request, servers) -> S3Server:
    return servers.get(request.param)


@pytest.fixture
def bucket(server) -> str:
    name = f"own-{uuid.uuid4()}"
    server.make_bucket(name)
    return name


@pytest.fixture
def store(server, bucket) -> S3Store:
    """A store that is a whole bucket."""
    return S3Store(f"s3://{bucket}?endpoint={server.endpoint}")


def keys(store: ObjectStore, prefix: str = "") -> list[str]:
    return [info.key for info in store.list(prefix)]


def test_a_large_file_goes_in_parts_and_comes_back_whole(store, tmp_path):
    content = os.urandom(2**20) * 40 + b"end"
    (tmp_path / "large").write_bytes(content)
    info = store.put("large", tmp_path / "large")
    assert info.size == len(content)
    assert "-3-" in info.etag
    assert store.head("large") == info
    assert list(store.list("")) == [info]
    with store.local("large") as path:
        assert path.read_bytes() == content
    assert not path.exists()


def test_a_prefix_is_a_store_of_its_own(server, bucket, store, tmp_path):
    (tmp_path / "a").write_bytes(b"x")
    inner = S3Store(f"s3://{bucket}/odd%20one/b?endpoint={server.endpoint}")
    info = inner.put("k", tmp_path / "a")
    store.put("odd one/bc", tmp_path / "a")
    assert info.key == "k"
    assert keys(inner) == ["k"]
    assert keys(store) == ["odd one/b/k", "odd one/bc"]
    inner.delete("k")
    assert keys(store) == ["odd one/bc"]


def test_listings_of_many_pages_are_whole_and_in_order(monkeypatch, store, tmp_path):
    (tmp_path / "a").write_bytes(b"x")
    names = ["a/b", "a/b c", "a-b", "a b/c", "a+b", "a%2Bb", "a\nb", "aa/a/b", "é/ü", "z#?&=", "0"]
    for name in names:
        store.put(name, tmp_path / "a")
    monkeypatch.setattr(s3, "_PAGE", 2)
    assert keys(store) == sorted(names)
    assert keys(store, "a") == sorted(name for name in names if name.startswith("a"))


def test_folders_without_objects_are_passed_over_in_silence(server, bucket, store, caplog):
    server.client().put_object(Bucket=bucket, Key="landing/", Body=b"")
    assert keys(store) == []
    assert store.head("landing") is None
    assert not caplog.text


def test_facts_of_a_put_are_of_what_was_put_though_others_put_too(store, tmp_path):
    def put(i: int) -> bool:
        path = tmp_path / str(i)
        path.write_bytes(str(i).encode())
        etag = store.put("same", path).etag
        digest = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
        return etag.startswith((digest, "replaced-"))

    with ThreadPoolExecutor(6) as pool:
        assert all(pool.map(put, range(60)))


def test_what_changed_is_told_where_the_server_notes_nothing(servers, tmp_path):
    server = servers.get(VersityGW)
    name = f"by-hand-{uuid.uuid4()}"
    server.make_bucket(name)
    store = S3Store(f"s3://{name}?endpoint={server.endpoint}")
    (tmp_path / "a").write_bytes(b"one")
    put = store.put("put", tmp_path / "a")
    folder = server.data / "files" / name
    (folder / "dropped").write_bytes(b"two")
    (folder / "put").write_bytes(b"three")
    dropped, changed = store.list("")
    assert (dropped.key, dropped.size) == ("dropped", 3)
    assert dropped == store.head("dropped")
    assert changed == store.head("put")
    assert changed.etag != put.etag
    with store.local("put") as path:
        assert path.read_bytes() == b"three"
