"""The compiled modules, which a machine without a compiler lacks."""

from __future__ import annotations

from typing import Any

import pytest

from polly_assets.native.compiled import compiled
from tests.machine import lacks


def _module(name: str) -> Any:
    return compiled(name) or lacks(f"{name} was not compiled here")


@pytest.fixture
def text_module() -> Any:
    return _module("_text")


@pytest.fixture
def sparse_module() -> Any:
    return _module("_sparse")
