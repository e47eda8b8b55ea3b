"""What the catalog is told: the columns and rows that a statement can use."""

from __future__ import annotations

from typing import Any

import pytest

from polly_api.sql.prepare import prepare
from tests.api.sql.conftest import SmallCatalog, expand

S = "geo.samples"
ROWS: list[tuple[str, dict[str, tuple[Any, ...]]]] = [
    (f"SELECT * FROM {S} WHERE name = 'a'", {"name": ("a",)}),
    (f"SELECT * FROM {S} WHERE 'a' = NAME", {"name": ("a",)}),
    (f"SELECT * FROM {S} s WHERE s.name IN ('a', 'b', 'a')", {"name": ("a", "b")}),
    (f"SELECT * FROM {S} WHERE (name = 'a' AND (curated_control = 1))",
     {"name": ("a",), "curated_control": (1,)}),
    (f"SELECT * FROM {S} WHERE name = 'a' AND name IN ('a', 'b')", {"name": ("a",)}),
    (f"SELECT * FROM {S} WHERE name = 'a' AND name = 'b'", {"name": ()}),
    (f"SELECT * FROM {S} WHERE name = 'a' OR name = 'b'", {}),
    (f"SELECT * FROM {S} WHERE NOT name = 'a'", {}),
    (f"SELECT * FROM {S} WHERE NOT name IN ('a')", {}),
    (f"SELECT * FROM {S} WHERE name IN ('a', title)", {}),
    (f"SELECT * FROM {S} WHERE name IN (SELECT 'a')", {}),
    (f"SELECT * FROM {S} WHERE lower(name) = 'a'", {}),
    (f"SELECT * FROM {S} WHERE name = 1", {}),
    (f"SELECT * FROM {S} WHERE curated_control = '1'", {}),
    (f"SELECT * FROM {S} WHERE curated_control = 1.0", {}),
    (f"SELECT * FROM {S} WHERE name IS NOT DISTINCT FROM 'a'", {}),
    (f"SELECT CASE WHEN name = 'a' THEN 1 END FROM {S}", {}),
    (f"SELECT name FROM {S} GROUP BY name HAVING name = 'a'", {}),
    (f"SELECT * FROM (SELECT * FROM {S}) WHERE name = 'a'", {}),
    (f"SELECT * FROM (SELECT * FROM {S} WHERE name = 'a')", {"name": ("a",)}),
    (f"WITH x AS (SELECT * FROM {S} WHERE name = 'a') SELECT * FROM x", {"name": ("a",)}),
    (f"SELECT * FROM (VALUES ('a')) AS v(name) CROSS JOIN {S} WHERE name = 'a'", {}),
    (f"SELECT * FROM {S} CROSS JOIN UNNEST(curated_tissue) AS t(x) WHERE name = 'a' AND x = 'b'",
     {"name": ("a",)}),
    (f"SELECT * FROM {S} CROSS JOIN UNNEST(curated_tissue) AS t(name) WHERE name = 'a'", {}),
    (f"SELECT * FROM {S} AS s(name, title) WHERE name = 'a'", {}),
    (f"SELECT * FROM (SELECT 1 AS x) q LEFT JOIN {S} s ON true WHERE s.name = 'a'",
     {"name": ("a",)}),
    (f"SELECT * FROM {S} JOIN (SELECT 1 AS x) q ON name = 'a'", {}),
    (f"SELECT 1 WHERE EXISTS (SELECT 1 FROM {S} WHERE name = 'a')", {"name": ("a",)}),
    (f"SELECT * FROM {S} ORDER BY name = 'a'", {}),
]  # fmt: skip

COLUMNS: list[tuple[str, set[str] | None]] = [
    (f"SELECT name FROM {S} WHERE Title = 'x'", {"name", "title"}),
    (f"SELECT count(*) FROM {S}", set()),
    (f"SELECT * FROM {S}", None),
    (f"SELECT s.* FROM {S} s JOIN (SELECT 1 AS x) q ON true", None),
    (f"SELECT q.* FROM {S} s JOIN (SELECT 1 AS x) q ON s.name = 'a'", {"name"}),
    (f"SELECT * FROM (SELECT name FROM {S})", {"name"}),
    (f"SELECT t.a FROM {S} AS t(a)", None),
    (f"SELECT cardinality(filter(curated_tissue, x -> x = title)) FROM {S}",
     {"curated_tissue", "title"}),
    (f"SELECT 1 FROM {S} JOIN geo.datasets USING (description)", {"description"}),
]  # fmt: skip


@pytest.mark.parametrize(("query", "where"), ROWS, ids=[query for query, _ in ROWS])
def test_rows(catalog: SmallCatalog, query: str, where: dict[str, Any]) -> None:
    prepare(query, catalog, expand)
    assert catalog.asked[0][3] == where


@pytest.mark.parametrize(("query", "columns"), COLUMNS, ids=[query for query, _ in COLUMNS])
def test_columns(catalog: SmallCatalog, query: str, columns: set[str] | None) -> None:
    prepare(query, catalog, expand)
    found = catalog.asked[0][2]
    assert (found if found is None else set(found)) == columns


def test_asked_once(catalog: SmallCatalog) -> None:
    """The same table with the same needs is one relation; other rows are another."""
    prepare(f"SELECT a.name FROM {S} a JOIN {S} b ON a.name = b.title", catalog, expand)
    assert len(catalog.asked) == 1
    prepare(f"SELECT name FROM {S} WHERE name = 'a' UNION SELECT name FROM {S}", catalog, expand)
    assert [where for *_, where in catalog.asked[1:]] == [{"name": ("a",)}, {}]
