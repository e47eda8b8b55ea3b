"""Trino's dialect for DuckDB: a checked tree in, SQL text with Trino's meaning out.

Owns what sqlglot's own translation gets wrong. Each rule is one small function that takes
a node of the tree and returns its replacement; add it to `_RULES` (by node type) or
`_CALLS` (by function name). Plain functions are macros: see `duckdb_macros`.
Keep out: connections, and whether a statement is allowed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from sqlglot import exp

from polly_resources.query.base import Statement
from polly_resources.query.duckdb_shapes import Shapes

_UNNAMED = "polly unnamed"
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
    shapes = Shapes(statement.relations.values())
    _name_columns(tree)
    for node in reversed(list(tree.walk(bfs=False))):
        new = _rewrite(node, shapes)
        if new is not node:
            node.replace(new)
    if max_rows is not None:
        _limit(tree, max_rows)
    return tree.sql("duckdb", identify=True, comments=False)


def result_names(names: Sequence[str]) -> list[str]:
    """Names of the result: `_colN` where the statement gives none, and none twice."""
    out: list[str] = []
    for index, name in enumerate(names):
        base = f"_col{index}" if name.startswith(_UNNAMED) else name
        unique, count = base, 0
        while unique in out or (count and unique in names):
            count += 1
            unique = f"{base}_{count}"
        out.append(unique)
    return out


def _name_columns(tree: exp.Query) -> None:
    """Mark the result columns that have no name, whose DuckDB names would be expressions."""
    select = tree
    while not isinstance(select, exp.Select):
        inner = select.this
        if not isinstance(inner, exp.Query):
            return
        select = inner
    for index, item in enumerate(select.expressions):
        if not isinstance(item, (exp.Alias, exp.Column, exp.Dot, exp.Star)):
            name = exp.to_identifier(f"{_UNNAMED} {index}", quoted=True)
            item.replace(exp.Alias(this=item.copy(), alias=name))


def _limit(tree: exp.Query, rows: int) -> None:
    """Set or lower the statement's LIMIT; one that is no plain number stays."""
    now = tree.args.get("limit")
    if isinstance(now, exp.Fetch):
        count = now.args.get("count")
    else:
        count = now.expression if now is not None else None
    if now is None:
        tree.set("limit", exp.Limit(expression=exp.Literal.number(rows)))
    elif isinstance(count, exp.Literal) and not count.is_string and int(count.this) > rows:
        count.replace(exp.Literal.number(rows))


def _rewrite(node: exp.Expr, shapes: Shapes) -> exp.Expr:
    if isinstance(node, exp.Anonymous):
        call = _CALLS.get(node.name.lower())
        return call(node, shapes) if call is not None else node
    rule = _RULES.get(type(node))
    return rule(node, shapes) if rule is not None else node


Rule = Callable[[exp.Expr, Shapes], exp.Expr]


def _call(name: str, *args: exp.Expr | None) -> exp.Anonymous:
    return exp.Anonymous(this=name, expressions=[arg for arg in args if arg is not None])


def _macro(name: str, *keys: str) -> Rule:
    """A rule that sends the named arguments of a node to a macro."""

    def rule(node: exp.Expr, shapes: Shapes) -> exp.Expr:
        return _call(name, *(node.args.get(key) for key in keys))

    return rule


def _pair(name: str) -> Rule:
    """A rule for nodes that keep their two arguments in `expressions`."""

    def rule(node: exp.Expr, shapes: Shapes) -> exp.Expr:
        return _call(name, *node.expressions)

    return rule


def _matcher(macro: str, negate: bool = False) -> Rule:
    """any_match and its kin: the predicate over the list, then the macro over the answers."""

    def rule(node: exp.Expr, shapes: Shapes) -> exp.Expr:
        found = _call(macro, _call("list_transform", *node.expressions))
        return exp.Not(this=found) if negate else found

    return rule


def _inline(function: exp.Expr, values: Sequence[exp.Expr]) -> exp.Expr:
    """The body of a lambda with values in place of its parameters."""
    names = {p.name.lower(): value for p, value in zip(function.expressions, values, strict=True)}
    holder = exp.Paren(this=function.this.copy())
    for node in list(holder.find_all(exp.Identifier)):
        value = names.get(node.name.lower())
        parent = node.parent
        if value is None or (isinstance(parent, exp.Dot) and node is parent.expression):
            continue
        target = parent if isinstance(parent, exp.Column) and not parent.table else node
        target.replace(value.copy())
    return holder


def _element(name: str, key: str | int) -> exp.Expr:
    """`name.key` of a struct, or `name[key]` of an unnamed one."""
    if isinstance(key, str):
        return exp.Dot(this=exp.to_identifier(name), expression=exp.to_identifier(key))
    return _call("struct_extract", exp.to_identifier(name), exp.Literal.number(key))


def _reduce(node: exp.Expr, shapes: Shapes) -> exp.Expr:
    folded = _call("list_reduce", node.this, node.args["merge"], node.args["initial"])
    finish = node.args.get("finish")
    if not isinstance(finish, exp.Lambda):
        return folded
    return _inline(finish, [folded])


def _zip_with(node: exp.Expr, shapes: Shapes) -> exp.Expr:
    left, right, function = node.expressions
    body = _inline(function, [_element("zipped", 1), _element("zipped", 2)])
    joined = exp.Lambda(this=body, expressions=[exp.to_identifier("zipped")])
    return _call("list_transform", _call("list_zip", left, right), joined)


def _map_lambda(node: exp.Expr, shapes: Shapes) -> exp.Expr:
    """map_filter, transform_keys, transform_values: over the entries, and back to a map."""
    values, function = node.expressions
    key, value = _element("entry", "key"), _element("entry", "value")
    body = _inline(function, [key, value])
    name = node.name.lower()
    if name != "map_filter":
        body = _struct(body, value) if name == "transform_keys" else _struct(key, body)
    over = exp.Lambda(this=body, expressions=[exp.to_identifier("entry")])
    step = "list_filter" if name == "map_filter" else "list_transform"
    return _call("map_from_entries", _call(step, _call("map_entries", values), over))


def _struct(key: exp.Expr, value: exp.Expr) -> exp.Expr:
    fields = zip(("key", "value"), (key, value), strict=True)
    return exp.Struct(
        expressions=[exp.PropertyEQ(this=exp.to_identifier(n), expression=v) for n, v in fields]
    )


def _map_agg(node: exp.Expr, shapes: Shapes) -> exp.Expr:
    key, value = node.expressions
    return _call(_MAP_OF, _call("list", _struct(key, value)))


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
        return _call(_MAP_OF, entries)
    return node


def _reverse(node: exp.Expr, shapes: Shapes) -> exp.Expr:
    return _call("list_reverse", node.this) if shapes.of(node.this) == "list" else node


def _cardinality(node: exp.Expr, shapes: Shapes) -> exp.Expr:
    return _call("cardinality" if shapes.of(node.this) == "map" else "len", node.this)


def _overlap(node: exp.Expr, shapes: Shapes) -> exp.Expr:
    """Overlap with constants as tests of the first elements, then of the rest.

    DuckDB hashes the constants of IN; its list functions compare with each (20 times
    slower at 300 constants).
    """
    left, right = node.expressions
    values = right.expressions if isinstance(right, exp.Array) else []
    if not values or not all(isinstance(value, exp.Literal) for value in values):
        return _call("arrays_overlap", left, right)
    constants = exp.Var(this=", ".join(value.sql("duckdb") for value in values))

    def among(element: exp.Expr) -> exp.Expr:
        return exp.In(this=element, expressions=[constants.copy()])

    item = exp.to_identifier("element")
    rest = exp.Lambda(this=among(item), expressions=[item.copy()])
    behind = _call("array_slice", left, exp.Literal.number(_FIRST + 1), _call("len", left.copy()))
    tests = [
        (exp.Is(this=left.copy(), expression=exp.Null()), exp.Null()),
        *((among(_call("list_extract", left.copy(), n)), exp.true()) for n in _firsts()),
        (_call("list_bool_or", _call("list_transform", behind, rest)), exp.true()),
        (exp.LT(this=_call("list_count", left.copy()), expression=_call("len", left.copy())),
         exp.Null()),
    ]  # fmt: skip
    return exp.Case(ifs=[exp.If(this=test, true=then) for test, then in tests], default=exp.false())


def _firsts() -> list[exp.Expr]:
    return [exp.Literal.number(place + 1) for place in range(_FIRST)]


def _cast(node: exp.Expr, shapes: Shapes) -> exp.Expr:
    """CAST to JSON quotes text; CAST of JSON to text unquotes it; VARCHAR(n) cuts."""
    kind, value = node.args["to"], node.this
    if kind.is_type(exp.DType.JSON):
        return _call("to_json", value)
    if not kind.is_type(*exp.DataType.TEXT_TYPES):
        return node
    if isinstance(value, exp.JSONExtract):
        return _call("trino_json_scalar", value.this, value.expression)
    if isinstance(value, exp.ParseJSON):
        return _call("trino_json_scalar", value.this, exp.Literal.string("$"))
    if kind.expressions and kind.is_type(exp.DType.VARCHAR):
        length = kind.expressions[0].this
        kind.set("expressions", None)
        return _call("left", node.copy(), length)
    return node


def _date_sub(node: exp.Expr, shapes: Shapes) -> exp.Expr:
    """Trino counts whole units that passed, DuckDB's date_diff the boundaries crossed."""
    unit = exp.Literal.string(node.args["unit"].name.lower())
    return _call("date_sub", unit, node.expression, node.this)


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
    return _call("trino_sequence", node.args["start"], node.args["end"])


def _substring(node: exp.Expr, shapes: Shapes) -> exp.Expr:
    start = node.args.get("start")
    if isinstance(start, exp.Literal) and int(start.this) > 0:
        return node
    return _call("trino_substr", node.this, start, node.args.get("length"))


def _regexp_extract(node: exp.Expr, shapes: Shapes) -> exp.Expr:
    group = node.args.get("group") or exp.Literal.number(0)
    return _call("trino_regexp_extract", node.this, node.expression, group)


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
        return _call(name, node.this, node.expression)

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
        lists = [_call("map_keys", lists[0]), _call("map_values", lists[0].copy())]
    if len(lists) == 1 or not isinstance(node.parent, (exp.Join, exp.From)):
        return node
    ordinal = node.args.get("offset")
    if isinstance(ordinal, exp.Identifier):
        names.append(ordinal)
    if ordinal:
        sizes: Iterable[exp.Expr] = (_call("len", item.copy()) for item in lists)
        lists.append(_call("generate_series", exp.Literal.number(1), _call("greatest", *sizes)))
    inner = exp.Select(expressions=[_call("unnest", item) for item in lists])
    renamed = exp.TableAlias(this=alias.this if alias else None, columns=names or None)
    if isinstance(node.parent, exp.From):
        return exp.Subquery(this=inner, alias=renamed)
    return exp.Lateral(this=exp.Subquery(this=inner), alias=renamed)


_RULES: dict[type[exp.Expr], Rule] = {
    exp.Add: _keep_date,
    exp.ApproxDistinct: _approx_distinct,
    exp.ArgMax: _arg_max("arg_max_null"),
    exp.ArgMin: _arg_max("arg_min_null"),
    exp.ArrayContains: _macro("trino_contains", "this", "expression"),
    exp.ArrayDistinct: _macro("trino_distinct", "this"),
    exp.ArrayExcept: _macro("trino_except", "this", "expression"),
    exp.ArrayIntersect: _pair("trino_intersect"),
    exp.ArrayMax: _macro("trino_array_max", "this"),
    exp.ArrayMin: _macro("trino_array_min", "this"),
    exp.ArrayPosition: _macro("trino_position", "this", "expression"),
    exp.ArrayRemove: _macro("trino_remove", "this", "expression"),
    exp.ArraySize: _cardinality,
    exp.ArraySlice: _macro("trino_slice", "this", "start", "end"),
    exp.Cast: _cast,
    exp.DateAdd: _keep_date,
    exp.DateDiff: _date_sub,
    exp.DateTrunc: _keep_date,
    exp.Div: _divide,
    exp.Extract: _extract,
    exp.Filter: _filter,
    exp.GenerateSeries: _sequence,
    exp.JSONExtractScalar: _macro("trino_json_scalar", "this", "expression"),
    exp.Limit: _limit_all,
    exp.Reduce: _reduce,
    exp.RegexpExtract: _regexp_extract,
    exp.RegexpReplace: _regexp_replace,
    exp.Repeat: _macro("trino_repeat", "this", "times"),
    exp.Reverse: _reverse,
    exp.SplitPart: _macro("trino_split_part", "this", "delimiter", "part_index"),
    exp.Sub: _keep_date,
    exp.Substring: _substring,
    exp.TimestampTrunc: _keep_date,
    exp.TryCast: _cast,
    exp.Unnest: _unnest,
}

_CALLS: dict[str, Rule] = {
    "all_match": _matcher("trino_all"),
    "any_match": _matcher("trino_any"),
    "arrays_overlap": _overlap,
    "every": _pair("bool_and"),
    "map_agg": _map_agg,
    "map_filter": _map_lambda,
    "none_match": _matcher("trino_any", negate=True),
    "transform_keys": _map_lambda,
    "transform_values": _map_lambda,
    "zip": _pair("list_zip"),
    "zip_with": _zip_with,
}
