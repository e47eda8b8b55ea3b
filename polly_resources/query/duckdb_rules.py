"""What rules of translation are written with: calls, structs and the simplest rules.

A rule takes a node of a tree in Trino's dialect and returns its replacement for DuckDB.
Keep out: rules for one function (`duckdb_trino`, `duckdb_lambdas`).
"""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from polly_resources.query.duckdb_shapes import Shapes

Rule = Callable[[exp.Expr, Shapes], exp.Expr]


def call(name: str, *args: exp.Expr | None) -> exp.Anonymous:
    """A call of a DuckDB function or macro; arguments that are None are left out."""
    return exp.Anonymous(this=name, expressions=[arg for arg in args if arg is not None])


def macro(name: str, *keys: str) -> Rule:
    """A rule that sends the named arguments of a node to a macro."""

    def rule(node: exp.Expr, shapes: Shapes) -> exp.Expr:
        return call(name, *(node.args.get(key) for key in keys))

    return rule


def pair(name: str) -> Rule:
    """A rule for nodes that keep their two arguments in `expressions`."""

    def rule(node: exp.Expr, shapes: Shapes) -> exp.Expr:
        return call(name, *node.expressions)

    return rule


def struct(key: exp.Expr, value: exp.Expr) -> exp.Expr:
    """An entry of a map, as DuckDB has them."""
    fields = zip(("key", "value"), (key, value), strict=True)
    return exp.Struct(
        expressions=[exp.PropertyEQ(this=exp.to_identifier(n), expression=v) for n, v in fields]
    )
