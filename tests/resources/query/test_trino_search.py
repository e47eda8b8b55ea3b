"""Trino joins the search index with tables in one statement."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from polly_resources.query.base import Relation
from polly_resources.query.trino import TrinoEngine
from polly_resources.records import SearchDocument
from polly_resources.search.opensearch import OpenSearchIndex
from polly_resources.search.text import MAX_TERM_BYTES, shortened
from tests.contracts.query import DATA, SCHEMA, TEXTS
from tests.resources.query.conftest import Lake, statement
from tests.servers.base import HOST
from tests.servers.opensearch import OpenSearch
from tests.servers.pool import Pool
from tests.servers.trino import USER, Trino

pytestmark = pytest.mark.servers

FACETS = pa.schema(
    [
        ("dataset_id", pa.string()),
        ("title", pa.string()),
        ("tissue", TEXTS),
        ("disease", TEXTS),
        ("unheard_of", TEXTS),
    ]
)
LONG = "x" * 40_000
DOCUMENTS = [
    SearchDocument("a", "One", "", "", facets={"tissue": ("liver", LONG), "disease": ()}),
    SearchDocument("b", "Two", "", "", facets={"tissue": ("lung",)}),
    SearchDocument("z", "Three", "", "", facets={"disease": ("flu",)}),
]


@pytest.fixture(scope="module")
def search(servers: Pool) -> str:
    """The address of an index that holds `DOCUMENTS`."""
    address = f"{servers.get(OpenSearch).address}/q-"
    OpenSearchIndex(address).put("atlas", DOCUMENTS)
    return address


@pytest.fixture(scope="module")
def engine(servers: Pool, lake: Lake, search: str) -> TrinoEngine:
    """An engine whose server has a catalog of that index."""
    server = servers.get(OpenSearch)

    class SearchTrino(Trino):
        def __init__(self, data: Path) -> None:
            super().__init__(data, lake.s3.endpoint, search=f"{HOST}:{server.port}")

    port = servers.get(SearchTrino).port
    return TrinoEngine(f"trino://{USER}@{HOST}:{port}/lake?search=search&index_prefix=q-")


def test_federates(engine: TrinoEngine, search: str) -> None:
    """Only where the search address is the one that the engine's catalog shows."""
    assert engine.federates(search)
    assert engine.federates(search.replace("opensearch://", "opensearch+https://user@"))
    assert not engine.federates(search.replace("/q-", "/other-"))
    assert not engine.federates("tantivy:///q-")
    assert not TrinoEngine("trino://polly@127.0.0.1:1/lake").federates(search)


def test_rows(engine: TrinoEngine) -> None:
    """Facets are lists; of those that a document or the whole index lacks there is NULL.

    A value too long for the index is given as the index has it.
    """
    relation = Relation(FACETS, index="atlas")
    found = engine.run(statement("SELECT * FROM s ORDER BY dataset_id", s=relation))
    assert found.schema.types == FACETS.types
    rows = [list(row.values()) for row in found.to_pylist()]
    assert rows == [
        ["a", "One", ["liver", shortened(LONG, MAX_TERM_BYTES)], [], None],
        ["b", "Two", ["lung"], None, None],
        ["z", "Three", None, ["flu"], None],
    ]


def test_join_with_a_table(engine: TrinoEngine, lake: Lake) -> None:
    relations = {"s": Relation(FACETS, index="atlas"), "t": lake.write([DATA], SCHEMA)}
    sql = "SELECT title, n FROM s JOIN t ON t.id = s.dataset_id WHERE contains(tissue, 'liver')"
    assert engine.run(statement(sql, **relations)).to_pylist() == [{"title": "One", "n": 1}]


def test_no_index(engine: TrinoEngine) -> None:
    """An atlas that nobody has indexed yet has no rows."""
    relation = Relation(FACETS, index="nobody")
    found = engine.run(statement("SELECT * FROM s", s=relation))
    assert (found.num_rows, found.schema.types) == (0, FACETS.types)


def test_only_some_columns(engine: TrinoEngine) -> None:
    """The door declares the columns that a statement names, which may be none."""
    relation = Relation(pa.schema([("unheard_of", TEXTS)]), index="atlas")
    found = engine.run(statement("SELECT count(*) AS n FROM s", s=relation))
    assert found.to_pylist() == [{"n": 3}]
