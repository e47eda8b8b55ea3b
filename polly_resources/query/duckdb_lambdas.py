"""Trino's functions that take a lambda, where DuckDB's differ or are missing.

Owns their rules and the inlining of lambdas. Keep out: lambdas that sqlglot translates.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from polly_resources.query.duckdb_rules import Rule, call, struct
from polly_resources.query.duckdb_shapes import Shapes


def _matcher(macro: str, negate: bool = False) -> Rule:
    """any_match and its kin: the predicate over the list, then the macro over the answers."""

    def rule(node: exp.Expr, shapes: Shapes) -> exp.Expr:
        found = call(macro, call("list_transform", *node.expressions))
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
    return call("struct_extract", exp.to_identifier(name), exp.Literal.number(key))


def reduce(node: exp.Expr, shapes: Shapes) -> exp.Expr:
    """reduce: folded by the third argument, then given to the fourth."""
    folded = call("list_reduce", node.this, node.args["merge"], node.args["initial"])
    finish = node.args.get("finish")
    if not isinstance(finish, exp.Lambda):
        return folded
    return _inline(finish, [folded])


def _zip_with(node: exp.Expr, shapes: Shapes) -> exp.Expr:
    left, right, function = node.expressions
    body = _inline(function, [_element("zipped", 1), _element("zipped", 2)])
    joined = exp.Lambda(this=body, expressions=[exp.to_identifier("zipped")])
    return call("list_transform", call("list_zip", left, right), joined)


def _map_lambda(node: exp.Expr, shapes: Shapes) -> exp.Expr:
    """map_filter, transform_keys, transform_values: over the entries, and back to a map."""
    values, function = node.expressions
    key, value = _element("entry", "key"), _element("entry", "value")
    body = _inline(function, [key, value])
    name = node.name.lower()
    if name != "map_filter":
        body = struct(body, value) if name == "transform_keys" else struct(key, body)
    over = exp.Lambda(this=body, expressions=[exp.to_identifier("entry")])
    step = "list_filter" if name == "map_filter" else "list_transform"
    return call("map_from_entries", call(step, call("map_entries", values), over))


LAMBDAS: dict[str, Rule] = {
    "all_match": _matcher("trino_all"),
    "any_match": _matcher("trino_any"),
    "map_filter": _map_lambda,
    "none_match": _matcher("trino_any", negate=True),
    "transform_keys": _map_lambda,
    "transform_values": _map_lambda,
    "zip_with": _zip_with,
}
"""Rules by function name."""
