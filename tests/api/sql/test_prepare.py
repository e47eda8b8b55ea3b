"""What users may write, and what they get: whole statements through the door."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from polly_api.sql.prepare import prepare
from polly_resources.errors import BadQuery, PollyError
from polly_resources.query.duckdb import DuckDBEngine
from tests.api.sql.conftest import SmallCatalog, expand

Ask = Callable[[str], list[Any]]

ANSWERS: list[tuple[str, list[Any]]] = [
    ("SELECT dataset_id FROM geo.datasets ORDER BY 1", ["G1", "G2", "G3"]),
    ("select DATASET_ID from GEO.DataSets where Year > 2019;", ["G2"]),
    ('SELECT d."dataset_id" FROM "geo"."datasets" AS d WHERE D.year = 2018', ["G1"]),
    ("SELECT geo.datasets.year FROM geo.datasets WHERE geo.datasets.dataset_id = 'G1'", [2018]),
    ("SELECT dataset_id FROM geo.datasets WHERE data_matrix_available='true'", ["G1"]),
    ("SELECT count(*) FROM tcga.datasets", [0]),
    ("TABLE data_matrices.GEO__g1", [("BRD4", 1.5, None), ("TP53", 0.0, 2.0)]),
    ("SELECT gsm2 FROM data_matrices.geo__G1 WHERE rid = 'TP53'", [2.0]),
    ("VALUES (1), (2)", [1, 2]),
    (
        "SELECT dataset_id FROM geo.datasets WHERE CONTAINS(curated_disease,"
        " recommend('curated_disease', 'breast neoplasms', 'related'))",
        ["G1"],
    ),
    (
        "SELECT dataset_id FROM geo.datasets WHERE contains(curated_disease,"
        " (RECOMMEND('disease', 'obesity')))",
        ["G2"],
    ),
    (
        "SELECT dataset_id FROM geo.datasets"
        " WHERE CONTAINS(curated_tissue, recommend('tissue', 'nothing'))",
        [],
    ),
    ("SELECT cardinality(recommend('disease', 'obesity'))", [1]),
    (
        "SELECT dataset_id FROM geo.datasets"
        " WHERE CARDINALITY(FILTER(curated_disease, D -> LOWER(d) LIKE '%carcinoma%')) > 0",
        ["G1"],
    ),
    (
        "SELECT dataset_id, o, d FROM geo.datasets CROSS JOIN UNNEST(curated_organism) AS t(o)"
        " CROSS JOIN UNNEST (curated_disease) AS t(d) WHERE LOWER(o) LIKE 'rattus%'",
        [("G2", "Rattus norvegicus", "Obesity")],
    ),
    (
        "SELECT src_dataset_id AS dataset_id, name AS sample_name FROM geo.samples WHERE"
        " JSON_FORMAT(CAST(curated_cell_line as JSON)) LIKE '%HeLa%' AND src_dataset_id IN"
        " (SELECT dataset_id FROM geo.datasets WHERE LOWER (platform) = 'microarray')",
        [("G1", "S1")],
    ),
    ("WITH datasets AS (SELECT 1 AS x) SELECT datasets.x FROM datasets", [1]),
    ("WITH a AS (SELECT 1 AS x), b AS (SELECT x FROM a) SELECT (SELECT x FROM b)", [1]),
    ("WITH a AS (SELECT 1 AS x) SELECT * FROM (WITH a AS (SELECT 2 AS x) SELECT x FROM a)", [2]),
    ("WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM r WHERE n<3) TABLE r", [1, 2, 3]),
    (
        "SELECT geo.datasets.dataset_id, tcga.datasets.year FROM geo.datasets LEFT JOIN"
        " tcga.datasets ON geo.datasets.dataset_id = tcga.datasets.dataset_id WHERE"
        " geo.datasets.year = 2018",
        [("G1", None)],
    ),
    (
        "SELECT d.dataset_id FROM geo.datasets d WHERE EXISTS (SELECT 1 FROM geo.samples"
        " WHERE src_dataset_id = dataset_id AND d.year = 2018)",
        ["G1"],
    ),
    ("SELECT y FROM (SELECT year, 1 FROM geo.datasets) AS x(y, z) WHERE y = 2018", [2018]),
    ("SELECT year AS y FROM geo.datasets ORDER BY y DESC LIMIT 1", [2020]),
    (
        "SELECT year + 1 AS y FROM geo.datasets GROUP BY 1 HAVING count(*) > 0 ORDER BY y LIMIT 1",
        [2019],
    ),
    (
        "SELECT s.name FROM (geo.datasets d JOIN geo.samples s ON dataset_id = s.src_dataset_id)"
        " WHERE year = 2018",
        ["S1"],
    ),
    (
        "SELECT x FROM geo.datasets d CROSS JOIN LATERAL (SELECT d.year + 1 AS x) AS l"
        " WHERE year = 2018",
        [2019],
    ),
    ("SELECT name FROM geo.datasets JOIN geo.samples USING (curated_disease)", []),
    ("SELECT dataset_id FROM geo.datasets EXCEPT SELECT 'G1' EXCEPT SELECT 'G2'", ["G3"]),
    ("SELECT 'it''s -- no comment; really' -- but this is; yes", ["it's -- no comment; really"]),
    ("SHOW SCHEMAS", ["TCGA", "data_matrices", "geo"]),
    (
        "show tables in GEO",
        [
            *("annotations", "datasets", "features", "measurements", "samples", "search_index"),
            "variants",
        ],
    ),
    ("SHOW TABLES FROM geo LIKE 's_x%';", []),
    ("SHOW TABLES FROM geo LIKE 's_mples'", ["samples"]),
]

REFUSALS: list[tuple[str, str, str, str]] = [
    # query, code, place, words of the message and hint
    ("DELETE FROM geo.datasets", "read_only", "", "only reads"),
    ("create table x as select 1", "read_only", "", "CREATE"),
    ("EXPLAIN SELECT 1", "read_only", "", "EXPLAIN"),
    ("COPY (SELECT 1) TO 'x'", "read_only", "", "COPY"),
    ("PRAGMA database_list", "read_only", "", "PRAGMA"),
    ("SELECT 1; DROP TABLE x", "read_only", "line 1, column 9", "one statement"),
    ("SHOW SCHEMAS; SELECT 1", "read_only", "line 1, column 13", "one statement"),
    ("", "syntax_error", "", "empty"),
    (";", "syntax_error", "", "empty"),
    ("Select labels for plots:", "syntax_error", "line 1, column 15", "'for'"),
    ("SELECT 'a", "syntax_error", "", "quote"),
    ("SELECT a FROM geo.datasets WHERE a AND", "syntax_error", "line 1, column 36", "And"),
    ("gibberish", "syntax_error", "line 1, column 1", "gibberish"),
    ("SHOW FUNCTIONS", "syntax_error", "line 1, column 6", "SHOW TABLES IN"),
    ("DESCRIBE datasets", "syntax_error", "", "atlas.table"),
    ("SELECT *\nFROM geos.datasets", "unknown_schema", "line 2, column 6", "geo"),
    ("SELECT * FROM 1655454542384.datasets", "unknown_schema", "line 1, column 15", "165545"),
    ("SELECT * FROM hive.geo.datasets", "unknown_schema", "line 1, column 15", "three parts"),
    ("SELECT * FROM information_schema.tables", "unknown_schema", "", ""),
    ("DESCRIBE 123.samples", "unknown_schema", "line 1, column 10", "123"),
    ("SELECT * FROM geo.sample", "unknown_table", "line 1, column 15", "samples"),
    ('SELECT * FROM geo."samples$history"', "unknown_table", "line 1, column 15", "samples"),
    ("SELECT * FROM datasets", "unknown_table", "line 1, column 15", "geo.datasets"),
    ("SELECT * FROM '/etc/passwd'", "unknown_table", "line 1, column 15", "atlas"),
    ("WITH a AS (SELECT * FROM b), b AS (SELECT 1) SELECT * FROM a", "unknown_table", "", "b"),
    ("SELECT (WITH a AS (SELECT 1) TABLE a) FROM a", "unknown_table", "line 1, column 44", "a"),
    ("SHOW TABLES IN nope", "unknown_schema", "line 1, column 16", "geo"),
    ("SELECT colour FROM geo.samples", "unknown_column", "line 1, column 8", "curated_control"),
    ("SELECT s.nam FROM geo.samples s", "unknown_column", "line 1, column 10", "name"),
    ("SELECT 1 FROM geo.samples\n WHERE x = 1", "unknown_column", "line 2, column 8", "columns"),
    (
        "SELECT 1 FROM geo.samples WHERE src_dataset_id IN (SELECT dataset FROM geo.datasets)",
        "unknown_column",
        "line 1, column 59",
        "dataset_id",
    ),
    ("SELECT 1 FROM geo.datasets, (SELECT year FROM geo.samples) q", "unknown_column", "", "year"),
    ("WITH x AS (SELECT year FROM geo.samples) SELECT year FROM x", "unknown_column", "", "year"),
    ("SELECT x.z FROM (SELECT 1 AS y) AS x", "unknown_column", "line 1, column 10", "y"),
    ("SELECT z FROM UNNEST(ARRAY[1]) AS t(x)", "unknown_column", "line 1, column 8", "x"),
    ("SELECT array_joined(x)", "unknown_function", "line 1, column 8", "array_join"),
    ("SELECT MATCH_QUERY(a, 'b') FROM geo.samples", "unknown_function", "line 1, column 8", ""),
    ("SELECT getenv('HOME')", "unknown_function", "line 1, column 8", "getenv"),
    ("SELECT \"read_text\"('x')", "unknown_function", "", "read_text"),
    ("SELECT current_setting('x')", "unknown_function", "", ""),
    ("SELECT list_filter(ARRAY[1], x -> x > 1)", "unknown_function", "", "filter"),
    ("SELECT filter(ARRAY[1], x -> nosuch(x))", "unknown_function", "line 1, column 30", ""),
    ("SELECT /* sqlglot.anonymous */ pg_sleep(1)", "unknown_function", "", ""),
    ("SELECT system.runtime.lower('x')", "not_supported", "line 1, column 23", "after a dot"),
    ("SELECT * FROM read_parquet('x')", "not_supported", "line 1, column 15", "function"),
    ("SELECT * FROM TABLE(lower('x'))", "not_supported", "line 1, column 15", "function"),
    ("WITH FUNCTION f() RETURNS int RETURN 1 SELECT f()", "not_supported", "", "FUNCTION"),
    ("SELECT * INTO x FROM geo.samples", "not_supported", "", "Into"),
    ("SELECT * FROM geo.samples FOR UPDATE", "not_supported", "", "Lock"),
    ("SELECT * FROM geo.samples FOR VERSION AS OF 1", "not_supported", "", "version"),
    ("SELECT ?", "not_supported", "", "Placeholder"),
    ("SELECT current_user", "not_supported", "", "CurrentUser"),
    ("SELECT * EXCEPT (name) FROM geo.samples", "not_supported", "", "changes"),
    ("SELECT DISTINCT ON (name) name FROM geo.samples", "not_supported", "", "DISTINCT ON"),
    ("SELECT name FROM geo.samples NATURAL JOIN geo.datasets", "not_supported", "", "NATURAL"),
    ("SELECT name FROM geo.samples FETCH FIRST 1 ROW WITH TIES", "not_supported", "", "TIES"),
    ("SELECT date_add('day), (SELECT 2', 1, now())", "bad_arguments", "", "no unit"),
    ("SELECT extract('year FROM now()) --' FROM now())", "not_supported", "", "EXTRACT"),
    ("SELECT INTERVAL '1' \"day'\"", "not_supported", "", "unit"),
    ("SELECT date_diff(name, now(), now()) FROM geo.samples", "bad_arguments", "", "no unit"),
    ("SELECT date_trunc('day'', x', now())", "bad_arguments", "line 1, column 8", "units: year"),
    ("SELECT recommend('disease')", "bad_arguments", "line 1, column 8", "two or three"),
    ("SELECT recommend(title, 'x') FROM geo.samples", "bad_arguments", "", "quotes"),
    ("SELECT " + "(" * 3000 + "1" + ")" * 3000, "query_too_large", "", "deep"),
    ("SELECT '" + "x" * 1_000_001 + "'", "query_too_large", "", "characters"),
]


@pytest.mark.parametrize(("query", "rows"), ANSWERS, ids=[query for query, _ in ANSWERS])
def test_answer(ask: Ask, query: str, rows: list[Any]) -> None:
    assert ask(query) == rows


@pytest.mark.parametrize(
    ("query", "code", "place", "words"), REFUSALS, ids=[row[0][:60] for row in REFUSALS]
)
def test_refusal(catalog: SmallCatalog, query: str, code: str, place: str, words: str) -> None:
    with pytest.raises(BadQuery) as caught:
        prepare(query, catalog, expand)
    error = caught.value
    assert error.code == code, str(error)
    assert error.place == place or not place, str(error)
    assert words in str(error)
    assert "sqlglot" not in str(error).replace(query, "")
    assert catalog.asked == []


def test_describe(ask: Ask) -> None:
    rows = ask("DESCRIBE geo.samples")
    assert rows == ask("SHOW COLUMNS FROM geo.samples")
    assert rows[0] == ("sample_id", "varchar", "", "Sample, unique in its dataset.")
    assert ("curated_tissue", "array(varchar)") in [row[:2] for row in rows]
    assert ask("SHOW COLUMNS IN data_matrices.geo__g1 LIKE 'gsm%'") == [
        ("gsm1", "double", "", ""),
        ("gsm2", "double", "", ""),
    ]


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=40))
@example("SELECT * FROM geo.datasets WHERE (((")
@example("\x00")
@example("SELECT 1.5.datasets")
@example("SHOW")
@example("DESCRIBE")
@example("SELECT '\ud800'")
def test_any_text(text: str) -> None:
    """Nothing but BadQuery comes of nonsense."""
    try:
        prepare(text, SmallCatalog(), expand)
    except BadQuery as error:
        assert error.code and error.message


WORDS = re.split(
    " ",
    "SELECT FROM WHERE geo.samples name , ( ) * = 'x' 1 AND OR NOT IN UNNEST AS t JOIN ON"
    " UNION ALL WITH ORDER BY GROUP CAST -> . [ ] ARRAY filter x read_text LATERAL",
)


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.sampled_from(WORDS),
        max_size=14,
    )
)
def test_any_words(engine: DuckDBEngine, words: list[str]) -> None:
    """Shuffled SQL is refused or runs; the engine's own errors are BadQuery too."""
    try:
        found = prepare(" ".join(["SELECT", *words]), SmallCatalog(), expand)
        engine.run(found)  # type: ignore[arg-type]
    except BadQuery as error:
        assert error.message


def test_users_queries(real_data: Path, engine: DuckDBEngine) -> None:
    """Real queries run as written wherever the platform has their tables and columns."""
    catalog = SmallCatalog()
    queries = json.loads((real_data / "sql" / "polly_python_sql_examples.json").read_text())
    ran = 0
    for query in (item["query"] for item in queries):
        names = set(re.findall(r"(?:FROM|JOIN|IN)\s+([a-z_]\w*)\.\w+", query, re.I))
        catalog.atlases |= {name: {} for name in names - {"data_matrices"}}
        try:
            found = prepare(query, catalog, lambda *_: ["x"] * 40)
            if not hasattr(found, "schema"):
                engine.run(found)  # type: ignore[arg-type]
            ran += 1
        except PollyError as error:
            absent = error.code in {"unknown_column", "unknown_table"}
            template = "{" in query or "%s" in query or "MATCH_QUERY" in query
            broken = query.endswith((":", "FROM", "AND"))
            assert absent or template or broken, (query, str(error))
    assert ran >= 20
