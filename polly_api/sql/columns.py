"""Every column of a statement checked; fields of metadata that it names become columns.

A column is refused only where every source around it is known; else the engine decides.
A table whose fields are named becomes a subquery that adds them, so that engines see
columns like any other. Keep out: tables (`names`) and what a field's value is (`metadata`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping

from sqlglot import exp

from polly_api.sql.catalog import Catalog
from polly_api.sql.metadata import COLUMN, Fields, expression, listed, matching
from polly_api.sql.places import place_of, suggest
from polly_api.sql.scopes import Resolved, Scopes, Source, renames
from polly_resources.errors import BadQuery


class Columns:
    """The columns of one statement, whose catalog tables are known by node."""

    def __init__(
        self, query: str, tables: Mapping[int, Resolved], scopes: Scopes, catalog: Catalog
    ) -> None:
        self._query = query
        self._tables = tables
        self._scopes = scopes
        self._catalog = catalog
        self._added: defaultdict[int, dict[str, exp.Expr]] = defaultdict(dict)

    def check(self, tree: exp.Query) -> None:
        """Raise BadQuery for columns that cannot be, and note the fields that are named."""
        for column in tree.find_all(exp.Column):
            if column.is_star or column.find_ancestor(exp.Select) is None or _bound(column):
                continue
            levels = list(self._scopes.visible(column))
            if column.table:
                self._check_qualified(column, levels)
            elif all(source.columns is not None for sources in levels for source in sources):
                self._check_bare(column, levels)

    def behind_fields(self, node: exp.Table) -> tuple[str, ...]:
        """The table's own columns that are needed for the fields named of it."""
        return (COLUMN,) if id(node) in self._added else ()

    def add_fields(self, nodes: Collection[exp.Table]) -> None:
        """Put the subqueries that add the named fields in place of their tables."""
        widened = [node for node in nodes if id(node) in self._added]
        for select in {id(s): s for s in map(_around, widened)}.values():
            self._expand_stars(select)
        for node in widened:
            _widen(node, self._added[id(node)])

    def _check_qualified(self, column: exp.Column, levels: list[list[Source]]) -> None:
        """`a.b`: where `a` is the alias of exactly one known source, it must have `b`."""
        alias = column.table.lower()
        found = [source for sources in levels for source in sources if source.alias == alias]
        if column.db or len(found) != 1 or found[0].columns is None:
            return
        if column.name.lower() in found[0].columns or self._named(column, found):
            return
        raise self._unknown(column, found, f"{column.table} has no column")

    def _check_bare(self, column: exp.Column, levels: list[list[Source]]) -> None:
        name = column.name.lower()
        seen = [source for sources in levels for source in sources]
        if not seen or any(name in (source.columns or ()) for source in seen):
            return
        select = _around(column)
        alias = name in {item.alias.lower() for item in select.expressions}
        if alias and _in_order(column, select):
            return
        if not (any(self._named(column, sources) for sources in levels) or alias):
            raise self._unknown(column, seen, "there is no column")

    def _named(self, column: exp.Column, sources: list[Source]) -> bool:
        """Whether one of the sources has a field of that name; notes that it is needed."""
        found = [
            (source, chosen)
            for source in sources
            if (chosen := matching(column.name, self._fields(source)))
        ]
        if len(found) > 1:
            both = " and ".join(source.alias for source, _ in found)
            raise BadQuery(
                "ambiguous_column",
                f"{column.name} is in the metadata of {both}",
                place=place_of(self._query, column.this),
                hint="write the table's alias before the column",
            )
        for source, chosen in found:
            value = expression(chosen, self._fields(source))
            self._added[id(source.node)].setdefault(column.name.lower(), value)
        return bool(found)

    def _fields(self, source: Source) -> Fields:
        table = self._tables.get(id(source.node))
        if table is None or renames(source.node):
            return {}
        return self._catalog.fields(table.schema, table.table)

    def _unknown(self, column: exp.Column, seen: list[Source], what: str) -> BadQuery:
        own = {name for source in seen for name in source.columns or ()}
        fields = (one.name for source in seen for one in listed(own, self._fields(source)))
        return BadQuery(
            "unknown_column",
            f"{what} {column.name}",
            place=place_of(self._query, column.this),
            hint=suggest(column.name, dict.fromkeys([*sorted(own), *fields]), "columns"),
        )

    def _expand_stars(self, select: exp.Select) -> None:
        """Write `*` out, as fields are not part of it."""
        items: list[exp.Expr] = []
        for item in select.expressions:
            if item.is_star:
                items += self._starred(select, item)
            else:
                items.append(item)
        select.set("expressions", items)

    def _starred(self, select: exp.Select, star: exp.Expr) -> Iterator[exp.Expr]:
        only = star.table.lower() if isinstance(star, exp.Column) else ""
        if not only and any(join.args.get("using") for join in select.args.get("joins") or ()):
            raise BadQuery(
                "star_with_using",
                "* of a join with USING cannot stand beside a field of metadata",
                place=place_of(self._query, star),
                hint="name the columns, or join with ON",
            )
        for number, source in enumerate(self._scopes.sources(select)):
            if only not in {"", source.alias}:
                continue
            if not source.alias:
                fresh = exp.to_identifier(f"source {number}", quoted=True)
                source.node.set("alias", exp.TableAlias(this=fresh))
            alias = source.node.args["alias"].this
            names = ["*"]
            if id(source.node) in self._added:
                names = self._tables[id(source.node)].info.schema.names
            for name in names:
                yield _column(alias, name)


def _column(alias: exp.Expr, name: str) -> exp.Column:
    column = exp.Star() if name == "*" else exp.to_identifier(name, quoted=True)
    return exp.Column(this=column, table=alias.copy())


def _widen(node: exp.Table, added: Mapping[str, exp.Expr]) -> None:
    """The table as a subquery of all its columns and the added ones, under the same alias."""
    outer = {key: node.args.pop(key) for key in ("alias", "joins") if node.args.get(key)}
    name = node.this.copy()
    values = [
        exp.Alias(this=value, alias=exp.to_identifier(field, quoted=True))
        for field, value in added.items()
    ]
    subquery = exp.Subquery(**outer)
    node.replace(subquery)
    inner = exp.Select(expressions=[_column(name, "*"), *values])
    inner.set("from_", exp.From(this=node))
    subquery.set("this", inner)


def _around(node: exp.Expr) -> exp.Select:
    select = node.find_ancestor(exp.Select)
    assert select is not None
    return select


def _in_order(column: exp.Column, select: exp.Select) -> bool:
    """Whether the column is in the ORDER BY of its SELECT, where aliases come first."""
    node: exp.Expr = column
    while node.parent is not None and node.parent is not select:
        node = node.parent
    return node.arg_key == "order"


def _bound(column: exp.Column) -> bool:
    """Whether the name is a parameter of a lambda around it."""
    head = (column.db or column.table or column.name).lower()
    around = column.find_ancestor(exp.Lambda)
    while around is not None:
        if head in {item.name.lower() for item in around.expressions}:
            return True
        around = around.find_ancestor(exp.Lambda)
    return False
