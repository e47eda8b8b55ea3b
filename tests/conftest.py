"""Shared fixtures: an isolated home, and the optional folder of real files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from polly_resources.settings import Settings, load

# The suites of contracts are imported, not collected: let their failures show values too.
pytest.register_assert_rewrite(
    "tests.contracts", "tests.e2e.faults", "tests.e2e.on_servers", "tests.e2e.walk"
)

pytest_plugins = ["tests.contracts.gaps", "tests.servers.pool", "tests.e2e.stacks"]


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Bytes that are no text are named by their argument: a packed file holds the time it was made.

    Workers that run one suite side by side must see the same names.
    """
    if not isinstance(val, bytes):
        return None
    text = val.translate(None, b"\t\r\n").decode("latin-1")
    return None if text.isprintable() else argname


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real files named by POLLY_TEST_DATA; skips where there is none."""
    folder = os.environ.get("POLLY_TEST_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("POLLY_TEST_DATA does not name a folder of real files")
    return Path(folder)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """The local profile in an empty home."""
    return load(home=tmp_path / "home", environ={})
