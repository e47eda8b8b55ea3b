"""A manifest says which files are which dataset; its faults are told at the row."""

from __future__ import annotations

import gzip
import json

import pytest

from polly_assets.ingest.bundles import unbundled
from polly_assets.ingest.validate import Severity, validate
from polly_resources.errors import BadInput
from polly_resources.records import JobStatus
from tests.assets.ingest.archives import zipped
from tests.assets.ingest.test_landing import missed
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
    ("file,title\nb.gct,B\nb.gct,B\n", "bad_manifest", "line 3"),
    ("file,title\n*.gct,\nb.gct,B\n", "bad_manifest", "line 3"),
    ("file,title\n*.vcf,\n", "manifest_file_missing", "line 2"),
    ("file,title\n/etc/passwd,\n", "manifest_file_missing", "line 2"),
    ("file,title\n..\\..\\b.gct,\n", "manifest_file_missing", "line 2"),
    ("file,title\nB.GCT,\n", "manifest_file_missing", "line 2"),
    ("file,title\n*.gct,\n./b.gct,\n", "bad_manifest", "line 3"),
    ("file,title\n", "no_rows", "line 1"),
    ("file,dataset_id\nmanifest.csv,X\n", "bad_manifest", "line 2"),
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


PATTERNS = [
    ("raw/*.gct", {"raw/a.gct"}),
    ("**/*.gct", {"raw/a.gct", "b.gct"}),
    ("**/a.gct", {"raw/a.gct"}),
    ("**/**/?.gct", {"raw/a.gct", "b.gct"}),
    ("r*w/./[a].gct", set()),
    ("RAW\\a.gct", set()),
    ("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", set()),
]


@pytest.mark.parametrize(("pattern", "expected"), PATTERNS)
def test_patterns(tmp_path, folder, write, pattern, expected):
    write("f/manifest.csv", f"file,title\n{pattern},Same\n"), write("f/" + "a" * 200)
    found, refused = unbundled(names(folder), tmp_path)
    made = {name for name in found if name.endswith(".json")}
    assert made == {name.replace(".gct", ".json") for name in expected}
    assert bool(refused) == (not expected)


ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "latin-1"]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_as_spreadsheets_write_them(tmp_path, folder, write, encoding, separator, end):
    rows = [["File Name", "Dataset ID", "Ort"], ["b.gct", "B", "Köln"], ["raw\\a.gct", "A", ""]]
    text = "".join(separator.join(row) + end for row in rows)
    write("f/manifest.csv", text.encode(encoding))
    found, refused = unbundled(names(folder), tmp_path)
    assert not refused
    assert json.loads(found["b.json"].read_text()) == {"dataset_id": "B", "Ort": "Köln"}


def test_several_manifests(instance, folder, write):
    write("f/raw/Manifest.CSV", "file,assay\na.gct,RNA-seq\n")
    instance.ingest(folder)
    rows = {row["dataset_id"]: row for row in instance.rows("normalized_datasets")}
    assert json.loads(rows["ONE"]["metadata"]) == {"title": "First", "assay": "RNA-seq"}


def test_several_manifests_that_disagree(folder, write):
    write("f/raw/manifest.csv", "file,title\na.gct,Another\n")
    found = validate([folder], workers=1)
    (error,) = [each for each in found if each.code == "bad_manifest"]
    assert (error.file, error.place) == ("raw/manifest.csv", "line 2")
    assert "'Another', and 'First'" in error.message


def test_packed(tmp_path, folder, write):
    (folder / "manifest.csv").unlink()
    write("f/manifest.csv.gz", gzip.compress(MANIFEST.encode()))
    found, refused = unbundled(names(folder), tmp_path)
    assert not refused and "raw/a.json" in found


def test_thousands_of_rows(tmp_path, write):
    for number in range(3000):
        write(f"f/{number}.gct", "")
    rows = "".join(f"{number}.gct,D{number}\n" for number in range(3000))
    folder = write("f/manifest.csv", f"file,dataset_id\n{rows}").parent
    found, refused = unbundled(names(folder), tmp_path)
    assert not refused and len(found) == 6001


def test_a_fault_in_a_bundle_is_that_of_the_bundle(instance, write):
    files = {"manifest.csv": b"file,dataset_id\nc.gct,X\n", "a.gct": gct().encode()}
    (job,) = instance.ingest(write("x.zip", zipped(files)))
    assert (job.error.code, job.error.file) == ("manifest_file_missing", "x.zip")
    assert job.error.place == "x/manifest.csv, line 2"


class TestLanded:
    """A manifest that others put into the landing area."""

    @pytest.fixture
    def put(self, instance, folder):
        def names_of(*names):
            for name in names:
                instance.objects.put(f"landing/demo/{name}", folder / name)
            instance.ledger.submit(missed(instance))
            return {job.source.rpartition("/")[2]: job for job in instance.drain()}

        return names_of

    def test_with_its_files(self, instance, put):
        jobs = put("raw/a.gct", "b.gct", "clinical.csv", "manifest.csv")
        assert (jobs["manifest.csv"].status, jobs["manifest.csv"].format) == (
            JobStatus.SUCCEEDED,
            "manifest",
        )
        assert [each.code for each in jobs["manifest.csv"].warnings] == ["manifest_followed"]
        assert instance.everywhere() == {"ONE", "b"} and missed(instance) == []
        rows = instance.rows("normalized_samples", src_dataset_id="ONE")
        assert {json.loads(row["metadata"])["tissue"] for row in rows} == {"liver", "lung"}

    def test_after_its_files_and_changed(self, instance, put, write):
        write("f/clinical.csv", "sample_id,age\nS1,61\nS2,62\n")
        put("raw/a.gct", "b.gct", "clinical.csv")
        assert instance.everywhere() == {"a", "b", "clinical"}
        put("manifest.csv")
        assert instance.everywhere() == {"ONE", "b"}
        write("f/manifest.csv", MANIFEST.replace("First", "New").replace("ONE", "TWO"))
        put("manifest.csv")
        assert instance.everywhere() == {"TWO", "b"} and missed(instance) == []
        (row,) = instance.rows("normalized_datasets", dataset_id="TWO")
        assert json.loads(row["metadata"]) == {"title": "New"}

    def test_with_a_fault(self, instance, put):
        jobs = put("b.gct", "manifest.csv")
        error = jobs["manifest.csv"].error
        assert (error.code, error.file) == ("manifest_file_missing", "manifest.csv")
        assert instance.everywhere() == {"b"}

    def test_of_another_kind(self, instance, put, write):
        write("f/manifest.csv", "id,md5\nx,y\n")
        jobs = put("b.gct", "manifest.csv")
        assert [each.code for each in jobs["manifest.csv"].warnings] == ["other_manifest"]
        assert instance.everywhere() == {"b"}


def test_a_pattern_leaves_out_notes_and_the_manifest(tmp_path, write):
    write("f/README.csv", "read me"), write("f/a.csv", "g,S1,S2\nA,1,2\n")
    write("f/b.csv", "g,S1,S2\nA,1,2\n")
    folder = write("f/manifest.csv", "file,title\n*.csv,Both\n").parent
    found, refused = unbundled(names(folder), tmp_path)
    assert not refused
    assert {"a.json", "b.json"} <= found.keys()
    assert "README.json" not in found


def test_two_columns_of_one_name(folder, write):
    write("f/manifest.csv", "file,title,title\nb.gct,one,two\n")
    (error,) = [each for each in validate([folder], workers=1) if each.file == "manifest.csv"]
    assert (error.severity, error.code, error.place) == (Severity.ERROR, "bad_manifest", "line 1")
    assert "'title' twice" in error.message


def test_a_second_matrix_is_no_table_of_samples(write):
    write("f/a.csv", "gene,S1,S2\nTP53,1,2\nMYC,3,4\n")
    write("f/b.csv", "gene,S3,S4\nTP53,1,2\nMYC,3,4\n")
    folder = write("f/manifest.csv", "file,dataset_id\na.csv,D\nb.csv,D\n").parent
    found = {each.code for each in validate([folder], workers=1)}
    assert "sidecar_is_matrix" in found and "readable" not in found
