"""Trino passes the contract over Delta tables in a bucket; what it refuses becomes our errors."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pytest
import sqlglot
from sqlglot import exp

from polly_resources.query.base import QueryEngine, Relation, Statement
from polly_resources.query.trino import TrinoEngine
from tests.contracts.query import DATA, SCHEMA, QueryEngineContract, TableOf
from tests.resources.query.conftest import Lake

pytestmark = pytest.mark.servers


def statement(sql: str, **relations: Relation) -> Statement:
    tree = sqlglot.parse_one(sql, read="trino")
    assert isinstance(tree, exp.Query)
    return Statement(tree, relations)


@pytest.fixture(scope="module")
def stored(lake: Lake) -> Relation:
    """`DATA` as a Delta table."""
    return lake.write([DATA], SCHEMA)


class TestTrino(QueryEngineContract):
    @pytest.fixture
    def engine(self, trino: TrinoEngine) -> QueryEngine:
        return trino

    @pytest.fixture
    def usual(self, stored: Relation) -> Relation:
        return stored

    @pytest.fixture
    def table_of(self, lake: Lake) -> TableOf:
        return lake.write

    @pytest.fixture
    def lose(self, lake: Lake) -> Callable[[Relation], None]:
        return lake.lose
