"""What is visible where: the sources of each SELECT and the columns they bring.

A source whose columns cannot be told has `columns = None`; whoever asks must then leave
the decision to the engine. Keep out: errors, and the catalog.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlglot import exp

from polly_api.sql.catalog import TableInfo

Names = frozenset[str]
"""Column names in lower case."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """A table of the catalog that a node of the tree names."""

    schema: str
    table: str
    info: TableInfo


@dataclass(frozen=True, slots=True)
class Source:
    """One item of a FROM clause."""

    node: exp.Expr
    alias: str
    columns: Names | None


class Scopes:
    """Answers about one tree, whose catalog tables are known by node."""

    def __init__(self, tables: Mapping[int, Resolved]) -> None:
        self._tables = tables
        self._sources: dict[int, list[Source]] = {}

    def sources(self, select: exp.Select) -> list[Source]:
        """The sources of one SELECT, in order."""
        if id(select) not in self._sources:
            self._sources[id(select)] = []
            self._sources[id(select)] = [self._source(item) for item in from_items(select)]
        return self._sources[id(select)]

    def visible(self, node: exp.Expr) -> Iterator[list[Source]]:
        """The sources of the SELECT around a node, then of those whose columns it sees."""
        select = node.find_ancestor(exp.Select)
        while select is not None:
            yield self.sources(select)
            select = _outer(select)

    def owner(self, column: exp.Column, select: exp.Select) -> Source | None:
        """The source of this SELECT that a column surely comes from."""
        sources = self.sources(select)
        if column.table:
            found = [s for s in sources if s.alias == column.table.lower() and not column.db]
        elif any(source.columns is None for source in sources):
            found = sources if len(sources) == 1 else []
        else:
            name = column.name.lower()
            found = [s for s in sources if s.columns is not None and name in s.columns]
        return found[0] if len(found) == 1 else None

    def _source(self, item: exp.Expr) -> Source:
        alias = item.args.get("alias")
        renamed = frozenset(column.name.lower() for column in getattr(alias, "columns", None) or ())
        ordinal = item.args.get("offset")
        if isinstance(ordinal, exp.Identifier):
            renamed |= {ordinal.name.lower()}
        columns = renamed or self._columns(item)
        return Source(item, item.alias_or_name.lower(), columns)

    def _columns(self, item: exp.Expr) -> Names | None:
        if isinstance(item, exp.Table):
            if id(item) in self._tables:
                names = self._tables[id(item)].info.schema.names
                return frozenset(name.lower() for name in names)
            cte = find_cte(item)
            return self._cte_columns(cte) if cte is not None else None
        if isinstance(item, exp.Lateral):
            item = item.this
        return self._output(item.this) if isinstance(item, exp.Subquery) else None

    def _cte_columns(self, cte: exp.CTE) -> Names | None:
        alias = cte.args.get("alias")
        if isinstance(alias, exp.TableAlias) and alias.columns:
            return frozenset(column.name.lower() for column in alias.columns)
        return self._output(cte.this)

    def _output(self, query: exp.Expr) -> Names | None:
        """The names that a query gives its result."""
        if isinstance(query, (exp.SetOperation, exp.Subquery)):
            return self._output(query.this)
        if not isinstance(query, exp.Select):
            return None
        names: set[str] = set()
        for item in query.expressions:
            if not item.is_star:
                names.add(item.alias_or_name.lower())
                continue
            table = item.table.lower() if isinstance(item, exp.Column) else ""
            for source in self.sources(query):
                if source.columns is None:
                    return None
                if not table or source.alias == table:
                    names |= source.columns
        return frozenset(names)


def _outer(select: exp.Select) -> exp.Select | None:
    """The nearest SELECT around this one that it may refer to.

    A subquery that is itself a source, or a common table expression, sees none of the
    sources of the SELECT that it serves; after LATERAL it does.
    """
    node: exp.Expr = select
    serves = False
    while node.parent is not None:
        parent = node.parent
        if isinstance(parent, exp.Select):
            if not serves:
                return parent
            serves = False
        elif isinstance(parent, exp.With):
            serves = True
        elif isinstance(parent, (exp.From, exp.Join)) and isinstance(node, exp.Subquery):
            serves = serves or node is parent.this
        node = parent
    return None


def from_items(select: exp.Select) -> Iterator[exp.Expr]:
    """The tables, subqueries and unnested lists of a FROM clause and its joins."""
    source = select.args.get("from_")
    if source is not None:
        yield from _joined(source.this)
    for join in select.args.get("joins") or ():
        yield from _joined(join.this)


def _joined(item: exp.Expr) -> Iterator[exp.Expr]:
    """An item; where it is a join in brackets, its parts."""
    joins = item.args.get("joins") or ()
    inner = item.this
    if isinstance(item, exp.Subquery) and isinstance(inner, (exp.Table, exp.Subquery)):
        yield from _joined(inner) if not item.alias else [item]
    else:
        yield item
    for join in joins:
        yield from _joined(join.this)


def renames(source: exp.Expr) -> bool:
    """Whether the alias of a source gives its columns other names."""
    alias = source.args.get("alias")
    return isinstance(alias, exp.TableAlias) and bool(alias.columns)


def find_cte(table: exp.Table) -> exp.CTE | None:
    """The common table expression that an unqualified name means there, if any."""
    name = table.name.lower()
    node: exp.Expr = table
    while node.parent is not None:
        parent = node.parent
        if isinstance(parent, exp.With):
            earlier = parent.expressions[: parent.expressions.index(node)]
            seen = [*earlier, node] if parent.recursive else earlier
        else:
            with_ = parent.args.get("with_")
            seen = with_.expressions if with_ is not None and with_ is not node else []
        for cte in reversed(seen):
            if isinstance(cte, exp.CTE) and cte.alias.lower() == name:
                return cte
        node = parent
    return None
