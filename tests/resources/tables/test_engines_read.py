"""Every engine reads every type with the values that were written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlglot
from sqlglot import exp

from polly_resources.query.base import QueryEngine, Relation, Statement
from polly_resources.query.duckdb import DuckDBEngine
from polly_resources.query.trino import TrinoEngine
from polly_resources.tables.delta import DeltaStore
from tests.resources.tables.buckets import store_on
from tests.resources.tables.samples import SPEC, everything, expected
from tests.servers.base import HOST
from tests.servers.pool import Pool
from tests.servers.s3 import S3Server
from tests.servers.seaweedfs import SeaweedFS
from tests.servers.trino import USER, Trino

TABLE = "kinds/types"
KEYS = ["first", "second", "null"]


def seen(engine: QueryEngine, store: DeltaStore, version: int | None = None) -> Any:
    relation = Relation(store.read(TABLE).schema, files=store.files(TABLE, version=version))
    tree = sqlglot.parse_one("SELECT * FROM t ORDER BY shard", read="trino")
    assert isinstance(tree, exp.Query)
    return engine.run(Statement(tree, {"t": relation})).to_pylist()


def check(engine: QueryEngine, store: DeltaStore) -> None:
    """After each kind of write, with a checkpoint too, at the newest and at an old version."""
    store.write(TABLE, SPEC, everything())
    assert seen(engine, store) == expected()
    store.write(TABLE, SPEC, everything(), replace=KEYS)
    assert seen(engine, store) == expected()
    store.write(TABLE, SPEC, SPEC.schema().empty_table(), replace=["first"])
    assert seen(engine, store) == expected()[1:]
    store.delete(TABLE, SPEC, ["null"])
    store.maintain(TABLE)
    assert seen(engine, store) == expected()[1:2]
    assert seen(engine, store, version=0) == expected()
    store.delete(TABLE, SPEC, KEYS)
    assert seen(engine, store) == []


def test_the_embedded_engine(tmp_path: Path) -> None:
    check(DuckDBEngine("duckdb://"), DeltaStore(f"delta://{tmp_path}"))


@pytest.fixture
def lake(servers: Pool) -> S3Server:
    return servers.get(SeaweedFS)


@pytest.fixture
def trino(servers: Pool, lake: S3Server) -> Iterator[TrinoEngine]:
    class OverLake(Trino):
        def __init__(self, data: Path) -> None:
            super().__init__(data, lake.endpoint)

    server = servers.new(OverLake)
    server.start()
    yield TrinoEngine(f"trino://{USER}@{HOST}:{server.port}/lake")
    server.stop()


@pytest.mark.servers
def test_trino(trino: TrinoEngine, lake: S3Server) -> None:
    check(trino, store_on(lake))
