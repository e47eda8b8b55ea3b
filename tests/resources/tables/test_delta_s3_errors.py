"""What goes wrong with tables in buckets, and what is said of it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from polly_resources.errors import Misconfigured, PollyError, Unavailable
from polly_resources.tables import conditional, delta_s3
from polly_resources.tables.delta import DeltaStore
from tests.contracts.tables import SPEC, ids, rows
from tests.resources.tables.buckets import address_on
from tests.servers.base import AWS, HOST, READER
from tests.servers.faulty import Faulty
from tests.servers.pool import Pool
from tests.servers.s3 import S3Server
from tests.servers.seaweedfs import SeaweedFS
from tests.servers.versitygw import VersityGW

pytestmark = pytest.mark.servers

TABLE = "a/things"
CALLS: dict[str, Callable[[DeltaStore], Any]] = {
    "delete": lambda store: store.delete(TABLE, SPEC, ["d1"]),
    "files": lambda store: store.files(TABLE),
    "maintain": lambda store: store.maintain(TABLE),
    "old": lambda store: store.read(TABLE, version=0),
    "read": lambda store: store.read(TABLE),
    "replace": lambda store: store.write(TABLE, SPEC, rows("d1"), replace=["d1"]),
    "version": lambda store: store.version(TABLE),
    "write": lambda store: store.write(TABLE, SPEC, rows("d9")),
}
SLOW_DOWN = b"<Error><Code>SlowDown</Code><Message>Please reduce your rate.</Message></Error>"
FULL = b"<Error><Code>InternalError</Code><Message>no space left</Message></Error>"
ANSWERS = [(503, {}, SLOW_DOWN), (507, {}, FULL), (500, {}, b"")]


@pytest.fixture
def proxy(servers: Pool) -> Iterator[Faulty]:
    with Faulty(HOST, servers.get(VersityGW).port) as proxy:
        yield proxy


@pytest.fixture
def address(servers: Pool, proxy: Faulty) -> str:
    server = servers.get(VersityGW)
    direct = address_on(server)
    store = DeltaStore(direct)
    for name in ("d1", "d2"):
        store.write(TABLE, SPEC, rows(name))
    return direct.replace(server.endpoint, f"http://{HOST}:{proxy.port}")


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delta_s3, "REQUEST_SECONDS", 1)
    monkeypatch.setattr(delta_s3, "RETRY_SECONDS", 1)
    monkeypatch.setattr(conditional, "READ_SECONDS", 1)
    monkeypatch.setattr(conditional, "ATTEMPTS", 1)


def used(address: str) -> DeltaStore:
    """A store that has read and written, so that it keeps open tables."""
    store = DeltaStore(address)
    store.write(TABLE, SPEC, rows("d3"))
    store.version(TABLE)
    return store


def refusal(call: Callable[[], Any], kind: type[PollyError]) -> PollyError:
    with pytest.raises(PollyError) as caught:
        call()
    error = caught.value
    assert type(error) is kind, error
    assert AWS["AWS_SECRET_ACCESS_KEY"] not in str(error)
    assert "\x1b" not in str(error)
    assert error.hint
    return error


@pytest.mark.parametrize("opened", [DeltaStore, used])
@pytest.mark.parametrize("mode", ["refuse", "stall"])
@pytest.mark.usefixtures("hurry")
def test_a_store_that_is_away_or_silent(
    address: str, proxy: Faulty, mode: Any, opened: Callable[[str], DeltaStore]
) -> None:
    store = opened(address)
    proxy.mode = mode
    for call in CALLS.values() if mode == "refuse" else (CALLS["version"], CALLS["write"]):
        assert "unavailable" in refusal(lambda call=call: call(store), Unavailable).code
    proxy.mode = "pass"
    before = store.read(TABLE).num_rows
    store.write(TABLE, SPEC, rows("d4"))
    assert store.read(TABLE).num_rows == before + 1


@pytest.mark.parametrize("answer", ANSWERS, ids=["slow", "full", "broken"])
@pytest.mark.usefixtures("hurry")
def test_a_store_that_is_slow_or_full(address: str, proxy: Faulty, answer: Any) -> None:
    store = used(address)
    proxy.answer = answer
    for name in ("version", "write", "replace"):
        error = refusal(lambda name=name: CALLS[name](store), Unavailable)
        assert error.code == "tables_unavailable"
    proxy.answer = None
    assert ids(store.read(TABLE)) == ["d1", "d2", "d3"]


@pytest.mark.usefixtures("hurry")
def test_a_store_that_refuses_everything(address: str, proxy: Faulty) -> None:
    store = used(address)
    proxy.answer = (403, {}, b"")
    for call in CALLS.values():
        error = refusal(lambda call=call: call(store), Misconfigured)
        assert error.code == "tables_refused"


@pytest.mark.parametrize("kind", [SeaweedFS, VersityGW])
class TestRefused:
    @pytest.fixture
    def server(self, servers: Pool, kind: type[S3Server]) -> S3Server:
        return servers.get(kind)

    def test_a_bucket_that_is_not_there(self, server: S3Server) -> None:
        store = DeltaStore(f"delta+s3://no-such-bucket?endpoint={server.endpoint}")
        for call in CALLS.values():
            error = refusal(lambda call=call: call(store), Misconfigured)
            assert error.code == "no_bucket"
            assert "no-such-bucket" in error.message

    def test_a_wrong_secret(self, server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
        address = address_on(server)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong-secret")
        for call in CALLS.values():
            error = refusal(lambda call=call: call(DeltaStore(address)), Misconfigured)
            assert error.code == "tables_refused"
            assert "SignatureDoesNotMatch" in error.message
            assert "StringToSign" not in error.message
            assert "wrong-secret" not in str(error)

    def test_keys_that_may_only_read(
        self, server: S3Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        address = address_on(server)
        DeltaStore(address).write(TABLE, SPEC, rows("d1"))
        for name, value in READER.items():
            monkeypatch.setenv(name, value)
        store = DeltaStore(address)
        assert ids(store.read(TABLE)) == ["d1"]
        for name in ("write", "delete", "maintain"):
            error = refusal(lambda name=name: CALLS[name](store), Misconfigured)
            assert error.code == "tables_refused"
        assert store.version(TABLE) == 0


def test_keys_that_end_are_renewed(
    servers: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The chain gives keys that end in minutes: first a reader's, then those of a writer."""
    address = address_on(servers.get(VersityGW))
    DeltaStore(address).write(TABLE, SPEC, rows("d1"))
    now = tmp_path / "keys.json"

    def give(keys: Any) -> None:
        end = datetime.now(UTC) + timedelta(minutes=5)
        now.write_text(
            json.dumps(
                {
                    "Version": 1,
                    "AccessKeyId": keys["AWS_ACCESS_KEY_ID"],
                    "SecretAccessKey": keys["AWS_SECRET_ACCESS_KEY"],
                    "Expiration": end.isoformat(),
                }
            )
        )

    say = f"{sys.executable} -c \"print(open('{now}').read())\""
    (tmp_path / "config").write_text(f"[default]\ncredential_process = {say}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    for name in AWS.keys() & READER.keys():
        monkeypatch.delenv(name)
    give(READER)
    store = DeltaStore(address)
    assert ids(store.read(TABLE)) == ["d1"]
    with pytest.raises(Misconfigured):
        store.write(TABLE, SPEC, rows("d2"))
    give(AWS)
    store.write(TABLE, SPEC, rows("d2"))
    assert ids(store.read(TABLE)) == ["d1", "d2"]
    give({**READER, "AWS_SECRET_ACCESS_KEY": "ended"})
    with pytest.raises(Misconfigured):
        store.version(TABLE)


def test_without_keys(servers: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address = address_on(servers.get(VersityGW))
    for name in AWS.keys() & READER.keys():
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    for name in ("read", "version", "write"):
        error = refusal(lambda name=name: CALLS[name](DeltaStore(address)), Misconfigured)
        assert error.code == "no_credentials"


def test_a_table_that_was_removed_is_made_again(servers: Pool) -> None:
    server = servers.get(VersityGW)
    address = address_on(server)
    store = DeltaStore(address)
    store.write(TABLE, SPEC, rows("d1"))
    store.write(TABLE, SPEC, rows("d2"))
    bucket, _, folder = store.files(TABLE).location.removeprefix("s3://").partition("/")
    client = server.client()
    for one in client.list_objects_v2(Bucket=bucket, Prefix=folder)["Contents"]:
        client.delete_object(Bucket=bucket, Key=one["Key"])
    store.write(TABLE, SPEC, rows("d3"), replace=["d3"])
    assert ids(DeltaStore(address).read(TABLE)) == ["d3"]
