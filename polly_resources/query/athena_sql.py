"""A statement in a form whose answer Athena can write as text without loss.

Athena gives results as CSV, where `[a, b]` may be a list of two texts or of one, and columns of
one name cannot be told apart. So every statement gets a query around it: its columns are `c0`,
`c1`, ...; lists, maps and rows are JSON, bytes hexadecimal, moments in UTC. The order and the limit
of the statement move to the outer query, for the order of a subquery counts for nothing.
Keep out: what is done with the text (`athena`), and how it is read (`athena_results`).
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import sqlglot
from sqlglot import exp

_AROUND = "polly result"


def outer(tree: exp.Query, schema: pa.Schema) -> exp.Query:
    """The query around a statement whose result has this schema; the tree is used up."""
    moved = {name: tree.args.pop(name, None) for name in ("with_", "order", "limit", "offset")}
    keys = _Keys(tree, schema.names)
    order = moved["order"]
    if order is not None:
        order.set("expressions", [keys.outside(item) for item in order.expressions])
    names = [*(f"v{index}" for index in range(len(schema))), *keys.added]
    alias = exp.TableAlias(this=_identifier(_AROUND), columns=[_identifier(n) for n in names])
    around = exp.Select(
        expressions=[_written(index, field.type) for index, field in enumerate(schema)]
    )
    inner = tree.this if isinstance(tree, exp.Subquery) and not tree.alias else tree
    around.set("from_", exp.From(this=exp.Subquery(this=inner, alias=alias)))
    for name, part in moved.items():
        around.set(name, part)
    return around


class _Keys:
    """Where the sort keys of a statement are, seen from the query around it."""

    def __init__(self, tree: exp.Query, names: Sequence[str]) -> None:
        self._tree = tree
        self._places = {name.lower(): f"v{i}" for i, name in reversed(list(enumerate(names)))}
        self.added: list[str] = []

    def outside(self, item: exp.Expr) -> exp.Expr:
        """The item of ORDER BY with its key said in columns of the outer query."""
        key = item.this
        place = self._place(key)
        if place:
            key.replace(_column(place))
        elif self._may_add():
            key.replace(_column(self._add(key)))
        else:
            self._rename(key)
        return item

    def _place(self, key: exp.Expr) -> str:
        """The column of the result that a key is; '' where it is none."""
        if isinstance(key, exp.Literal) and not key.is_string:
            return f"v{int(key.this) - 1}"
        if isinstance(key, exp.Column) and not key.table:
            return self._places.get(key.name.lower(), "")
        items = self._tree.expressions if isinstance(self._tree, exp.Select) else []
        if any(item.is_star for item in items):
            return ""
        plain = [item.this if isinstance(item, exp.Alias) else item for item in items]
        return next((f"v{index}" for index, one in enumerate(plain) if one == key), "")

    def _may_add(self) -> bool:
        """Whether a column beside those of the result changes no row."""
        return isinstance(self._tree, exp.Select) and not self._tree.args.get("distinct")

    def _add(self, key: exp.Expr) -> str:
        """Let the inner query give the key, too; names of results stand for what they name."""
        named = {
            item.alias.lower(): item.this
            for item in self._tree.expressions
            if isinstance(item, exp.Alias)
        }
        holder = exp.Paren(this=key.copy())
        for column in list(holder.find_all(exp.Column)):
            if not column.table and column.name.lower() in named:
                column.replace(exp.Paren(this=named[column.name.lower()].copy()))
        name = f"k{len(self.added)}"
        self.added.append(name)
        added = exp.Alias(this=holder.this, alias=_identifier(name))
        self._tree.set("expressions", [*self._tree.expressions, added])
        return name

    def _rename(self, key: exp.Expr) -> None:
        """Of results without duplicates, and of unions, only results can be sorted by."""
        for column in list(key.find_all(exp.Column)):
            place = self._places.get(column.name.lower())
            if place and not column.table:
                column.replace(_column(place))


def _written(index: int, kind: pa.DataType) -> exp.Expr:
    """A column as text that says all of its values; its name is no longer the inner one."""
    value = _column(f"v{index}").sql("trino")
    if pa.types.is_nested(kind):
        value = f"JSON_FORMAT(CAST({value} AS JSON))"
    elif pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        value = f"TO_HEX({value})"
    elif pa.types.is_timestamp(kind) and kind.tz:
        value = f"CAST({value} AT TIME ZONE 'UTC' AS TIMESTAMP(6))"
    elif pa.types.is_floating(kind):
        value = f"CAST({value} AS VARCHAR)"
    return exp.Alias(this=sqlglot.parse_one(value, read="trino"), alias=_identifier(f"c{index}"))


def _column(name: str) -> exp.Column:
    return exp.Column(this=_identifier(name))


def _identifier(name: str) -> exp.Identifier:
    return exp.to_identifier(name, quoted=True)
