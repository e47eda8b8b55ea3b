"""Statements as SQL text for engines that speak Trino's language: Trino itself, and Athena.

Each relation becomes a query before the statement, `WITH "relation0" AS (SELECT ...)`, that
gives exactly the declared columns in the declared types; what it reads from, the engine says.
Add an Arrow type here when a table specification uses it.
Keep out: connections, and rows in memory (`trino_rows`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import pyarrow as pa
from sqlglot import exp

from polly_resources.query import portable, results
from polly_resources.query.base import Statement
from polly_resources.query.sql_words import TypeNames, quote
from polly_resources.query.trino_rules import rewrite

_SIMPLE: tuple[tuple[Callable[[pa.DataType], bool], str], ...] = (
    (pa.types.is_boolean, "BOOLEAN"),
    (pa.types.is_int8, "TINYINT"),
    (pa.types.is_int16, "SMALLINT"),
    (pa.types.is_uint8, "SMALLINT"),
    (pa.types.is_int32, "INTEGER"),
    (pa.types.is_uint16, "INTEGER"),
    (pa.types.is_int64, "BIGINT"),
    (pa.types.is_uint32, "BIGINT"),
    (pa.types.is_uint64, "DECIMAL(20, 0)"),
    (pa.types.is_float32, "REAL"),
    (pa.types.is_floating, "DOUBLE"),
    (pa.types.is_string, "VARCHAR"),
    (pa.types.is_large_string, "VARCHAR"),
    (pa.types.is_string_view, "VARCHAR"),
    (pa.types.is_null, "VARCHAR"),
    (pa.types.is_binary, "VARBINARY"),
    (pa.types.is_large_binary, "VARBINARY"),
    (pa.types.is_date, "DATE"),
    (pa.types.is_time, "TIME(6)"),
)

_TYPES = TypeNames(
    engine="Trino",
    simple=_SIMPLE,
    # Trino reads a moment of a Delta table in milliseconds.
    moment="TIMESTAMP(3) WITH TIME ZONE",
    timestamp="TIMESTAMP(6)",
    array="ARRAY({})",
    struct="ROW",
)


def translate(statement: Statement, sources: Mapping[str, str], max_rows: int | None = None) -> str:
    """The statement as SQL text, limited to `max_rows` rows.

    Args:
        statement: what was asked.
        sources: the query that stands for each relation; those not named in the text of the
            statement are left out.
        max_rows: the most rows that it may give.
    """
    portable.check(statement.tree)
    tree = statement.tree.copy()
    used = {table.name for table in tree.find_all(exp.Table)}
    results.shape(tree, max_rows)
    _own_names(tree, statement)
    rewrite(tree, statement.relations.values())
    own = tree.args.get("with_")
    tree.set("with_", None)
    before = [f"{quote(name)} AS ({sources[name]})" for name in sources if name in used]
    recursive = ""
    if isinstance(own, exp.With):
        before += [_text(cte) for cte in own.expressions]
        recursive = "RECURSIVE " if own.args.get("recursive") else ""
    return f"WITH {recursive}{', '.join(before)} {_text(tree)}" if before else _text(tree)


def select(schema: pa.Schema, source: str, present: Collection[str] | None = None) -> str:
    """The query that reads a source, an SQL table expression, as the declared columns.

    `present` names the columns that the source has; others are NULL. None: it has all.
    """
    known = None if present is None else {name.lower() for name in present}
    columns = ", ".join(
        _column(field, known is None or field.name.lower() in known) for field in schema
    )
    return f"SELECT {columns} FROM {source}"  # noqa: S608 - quoted


def select_nothing(schema: pa.Schema) -> str:
    """A query with the columns of the schema and no rows."""
    return f"SELECT {', '.join(_column(field, False) for field in schema)} WHERE false"


def type_name(kind: pa.DataType) -> str:
    """The SQL type that holds an Arrow type. Raises Misconfigured for one that has none."""
    return _TYPES.of(kind)


def _own_names(tree: exp.Query, statement: Statement) -> None:
    """Columns are called in the result as their tables call them, whatever the statement writes."""
    names = {name.lower(): name for r in statement.relations.values() for name in r.schema.names}
    for item in tree.selects:
        if isinstance(item, exp.Column) and item.name.lower() in names:
            name = exp.to_identifier(names[item.name.lower()], quoted=True)
            item.replace(exp.Alias(this=item.copy(), alias=name))


def _column(field: pa.Field, present: bool) -> str:
    value = quote(field.name) if present else "NULL"
    return f"CAST({value} AS {type_name(field.type)}) AS {quote(field.name)}"


def _text(node: exp.Expr) -> str:
    return node.sql("trino", comments=False)
