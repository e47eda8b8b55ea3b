"""What the S3 store decides without a server: addresses, the order of keys, names of errors."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from polly_resources.errors import BadInput, Misconfigured, Unavailable
from polly_resources.objects.base import ObjectInfo
from polly_resources.objects.s3 import S3Store, _in_key_order
from polly_resources.objects.s3_errors import errors
from polly_resources.settings import PROFILES
from tests.servers.base import AWS


@pytest.fixture(autouse=True)
def only_keys(monkeypatch, tmp_path):
    """Credentials and no region."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_EC2_METADATA_DISABLED"):
        monkeypatch.setenv(name, AWS[name])


@pytest.mark.parametrize(
    "address",
    [
        "s3://",
        "s3:///key",
        "s3://ab",
        "s3://has space",
        "file://bucket",
        "s3://user@bucket",
        "s3://bucket:80",
        "s3://bucket,other",
        "s3://bucket/a//b",
        "s3://bucket/../b",
        "s3://bucket?key=secret",
    ],
)
def test_an_address_that_is_no_bucket_is_refused(address):
    with pytest.raises(Misconfigured) as caught:
        S3Store(address)
    assert caught.value.code == "bad_address"
    assert "POLLY_OBJECTS" in caught.value.hint


@pytest.mark.parametrize(
    "address", ["s3://bucket?region=eu-west-1", "s3://bucket/a/b/?endpoint=http://127.0.0.1:1"]
)
def test_a_store_opens_without_asking_the_server(address):
    S3Store(address)


def test_the_address_of_the_profile_is_one():
    S3Store(PROFILES["servers"]["objects"])


def test_without_credentials_the_error_says_how_to_give_them(monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    store = S3Store("s3://bucket?endpoint=http://127.0.0.1:1")
    with pytest.raises(Misconfigured) as caught:
        store.head("a")
    assert caught.value.code == "no_credentials"
    assert "AWS_PROFILE" in caught.value.hint


def test_aws_itself_needs_a_region():
    with pytest.raises(Misconfigured) as caught:
        S3Store("s3://bucket")
    assert caught.value.code == "no_region"


def test_an_endpoint_is_a_url():
    with pytest.raises(Misconfigured) as caught:
        S3Store("s3://bucket?endpoint=somewhere")
    assert caught.value.code == "bad_endpoint"


def test_a_key_and_the_prefix_fit_together():
    store = S3Store("s3://bucket/" + "/".join(["p" * 200] * 4) + "?region=eu-west-1")
    with pytest.raises(BadInput) as caught:
        store.head("k" * 250)
    assert caught.value.code == "bad_key"
    assert "1024" in caught.value.message


def info(key: str) -> ObjectInfo:
    return ObjectInfo(key, 1, datetime(2026, 1, 1, tzinfo=UTC), "e")


keys = st.sets(st.text("ab -.0/", min_size=1, max_size=7).filter(lambda k: "//" not in f"/{k}/"))


@given(keys=keys, base=st.sampled_from(["", "a/", "a b/c/"]))
def test_any_server_lists_in_key_order(keys, base):
    within = sorted(base + key for key in keys)
    by_folder = sorted(within, key=lambda key: key.split("/"))
    for order in (within, by_folder, sorted([*by_folder, *by_folder], key=by_folder.index)):
        found = _in_key_order((info(key) for key in order), len(base))
        assert [each.key for each in found] == within


def test_a_listing_is_read_as_it_is_used():
    read = []

    def found():
        for i in range(1000):
            read.append(i)
            yield info(f"landing/demo/{i:04}")

    assert next(_in_key_order(found(), len("landing/demo/"))).key == "landing/demo/0000"
    assert len(read) == 2


@pytest.mark.parametrize(
    ("code", "status", "kind", "ours"),
    [
        ("NoSuchUpload", 404, Unavailable, "store_busy"),
        ("PreconditionFailed", 412, Unavailable, "store_busy"),
        ("SlowDown", 503, Unavailable, "store_unavailable"),
        ("TooManyRequests", 429, Unavailable, "store_unavailable"),
        ("KeyTooLongError", 400, BadInput, "bad_key"),
        ("AccessDenied", 403, Misconfigured, "store_refused"),
        ("MalformedXML", 400, Misconfigured, "store_failed"),
    ],
)
def test_answers_of_servers_are_errors_of_ours(code, status, kind, ours):
    answer = {
        "Error": {"Code": code, "Message": "said"},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    with pytest.raises(kind) as caught, errors("a/b", "bucket x"):
        raise ClientError(answer, "PutObject")
    assert caught.value.code == ours
    assert "bucket x" in caught.value.message
