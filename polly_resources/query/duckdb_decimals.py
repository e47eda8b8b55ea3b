"""Precision and scale of decimals, where they decide a result: in quotients and means.

Trino's quotient of decimals has the larger scale of the two and is rounded half up: 1.0 / 3 is
0.3. DuckDB's is a DOUBLE. Source: Trino's documentation of decimal operators.
Keep out: sums, differences and products, which DuckDB types as Trino does.
"""

from __future__ import annotations

from sqlglot import exp

from polly_resources.query.duckdb_rules import call
from polly_resources.query.duckdb_shapes import Shapes

Decimal = tuple[int, int]
"""Precision and scale."""

_LARGEST = 38
_INTEGERS = {
    exp.DType.TINYINT: 3,
    exp.DType.SMALLINT: 5,
    exp.DType.INT: 10,
    exp.DType.BIGINT: 19,
}


def decimal_of(node: exp.Expr, shapes: Shapes) -> Decimal | None:
    """What a decimal expression is, None where it is none or unknown."""
    if isinstance(node, (exp.Paren, exp.Neg, exp.Abs)):
        return decimal_of(node.this, shapes)
    if isinstance(node, exp.Literal):
        return _literal(node)
    if isinstance(node, exp.Cast) and node.args["to"].is_type(exp.DType.DECIMAL):
        return _declared(node.args["to"])
    if isinstance(node, exp.Column):
        return shapes.decimal(node.name)
    if isinstance(node, (exp.Add, exp.Sub, exp.Mul)):
        return _arithmetic(node, shapes)
    return None


def quotient(node: exp.Expr, shapes: Shapes) -> exp.Expr | None:
    """The quotient where one side is a decimal and the other a decimal or an integer."""
    sides = (node.this, node.expression)
    if all(decimal_of(side, shapes) is None for side in sides):
        return None
    left, right = (_wide(side, shapes) for side in sides)
    scale = max(left[1], right[1])
    precision = min(_LARGEST, left[0] + right[1] + max(right[1] - left[1], 0))
    return exp.cast(
        call("trino_quotient", *sides), f"DECIMAL({precision}, {scale})", dialect="duckdb"
    )


def _wide(node: exp.Expr, shapes: Shapes) -> Decimal:
    """A decimal as it is, an integer as the decimal that Trino makes of it."""
    found = decimal_of(node, shapes)
    if found is not None:
        return found
    if isinstance(node, exp.Cast):
        return _INTEGERS.get(node.args["to"].this, 19), 0
    small = isinstance(node, exp.Literal) and int(node.name) < 2**31
    return (10 if small else 19), 0


def _literal(node: exp.Literal) -> Decimal | None:
    text = node.name.lower()
    if node.is_string or "." not in text or "e" in text:
        return None
    whole, _, fraction = text.partition(".")
    return len(whole.lstrip("0")) + len(fraction) or 1, len(fraction)


def _declared(kind: exp.DataType) -> Decimal:
    numbers = [int(part.name) for part in kind.expressions]
    return (*numbers, 0)[:2] if numbers else (_LARGEST, 0)  # type: ignore[return-value]


def _arithmetic(node: exp.Expr, shapes: Shapes) -> Decimal | None:
    sides = (node.this, node.expression)
    if all(decimal_of(side, shapes) is None for side in sides):
        return None
    (p, s), (q, t) = (_wide(side, shapes) for side in sides)
    if isinstance(node, exp.Mul):
        return min(_LARGEST, p + q), s + t
    scale = max(s, t)
    return min(_LARGEST, max(p - s, q - t) + scale + 1), scale
