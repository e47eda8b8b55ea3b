"""The search index as an SQL table."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from polly_api.search_table import search_relation
from polly_assets.schema import FACETS, SEARCH_INDEX
from polly_resources.records import SearchDocument
from tests.api.stored import Stored


@pytest.fixture
def stored(tmp_path: Path) -> Stored:
    """Two indexed datasets, of which one has rows in `samples` too."""
    stored = Stored(tmp_path / "home")
    stored.add("G1", samples=["s1", "s2"])
    facets = {"curated_tissue": ["Liver", "Lung"], "year": ["2020"], "odd one": ["x"]}
    stored.backends.search.put(
        "geo",
        [
            SearchDocument("G1", "One", "", "", facets),
            SearchDocument("G2", "Two", "", "", {}),
        ],
    )
    return stored


def test_rows(stored: Stored) -> None:
    """A facet that no document has, or not this one, is NULL."""
    sql = (
        "SELECT dataset_id, title, curated_tissue, year, platform FROM geo.search_index ORDER BY 1"
    )
    assert stored.rows(sql) == [
        ("G1", "One", ["Liver", "Lung"], ["2020"], None),
        ("G2", "Two", None, None, None),
    ]
    whole = stored.ask("SELECT * FROM geo.search_index")
    assert whole.column_names == SEARCH_INDEX.schema().names == ["dataset_id", "title", *FACETS]


def test_words_and_values_in_one_statement(stored: Stored) -> None:
    sql = (
        "SELECT i.title, count(*) FROM geo.search_index i"
        " JOIN geo.samples s ON s.src_dataset_id = i.dataset_id"
        " WHERE contains(i.curated_tissue, 'Lung') GROUP BY i.title"
    )
    assert stored.rows(sql) == [("One", 2)]


def test_only_the_datasets_asked_for_are_read(stored: Stored) -> None:
    found = search_relation(stored.backends, "geo", {"title"}, {"dataset_id": ["G2", "G9"]})
    assert found.rows is not None
    assert found.rows.to_pydict() == {"dataset_id": ["G2"], "title": ["Two"]}
    assert stored.rows("SELECT title FROM geo.search_index WHERE dataset_id = 'G2'") == ["Two"]
    assert stored.rows("SELECT title FROM geo.search_index WHERE dataset_id = 'G9'") == []


def test_an_atlas_without_an_index(stored: Stored, tmp_path: Path) -> None:
    empty = Stored(tmp_path / "empty")
    assert empty.rows("SELECT * FROM geo.search_index") == []
    assert empty.rows("SELECT count(*) FROM geo.search_index") == [0]


def test_it_is_listed_and_described(stored: Stored) -> None:
    assert "search_index" in stored.rows("SHOW TABLES IN geo")
    described = {row[0]: row[1] for row in stored.rows("DESCRIBE geo.search_index")}
    assert described["title"] == "varchar"
    assert {described[name] for name in FACETS} == {"array(varchar)"}


def test_the_columns_are_those_asked_for(stored: Stored) -> None:
    found = search_relation(stored.backends, "geo", (), {})
    assert found.schema == pa.schema([SEARCH_INDEX.schema().field("dataset_id")])
    assert stored.rows("SELECT count(*) FROM geo.search_index") == [2]
