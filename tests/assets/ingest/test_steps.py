"""From a claimed job to stored rows: conflicts, failures, updates, deletions."""

from __future__ import annotations

import numpy as np
import pytest

from polly_assets.ingest import normalize, sink, steps
from polly_assets.ingest.formats import registry
from polly_assets.publish.load import load_dataset
from polly_assets.schema import ATLAS_TABLES
from polly_resources.errors import BadInput, Unavailable
from polly_resources.records import JobAction, JobFilter, JobRequest, JobStatus
from tests.assets.ingest import lines
from tests.assets.instance import BROKEN_GCT, Instance, gct

TABLES = [spec.name for spec in ATLAS_TABLES if spec.name != "raw_objects"]
S, E, D = JobStatus.SUCCEEDED, JobStatus.ERRORED, JobStatus.DELETED


@pytest.fixture(autouse=True)
def lines_format(monkeypatch):
    monkeypatch.setattr(registry, "READERS", (*registry.READERS, lines.ROW))


def ends(jobs):
    return {job.dataset_id: job.status for job in jobs}


def codes(jobs):
    return {job.dataset_id: job.error.code for job in jobs if job.error}


def titles(instance):
    return {row["dataset_id"]: row["version"] for row in instance.rows("datasets")}


def x(instance, dataset_id):
    return load_dataset(instance.tables, "demo", dataset_id).matrices["X"]


class TestDatasets:
    def test_a_file_of_several(self, instance, write):
        jobs = instance.ingest(write("f.lines", "d1 2x3 1\nd2 1x1 2\nd3"))
        assert ends(jobs) == {"d1": S, "d2": S, "d3": S}
        assert {job.source for job in jobs} == {"landing/demo/f.lines"}
        for table in TABLES:
            assert set(instance.ids(table)) <= {"d1", "d2", "d3"}
        assert instance.ids("datasets") == instance.found() == ["d1", "d2", "d3"]
        assert x(instance, "d1").tolist() == [[1.0] * 3] * 2
        assert load_dataset(instance.tables, "demo", "d3").matrices == {}
        (d3,) = instance.rows("datasets", dataset_id="d3")
        assert not d3["data_matrix_available"] and d3["data_table_name"] is None

    def test_a_matrix_that_breaks_while_it_is_stored_fails_its_file_alone(
        self, instance, write, monkeypatch
    ):
        rows = sink.matrix_rows

        def breaking(dataset_id, matrix, shard):
            yield from rows(dataset_id, matrix, shard)
            if dataset_id == "b":
                raise BadInput("damaged_chunk", "a chunk cannot be read")

        monkeypatch.setattr(sink, "matrix_rows", breaking)
        jobs = instance.ingest(write("a.gct", gct()), write("b.gct", gct()), write("c.gct", gct()))
        assert ends(jobs) == {"a": S, "b": E, "c": S}
        assert codes(jobs) == {"b": "damaged_chunk"}
        assert instance.everywhere() == {"a", "c"}

    @pytest.mark.parametrize("flush", [1, 10**9])
    @pytest.mark.parametrize(
        ("fault", "code"),
        [(BadInput("damaged_chunk", "gone"), "damaged_chunk"), (OSError("gone"), "internal_error")],
    )
    def test_one_of_several_breaks_while_it_is_stored(
        self, instance, write, monkeypatch, flush, fault, code
    ):
        instance.ingest(write("f.lines", "d1 70x3 1\nd2 70x3 1\nd3 70x3 1"))
        rows, version = sink.matrix_rows, instance.tables.version("demo/matrices")

        def breaking(dataset_id, matrix, shard):
            yield from rows(dataset_id, matrix, shard)
            if dataset_id == "d2":
                raise fault

        monkeypatch.setattr(sink, "matrix_rows", breaking)
        monkeypatch.setattr(sink, "FLUSH_BYTES", flush)
        jobs = instance.ingest(write("f.lines", "d1 1x3 2\nd2 1x3 2\nd3 1x3 2"))
        assert ends(jobs) == {"d1": S, "d2": E, "d3": S}
        assert codes(jobs) == {"d2": code}
        assert titles(instance) == {"d1": 2, "d2": 1, "d3": 2}
        assert x(instance, "d2").tolist() == [[1.0] * 3] * 70
        assert x(instance, "d3").tolist() == [[2.0] * 3]
        commits = instance.tables.version("demo/matrices") - version
        assert commits == (2 if flush == 1 else 1)

    def test_a_large_dataset_is_one_commit(self, instance, write, monkeypatch):
        monkeypatch.setattr(sink, "FLUSH_BYTES", 1)
        monkeypatch.setattr(normalize, "PIECE_BYTES", 1)
        instance.ingest(write("f.lines", "d1 200x3 1"))
        before = instance.tables.version("demo/matrices")
        instance.ingest(write("f.lines", "d1 300x3 2"))
        assert instance.tables.version("demo/matrices") == before + 1
        assert x(instance, "d1").tolist() == [[2.0] * 3] * 300

    def test_one_of_several_fails(self, instance, write):
        jobs = instance.ingest(write("f.lines", "d1 1x1 1\nd2 !\nd3 1x1 3"))
        assert ends(jobs) == {"d1": S, "d2": E, "d3": S}
        (bad,) = [job for job in jobs if job.error]
        assert (bad.error.code, bad.error.place) == ("odd_line", "line 2")
        assert instance.everywhere() == {"d1", "d3"}

    def test_a_file_that_breaks_off(self, instance, write):
        jobs = instance.ingest(write("f.lines", "d1 1x1 1\n!"))
        assert ends(jobs) == {"d1": S, "f.lines": E}
        assert codes(jobs) == {"f.lines": "odd_line"}

    @pytest.mark.parametrize(
        ("content", "code"),
        [("!", "odd_line"), ("?", "internal_error"), ("", "no_datasets"), ("f !", "odd_line")],
    )
    def test_a_file_that_gives_nothing(self, instance, write, content, code):
        (job,) = instance.ingest(write("f.lines", content))
        assert (job.status, job.error.code, job.error.file) == (E, code, "f.lines")
        assert job.attempt == 1 and instance.everywhere() == set()

    def test_a_broken_file_fails_alone(self, instance, write):
        write("f/good.gct"), write("f/bad.gct", BROKEN_GCT)
        jobs = instance.ingest(write("f/none.xyz", "?").parent)
        assert ends(jobs) == {"good": S, "bad": E, "none.xyz": E}
        assert codes(jobs)["none.xyz"] == "unknown_format"
        assert instance.everywhere() == {"good"}

    def test_a_store_that_is_away_fails_the_batch_not_the_file(self, instance, write):
        instance.submit(write("f.lines", "~"))
        work, _ = instance.claim()
        with pytest.raises(Unavailable):
            instance.normalize(work)
        assert [job.status for job in instance.held(work)] == [JobStatus.RUNNING]

    def test_without_samples_or_features(self, instance, write):
        jobs = instance.ingest(write("f.lines", "d1 0x2 1\nd2 2x0 1\nd3 0x0 1\nd4 1x1 4"))
        assert set(ends(jobs).values()) == {S}
        assert [x(instance, d).shape for d in ("d1", "d2", "d3")] == [(0, 2), (2, 0), (0, 0)]
        assert instance.ids("measurements") == ["d4"]

    def test_feature_ids_may_repeat(self, instance, write):
        (job,) = instance.ingest(write("a.csv", "gene,s1,s2\nTP53,1,2\nTP53,3,4\nother,5,6\n"))
        assert job.status == S
        loaded = load_dataset(instance.tables, "demo", "a")
        assert loaded.matrices["X"].tolist() == [[1, 2], [3, 4], [5, 6]]
        rows = [(r["feature_id"], r["value"]) for r in instance.rows("measurements", name="TP53")]
        assert sorted(rows) == [("TP53", 1), ("TP53", 2), ("TP53", 3), ("TP53", 4)]

    @pytest.mark.parametrize("flush", [1, 2000, 10**9])
    def test_flushes_join(self, instance, write, monkeypatch, flush):
        monkeypatch.setattr(sink, "FLUSH_BYTES", flush)
        write("f/a.lines", "a1 70x3 1\na2\na3 1x1 3")
        jobs = instance.ingest(write("f/b.lines", "b1 1x1 4\nb2 200x2 5").parent)
        assert set(ends(jobs).values()) == {S} and len(jobs) == 5
        assert x(instance, "b2").tolist() == [[5.0] * 2] * 200
        features = instance.tables.version("demo/features")
        assert features >= (4 if flush == 1 else 1)
        records = instance.tables.version("demo/normalized_datasets")
        assert records == (1 if flush == 10**9 else 2)  # each file at its end, or both
        assert instance.ids("datasets") == instance.found() == ["a1", "a2", "a3", "b1", "b2"]


class TestOwnership:
    def test_taken_by_another_file_of_the_batch(self, instance, write):
        write("f/a.gct"), write("f/sub/a.gct", gct([[9]]))
        jobs = instance.ingest(write("f/z.lines", "a 1x1 1\nz 1x1 1").parent)
        failed = [job for job in jobs if job.status == E]
        assert [job.error.code for job in failed] == ["dataset_id_taken"] * 2
        assert "comes from a.gct already" in failed[0].error.message
        assert x(instance, "a").shape == (3, 2)
        assert instance.ids("datasets") == ["a", "z"]

    def test_taken_by_a_file_that_landed_before(self, instance, write):
        instance.ingest(write("a.gct"))
        (job,) = instance.ingest(write("sub/a.gct", gct([[9]])))
        assert job.status == S  # under the same name: an update
        (job,) = instance.ingest(write("x.lines", "a 1x1 1"))
        assert (job.status, job.error.code) == (E, "dataset_id_taken")
        assert x(instance, "a").tolist() == [[9.0]]

    def test_a_file_that_is_gone_owns_nothing(self, instance, write):
        instance.ingest(write("a.gct"))
        instance.objects.delete("landing/demo/a.gct")
        (job,) = instance.ingest(write("x.lines", "a 1x1 1"))
        assert job.status == S and x(instance, "a").tolist() == [[1.0]]
        assert instance.ids("datasets") == ["a"]

    @pytest.mark.parametrize("order", [(0, 1), (1, 0)])
    def test_a_file_that_is_part_of_another_source_owns_nothing(self, instance, write, order):
        texts = {
            "GSE1_family.soft": "^SERIES = GSE1\n^SAMPLE = GSM1\n!Sample_platform_id = GPL1\n"
            "!Sample_title = one\n",
            "GSE1_series_matrix.txt": "!Series_geo_accession\tGSE1\n!Sample_geo_accession\tGSM1\n"
            "!Sample_platform_id\tGPL1\n!series_matrix_table_begin\nID_REF\tGSM1\na\t7\n"
            "!series_matrix_table_end\n",
        }
        names = [[*texts][i] for i in order]
        (first,) = instance.ingest(write(names[0], texts[names[0]]))
        (second,) = instance.ingest(write(names[1], texts[names[1]]))
        assert (first.status, second.status) == (S, S)
        assert x(instance, "GSE1_GPL1").tolist() == [[7.0]]
        assert titles(instance) == {"GSE1_GPL1": 2}
        (sample,) = instance.rows("samples")
        assert sample["title"] == "one"

    def test_twice_in_one_file(self, instance, write):
        jobs = instance.ingest(write("f.lines", "a 1x1 1\na 1x1 2"))
        assert instance.ids("datasets") == ["a"] and x(instance, "a").tolist() == [[1.0]]
        assert S in {job.status for job in jobs}


class TestUpdates:
    def test_new_rows_replace_the_old_everywhere(self, instance, write):
        instance.ingest(write("f.lines", "d1 70x3 1"))
        (job,) = instance.ingest(write("f.lines", "d1 2x1 2"))
        assert (job.status, job.samples, job.features) == (S, 1, 2)
        assert titles(instance) == {"d1": 2}
        assert [len(instance.rows(t)) for t in ("samples", "features", "measurements")] == [1, 2, 2]
        assert {row["value"] for row in instance.rows("measurements")} == {2.0}
        assert len(instance.rows("matrices")) == 1

    def test_a_matrix_that_goes(self, instance, write):
        instance.ingest(write("f.lines", "d1 2x1 1"))
        instance.ingest(write("f.lines", "d1"))
        assert instance.rows("matrices") == instance.rows("measurements") == []

    def test_a_dataset_that_goes(self, instance, write):
        instance.ingest(write("f.lines", "d1 1x1 1\nd2 1x1 1"), write("o.lines", "d3 1x1 1"))
        (job,) = instance.ingest(write("f.lines", "d2 1x1 2"))
        assert job.dataset_id == "d2" and job.status == S
        assert instance.everywhere() == {"d2", "d3"}

    @pytest.mark.parametrize("update", ["d1 1x1 2\nd2 !", "d1 1x1 2\n!", "d1 1x1 2\nd3 !"])
    def test_what_cannot_be_read_now_keeps_its_older_version(self, instance, write, update):
        instance.ingest(write("f.lines", "d1 1x1 1\nd2 1x1 1"))
        jobs = instance.ingest(write("f.lines", update))
        assert ends(jobs)["d1"] == S and len(jobs) == 2
        assert {job.status for job in jobs} == {S, E}
        assert titles(instance) == {"d1": 2, "d2": 1}
        assert x(instance, "d2").tolist() == [[1.0]]

    def test_a_wholly_unreadable_update_changes_nothing(self, instance, write):
        instance.ingest(write("f.lines", "d1 1x1 1"))
        before = instance.rows("datasets")
        (job,) = instance.ingest(write("f.lines", "!"))
        assert job.status == E and instance.rows("datasets") == before

    def test_the_same_content_is_the_same_version(self, instance, write):
        """A worker that dies after storing and before reporting has its work done again."""
        instance.submit(write("f.lines", "d1 1x1 1"))
        work, _ = instance.claim()
        instance.normalize(work)
        instance.ledger.requeue(batch_id=work.batch_id)
        (job,) = instance.drain()
        assert (job.status, job.attempt) == (S, 2)
        assert titles(instance) == {"d1": 1}

    def test_a_partial_failure_is_retried(self, instance, write):
        jobs = instance.ingest(write("f.lines", "d1 1x1 1\nd2 !"))
        bad = next(job for job in jobs if job.error)
        instance.ledger.requeue(job_ids=[bad.job_id], retry=True)
        again = instance.drain()
        assert ends(again)["d1"] == S and codes(again) == {"d2": "odd_line"}
        assert titles(instance) == {"d1": 1}


def delete(instance: Instance, *dataset_ids: str) -> None:
    rows = {row["dataset_id"]: row for row in instance.rows("datasets")}
    instance.ledger.submit(
        [
            JobRequest("demo", 0, JobAction.DELETE, rows[i]["key"], i, rows[i]["fingerprint"])
            for i in dataset_ids
        ]
    )


class TestDelete:
    def test_nothing_is_left(self, instance, write):
        instance.ingest(write("f.lines", "d1 70x2 1\nd2 1x1 2"), write("a.gct"))
        delete(instance, "d1", "a")
        assert ends(instance.drain()) == {"d1": D, "a": D}
        assert instance.everywhere() == {"d2"}
        assert len(instance.rows("raw_objects")) == 2  # the originals stay

    def test_a_deleted_dataset_comes_back_when_asked_for(self, instance, write):
        path = write("f.lines", "d1 1x1 1\nd2 1x1 2")
        instance.ingest(path)
        delete(instance, "d1")
        instance.drain()
        assert ends(instance.ingest(path)) == {"d1": S, "d2": S}
        assert instance.everywhere() == {"d1", "d2"}
        assert titles(instance) == {"d1": 1, "d2": 1}

    def test_absent_ones_are_no_error(self, instance):
        request = JobRequest("demo", 0, JobAction.DELETE, "landing/demo/a.gct", "a", "f")
        instance.ledger.submit([request])
        assert ends(instance.drain()) == {"a": D}


class TestJobs:
    def test_every_job_has_an_end(self, instance):
        """A job whose dataset is not there any more fails, and says so."""
        for action in (JobAction.RECURATE, JobAction.REINDEX):
            request = JobRequest("demo", 0, action, "landing/demo/a.gct", "gone", "f")
            instance.ledger.submit([request])
            (job,) = instance.drain()
            assert (job.status, job.error.code) == (E, "unknown_dataset")

    def test_recurate_and_reindex_leave_the_dataset_as_it_is(self, instance, write):
        instance.ingest(write("a.gct"))
        (before,) = instance.rows("datasets")
        for action in (JobAction.RECURATE, JobAction.REINDEX):
            request = JobRequest("demo", 0, action, before["key"], "a", before["fingerprint"])
            instance.ledger.submit([request])
            (job,) = instance.drain()
            assert job.status == S
            assert instance.rows("datasets") == [before] and instance.found() == ["a"]

    def test_reports(self, instance, write):
        write("f/a.gct"), write("f/b.gct", BROKEN_GCT)
        instance.submit(write("f/c.lines", "c1 1x4 1\nc2 !").parent)
        work, jobs = instance.claim()
        raw = steps.raw(work, jobs)
        assert (raw.jobs, raw.removed, raw.failed) == (3, 0, [])
        assert raw.bytes == sum(job.size for job in jobs)
        report = instance.normalize(work)
        assert (report.jobs, report.datasets, report.samples) == (3, 2, 6)
        assert sorted(report.failed) == ["b", "c2"]
        assert [job.dataset_id for job in instance.held(work)] == ["a", "c.lines"]

    def test_what_is_measured(self, instance, write):
        (job,) = instance.ingest(write("a.gct"))
        assert (job.format, job.samples, job.features) == ("gct", 2, 3)
        assert job.seconds > 0
        (row,) = instance.rows("raw_objects")
        assert (row["source"], row["fingerprint"]) == (job.source, job.fingerprint)
        assert instance.ledger.find(JobFilter(statuses=[JobStatus.RUNNING])) == []

    def test_matrices_are_exactly_those_read(self, instance, write):
        instance.ingest(write("a.gct", gct([[0.1, "1e-310"], ["", 3.0], [-0.0, 1e300]])))
        found = x(instance, "a")
        expected = np.array([[0.1, 1e-310], [np.nan, 3.0], [-0.0, 1e300]])
        assert found.tobytes() == expected.tobytes()
