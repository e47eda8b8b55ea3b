"""The listing of tables in the user's page on SQL, made from the table specifications.

Keep out: prose; the page itself is `docs/sql.md`.
"""

from __future__ import annotations

from collections.abc import Iterator

from polly_api.job_table import JOBS
from polly_api.sql.functions import FUNCTIONS
from polly_api.sql.listing import type_name
from polly_assets.schema import (
    ATLASES,
    ONTOLOGY_ANCESTORS,
    ONTOLOGY_TERMS,
    SEARCH_INDEX,
    SQL_TABLES,
)
from polly_resources.tables.base import TableSpec

BEGIN = "<!-- tables: made by polly_api.sql.docs.table_docs -->"
END = "<!-- end of tables -->"


def table_docs() -> str:
    """The listing, between its marks, as Markdown."""
    specs = [(f"atlas.{spec.name}", spec) for spec in (*SQL_TABLES, SEARCH_INDEX)]
    specs += [(f"ontology.{spec.name}", spec) for spec in (ONTOLOGY_TERMS, ONTOLOGY_ANCESTORS)]
    specs += [(f"platform.{spec.name}", spec) for spec in (ATLASES, JOBS)]
    body = "\n\n".join("\n".join(_table(title, spec)) for title, spec in specs)
    return f"{BEGIN}\n\n{body}\n\n{END}"


def function_docs() -> str:
    """The names of the functions, as one Markdown paragraph."""
    return ", ".join(f"`{name}`" for name in sorted(FUNCTIONS))


def _table(title: str, spec: TableSpec) -> Iterator[str]:
    yield f"### {title}"
    yield ""
    yield spec.description
    yield ""
    yield "| column | type | what it holds |"
    yield "|---|---|---|"
    for column in spec.columns:
        text = column.description.replace("|", r"\|")
        yield f"| `{column.name}` | {type_name(column.type)} | {text} |"
