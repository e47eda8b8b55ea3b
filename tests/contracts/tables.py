"""What every table store must do; a backend's test subclasses this with a `store` fixture."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from polly_resources.errors import BadInput, NotFound
from polly_resources.tables.base import Column, TableSpec, TableStore

SPEC = TableSpec(
    name="things",
    description="Things to store.",
    columns=(
        Column("dataset_id", pa.string(), "Key.", False),
        Column("value", pa.float64(), "A number."),
        Column("labels", pa.list_(pa.field("element", pa.string())), "Words."),
        Column("shard", pa.int32(), "Partition.", False),
    ),
    partition_by=("shard",),
)


def rows(*ids: str, value: float | None = 1.0, shard: int = 0) -> pa.Table:
    return pa.Table.from_pylist(
        [{"dataset_id": i, "value": value, "labels": ["x", "y"], "shard": shard} for i in ids],
        schema=SPEC.schema(),
    )


def stream(*tables: pa.Table, error: Exception | None = None) -> pa.RecordBatchReader:
    """The rows of these tables as they come, which may end in an error."""

    def batches() -> Iterator[pa.RecordBatch]:
        for table in tables:
            yield from table.to_batches()
        if error is not None:
            raise error

    return pa.RecordBatchReader.from_batches(SPEC.schema(), batches())


def ids(table: pa.Table) -> list[str]:
    return sorted(table["dataset_id"].to_pylist())


class TablesContract:
    @pytest.fixture
    def store(self) -> TableStore:
        raise NotImplementedError

    def test_it_says_what_serves_it(self, store):
        assert len(store.about()) > 3

    def test_a_table_begins_absent(self, store: TableStore) -> None:
        assert store.version("a/things") is None
        assert store.delete("a/things", SPEC, ["x"]) is None
        for call in (store.read, store.files):
            with pytest.raises(NotFound) as caught:
                call("a/things")
            assert caught.value.code == "unknown_table"

    def test_what_is_written_is_read(self, store: TableStore) -> None:
        store.write("a/things", SPEC, rows("d1", "d2"))
        got = store.read("a/things")
        assert got.schema.names == SPEC.schema().names
        assert got.sort_by("dataset_id").to_pylist() == rows("d1", "d2").to_pylist()

    def test_each_write_is_a_version_that_stays_readable(self, store: TableStore) -> None:
        first = store.write("a/things", SPEC, rows("d1"))
        second = store.write("a/things", SPEC, rows("d2"))
        assert second > first
        assert store.version("a/things") == second
        assert ids(store.read("a/things", version=first)) == ["d1"]
        assert ids(store.read("a/things")) == ["d1", "d2"]
        assert store.files("a/things", version=first).rows == 1

    def test_replace_leaves_other_keys_alone(self, store: TableStore) -> None:
        store.write("a/things", SPEC, rows("d1", "d2", "d'3"))
        store.write("a/things", SPEC, rows("d1", "d1", "new", value=2.0), replace=["d1", "new"])
        got = store.read("a/things")
        assert ids(got) == ["d'3", "d1", "d1", "d2", "new"]
        kept = {r["dataset_id"]: r["value"] for r in got.to_pylist()}
        assert kept == {"d1": 2.0, "d2": 1.0, "d'3": 1.0, "new": 2.0}

    def test_replacing_by_nothing_removes(self, store: TableStore) -> None:
        store.write("a/things", SPEC, rows("d1", "d2"))
        store.write("a/things", SPEC, SPEC.schema().empty_table(), replace=["d1"])
        assert ids(store.read("a/things")) == ["d2"]

    def test_repeating_a_replacement_changes_nothing(self, store: TableStore) -> None:
        for _ in range(3):
            store.write("a/things", SPEC, rows("d1", "d2"), replace=["d1", "d2"])
        assert ids(store.read("a/things")) == ["d1", "d2"]

    def test_delete(self, store: TableStore) -> None:
        store.write("a/things", SPEC, rows("d1", "d2", "d'3"))
        store.delete("a/things", SPEC, ["d1", "d'3", "absent"])
        assert ids(store.read("a/things")) == ["d2"]
        store.delete("a/things", SPEC, ["d2"])
        assert store.files("a/things", where={"dataset_id": ["d2"]}).rows == 0
        assert store.read("a/things").num_rows == 0

    def test_read_selects_columns_and_rows(self, store: TableStore) -> None:
        store.write("a/things", SPEC, rows("d1", "d2", "d3"))
        got = store.read("a/things", columns=["dataset_id"], where={"dataset_id": ["d1", "d3"]})
        assert got.column_names == ["dataset_id"]
        assert ids(got) == ["d1", "d3"]
        assert store.read("a/things", where={"dataset_id": []}).num_rows == 0

    def test_files_prune_by_statistics_but_never_too_much(self, store: TableStore) -> None:
        for name in ("a", "b", "c"):
            store.write("a/things", SPEC, rows(name))
        everything = store.files("a/things")
        assert everything.rows == 3
        pruned = store.files("a/things", where={"dataset_id": ["b"]})
        assert len(pruned.files) < len(everything.files)
        assert pruned.rows >= 1
        assert store.files("a/things", where={"value": [1.0]}).rows == 3

    def test_files_lie_in_the_folder_of_the_table(self, store: TableStore) -> None:
        store.write("a/things", SPEC, rows("d1", shard=3))
        found = store.files("a/things")
        assert found.location.endswith("/a/things")
        assert all(file.startswith(f"{found.location}/shard=3/") for file in found.files)

    def test_removing_nothing_changes_nothing(self, store: TableStore) -> None:
        version = store.write("a/things", SPEC, rows("d1"))
        assert store.delete("a/things", SPEC, []) == version

    def test_partitions_are_columns_again(self, store: TableStore) -> None:
        store.write("a/things", SPEC, rows("d1", shard=0))
        store.write("a/things", SPEC, rows("d2", shard=7))
        assert {r["dataset_id"]: r["shard"] for r in store.read("a/things").to_pylist()} == {
            "d1": 0,
            "d2": 7,
        }
        assert store.files("a/things", where={"shard": [7]}).rows == 1

    def test_nulls_nans_and_empty_lists_stay_apart(self, store: TableStore) -> None:
        given_rows = pa.Table.from_pylist(
            [
                {"dataset_id": "null", "value": None, "labels": None, "shard": 0},
                {"dataset_id": "empty", "value": float("nan"), "labels": [], "shard": 0},
            ],
            schema=SPEC.schema(),
        )
        store.write("a/things", SPEC, given_rows)
        got = {r["dataset_id"]: r for r in store.read("a/things").to_pylist()}
        assert got["null"]["value"] is None
        assert got["null"]["labels"] is None
        assert got["empty"]["value"] != got["empty"]["value"]
        assert got["empty"]["labels"] == []

    def test_dictionary_columns_are_stored_as_their_values(self, store: TableStore) -> None:
        table = rows("d1", "d2")
        encoded = table.set_column(0, "dataset_id", table["dataset_id"].dictionary_encode())
        store.write("a/things", SPEC, encoded)
        store.write("a/things", SPEC, encoded, replace=["d1", "d2"])
        got = store.read("a/things")
        assert got.schema.field("dataset_id").type == pa.string()
        assert ids(got) == ["d1", "d2"]

    def test_wrong_rows_are_refused(self, store: TableStore) -> None:
        with pytest.raises(BadInput, match=r"missing columns \['labels'\]"):
            store.write("a/things", SPEC, rows("d1").drop_columns("labels"))
        with pytest.raises(BadInput, match="'dataset_id' with null"):
            store.write(
                "a/things",
                SPEC,
                rows("d1").set_column(0, "dataset_id", pa.array([None], pa.string())),
            )
        with pytest.raises(BadInput, match="a/things"):
            store.write(
                "a/things", SPEC, rows("d1").set_column(1, "value", pa.array(["not a number"]))
            )
        assert store.version("a/things") is None

    def test_eight_writers_lose_and_double_nothing(self, store: TableStore) -> None:
        store.write("a/things", SPEC, rows(*(f"d{n}" for n in range(8))))

        def work(n: int) -> None:
            for value in range(3):
                store.write("a/things", SPEC, rows(f"d{n}", value=float(value)), replace=[f"d{n}"])
                store.write("a/things", SPEC, rows(f"new{n}.{value}"))

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(work, range(8)))
        got = store.read("a/things").to_pylist()
        assert len(got) == 8 + 24
        assert {r["value"] for r in got if r["dataset_id"].startswith("d")} == {2.0}

    def test_a_stream_is_one_version(self, store: TableStore) -> None:
        store.write("a/things", SPEC, rows("d0"))
        before = store.version("a/things")
        parts = [rows(f"d{n}", shard=n % 2) for n in range(1, 6)]
        after = store.write("a/things", SPEC, stream(*parts))
        assert after == store.version("a/things")
        assert ids(store.read("a/things", version=before)) == ["d0"]
        assert ids(store.read("a/things")) == [f"d{n}" for n in range(6)]
        got = store.read("a/things", where={"dataset_id": ["d3"], "shard": [1]})
        assert got.select(SPEC.schema().names).to_pylist() == rows("d3", shard=1).to_pylist()

    def test_a_stream_makes_the_table(self, store: TableStore) -> None:
        version = store.write(
            "a/things", SPEC, stream(rows("d1"), rows("d2")), replace=["d1", "d2"]
        )
        assert version == store.version("a/things")
        assert ids(store.read("a/things")) == ["d1", "d2"]

    def test_a_stream_replaces_its_keys_alone(self, store: TableStore) -> None:
        store.write("a/things", SPEC, rows("d1", "d2", "d'3", "d4"))
        store.write("a/things", SPEC, rows("d'3", "d5"))
        store.write("a/things", SPEC, rows("d6", "d7"))
        store.delete("a/things", SPEC, ["d7"])
        new = stream(rows("d1", "d1", value=2.0), rows("d'3", value=2.0), rows("new", value=2.0))
        store.write("a/things", SPEC, new, replace=["d1", "d'3", "d6", "new"])
        got = store.read("a/things").to_pylist()
        found = sorted((row["dataset_id"], row["value"]) for row in got)
        assert found == [
            *[("d'3", 2.0), ("d1", 2.0), ("d1", 2.0), ("d2", 1.0), ("d4", 1.0), ("d5", 1.0)],
            ("new", 2.0),
        ]
        assert store.files("a/things").rows == 7

    def test_a_stream_of_nothing_removes(self, store: TableStore) -> None:
        store.write("a/things", SPEC, rows("d1", "d2"))
        store.write("a/things", SPEC, stream(), replace=["d1"])
        assert ids(store.read("a/things")) == ["d2"]
        assert store.write("a/things", SPEC, stream()) == store.version("a/things")

    def test_a_stream_that_breaks_off_writes_nothing(self, store: TableStore) -> None:
        fault = BadInput("damaged_chunk", "a chunk cannot be read")
        with pytest.raises(BadInput) as caught:
            store.write("a/things", SPEC, stream(rows("d1"), error=fault))
        assert caught.value.code == "damaged_chunk"
        assert store.version("a/things") is None
        version = store.write("a/things", SPEC, rows("d1"))
        with pytest.raises(BadInput):
            broken = stream(rows("d1", value=2.0), error=fault)
            store.write("a/things", SPEC, broken, replace=["d1"])
        assert store.version("a/things") == version
        assert store.read("a/things")["value"].to_pylist() == [1.0]

    def test_streams_are_refused_like_tables(self, store: TableStore) -> None:
        odd = rows("d1").drop_columns("labels").to_reader()
        with pytest.raises(BadInput, match=r"missing columns \['labels'\]"):
            store.write("a/things", SPEC, odd)
        nameless = rows("d1").set_column(0, "dataset_id", pa.array([None], pa.string()))
        with pytest.raises(BadInput, match="'dataset_id' with null"):
            store.write("a/things", SPEC, nameless.to_reader())

    def test_writers_of_streams_lose_and_double_nothing(self, store: TableStore) -> None:
        store.write("a/things", SPEC, rows(*(f"d{n}" for n in range(4))))

        def work(n: int) -> None:
            for value in range(3):
                new = rows(f"d{n}", value=float(value))
                given = stream(new) if n % 2 else new
                store.write("a/things", SPEC, given, replace=[f"d{n}"])

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(work, range(4)))
        got = store.read("a/things").to_pylist()
        found = sorted((row["dataset_id"], row["value"]) for row in got)
        assert found == [(f"d{n}", 2.0) for n in range(4)]

    def test_maintenance_keeps_every_row(self, store: TableStore) -> None:
        for n in range(5):
            store.write("a/things", SPEC, rows(f"d{n}"))
        done = store.maintain("a/things")
        assert done["files_removed"] == 5
        assert len(store.files("a/things").files) == 1
        assert ids(store.read("a/things")) == [f"d{n}" for n in range(5)]
        assert ids(store.read("a/things", version=0)) == ["d0"]

    @settings(
        max_examples=20,
        deadline=None,
        suppress_health_check=[
            HealthCheck.function_scoped_fixture,
            HealthCheck.differing_executors,  # one suite for many backends
        ],
    )
    @given(
        st.lists(
            st.tuples(
                st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8),
                st.none() | st.floats(allow_nan=False),
                st.none() | st.lists(st.text(max_size=3), max_size=3),
            ),
            max_size=5,
        )
    )
    def test_any_rows_round_trip(self, store: TableStore, values: list[tuple]) -> None:
        table = pa.Table.from_pylist(
            [
                {"dataset_id": f"k{n}", "value": v, "labels": labels, "shard": 0}
                for n, (_, v, labels) in enumerate(values)
            ],
            schema=SPEC.schema(),
        )
        keys = sorted({f"k{n}" for n in range(5)} | {text for text, _, _ in values})
        store.write("r/things", SPEC, table, replace=keys)
        got = store.read("r/things").sort_by("dataset_id").select(table.column_names)
        assert got.to_pylist() == table.to_pylist()
