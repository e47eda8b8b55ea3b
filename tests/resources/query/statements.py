"""Statements of all shapes over one table, for comparing engines.

Owns the grammar that hypothesis draws from: expressions by type, and the queries around them.
Whatever it makes has a total order, so that rows can be compared in place.
Keep out: running and comparing.
"""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass

import pyarrow as pa
from hypothesis import strategies as st

TEXTS = pa.list_(pa.field("element", pa.string()))
SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), False),
        pa.field("n", pa.int64()),
        pa.field("k", pa.int32()),
        pa.field("x", pa.float64()),
        pa.field("s", pa.string()),
        pa.field("ok", pa.bool_()),
        pa.field("d", pa.date32()),
        pa.field("at", pa.timestamp("us", tz="UTC")),
        pa.field("tags", TEXTS),
        pa.field("doc", pa.string()),
    ]
)
_NUMBERS = [0, 1, -1, 2, 7, -8, None, 3, 3, 1000003, -5, None]
_FLOATS = [0.0, 1.5, -2.5, math.nan, None, math.inf, -math.inf, 0.1, 1e10, -0.0, math.nan, 2.0]
_WORDS = ["", "a", "B", "a b", "it's", "été", None, "12", "4.5", "-3", "nan", "True"]
_LISTS = [[], ["a"], ["b", "a"], None, ["a", None], ["a", "a", "c"], ["x y"], [None], ["é"]]
_DOCS = [
    '{"k": 1}',
    '{"k": "12"}',
    '{"k": null}',
    "{}",
    None,
    '{"k": [1]}',
    '{"k": true, "l": "a"}',
]


def table() -> pa.Table:
    """Twenty-four rows with everything odd that a column may hold."""
    rows = []
    for i in range(24):
        moment = dt.datetime(2020, 1, 31, 22, 30, tzinfo=dt.UTC) + dt.timedelta(hours=37 * i)
        rows.append(
            {
                "id": f"r{i:02}",
                "n": _NUMBERS[i % len(_NUMBERS)],
                "k": i % 4,
                "x": _FLOATS[(i * 5) % len(_FLOATS)],
                "s": _WORDS[(i * 7) % len(_WORDS)],
                "ok": (None, True, False)[i % 3],
                "d": None if i % 6 == 5 else dt.date(2019, 12, 29) + dt.timedelta(days=11 * i),
                "at": None if i % 7 == 6 else moment,
                "tags": _LISTS[i % len(_LISTS)],
                "doc": _DOCS[i % len(_DOCS)],
            }
        )
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def _made(pattern: str, **parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds(pattern.format, **parts)


def _one(*found: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(*found)


_COMPARE = st.sampled_from(["=", "<>", "<", "<=", ">", ">="])
_SMALL = st.sampled_from([str(i) for i in range(-3, 4)])
_PLACE = st.sampled_from(["1", "2", "3", "-1", "-2", "k + 1"])
_WORD = st.sampled_from(["'a'", "'B'", "''", "' '", "'it''s'", "'é'", "'12'", "'%a_'"])
_UNIT = st.sampled_from(["'day'", "'week'", "'month'", "'quarter'", "'year'"])
_FIELD = st.sampled_from(
    ["year", "month", "day", "quarter", "week", "day_of_week", "day_of_year", "year_of_week"]
)

_integer_leaf = st.sampled_from(["n", "k", "n", "2", "-7", "CAST(3 AS BIGINT)", "NULLIF(n, 3)"])
_float_leaf = st.sampled_from(["x", "x", "1.5e0", "-0.5e0", "CAST(n AS DOUBLE)"])
_word_leaf = st.sampled_from(["s", "s", "id", "'a'", "json_extract_scalar(doc, '$.k')"])
_flag_leaf = st.sampled_from(["ok", "n > 1", "x > 1e0", "s = 'a'", "contains(tags, 'a')", "x = x"])
_date_leaf = st.sampled_from(["d", "d", "DATE '2020-02-29'", "CAST(at AS DATE)"])
_list_leaf = st.sampled_from(["tags", "tags", "ARRAY['a', 'b']", "split(s, ' ')"])


@dataclass(frozen=True)
class Level:
    """Expressions of each type, up to some depth."""

    integers: st.SearchStrategy[str]
    floats: st.SearchStrategy[str]
    words: st.SearchStrategy[str]
    flags: st.SearchStrategy[str]
    dates: st.SearchStrategy[str]
    lists: st.SearchStrategy[str]


def _integers(inner: Level) -> st.SearchStrategy[str]:
    return _one(
        inner.integers,
        _made("({a} {op} {b})", a=inner.integers, b=inner.integers, op=st.sampled_from("+-")),
        _made("({a} * {b})", a=_integer_leaf, b=_SMALL),
        _made("({a} / NULLIF({b}, 0))", a=inner.integers, b=inner.integers),
        _made("TRY({a} / {b})", a=inner.integers, b=inner.integers),
        _made("({a} % NULLIF({b}, 0))", a=inner.integers, b=_SMALL),
        _made("length({a})", a=inner.words),
        _made("cardinality({a})", a=inner.lists),
        _made("cardinality(filter({a}, e -> e {op} {b}))", a=inner.lists, op=_COMPARE, b=_WORD),
        _made("coalesce({a}, {b})", a=inner.integers, b=inner.integers),
        _made("greatest({a}, {b})", a=inner.integers, b=inner.integers),
        _made(
            "CASE WHEN {c} THEN {a} ELSE {b} END", c=inner.flags, a=inner.integers, b=inner.integers
        ),
        _made("strpos({a}, {b})", a=inner.words, b=_WORD),
        _made("{f}({a})", f=_FIELD, a=inner.dates),
        _made("date_diff({u}, {a}, {b})", u=_UNIT, a=inner.dates, b=inner.dates),
        _made("TRY_CAST({a} AS BIGINT)", a=inner.words),
        _made("TRY_CAST({a} AS INTEGER)", a=inner.floats),
        _made("array_position({a}, {b})", a=inner.lists, b=_WORD),
        _made("abs({a})", a=inner.integers),
        st.just("hour(at)"),
        _made("json_array_length(json_format(CAST({a} AS JSON)))", a=inner.lists),
    )


def _floats(inner: Level) -> st.SearchStrategy[str]:
    return _one(
        inner.floats,
        _made("({a} {op} {b})", a=inner.floats, b=inner.floats, op=st.sampled_from("+-*/")),
        _made("({a} / {b})", a=inner.floats, b=inner.integers),
        _made("abs({a})", a=inner.floats),
        _made("floor({a})", a=inner.floats),
        _made("round({a})", a=inner.floats),
        _made("sqrt(abs({a}))", a=_float_leaf),
        _made("coalesce({a}, {b})", a=inner.floats, b=inner.floats),
        _made("CASE WHEN {c} THEN {a} END", c=inner.flags, a=inner.floats),
        _made("TRY_CAST({a} AS DOUBLE)", a=inner.words),
    )


def _words(inner: Level) -> st.SearchStrategy[str]:
    return _one(
        inner.words,
        _made("({a} || {b})", a=inner.words, b=inner.words),
        _made("lower({a})", a=inner.words),
        _made("upper({a})", a=inner.words),
        _made("trim({a})", a=inner.words),
        _made("substr({a}, {i})", a=inner.words, i=_PLACE),
        _made("substr({a}, {i}, {j})", a=inner.words, i=_PLACE, j=_SMALL),
        _made("replace({a}, 'a', {b})", a=inner.words, b=_WORD),
        _made("split_part({a}, ' ', 2)", a=inner.words),
        _made("reverse({a})", a=inner.words),
        _made("lpad({a}, 3, '*')", a=inner.words),
        _made("regexp_replace({a}, '([a-z])', '<$1>')", a=inner.words),
        _made("regexp_extract({a}, '[0-9.]+')", a=inner.words),
        _made("CAST({a} AS VARCHAR)", a=inner.integers),
        _made("CAST({a} AS VARCHAR)", a=_float_leaf),
        _made("CAST({a} AS VARCHAR)", a=inner.dates),
        _made("array_join({a}, ',', '?')", a=inner.lists),
        _made("element_at({a}, {i})", a=inner.lists, i=st.sampled_from(["1", "2", "-1"])),
        _made("coalesce({a}, {b})", a=inner.words, b=inner.words),
        _made("if({c}, {a}, {b})", c=inner.flags, a=inner.words, b=inner.words),
        st.just("date_format(at, '%Y/%m/%d %H')"),
        _made("json_format(CAST({a} AS JSON))", a=inner.lists),
    )


def _flags(inner: Level) -> st.SearchStrategy[str]:
    return _one(
        inner.flags,
        _made("({a} {op} {b})", a=inner.integers, op=_COMPARE, b=inner.integers),
        _made("({a} {op} {b})", a=inner.floats, op=_COMPARE, b=inner.floats),
        _made("({a} {op} {b})", a=inner.floats, op=_COMPARE, b=inner.integers),
        _made("({a} {op} {b})", a=inner.words, op=_COMPARE, b=inner.words),
        _made("({a} {op} {b})", a=inner.dates, op=_COMPARE, b=inner.dates),
        _made("({a} {op} {b})", a=inner.flags, b=inner.flags, op=st.sampled_from(["AND", "OR"])),
        _made("(NOT {a})", a=inner.flags),
        _made("({a} IS NULL)", a=st.one_of(inner.integers, inner.words, inner.lists)),
        _made("({a} IS DISTINCT FROM {b})", a=inner.integers, b=inner.integers),
        _made("({a} IN ({b}, {c}, NULL))", a=inner.words, b=_WORD, c=_WORD),
        _made("({a} NOT IN ({b}, {c}))", a=inner.integers, b=_SMALL, c=_SMALL),
        _made("({a} BETWEEN {b} AND {c})", a=inner.integers, b=_SMALL, c=_SMALL),
        _made("({a} LIKE {b})", a=inner.words, b=_WORD),
        _made("contains({a}, {b})", a=inner.lists, b=_WORD),
        _made("arrays_overlap({a}, {b})", a=inner.lists, b=inner.lists),
        _made("any_match({a}, e -> e {op} {b})", a=inner.lists, op=_COMPARE, b=_WORD),
        _made("all_match({a}, e -> length(e) {op} 1)", a=inner.lists, op=_COMPARE),
        _made("regexp_like({a}, '^[a-z]')", a=inner.words),
        _made("is_nan({a})", a=inner.floats),
        _made("TRY_CAST({a} AS BOOLEAN)", a=inner.words),
    )


def _dates(inner: Level) -> st.SearchStrategy[str]:
    return _one(
        inner.dates,
        _made("date_add({u}, {i}, {a})", u=_UNIT, i=_SMALL, a=inner.dates),
        _made("date_trunc({u}, {a})", u=_UNIT, a=inner.dates),
        _made("last_day_of_month({a})", a=inner.dates),
        _made("({a} + INTERVAL '1' MONTH)", a=inner.dates),
        _made("coalesce({a}, {b})", a=inner.dates, b=inner.dates),
    )


def _lists(inner: Level) -> st.SearchStrategy[str]:
    return _one(
        inner.lists,
        _made("filter({a}, e -> e {op} {b})", a=inner.lists, op=_COMPARE, b=_WORD),
        _made("transform({a}, e -> upper(e))", a=inner.lists),
        _made("array_distinct({a})", a=inner.lists),
        _made("array_sort({a})", a=inner.lists),
        _made("array_union({a}, {b})", a=inner.lists, b=inner.lists),
        _made("array_intersect(array_sort({a}), {b})", a=inner.lists, b=inner.lists),
        _made("array_except({a}, {b})", a=inner.lists, b=inner.lists),
        _made("array_remove({a}, {b})", a=inner.lists, b=_WORD),
        _made("slice({a}, {i}, 2)", a=inner.lists, i=st.sampled_from(["1", "2", "-1", "-2"])),
        _made("({a} || {b})", a=inner.lists, b=inner.lists),
        _made("coalesce({a}, {b})", a=inner.lists, b=inner.lists),
        _made("reverse({a})", a=inner.lists),
    )


def _deeper(inner: Level) -> Level:
    return Level(
        _integers(inner),
        _floats(inner),
        _words(inner),
        _flags(inner),
        _dates(inner),
        _lists(inner),
    )


_LEAVES = Level(_integer_leaf, _float_leaf, _word_leaf, _flag_leaf, _date_leaf, _list_leaf)
_MOST = _deeper(_deeper(_LEAVES))

integers, floats, words = _MOST.integers, _MOST.floats, _MOST.words
flags, dates, lists = _MOST.flags, _MOST.dates, _MOST.lists
_any = _one(integers, floats, words, flags, dates, lists)
_keys = _one(integers, words, flags, dates)
_aggregate = _one(
    st.just("count(*)"),
    _made("count({a})", a=_any),
    _made("count(DISTINCT {a})", a=_keys),
    _made("sum({a})", a=integers),
    _made("sum({a})", a=_float_leaf),
    _made("avg({a})", a=integers),
    _made("min({a})", a=_keys.filter(lambda text: text not in {"ok"})),
    _made("max({a})", a=_one(integers, words, dates)),
    _made("max({a})", a=floats),
    _made("count_if({a})", a=flags),
    _made("bool_or({a})", a=flags),
    _made("count(*) FILTER (WHERE {a})", a=flags),
    _made("array_agg({a} ORDER BY id)", a=_one(integers, words, lists)),
    _made("max_by({a}, id)", a=_any),
    _made("max_by(id, {a})", a=st.sampled_from(["id", "id || s"])),
    st.just("listagg(id, ',') WITHIN GROUP (ORDER BY id DESC)"),
)
_sorted = _one(integers, floats, words, dates)
_order = st.sampled_from(["", " DESC", " NULLS FIRST", " DESC NULLS LAST"])
_window = _one(
    _made("row_number() OVER (ORDER BY {a}{o}, id)", a=_keys, o=_order),
    _made("rank() OVER (PARTITION BY {a} ORDER BY {b}{o})", a=_keys, b=_keys, o=_order),
    _made("sum({a}) OVER (PARTITION BY {b} ORDER BY id)", a=integers, b=_keys),
    _made("lag({a}) OVER (ORDER BY id)", a=_any),
    _made("first_value({a}) OVER (PARTITION BY k ORDER BY {b}{o}, id)", a=_any, b=_keys, o=_order),
    _made("max({a}) OVER (PARTITION BY k)", a=_one(integers, floats)),
)

statements = _one(
    _made("SELECT id, {a}, {b}, {c} FROM t ORDER BY 1", a=_any, b=_any, c=_any),
    _made("SELECT id, {a}, {b}, {c} FROM t ORDER BY 1", a=integers, b=words, c=flags),
    _made("SELECT id FROM t WHERE {a} ORDER BY {b}{o}, id", a=flags, b=_sorted, o=_order),
    _made(
        "SELECT {k} AS g, {a}, {b}, {c} FROM t WHERE {w} GROUP BY 1 ORDER BY 1{o}",
        k=_keys, a=_aggregate, b=_aggregate, c=_aggregate, w=flags, o=_order,
    ),
    _made(
        "SELECT {a}, {b}, {c} FROM t WHERE {w}",
        a=_aggregate, b=_aggregate, c=_aggregate, w=flags,
    ),
    _made("SELECT id, {a}, {b} FROM t ORDER BY id", a=_window, b=_window),
    _made(
        "SELECT id, e, i FROM t CROSS JOIN UNNEST({a}) WITH ORDINALITY AS u(e, i)"
        " WHERE {w} ORDER BY id, i",
        a=lists, w=flags,
    ),
    _made(
        "SELECT a.id, b.id, {a} FROM t AS a {j} JOIN (SELECT id, n AS m FROM t) AS b"
        " ON a.n = b.m AND a.id < b.id ORDER BY 1, 2",
        j=st.sampled_from(["", "LEFT", "RIGHT", "FULL"]), a=st.sampled_from(["a.x", "b.m"]),
    ),
    _made(
        "SELECT {a} AS v FROM t {op} SELECT {b} FROM t WHERE {w} ORDER BY 1",
        a=integers, b=integers, w=flags, op=st.sampled_from(["UNION", "EXCEPT", "INTERSECT"]),
    ),
    _made("SELECT DISTINCT {a} AS v, ok FROM t ORDER BY 1{o}, 2", a=_keys, o=_order),
    _made(
        "WITH c AS (SELECT k, max({a}) AS m FROM t GROUP BY k)"
        " SELECT t.id, c.m FROM t JOIN c ON c.k = t.k WHERE t.n IN (SELECT {b} FROM t) ORDER BY 1",
        a=integers, b=integers,
    ),
)  # fmt: skip
