"""Which rows of a table a SELECT can use: `column = constant` and `column IN (constants)`.

Only conjuncts at the top of the WHERE of the SELECT that reads the table count; no row
that fails one can reach the result, whatever the joins. Keep out: pruning itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
from sqlglot import exp

from polly_api.sql.scopes import Resolved, Scopes, renames
from polly_resources.tables.base import Where


def equalities(table: exp.Table, resolved: Resolved, scopes: Scopes) -> Where:
    """The values that columns of the table must have, by the catalog's column name."""
    select = table.find_ancestor(exp.Select)
    where = select.args.get("where") if select is not None else None
    if select is None or where is None:
        return {}
    fields = {field.name.lower(): field for field in resolved.info.schema}
    found: dict[str, tuple[Any, ...]] = {}
    for column, values in _conjuncts(where.this):
        field = fields.get(column.name.lower())
        owner = scopes.owner(column, select)
        if field is None or owner is None or owner.node is not table:
            continue
        if renames(table) or not all(_fits(value, field.type) for value in values):
            continue
        before = found.get(field.name, values)
        found[field.name] = tuple(value for value in before if value in values)
    return found


def _conjuncts(node: exp.Expr) -> Iterator[tuple[exp.Column, tuple[Any, ...]]]:
    node = node.unnest()
    if isinstance(node, exp.And):
        yield from _conjuncts(node.this)
        yield from _conjuncts(node.expression)
    elif isinstance(node, exp.EQ):
        for column, value in ((node.this, node.expression), (node.expression, node.this)):
            if isinstance(column, exp.Column) and (constant := _constant(value)):
                yield column, constant
    elif isinstance(node, exp.In) and isinstance(node.this, exp.Column):
        constants = [_constant(item) for item in node.expressions]
        if constants and all(constants) and not node.args.get("query"):
            yield node.this, tuple(dict.fromkeys(value for (value,) in constants))


def _constant(node: exp.Expr) -> tuple[Any, ...]:
    """The value of a literal, as a tuple of one; empty for anything else."""
    node = node.unnest()
    if isinstance(node, exp.Boolean):
        return (bool(node.this),)
    if isinstance(node, exp.Literal):
        if node.is_string:
            return (node.name,)
        return (int(node.name),) if node.name.isdigit() else ()
    return ()


def _fits(value: object, kind: pa.DataType) -> bool:
    if isinstance(value, bool):
        return bool(pa.types.is_boolean(kind))
    if isinstance(value, int):
        return bool(pa.types.is_integer(kind))
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
