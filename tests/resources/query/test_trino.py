"""Trino passes the contract over Delta tables in a bucket; what it refuses becomes our errors."""

from __future__ import annotations

import datetime as dt
import json
import math
import signal
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlglot import exp

from polly_resources.addresses import parse
from polly_resources.errors import BadQuery, Misconfigured, Unavailable
from polly_resources.query.base import QueryEngine, Relation, Statement
from polly_resources.query.trino import TrinoEngine
from polly_resources.query.trino_client import Client
from polly_resources.query.trino_errors import Refused
from polly_resources.tables.base import TableFiles
from tests.contracts.query import DATA, SCHEMA, QueryEngineContract, TableOf
from tests.resources.query.conftest import Lake, statement
from tests.servers.base import HOST, wait_until
from tests.servers.faulty import Faulty, Mode

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def stored(lake: Lake) -> Relation:
    """`DATA` as a Delta table."""
    return lake.write([DATA], SCHEMA)


class TestTrino(QueryEngineContract):
    TESTED = ("`trino://`", "Trino 476")

    @pytest.fixture
    def engine(self, trino: TrinoEngine) -> QueryEngine:
        return trino

    @pytest.fixture
    def usual(self, stored: Relation) -> Relation:
        return stored

    @pytest.fixture
    def table_of(self, lake: Lake) -> TableOf:
        return lake.write

    @pytest.fixture
    def lose(self, lake: Lake) -> Callable[[Relation], None]:
        return lake.lose


class TestRegistering:
    def test_unknown_table_is_registered(self, lake: Lake) -> None:
        relation = lake.write([DATA], SCHEMA)
        engine = TrinoEngine(lake.address)
        assert ask(engine, "SELECT count(*) AS n FROM t", t=relation) == [{"n": 3}]

    def test_forgotten_table_is_registered_again(self, lake: Lake) -> None:
        """The metastore may lose what this process has seen in it."""
        relation = lake.write([DATA], SCHEMA)
        engine = TrinoEngine(lake.address)
        engine.run(statement("SELECT * FROM t", t=relation))
        schema, _, name = relation.files.table.partition("/") if relation.files else ("", "", "")
        admin(lake, f"CALL lake_admin.system.unregister_table('{schema}', '{name}')")
        assert ask(engine, "SELECT count(*) AS n FROM t", t=relation) == [{"n": 3}]

    def test_name_of_another_table(self, lake: Lake) -> None:
        """Two platforms with tables of one name do not read each other's."""
        here = lake.write([DATA], SCHEMA)
        assert here.files is not None
        TrinoEngine(lake.address).publish([here.files])
        there = lake.write([DATA[:1]], SCHEMA).files
        assert there is not None
        other = Relation(SCHEMA, files=replace(there, table=here.files.table))
        with pytest.raises(Misconfigured) as caught:
            TrinoEngine(lake.address).run(statement("SELECT id FROM t", t=other))
        assert caught.value.code == "name_taken"
        apart = TrinoEngine(f"{lake.address}&schema_prefix=other_")
        assert ask(apart, "SELECT id FROM t", t=other) == [{"id": "a"}]
        assert ask(TrinoEngine(lake.address), "SELECT count(*) AS n FROM t", t=here) == [{"n": 3}]

    def test_place_that_is_gone(self, lake: Lake) -> None:
        """A name may point to a folder that no longer holds a table."""
        here = lake.write([DATA], SCHEMA)
        assert here.files is not None
        TrinoEngine(lake.address).publish([here.files])
        client = lake.s3.client()
        prefix = here.files.location.removeprefix(f"s3://{lake.bucket}/")
        for found in client.list_objects_v2(Bucket=lake.bucket, Prefix=f"{prefix}/")["Contents"]:
            client.delete_object(Bucket=lake.bucket, Key=found["Key"])
        there = lake.write([DATA[:1]], SCHEMA).files
        assert there is not None
        moved = Relation(SCHEMA, files=replace(there, table=here.files.table))
        assert ask(TrinoEngine(lake.address), "SELECT id FROM t", t=moved) == [{"id": "a"}]

    def test_publish_at_once(self, lake: Lake) -> None:
        """Several processes may publish the same tables at the same time."""
        tables = [lake.write([DATA], SCHEMA).files for _ in range(3)]
        found = [files for files in tables if files is not None]
        engines = [TrinoEngine(lake.address) for _ in range(4)]
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda engine: engine.publish(found), engines))
        relation = Relation(SCHEMA, files=found[0])
        assert ask(engines[0], "SELECT count(*) AS n FROM t", t=relation) == [{"n": 3}]

    def test_local_tables(self, trino: TrinoEngine) -> None:
        local = Relation(SCHEMA, files=TableFiles("a/t", 0, ("/a/t/x.parquet",), 1, "/a/t"))
        with pytest.raises(Misconfigured) as caught:
            trino.run(statement("SELECT * FROM t", t=local))
        assert caught.value.code == "local_files"


class TestVersions:
    def test_two_versions_in_one_statement(self, trino: TrinoEngine, lake: Lake) -> None:
        """Each reference has its own version, in whatever order they come."""
        new = lake.write([DATA[:1], DATA[1:]], SCHEMA)
        assert new.files is not None
        old = lake.pinned(new.files.table, SCHEMA, 0)
        counts = "(SELECT count(*) FROM a) AS x, (SELECT count(*) FROM b) AS y"
        assert ask(trino, f"SELECT {counts}", a=old, b=new) == [{"x": 1, "y": 3}]
        assert ask(trino, f"SELECT {counts}", a=new, b=old) == [{"x": 3, "y": 1}]
        missing = "SELECT b.id FROM b LEFT JOIN a ON a.id = b.id WHERE a.id IS NULL ORDER BY 1"
        assert ask(trino, missing, a=old, b=new) == [{"id": "b"}, {"id": "c"}]

    def test_version_that_is_not_there(self, trino: TrinoEngine, lake: Lake) -> None:
        relation = lake.write([DATA], SCHEMA)
        assert relation.files is not None
        later = Relation(SCHEMA, files=replace(relation.files, version=7))
        with pytest.raises(Unavailable) as caught:
            trino.run(statement("SELECT * FROM t", t=later))
        assert caught.value.code == "files_gone"


KINDS: list[tuple[pa.DataType, list[object]]] = [
    (pa.bool_(), [True, False, None]),
    (pa.int16(), [-(2**15), 2**15 - 1, None]),
    (pa.int64(), [-(2**63), 2**63 - 1, None]),
    (pa.float64(), [0.1, -0.0, 1e308, 5e-324, math.inf, -math.inf, None]),
    (pa.float32(), [0.5, 3.4028234663852886e38, None]),
    (pa.string(), ["", "it's", 'quo"te', "back\\slash", "nul\x00", "é\u2028😀", "NULL", None]),
    (pa.dictionary(pa.int32(), pa.string()), ["a", "b", None]),
    (pa.binary(), [b"", b"\x00\xff", None]),
    (pa.date32(), [dt.date(1, 1, 1), dt.date(2020, 2, 29), dt.date(9999, 12, 31), None]),
    (pa.timestamp("us"), [dt.datetime(1969, 12, 31, 23, 59, 59, 999999), None]),
    (pa.timestamp("us", tz="UTC"), [dt.datetime(2020, 1, 1, 0, 0, 0, 123456, dt.UTC), None]),
    (pa.decimal128(38, 10), [Decimal("-1234567890123456789012345678.0123456789"), None]),
    (pa.list_(pa.float64()), [[], [0.1, None, math.inf], None]),
    (pa.list_(pa.list_(pa.string())), [[["a", None], None, []], None]),
    (pa.map_(pa.string(), pa.int64()), [[("", None), ("k", 1)], [], None]),
    (pa.struct([("a b", pa.int32()), ("c", pa.list_(pa.bool_()))]),
     [{"a b": 1, "c": [True, None]}, {"a b": None, "c": None}, None]),
]  # fmt: skip


class TestRows:
    """Rows in memory that a statement joins with a table."""

    @pytest.mark.parametrize(("kind", "values"), KINDS, ids=[str(kind) for kind, _ in KINDS])
    def test_types(
        self, trino: TrinoEngine, stored: Relation, kind: pa.DataType, values: list[object]
    ) -> None:
        rows = pa.table({"i": range(len(values)), 'na"me': pa.array(values, kind)})
        schema = pa.schema([("i", pa.int64()), ('na"me', kind)])
        sql = "SELECT r.* FROM r JOIN t ON t.id = 'a' ORDER BY i"
        found = trino.run(statement(sql, r=Relation(schema, rows=rows), t=stored))
        assert found.column_names == ["i", 'na"me']
        plain = kind.value_type if pa.types.is_dictionary(kind) else kind
        assert found.schema.types == [pa.int64(), plain]
        assert found.column(1).to_pylist() == values

    def test_not_a_number(self, trino: TrinoEngine, stored: Relation) -> None:
        rows = pa.table({"x": [math.nan]})
        sql = "SELECT x FROM r, t WHERE t.id = 'a'"
        found = trino.run(statement(sql, r=Relation(rows.schema, rows=rows), t=stored))
        assert math.isnan(found.column("x")[0].as_py())

    def test_no_rows(self, trino: TrinoEngine, stored: Relation) -> None:
        empty = SCHEMA.empty_table()
        sql = "SELECT r.* FROM r JOIN t ON r.id = t.id"
        found = trino.run(statement(sql, r=Relation(SCHEMA, rows=empty), t=stored))
        assert (found.num_rows, found.schema.types) == (0, SCHEMA.types)

    @given(rows=st.lists(st.tuples(st.text(max_size=5), st.floats(allow_nan=False)), max_size=9))
    @settings(
        max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    def test_round_trip(
        self, trino: TrinoEngine, stored: Relation, rows: list[tuple[str, float]]
    ) -> None:
        schema = pa.schema([("s", pa.string()), ("x", pa.float64())])
        table = pa.table([[s for s, _ in rows], [x for _, x in rows]], schema=schema)
        sql = "SELECT r.* FROM r JOIN t ON t.id = 'a'"
        found = trino.run(statement(sql, r=Relation(schema, rows=table), t=stored))
        assert sorted(found.to_pylist(), key=repr) == sorted(table.to_pylist(), key=repr)

    def test_too_many(self, trino: TrinoEngine, stored: Relation) -> None:
        rows = pa.table({"s": ["x" * 1000] * 9000})
        with pytest.raises(BadQuery) as caught:
            trino.run(statement("SELECT * FROM r, t", r=Relation(rows.schema, rows=rows), t=stored))
        assert caught.value.code == "query_too_large"

    def test_nearly_too_many(self, trino: TrinoEngine, stored: Relation) -> None:
        rows = pa.table({"s": ["x" * 1000] * 7000})
        sql = "SELECT count(*) AS n FROM r, t WHERE t.id = 'a'"
        assert ask(trino, sql, r=Relation(rows.schema, rows=rows), t=stored) == [{"n": 7000}]


class TestMayOnlyRead:
    """Even SQL that no checked statement can hold is refused by the server."""

    @pytest.mark.parametrize(
        "sql",
        [
            "INSERT INTO {t} VALUES ('z')",
            "DELETE FROM {t}",
            "UPDATE {t} SET id = 'z'",
            "TRUNCATE TABLE {t}",
            "DROP TABLE {t}",
            "ALTER TABLE {t} EXECUTE optimize",
            "ALTER TABLE {t} ADD COLUMN z bigint",
            "CREATE TABLE lake.{s}.u AS SELECT 1 AS x",
            "CREATE VIEW lake.{s}.v AS SELECT 1 AS x",
            "DROP SCHEMA lake.{s} CASCADE",
            "CREATE SCHEMA lake.z",
            "CALL lake.system.vacuum('{s}', 't', '7d')",
            "CALL lake_admin.system.vacuum('{s}', 't', '7d')",
            "INSERT INTO lake_admin.{s}.t VALUES ('z')",
            "DELETE FROM lake_admin.{s}.t",
            "SELECT * FROM lake_admin.{s}.t",
            "SELECT * FROM system.runtime.queries",
            "SET SESSION query_max_run_time = '1h'",
        ],
    )
    def test_refused(self, lake: Lake, stored: Relation, trino: TrinoEngine, sql: str) -> None:
        assert stored.files is not None
        trino.publish([stored.files])
        schema = stored.files.table.partition("/")[0]
        with pytest.raises(Refused) as caught:
            admin(lake, sql.format(t=f"lake.{schema}.t", s=schema))
        assert caught.value.name in {"PERMISSION_DENIED", "NOT_SUPPORTED", "PROCEDURE_NOT_FOUND"}
        assert ask(trino, "SELECT count(*) AS n FROM t", t=stored) == [{"n": 3}]

    def test_denied_is_misconfigured(self, lake: Lake) -> None:
        relation = lake.write([DATA], SCHEMA)
        stranger = TrinoEngine(lake.address.replace("polly@", "stranger@"))
        with pytest.raises(Misconfigured) as caught:
            stranger.run(statement("SELECT * FROM t", t=relation))
        assert caught.value.code == "query_refused"


class TestFailures:
    @pytest.mark.parametrize(
        ("mode", "status"),
        [("refuse", 0), ("stall", 0), ("pass", 503), ("pass", 429), ("pass", 404)],
    )
    def test_away(self, lake: Lake, mode: Mode, status: int) -> None:
        with Faulty(HOST, lake.trino.port) as proxy:
            engine = TrinoEngine(f"trino://polly@{HOST}:{proxy.port}/lake?seconds=1")
            proxy.mode = mode
            proxy.answer = (status, {}, b"") if status else None
            with pytest.raises(Unavailable) as caught:
                engine.run(statement("SELECT 1"))
            proxy.mode, proxy.answer = "pass", None
            assert caught.value.code == "query_unavailable"

    @pytest.mark.parametrize(
        ("status", "body", "code"),
        [
            (401, b"Unauthorized", "query_refused"),
            (403, b"Forbidden", "query_refused"),
            (400, b"This is HTTPS", "query_failed"),
            (200, b"<html>hello</html>", "query_failed"),
            (200, b'{"status": "ok"}', "query_failed"),
        ],
    )
    def test_refused(self, lake: Lake, status: int, body: bytes, code: str) -> None:
        with Faulty(HOST, lake.trino.port) as proxy:
            proxy.answer = (status, {}, body)
            engine = TrinoEngine(f"trino://polly@{HOST}:{proxy.port}/lake")
            with pytest.raises(Misconfigured) as caught:
                engine.about()
            assert caught.value.code == code

    def test_stalled_in_the_middle(self, lake: Lake) -> None:
        """A server that takes the statement and then says nothing more."""
        with Faulty(HOST, lake.trino.port) as proxy:
            engine = TrinoEngine(f"trino://polly@{HOST}:{proxy.port}/lake?seconds=2")
            engine.about()
            proxy.mode = "stall"
            with pytest.raises(Unavailable):
                engine.about()
            proxy.mode = "pass"

    def test_store_away(self, lake: Lake, trino: TrinoEngine) -> None:
        """Trino answers, and cannot reach the bucket."""
        relation = lake.write([DATA], SCHEMA)
        trino.run(statement("SELECT * FROM t", t=relation))
        lake.s3.kill()
        try:
            with pytest.raises(Unavailable):
                trino.run(statement("SELECT id, doc FROM t", t=relation))
        finally:
            lake.s3.start()
        assert ask(trino, "SELECT count(*) AS n FROM t", t=relation) == [{"n": 3}]

    def test_unknown_catalog(self, lake: Lake, stored: Relation) -> None:
        address = f"trino://polly@{HOST}:{lake.trino.port}/nowhere?admin=nowhere"
        with pytest.raises(Misconfigured):
            TrinoEngine(address).run(statement("SELECT * FROM t", t=stored))

    def test_memory(self, trino: TrinoEngine) -> None:
        many = ", ".join(f"UNNEST(sequence(1, 9999)) AS u{i}(x)" for i in range(2))
        with pytest.raises(BadQuery) as caught:
            trino.run(statement(f"SELECT array_agg(u0.x + u1.x) FROM {many}"))
        assert caught.value.code == "query_too_large"

    def test_depth(self, trino: TrinoEngine) -> None:
        tree = exp.select("1")
        # As text: a tree this deep would be too much for Python.
        tree.set("expressions", [exp.Var(this=" + ".join(["1"] * 20_000))])
        with pytest.raises(BadQuery) as caught:
            trino.run(Statement(tree))
        assert caught.value.code == "query_too_large"


ENDLESS = " CROSS JOIN ".join(f"UNNEST(sequence(1, 9999)) AS u{i}(x)" for i in range(4))


class TestEnding:
    def test_time(self, lake: Lake) -> None:
        """A statement over its time is ended on the server too."""
        engine = TrinoEngine(lake.address.replace("seconds=60", "seconds=2"))
        with pytest.raises(BadQuery) as caught:
            engine.run(statement(f"SELECT count(*) AS over_time FROM {ENDLESS}"))
        assert caught.value.code == "query_too_large"
        wait_until(lambda: running(lake, "over_time") == [], what="the end of the statement")

    def test_interrupt(self, lake: Lake, trino: TrinoEngine) -> None:
        """Ctrl-C ends the wait and the statement."""
        signal.setitimer(signal.ITIMER_REAL, 2)
        before = signal.signal(signal.SIGALRM, signal.default_int_handler)
        try:
            with pytest.raises(KeyboardInterrupt):
                trino.run(statement(f"SELECT count(*) AS interrupted FROM {ENDLESS}"))
        finally:
            signal.signal(signal.SIGALRM, before)
        wait_until(lambda: running(lake, "interrupted") == [], what="the end of the statement")


def test_restart_keeps_what_is_registered(lake: Lake, stored: Relation) -> None:
    """After a crash the same engine serves the same tables."""
    engine = TrinoEngine(lake.address)
    engine.run(statement("SELECT * FROM t", t=stored))
    lake.trino.kill()
    with pytest.raises(Unavailable):
        engine.run(statement("SELECT * FROM t", t=stored))
    lake.trino.start()
    assert ask(engine, "SELECT count(*) AS n FROM t", t=stored) == [{"n": 3}]


def ask(engine: QueryEngine, sql: str, **relations: Relation) -> list[dict[str, object]]:
    return engine.run(statement(sql, **relations)).to_pylist()


def admin(lake: Lake, sql: str) -> None:
    """Send a text to the server as the engine's own user."""
    Client(parse(lake.address, "query", ""), 60).run(sql)


def running(lake: Lake, word: str) -> list[str]:
    """The statements that the server still runs and that hold a word."""
    url = f"http://{HOST}:{lake.trino.port}/v1/query"
    request = urllib.request.Request(url, headers={"X-Trino-User": "polly"})
    with urllib.request.urlopen(request) as answer:
        found = json.load(answer)
    return [q["query"] for q in found if word in q["query"] and q["state"] not in ENDED]


ENDED = {"FAILED", "FINISHED"}
