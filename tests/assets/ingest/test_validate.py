"""Validation says what ingest would say, and stores nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from polly_assets.ingest.validate import Severity, validate
from polly_resources.errors import BadInput, NotFound
from polly_resources.records import JobStatus
from tests.assets.ingest.archives import tar_gz, zipped
from tests.assets.instance import BROKEN_GCT, gct

SOFT = (
    "^SERIES = GSE1\n!Series_title = t\n^PLATFORM = GPL1\n^SAMPLE = GSM1\n"
    "!Sample_platform_id = GPL1\n!sample_table_begin\nID_REF\tVALUE\na\tx\n!sample_table_end\n"
    "^PLATFORM = GPL2\n^SAMPLE = GSM2\n!Sample_platform_id = GPL2\n"
)


def findings(*paths, **more):
    return validate(list(paths), workers=2, **more)


@pytest.fixture
def folder(write):
    write("f/good.gct"), write("f/good.json", '{"title": "t"}'), write("f/README.md", "words")
    write("f/bad.gct", BROKEN_GCT)
    write("f/odd.gct", gct([[1], [2]]).replace("MYC", "TP53"))
    return write("f/lone.json", "{}").parent


def test_one_finding_of_each_kind(folder):
    found = {(each.file, str(each.severity)): each for each in findings(folder)}
    assert set(found) == {
        ("bad.gct", "error"),
        ("good.gct", "ok"),
        ("lone.json", "error"),
        ("odd.gct", "ok"),
        ("odd.gct", "warning"),
        ("README.md", "skipped"),
    }
    bad, good = found["bad.gct", "error"], found["good.gct", "ok"]
    assert (bad.code, bad.place) == ("not_a_number", "line 4, column 4") and bad.hint
    assert (good.dataset_id, good.format, good.samples, good.features) == ("good", "gct", 2, 3)
    assert good.beside == ("good.json",)
    assert found["odd.gct", "warning"].code == "duplicate_feature_ids"


def test_the_same_as_ingest(folder, write, instance):
    write("f/x.zip", zipped({"a.gct": gct().encode(), "b.gct": BROKEN_GCT.encode()}))
    write("f/bomb.tgz", tar_gz({"../a.gct": b""}))
    jobs = instance.ingest(folder)
    ingested = {(j.source.removeprefix("landing/demo/"), j.error.code) for j in jobs if j.error}
    said = findings(folder)
    errors = {(each.file, each.code) for each in said if each.severity is Severity.ERROR}
    assert errors == ingested and len(errors) == 4
    read = {each.dataset_id for each in said if each.severity is Severity.OK}
    assert read == {job.dataset_id for job in jobs if job.status == JobStatus.SUCCEEDED}
    warned = {(each.dataset_id, each.code) for each in said if each.severity == "warning"}
    assert warned == {(job.dataset_id, each.code) for job in jobs for each in job.warnings}


def test_nothing_is_stored(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    before = sorted(tmp_path.rglob("*"))
    findings(folder)
    assert sorted(tmp_path.rglob("*")) == before


def test_an_id_that_two_files_claim(write):
    repeats = gct([[1], [2]]).replace("MYC", "TP53")
    write("f/a/x.gct"), write("f/b/x.gct", repeats), write("f/b/x.json", "{}")
    *others, last = findings(write("f/c.gct").parent)
    assert (last.code, last.file, last.dataset_id) == ("dataset_id_taken", "b/x.gct", "x")
    assert last.beside == ("b/x.json",)
    assert [(each.file, each.code) for each in others] == [
        ("a/x.gct", "readable"),
        ("c.gct", "readable"),
    ]


def test_names_that_cannot_be_written_are_spelled_out(write):
    folder = write("f/good.gct").parent
    odd = os.fsencode(folder) + b"/o\xe9\n.gct"
    Path(os.fsdecode(odd)).write_text(gct())
    (folder / "link.gct").symlink_to(os.fsdecode(b"to\xff"))
    unsafe, broken = [each for each in findings(folder) if each.severity is Severity.ERROR][::-1]
    assert (unsafe.code, unsafe.file) == ("unsafe_name", "o\\xe9\\n.gct")
    assert broken.message.startswith("a link to 'to\\xff', which")


def test_part_of_a_file_that_cannot_be_read(write):
    found = findings(write("GSE1_family.soft", SOFT))
    said = {(each.dataset_id, str(each.severity)) for each in found}
    assert said >= {("GSE1_GPL1", "error"), ("GSE1_GPL2", "ok")}
    assert {each.file for each in found} == {"GSE1_family.soft"}


@pytest.mark.parametrize("by_manifest", [False, True])
def test_a_fault_of_a_sidecar_is_told_by_its_path(write, instance, by_manifest):
    folder = write("f/x/a.gct").parents[1]
    if by_manifest:
        write("f/manifest.csv", "file,samples\nx/a.gct,t.csv\n")
    write("f/t.csv" if by_manifest else "f/x/a_samples.csv", "sample_id,age\nS1\n")
    name = "x/a_samples.csv"
    (error,) = [each for each in findings(folder) if each.severity is Severity.ERROR]
    assert (error.file, error.code) == (name, "ragged_row")
    (job,) = instance.ingest(folder)
    assert job.error.file == name


def test_progress(folder):
    seen = []
    findings(folder, on_file=lambda name, total: seen.append((name, total)))
    assert seen == [(name, 4) for name in ("bad.gct", "good.gct", "lone.json", "odd.gct")]


def test_no_data_and_no_file(write, tmp_path):
    with pytest.raises(BadInput) as caught:
        findings(write("f/README", "words").parent)
    assert caught.value.code == "nothing_to_validate"
    with pytest.raises(NotFound):
        findings(tmp_path / "none")


def test_a_defect_of_a_reader_is_an_error_of_its_file(write, monkeypatch):
    from polly_assets.ingest.formats.gct import GctReader

    def defect(self, source):
        if source.name == "a.gct":
            raise ZeroDivisionError("oh")
        return original(self, source)

    original = GctReader.read
    monkeypatch.setattr(GctReader, "read", defect)
    write("f/a.gct")
    bad, good = findings(write("f/b.gct").parent)
    assert (bad.code, good.severity) == ("internal_error", Severity.OK)
    assert (bad.file, bad.dataset_id) == ("a.gct", "")


def test_real_files(real_data):
    """Of the GCT folder: five matrices, of which one states wrong dimensions, one has labels."""
    found = findings(real_data / "formats" / "gct")
    errors = {each.file: each.code for each in found if each.severity is Severity.ERROR}
    assert errors.keys() == {"modzs_n25x50.gct"}
    beside = {each.file: each.beside for each in found if each.severity == "ok"}
    assert beside["Leukemia_hgu95av2.gct.gz"] == ("Leukemia.cls",)
    shapes = {each.file: (each.samples, each.features) for each in found if each.severity == "ok"}
    assert shapes["Leukemia_hgu95av2.gct.gz"] == (48, 12564)
    assert shapes["test_l1000.gct"] == (377, 978)
