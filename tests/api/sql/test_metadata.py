"""The submitter's own fields as columns: by which names, as which values, and where."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sqlglot import exp

from polly_api.sql.metadata import NESTED, common_type, expression, listed, matching, snake_case
from polly_api.sql.prepare import prepare
from polly_resources.errors import BadQuery
from polly_resources.query.base import Relation, Statement
from polly_resources.query.duckdb import DuckDBEngine
from tests.api.sql.conftest import SmallCatalog, expand

Ask = Callable[[str], list[Any]]
S = "geo.samples"

ANSWERS: list[tuple[str, list[Any]]] = [
    # names
    (f"SELECT gender_ch1 FROM {S} ORDER BY 1", ["F", "M"]),
    (f"SELECT GENDER_CH1, s.Gender_Ch1 FROM {S} s ORDER BY 1", [("F", "F"), ("M", "M")]),
    (f"SELECT geo.samples.gender_ch1 FROM {S} WHERE sample_id = 'S1'", ["F"]),
    (f'SELECT characteristics_ch1_disease_state, "characteristics_ch1.disease state" FROM {S}'
     " WHERE sample_id = 'S1'", [("tumour", "tumour")]),
    (f"SELECT name, x_name FROM {S} WHERE sample_id = 'S1'", [("S1", "snake of no column")]),
    (f"SELECT cell_type FROM {S} ORDER BY sample_id", ["T", "B"]),
    (f'SELECT "Cell type" FROM {S} ORDER BY sample_id', ["T", None]),
    (f"""SELECT "a""b\\c'd.*/~" FROM {S} ORDER BY sample_id""", ["odd", None]),
    (f'SELECT "*" FROM {S} ORDER BY sample_id', ["star", None]),
    # values
    (f"SELECT age_years + 1, weight / 2, passed FROM {S} ORDER BY sample_id",
     [(62, 3.75, True), (None, None, None)]),
    (f"SELECT weight / 0 FROM {S} WHERE passed", [float("inf")]),
    (f"SELECT protocol FROM {S} ORDER BY sample_id", ['["a","say \\"b\\""]', "null"]),
    (f"SELECT json_array_length(protocol) FROM {S} WHERE sample_id = 'S1'", [2]),
    ("SELECT contributor, status FROM geo.datasets ORDER BY dataset_id",
     [('["A","B"]', "public"), ("C", None), (None, None)]),
    # clauses
    (f"SELECT sample_id FROM {S} WHERE gender_ch1 = 'F' AND name = 'S1'", ["S1"]),
    (f"SELECT lower(gender_ch1) AS g, count(*) FROM {S} GROUP BY gender_ch1 ORDER BY g",
     [("f", 1), ("m", 1)]),
    (f"SELECT lower(gender_ch1) AS gender_ch1 FROM {S} ORDER BY gender_ch1 DESC", ["m", "f"]),
    (f"SELECT name FROM {S} ORDER BY gender_ch1 DESC", ["S2", "S1"]),
    (f"SELECT count(*) FROM {S} HAVING max(gender_ch1) = 'M'", [2]),
    (f"SELECT row_number() OVER (ORDER BY gender_ch1 DESC) AS gender_ch1 FROM {S}"
     " ORDER BY sample_id", [2, 1]),
    (f"SELECT name AS weight FROM {S} WHERE weight > 7", ["S1"]),
    (f"SELECT DISTINCT passed FROM {S} ORDER BY passed", [True, None]),
    (f"SELECT x FROM {S} CROSS JOIN UNNEST(split(gender_ch1, '')) AS t(x)"
     " WHERE any_match(ARRAY['F'], g -> g = gender_ch1)", ["F"]),
    # around other tables
    (f"SELECT d.status, s.status FROM geo.datasets d JOIN {S} s ON s.src_dataset_id = dataset_id"
     " ORDER BY dataset_id", [("public", "s1"), (None, None)]),
    (f"SELECT a.name FROM {S} a JOIN {S} b ON a.gender_ch1 < b.gender_ch1", ["S1"]),
    ("SELECT dataset_id FROM geo.datasets WHERE dataset_id IN"
     f" (SELECT src_dataset_id FROM {S} WHERE gender_ch1 = 'M')", ["G2"]),
    (f"SELECT dataset_id FROM geo.datasets d WHERE EXISTS (SELECT * FROM {S} s"
     " WHERE src_dataset_id = dataset_id AND s.status = 's1' AND d.status = 'public')", ["G1"]),
    (f"WITH x AS (SELECT gender_ch1 AS g, weight FROM {S}) SELECT g, weight / 0 FROM x"
     " WHERE weight > 0", [("F", float("inf"))]),
    (f"SELECT gender_ch1 FROM (SELECT gender_ch1 FROM {S} WHERE gender_ch1 <> 'F')", ["M"]),
    (f"SELECT gender_ch1 FROM {S} UNION SELECT status FROM geo.datasets ORDER BY 1 LIMIT 2",
     ["F", "M"]),
    (f"SELECT s.name FROM (geo.datasets d JOIN {S} s ON dataset_id = s.src_dataset_id)"
     " WHERE gender_ch1 = 'F' AND contributor LIKE '%A%'", ["S1"]),
    (f"SELECT name FROM {S} JOIN geo.datasets USING (curated_disease) WHERE gender_ch1 = 'F'", []),
    (f"SELECT q.*, gender_ch1 FROM {S} JOIN (SELECT 'S1' AS n) q ON n = name", [("S1", "F")]),
    (f"SELECT count(*) FROM {S} TABLESAMPLE BERNOULLI (100) WHERE gender_ch1 = 'F'", [1]),
]  # fmt: skip

REFUSALS: list[tuple[str, str, str]] = [
    (f"SELECT gendr_ch1 FROM {S}", "unknown_column", "did you mean gender_ch1"),
    (f"SELECT s.gendr_ch1 FROM {S} s", "unknown_column", "did you mean gender_ch1"),
    ("SELECT gender_ch1 FROM geo.datasets", "unknown_column", ""),
    ("SELECT gender_ch1 FROM tcga.samples", "unknown_column", ""),
    (f"SELECT gender_ch1 FROM (SELECT * FROM {S})", "unknown_column", ""),
    (f"SELECT t.gender_ch1 FROM {S} AS t(a)", "unknown_column", ""),
    (f"SELECT status FROM geo.datasets d JOIN {S} s ON true", "ambiguous_column", "of d and s"),
    (f"SELECT gender_ch1 FROM {S} a, {S} b", "ambiguous_column", "of a and b"),
    (f"SELECT *, gender_ch1 FROM {S} JOIN geo.datasets USING (curated_disease)",
     "star_with_using", "join with ON"),
]  # fmt: skip


@pytest.mark.parametrize(("query", "rows"), ANSWERS, ids=[query for query, _ in ANSWERS])
def test_answer(ask: Ask, query: str, rows: list[Any]) -> None:
    assert ask(query) == rows


@pytest.mark.parametrize(("query", "code", "words"), REFUSALS, ids=[row[0] for row in REFUSALS])
def test_refusal(catalog: SmallCatalog, query: str, code: str, words: str) -> None:
    with pytest.raises(BadQuery) as caught:
        prepare(query, catalog, expand)
    assert caught.value.code == code
    assert words in str(caught.value)
    assert caught.value.place


def columns(catalog: SmallCatalog, engine: DuckDBEngine, query: str) -> list[str]:
    found = prepare(query, catalog, expand)
    assert isinstance(found, Statement)
    return list(engine.run(found).column_names)


@pytest.mark.parametrize(
    ("query", "added"),
    [
        (f"SELECT * FROM {S} WHERE gender_ch1 = 'F'", []),
        (f"SELECT *, gender_ch1 FROM {S}", ["gender_ch1"]),
        (f"SELECT s.*, s.gender_ch1 FROM {S} s", ["gender_ch1"]),
        (f"SELECT * FROM {S}, (SELECT 1 AS one) WHERE gender_ch1 = 'F'", ["one"]),
        (f"SELECT * FROM {S}, UNNEST(ARRAY[1]) AS t(one) WHERE gender_ch1 = 'F'", ["one"]),
    ],
)
def test_star(catalog: SmallCatalog, engine: DuckDBEngine, query: str, added: list[str]) -> None:
    """`*` is the table's own columns, in order, whatever else the statement names."""
    own = columns(catalog, engine, f"SELECT * FROM {S}")
    assert columns(catalog, engine, query) == [*own, *added]


def test_asked_only_when_needed(catalog: SmallCatalog) -> None:
    prepare(f"SELECT name, lower(title) FROM {S} s WHERE s.sample_id = 'x'", catalog, expand)
    assert catalog.fields_asked == []
    prepare(f"SELECT gender_ch1 FROM {S} WHERE name = 'S1'", catalog, expand)
    assert set(catalog.fields_asked) == {"samples"}
    _, _, needed, where = catalog.asked[-1]
    assert needed is not None and set(needed) == {"name", "metadata"}
    assert where == {"name": ("S1",)}


def test_engines_get_plain_sql(catalog: SmallCatalog) -> None:
    found = prepare(f'SELECT age_years, "a""b\\c\'d.*/~" FROM {S} s', catalog, expand)
    assert isinstance(found, Statement)
    assert found.tree.sql("trino") == (
        """SELECT age_years, "a""b\\c'd.*/~" FROM (SELECT "relation0".*,"""
        """ TRY_CAST(JSON_EXTRACT_SCALAR(metadata, '$["Age (years)"]') AS BIGINT) AS "age_years","""
        """ JSON_EXTRACT_SCALAR(metadata, '$["a\\"b\\\\c''d.*/~"]') AS "a""b\\c'd.*/~" """
        """FROM "relation0") AS s"""
    )


def test_describe(ask: Ask) -> None:
    rows = ask(f"DESCRIBE {S}")
    own = [row for row in rows if row[2] == ""]
    fields = [row for row in rows if row[2] == "metadata"]
    assert rows == [*own, *fields]
    assert ("age_years", "bigint", "metadata", "Age (years)") in fields
    assert ("cell_type", "varchar", "metadata", "cell_type, Cell type") in fields
    assert ("protocol", "varchar", "metadata", "protocol") in fields
    assert ("*", "varchar", "metadata", "*") in fields
    assert [row[0] for row in rows].count("name") == 1
    gender = ("gender_ch1", "varchar", "metadata", "gender_ch1")
    assert ask(f"SHOW COLUMNS FROM {S} LIKE 'gender%'") == [gender]
    assert ask(f"SHOW COLUMNS FROM {S} LIKE 'nothing'") == []


def test_names() -> None:
    assert snake_case("characteristics_ch1.Disease state") == "characteristics_ch1_disease_state"
    assert snake_case("Größe (cm)") == "größe_cm"
    fields = {"age": pa.string(), "Age": pa.int64(), "AGE.": pa.float64()}
    assert matching("Age", fields) == ["Age", "age", "AGE."]
    assert matching("ag", fields) == []
    assert [one.name for one in listed({"age"}, fields)] == ["age."]
    assert listed(set(), {"": pa.string()}) == []


def test_common_type() -> None:
    assert common_type([pa.int64(), pa.float64()]) == pa.float64()
    assert common_type([pa.int64(), pa.bool_()]) == pa.string()
    assert common_type([pa.string(), NESTED, pa.int64()]) == NESTED
    assert common_type([pa.bool_()]) == pa.bool_()


NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6)
VALUES = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=5),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.none(),
)


@given(st.dictionaries(NAMES, VALUES, min_size=1, max_size=4))
@example({"": "x", "*": 1, '"': 2, "\\": 3, "'": 4})
@example({'\\"': 1, "a.b": "$", "[0]": True, "/": "1", "~1": "2"})
def test_any_field(engine: DuckDBEngine, document: dict[str, Any]) -> None:
    """Every field of every document is found and comes back as it was."""
    kinds = {bool: pa.bool_(), int: pa.int64(), float: pa.float64()}
    fields = {name: kinds.get(type(value), pa.string()) for name, value in document.items()}
    rows = pa.table({"metadata": [json.dumps(document, ensure_ascii=False)]})
    select = exp.select(*[expression([name], fields) for name in document]).from_("t")
    answer = engine.run(Statement(select, {"t": Relation(rows.schema, rows=rows)}))
    assert [column[0].as_py() for column in answer.columns] == list(document.values())
