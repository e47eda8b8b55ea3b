"""Names to tables and columns: every table reference resolved, every column checked.

A column is refused only where every source around it is known; else the engine decides.
Keep out: which words are allowed (`gate`) and what may be pruned (`filters`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from sqlglot import exp

from polly_api.sql.catalog import Catalog
from polly_api.sql.filters import equalities
from polly_api.sql.places import place_of, suggest
from polly_api.sql.scopes import Resolved, Scopes, Source, find_cte, from_items
from polly_resources.errors import BadQuery
from polly_resources.query.base import Relation, Statement


def resolve(tree: exp.Query, query: str, catalog: Catalog) -> Statement:
    """The statement whose table nodes are keys of its relations.

    Raises BadQuery `unknown_schema`, `unknown_table`, `unknown_column`, with the place and
    the nearest names.
    """
    tables = {
        id(node): lookup(node, query, catalog)
        for node in tree.find_all(exp.Table)
        if node.db or find_cte(node) is None
    }
    nodes = [node for node in tree.find_all(exp.Table) if id(node) in tables]
    _alias_tables(tree, tables)
    scopes = Scopes(tables)
    _check_columns(tree, query, scopes)
    named = {node.name.lower() for node in tree.find_all(exp.Identifier)}
    relations: dict[str, Relation] = {}
    asked: dict[str, str] = {}
    for node in nodes:
        found = tables[id(node)]
        needed = _needed(node, found, named)
        where = equalities(node, found, scopes)
        question = repr((found.schema, found.table.lower(), needed, sorted(where.items())))
        if question not in asked:
            key = _free_key(len(asked), named)
            asked[question] = key
            relations[key] = catalog.relation(found.schema, found.table, needed, where)
        node.set("db", None)
        node.set("this", exp.to_identifier(asked[question], quoted=True))
    return Statement(tree, relations)


def lookup(node: exp.Table, query: str, catalog: Catalog) -> Resolved:
    """The catalog's table that a node names. Raises BadQuery."""
    if node.args.get("catalog") is not None:
        raise BadQuery(
            "unknown_schema",
            f"{node.catalog}.{node.db}.{node.name} has three parts",
            place=place_of(query, node),
            hint="write atlas.table",
        )
    return find(node.db, node.name, place_of(query, node), catalog)


def find(schema: str, table: str, place: str, catalog: Catalog) -> Resolved:
    """The catalog's table of that name. Raises BadQuery `unknown_schema`, `unknown_table`."""
    if not schema:
        holders = [name for name in catalog.schemas() if name not in {"data_matrices"}]
        raise BadQuery(
            "unknown_table",
            f"{table} names no table",
            place=place,
            hint=f"write the atlas before it, such as {(holders or ['atlas'])[0]}.datasets",
        )
    known = find_schema(schema, place, catalog)
    info = catalog.describe(known, table)
    if info is None:
        raise BadQuery(
            "unknown_table",
            f"{known} has no table {table}",
            place=place,
            hint=suggest(table, catalog.tables(known), "tables"),
        )
    return Resolved(known, table, info)


def find_schema(schema: str, place: str, catalog: Catalog) -> str:
    """The catalog's spelling of a schema. Raises BadQuery `unknown_schema`."""
    schemas = list(catalog.schemas())
    if schema in schemas:
        return schema
    for name in schemas:
        if name.lower() == schema.lower():
            return name
    raise BadQuery(
        "unknown_schema",
        f"there is no atlas or schema {schema}",
        place=place,
        hint=suggest(schema, schemas, "schemas"),
    )


def _free_key(number: int, taken: Collection[str]) -> str:
    key = f"relation{number}"
    while key in taken:
        key = f"_{key}"
    return key


def _alias_tables(tree: exp.Query, tables: dict[int, Resolved]) -> None:
    """Give each table its name as alias, and rewrite `schema.table.column` to it."""
    for select in tree.find_all(exp.Select):
        items = [
            item
            for item in from_items(select)
            if isinstance(item, exp.Table) and id(item) in tables
        ]
        bare = [item for item in items if not item.alias]
        twice = Counter(item.name.lower() for item in bare)
        aliases: dict[tuple[str, str], str] = {}
        for item in bare:
            key = (item.db.lower(), item.name.lower())
            aliases[key] = ".".join(key) if twice[key[1]] > 1 else item.name
            name = exp.to_identifier(aliases[key], quoted=True)
            item.set("alias", exp.TableAlias(this=name))
        for column in select.find_all(exp.Column):
            alias = aliases.get((column.db.lower(), column.table.lower()))
            if alias is not None:
                old = column.args["table"]
                new = exp.to_identifier(alias, quoted=True)
                new.meta.update(old.meta)
                column.set("table", new)
                column.set("db", None)


def _check_columns(tree: exp.Query, query: str, scopes: Scopes) -> None:
    for column in tree.find_all(exp.Column):
        if column.is_star or column.find_ancestor(exp.Select) is None or _bound(column):
            continue
        seen = [source for sources in scopes.visible(column) for source in sources]
        if column.table:
            _check_qualified(column, query, seen)
        elif all(source.columns is not None for source in seen):
            _check_bare(column, query, seen)


def _check_qualified(column: exp.Column, query: str, seen: list[Source]) -> None:
    """`a.b`: where `a` is the alias of exactly one known source, it must have `b`."""
    alias = column.table.lower()
    found = [source for source in seen if source.alias == alias]
    if column.db or len(found) != 1 or found[0].columns is None:
        return
    if column.name.lower() not in found[0].columns:
        raise _unknown(column, query, found[0].columns, f"{column.table} has no column")


def _check_bare(column: exp.Column, query: str, seen: list[Source]) -> None:
    name = column.name.lower()
    known = frozenset[str]().union(*(source.columns or () for source in seen))
    select = column.find_ancestor(exp.Select)
    aliases = {item.alias.lower() for item in select.expressions} if select is not None else set()
    if name in known or name in aliases or not seen:
        return
    raise _unknown(column, query, known, "there is no column")


def _bound(column: exp.Column) -> bool:
    """Whether the name is a parameter of a lambda around it."""
    head = (column.db or column.table or column.name).lower()
    around = column.find_ancestor(exp.Lambda)
    while around is not None:
        if head in {item.name.lower() for item in around.expressions}:
            return True
        around = around.find_ancestor(exp.Lambda)
    return False


def _unknown(column: exp.Column, query: str, known: Collection[str], what: str) -> BadQuery:
    return BadQuery(
        "unknown_column",
        f"{what} {column.name}",
        place=place_of(query, column.this),
        hint=suggest(column.name, sorted(known), "columns"),
    )


def _needed(node: exp.Table, found: Resolved, named: Collection[str]) -> tuple[str, ...] | None:
    """The table's columns that the statement may use; None means all."""
    select = node.find_ancestor(exp.Select)
    alias = node.args.get("alias")
    if select is None or (isinstance(alias, exp.TableAlias) and alias.columns):
        return None
    for item in select.expressions:
        table = item.table.lower() if isinstance(item, exp.Column) else ""
        if item.is_star and table in {"", node.alias.lower()}:
            return None
    return tuple(name for name in found.info.schema.names if name.lower() in named)
