"""Statements from values, quoted so that no value can be read as anything else.

Keep out: running them.
"""

from __future__ import annotations


def name(text: str) -> str:
    """An identifier such as an atlas: `a"b` becomes `"a""b"`."""
    return '"' + text.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text value: `it's` becomes `'it''s'`."""
    return "'" + text.replace("'", "''") + "'"


def select(columns: str, atlas: str, table: str, key: str, value: str) -> str:
    """The rows of an atlas's table whose `key` is the text `value`."""
    return f"SELECT {columns} FROM {name(atlas)}.{table} WHERE {key} = {literal(value)}"  # noqa: S608
