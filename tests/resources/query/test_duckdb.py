"""DuckDB passes the contract, and is closed to everything but the listed files."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlglot
from sqlglot import exp

from polly_resources.errors import BadQuery, Misconfigured
from polly_resources.query import duckdb_views
from polly_resources.query.base import QueryEngine, Relation, Statement
from polly_resources.query.duckdb import DuckDBEngine
from polly_resources.query.results import result_names
from polly_resources.tables.base import TableFiles
from tests.contracts.query import DATA, SCHEMA, QueryEngineContract, TableOf

NUMBERS = Relation(pa.schema([("x", pa.int64())]), rows=pa.table({"x": range(200_000)}))
ENDLESS = "SELECT count(*) FROM n AS a, n AS b, n AS c WHERE a.x * b.x * c.x = -1"


def statement(sql: str, **relations: Relation) -> Statement:
    tree = sqlglot.parse_one(sql, read="trino")
    assert isinstance(tree, exp.Query)
    return Statement(tree, relations)


@pytest.fixture(scope="module")
def shared() -> DuckDBEngine:
    return DuckDBEngine("duckdb://?memory=1GB&threads=2")


def files(folder: Path, parts: list[pa.Table], schema: pa.Schema = SCHEMA) -> Relation:
    """A relation over Parquet files below `shard=0`, without the partition column."""
    paths = []
    for index, part in enumerate(parts):
        path = folder / "a" / "t" / "shard=0" / f"part {index}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        names = [name for name in part.column_names if name != "shard"]
        pq.write_table(part.select(names), path)
        paths.append(str(path))
    return Relation(
        schema, files=TableFiles("a/t", 0, tuple(paths), sum(part.num_rows for part in parts))
    )


class TestDuckDB(QueryEngineContract):
    TESTED = ("`duckdb://`",)

    @pytest.fixture
    def engine(self, shared: DuckDBEngine) -> QueryEngine:
        return shared

    @pytest.fixture
    def table_of(self, tmp_path: Path) -> TableOf:
        def table_of(parts: list[pa.Table], schema: pa.Schema) -> Relation:
            return files(tmp_path / str(len(list(tmp_path.iterdir()))), parts, schema)

        return table_of

    @pytest.fixture
    def lose(self) -> Callable[[Relation], None]:
        def lose(relation: Relation) -> None:
            assert relation.files is not None
            for path in relation.files.files:
                Path(path).unlink()

        return lose

    def test_awkward_paths(self, engine: QueryEngine, tmp_path: Path) -> None:
        relation = files(tmp_path / "it's [a] *dir?" / "é", [DATA])
        found = engine.run(statement("SELECT count(*) AS n FROM t", t=relation))
        assert found.to_pylist() == [{"n": 3}]


class TestHardening:
    @pytest.mark.parametrize(
        "sql",
        [
            "SELECT * FROM read_parquet('{other}')",
            "SELECT * FROM read_text('/etc/hostname')",
            "SELECT * FROM glob('/*')",
            "COPY (SELECT 1) TO '{other}.csv'",
            "ATTACH '{other}.db'",
            "SET threads = 1",
            "SET enable_external_access = true",
            "INSTALL httpfs",
            "LOAD httpfs",
        ],
    )
    def test_closed(self, tmp_path: Path, sql: str) -> None:
        """Even SQL that no checked statement can hold is refused by the database."""
        other = tmp_path / "other.parquet"
        pq.write_table(pa.table({"secret": [1]}), other)
        engine = DuckDBEngine()
        engine.run(statement("SELECT * FROM t", t=files(tmp_path / "store", [DATA])))
        assert engine._instance is not None
        with pytest.raises(duckdb.Error, match=r"disabled (by|through) configuration|locked"):
            engine._instance.connection.execute(sql.format(other=other)).fetchall()

    def test_python_variables_are_no_tables(self) -> None:
        with pytest.raises(BadQuery):
            DuckDBEngine().run(statement("SELECT * FROM DATA"))

    def test_remote_files(self) -> None:
        remote = Relation(SCHEMA, files=TableFiles("a/t", 0, ("s3://b/a/t/x.parquet",), 1))
        with pytest.raises(Misconfigured, match="not a local file"):
            DuckDBEngine().run(statement("SELECT * FROM t", t=remote))


class TestLimits:
    def test_time(self) -> None:
        with pytest.raises(BadQuery) as caught:
            DuckDBEngine("duckdb://?seconds=0.2").run(statement(ENDLESS, n=NUMBERS))
        assert caught.value.code == "query_too_large"

    def test_memory(self) -> None:
        sql = "SELECT array_agg(a.x + b.x) FROM n AS a, n AS b"
        with pytest.raises(BadQuery) as caught:
            DuckDBEngine("duckdb://?memory=20MB&threads=1").run(statement(sql, n=NUMBERS))
        assert caught.value.code == "query_too_large"

    def test_interrupt(self) -> None:
        """Ctrl-C ends the wait and the statement; the engine still serves."""
        engine = DuckDBEngine()
        assert threading.current_thread() is threading.main_thread()
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        before = signal.signal(signal.SIGALRM, signal.default_int_handler)
        try:
            with pytest.raises(KeyboardInterrupt):
                engine.run(statement(ENDLESS, n=NUMBERS))
        finally:
            signal.signal(signal.SIGALRM, before)
        assert engine.run(statement("SELECT 1 AS x")).to_pylist() == [{"x": 1}]

    @pytest.mark.parametrize("address", ["duckdb://?threads=two", "duckdb://?colour=red"])
    def test_bad_address(self, address: str) -> None:
        with pytest.raises(Misconfigured) as caught:
            DuckDBEngine(address)
        assert caught.value.code == "bad_address"


class TestSharing:
    def test_one_instance_per_store(self, tmp_path: Path) -> None:
        engine = DuckDBEngine()
        first = files(tmp_path / "one", [DATA])
        engine.run(statement("SELECT * FROM t", t=first))
        kept = engine._instance
        engine.run(statement("SELECT * FROM t", t=first))
        assert engine._instance is kept
        second = files(tmp_path / "two", [DATA])
        both = engine.run(statement("SELECT * FROM t UNION ALL SELECT * FROM u", t=first, u=second))
        assert both.num_rows == 6
        assert engine._instance is not kept

    def test_concurrent(self, tmp_path: Path) -> None:
        engine = DuckDBEngine()
        relations = [files(tmp_path / str(i), [DATA[i : i + 1]]) for i in range(3)]

        def ask(i: int) -> object:
            found = engine.run(statement("SELECT id FROM t", t=relations[i % 3]))
            return found.column("id")[0].as_py()

        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(ask, range(24))) == ["a", "b", "c"] * 8


class TestViews:
    @pytest.mark.parametrize(
        ("kind", "name"),
        [
            (pa.large_list(pa.large_string()), "VARCHAR[]"),
            (pa.struct([("a b", pa.int8())]), 'STRUCT("a b" TINYINT)'),
            (pa.map_(pa.string(), pa.float32()), "MAP(VARCHAR, REAL)"),
            (pa.dictionary(pa.int32(), pa.string()), "VARCHAR"),
            (pa.timestamp("us", tz="UTC"), "TIMESTAMPTZ"),
            (pa.decimal128(5, 2), "DECIMAL(5, 2)"),
        ],
    )
    def test_types(self, kind: pa.DataType, name: str) -> None:
        assert duckdb_views.type_name(kind) == name

    def test_unknown_type(self) -> None:
        with pytest.raises(Misconfigured):
            duckdb_views.type_name(pa.month_day_nano_interval())

    def test_roots(self) -> None:
        assert duckdb_views.root("/s/geo/samples/shard=0/x.parquet", "geo/samples") == "/s"
        assert duckdb_views.root("/s/other/x.parquet", "geo/samples") == "/s/other"
        assert duckdb_views.local_path("file:///a%20b/x.parquet") == "/a b/x.parquet"

    def test_partition_values(self, tmp_path: Path) -> None:
        """Partition columns come from the path: decoded, typed, NULL for Hive's default."""
        schema = pa.schema([("x", pa.int64()), ("p", pa.string()), ("shard", pa.int32())])
        paths = []
        for i, folder in enumerate(["p=a%20b/shard=7", "p=__HIVE_DEFAULT_PARTITION__/shard=8"]):
            path = tmp_path / folder / "f.parquet"
            path.parent.mkdir(parents=True)
            pq.write_table(pa.table({"x": [i]}), path)
            paths.append(str(path))
        relation = Relation(schema, files=TableFiles("a/t", 0, tuple(paths), 2))
        found = DuckDBEngine().run(statement("SELECT * FROM t ORDER BY x", t=relation))
        assert found.to_pylist() == [
            {"x": 0, "p": "a b", "shard": 7},
            {"x": 1, "p": None, "shard": 8},
        ]


def test_result_names() -> None:
    assert result_names(["a", "a", "a_1", "a"]) == ["a", "a_2", "a_1", "a_3"]
