"""Trino over TLS with a password: what is trusted, what is refused, and that nothing shows."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest

from polly_resources.errors import Misconfigured
from polly_resources.query.trino import TrinoEngine
from tests.resources.query.conftest import Lake, statement
from tests.servers.base import HOST, run
from tests.servers.pool import Pool
from tests.servers.trino import USER, Trino

pytestmark = pytest.mark.servers

PASSWORD = "of this test, with @ and /"


@pytest.fixture(scope="module")
def secure(servers: Pool, lake: Lake) -> Trino:
    """A Trino server with a certificate of its own."""

    class SecureTrino(Trino):
        def __init__(self, data: Path) -> None:
            super().__init__(data, lake.s3.endpoint, password=PASSWORD)

    return servers.get(SecureTrino)


def engine(server: Trino, password: str = PASSWORD, ca: str | None = None) -> TrinoEngine:
    trusted = str(server.certificate) if ca is None else ca
    login = f"{USER}:{quote(password, safe='')}"
    return TrinoEngine(f"trino+https://{login}@{HOST}:{server.port}/lake?ca={quote(trusted)}")


def test_right(secure: Trino) -> None:
    found = engine(secure).run(statement("SELECT 1 AS x"))
    assert found.to_pylist() == [{"x": 1}]


def test_wrong_password(secure: Trino) -> None:
    with pytest.raises(Misconfigured) as caught:
        engine(secure, password="wrong and secret").about()
    assert caught.value.code == "query_refused"
    assert "secret" not in repr(caught.value) + str(caught.value) + str(caught.value.__cause__)


def test_unknown_authority(secure: Trino) -> None:
    with pytest.raises(Misconfigured) as caught:
        engine(secure, ca="").about()
    assert caught.value.code == "query_untrusted"


def test_authority_of_others(secure: Trino, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    run(
        *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=other"),
        *("-keyout", tmp_path / "key.pem", "-out", other),
    )
    with pytest.raises(Misconfigured) as caught:
        engine(secure, ca=str(other)).about()
    assert caught.value.code == "query_untrusted"


def test_plain_server(lake: Lake) -> None:
    """TLS to a port that speaks plain HTTP."""
    address = f"trino+https://{USER}:secret@{HOST}:{lake.trino.port}/lake"
    with pytest.raises(Misconfigured) as caught:
        TrinoEngine(address).about()
    assert caught.value.code == "query_untrusted"
