from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.assets.instance import Instance, gct


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    return Instance(tmp_path / "home")


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write a file of the user; a small GCT where no content is given."""

    def one(name: str, content: str | bytes | None = None) -> Path:
        path = tmp_path / "files" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        body = gct() if content is None else content
        path.write_bytes(body if isinstance(body, bytes) else body.encode())
        return path

    return one
