"""A statement whose tables move is asked anew, on engines that read only the newest version."""

from __future__ import annotations

import pyarrow as pa
import pytest

from polly_api.door import LocalDoor
from polly_resources.errors import Unavailable
from polly_resources.query.base import TABLE_MOVED
from polly_resources.query.duckdb import DuckDBEngine


@pytest.fixture
def moves(monkeypatch) -> list[str]:
    """As many errors as an engine whose tables move would raise before it answers."""
    left: list[str] = []
    run = DuckDBEngine.run

    def moving(self, statement, *, max_rows=None) -> pa.Table:
        if left:
            raise Unavailable(left.pop(), "written meanwhile")
        return run(self, statement, max_rows=max_rows)

    monkeypatch.setattr(DuckDBEngine, "run", moving)
    return left


def test_it_is_asked_anew_at_the_new_versions(settings, moves):
    moves += [TABLE_MOVED, TABLE_MOVED]
    assert LocalDoor(settings).sql("SELECT 1 AS one").to_pylist() == [{"one": 1}]


@pytest.mark.parametrize("codes", [[TABLE_MOVED] * 3, ["query_unavailable"]])
def test_other_errors_and_the_third_move_are_told(settings, moves, codes):
    moves += codes
    with pytest.raises(Unavailable, match="written meanwhile"):
        LocalDoor(settings).sql("SELECT 1 AS one")
    assert not moves
