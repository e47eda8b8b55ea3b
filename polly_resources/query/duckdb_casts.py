"""Casts as Trino makes them: strict about text, half away from zero, numbers in its notation.

Owns the texts that Trino takes for a value of each type; DuckDB takes more (`1_000`, `inf`, `yes`).
Keep out: other functions of text and numbers.
"""

from __future__ import annotations

import re

from sqlglot import exp

from polly_resources.query.duckdb_rules import call
from polly_resources.query.duckdb_shapes import Shapes

_DATE = r"[+-]?[0-9]{4,}-[0-9]{1,2}-[0-9]{1,2}"
_TIME = r"[0-9]{1,2}:[0-9]{1,2}(:[0-9]{1,2}(\.[0-9]+)?)?"
_ZONE = r"( [A-Za-z][A-Za-z0-9_/+-]*| ?[+-][0-9]{1,2}(:[0-9]{2})?)"
_NUMBER = r"([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"
_TEXTS: tuple[tuple[frozenset[exp.DType], str], ...] = (
    (frozenset(exp.DataType.INTEGER_TYPES), r"\s*[+-]?[0-9]+\s*"),
    # `inf` is what metadata holds for a number that JSON cannot hold.
    (frozenset({exp.DType.DOUBLE, exp.DType.FLOAT}), rf"\s*[+-]?(NaN|Infinity|inf|{_NUMBER})\s*"),
    (frozenset({exp.DType.BOOLEAN}), r"\s*(?i:t|true|1|f|false|0)\s*"),
    (frozenset({exp.DType.DATE}), rf"\s*{_DATE}\s*"),
    (
        frozenset({exp.DType.TIMESTAMP, exp.DType.TIMESTAMPTZ}),
        rf"\s*{_DATE}( {_TIME})?{_ZONE}?\s*",
    ),
)


def cast(node: exp.Expr, shapes: Shapes) -> exp.Expr:
    """CAST and TRY_CAST."""
    kind, value = node.args["to"], node.this
    if kind.is_type(exp.DType.JSON):
        return call("to_json", value)
    if kind.is_type(*exp.DataType.TEXT_TYPES):
        return _to_text(node, kind, value, shapes)
    shape = shapes.of(value)
    if shape == "text":
        node.set("this", _strict(value, kind))
    elif shape == "float" and kind.is_type(*exp.DataType.INTEGER_TYPES):
        node.set("this", call("round", value))
    return node


def date(node: exp.Expr, shapes: Shapes) -> exp.Expr:
    """DATE(x) is CAST(x AS DATE)."""
    made = exp.cast(node.this, exp.DType.DATE)
    return cast(made, shapes)


def _to_text(node: exp.Expr, kind: exp.Expr, value: exp.Expr, shapes: Shapes) -> exp.Expr:
    """CAST of JSON to text unquotes it; VARCHAR(n) cuts; numbers have an exponent."""
    if isinstance(value, exp.JSONExtract):
        return call("trino_json_scalar", value.this, value.expression)
    if isinstance(value, exp.ParseJSON):
        return call("trino_json_scalar", value.this, exp.Literal.string("$"))
    shape = shapes.of(value)
    if shape == "float":
        node = call("trino_float_text", value)
    elif shape == "moment":
        node = call("strftime", value, exp.Literal.string("%Y-%m-%d %H:%M:%S.%g UTC"))
    if kind.expressions and kind.is_type(exp.DType.VARCHAR):
        length = kind.expressions[0].this
        kind.set("expressions", None)
        return call("left", node.copy(), length)
    return node


def _strict(value: exp.Expr, kind: exp.DataType) -> exp.Expr:
    """The text, made unreadable where Trino could not read it as this type."""
    pattern = next((p for kinds, p in _TEXTS if kind.is_type(*kinds)), "")
    if not pattern:
        return value
    if isinstance(value, exp.Literal) and re.fullmatch(pattern, value.name):
        return value
    fits = call("regexp_full_match", value.copy(), exp.Literal.string(pattern))
    quoted = call("concat", exp.Literal.string("'"), value.copy(), exp.Literal.string("'"))
    return exp.Case(ifs=[exp.If(this=fits, true=value)], default=quoted)
