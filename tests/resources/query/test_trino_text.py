"""What can be known about Trino without a server: addresses, texts, types, refusals."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from sqlglot import exp

from polly_resources.errors import BadQuery, Misconfigured, PollyError, Unavailable
from polly_resources.query import trino_errors, trino_sql, trino_types
from polly_resources.query.base import Relation
from polly_resources.query.duckdb import DuckDBEngine
from polly_resources.query.trino import TrinoEngine
from polly_resources.query.trino_errors import Refused
from polly_resources.query.trino_rows import select_rows
from tests.resources.query.conftest import statement

T = pa.schema([("ok", pa.bool_()), ("id", pa.string())])


def simple(name: str, *arguments: Any) -> dict[str, Any]:
    """A type's signature as the protocol has it."""
    kinds = [
        {"kind": "LONG" if isinstance(argument, int) else "TYPE", "value": argument}
        for argument in arguments
    ]
    return {"rawType": name, "arguments": kinds}


def row(**fields: dict[str, Any]) -> dict[str, Any]:
    named = [
        {
            "kind": "NAMED_TYPE",
            "value": {
                "fieldName": {"name": name} if name[0] != "_" else None,
                "typeSignature": kind,
            },
        }
        for name, kind in fields.items()
    ]
    return {"rawType": "row", "arguments": named}


BIGINT, TEXT, DOUBLE = simple("bigint"), simple("varchar", 5), simple("double")


class TestTypes:
    @pytest.mark.parametrize(
        ("signature", "values", "expected"),
        [
            (simple("decimal", 38, 2), ["-1.50", None], [Decimal("-1.50"), None]),
            (simple("real"), ["Infinity", 0.5], [float("inf"), 0.5]),
            (simple("varbinary"), ["AP8=", None], [b"\x00\xff", None]),
            (simple("date"), ["2020-02-29", None], [dt.date(2020, 2, 29), None]),
            (simple("time", 3), ["01:02:03.5"], [dt.time(1, 2, 3, 500000)]),
            (
                simple("timestamp", 9),
                ["2020-01-05 06:07:08.123456789", None],
                [dt.datetime(2020, 1, 5, 6, 7, 8, 123456), None],
            ),
            (
                simple("timestamp with time zone", 3),
                ["2020-01-05 06:07:08.123 UTC", None, "2020-01-05 06:07:08.123 +01:30"],
                [
                    dt.datetime(2020, 1, 5, 6, 7, 8, 123000, dt.UTC),
                    None,
                    dt.datetime(2020, 1, 5, 4, 37, 8, 123000, dt.UTC),
                ],
            ),
            (
                simple("timestamp with time zone", 3),
                ["2020-07-05 06:07:08.000 America/New_York"],
                [dt.datetime(2020, 7, 5, 10, 7, 8, tzinfo=dt.UTC)],
            ),
            (simple("array", BIGINT), [[1, None], None, []], [[1, None], None, []]),
            (simple("map", BIGINT, DOUBLE), [{"7": 1.5}, None, {}], [[(7, 1.5)], None, []]),
            (simple("map", simple("boolean"), TEXT), [{"true": "x"}], [[(True, "x")]]),
            (row(a=BIGINT, _1=TEXT), [[1, "x"], None], [{"a": 1, "_1": "x"}, None]),
            (
                simple("interval day to second"),
                ["-1 02:00:00.500"],
                [pa.MonthDayNano([0, -1, -7_200_500_000_000])],
            ),
            (simple("interval year to month"), ["1-2"], [pa.MonthDayNano([14, 0, 0])]),
            (simple("unknown"), [None], [None]),
        ],
        ids=lambda found: found["rawType"] if isinstance(found, dict) else "",
    )
    def test_values(self, signature: Any, values: list[Any], expected: list[Any]) -> None:
        found = trino_types.array(signature, values)
        assert found.to_pylist() == expected
        assert found.type == trino_types.arrow_type(signature)
        assert trino_types.array(signature, []).type == found.type

    @pytest.mark.parametrize(
        ("signature", "values", "code"),
        [
            (simple("HyperLogLog"), ["x"], "not_supported"),
            (simple("map", simple("array", BIGINT), TEXT), [{"[1]": "x"}], "not_supported"),
            (simple("date"), ["-2020-01-01"], "out_of_range"),
            (simple("timestamp with time zone", 3), ["2020-01-01 00:00:00 Mars"], "out_of_range"),
        ],
    )
    def test_what_arrow_cannot_hold(self, signature: Any, values: list[Any], code: str) -> None:
        with pytest.raises(BadQuery) as caught:
            trino_types.array(signature, values)
        assert caught.value.code == code

    def test_no_sql_type(self) -> None:
        with pytest.raises(Misconfigured):
            trino_sql.type_name(pa.month_day_nano_interval())
        nested = pa.schema([("b", pa.list_(pa.binary()))])
        rows = pa.table({"b": [[b"x"]]}, schema=nested)
        with pytest.raises(Misconfigured):
            select_rows(Relation(nested, rows=rows))


class TestText:
    def text(self, sql: str) -> str:
        return trino_sql.translate(statement(sql, t=Relation(T)), {"t": "SOURCE"})

    def test_relations_come_first(self) -> None:
        found = self.text("WITH RECURSIVE c(i) AS (SELECT 1) SELECT * FROM t, c")
        assert found.startswith('WITH RECURSIVE "t" AS (SOURCE), c(i) AS (')

    def test_unused_relations_are_left_out(self) -> None:
        assert "SOURCE" not in self.text("SELECT 1 AS x")

    @pytest.mark.parametrize(
        ("sql", "part"),
        [
            ("SELECT log10(1000) AS x", "LOG10(1000)"),
            ("SELECT id FROM t WHERE ok = 'TRUE'", "ok = TRUE"),
            ("SELECT id FROM t WHERE id = 'true'", "id = 'true'"),
            ("SELECT a.id FROM t AS a JOIN t AS b USING (id)", 'SELECT id AS "id" FROM'),
            ("SELECT b.id FROM t AS a LEFT JOIN t AS b USING (id)", 'SELECT b.id AS "id" FROM'),
            ("SELECT ID FROM t", 'ID AS "id"'),
            ("SELECT 1", '1 AS "polly unnamed 0"'),
        ],
    )
    def test_rewritten(self, sql: str, part: str) -> None:
        assert part in self.text(sql)

    def test_absent_columns(self) -> None:
        found = trino_sql.select(T, "x", {"ID"})
        assert found == (
            'SELECT CAST(NULL AS BOOLEAN) AS "ok", CAST("id" AS VARCHAR) AS "id" FROM x'
        )


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT array_sort(ARRAY[1], (a, b) -> 0)",
        "SELECT strpos('a', 'b', 2)",
        "SELECT json_extract('[]', '$[*]')",
        "SELECT now() AT TIME ZONE 'Asia/Tokyo'",
        "SELECT CAST('a' AS CHAR(3))",
        "SELECT random(5)",
        "SELECT regexp_replace('a', 'b', x -> x[1])",
    ],
)
def test_not_portable(sql: str) -> None:
    """Refused by every engine alike, with another way to say it."""
    with pytest.raises(BadQuery) as embedded:
        DuckDBEngine().run(statement(sql))
    with pytest.raises(BadQuery) as trino:
        trino_sql.translate(statement(sql), {})
    assert (embedded.value.code, embedded.value.hint) == ("not_supported", trino.value.hint)
    assert embedded.value.hint


def test_zone_of_a_field() -> None:
    asked = "SELECT hour(from_unixtime(0) AT TIME ZONE 'Asia/Tokyo') AS x"
    assert DuckDBEngine().run(statement(asked)).to_pylist() == [{"x": 9}]


@pytest.mark.parametrize(
    ("name", "kind", "text", "expected", "code"),
    [
        ("COLUMN_NOT_FOUND", "USER_ERROR", "Column 'a.idd' cannot", BadQuery, "unknown_column"),
        ("FUNCTION_NOT_FOUND", "USER_ERROR", "Function 'f' not", BadQuery, "unknown_function"),
        ("EXCEEDED_TIME_LIMIT", "INSUFFICIENT_RESOURCES", "much", BadQuery, "query_too_large"),
        ("NO_NODES_AVAILABLE", "INTERNAL_ERROR", "none", Unavailable, "query_unavailable"),
        ("QUERY_QUEUE_FULL", "INSUFFICIENT_RESOURCES", "much", Unavailable, "query_unavailable"),
        ("HIVE_FILESYSTEM_ERROR", "EXTERNAL", "gone", Unavailable, "files_gone"),
        ("HIVE_FILESYSTEM_ERROR", "EXTERNAL", "Access Denied", Misconfigured, "query_refused"),
        ("PERMISSION_DENIED", "USER_ERROR", "Access Denied", Misconfigured, "query_refused"),
        ("SOMETHING_NEW", "INTERNAL_ERROR", "odd", BadQuery, "refused"),
    ],
)
def test_errors(name: str, kind: str, text: str, expected: type[PollyError], code: str) -> None:
    found = trino_errors.translate(Refused(name, kind, f"line 1:2: {text}"), T.names)
    assert isinstance(found, expected)
    assert found.code == code
    assert "line 1" not in found.message
    assert code != "unknown_column" or "id" in found.hint


@pytest.mark.parametrize(
    "address",
    [
        "trino://polly@127.0.0.1:1",
        "trino://127.0.0.1:1/lake",
        "trino://polly@a:1,b:2/lake",
        "trino://polly@127.0.0.1:1/lake?colour=red",
        "trino://polly@127.0.0.1:1/lake?seconds=soon",
        "trino://polly:secret@127.0.0.1:1/lake",
        "trino+https://polly:secret@127.0.0.1:1/lake?ca=/nowhere/ca.pem",
    ],
)
def test_bad_address(address: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        TrinoEngine(address)
    assert caught.value.code == "bad_address"
    assert "secret" not in str(caught.value)


def test_rows_alone_need_no_server() -> None:
    """Data that is here is asked here, even while the server is away."""
    engine = TrinoEngine("trino://polly@127.0.0.1:1/lake?seconds=1")
    rows = Relation(T, rows=pa.table({"ok": [True], "id": ["a"]}, schema=T))
    assert engine.run(statement("SELECT id FROM t", t=rows)).to_pylist() == [{"id": "a"}]
    with pytest.raises(Unavailable):
        engine.run(statement("SELECT 1"))


def test_tree_is_left_alone() -> None:
    asked = statement("SELECT a.id, 1 FROM t AS a JOIN t AS b USING (id)", t=Relation(T))
    before = asked.tree.sql("trino")
    trino_sql.translate(asked, {"t": "SOURCE"}, 5)
    assert asked.tree.sql("trino") == before
    assert isinstance(asked.tree, exp.Query)
