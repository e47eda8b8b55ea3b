"""Athena, on requests and answers as AWS documents them: no Athena runs here.

What it would run is run elsewhere: the query around every statement by the embedded engine (below)
and by a Trino (`TestOnTrino`), and the entries of its catalog by a Trino (`test_glue`).
"""

from __future__ import annotations

import datetime as dt
import functools
import json
import math
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
import sqlglot
from botocore.response import StreamingBody
from botocore.stub import ANY, Stubber
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot import exp

from polly_resources.errors import BadQuery, Misconfigured, PollyError, Unavailable
from polly_resources.query import athena_results, athena_sql, results, trino_sql
from polly_resources.query.athena import MAX_STATEMENT_BYTES, AthenaEngine
from polly_resources.query.base import Relation, Statement
from polly_resources.query.duckdb import DuckDBEngine
from polly_resources.query.trino_rows import select_rows
from polly_resources.tables.base import TableFiles
from tests.contracts.query import DATA, SCHEMA, STATEMENTS, VALUES, plain
from tests.servers.base import AWS, HOST

ADDRESS = "athena://team?region=eu-west-1&output=s3://out/results/&glue_prefix=lab_"
FILES = TableFiles("geo/t", 4, ("s3://lake/geo/t/a.parquet",), 3, "s3://lake/geo/t")
RESULT = "s3://out/results/q1.csv"
NEXT = {"Bucket": "lake", "Key": "geo/t/_delta_log/00000000000000000005.json"}
GLUE = {
    "Name": "t",
    "TableType": "EXTERNAL_TABLE",
    "Parameters": {
        "EXTERNAL": "TRUE",
        "classification": "delta",
        "spark.sql.sources.provider": "delta",
        "table_type": "DELTA",
    },
    "StorageDescriptor": {
        "InputFormat": "org.apache.hadoop.mapred.SequenceFileInputFormat",
        "OutputFormat": "org.apache.hadoop.hive.ql.io.HiveSequenceFileOutputFormat",
        "Columns": [],
        "Location": "s3://lake/geo/t",
        "SerdeInfo": {
            "SerializationLibrary": "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe",
            "Parameters": {"path": "s3://lake/geo/t"},
        },
    },
}
ORDERS = [
    "SELECT *, lower(id) AS l FROM t ORDER BY upper(id) DESC",
    "SELECT DISTINCT id FROM t ORDER BY lower(id) DESC",
    "SELECT DISTINCT lower(id) FROM t ORDER BY lower(id) DESC",
    "SELECT id FROM t UNION ALL SELECT 'z' ORDER BY lower(id) DESC",
    "SELECT id AS n, n AS id FROM t ORDER BY n DESC",
    "SELECT ok, count(*) FROM t GROUP BY ok ORDER BY count(*) DESC, max(id)",
    "SELECT ok, count(*) FROM t GROUP BY 1 ORDER BY 2 DESC, max(id) LIMIT 2",
    "SELECT tags AS x FROM t ORDER BY x, t.id",
    "SELECT id AS a FROM t ORDER BY upper(a) DESC, (SELECT max(n) FROM t)",
    "(SELECT id FROM t) ORDER BY 1 DESC LIMIT 2",
    "SELECT t.id, tags FROM t ORDER BY t.n DESC NULLS FIRST OFFSET 1",
    "WITH t2 AS (SELECT * FROM t) SELECT id, id FROM t2 ORDER BY n DESC NULLS FIRST LIMIT 2",
    "SELECT id, row_number() OVER (ORDER BY id) FROM t ORDER BY max(id) OVER (ORDER BY id) DESC",
]


@pytest.fixture(scope="module")
def embedded() -> DuckDBEngine:
    return DuckDBEngine("duckdb://?threads=2")


def parsed(sql: str) -> exp.Query:
    tree = sqlglot.parse_one(sql, read="trino")
    assert isinstance(tree, exp.Query)
    return tree


def written(table: pa.Table) -> bytes:
    """The CSV that Athena writes of a result: values in quotation marks, nothing for NULL."""

    def text(value: Any) -> str:
        if value is None:
            return ""
        said = str(value).lower() if isinstance(value, bool) else str(value)
        return '"' + said.replace('"', '""') + '"'

    lines = [",".join(f'"{name}"' for name in table.column_names)]
    columns = [column.to_pylist() for column in table.columns]
    lines += [",".join(map(text, row)) for row in zip(*columns, strict=True)]
    return "".join(f"{line}\n" for line in lines).encode()


def around(sql: str, schema: pa.Schema) -> exp.Query:
    tree = parsed(sql)
    results.shape(tree, None)
    return athena_sql.outer(tree, schema)


class TestQueryAround:
    """The query around a statement gives the same rows, in the same order, as text."""

    @pytest.mark.parametrize(
        "sql", [*(sql for sql, _ in STATEMENTS), *(f"SELECT {sql} AS x" for sql, _ in VALUES)]
    )
    def test_statements_of_the_contract(self, embedded: DuckDBEngine, sql: str) -> None:
        self.check(embedded, sql)

    @pytest.mark.parametrize("sql", ORDERS)
    def test_order(self, embedded: DuckDBEngine, sql: str) -> None:
        self.check(embedded, sql)

    def check(self, embedded: DuckDBEngine, sql: str) -> None:
        relations = {"t": Relation(SCHEMA, rows=DATA)}
        wanted = embedded.run(Statement(parsed(sql), relations))
        empty = {"t": Relation(SCHEMA, rows=DATA.slice(0, 0))}
        schema = embedded.run(Statement(parsed(sql), empty), max_rows=0).schema
        text = written(embedded.run(Statement(around(sql, schema), relations)))
        found = athena_results.table(text, schema)
        assert found.schema.equals(wanted.schema)
        assert str(found.to_pylist()) == str(wanted.to_pylist())  # NaN is NaN


class TestResults:
    def read(self, text: str, *types: pa.DataType) -> list[Any]:
        schema = pa.schema([(f"column {i}", kind) for i, kind in enumerate(types)])
        header = ",".join(f'"c{i}"' for i in range(len(types)))
        found = athena_results.table(f"{header}\n{text}".encode(), schema)
        assert found.schema == schema
        return found.to_pylist()

    @pytest.mark.parametrize(
        ("kind", "text", "value"),
        [
            (pa.string(), '"a, ""b""\nc"', 'a, "b"\nc'),
            (pa.string(), '""', ""),
            (pa.string(), "", None),
            (pa.string(), '"NULL"', "NULL"),
            (pa.bool_(), '"false"', False),
            (pa.int8(), '"-128"', -128),
            (pa.int64(), '"9223372036854775807"', 2**63 - 1),
            (pa.float64(), '"-3.0E-300"', -3e-300),
            (pa.float64(), '"Infinity"', math.inf),
            (pa.float64(), '"-Infinity"', -math.inf),
            (pa.float32(), '"0.5"', 0.5),
            (pa.decimal128(6, 2), '"12.50"', Decimal("12.50")),
            (pa.date32(), '"2020-01-31"', dt.date(2020, 1, 31)),
            (pa.timestamp("us"), '"2020-01-05 06:07:08.123456"',
             dt.datetime(2020, 1, 5, 6, 7, 8, 123456)),
            (pa.timestamp("us", tz="UTC"), '"2020-01-05 06:07:08.000"',
             dt.datetime(2020, 1, 5, 6, 7, 8, tzinfo=dt.UTC)),
            (pa.binary(), '"00FF"', b"\x00\xff"),
            (pa.null(), "", None),
            (pa.list_(pa.string()), '"[""a, b"",null,""""]"', ["a, b", None, ""]),
            (pa.list_(pa.string()), '"[]"', []),
            (pa.list_(pa.float64()), '"[1.5,""NaN"",1E400]"', [1.5, "NaN", math.inf]),
            (pa.list_(pa.decimal128(20, 1)), '"[1234567890123456789.5]"',
             [Decimal("1234567890123456789.5")]),
            (pa.list_(pa.date32()), '"[""2020-01-31""]"', [dt.date(2020, 1, 31)]),
            (pa.map_(pa.int64(), pa.bool_()), '"{""7"":true,""8"":null}"', [(7, True), (8, None)]),
            (pa.map_(pa.string(), pa.list_(pa.int64())), '"{""k"":[1]}"', [("k", [1])]),
            (pa.struct([("a", pa.int64()), ("b", pa.string())]), '"{""a"":1,""b"":null}"',
             {"a": 1, "b": None}),
            (pa.struct([("a", pa.int64()), ("b", pa.string())]), '"[1,""x""]"',
             {"a": 1, "b": "x"}),
        ],
    )  # fmt: skip
    def test_values(self, kind: pa.DataType, text: str, value: Any) -> None:
        (found,) = self.read(f'{text},"end"\n', kind, pa.string())
        assert found["column 1"] == "end"
        if isinstance(value, list) and "NaN" in value:
            assert math.isnan(found["column 0"][1])
            value[1] = found["column 0"][1]
        assert found["column 0"] == value

    def test_nothing(self) -> None:
        assert self.read("", pa.int64(), pa.list_(pa.string())) == []

    def test_one_column_of_nulls(self) -> None:
        assert self.read('\n"a"\n\n', pa.string()) == [
            {"column 0": None},
            {"column 0": "a"},
            {"column 0": None},
        ]

    @given(st.lists(st.tuples(st.none() | st.text(max_size=6), st.lists(st.text(max_size=3)))))
    @settings(max_examples=60, deadline=None)
    def test_round_trip(self, rows: list[tuple[str | None, list[str]]]) -> None:
        texts = [json.dumps(tags, ensure_ascii=False) for _, tags in rows]
        table = pa.table(
            {"c0": pa.array([text for text, _ in rows], pa.string()), "c1": texts or pa.nulls(0)}
        )
        schema = pa.schema([("a", pa.string()), ("b", pa.list_(pa.string()))])
        found = athena_results.table(written(table), schema)
        assert [(row["a"], row["b"]) for row in found.to_pylist()] == rows

    def test_a_value_of_another_type(self) -> None:
        with pytest.raises(BadQuery) as caught:
            self.read('"x"\n', pa.int64())
        assert caught.value.code == "out_of_range" and "column 0" in caught.value.message

    @pytest.mark.parametrize("text", [b"", b'"other"\n"1"\n', b'"c0"\n"1","2"\n'])
    def test_another_file(self, text: bytes) -> None:
        with pytest.raises(Unavailable) as caught:
            athena_results.table(text, pa.schema([("a", pa.string())]))
        assert caught.value.code == "query_result_damaged"


@functools.cache
def engine_at(address: str) -> AthenaEngine:
    """Making AWS's clients takes longer than all that a test asks of them."""
    return AthenaEngine(address)


class Told:
    """An engine whose AWS answers what the test has told it to."""

    def __init__(self, address: str) -> None:
        self.engine = engine_at(address)
        self.engine._glue.forget("geo/t")
        self.athena = Stubber(self.engine._athena)
        self.s3 = Stubber(self.engine._s3)
        self.glue = Stubber(self.engine._glue._client)
        for stubber in (self.athena, self.s3, self.glue):
            stubber.activate()
        self.text = ""
        self.polls: list[BaseException | None] = []
        self._on("StartQueryExecution", self._note)
        self._on("GetQueryExecution", self._poll)

    def _on(self, operation: str, do: Callable[..., None]) -> None:
        events = self.engine._athena.meta.events
        events.register(f"provide-client-params.athena.{operation}", do)

    def _note(self, params: dict[str, Any], **_: Any) -> None:
        self.text = params["QueryString"]

    def _poll(self, **_: Any) -> None:
        if self.polls and (error := self.polls.pop(0)) is not None:
            raise error

    def close(self) -> None:
        for stubber in (self.athena, self.s3, self.glue):
            stubber.deactivate()
        events = self.engine._athena.meta.events
        for operation, do in (("Start", self._note), ("Get", self._poll)):
            events.unregister(f"provide-client-params.athena.{operation}QueryExecution", do)

    def known(self) -> None:
        wanted = {"DatabaseName": "lab_geo", "Name": "t"}
        self.glue.add_response("get_table", {"Table": GLUE}, wanted)

    def executed(self, *states: str, reason: str = "", error: dict[str, Any] | None = None) -> None:
        wanted = {
            "QueryString": ANY,
            "ClientRequestToken": ANY,
            "WorkGroup": "team",
            "ResultConfiguration": {"OutputLocation": "s3://out/results/"},
        }
        self.athena.add_response("start_query_execution", {"QueryExecutionId": "q1"}, wanted)
        for state in states or ("QUEUED", "RUNNING", "SUCCEEDED"):
            status: dict[str, Any] = {"State": state}
            if reason:
                status["StateChangeReason"] = reason
            if error:
                status["AthenaError"] = error
            found = {"Status": status, "ResultConfiguration": {"OutputLocation": RESULT}}
            self.athena.add_response(
                "get_query_execution", {"QueryExecution": found}, {"QueryExecutionId": "q1"}
            )

    def stopped(self) -> None:
        self.athena.add_response("stop_query_execution", {}, {"QueryExecutionId": "q1"})

    def result(self, text: str) -> None:
        data = text.encode()
        body = StreamingBody(_Bytes(data), len(data))
        wanted = {"Bucket": "out", "Key": "results/q1.csv"}
        self.s3.add_response("get_object", {"Body": body}, wanted)

    def unmoved(self) -> None:
        self.s3.add_client_error("head_object", "404", expected_params=NEXT)

    def ask(self, sql: str = "SELECT id, tags FROM t", **options: Any) -> pa.Table:
        relations = {"t": Relation(SCHEMA, files=FILES)}
        try:
            return self.engine.run(Statement(parsed(sql), relations), **options)
        finally:
            for stubber in (self.athena, self.s3, self.glue):
                stubber.assert_no_pending_responses()


class _Bytes:
    def __init__(self, data: bytes) -> None:
        self._data = data

    def read(self, amount: int | None = None) -> bytes:
        data, self._data = self._data, b""
        return data


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in AWS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def tell() -> Iterator[Callable[[str], Told]]:
    made: list[Told] = []

    def tell(address: str) -> Told:
        made.append(Told(address))
        return made[-1]

    yield tell
    for told in made:
        told.close()


@pytest.fixture
def told(tell: Callable[[str], Told]) -> Told:
    return tell(ADDRESS)


class TestRun:
    def test_an_answer(self, told: Told) -> None:
        told.known()
        told.executed()
        told.result('"c0","c1"\n"a","[""HeLa, S3"",null]"\n"b",\n')
        told.unmoved()
        assert told.ask(max_rows=9).to_pylist() == [
            {"id": "a", "tags": ["HeLa, S3", None]},
            {"id": "b", "tags": None},
        ]
        assert 'FROM "lab_geo"."t"' in told.text and "VERSION" not in told.text
        assert told.text.endswith("LIMIT 9")

    def test_what_is_known_is_not_asked_again(self, told: Told) -> None:
        told.known()
        for _ in range(2):
            told.executed("SUCCEEDED")
            told.result('"c0"\n"3"\n')
            told.unmoved()
            assert told.ask("SELECT count(*) AS n FROM t").to_pylist() == [{"n": 3}]

    def test_a_table_that_moved(self, told: Told) -> None:
        told.known()
        told.executed("SUCCEEDED")
        told.result('"c0","c1"\n')
        told.s3.add_response("head_object", {}, NEXT)
        with pytest.raises(Unavailable) as caught:
            told.ask()
        assert caught.value.code == "table_moved"

    def test_a_table_that_somebody_took_from_the_catalog(self, told: Told) -> None:
        told.known()
        told.executed(
            "FAILED", reason="TABLE_NOT_FOUND: line 1:20: Table 'x.lab_geo.t' does not exist"
        )
        told.glue.add_client_error("get_table", "EntityNotFoundException")
        told.glue.add_response("create_table", {}, {"DatabaseName": "lab_geo", "TableInput": GLUE})
        told.executed("SUCCEEDED")
        told.result('"c0","c1"\n')
        told.unmoved()
        assert told.ask().num_rows == 0

    def test_rows_in_memory_beside_tables(self, told: Told) -> None:
        told.known()
        told.executed("SUCCEEDED")
        told.result('"c0"\n"a"\n')
        told.unmoved()
        rows = pa.table({"name": ["a"]})
        relations = {
            "t": Relation(SCHEMA, files=FILES),
            "u": Relation(rows.schema, rows=rows),
            "v": Relation(SCHEMA, files=replace(FILES, files=())),
        }
        sql = "SELECT t.id FROM t JOIN u ON u.name = t.id LEFT JOIN v ON v.id = t.id"
        found = told.engine.run(Statement(parsed(sql), relations))
        assert found.to_pylist() == [{"id": "a"}]
        assert "JSON_PARSE('[[\"a\"]]')" in told.text and "WHERE false" in told.text

    @pytest.mark.parametrize("relation", [
        Relation(SCHEMA, rows=DATA), Relation(SCHEMA, files=replace(FILES, files=()))
    ])  # fmt: skip
    def test_without_rows_of_files_nothing_is_asked(self, told: Told, relation: Relation) -> None:
        tree = parsed("SELECT count(*) AS n FROM t")
        found = told.engine.run(Statement(tree, {"t": relation}))
        rows = relation.rows.num_rows if relation.rows is not None else 0
        assert found.to_pylist() == [{"n": rows}]
        assert told.engine.run(Statement(parsed("SELECT 1 AS x"))).to_pylist() == [{"x": 1}]

    def test_refused_before_anything_is_paid(self, told: Told) -> None:
        with pytest.raises(BadQuery) as caught:
            told.ask("SELECT tagz FROM t")
        assert caught.value.code == "unknown_column" and "tags" in caught.value.hint

    def test_too_long(self, told: Told) -> None:
        with pytest.raises(BadQuery) as caught:
            told.ask(f"SELECT id FROM t WHERE id <> '{'é' * (MAX_STATEMENT_BYTES // 2)}'")
        assert caught.value.code == "query_too_large" and "262,144" in caught.value.message

    def test_no_bucket_for_results(self, tell: Callable[[str], Told]) -> None:
        told = tell("athena://team?region=eu-west-1&glue_prefix=lab_")
        told.known()
        told.athena.add_response(
            "start_query_execution",
            {"QueryExecutionId": "q1"},
            {"QueryString": ANY, "ClientRequestToken": ANY, "WorkGroup": "team"},
        )
        done = {"QueryExecution": {"Status": {"State": "SUCCEEDED"}}}
        told.athena.add_response("get_query_execution", done)
        with pytest.raises(Misconfigured) as caught:
            told.ask()
        assert caught.value.code == "no_output" and "output=s3://" in caught.value.hint

    @pytest.mark.parametrize(
        ("last", "kind", "code"),
        [("RUNNING", BadQuery, "query_too_large"), ("QUEUED", Unavailable, "query_unavailable")],
    )
    def test_too_slow(
        self, tell: Callable[[str], Told], last: str, kind: type[PollyError], code: str
    ) -> None:
        told = tell(f"{ADDRESS}&seconds=0")
        told.engine._embedded = DuckDBEngine()
        told.known()
        told.executed(last)
        told.stopped()
        with pytest.raises(kind) as caught:
            told.ask()
        assert caught.value.code == code

    def test_interrupted(self, told: Told) -> None:
        """Ctrl-C while waiting stops the statement, which would go on and be paid for."""
        told.known()
        told.executed("RUNNING")
        told.stopped()
        told.polls = [None, KeyboardInterrupt()]
        with pytest.raises(KeyboardInterrupt):
            told.ask()


FAILED: list[tuple[str, str, dict[str, Any], type[PollyError], str]] = [
    ("FAILED", "COLUMN_NOT_FOUND: line 1:8: Column 'tagz' cannot be resolved or requester is not"
     " authorized to access requested resources", {"ErrorCategory": 2, "ErrorType": 1006},
     Misconfigured, "query_refused"),
    ("FAILED", "COLUMN_NOT_FOUND: line 1:8: Column 'tagz' cannot be resolved",
     {"ErrorCategory": 2}, BadQuery, "unknown_column"),
    ("FAILED", "DIVISION_BY_ZERO: / by zero", {"ErrorCategory": 2}, BadQuery, "division_by_zero"),
    ("FAILED", "TYPE_MISMATCH: line 1:1: no", {}, BadQuery, "wrong_types"),
    ("FAILED", "INVALID_CAST_ARGUMENT: Cannot cast 'x' to BIGINT", {}, BadQuery, "bad_value"),
    ("FAILED", "Query exhausted resources at this scale factor",
     {"ErrorCategory": 1, "ErrorType": 3}, BadQuery, "query_too_large"),
    ("CANCELLED", "Bytes scanned limit was exceeded", {}, BadQuery, "query_too_large"),
    ("CANCELLED", "", {}, Unavailable, "query_unavailable"),
    ("FAILED", "Insufficient permissions to execute the query.", {"ErrorCategory": 2},
     Misconfigured, "query_refused"),
    ("FAILED", "GENERIC_INTERNAL_ERROR: lost", {"ErrorCategory": 1, "Retryable": True},
     Unavailable, "query_unavailable"),
    ("FAILED", "An internal thing went wrong", {"ErrorCategory": 1}, Unavailable,
     "query_unavailable"),
    ("FAILED", "Rate exceeded: please slow down", {"ErrorCategory": 2}, Unavailable,
     "query_unavailable"),
    ("FAILED", "something else", {"ErrorCategory": 2}, BadQuery, "refused"),
    ("FAILED", "", {"ErrorCategory": 2, "ErrorMessage": "said there"}, BadQuery, "refused"),
]  # fmt: skip


class TestErrors:
    @pytest.mark.parametrize(("state", "reason", "error", "kind", "code"), FAILED)
    def test_failed(
        self,
        told: Told,
        state: str,
        reason: str,
        error: dict[str, Any],
        kind: type[PollyError],
        code: str,
    ) -> None:
        told.known()
        told.executed(state, reason=reason, error=error)
        with pytest.raises(kind) as caught:
            told.ask()
        assert caught.value.code == code
        assert (error.get("ErrorMessage") or reason.rpartition(": ")[2][:20]) in str(caught.value)

    @pytest.mark.parametrize(
        ("answer", "modeled", "kind", "code"),
        [
            ("TooManyRequestsException", {}, Unavailable, "query_unavailable"),
            ("InternalServerException", {}, Unavailable, "query_unavailable"),
            ("AccessDeniedException", {}, Misconfigured, "query_refused"),
            ("InvalidRequestException", {}, Misconfigured, "query_failed"),
            ("InvalidRequestException", {"AthenaErrorCode": "MALFORMED_QUERY"}, BadQuery,
             "syntax_error"),
        ],
    )  # fmt: skip
    def test_not_begun(
        self, told: Told, answer: str, modeled: Any, kind: type[PollyError], code: str
    ) -> None:
        told.known()
        status = 500 if answer.startswith("Internal") else 400
        told.athena.add_client_error(
            "start_query_execution", answer, "no", status, modeled_fields=modeled
        )
        with pytest.raises(kind) as caught:
            told.ask()
        assert caught.value.code == code

    def test_no_right_to_read_the_result(self, told: Told) -> None:
        told.known()
        told.executed("SUCCEEDED")
        told.s3.add_client_error("get_object", "AccessDenied", http_status_code=403)
        with pytest.raises(Misconfigured) as caught:
            told.ask()
        assert caught.value.code == "query_refused" and RESULT in caught.value.message

    @pytest.mark.parametrize(
        ("address", "word"),
        [
            ("athena://?region=eu-west-1", "workgroup"),
            ("athena://team?region=eu-west-1&output=/srv", "output"),
            ("athena://team?region=eu-west-1&seconds=x", "seconds"),
            ("athena://team?colour=red", "colour"),
        ],
    )
    def test_addresses(self, address: str, word: str) -> None:
        with pytest.raises(Misconfigured) as caught:
            AthenaEngine(address)
        assert caught.value.code == "bad_address" and word in caught.value.message

    def test_away(self) -> None:
        engine = AthenaEngine(f"athena://team?endpoint=http://{HOST}:1&region=x")
        with pytest.raises(Unavailable) as caught:
            engine.about()
        assert caught.value.code == "query_unavailable"


def test_version(told: Told) -> None:
    version = {"EffectiveEngineVersion": "Athena engine version 3"}
    group = {"Name": "team", "Configuration": {"EngineVersion": version}}
    told.athena.add_response("get_work_group", {"WorkGroup": group}, {"WorkGroup": "team"})
    assert told.engine.about() == "Athena engine version 3"


def test_publish_and_federates(told: Told) -> None:
    told.known()
    told.engine.publish([FILES])
    told.glue.assert_no_pending_responses()
    assert not told.engine.federates("opensearch://search:9200")


@pytest.mark.servers
class TestOnTrino:
    """The text that Athena would get, on the engine that Athena is made of."""

    @pytest.fixture(scope="class")
    def query(self, servers: Any) -> Iterator[Callable[[str], pa.Table]]:
        from trino.dbapi import connect

        from tests.servers.trino import USER, Trino

        server = Trino(servers.folder / uuid.uuid4().hex, f"http://{HOST}:1")
        server.start()

        def query(text: str) -> pa.Table:
            cursor = connect(host=HOST, port=server.port, user=USER).cursor()
            cursor.execute(text)
            rows = cursor.fetchall()
            names = [column[0] for column in cursor.description]
            return pa.table([[row[i] for row in rows] for i in range(len(names))], names=names)

        yield query
        server.stop()

    @pytest.mark.parametrize("sql", [*(sql for sql, _ in STATEMENTS), *ORDERS])
    def test_same_rows(
        self, query: Callable[[str], pa.Table], embedded: DuckDBEngine, sql: str
    ) -> None:
        relations = {"t": Relation(SCHEMA, rows=DATA)}
        wanted = embedded.run(Statement(parsed(sql), relations))
        outer = Statement(around(sql, wanted.schema), relations)
        text = trino_sql.translate(outer, {"t": select_rows(relations["t"])})
        found = athena_results.table(written(query(text)), wanted.schema)
        assert plain_rows(found) == plain_rows(wanted)


def plain_rows(table: pa.Table) -> list[list[Any]]:
    """The rows, floats to twelve digits: engines add in their own order."""
    return [[plain(value) for value in row.values()] for row in table.to_pylist()]
