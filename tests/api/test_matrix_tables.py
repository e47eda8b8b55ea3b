"""The wide tables of `data_matrices`: names, values, and what is read for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_np

from polly_api import matrix_tables
from polly_api import matrix_values as matrix_values_module
from polly_api.matrix_tables import MatrixTables
from polly_api.matrix_values import matrix_values
from polly_api.pinned import Pinned
from polly_assets.ingest.formats.base import DenseMatrix
from polly_assets.schema import SINGLE_CELL
from polly_resources.errors import BadQuery, Unavailable
from tests.api.stored import SparseMatrix, Stored

NAN = float("nan")


@pytest.fixture
def stored(tmp_path: Path) -> Stored:
    return Stored(tmp_path / "home")


def tables(stored: Stored) -> MatrixTables:
    return MatrixTables(Pinned(stored.tables), ["geo"])


def test_bulk(stored: Stored) -> None:
    x = np.array([[1.5, NAN], [0, -2]], np.float32)
    layer = DenseMatrix(x * 100, "layers/counts")
    stored.add("G1", layer, DenseMatrix(x), samples=["S1", "S2"], features=["A", "B"])
    answer = stored.ask("SELECT * FROM data_matrices.geo__g1")
    assert answer.to_pydict() == {"rid": ["A", "B"], "s1": [1.5, 0.0], "s2": [None, -2.0]}
    assert answer.schema.types == [pa.string(), pa.float32(), pa.float32()]
    assert stored.rows("SELECT count(*) FROM data_matrices.GEO__G1") == [2]
    assert stored.rows("SELECT S2 FROM data_matrices.geo__g1 WHERE rid = 'B'") == [-2.0]
    assert stored.rows("SELECT s1 FROM data_matrices.geo__g1 WHERE s2 IS NULL") == [1.5]
    assert stored.rows("DESCRIBE data_matrices.geo__g1")[0][:2] == ("rid", "varchar")


def test_single_cell(stored: Stored) -> None:
    x = np.array([[0, 0, 3], [0, 0, 0], [5, 0, 7]], np.int32)
    stored.add(
        "c1",
        SparseMatrix(x),
        samples=["c1", "c2", "c3"],
        features=["ENSG1", "ENSG2", "ENSG3"],
        symbols={"ENSG1": "TP53", "ENSG3": "MYC"},
        data_type=SINGLE_CELL,
    )
    answer = stored.ask("SELECT * FROM data_matrices.geo__c1")
    assert answer.schema.types == [pa.string(), *[pa.int32()] * 3]
    assert answer.to_pydict() == {
        "obs_name": ["c1", "c2", "c3"],
        "tp53": [0, 0, 3],
        "ensg2": [0, 0, 0],
        "myc": [5, 0, 7],
    }
    assert stored.rows("SELECT obs_name FROM data_matrices.geo__c1 WHERE myc > 5") == ["c3"]
    assert stored.rows("SELECT count(*) FROM data_matrices.geo__c1") == [3]


ODD = ["S1", "s1", "s1_2", "RID", "", "a b", 'q"u', "it's", "x.y", "ß", "1", "*", "select"]
IN_SQL = ["s1", "s1_2", "s1_2_2", "rid_2", "unnamed", "a b", 'q"u', "it's", "x.y", "ß", "1", "*"]


def test_odd_names(stored: Stored) -> None:
    """Names are lower-case and told apart; none is lost or taken for another."""
    x = np.arange(len(ODD), dtype=np.float64).reshape(1, -1)
    stored.add("G1", x, samples=ODD, features=['it\'s "A"'])
    table = "data_matrices.geo__g1"
    assert stored.ask(f"SELECT * FROM {table}").column_names == ["rid", *IN_SQL, "select"]
    for number, name in enumerate([*IN_SQL, "select"]):
        quoted = '"' + name.replace('"', '""') + '"'
        assert stored.rows(f"SELECT {quoted} FROM {table} WHERE rid = 'it''s \"A\"'") == [number]


def test_many_equal_names(stored: Stored) -> None:
    features = ["G"] * 3000
    x = np.zeros((3000, 1), np.float32)
    stored.add("c1", x, samples=["c"], features=features, data_type=SINGLE_CELL)
    info = tables(stored).describe("geo__c1")
    assert info is not None
    assert info.schema.names == ["obs_name", "g", *(f"g_{i}" for i in range(2, 3001))]


def test_repeated_rows(stored: Stored) -> None:
    """A row id may occur more than once; each row is kept."""
    x = np.arange(3, dtype=np.float64).reshape(3, 1)
    stored.add("G1", x, samples=["s"], features=["A", "B", "A"])
    assert stored.rows("SELECT s FROM data_matrices.geo__g1 WHERE rid = 'A'") == [0, 2]


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_any_matrix(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Whatever is chosen of whatever was stored is what was stored."""
    kind = data.draw(st.sampled_from(["float32", "float64", "int32", "int64"]))
    shape = data.draw(st.tuples(st.integers(1, 200), st.integers(1, 4)))
    few = st.sampled_from([0, 0, 0, 1, -2, 7])
    x = data.draw(st_np.arrays(kind, shape, elements=few, fill=st.just(0)))
    matrix = data.draw(st.sampled_from([SparseMatrix, DenseMatrix]))(x)
    stored = Stored(tmp_path_factory.mktemp("home"))
    features = [f"g{i}" for i in range(shape[0])]
    stored.add("D", matrix, samples=[f"s{i}" for i in range(shape[1])], features=features)
    at = sorted(data.draw(st.sets(st.integers(0, shape[0] - 1), min_size=1, max_size=9)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matrix_values_module, "HELD_CELLS", data.draw(st.sampled_from([1, 10**9])))
        pinned = Pinned(stored.tables)
        found = matrix_values(pinned, "geo", "D", np.array(at), (len(at), shape[1]))
        assert np.array_equal(matrix_values(pinned, "geo", "D", None, shape), x)
    assert found.dtype == x.dtype
    assert np.array_equal(found, x[at])
    rids = [features[i] for i in at]
    wanted = tables(stored).relation("geo__d", {"rid", "s0"}, {"rid": rids}).rows
    assert wanted is not None
    assert wanted.to_pydict() == {"rid": rids, "s0": x[at, 0].tolist()}


def shape(stored: Stored, columns: set[str] | None, **where: Any) -> tuple[list[str], int]:
    found = tables(stored).relation("geo__d", columns, where)
    assert found.rows is not None
    assert found.rows.schema == found.schema
    return found.schema.names, found.rows.num_rows


@pytest.mark.parametrize("matrix", [SparseMatrix, DenseMatrix])
def test_what_is_read(stored: Stored, matrix: Any) -> None:
    """Relations hold the columns and rows asked for, and no more than a few others."""
    x = np.ones((130, 3), np.float32)
    samples, features = ["a", "b", "c"], [f"g{i}" for i in range(130)]
    stored.add("D", matrix(x), samples=samples, features=features)
    assert shape(stored, None) == (["rid", "a", "b", "c"], 130)
    assert shape(stored, {"c", "rid"}) == (["rid", "c"], 130)
    assert shape(stored, set()) == (["rid"], 130)
    assert shape(stored, None, rid=["g129", "g0", "none"]) == (["rid", "a", "b", "c"], 2)
    assert shape(stored, {"a"}, rid=["none"]) == (["rid", "a"], 0)
    assert shape(stored, {"a"}, rid=[]) == (["rid", "a"], 0)
    stored.add("D", matrix(x), samples=samples, features=features, data_type=SINGLE_CELL)
    assert shape(stored, {"g64", "obs_name"}) == (["obs_name", "g64"], 3)
    assert shape(stored, set(), obs_name=["a"]) == (["obs_name"], 3)


def test_empty(stored: Stored) -> None:
    stored.add("D", np.zeros((0, 2), np.float32), samples=["a", "b"])
    assert shape(stored, None) == (["rid", "a", "b"], 0)
    stored.add("D", np.zeros((0, 2), np.float32), samples=["a", "b"], data_type=SINGLE_CELL)
    assert shape(stored, None) == (["obs_name"], 2)


def test_no_matrix(stored: Stored) -> None:
    stored.add("G1", samples=["a"])
    stored.add("G2", DenseMatrix(np.ones((1, 1)), "layers/a"), samples=["a"], features=["A"])
    stored.add("G3", np.ones((1, 1)), samples=["a"], features=["A"])
    for table in ("geo__g1", "geo__g2", "geo__nothing", "nothing__g3", "g3"):
        with pytest.raises(BadQuery) as caught:
            stored.ask(f"SELECT * FROM data_matrices.{table}")
        assert caught.value.code == "unknown_table"
    assert "geo__g3" in stored.rows("SHOW TABLES IN data_matrices")
    with pytest.raises(BadQuery, match="geo__g1"):
        tables(stored).relation("geo__g1", None, {})


def test_ids_that_differ_in_case(stored: Stored) -> None:
    for name in ("Gse1", "gse1"):
        stored.add(name, np.ones((1, 1)), samples=["a"], features=["A"])
    with pytest.raises(BadQuery, match="Gse1 and gse1") as caught:
        stored.ask("SELECT * FROM data_matrices.geo__gse1")
    assert caught.value.code == "ambiguous_table"


def test_atlases_whose_names_begin_alike(tmp_path: Path) -> None:
    stored = Stored(tmp_path / "home", "a", "a__b")
    stored.add("b__d", np.full((1, 1), 1.0), samples=["s"], features=["A"], atlas="a")
    stored.add("e", np.full((1, 1), 2.0), samples=["s"], features=["A"], atlas="a__b")
    assert stored.rows("SELECT s FROM data_matrices.a__b__d") == [1.0]
    assert stored.rows("SELECT s FROM data_matrices.a__b__e") == [2.0]


@pytest.mark.parametrize(("kind", "words"), [("", "WHERE rid IN"), (SINGLE_CELL, "name the genes")])
def test_too_large(stored: Stored, monkeypatch: pytest.MonkeyPatch, kind: str, words: str) -> None:
    monkeypatch.setattr(matrix_tables, "MAX_CELLS", 5)
    stored.add("D", np.ones((3, 2)), samples=["a", "b"], features=["A", "B", "C"], data_type=kind)
    with pytest.raises(BadQuery, match="3 features x 2 samples") as caught:
        tables(stored).relation("geo__d", None, {})
    assert caught.value.code == "query_too_large"
    assert words in caught.value.hint
    assert shape(stored, {"a", "A"}, rid=["A"])[1] in {1, 2}


def test_replaced_meanwhile(stored: Stored) -> None:
    """A dataset that changes shape between two reads is an error, never a mix."""
    stored.add("D", np.ones((70, 2)), samples=["a", "b"], features=[f"g{i}" for i in range(70)])
    for at, told in [
        (None, (69, 2)),
        (None, (71, 2)),
        (None, (70, 3)),
        (np.array([70]), (1, 2)),
        (np.array([700]), (1, 2)),
    ]:
        with pytest.raises(Unavailable) as caught:
            matrix_values(Pinned(stored.tables), "geo", "D", at, told)
        assert caught.value.code == "dataset_changed"


def test_pinned(stored: Stored) -> None:
    """A catalog speaks of one version of a matrix, whatever is written meanwhile."""
    stored.add("D", np.ones((1, 1)), samples=["a"], features=["A"])
    catalog = stored.catalog()
    assert catalog.describe("data_matrices", "geo__d") is not None
    assert stored.rows("SELECT a FROM data_matrices.geo__d", catalog) == [1.0]
    stored.add("D", np.full((2, 1), 2.0), samples=["a"], features=["A", "B"])
    assert stored.rows("SELECT a FROM data_matrices.geo__d", catalog) == [1.0]
    assert stored.rows("SELECT a FROM data_matrices.geo__d") == [2.0, 2.0]
