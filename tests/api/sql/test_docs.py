"""The user's page on SQL: its tables and functions are current, and its examples run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from polly_api.sql.docs import function_docs, table_docs
from polly_api.sql.functions import FUNCTIONS
from polly_api.sql.prepare import prepare
from polly_resources.query.base import Statement
from polly_resources.query.duckdb import DuckDBEngine
from tests.api.sql.conftest import SmallCatalog
from tests.contracts.query import STATEMENTS, VALUES

PAGE = (Path(__file__).parents[3] / "docs" / "sql.md").read_text()
EXAMPLES = re.findall(r"```sql\n(.*?)```", PAGE, re.S)


def test_tables_are_current() -> None:
    assert table_docs() in PAGE, "paste the output of polly_api.sql.docs.table_docs()"


def test_functions_are_current() -> None:
    assert function_docs() in PAGE, "paste the output of polly_api.sql.docs.function_docs()"


@pytest.mark.parametrize("query", EXAMPLES)
def test_examples_run(query: str, engine: DuckDBEngine) -> None:
    found = prepare(query, SmallCatalog(), lambda *_: ["x"])
    if isinstance(found, Statement):
        engine.run(found)


def test_functions_are_shown() -> None:
    """Every function that statements may call is in the engines' contract suite."""
    text = " ".join(sql for sql, _ in [*VALUES, *STATEMENTS]).lower()
    called = set(re.findall(r"(\w+)\s*\(", text)) | {"recommend", "try"}
    assert FUNCTIONS - called == set()
