"""What statements may say and Trino does not take, in words that it takes.

Owns one function per difference; each changes a copy of the checked tree. Add one when the door
lets something pass that the embedded engine answers and Trino refuses or answers otherwise.
Keep out: relations (`trino_sql`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow as pa
from sqlglot import exp

from polly_resources.query.base import Relation

_LOGARITHMS = {"2": "LOG2", "10": "LOG10"}
_STATISTICS = (exp.Corr, exp.CovarPop, exp.CovarSamp)
_TRUTH = {"true": True, "false": False}


def rewrite(tree: exp.Query, relations: Iterable[Relation]) -> None:
    """Change what Trino would refuse."""
    flags = _flags(relations)
    for node in list(tree.walk(bfs=False)):
        if isinstance(node, exp.Log):
            _exact_logarithm(node)
        elif isinstance(node, (exp.EQ, exp.NEQ)):
            _truth(node.this, node.expression, flags)
            _truth(node.expression, node.this, flags)
        elif isinstance(node, exp.Select):
            _join_columns(node)
        elif isinstance(node, _STATISTICS):
            _exact_statistic(node, ("this", "expression"))


def _exact_logarithm(node: exp.Log) -> None:
    """LOG(10, x) divides two logarithms; LOG10 is exact, and the parser takes both for one."""
    base, value = node.this, node.expression
    name = _LOGARITHMS.get(base.name) if isinstance(base, exp.Literal) else None
    if name and value is not None:
        node.replace(exp.Anonymous(this=name, expressions=[value]))


def _exact_statistic(node: exp.Expr, names: Iterable[str]) -> None:
    """Of integers, Trino computes these as REAL: seven digits."""
    for name in names:
        value = node.args.get(name)
        if isinstance(value, exp.Expr):
            node.set(name, exp.cast(value, exp.DType.DOUBLE))


def _truth(column: exp.Expr, text: exp.Expr, flags: frozenset[str]) -> None:
    """A boolean compared with the text 'true'."""
    if not isinstance(column, exp.Column) or column.name.lower() not in flags:
        return
    if isinstance(text, exp.Literal) and text.is_string and text.name.lower() in _TRUTH:
        text.replace(exp.Boolean(this=_TRUTH[text.name.lower()]))


def _flags(relations: Iterable[Relation]) -> frozenset[str]:
    """Names that are boolean columns and never anything else."""
    kinds: dict[str, set[bool]] = {}
    for relation in relations:
        for field in relation.schema:
            kinds.setdefault(field.name.lower(), set()).add(pa.types.is_boolean(field.type))
    return frozenset(name for name, flags in kinds.items() if flags == {True})


def _join_columns(select: exp.Select) -> None:
    """`a.id` after JOIN ... USING (id): Trino knows such a column by its bare name only.

    That is the same value where no row of `a` is missing: in inner joins, and in the first
    table of left joins. Others stay, and Trino refuses them.
    """
    joins = select.args.get("joins") or []
    sides = {(join.side or "").upper() for join in joins}
    shared = {name.name.lower() for join in joins for name in join.args.get("using") or []}
    source = select.args.get("from_")
    if not shared or source is None or not sides <= {"", "LEFT"}:
        return
    tables = [source.this.alias_or_name.lower()]
    if sides == {""}:
        tables += [join.this.alias_or_name.lower() for join in joins]
    for column in _columns(select):
        if column.table.lower() in tables and column.name.lower() in shared:
            column.set("table", None)


def _columns(select: exp.Select) -> Iterator[exp.Column]:
    """The columns of this query itself, not of those within it."""
    for column in select.find_all(exp.Column):
        if column.find_ancestor(exp.Select) is select:
            yield column
