"""Addresses and settings: read once, and no password ever shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polly_resources.addresses import Address, insert_password, parse, strip_password
from polly_resources.backends import open_backend
from polly_resources.errors import Misconfigured
from polly_resources.settings import CAPABILITIES, PROFILES, load, password

SECRET = "s3cret/@:?#%"


def test_an_address_is_taken_apart():
    address = parse(
        "opensearch+https://me%40x:p%3Aw@a:9200,b:9201/pre%20fix?replicas=2",
        "search",
        "opensearch://HOST:PORT",
        {"replicas": "0", "shards": "1"},
    )
    assert address.scheme == "opensearch+https"
    assert (address.user, address.password) == ("me@x", "p:w")
    assert address.hosts == (("a", 9200), ("b", 9201))
    assert (address.host, address.port) == ("a", 9200)
    assert address.path == "/pre fix"
    assert address.options == {"replicas": "2", "shards": "1"}


@pytest.mark.parametrize(
    "text", ["no scheme", "s3:/bucket", "s3://h:port/", "s3://bucket?unknown=1", ""]
)
def test_what_is_no_address_is_refused_with_an_example(text):
    with pytest.raises(Misconfigured, match="objects address") as caught:
        parse(text, "objects", "s3://BUCKET", {"region": ""})
    assert "POLLY_OBJECTS" in caught.value.hint and "s3://BUCKET" in caught.value.hint


def test_a_password_never_shows():
    address = f"s3://me:{SECRET.replace('/', '%2F').replace('@', '%40').replace('?', '%3F')}@h:x/"
    with pytest.raises(Misconfigured) as caught:
        parse(address, "objects", "s3://BUCKET")
    assert "s3cret" not in str(caught.value)
    hidden = Address("s3", "me", SECRET, (("h", 1),), "/p", {"a": "b"})
    assert "s3cret" not in repr(hidden) + str(hidden)
    assert str(hidden) == "s3://me@h:1/p?a=b"


@given(st.text(min_size=1), st.text("abc@:/ é", min_size=1))
def test_a_password_is_put_in_and_taken_out(secret, user):
    plain = str(Address("x", user, "", (("host", 5),), "/path", {"option": "v"}))
    full = insert_password(plain, secret)
    assert strip_password(full) == (plain, secret)
    read = parse(full, "search", "")
    assert (read.user, read.password, read.hosts) == (user, secret, (("host", 5),))
    assert insert_password(full, "other") == full


def test_an_address_without_a_user_takes_no_password():
    assert insert_password("opensearch://h:1/a@b", "x") == "opensearch://h:1/a@b"
    assert strip_password("file:///a:b@c") == ("file:///a:b@c", "")


def test_settings_keep_no_password(tmp_path):
    env = {
        "POLLY_PROFILE": "servers",
        "POLLY_JOBS": "postgresql://polly:hidden1@h/db",
        "POLLY_SEARCH": "opensearch://polly@h:9200",
        "POLLY_SEARCH_PASSWORD": "hidden2",
    }
    settings = load(home=tmp_path, environ=env)
    assert settings.jobs == "postgresql://polly@h/db"
    assert "hidden" not in "".join(settings.address(c) for c in CAPABILITIES) + repr(settings)
    assert password("jobs", env) == "hidden1"
    assert password("search", env) == "hidden2"
    assert password("query", env) == ""


@pytest.mark.parametrize("profile", PROFILES)
def test_every_profile_loads_and_says_what_it_lacks(tmp_path, profile):
    settings = load(home=tmp_path, profile=profile, environ={})
    for capability, address in PROFILES[profile].items():
        if not address:
            with pytest.raises(Misconfigured) as caught:
                open_backend(capability, settings.address(capability))
            assert caught.value.code == "missing_address"
            assert f"POLLY_{capability.upper()}" in caught.value.hint


def test_unknown_profiles_and_schemes_are_told(tmp_path):
    with pytest.raises(Misconfigured, match="'moon' does not exist") as caught:
        load(home=tmp_path, profile="moon", environ={})
    assert "aws, local, servers" in caught.value.hint
    with pytest.raises(Misconfigured) as caught:
        open_backend("jobs", "oracle://h")
    assert "dynamodb, postgresql, sqlite" in caught.value.hint
