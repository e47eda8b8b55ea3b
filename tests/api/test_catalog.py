"""What stands behind SQL names: pinned tables, single cells, jobs, ontologies, and fields."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from polly_api import job_table
from polly_assets import atlases
from polly_assets.schema import ONTOLOGY_TERMS, SINGLE_CELL
from polly_resources.errors import BadQuery
from polly_resources.records import Failure, JobAction, JobOutcome, JobRequest, JobStatus
from tests.api.stored import Stored, filled


@pytest.fixture
def stored(tmp_path: Path) -> Stored:
    return Stored(tmp_path / "home")


@pytest.fixture
def mixed(stored: Stored) -> Stored:
    """Two bulk datasets and one of single cells, whose samples have fields of several types."""
    x = np.ones((1, 2))
    stored.add(
        "B1",
        samples=["s1", "s2"],
        sample_columns={"gender": ["F", None], "Age": [61, 58], "score": [1, 2]},
        metadata={"status": "public", "pubmed_id": 7, "contributor": ["A", "B"]},
    )
    stored.add(
        "B2",
        samples=["s3"],
        sample_columns={"age": [7.5], "gender": [["M", "?"]], "score": [float("inf")]},
        metadata={"pubmed_id": 8, "status": None},
    )
    stored.add(
        "C1",
        x,
        samples=["c1", "c2"],
        features=["TP53"],
        sample_columns={"n_genes": [5, 9], "doublet": [True, False], "when": ["1", "2"]},
        data_type=SINGLE_CELL,
    )
    return stored


def test_listings(mixed: Stored) -> None:
    atlases.create(mixed.tables, "abc")
    assert mixed.rows("SHOW SCHEMAS") == ["abc", "data_matrices", "geo", "ontology", "platform"]
    assert mixed.rows("SHOW TABLES IN platform") == ["atlases", "jobs"]
    assert mixed.rows("SHOW TABLES IN ontology") == ["ancestors", "terms"]
    assert mixed.rows("SHOW TABLES IN data_matrices") == ["geo__c1"]
    assert "samples_singlecell" in mixed.rows("SHOW TABLES IN geo")
    assert mixed.rows("SELECT atlas FROM platform.atlases ORDER BY 1") == ["abc", "geo"]
    assert mixed.rows("SELECT count(*) FROM abc.samples") == [0]
    assert mixed.rows("SELECT * FROM abc.features_singlecell") == []
    for query in ("SELECT 1 FROM geo.nothing", "SELECT 1 FROM geo.jobs", "DESCRIBE platform.x"):
        with pytest.raises(BadQuery, match="has no table"):
            mixed.ask(query)


def test_pinned(mixed: Stored) -> None:
    """A write between two reads of one statement is not seen; the next statement sees it."""
    catalog = mixed.catalog()
    assert mixed.rows("SELECT count(*) FROM geo.samples", catalog) == [5]
    mixed.add("B3", samples=["s4"])
    mixed.add("C2", samples=["c3"], data_type=SINGLE_CELL)
    atlases.create(mixed.tables, "abc")
    assert mixed.rows("SELECT count(*) FROM geo.samples", catalog) == [5]
    assert mixed.rows("SELECT count(*) FROM platform.atlases", catalog) == [1]
    assert "abc" not in catalog.schemas()
    assert mixed.rows("SELECT count(*) FROM geo.samples") == [7]
    assert mixed.rows("SELECT count(*) FROM geo.samples_singlecell") == [3]
    assert "abc" in mixed.catalog().schemas()


def test_a_table_made_meanwhile(stored: Stored) -> None:
    catalog = stored.catalog()
    assert stored.rows("SELECT * FROM geo.samples", catalog) == []
    stored.add("B1", samples=["s1"])
    assert stored.rows("SELECT * FROM geo.samples", catalog) == []


def test_narrow(mixed: Stored) -> None:
    """A relation has the columns asked for and filtered by, in the table's order."""
    catalog = mixed.catalog()
    for table in ("samples", "samples_singlecell"):
        found = catalog.relation("geo", table, {"name", "sample_id"}, {"src_dataset_id": ["C1"]})
        assert found.schema.names == ["sample_id", "src_dataset_id", "name"]
        assert len(catalog.relation("geo", table, None, {}).schema) > 20
        assert catalog.relation("geo", table, (), {}).schema.names == ["src_dataset_id"]
    empty = Stored(mixed.backends.settings.home.parent / "empty").catalog()
    assert empty.relation("geo", "samples", {"name"}, {}).schema.names == ["name"]
    assert mixed.rows("SELECT count(*), count(DISTINCT shard) FROM geo.samples") == [(5, 1)]


def test_single_cell(mixed: Stored) -> None:
    assert mixed.rows("SELECT name FROM geo.samples_singlecell ORDER BY 1") == ["c1", "c2"]
    assert mixed.rows("SELECT name FROM geo.features_singlecell") == ["TP53"]
    where = "WHERE src_dataset_id IN ('B1', 'C1') AND name = 'c2'"
    assert mixed.rows(f"SELECT sample_index FROM geo.samples_singlecell {where}") == [1]
    assert mixed.rows("SELECT * FROM geo.samples_singlecell WHERE src_dataset_id = 'B1'") == []
    assert len(mixed.rows("SELECT *, n_genes FROM geo.samples_singlecell")[0]) > 20
    assert mixed.rows("SELECT sum(n_genes) FROM geo.samples_singlecell WHERE doublet") == [5]


def test_ontologies(stored: Stored) -> None:
    with pytest.raises(BadQuery, match="polly ontologies --load") as caught:
        stored.ask("SELECT * FROM ontology.terms")
    assert caught.value.code == "ontologies_not_loaded"
    assert stored.rows("DESCRIBE ontology.terms")[0][0] == "ontology"
    term = {"ontology": "MONDO", "version": "1", "curie": "MONDO:1", "label": "x", "synonyms": []}
    rows = filled(ONTOLOGY_TERMS, [{**term, "deprecated": False}])
    stored.tables.write("ontology/terms", ONTOLOGY_TERMS, rows)
    assert stored.rows("SELECT label FROM ontology.terms WHERE curie = 'MONDO:1'") == ["x"]


def request(source: str, atlas: str = "geo") -> JobRequest:
    return JobRequest(atlas, 0, JobAction.INGEST, source, source.upper(), source * 8)


def test_jobs(stored: Stored, monkeypatch: pytest.MonkeyPatch) -> None:
    assert stored.rows("SELECT * FROM platform.jobs") == []
    ledger = stored.backends.jobs
    first, second, _ = ledger.submit([request("a"), request("b"), request("c", "other")])
    ledger.claim("batch", "me", lease_seconds=60)
    ledger.finish(
        "batch",
        [
            JobOutcome(first.job_id, "A", JobStatus.SUCCEEDED, "gct", 2, 3, 0.5),
            JobOutcome(second.job_id, "B", JobStatus.ERRORED, error=Failure("bad", "very bad")),
        ],
    )
    jobs = "platform.jobs"
    assert stored.rows(f"SELECT dataset_id, status, action, attempt FROM {jobs} ORDER BY 1") == [
        ("A", "succeeded", "ingest", 1),
        ("B", "errored", "ingest", 1),
        ("C", "queued", "ingest", 1),
    ]
    assert stored.rows(
        f"SELECT dataset_id, samples, features, seconds, format FROM {jobs} WHERE samples > 1"
    ) == [("A", 2, 3, 0.5, "gct")]
    errored = f"FROM {jobs} WHERE atlas = 'geo' AND status = 'errored'"
    assert stored.rows(f"SELECT error_code, error_message {errored}") == [("bad", "very bad")]
    assert stored.rows(f"SELECT source FROM {jobs} WHERE status IN ('nonsense', 'queued')") == ["c"]
    assert stored.rows(f"SELECT source FROM {jobs} WHERE status = 'nonsense'") == []
    assert stored.rows(f"SELECT source FROM {jobs} WHERE job_id = '{first.job_id}'") == ["a"]
    assert stored.rows(f"SELECT job_id FROM {jobs} WHERE atlas IN ('x', 'y')") == []
    assert stored.rows(
        f"SELECT count(finished_at), min(created_at) > DATE '2026-01-01' FROM {jobs}"
    )
    monkeypatch.setattr(job_table, "_PAGE", 2)
    assert stored.rows(f"SELECT count(*) FROM {jobs}") == [3]


def test_fields(mixed: Stored) -> None:
    """Each field has the type that fits every dataset that has it."""
    listed = {row[0]: row[1] for row in mixed.rows("DESCRIBE geo.samples") if row[2] == "metadata"}
    assert listed == {
        "age": "double",
        "doublet": "boolean",
        "gender": "varchar",
        "n_genes": "bigint",
        "score": "double",
        "when": "varchar",
    }
    assert mixed.rows(
        "SELECT sample_id, age, gender, score, n_genes FROM geo.samples ORDER BY 1"
    ) == [
        ("c1", None, None, None, 5),
        ("c2", None, None, None, 9),
        ("s1", 61.0, "F", 1.0, None),
        ("s2", 58.0, None, 2.0, None),
        ("s3", 7.5, '["M","?"]', float("inf"), None),
    ]
    assert mixed.rows(
        "SELECT dataset_id, status, pubmed_id + 1, contributor FROM geo.datasets ORDER BY 1"
    ) == [("B1", "public", 8, '["A","B"]'), ("B2", None, 9, None), ("C1", None, None, None)]
    with pytest.raises(BadQuery, match="there is no column"):
        mixed.ask("SELECT gender FROM geo.measurements")
    with pytest.raises(BadQuery):
        mixed.ask("SELECT gender FROM geo.features")


def test_fields_of_a_new_version(mixed: Stored) -> None:
    assert mixed.rows("SELECT age FROM geo.samples WHERE name = 's3'") == [7.5]
    mixed.add("B2", samples=["s3"], sample_columns={"age": ["old"], "fresh": ["yes"]})
    assert mixed.rows("SELECT age, fresh FROM geo.samples WHERE name = 's3'") == [("old", "yes")]
    mixed.add("B2", samples=["s3"], sample_columns={"big": [2**64 - 1]})
    assert mixed.rows("SELECT big FROM geo.samples WHERE name = 's3'") == [float(2**64 - 1)]
    with pytest.raises(BadQuery, match="fresh"):
        mixed.ask("SELECT fresh FROM geo.samples")
