"""From changes of the landing area to jobs and datasets: by events, by looks, in any order."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import pytest

from polly_assets import atlases, upkeep
from polly_assets.ingest.formats import registry
from polly_resources.errors import Unavailable
from polly_resources.events.base import EventKind, EventSource, ObjectEvent
from polly_resources.events.listing import ListingEvents
from polly_resources.records import JobAction, JobFilter, JobRequest, JobStatus
from tests.assets.ingest import lines
from tests.assets.instance import Instance, gct

CREATED, REMOVED = EventKind.CREATED, EventKind.REMOVED
JSON = '{"title": "%s"}'


class Waiting(EventSource):
    """Events that wait in memory: each list is what one call receives."""

    def __init__(self, *received: Sequence[ObjectEvent]) -> None:
        self.received, self.settled = list(received), []

    def about(self) -> str:
        return "waiting"

    def receive(self, limit: int = 1000) -> list[ObjectEvent]:
        return list(self.received.pop(0)) if self.received else []

    def settle(self, events: Sequence[ObjectEvent]) -> None:
        self.settled += events


class Landing:
    """The landing folder of an instance: files come and go, and events may tell of it."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.folder = instance.settings.home / "objects" / "landing"

    def drop(self, name: str, content: str = "", age: float = 60) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content or gct())
        then = datetime.now(UTC).timestamp() - age
        os.utime(path, (then, then))

    def remove(self, *names: str) -> None:
        for name in names:
            (self.folder / name).unlink()

    def told(self, kind: EventKind, *names: str) -> list:
        """The jobs that follow from one delivery of such events."""
        events = [ObjectEvent(kind, f"landing/{name}") for name in names]
        return self.follow(events)

    def follow(self, *received: Sequence[ObjectEvent]) -> list:
        one = self.instance
        source = Waiting(*received)
        jobs = upkeep.follow(source, one.ledger, one.objects, one.tables)
        assert source.settled == [event for events in received for event in events]
        return jobs

    def look(self) -> list:
        one = self.instance
        return upkeep.follow(ListingEvents(), one.ledger, one.objects, one.tables)

    def ingested(self, *names: str) -> None:
        """Files that landed and were ingested a while ago."""
        for number, name in enumerate(names):
            self.drop(name, "" if name.endswith(".gct") and number == 0 else gct([[number]]))
        self.look()
        assert {job.status for job in self.instance.drain()} <= {JobStatus.SUCCEEDED}


@pytest.fixture(autouse=True)
def lines_format(monkeypatch):
    monkeypatch.setattr(registry, "READERS", (*registry.READERS, lines.ROW))


@pytest.fixture
def landing(instance) -> Landing:
    return Landing(instance)


def asked(jobs) -> list[tuple[str, str]]:
    return [(job.action.value, job.dataset_id) for job in jobs]


def ends(jobs) -> dict[str, str]:
    return {job.dataset_id: job.status.value for job in jobs}


class TestCreated:
    def test_created_and_updated(self, instance, landing):
        landing.drop("demo/a.gct", age=0)  # an object is whole when its event comes
        assert asked(landing.told(CREATED, "demo/a.gct")) == [("ingest", "a")]
        instance.drain()
        landing.drop("demo/a.gct", gct([[5]]), age=0)
        landing.told(CREATED, "demo/a.gct")
        assert ends(instance.drain()) == {"a": "succeeded"}
        assert [row["version"] for row in instance.rows("datasets")] == [2]

    def test_only_what_the_event_is_about_is_taken_up(self, landing):
        for name in ("demo/a.gct", "demo/ab.gct", "demo/a/a.gct"):
            landing.drop(name)
        assert [j.source for j in landing.told(CREATED, "demo/a.gct")] == ["landing/demo/a.gct"]

    @pytest.mark.parametrize("name", ["a.json", "A.JSON", "a_samples.csv", "a.cls"])
    def test_a_sidecar_updates_its_matrix(self, instance, landing, name):
        landing.ingested("demo/a.gct")
        landing.drop(f"demo/{name}", JSON % "one")
        (job,) = landing.told(CREATED, f"demo/{name}")
        assert (job.source, job.status) == ("landing/demo/a.gct", JobStatus.QUEUED)

    def test_a_main_file_that_becomes_a_sidecar(self, instance, landing):
        landing.ingested("demo/a.csv")
        landing.drop("demo/a.gct")
        jobs = landing.told(CREATED, "demo/a.gct")
        assert asked(jobs) == [("delete", "a"), ("ingest", "a")]
        assert [j.source for j in jobs] == ["landing/demo/a.csv", "landing/demo/a.gct"]

    def test_doubled_and_late_events(self, instance, landing):
        landing.drop("demo/a.gct")
        assert len(landing.told(CREATED, "demo/a.gct")) == 1
        assert landing.told(CREATED, "demo/a.gct") == []
        instance.drain()
        assert landing.told(CREATED, "demo/a.gct") == []
        assert landing.told(REMOVED, "demo/a.gct") == []  # it is there
        assert instance.everywhere() == {"a"}

    def test_new_folders_become_atlases_where_they_can(self, instance, landing):
        landing.drop("fresh/a.gct")
        landing.drop("No Atlas/b.gct")
        landing.drop("loose.gct")
        names = ["fresh/a.gct", "No Atlas/b.gct", "loose.gct", "empty/x.gct", "demo/.hidden"]
        jobs = landing.follow(
            [ObjectEvent(CREATED, f"landing/{name}") for name in names]
            + [ObjectEvent(CREATED, "elsewhere/demo/a.gct")]
        )
        assert [job.source for job in jobs] == ["landing/fresh/a.gct"]
        assert [a.name for a in atlases.listed(instance.tables)] == ["demo", "fresh"]

    @pytest.mark.parametrize("name", ["demo//a.gct", "demo/../a.gct", "../x/a.gct", "demo/a\0"])
    def test_keys_that_the_store_cannot_have(self, landing, name):
        landing.drop("demo/b.gct")
        jobs = landing.told(CREATED, name, "demo/b.gct")
        assert [job.source for job in jobs] == ["landing/demo/b.gct"]


class TestRemoved:
    def test_the_datasets_of_a_removed_file_go(self, instance, landing):
        landing.drop("demo/f.lines", "d1 1x1 1\nd2 1x1 2")
        landing.ingested("demo/a.gct")
        landing.remove("demo/f.lines")
        jobs = landing.told(REMOVED, "demo/f.lines")
        assert asked(jobs) == [("delete", "d1"), ("delete", "d2")]
        assert landing.told(REMOVED, "demo/f.lines") == jobs  # doubled
        assert ends(instance.drain()) == {"d1": "deleted", "d2": "deleted"}
        assert instance.everywhere() == {"a"}
        assert landing.told(REMOVED, "demo/f.lines") == landing.look() == []

    def test_a_created_event_of_what_is_gone_is_a_removal(self, instance, landing):
        landing.ingested("demo/a.gct", "demo/b.gct")
        landing.remove("demo/a.gct")
        assert asked(landing.told(CREATED, "demo/a.gct")) == [("delete", "a")]

    def test_a_sidecar_that_goes_updates_its_matrix(self, instance, landing):
        landing.drop("demo/a.json", JSON % "one")
        landing.ingested("demo/a.gct")
        assert [row["title"] for row in instance.rows("datasets")] == ["one"]
        landing.remove("demo/a.json")
        assert asked(landing.told(REMOVED, "demo/a.json")) == [("ingest", "a")]
        assert ends(instance.drain()) == {"a": "succeeded"}
        assert [row["title"] for row in instance.rows("datasets")] != ["one"]

    def test_a_file_and_its_sidecar_go_together(self, instance, landing):
        landing.drop("demo/a.json", JSON % "one")
        landing.ingested("demo/a.gct")
        landing.remove("demo/a.gct", "demo/a.json")
        jobs = landing.told(REMOVED, "demo/a.json", "demo/a.gct")
        assert asked(jobs) == [("delete", "a")]

    def test_what_was_never_ingested(self, instance, landing):
        assert landing.told(REMOVED, "demo/a.gct", "none/b.gct", "demo/README.md") == []

    def test_of_a_file_whose_last_version_failed(self, instance, landing):
        landing.ingested("demo/a.gct")
        landing.drop("demo/a.gct", "#1.2\nbroken")
        landing.told(CREATED, "demo/a.gct")
        assert ends(instance.drain()) == {"a": "errored"}
        landing.remove("demo/a.gct")
        landing.told(REMOVED, "demo/a.gct")
        instance.drain()
        assert instance.everywhere() == set()

    def test_all_by_events_is_on_purpose(self, instance, landing):
        landing.ingested("demo/a.gct", "demo/b.gct")
        landing.remove("demo/a.gct", "demo/b.gct")
        assert len(landing.told(REMOVED, "demo/a.gct", "demo/b.gct")) == 2

    def test_while_its_ingest_is_queued(self, instance, landing):
        landing.drop("demo/a.gct")
        landing.told(CREATED, "demo/a.gct")
        landing.remove("demo/a.gct")
        assert asked(landing.told(REMOVED, "demo/a.gct")) == [("delete", "a")]
        jobs = instance.drain()
        assert sorted(job.status.value for job in jobs) == ["deleted", "errored"]
        assert next(j.error.code for j in jobs if j.error) == "source_vanished"
        assert instance.everywhere() == set()

    def test_while_its_ingest_runs(self, instance, landing):
        landing.drop("demo/a.gct")
        landing.told(CREATED, "demo/a.gct")
        work, _ = instance.claim()
        instance.normalize(work)
        landing.remove("demo/a.gct")
        landing.told(REMOVED, "demo/a.gct")
        assert instance.claim()[1] == []  # its source is busy
        instance.publish(work)
        assert instance.everywhere() == {"a"}
        assert ends(instance.drain()) == {"a": "deleted"}
        assert instance.everywhere() == set()


class TestBack:
    """A removed file that comes back is ingested; a deleted dataset's file is not."""

    @pytest.mark.parametrize("how", ["events", "looks"])
    def test_the_very_same_file_comes_back(self, instance, landing, tmp_path, how):
        landing.ingested("demo/a.gct", "demo/b.gct")
        tell: dict[str, Callable] = {
            "events": lambda kind: landing.told(kind, "demo/a.gct"),
            "looks": lambda kind: landing.look(),
        }
        away = tmp_path / "away.gct"
        (landing.folder / "demo/a.gct").rename(away)  # size, time and inode stay
        assert asked(tell[how](REMOVED)) == [("delete", "a")]
        instance.drain()
        assert instance.everywhere() == {"b"}
        away.rename(landing.folder / "demo/a.gct")
        assert asked(tell[how](CREATED)) == [("ingest", "a")]
        assert ends(instance.drain()) == {"a": "succeeded"}
        assert instance.everywhere() == {"a", "b"} and tell[how](CREATED) == []

    def test_before_its_deletion_is_carried_out(self, instance, landing, tmp_path):
        landing.ingested("demo/a.gct")
        away = tmp_path / "away.gct"
        (landing.folder / "demo/a.gct").rename(away)
        landing.told(REMOVED, "demo/a.gct")
        away.rename(landing.folder / "demo/a.gct")
        (job,) = instance.drain()  # the event of its return is late
        assert (job.status, job.warnings[0].code) == (JobStatus.DELETED, "file_is_back")
        assert instance.everywhere() == {"a"}
        assert asked(landing.told(CREATED, "demo/a.gct")) == [("ingest", "a")]
        instance.drain()
        assert instance.everywhere() == {"a"} and landing.look() == []

    def test_a_deleted_dataset_stays_deleted_until_its_file_lands_again(self, instance, landing):
        landing.ingested("demo/a.gct")
        (row,) = instance.rows("datasets")
        delete = JobRequest("demo", 0, JobAction.DELETE, row["key"], "a", row["fingerprint"])
        instance.ledger.submit([delete])
        instance.drain()
        assert landing.told(CREATED, "demo/a.gct") == landing.look() == []
        assert instance.everywhere() == set()
        landing.drop("demo/a.gct", age=-0.5)
        assert landing.told(CREATED, "demo/a.gct")


class TestMoved:
    """A renamed file whose dataset's id is in the file: the dataset goes and comes, or stays."""

    def moved(self, landing) -> None:
        landing.drop("demo/f.lines", "d 1x1 1")
        landing.ingested("demo/z.gct")
        (landing.folder / "demo/f.lines").rename(landing.folder / "demo/g.lines")

    def whole(self, instance, landing) -> None:
        instance.drain()
        assert instance.everywhere() == {"d", "z"}
        assert {r["key"] for r in instance.rows("datasets", dataset_id="d")} == {
            "landing/demo/g.lines"
        }
        assert landing.look() == []

    @pytest.mark.parametrize("drained", [True, False])
    @pytest.mark.parametrize(
        "order",
        list(itertools.permutations([(REMOVED, "demo/f.lines"), (CREATED, "demo/g.lines")])),
    )
    def test_by_events_in_any_order(self, instance, landing, order, drained):
        self.moved(landing)
        for kind, name in order:
            landing.told(kind, name)
            if drained:
                instance.drain()
        self.whole(instance, landing)

    def test_by_a_look(self, instance, landing):
        self.moved(landing)
        assert asked(landing.look()) == [("delete", "d"), ("ingest", "g.lines")]
        self.whole(instance, landing)


class TestLooks:
    def test_a_removed_file_takes_its_datasets_along(self, instance, landing):
        landing.ingested("demo/a.gct", "demo/b.gct")
        landing.remove("demo/b.gct")
        assert asked(landing.look()) == [("delete", "b")]
        assert landing.look() == []
        instance.drain()
        assert instance.everywhere() == {"a"} and landing.look() == []
        landing.remove("demo/a.gct")  # one alone is no unmounted folder
        assert asked(landing.look()) == [("delete", "a")]

    def test_an_unmounted_folder_empties_nothing(self, instance, landing, caplog):
        landing.ingested("demo/a.gct", "demo/b.gct")
        (landing.folder / "demo").rename(landing.folder.parent / "away")
        for _ in range(2):
            assert landing.look() == []
        assert "polly delete" in caplog.text
        (landing.folder.parent / "away").rename(landing.folder / "demo")
        assert landing.look() == [] and instance.everywhere() == {"a", "b"}

    def test_reconciliation_finds_what_events_missed(self, instance, landing):
        landing.ingested("demo/a.gct", "demo/b.gct")
        landing.remove("demo/b.gct")
        landing.drop("demo/c.gct", gct([[9]]))
        done = upkeep.reconcile(instance.ledger, instance.objects, instance.tables)
        assert (done.queued, done.removed) == (1, 1)
        instance.drain()
        assert instance.everywhere() == {"a", "c"}
        done = upkeep.reconcile(instance.ledger, instance.objects, instance.tables)
        assert (done.queued, done.removed) == (0, 0)

    def test_a_dataset_that_came_while_its_file_went(self, instance, landing):
        landing.drop("demo/f.lines", "d1 1x1 1\nd2 1x1 2")
        landing.ingested("demo/a.gct")
        landing.drop("demo/f.lines", "d1 1x1 1\nd2 1x1 2\nd3 1x1 3")
        landing.look()
        work, _ = instance.claim()
        instance.normalize(work)
        landing.remove("demo/f.lines")
        assert landing.look() == []  # a job is at it
        instance.publish(work)
        landing.look()
        instance.drain()
        assert instance.everywhere() == {"a"}


class TestFollow:
    def test_until_there_are_no_more(self, instance, landing):
        for name in ("a", "b"):
            landing.drop(f"demo/{name}.gct", gct([[ord(name)]]))
        jobs = landing.follow(
            [ObjectEvent(CREATED, "landing/demo/a.gct")],
            [ObjectEvent(CREATED, "landing/demo/b.gct")],
        )
        assert asked(jobs) == [("ingest", "a"), ("ingest", "b")]

    def test_for_a_while(self, instance, landing, monkeypatch):
        monkeypatch.setattr(upkeep, "FOLLOW_SECONDS", -1.0)
        source = Waiting([ObjectEvent(CREATED, "landing/x/a")], [ObjectEvent(CREATED, "b")])
        upkeep.follow(source, instance.ledger, instance.objects, instance.tables)
        assert len(source.received) == 1

    def test_what_fails_is_not_settled(self, instance, landing, monkeypatch):
        landing.drop("demo/a.gct")

        def away(requests):
            raise Unavailable("ledger_unavailable", "away")

        source = Waiting([ObjectEvent(CREATED, "landing/demo/a.gct")])
        with monkeypatch.context() as patch:
            patch.setattr(instance.ledger, "submit", away)
            with pytest.raises(Unavailable):
                upkeep.follow(source, instance.ledger, instance.objects, instance.tables)
        assert source.settled == []
        assert len(instance.ledger.find(JobFilter())) == 0
