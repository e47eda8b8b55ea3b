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

from polly_resources.query import results
from polly_resources.query.base import Statement
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


def _sign(node: exp.Expr, shapes: Shapes) -> exp.Expr:
    """A number of the argument's own type, where DuckDB gives a TINYINT."""
    return exp.Mul(this=node.copy(), expression=exp.Literal.number(1))


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


def _cast(node: exp.Expr, shapes: Shapes) -> exp.Expr:
    """CAST to JSON quotes text; CAST of JSON to text unquotes it; VARCHAR(n) cuts."""
    kind, value = node.args["to"], node.this
    if kind.is_type(exp.DType.JSON):
        return call("to_json", value)
    if not kind.is_type(*exp.DataType.TEXT_TYPES):
        return node
    if isinstance(value, exp.JSONExtract):
        return call("trino_json_scalar", value.this, value.expression)
    if isinstance(value, exp.ParseJSON):
        return call("trino_json_scalar", value.this, exp.Literal.string("$"))
    if kind.expressions and kind.is_type(exp.DType.VARCHAR):
        length = kind.expressions[0].this
        kind.set("expressions", None)
        return call("left", node.copy(), length)
    return node


def _json_path(node: exp.Expr, shapes: Shapes) -> exp.Expr:
    """A path as DuckDB reads it; names that its paths cannot hold need a JSON pointer."""
    keys = [part.this for part in node.expressions[1:] if isinstance(part, exp.JSONPathKey)]
    if len(keys) != len(node.expressions) - 1 or not {"", "*"}.intersection(keys):
        return node
    texts = (key.replace("\\\\", "\\").replace("~", "~0").replace("/", "~1") for key in keys)
    return exp.Literal.string("".join(f"/{text}" for text in texts))


def _date_sub(node: exp.Expr, shapes: Shapes) -> exp.Expr:
    """Trino counts whole units that passed, DuckDB's date_diff the boundaries crossed."""
    unit = exp.Literal.string(node.args["unit"].name.lower())
    return call("date_sub", unit, node.expression, node.this)


def _keep_date(node: exp.Expr, shapes: Shapes) -> exp.Expr:
    """A date plus days, or cut to its month, is a date in Trino, a timestamp in DuckDB."""
    plain = isinstance(node, (exp.Add, exp.Sub)) and not isinstance(node.expression, exp.Interval)
    if plain or shapes.of(node.this) != "date":
        return node
    return exp.cast(node.copy(), "date", dialect="duckdb")


def _divide(node: exp.Expr, shapes: Shapes) -> exp.Expr:
    """DuckDB's `//` divides as the types say and refuses 0; floats divided by 0 are infinite."""
    if "float" in (shapes.of(node.this), shapes.of(node.expression)):
        return node
    return exp.IntDiv(this=node.this, expression=node.expression)


def _sequence(node: exp.Expr, shapes: Shapes) -> exp.Expr:
    if shapes.of(node.args["start"]) == "date":
        return exp.cast(node.copy(), "date[]", dialect="duckdb")
    if node.args.get("step") is not None:
        return node
    return call("trino_sequence", node.args["start"], node.args["end"])


def _substring(node: exp.Expr, shapes: Shapes) -> exp.Expr:
    start = node.args.get("start")
    if isinstance(start, exp.Literal) and int(start.this) > 0:
        return node
    return call("trino_substr", node.this, start, node.args.get("length"))


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


def _arg_max(name: str) -> Rule:
    """max_by keeps a row whose first argument is NULL."""

    def rule(node: exp.Expr, shapes: Shapes) -> exp.Expr:
        if node.args.get("count") is not None:
            return node
        return call(name, node.this, node.expression)

    return rule


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
    exp.ArgMax: _arg_max("arg_max_null"),
    exp.ArgMin: _arg_max("arg_min_null"),
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
    exp.Cast: _cast,
    exp.DateAdd: _keep_date,
    exp.DateDiff: _date_sub,
    exp.DateTrunc: _keep_date,
    exp.Div: _divide,
    exp.Extract: _extract,
    exp.Filter: _filter,
    exp.GenerateSeries: _sequence,
    exp.JSONExtractScalar: macro("trino_json_scalar", "this", "expression"),
    exp.JSONPath: _json_path,
    exp.Limit: _limit_all,
    exp.Reduce: reduce,
    exp.RegexpExtract: _regexp_extract,
    exp.RegexpReplace: _regexp_replace,
    exp.Repeat: macro("trino_repeat", "this", "times"),
    exp.Reverse: _reverse,
    exp.Sign: _sign,
    exp.SplitPart: macro("trino_split_part", "this", "delimiter", "part_index"),
    exp.Sub: _keep_date,
    exp.Substring: _substring,
    exp.TimestampTrunc: _keep_date,
    exp.TryCast: _cast,
    exp.Unnest: _unnest,
}

_CALLS: dict[str, Rule] = {
    **LAMBDAS,
    "arrays_overlap": _overlap,
    "every": pair("bool_and"),
    "map_agg": _map_agg,
    "zip": pair("list_zip"),
}
