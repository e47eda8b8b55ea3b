"""A file that ends the process that reads it fails by itself, on its second attempt."""

from __future__ import annotations

import signal
import sys

import pytest

from polly_assets.ingest import trial
from polly_assets.ingest.formats.base import Source
from polly_resources.errors import BadInput
from polly_resources.records import JobStatus
from tests.assets.instance import BROKEN_GCT

DIE = "import os, signal; os.kill(os.getpid(), signal.{})"


def dying(monkeypatch, name: str) -> None:
    monkeypatch.setattr(trial, "COMMAND", (sys.executable, "-c", DIE.format(name)))


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGKILL", "SIGABRT"])
def test_a_process_that_dies(write, monkeypatch, name):
    dying(monkeypatch, name)
    with pytest.raises(BadInput) as caught:
        trial.survive(Source(write("x.gct"), "x.gct"))
    assert (caught.value.code, caught.value.file) == ("reader_crashed", "x.gct")
    assert name in caught.value.message


@pytest.mark.parametrize("content", [None, BROKEN_GCT, b"\x89HDF\r\n\x1a\n"])
def test_files_that_only_fail_or_not_even_that(write, content):
    beside = {"json": write("x.json", "{}")}
    trial.survive(Source(write("x.gct", content), "x.gct", beside))


def test_what_a_trial_reads(write, monkeypatch):
    seen = []
    monkeypatch.setattr(trial, "datasets", lambda source: seen.append(source) or [])
    trial.main(["n.gct", str(write("n.gct")), "json", "/a.json", "csv", "/b.csv"])
    assert seen[0].name == "n.gct" and set(seen[0].sidecars) == {"json", "csv"}


def test_only_second_attempts_are_tried(instance, write, monkeypatch):
    dying(monkeypatch, "SIGSEGV")
    (first,) = instance.ingest(write("a.gct"))
    instance.submit(write("b.gct"))
    work, _ = instance.claim()
    instance.ledger.requeue(batch_id=work.batch_id)
    (second,) = instance.drain()
    assert first.status == JobStatus.SUCCEEDED
    assert (second.status, second.error.code) == (JobStatus.ERRORED, "reader_crashed")
    assert signal.Signals.SIGSEGV.name in second.error.message
