"""Trino's dialect for DuckDB: a checked tree in, SQL text with Trino's meaning out.

Owns what sqlglot's own translation gets wrong. Each rule is one small function that takes
a node of the tree and returns its replacement; add it to `_RULES` (by node type) or
`_CALLS` (by function name). Plain functions are macros: see `duckdb_macros`; lambdas have
their own file (`duckdb_lambdas`).
Keep out: connections, and whether a statement is allowed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from sqlglot import exp

from polly_resources.query import duckdb_numbers as numbers
from polly_resources.query import portable, results
from polly_resources.query.base import Statement
from polly_resources.query.duckdb_casts import cast, date
from polly_resources.query.duckdb_lambdas import LAMBDAS, reduce
from polly_resources.query.duckdb_rules import Rule, call, macro, pair, struct
from polly_resources.query.duckdb_shapes import Shapes

_FIELDS = {
    "DAY_OF_MONTH": "DAY",
    "DAY_OF_WEEK": "ISODOW",
    "DAY_OF_YEAR": "DOY",
    "DOW": "ISODOW",
    "YEAR_OF_WEEK": "ISOYEAR",
    "YOW": "ISOYEAR",
}
_MAP_OF = "trino_map_of"
_FIRST = 2
"""How many elements an overlap with constants tests one by one; curated lists are short."""


def translate(statement: Statement, max_rows: int | None = None) -> str:
    """The statement as DuckDB SQL, limited to `max_rows` rows."""
    portable.check(statement.tree)
    tree = statement.tree.copy()
    shapes = Shapes(statement.relations.values(), tree)
    results.shape(tree, max_rows)
    for node in reversed(list(tree.walk(bfs=False))):
        new = _rewrite(node, shapes)
        if new is not node:
            node.replace(new)
    return tree.sql("duckdb", identify=True, comments=False, copy=False)


def _rewrite(node: exp.Expr, shapes: Shapes) -> exp.Expr:
    if isinstance(node, exp.Anonymous):
        rule = _CALLS.get(node.name.lower())
    else:
        rule = _RULES.get(type(node))
    return rule(node, shapes) if rule is not None else node


def _map_agg(node: exp.Expr, shapes: Shapes) -> exp.Expr:
    key, value = node.expressions
    return call(_MAP_OF, call("list", struct(key, value)))


def _extract(node: exp.Expr, shapes: Shapes) -> exp.Expr:
    """Days of the week are 1 (Monday) to 7, and some fields have other names."""
    field = _FIELDS.get(node.name.upper())
    if field is not None:
        node.set("this", exp.var(field))
    return node


def _filter(node: exp.Expr, shapes: Shapes) -> exp.Expr:
    """FILTER belongs to the aggregate inside the macro."""
    macro = node.this
    if isinstance(macro, exp.Anonymous) and macro.name == _MAP_OF:
        entries = exp.Filter(this=macro.expressions[0], expression=node.expression)
        return call(_MAP_OF, entries)
    return node


def _reverse(node: exp.Expr, shapes: Shapes) -> exp.Expr:
    return call("list_reverse", node.this) if shapes.of(node.this) == "list" else node


def _cardinality(node: exp.Expr, shapes: Shapes) -> exp.Expr:
    return call("cardinality" if shapes.of(node.this) == "map" else "len", node.this)


def _overlap(node: exp.Expr, shapes: Shapes) -> exp.Expr:
    """Overlap with constants as tests of the first elements, then of the rest.

    DuckDB hashes the constants of IN; its list functions compare with each (20 times
    slower at 300 constants).
    """
    left, right = node.expressions
    values = right.expressions if isinstance(right, exp.Array) else []
    if not values or not all(isinstance(value, exp.Literal) for value in values):
        return call("arrays_overlap", left, right)
    constants = exp.Var(this=", ".join(value.sql("duckdb") for value in values))

    def among(element: exp.Expr) -> exp.Expr:
        return exp.In(this=element, expressions=[constants.copy()])

    item = exp.to_identifier("element")
    rest = exp.Lambda(this=among(item), expressions=[item.copy()])
    behind = call("array_slice", left, exp.Literal.number(_FIRST + 1), call("len", left.copy()))
    tests = [
        (exp.Is(this=left.copy(), expression=exp.Null()), exp.Null()),
        *((among(call("list_extract", left.copy(), n)), exp.true()) for n in _firsts()),
        (call("list_bool_or", call("list_transform", behind, rest)), exp.true()),
        (exp.LT(this=call("list_count", left.copy()), expression=call("len", left.copy())),
         exp.Null()),
    ]  # fmt: skip
    return exp.Case(ifs=[exp.If(this=test, true=then) for test, then in tests], default=exp.false())


def _firsts() -> list[exp.Expr]:
    return [exp.Literal.number(place + 1) for place in range(_FIRST)]


def _json_path(node: exp.Expr, shapes: Shapes) -> exp.Expr:
    """A path as DuckDB reads it; names that its paths cannot hold need a JSON pointer."""
    keys = [part.this for part in node.expressions[1:] if isinstance(part, exp.JSONPathKey)]
    if len(keys) != len(node.expressions) - 1 or not {"", "*"}.intersection(keys):
        return node
    texts = (key.replace("\\\\", "\\").replace("~", "~0").replace("/", "~1") for key in keys)
    return exp.Literal.string("".join(f"/{text}" for text in texts))


def _json_array_length(node: exp.Expr, shapes: Shapes) -> exp.Expr:
    return call("trino_json_array_length", *node.expressions)


def _date_sub(node: exp.Expr, shapes: Shapes) -> exp.Expr:
    """Trino counts whole units that passed, DuckDB's date_diff the boundaries crossed."""
    unit = exp.Literal.string(node.args["unit"].name.lower())
    return call("date_sub", unit, node.expression, node.this)


def _zone(node: exp.Expr, shapes: Shapes) -> exp.Expr:
    """The local time of a moment; what has no zone is in UTC."""
    node.set("this", exp.cast(node.this, "timestamptz", dialect="duckdb"))
    return node


def _to_millisecond(node: exp.Expr, shapes: Shapes) -> exp.Expr:
    moment = exp.cast(node.this, "timestamptz", dialect="duckdb")
    return call("date_trunc", exp.Literal.string("milliseconds"), moment)


def _keep_date(node: exp.Expr, shapes: Shapes) -> exp.Expr:
    """A date plus days, or cut to its month, is a date in Trino, a timestamp in DuckDB.

    The difference of two dates is an interval in Trino, a number of days in DuckDB.
    """
    if isinstance(node, exp.Sub) and {shapes.of(node.this), shapes.of(node.expression)} == {"date"}:
        left, right = (exp.cast(side, "timestamp") for side in (node.this, node.expression))
        return exp.Sub(this=left, expression=right)
    plain = isinstance(node, (exp.Add, exp.Sub)) and not isinstance(node.expression, exp.Interval)
    if plain or shapes.of(node.this) != "date":
        return node
    return exp.cast(node.copy(), "date", dialect="duckdb")


def _sequence(node: exp.Expr, shapes: Shapes) -> exp.Expr:
    if shapes.of(node.args["start"]) == "date":
        return exp.cast(node.copy(), "date[]", dialect="duckdb")
    if node.args.get("step") is not None:
        return node
    return call("trino_sequence", node.args["start"], node.args["end"])


def _substring(node: exp.Expr, shapes: Shapes) -> exp.Expr:
    start, length = node.args.get("start"), node.args.get("length")
    plain = isinstance(start, exp.Literal) and int(start.this) > 0
    if plain and (length is None or isinstance(length, exp.Literal)):
        return node
    return call("trino_substr", node.this, start, length)


def _split(node: exp.Expr, shapes: Shapes) -> exp.Expr:
    """SPLIT with a limit leaves the rest in the last part."""
    limit = node.args.get("limit")
    return node if limit is None else call("trino_split", node.this, node.expression, limit)


def _subscript(node: exp.Expr, shapes: Shapes) -> exp.Expr:
    """An element that is not there is an error; ELEMENT_AT is for those that may not be."""
    if node.args.get("safe"):
        return node
    (place,) = node.expressions
    kind = shapes.of(node.this)
    if kind == "map":
        return call("trino_entry", node.this, _offset(place) if place.is_number else place)
    if kind != "list":
        return node
    return call("trino_element", node.this, _offset(place))


def _offset(place: exp.Expr) -> exp.Expr:
    """The parser counts constant places from 0."""
    if isinstance(place, exp.Literal) and not place.is_string:
        return exp.Literal.number(int(place.name) + 1)
    if isinstance(place, exp.Neg) and isinstance(place.this, exp.Literal):
        return exp.Literal.number(1 - int(place.this.name))
    return place


def _zip(node: exp.Expr, shapes: Shapes) -> exp.Expr:
    return _unnamed(call("list_zip", *node.expressions), range(1, len(node.expressions) + 1))


def _map_entries(node: exp.Expr, shapes: Shapes) -> exp.Expr:
    return _unnamed(call("map_entries", node.expressions[0]), ("key", "value"))


def _unnamed(rows: exp.Expr, keys: Iterable[str | int]) -> exp.Expr:
    """Rows in a list without names for their fields, which are then called by number."""
    item = exp.to_identifier("entry")
    fields = [
        exp.PropertyEQ(
            this=exp.to_identifier(f"_{index}"),
            expression=call("struct_extract", item.copy(), exp.convert(key)),
        )
        for index, key in enumerate(keys)
    ]
    made = exp.Lambda(this=exp.Struct(expressions=fields), expressions=[item])
    return call("list_transform", rows, made)


def _regexp_extract(node: exp.Expr, shapes: Shapes) -> exp.Expr:
    group = node.args.get("group") or exp.Literal.number(0)
    return call("trino_regexp_extract", node.this, node.expression, group)


def _regexp_replace(node: exp.Expr, shapes: Shapes) -> exp.Expr:
    """Groups are marked by a dollar in Trino, by a backslash in DuckDB."""
    new = node.args.get("replacement")
    if isinstance(new, exp.Literal):
        text = re.sub(r"\$(\d)", r"\\\1", new.name.replace("\\", "\\\\"))
        new.replace(exp.Literal.string(text))
    return node


def _approx_distinct(node: exp.Expr, shapes: Shapes) -> exp.Expr:
    node.set("accuracy", None)
    return node


def _limit_all(node: exp.Expr, shapes: Shapes) -> exp.Expr:
    if isinstance(node.expression, exp.Var) and node.parent is not None:
        node.parent.set("limit", None)
    return node


def _unnest(node: exp.Expr, shapes: Shapes) -> exp.Expr:
    """UNNEST of several lists, or of a map, is a lateral query of UNNEST expressions."""
    alias = node.args.get("alias")
    names = list(alias.columns) if isinstance(alias, exp.TableAlias) else []
    lists = list(node.expressions)
    if len(lists) == 1 and shapes.of(lists[0]) == "map":
        lists = [call("map_keys", lists[0]), call("map_values", lists[0].copy())]
    if len(lists) == 1 or not isinstance(node.parent, (exp.Join, exp.From)):
        return node
    ordinal = node.args.get("offset")
    if isinstance(ordinal, exp.Identifier):
        names.append(ordinal)
    if ordinal:
        sizes: Iterable[exp.Expr] = (call("len", item.copy()) for item in lists)
        lists.append(call("generate_series", exp.Literal.number(1), call("greatest", *sizes)))
    inner = exp.Select(expressions=[call("unnest", item) for item in lists])
    renamed = exp.TableAlias(this=alias.this if alias else None, columns=names or None)
    if isinstance(node.parent, exp.From):
        return exp.Subquery(this=inner, alias=renamed)
    return exp.Lateral(this=exp.Subquery(this=inner), alias=renamed)


_RULES: dict[type[exp.Expr], Rule] = {
    exp.Add: _keep_date,
    exp.ApproxDistinct: _approx_distinct,
    exp.ApproxQuantile: numbers.quantile,
    exp.ArgMax: numbers.at_maximum,
    exp.ArgMin: numbers.at_minimum,
    exp.ArrayContains: macro("trino_contains", "this", "expression"),
    exp.ArrayDistinct: macro("trino_distinct", "this"),
    exp.ArrayExcept: macro("trino_except", "this", "expression"),
    exp.ArrayIntersect: pair("trino_intersect"),
    exp.ArrayMax: macro("trino_array_max", "this"),
    exp.ArrayMin: macro("trino_array_min", "this"),
    exp.ArrayPosition: macro("trino_position", "this", "expression"),
    exp.ArrayRemove: macro("trino_remove", "this", "expression"),
    exp.ArraySize: _cardinality,
    exp.ArraySlice: macro("trino_slice", "this", "start", "end"),
    exp.AtTimeZone: _zone,
    exp.Avg: numbers.average,
    exp.Bracket: _subscript,
    exp.Cast: cast,
    exp.Ceil: numbers.whole,
    exp.CountIf: numbers.count_if,
    exp.Corr: numbers.no_nan,
    exp.Date: date,
    exp.DateAdd: _keep_date,
    exp.DateDiff: _date_sub,
    exp.DateTrunc: _keep_date,
    exp.Div: numbers.divide,
    exp.EQ: numbers.compare,
    exp.Extract: _extract,
    exp.Filter: _filter,
    exp.Floor: numbers.whole,
    exp.FromISO8601Timestamp: _to_millisecond,
    exp.GT: numbers.compare,
    exp.GTE: numbers.compare,
    exp.GenerateSeries: _sequence,
    exp.JSONExtractScalar: macro("trino_json_scalar", "this", "expression"),
    exp.JSONPath: _json_path,
    exp.LT: numbers.compare,
    exp.LTE: numbers.compare,
    exp.Limit: _limit_all,
    exp.Max: numbers.maximum,
    exp.NEQ: numbers.compare,
    exp.Reduce: reduce,
    exp.RegexpExtract: _regexp_extract,
    exp.RegexpReplace: _regexp_replace,
    exp.Repeat: macro("trino_repeat", "this", "times"),
    exp.RegrIntercept: numbers.no_nan,
    exp.RegrSlope: numbers.no_nan,
    exp.Reverse: _reverse,
    exp.Sign: numbers.sign,
    exp.Split: _split,
    exp.SplitPart: macro("trino_split_part", "this", "delimiter", "part_index"),
    exp.Sub: _keep_date,
    exp.Substring: _substring,
    exp.TimestampTrunc: _keep_date,
    exp.TryCast: cast,
    exp.Unnest: _unnest,
}

_CALLS: dict[str, Rule] = {
    **LAMBDAS,
    "arrays_overlap": _overlap,
    "every": pair("bool_and"),
    "map_agg": _map_agg,
    "json_array_length": _json_array_length,
    "map_entries": _map_entries,
    "zip": _zip,
}
