"""Delta tables on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from polly_resources.tables.delta import DeltaStore
from tests.contracts.tables import SPEC, TablesContract, rows


class TestDelta(TablesContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> DeltaStore:
        return DeltaStore(f"delta://{tmp_path}/with%20space")


def test_two_stores_see_each_other(tmp_path: Path) -> None:
    one, two = DeltaStore(f"delta://{tmp_path}"), DeltaStore(f"delta://{tmp_path}")
    one.write("a/things", SPEC, rows("d1"))
    assert two.version("a/things") == 0
    one.write("a/things", SPEC, rows("d2"))
    assert two.read("a/things").num_rows == 2
    two.write("a/things", SPEC, rows("d3"))
    assert one.files("a/things").rows == 3
