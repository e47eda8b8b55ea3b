"""Names to tables: every table reference resolved, with what the statement needs of it.

Keep out: which words are allowed (`gate`), columns (`columns`) and rows (`filters`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from sqlglot import exp

from polly_api.sql.catalog import Catalog
from polly_api.sql.columns import Columns
from polly_api.sql.filters import equalities
from polly_api.sql.places import place_of, suggest
from polly_api.sql.scopes import Resolved, Scopes, find_cte, from_items, renames
from polly_resources.errors import BadQuery
from polly_resources.query.base import Relation, Statement


def resolve(tree: exp.Query, query: str, catalog: Catalog) -> Statement:
    """The statement whose table nodes are keys of its relations.

    Raises BadQuery `unknown_schema`, `unknown_table`, `unknown_column`, `ambiguous_column`,
    with the place and the nearest names.
    """
    tables = {
        id(node): lookup(node, query, catalog)
        for node in tree.find_all(exp.Table)
        if node.db or find_cte(node) is None
    }
    nodes = [node for node in tree.find_all(exp.Table) if id(node) in tables]
    _alias_tables(tree, tables)
    scopes = Scopes(tables)
    columns = Columns(query, tables, scopes, catalog)
    columns.check(tree)
    named = {node.name.lower() for node in tree.find_all(exp.Identifier)}
    relations: dict[str, Relation] = {}
    asked: dict[str, str] = {}
    for node in nodes:
        found = tables[id(node)]
        needed = _needed(node, found, {*named, *columns.behind_fields(node)})
        where = equalities(node, found, scopes)
        question = repr((found.schema, found.table.lower(), needed, sorted(where.items())))
        if question not in asked:
            key = _free_key(len(asked), named)
            asked[question] = key
            relations[key] = catalog.relation(found.schema, found.table, needed, where)
        node.set("db", None)
        node.set("this", exp.to_identifier(asked[question], quoted=True))
    columns.add_fields(nodes)
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


def _needed(node: exp.Table, found: Resolved, named: Collection[str]) -> tuple[str, ...] | None:
    """The table's columns that the statement may use; None means all."""
    select = node.find_ancestor(exp.Select)
    if select is None or renames(node):
        return None
    for star in select.find_all(exp.Star):
        holder = star.parent
        table = holder.table.lower() if isinstance(holder, exp.Column) else ""
        if isinstance(holder, exp.Count) or star.find_ancestor(exp.Select) is not select:
            continue
        if table in {"", node.alias.lower()}:
            return None
    return tuple(name for name in found.info.schema.names if name.lower() in named)
