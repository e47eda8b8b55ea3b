"""The shape of a result, the same from every engine: names of its columns and number of rows.

Owns names for columns that a statement leaves unnamed, the types that results may have, and the
cap on rows. Keep out: values.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
from sqlglot import exp

_UNNAMED = "polly unnamed"


def shape(tree: exp.Query, max_rows: int | None) -> None:
    """Mark the tree's unnamed columns for `result_names`, and limit it to `max_rows` rows."""
    _name_columns(tree)
    if max_rows is not None:
        _limit(tree, max_rows)


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
    """Mark the result columns that have no name; engines would each name them in their way."""
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
    if now is None or isinstance(count, exp.Var):
        tree.set("limit", exp.Limit(expression=exp.Literal.number(rows)))
    elif isinstance(count, exp.Literal) and not count.is_string and int(count.this) > rows:
        count.replace(exp.Literal.number(rows))


def plain_type(kind: pa.DataType) -> pa.DataType:
    """The type of a result that SQL's own types map to: signed, and times in microseconds."""
    if pa.types.is_unsigned_integer(kind):
        return pa.int64()
    if pa.types.is_timestamp(kind):
        return pa.timestamp("us", tz=kind.tz)
    if pa.types.is_list(kind):
        return pa.list_(kind.value_field.with_type(plain_type(kind.value_type)))
    if pa.types.is_map(kind):
        return pa.map_(plain_type(kind.key_type), plain_type(kind.item_type))
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(plain_type(field.type)) for field in kind])
    return kind
