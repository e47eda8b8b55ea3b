"""A manifest says which files are which dataset; its faults are told at the row."""

from __future__ import annotations

import json

import pytest

from polly_assets.ingest.bundles import unbundled
from polly_assets.ingest.validate import Severity, validate
from polly_resources.errors import BadInput
from polly_resources.records import JobStatus
from tests.assets.ingest.archives import zipped
from tests.assets.instance import gct

TABLE = "sample_id,tissue\nS1,liver\nS2,lung\n"
MANIFEST = "file,dataset_id,samples,title\nraw/a.gct,ONE,clinical.csv,First\nb.gct,,,Second\n"


@pytest.fixture
def folder(write):
    write("f/raw/a.gct"), write("f/b.gct"), write("f/clinical.csv", TABLE)
    return write("f/manifest.csv", MANIFEST).parent


def names(folder):
    return {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}


def test_ids_tables_and_metadata(instance, folder):
    jobs = instance.ingest(folder)
    assert [job.status for job in jobs] == [JobStatus.SUCCEEDED] * 2
    one, two = sorted(instance.rows("normalized_datasets"), key=lambda row: row["dataset_id"])
    assert (one["dataset_id"], json.loads(one["metadata"])) == ("ONE", {"title": "First"})
    assert (two["dataset_id"], json.loads(two["metadata"])) == ("b", {"title": "Second"})
    rows = instance.rows("normalized_samples", src_dataset_id="ONE")
    assert {json.loads(row["metadata"])["tissue"] for row in rows} == {"liver", "lung"}
    assert [job.status for job in instance.submit(folder)] == [JobStatus.UNCHANGED] * 2


def test_rows_of_one_dataset(instance, folder, write):
    write("f/manifest.csv", "File,Dataset_ID\nraw/a.gct,ONE\nclinical.csv,ONE\nb.gct,TWO\n")
    instance.ingest(folder)
    assert instance.ids("normalized_datasets") == ["ONE", "TWO"]
    assert len(instance.rows("normalized_samples", src_dataset_id="ONE")) == 2


def test_a_table_for_several(tmp_path, folder, write):
    write("f/manifest.csv", "file,samples\nraw/a.gct,clinical.csv\nb.gct,clinical.csv\n")
    found, refused = unbundled(names(folder), tmp_path)
    assert not refused and "clinical.csv" not in found
    assert found["raw/a_samples.csv"] == found["b_samples.csv"] == folder / "clinical.csv"


def test_what_a_json_says_too(tmp_path, folder, write):
    write("f/b.json", '{"title": "Second", "year": 2020}')
    found, refused = unbundled(names(folder), tmp_path)
    assert not refused
    assert json.loads(found["b.json"].read_text()) == {"title": "Second", "year": 2020}
    assert json.loads((folder / "b.json").read_text()) == {"title": "Second", "year": 2020}


def test_in_a_bundle(instance, write):
    files = {"s/manifest.csv": b"path,dataset\n./x/../a.gct,ONE\n", "s/a.gct": gct().encode()}
    (job,) = instance.ingest(write("x.zip", zipped(files)))
    assert (job.dataset_id, job.source) == ("ONE", "landing/demo/x/s/a.gct")


def test_a_manifest_of_another_kind_is_no_manifest(tmp_path, folder, write):
    write("f/manifest.csv", "id,md5\nx,y\n")
    found, refused = unbundled(names(folder), tmp_path)
    assert (found, refused) == (names(folder), {})


FAULTS = [
    ("file,dataset_id\nc.gct,X\n", "manifest_file_missing", "line 2"),
    ("file,samples\nb.gct,none.csv\n", "manifest_file_missing", "line 2"),
    ("file,dataset_id\n../b.gct,X\n", "manifest_file_missing", "line 2"),
    ("file,dataset_id\nb.gct,X\n,Y\n", "bad_manifest", "line 3"),
    ("file,dataset_id\nb.gct,X\nraw/a.gct,X\n", "bad_manifest", "line 3"),
    ("file,dataset_id\nREADME,X\n", "bad_manifest", "line 2"),
    ("file,title\nb.gct,Other\n", "bad_manifest", "line 2"),
    ("file,samples\nb.gct,clinical.csv\nb.gct,c2.csv\n", "bad_manifest", "line 3"),
    ("file,dataset_id\nb.gct\n", "ragged_row", "line 2, column 1"),
]


@pytest.mark.parametrize(("text", "code", "place"), FAULTS)
def test_faults(instance, folder, write, text, code, place):
    write("f/manifest.csv", text), write("f/README", "words"), write("f/c2.csv", TABLE)
    write("f/b.json", '{"title": "B"}')
    with pytest.raises(BadInput) as caught:
        instance.requests(folder)
    error = caught.value
    assert (error.code, error.file, error.place) == (code, "manifest.csv", place) and error.hint
    assert list(instance.objects.list("landing/")) == []
    found = validate([folder], workers=1)
    assert (code, place) in {(f.code, f.place) for f in found if f.severity is Severity.ERROR}


def test_a_fault_in_a_bundle_is_that_of_the_bundle(instance, write):
    files = {"manifest.csv": b"file,dataset_id\nc.gct,X\n", "a.gct": gct().encode()}
    (job,) = instance.ingest(write("x.zip", zipped(files)))
    assert (job.error.code, job.error.file) == ("manifest_file_missing", "x.zip")
    assert job.error.place == "x/manifest.csv, line 2"
