"""The contract suite of doors: subclass it and give `open_door`.

One instance serves the whole class, because ingesting is what costs; the tests run in the order
in which they stand, from an empty instance to deleted datasets.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from pathlib import Path

import pyarrow as pa
import pytest

from polly_api.base import Door
from polly_api.words import (
    FINISHED,
    BadInput,
    BadQuery,
    Conflict,
    JobFilter,
    JobStatus,
    NotFound,
    Priority,
    SearchRequest,
)

GENES = {"BRD4": (1.5, 2.25), "TP53": (0.1, -3e-300), "MYC": (7.0, 1e6)}
GCT = "#1.2\n3\t2\nName\tDescription\tS1\tS2\n" + "".join(
    f"{gene}\tna\t{first!r}\t{second!r}\n" for gene, (first, second) in GENES.items()
)
BAD = "#1.2\n1\t2\nName\tDescription\tS1\tS2\nBRD4\tna\t1\tx\n"


class DoorContract(ABC):
    """What every door does."""

    @staticmethod
    @abstractmethod
    def open_door(home: Path) -> AbstractContextManager[Door]:
        """A door on an empty instance in the folder, with something that works on jobs."""

    @pytest.fixture(scope="class")
    @classmethod
    def door(cls, tmp_path_factory):
        with cls.open_door(tmp_path_factory.mktemp("home")) as door:
            yield door

    @pytest.fixture(scope="class")
    @classmethod
    def files(cls, tmp_path_factory):
        folder = tmp_path_factory.mktemp("files")
        (folder / "sub").mkdir()
        (folder / "GSE1.gct").write_text(GCT)
        (folder / "sub" / "GSE2.gct").write_text(GCT.replace("1.5", "4.5"))
        (folder / "BAD.gct").write_text(BAD)
        return folder

    @pytest.fixture(scope="class")
    @classmethod
    def seen(cls):
        return []

    @pytest.fixture(scope="class")
    @classmethod
    def jobs(cls, door, files, seen):
        queued = door.submit([files], "demo", priority=Priority.HIGH)
        assert {job.status for job in queued} <= {JobStatus.QUEUED, JobStatus.RUNNING}
        assert {job.priority for job in queued} == {Priority.HIGH}
        done = door.wait([job.job_id for job in queued], seen.extend)
        return {job.dataset_id: job for job in done}

    def test_an_empty_instance(self, door):
        assert door.atlases() == []
        assert door.jobs(JobFilter()) == []
        assert {finding.state for finding in door.doctor()} <= {"ok", "missing"}

    def test_atlases(self, door):
        made = door.create_atlas("other", description="d", shards=2)
        assert (made.atlas, made.description, made.shards, made.datasets) == ("other", "d", 2, 0)
        assert door.atlases() == [made]
        with pytest.raises(Conflict):
            door.create_atlas("other")
        with pytest.raises(BadInput):
            door.create_atlas("No Such; Name")

    def test_nothing_to_ingest(self, door, tmp_path):
        with pytest.raises(NotFound) as caught:
            door.submit([tmp_path / "absent.gct"], "demo")
        assert caught.value.code == "no_such_file"
        with pytest.raises(NotFound):
            door.wait(["nope"])

    def test_each_dataset_has_its_end(self, jobs, seen):
        assert {each: job.status for each, job in jobs.items()} == {
            "GSE1": JobStatus.SUCCEEDED,
            "GSE2": JobStatus.SUCCEEDED,
            "BAD": JobStatus.ERRORED,
        }
        good = jobs["GSE1"]
        assert (good.format, good.samples, good.features, good.error) == ("gct", 2, 3, None)
        assert good.source.endswith("/GSE1.gct") and jobs["GSE2"].source.endswith("/sub/GSE2.gct")
        error = jobs["BAD"].error
        assert error.code and "'x'" in error.message and "line 4" in error.place and error.hint
        last = {job.job_id: job for job in seen}
        assert {job.status for job in last.values()} <= FINISHED
        assert set(last) == {job.job_id for job in jobs.values()}

    def test_same_bytes_again(self, door, files, jobs):
        (again,) = door.submit([files / "GSE1.gct"], "demo")
        assert again.status is JobStatus.UNCHANGED
        assert [job.status for job in door.wait([again.job_id])] == [JobStatus.UNCHANGED]

    def test_jobs_are_listed(self, door, jobs):
        bad = jobs["BAD"]
        assert door.jobs(JobFilter(atlas="demo", statuses=(JobStatus.ERRORED,))) == [bad]
        newest = [job.job_id for job in door.jobs(JobFilter(atlas="demo"))]
        assert newest == sorted(newest, reverse=True) and len(newest) == 4
        page = door.jobs(JobFilter(atlas="demo", limit=2, after=newest[0]))
        assert [job.job_id for job in page] == newest[1:3]

    def test_retry(self, door, jobs):
        (queued,) = door.retry([jobs["BAD"].job_id])
        (job,) = door.wait([queued.job_id])
        assert (job.status, job.error) == (JobStatus.ERRORED, jobs["BAD"].error)
        with pytest.raises(Conflict):
            door.retry([jobs["GSE1"].job_id])
        with pytest.raises(NotFound):
            door.retry(["nope"])

    def test_sql(self, door, jobs):
        table = door.sql("SELECT dataset_id, curated_disease FROM demo.datasets ORDER BY 1")
        assert isinstance(table, pa.Table)
        assert table.column("dataset_id").to_pylist() == ["GSE1", "GSE2"]
        assert pa.types.is_list(table.schema.field("curated_disease").type)
        assert door.sql("SELECT sample_id FROM demo.samples", max_rows=3).num_rows == 3
        with pytest.raises(BadQuery):
            door.sql("SELECT nothing FROM demo.datasets")
        with pytest.raises(BadQuery):
            door.sql("DROP TABLE demo.datasets")

    def test_gene(self, door, jobs):
        rows = door.gene("BRD4", "demo").to_pylist()
        found = {(row["dataset_id"], row["sample_id"]): row["value"] for row in rows}
        assert found == {
            ("GSE1", "S1"): 1.5,
            ("GSE1", "S2"): 2.25,
            ("GSE2", "S1"): 4.5,
            ("GSE2", "S2"): 2.25,
        }
        with pytest.raises(NotFound):
            door.gene("BRD4", "nope")

    def test_search(self, door, jobs):
        answer = door.search("demo", SearchRequest("GSE2"))
        assert [hit.dataset_id for hit in answer.hits] == ["GSE2"] and answer.total == 1
        everything = door.search("demo", SearchRequest("", limit=1, offset=1))
        assert (everything.total, len(everything.hits)) == (2, 1)
        with pytest.raises(NotFound):
            door.search("nope", SearchRequest("x"))

    @pytest.mark.parametrize("format", ["h5ad", "gct", "parquet", "csv"])
    def test_export(self, door, jobs, tmp_path, format):
        out = tmp_path / f"mine.{format}"
        assert door.export("demo", "GSE1", format, out) == out
        written = sorted(path.name for path in tmp_path.iterdir())
        beside = ["mine.features.csv", "mine.samples.csv"] if format == "csv" else []
        assert written == sorted([out.name, *beside])
        content = out.read_bytes()
        assert content
        if format in ("csv", "gct"):
            assert b"BRD4" in content and b"-3e-300" in content
        with pytest.raises(NotFound):
            door.export("demo", "nope", format, out)

    def test_curate(self, door):
        records = [{"id": "b", "title": "lung of a mouse with asthma"}, {"id": "a", "title": ""}]
        found = door.curate(records)
        assert [each["id"] for each in found] == ["b", "a"]
        labels = [term["label"] for term in found[0]["disease"]]
        assert "asthma" in labels
        assert found[1]["disease"] == []
        assert set(found[0]["is_control"]) == {"value", "confidence"}
        with pytest.raises(BadInput):
            door.curate([{"title": "no id"}])

    def test_again(self, door, jobs):
        for again in (door.recurate, door.reindex):
            done = door.wait([job.job_id for job in again("demo")])
            assert {job.status for job in done} == {JobStatus.SUCCEEDED}
            assert {job.dataset_id for job in done} == {"GSE1", "GSE2"}
            [one] = door.wait([job.job_id for job in again("demo", ["GSE1"])])
            assert (one.dataset_id, one.status) == ("GSE1", JobStatus.SUCCEEDED)
            with pytest.raises(NotFound):
                again("demo", ["none"])
        assert door.search("demo", SearchRequest("")).total == 2

    def test_delete(self, door, jobs):
        queued = door.delete("demo", ["GSE2"])
        assert [job.status for job in door.wait([job.job_id for job in queued])] == [
            JobStatus.DELETED
        ]
        with pytest.raises(NotFound):
            door.export("demo", "GSE2", "h5ad", Path("never.h5ad"))
        with pytest.raises(NotFound):
            door.delete("demo", ["GSE2"])
        assert next(info.datasets for info in door.atlases() if info.atlas == "demo") == 1
