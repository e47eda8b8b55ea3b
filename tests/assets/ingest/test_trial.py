"""A file that ends the process that reads it fails alone, on its second attempt at latest."""

from __future__ import annotations

import signal
import sys

import pytest

from polly_assets.ingest import trial
from polly_assets.ingest.formats.apart import pool as apart_pool
from polly_assets.ingest.formats.base import Source
from polly_resources.errors import BadInput
from polly_resources.records import JobStatus
from tests.assets.instance import BROKEN_GCT, gct

DIE = "import os, signal; os.kill(os.getpid(), signal.{})"


def dying(monkeypatch, name: str) -> None:
    monkeypatch.setattr(apart_pool, "COMMAND", (sys.executable, "-c", DIE.format(name)))


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("SIGSEGV", "reader_crashed"),
        ("SIGABRT", "reader_crashed"),
        ("SIGKILL", "reader_memory"),
        ("SIGPROF", "reader_timeout"),
    ],
)
def test_a_process_that_dies(write, monkeypatch, name, code):
    dying(monkeypatch, name)
    with pytest.raises(BadInput) as caught:
        trial.survive(Source(write("x.gct"), "x.gct"))
    assert (caught.value.code, caught.value.file) == (code, "x.gct")
    assert caught.value.hint and (code != "reader_crashed" or name in caught.value.message)


@pytest.mark.parametrize("content", [gct(), BROKEN_GCT, b"\x89HDF\r\n\x1a\n"])
def test_files_that_are_read_or_only_fail(write, content):
    beside = {"json": write("x.json", "{}")}
    trial.survive(Source(write("x.gct", content), "x.gct", beside))


def test_it_is_read_to_its_end(write, monkeypatch):
    monkeypatch.setattr(apart_pool, "SECONDS", 1e-3)
    with pytest.raises(BadInput) as caught:
        trial.survive(Source(write("x.gct", gct()), "x.gct"))
    assert caught.value.code == "reader_timeout"


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
