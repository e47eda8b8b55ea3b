"""Addresses of OpenSearch, without a server."""

from __future__ import annotations

import pytest

from polly_resources.errors import Misconfigured
from polly_resources.search.opensearch import OpenSearchIndex
from polly_resources.search.opensearch_schema import identity, path


@pytest.mark.parametrize(
    "rest",
    [
        "://",
        "://user:secret@",
        "://user:secret@host:port",
        "://user:secret@host/Prefix",
        "://user:secret@host/a,b",
        "://user:secret@host?shards=0",
        "://user:secret@host?replicas=-1",
        "://user:secret@host?replicas=\u00b2",
        "://user:secret@host?pipes=1",
        "+https://user:secret@host?ca=/no/such/file",
    ],
)
def test_what_cannot_be_an_address_is_refused(rest):
    with pytest.raises(Misconfigured) as caught:
        OpenSearchIndex(f"opensearch{rest}")
    assert caught.value.code == "bad_address"
    assert "secret" not in str(caught.value)


def test_signing_for_aws_needs_credentials(monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    address = "opensearch+https://search-x.eu-west-1.es.amazonaws.com?aws_region=eu-west-1"
    with pytest.raises(Misconfigured) as caught:
        OpenSearchIndex(address)
    assert caught.value.code == "no_credentials"
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    OpenSearchIndex(address)


def test_names_of_facets_are_fields_of_their_own():
    names = ["curated_disease", "a.b", "a b", "a~b", "a~2e~b", "", "~", "\u00e9"]
    assert path("curated_disease") == "curated_disease"
    assert len({path(name) for name in names}) == len(names)
    assert all("." not in path(name) for name in names)


def test_ids_that_the_server_would_refuse_have_another():
    ids = ["GSE1", "", "x" * 513, "x" * 514, identity("x" * 513)]
    assert identity("GSE1") == "GSE1"
    assert len({identity(each) for each in ids}) == len(ids)
    assert all(0 < len(identity(each)) <= 512 for each in ids)
