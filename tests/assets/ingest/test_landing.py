"""What lands, what belongs together, and what counts as a change."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from polly_assets.ingest import landing
from polly_assets.ingest.given import collect
from polly_resources.errors import BadInput, Conflict, NotFound
from polly_resources.records import JobAction, JobRequest, JobStatus
from tests.assets.instance import gct

JSON = '{"title": "one"}'


def missed(instance, **changes):
    later = datetime.now(UTC) + timedelta(minutes=5)
    return landing.missed(
        instance.objects, instance.ledger, instance.atlas, **({"now": later} | changes)
    )


def landed_path(instance, name):
    return instance.settings.home / "objects" / "landing" / "demo" / name


class TestCollect:
    def test_files_keep_their_names_and_folders_their_paths(self, write):
        one, two = write("a.gct"), write("folder/sub/b.gct")
        assert collect([one, two.parents[1]]) == {"a.gct": one, "sub/b.gct": two}

    def test_one_name_from_two_folders(self, write):
        with pytest.raises(Conflict) as caught:
            collect([write("x/a.gct"), write("y/a.gct", "other")])
        assert caught.value.code == "same_name" and "parent folder" in caught.value.hint

    @pytest.mark.parametrize("folder_first", [True, False])
    def test_a_file_given_twice_lands_once(self, write, folder_first):
        file = write("folder/sub/a.gct")
        paths = [file.parents[1], file, file.parent / ".." / "sub" / "a.gct"]
        found = collect(paths if folder_first else paths[::-1])
        assert list(found) == ["sub/a.gct"]

    def test_links_are_files_of_their_own(self, write):
        file = write("folder/a.gct")
        (file.parent / "b.gct").symlink_to(file)
        assert set(collect([file.parent])) == {"a.gct", "b.gct"}

    def test_what_does_not_exist(self, tmp_path):
        with pytest.raises(NotFound) as caught:
            collect([tmp_path / "none"])
        assert caught.value.code == "no_such_file" and caught.value.file


class TestLand:
    def test_a_request_per_source(self, instance, write):
        write("f/a.gct"), write("f/a.json", JSON), write("f/deep/b.gct", gct([[1]]))
        folder = write("f/README.md", "words").parent
        a, b = instance.requests(folder)
        assert (a.source, a.dataset_id, a.atlas) == ("landing/demo/a.gct", "a", "demo")
        assert (b.source, b.dataset_id) == ("landing/demo/deep/b.gct", "b")
        assert a.size == len(gct()) + len(JSON) and a.action == JobAction.INGEST
        keys = [info.key for info in instance.objects.list("")]
        assert keys == [
            "landing/demo/a.gct",
            "landing/demo/a.json",
            "landing/demo/deep/b.gct",
        ]

    @pytest.mark.parametrize(
        "name", ["a b.gct", "数据1.gct", "aé.gct", "a'b\"c.gct", "%41+&=.gct", "d/a,b;c.GCT"]
    )
    def test_odd_names(self, instance, write, name):
        (job,) = instance.ingest(write(name).parent)
        assert job.status == JobStatus.SUCCEEDED
        assert job.source == f"landing/demo/{name.rpartition('/')[2]}"
        assert instance.everywhere() == {job.dataset_id}

    def test_a_name_that_gives_no_id_fails_alone_unless_a_sidecar_has_one(self, instance, write):
        write("f/é.gct"), write("f/b.gct"), write("f/数据.gct", gct([[1]]))
        folder = write("f/数据.json", '{"dataset_id": "data"}').parent
        bad, named, good = sorted(instance.ingest(folder), key=lambda job: job.dataset_id)[::-1]
        assert (bad.dataset_id, bad.error.code) == ("é.gct", "unusable_name")
        assert {named.dataset_id, good.dataset_id} == instance.everywhere() == {"b", "data"}

    def test_nothing_to_ingest(self, instance, write):
        with pytest.raises(BadInput) as caught:
            instance.requests(write("README.md"), write(".hidden.gct"))
        assert caught.value.code == "nothing_to_ingest"

    def test_an_unreadable_file(self, tmp_path):
        with pytest.raises(BadInput) as caught:
            landing.sha256(tmp_path)
        assert caught.value.code == "unreadable_file"

    def test_the_same_bytes_are_not_copied_again(self, instance, write):
        path = write("a.gct")
        (before,) = instance.requests(path)
        path.touch()
        assert instance.requests(path) == [before]

    def test_same_size_other_bytes(self, instance, write):
        (one,) = instance.requests(write("a.gct", b"11"))
        (two,) = instance.requests(write("a.gct", b"22"))
        assert one.fingerprint != two.fingerprint and one.etag != two.etag


class TestChange:
    def test_the_same_bytes_again_are_unchanged(self, instance, write):
        path = write("a.gct")
        instance.ingest(path)
        (again,) = instance.submit(path)
        assert again.status == JobStatus.UNCHANGED
        assert instance.drain() == []

    def test_another_sidecar_is_an_update(self, instance, write):
        path = write("a.gct")
        write("a.json", JSON)
        instance.ingest(path.parent)
        write("a.json", JSON.replace("one", "two"))
        (job,) = instance.ingest(path.parent)
        assert job.status == JobStatus.SUCCEEDED
        assert [row["title"] for row in instance.rows("datasets")] == ["two"]
        assert [row["version"] for row in instance.rows("datasets")] == [2]

    def test_a_sidecar_given_alone_describes_what_landed_before(self, instance, write):
        instance.ingest(write("a.gct"))
        (job,) = instance.ingest(write("a.json", JSON))
        assert (job.status, job.source) == (JobStatus.SUCCEEDED, "landing/demo/a.gct")
        assert [row["title"] for row in instance.rows("datasets")] == ["one"]

    def test_a_matrix_given_alone_keeps_its_sidecar(self, instance, write):
        path = write("a.gct")
        write("a.json", JSON)
        instance.ingest(path.parent)
        (unchanged,) = instance.submit(path)
        assert unchanged.status == JobStatus.UNCHANGED
        (job,) = instance.ingest(write("a.gct", gct([[8]])))
        assert (job.status, job.samples) == (JobStatus.SUCCEEDED, 1)
        assert [row["title"] for row in instance.rows("datasets")] == ["one"]

    def test_a_renamed_file_is_another_dataset(self, instance, write):
        instance.ingest(write("a.gct"))
        (job,) = instance.ingest(write("b.gct"))
        assert job.status == JobStatus.SUCCEEDED
        assert instance.everywhere() == {"a", "b"}

    def test_a_vanished_file(self, instance, write):
        instance.submit(write("a.gct"))
        instance.objects.delete("landing/demo/a.gct")
        (job,) = instance.drain()
        assert (job.status, job.error.code) == (JobStatus.ERRORED, "source_vanished")
        assert job.error.file == "a.gct"

    def test_changed_after_queueing(self, instance, write):
        instance.submit(write("a.gct"))
        landed_path(instance, "a.gct").write_text(gct([[5]]))
        (job,) = instance.drain()
        assert (job.status, job.error.code) == (JobStatus.ERRORED, "changed_since_queued")
        (request,) = missed(instance)
        instance.ledger.submit([request])
        (job,) = instance.drain()
        assert (job.status, job.samples) == (JobStatus.SUCCEEDED, 1)

    def test_touched_after_queueing_is_no_change(self, instance, write):
        instance.submit(write("a.gct"))
        os.utime(landed_path(instance, "a.gct"), (1, 1))
        (job,) = instance.drain()
        assert job.status == JobStatus.SUCCEEDED

    def test_replaced_while_queued_is_one_job(self, instance, write):
        (first,) = instance.submit(write("a.gct"))
        (second,) = instance.submit(write("a.gct", gct([[5]])))
        assert first.job_id == second.job_id
        (job,) = instance.drain()
        assert (job.status, job.samples) == (JobStatus.SUCCEEDED, 1)

    def test_replaced_while_running_is_a_further_job(self, instance, write):
        instance.submit(write("a.gct"))
        work, _ = instance.claim()
        instance.normalize(work)
        (second,) = instance.submit(write("a.gct", gct([[5]])))
        assert instance.claim()[1] == []  # its source is busy
        instance.publish(work)
        (done,) = instance.drain()
        assert (done.job_id, done.samples) == (second.job_id, 1)
        assert [row["version"] for row in instance.rows("datasets")] == [2]


class TestMissed:
    def test_taken_up_once(self, instance, write):
        write("f/a.gct")
        folder = write("f/a.json", JSON).parent
        requests = instance.requests(folder)
        assert missed(instance) == requests
        instance.ledger.submit(requests)
        assert missed(instance) == []
        instance.drain()
        assert missed(instance) == []

    def test_a_file_still_being_written(self, instance, write):
        instance.requests(write("a.gct"))
        assert missed(instance, now=None) == []
        assert len(missed(instance)) == 1

    def test_a_clock_that_runs_ahead_holds_nothing_up(self, instance, write):
        instance.requests(write("a.gct"))
        os.utime(landed_path(instance, "a.gct"), (4e9, 4e9))
        assert len(missed(instance)) == 1

    def test_a_sidecar_still_being_written_holds_its_matrix_back(self, instance, write):
        instance.requests(write("a.gct"))
        os.utime(landed_path(instance, "a.gct"), (1, 1))
        instance.requests(write("a.json", JSON))
        assert missed(instance, now=None) == []

    def test_touched_is_looked_at_once_more_and_unchanged(self, instance, write):
        instance.ingest(write("a.gct"))
        os.utime(landed_path(instance, "a.gct"), (1, 1))
        (job,) = instance.ledger.submit(missed(instance))
        assert job.status == JobStatus.UNCHANGED
        assert missed(instance) == []

    def test_a_failed_file_is_not_tried_again_until_it_changes(self, instance, write):
        (job,) = instance.ingest(write("a.gct", "#1.2\nnothing"))
        assert job.status == JobStatus.ERRORED and missed(instance) == []
        landed_path(instance, "a.gct").write_text(gct())
        assert len(missed(instance)) == 1

    def test_a_deleted_dataset_stays_deleted(self, instance, write):
        (job,) = instance.ingest(write("a.gct"))
        delete = JobRequest(
            "demo", 0, JobAction.DELETE, job.source, "a", job.fingerprint, priority=job.priority
        )
        instance.ledger.submit([delete])
        assert missed(instance) == []
        instance.drain()
        assert instance.everywhere() == set() and missed(instance) == []
        (again,) = instance.ingest(write("a.gct"))
        assert again.status == JobStatus.SUCCEEDED

    def test_a_file_that_goes_while_it_is_read(self, instance, write, monkeypatch):
        instance.requests(write("a.gct"), write("b.gct"))
        listed = list(instance.objects.list("landing/demo/"))
        ghost = replace(listed[0], key="landing/demo/0.gct", etag="0-0-0")
        monkeypatch.setattr(instance.objects, "list", lambda prefix: iter([ghost, *listed]))
        assert [request.dataset_id for request in missed(instance)] == ["a", "b"]
