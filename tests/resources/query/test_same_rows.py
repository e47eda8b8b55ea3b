"""Trino and the embedded engine give the same rows, of the same types, for the same statement.

Types are equal but for decimals, whose precision may differ and which compare by value. Sums and
means of floats may differ in their last digits. APPROX_PERCENTILE approximates in another way in
each engine and is not compared.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from polly_resources.errors import BadQuery
from polly_resources.query.base import QueryEngine, Relation
from polly_resources.query.duckdb import DuckDBEngine
from polly_resources.query.trino import TrinoEngine
from polly_resources.tables.base import TableFiles
from tests.contracts.query import VALUES
from tests.resources.query.conftest import Lake, statement
from tests.resources.query.same_expressions import SAME
from tests.resources.query.statements import SCHEMA, statements, table

pytestmark = pytest.mark.servers

REFUSED = r"""
1.5 / 0.0
1 / 0
1 % 0
9223372036854775807 + 1
CAST(9223372036854775807 AS BIGINT) + 1
CAST(1e20 AS BIGINT)
CAST(nan() AS BIGINT)
CAST('1.5' AS BIGINT)
CAST('' AS DOUBLE)
CAST('yes' AS BOOLEAN)
CAST('2020-01-05 10:00:00' AS DATE)
CAST('2020-01-05T10:00:00' AS TIMESTAMP)
CAST(12345 AS DECIMAL(3,1))
CAST('a' AS CHAR(3))
CAST('a' AS CHAR(3)) = 'a'
length(CAST('a' AS CHAR(3)))
strpos('abcabc', 'c', 2)
lpad('a', 3, '')
hamming_distance('abc', 'ab')
regexp_replace('abc', '([a-c])', x -> upper(x[1]))
ARRAY[1, 2][3]
ARRAY[1, 2][0]
ARRAY[1, 2][-1]
map(ARRAY['a'], ARRAY[1])['b']
array_sort(ARRAY[3, 1, 2], (a, b) -> if(a < b, 1, if(a > b, -1, 0)))
slice(ARRAY[1, 2, 3], 1, -1)
slice(ARRAY[1, 2, 3], 0, 1)
trim_array(ARRAY[1, 2], 3)
map(ARRAY['a', 'a'], ARRAY[1, 2])
json_extract('[{"a": 1}, {"a": 2}]', '$[*].a')
json_parse('not json')
date_parse('x', '%Y')
date('2020-01-05 10:00:00')
from_unixtime(0) AT TIME ZONE 'America/New_York'
CAST(from_unixtime(0) AT TIME ZONE 'America/New_York' AS VARCHAR)
random(1) = 0
CAST('1_000' AS BIGINT)
CAST('1e3' AS BIGINT)
CAST('0x10' AS BIGINT)
CAST('nan' AS DOUBLE)
CAST('1_0.5' AS DOUBLE)
CAST('1,5' AS DOUBLE)
CAST(' true ' AS BOOLEAN)
CAST('no' AS BOOLEAN)
CAST('on' AS BOOLEAN)
CAST('2020/01/05' AS DATE)
CAST('20200105' AS DATE)
CAST('2020-13-05' AS DATE)
CAST('epoch' AS DATE)
(SELECT sum(x) FROM (VALUES 9223372036854775807, 1) AS v(x))
""".strip().splitlines()
"""What both refuse, with the same code."""

TOGETHER = 30
"""Expressions in one statement; each statement costs a server some tenths of a second."""

EXCEPT = {
    "random() < 1 AND rand() >= 0",
    # The entries of a map have no order.
    "map_concat(map(ARRAY['a'], ARRAY[1]), map(ARRAY['a'], ARRAY[2]))",
}


class Pair:
    """Both engines over the same table."""

    def __init__(self, lake: Lake, trino: QueryEngine, folder: Path) -> None:
        rows = table()
        path = folder / "t.parquet"
        pq.write_table(rows, path)
        local = TableFiles("a/t", 0, (str(path),), rows.num_rows)
        self._sides = (
            (DuckDBEngine(), Relation(SCHEMA, files=local)),
            (trino, lake.write([rows], SCHEMA)),
        )

    def answers(self, sql: str) -> tuple[pa.Table | BadQuery, pa.Table | BadQuery]:
        """What the embedded engine says, and what Trino says."""
        found = [self._answer(engine, sql, relation) for engine, relation in self._sides]
        return found[0], found[1]

    def check(self, sql: str) -> None:
        """Both give the same, or both refuse."""
        embedded, trino = self.answers(sql)
        if isinstance(embedded, BadQuery) or isinstance(trino, BadQuery):
            refused = isinstance(embedded, BadQuery) and isinstance(trino, BadQuery)
            assert refused, f"{sql}\nembedded: {embedded}\nTrino: {trino}"
            return
        assert embedded.column_names == trino.column_names, sql
        for name, left, right in zip(
            embedded.column_names, embedded.columns, trino.columns, strict=True
        ):
            assert plain_type(left.type) == plain_type(right.type), f"{sql}\n{name}"
            assert plain(left.to_pylist()) == plain(right.to_pylist()), f"{sql}\n{name}"

    def _answer(self, engine: QueryEngine, sql: str, relation: Relation) -> pa.Table | BadQuery:
        try:
            return engine.run(statement(sql, t=relation))
        except BadQuery as error:
            return error


@pytest.fixture(scope="module")
def pair(lake: Lake, trino: TrinoEngine, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return Pair(lake, trino, tmp_path_factory.mktemp("same"))


def plain_type(kind: pa.DataType) -> str:
    """Types by name; decimals are one, and a bare NULL is of any."""
    if pa.types.is_decimal(kind):
        return "decimal"
    if pa.types.is_list(kind):
        return f"list of {plain_type(kind.value_type)}"
    return str(kind)


def plain(value: Any) -> Any:
    """Values that compare: NaN with itself, floats to ten digits, maps without order."""
    if isinstance(value, float):
        return "NaN" if math.isnan(value) else float(f"{value:.10g}")
    if isinstance(value, list):
        if value and all(isinstance(item, tuple) and len(item) == 2 for item in value):
            return sorted((plain(list(item)) for item in value), key=repr)
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return value


def batches() -> list[list[str]]:
    known = [sql for sql, value in VALUES if value is not None] + SAME
    chosen = [sql for sql in known if sql not in EXCEPT]
    return [chosen[i : i + TOGETHER] for i in range(0, len(chosen), TOGETHER)]


@pytest.mark.parametrize("expressions", batches(), ids=lambda found: found[0])
def test_expressions(pair: Pair, expressions: list[str]) -> None:
    listed = ", ".join(f"{sql} AS c{i}" for i, sql in enumerate(expressions))
    pair.check(f"SELECT {listed}")


@pytest.mark.parametrize("sql", REFUSED)
def test_refused(pair: Pair, sql: str) -> None:
    """What one engine refuses the other refuses too, with the same code."""
    embedded, trino = pair.answers(f"SELECT {sql} AS x")
    assert isinstance(embedded, BadQuery)
    assert isinstance(trino, BadQuery)
    assert embedded.code == trino.code


@given(sql=statements)
@settings(
    max_examples=150,
    derandomize=True,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
)
def test_generated(pair: Pair, sql: str) -> None:
    pair.check(sql)
