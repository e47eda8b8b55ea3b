from __future__ import annotations

import pytest
from typer.testing import CliRunner

from polly_client.cli.main import app
from tests.client.serving import serving, working


@pytest.fixture
def run(door, tmp_path, monkeypatch):
    """Run the command against the door, through a server."""
    for name in ("POLLY_HOME", "POLLY_PROFILE", "POLLY_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    with serving(door) as url, working(door):
        monkeypatch.setenv("POLLY_URL", url)
        yield lambda *args, **more: CliRunner().invoke(app, [str(arg) for arg in args], **more)


@pytest.fixture
def files(tmp_path):
    for name, content in {"GSE1.gct": b"good", "GSE2.gct": b"bad", "GSE3.gct": b"multi"}.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path
