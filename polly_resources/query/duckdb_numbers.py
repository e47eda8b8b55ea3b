"""Numbers as Trino compares, divides and aggregates them.

Owns NaN, which in Trino equals nothing, not even itself, and is no maximum; decimals, whose
quotient is a decimal again; and functions that keep the type of their argument.
Keep out: casts (`duckdb_casts`).
"""

from __future__ import annotations

from sqlglot import exp

from polly_resources.query.duckdb_decimals import decimal_of, quotient
from polly_resources.query.duckdb_rules import call
from polly_resources.query.duckdb_shapes import Shapes

_GREATER = (exp.GT, exp.GTE)


def compare(node: exp.Expr, shapes: Shapes) -> exp.Expr:
    """Comparisons: DuckDB has NaN equal to itself and above all numbers."""
    left, right = node.this, node.expression
    if isinstance(node, (exp.EQ, exp.NEQ)):
        if isinstance(left, exp.Literal) or isinstance(right, exp.Literal):
            return node
        suspect = left if shapes.of(left) == "float" else right
    else:
        suspect = left if isinstance(node, _GREATER) else right
    if isinstance(suspect, exp.Literal) or shapes.of(suspect) != "float":
        return node
    nan = call("isnan", suspect.copy())
    if isinstance(node, exp.NEQ):
        return exp.Paren(this=exp.Or(this=node.copy(), expression=nan))
    return exp.Paren(this=exp.And(this=node.copy(), expression=exp.Not(this=nan)))


def divide(node: exp.Expr, shapes: Shapes) -> exp.Expr:
    """DuckDB's `//` divides as the types say and refuses 0; floats divided by 0 are infinite."""
    if "float" in (shapes.of(node.this), shapes.of(node.expression)):
        return node
    exact = quotient(node, shapes)
    return exact or exp.IntDiv(this=node.this, expression=node.expression)


def maximum(node: exp.Expr, shapes: Shapes) -> exp.Expr:
    """The greatest number; NaN only where there is nothing else."""
    if node.expressions or shapes.of(node.this) != "float":
        return node
    nan = call("isnan", node.this.copy())
    if isinstance(node.parent, (exp.Filter, exp.Window)):
        number = exp.Case(ifs=[exp.If(this=exp.Not(this=nan), true=node.this.copy())])
        return exp.Max(this=number)
    numbers = exp.Filter(this=node.copy(), expression=exp.Where(this=exp.Not(this=nan)))
    return call("coalesce", numbers, node.copy())


def at_maximum(node: exp.Expr, shapes: Shapes) -> exp.Expr:
    """max_by keeps a row whose first argument is NULL, and NaN is no maximum."""
    if node.args.get("count") is not None:
        return node
    order = node.expression
    if shapes.of(order) == "float":
        number = exp.Not(this=call("isnan", order.copy()))
        order = exp.Case(ifs=[exp.If(this=number, true=order.copy())])
    return call("arg_max_null", node.this, order)


def at_minimum(node: exp.Expr, shapes: Shapes) -> exp.Expr:
    """min_by keeps a row whose first argument is NULL."""
    if node.args.get("count") is not None:
        return node
    return call("arg_min_null", node.this, node.expression)


def average(node: exp.Expr, shapes: Shapes) -> exp.Expr:
    """The mean of decimals is a decimal."""
    found = decimal_of(node.this, shapes)
    if found is None or isinstance(node.parent, (exp.Filter, exp.Window)):
        return node
    return exp.cast(node.copy(), f"DECIMAL({found[0]}, {found[1]})", dialect="duckdb")


def whole(node: exp.Expr, shapes: Shapes) -> exp.Expr:
    """CEIL and FLOOR of an integer are the integer."""
    return node.this if shapes.of(node.this) == "integer" else node


def sign(node: exp.Expr, shapes: Shapes) -> exp.Expr:
    """A number of the argument's own type, where DuckDB has a TINYINT."""
    kind = "DOUBLE" if shapes.of(node.this) == "float" else "INTEGER"
    return exp.cast(node.copy(), kind, dialect="duckdb")


def no_nan(node: exp.Expr, shapes: Shapes) -> exp.Expr:
    """A statistic that is NULL where DuckDB has NaN: of too few, or no different, values."""
    if isinstance(node.parent, (exp.Filter, exp.Window)):
        return node
    return call("nullif", node.copy(), exp.cast(exp.Literal.string("nan"), exp.DType.DOUBLE))


def count_if(node: exp.Expr, shapes: Shapes) -> exp.Expr:
    """COUNT_IF of nothing is 0, where DuckDB has NULL."""
    one = exp.If(this=node.this, true=exp.Literal.number(1))
    return exp.Count(this=exp.Case(ifs=[one]))


def quantile(node: exp.Expr, shapes: Shapes) -> exp.Expr:
    """APPROX_PERCENTILE of integers is a BIGINT."""
    if shapes.of(node.this) == "integer":
        node.set("this", exp.cast(node.this, exp.DType.BIGINT))
    return node
