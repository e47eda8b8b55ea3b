"""When S3 fails: away, silent, full, refusing, or without the bucket; on both servers."""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from polly_resources import aws
from polly_resources.errors import Conflict, Misconfigured, NotFound, Unavailable
from polly_resources.objects import s3
from polly_resources.objects.s3 import S3Store
from tests.servers.base import AWS, HOST, READER, wait_until
from tests.servers.faulty import Faulty
from tests.servers.s3 import S3Server
from tests.servers.seaweedfs import SeaweedFS
from tests.servers.versitygw import VersityGW

pytestmark = pytest.mark.servers

CALLS: dict[str, Callable[[S3Store, Path], object]] = {
    "put": lambda store, path: store.put("a/new", path),
    "local": lambda store, path: store.local("a/old").__enter__(),
    "head": lambda store, path: store.head("a/old"),
    "list": lambda store, path: list(store.list("a/")),
    "delete": lambda store, path: store.delete("a/old"),
}


@pytest.fixture(params=[SeaweedFS, VersityGW], ids=lambda kind: kind.name)
def server(request, servers) -> S3Server:
    return servers.get(request.param)


@pytest.fixture
def proxy(server) -> Iterator[Faulty]:
    with Faulty(HOST, server.port) as proxy:
        yield proxy


@pytest.fixture
def small(tmp_path) -> Path:
    path = tmp_path / "small"
    path.write_bytes(b"old")
    return path


@pytest.fixture
def place(server) -> str:
    """A bucket and a new prefix in it."""
    return f"{server.bucket()}/{uuid.uuid4()}"


@pytest.fixture
def direct(server, place, small) -> S3Store:
    """The store without a proxy; it has one object, `a/old`."""
    store = S3Store(f"s3://{place}?endpoint={server.endpoint}")
    store.put("a/old", small)
    return store


@pytest.fixture
def proxied(monkeypatch, proxy, place, direct) -> Callable[[int], S3Store]:
    """The same store through the proxy, quick to give up after so many attempts."""

    def proxied(attempts: int = 1) -> S3Store:
        monkeypatch.setattr(aws, "ATTEMPTS", attempts)
        monkeypatch.setattr(s3, "_READ_SECONDS", 1.0)
        return S3Store(f"s3://{place}?endpoint=http://{HOST}:{proxy.port}")

    return proxied


def keys(store: S3Store) -> list[str]:
    return [info.key for info in store.list("")]


@pytest.mark.parametrize("mode", ["refuse", "stall"])
def test_a_server_that_is_away_or_silent_is_unavailable(proxy, proxied, direct, small, mode):
    store = proxied()
    proxy.mode = mode
    for call in CALLS.values():
        with pytest.raises(Unavailable) as caught:
            call(store, small)
        assert caught.value.code == "store_unavailable"
        assert str(proxy.port) in caught.value.message
        assert AWS["AWS_SECRET_ACCESS_KEY"] not in str(caught.value)
    if mode == "refuse":  # what a silent server took it may do later
        assert keys(direct) == ["a/old"]


@pytest.mark.parametrize(
    ("status", "code", "asked"), [(503, "SlowDown", 2), (507, "StorageFull", 1)]
)
def test_a_server_that_is_busy_or_full_is_unavailable(
    proxy, proxied, direct, small, status, code, asked
):
    store = proxied(attempts=2)
    body = f"<Error><Code>{code}</Code><Message>said</Message></Error>".encode()
    proxy.answer = (status, {"Content-Type": "application/xml"}, body)
    for call in CALLS.values():
        before = proxy.answered
        with pytest.raises(Unavailable) as caught:
            call(store, small)
        assert caught.value.code == "store_unavailable"
        assert proxy.answered - before == asked
    assert keys(direct) == ["a/old"]


@pytest.mark.parametrize("wrong", sorted(READER))
def test_wrong_credentials_are_told(monkeypatch, server, place, direct, small, wrong):
    monkeypatch.setenv(wrong, "no-such-thing")
    stranger = S3Store(f"s3://{place}?endpoint={server.endpoint}")
    for call in CALLS.values():
        with pytest.raises(Misconfigured) as caught:
            call(stranger, small)
        assert caught.value.code == "store_refused"
        assert "credentials" in caught.value.hint
        assert os.environ["AWS_SECRET_ACCESS_KEY"] not in str(caught.value)
    assert keys(direct) == ["a/old"]


def test_who_may_only_read_reads(monkeypatch, server, place, direct, small):
    for name, value in READER.items():
        monkeypatch.setenv(name, value)
    reader = S3Store(f"s3://{place}?endpoint={server.endpoint}")
    assert keys(reader) == ["a/old"]
    assert reader.head("a/old") == direct.head("a/old")
    assert reader.head("a/nothing") is None
    with reader.local("a/old") as path:
        assert path.read_bytes() == b"old"
    for call in ("put", "delete"):
        with pytest.raises(Misconfigured) as caught:
            CALLS[call](reader, small)
        assert caught.value.code == "store_refused"
    assert keys(direct) == ["a/old"]


def test_a_missing_bucket_is_told_with_how_to_make_it(server, small):
    store = S3Store(f"s3://no-{uuid.uuid4()}?endpoint={server.endpoint}")
    for call in CALLS.values():
        with pytest.raises(Misconfigured) as caught:
            call(store, small)
        assert caught.value.code == "no_bucket"
        assert "aws s3 mb" in caught.value.hint


@pytest.mark.parametrize(("mode", "key"), [("refuse", "a/old"), ("stall", "a/new")])
def test_a_put_that_breaks_off_leaves_no_half_object(proxy, proxied, direct, tmp_path, mode, key):
    (tmp_path / "large").write_bytes(os.urandom(40 * 2**20))
    before = direct.head("a/old")

    def cut() -> None:
        wait_until(lambda: proxy.passed > 20 * 2**20)
        proxy.mode = mode

    cutter = threading.Thread(target=cut)
    cutter.start()
    with pytest.raises(Unavailable):
        proxied().put(key, tmp_path / "large")
    cutter.join()
    assert list(direct.list("")) == [before]
    with direct.local("a/old") as path:
        assert path.read_bytes() == b"old"


def test_a_server_killed_keeps_what_it_took(request, servers, server, small):
    own = servers.new(type(server))
    request.addfinalizer(own.stop)
    own.start()
    own.make_bucket("kept")
    store = S3Store(f"s3://kept?endpoint={own.endpoint}")
    infos = [store.put(f"a/{i}", small) for i in range(20)]
    own.kill()
    own.start()
    assert sorted(store.list(""), key=lambda info: int(info.key[2:])) == infos
    with store.local("a/19") as path:
        assert path.read_bytes() == b"old"


class FullSeaweedFS(SeaweedFS):
    """A server with room for a few megabytes."""

    volumes: ClassVar[int] = 4
    volume_megabytes: ClassVar[int] = 1


def test_a_full_server_is_unavailable_and_keeps_what_it_has(
    monkeypatch, request, servers, tmp_path
):
    monkeypatch.setattr(aws, "ATTEMPTS", 2)
    own = servers.new(FullSeaweedFS)
    request.addfinalizer(own.stop)
    own.start()
    own.make_bucket("small")
    store = S3Store(f"s3://small?endpoint={own.endpoint}")
    (tmp_path / "million").write_bytes(os.urandom(10**6))
    put = []
    with pytest.raises(Unavailable) as caught:
        for i in range(100):
            put.append(store.put(f"{i:03}", tmp_path / "million"))
    assert caught.value.code == "store_unavailable"
    assert "full" in caught.value.hint
    assert put and list(store.list("")) == put
    assert store.head(f"{len(put):03}") is None


def test_a_key_below_an_object_is_a_conflict_where_objects_are_files(servers, small):
    server = servers.get(VersityGW)
    store = S3Store(f"s3://{server.bucket()}/{uuid.uuid4()}?endpoint={server.endpoint}")
    before = store.put("a/b", small)
    for key in ("a", "a/b/c"):
        with pytest.raises(Conflict) as caught:
            store.put(key, small)
        assert caught.value.code == "key_conflict"
    assert list(store.list("")) == [before]


def test_without_room_for_temporary_files_a_retry_may_help(monkeypatch, direct, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    with pytest.raises(Unavailable) as caught, direct.local("a/old"):
        pass
    assert caught.value.code == "no_temporary_space"
    assert "TMPDIR" in caught.value.hint


def test_what_the_reader_of_a_copy_raises_is_the_readers(monkeypatch, direct, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(PermissionError), direct.local("a/old") as path:
        assert path.name == "old"
        raise PermissionError
    with pytest.raises(NotFound), direct.local("a/nothing"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["small"]
