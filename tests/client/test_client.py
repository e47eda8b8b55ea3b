from __future__ import annotations

import subprocess
import sys

import polars as pl
import pyarrow as pa
import pytest

from polly_api.words import BadInput, BadQuery, Conflict, JobStatus, Misconfigured, NotFound
from polly_client import Polly


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / "my data"
    (folder / "sub").mkdir(parents=True)
    (folder / "GSE1.gct").write_bytes(b"good")
    (folder / "sub" / 'odd "ü name.gct').write_bytes(b"multi\r\n--x\r\n" + bytes(range(256)))
    (folder / "GSE2.gct").write_bytes(b"bad")
    return folder


def test_ingest_reports_each_dataset_and_keeps_names(polly, door, files):
    submission = polly.ingest(files, atlas="demo", priority="high")
    seen = []
    jobs = submission.wait(seen.extend)
    found = {job.dataset_id: job.status.value for job in jobs}
    assert found == {
        "GSE1": "succeeded",
        "GSE2": "errored",
        'odd "ü name': "succeeded",
        'odd "ü name_2': "succeeded",
    }
    assert submission.jobs == jobs
    assert {job.job_id for job in seen} >= {job.job_id for job in jobs}
    assert door.content['sub/odd "ü name.gct'] == (files / "sub" / 'odd "ü name.gct').read_bytes()
    error = next(job.error for job in jobs if job.dataset_id == "GSE2")
    assert error.code == "bad_cell" and error.place == "line 7" and error.hint


def test_same_bytes_again_are_unchanged_without_waiting(polly, files):
    polly.ingest([files / "GSE1.gct"], atlas="demo").wait()
    again = polly.ingest(str(files / "GSE1.gct"), atlas="demo")
    assert [job.status for job in again.wait()] == [JobStatus.UNCHANGED]


def test_missing_path(polly, tmp_path):
    with pytest.raises(NotFound, match="no file or folder"):
        polly.ingest(tmp_path / "absent", atlas="demo")


def test_many_files_in_one_upload(polly, door, tmp_path):
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(1500):
        (folder / f"D{number}.gct").write_bytes(b"good")
    jobs = polly.ingest(folder, atlas="demo").wait()
    assert len(jobs) == 1500 and {job.status for job in jobs} == {JobStatus.SUCCEEDED}
    assert len(polly.jobs(limit=1200)) == 1200
    assert [job.job_id for job in polly.jobs(limit=1200)] == sorted(
        (job.job_id for job in jobs), reverse=True
    )[:1200]


def test_large_upload_arrives_whole(polly, door, tmp_path):
    content = bytes(range(256)) * 40_000
    (tmp_path / "big.gct").write_bytes(content)
    polly.ingest(tmp_path / "big.gct", atlas="demo").wait()
    assert door.content["big.gct"] == content


def test_retry_and_its_errors(polly, files):
    (job,) = polly.ingest(files / "GSE2.gct", atlas="demo").wait()
    assert polly.jobs(status="errored", atlas="demo") == [job]
    assert polly.retry(job.job_id).wait()[0].status is JobStatus.ERRORED
    with pytest.raises(NotFound, match="no job nope"):
        polly.retry(["nope"])
    (good,) = polly.ingest(files / "GSE1.gct", atlas="demo").wait()
    with pytest.raises(Conflict, match="is succeeded"):
        polly.retry([good.job_id])


def test_delete(polly, files):
    polly.ingest(files / "GSE1.gct", atlas="demo").wait()
    assert polly.delete("GSE1", atlas="demo").wait()[0].status is JobStatus.DELETED
    with pytest.raises(NotFound):
        polly.delete("GSE1", atlas="demo")


def test_sql_formats_keep_values(polly):
    query = "SELECT 9007199254740993 AS big, NULL::BIGINT AS gap, [1, 2] AS part, 'x' AS part"
    frame = polly.sql(f"{query} UNION ALL SELECT 1, 2, [], ''")
    assert isinstance(frame, pl.DataFrame)
    assert frame["big"].to_list() == [9007199254740993, 1]
    assert frame.columns == ["big", "gap", "part", "part_2"]
    pandas = polly.sql(f"{query} UNION ALL SELECT 1, 2, [], ''", "pandas")
    assert pandas["gap"].isna().to_list() == [True, False]
    assert str(pandas["gap"].dtype) == "Int64"
    assert list(pandas.columns) == ["big", "gap", "part", "part_2"]
    assert polly.sql(query, format="arrow").column("big").type == pa.int64()
    assert polly.sql("SELECT 1 AS a WHERE false").shape == (0, 1)


def test_sql_errors_come_through(polly):
    with pytest.raises(BadQuery) as caught:
        polly.sql("SELEC 1")
    assert caught.value.code == "bad_sql"
    assert caught.value.place == "line 1" and caught.value.hint == "mend it"
    with pytest.raises(BadInput, match="expected one of polars"):
        polly.sql("SELECT 1", format="excel")


def test_dataset_found_by_id_alone(polly, files, tmp_path):
    polly.ingest(files / "GSE1.gct", atlas="demo").wait()
    dataset = polly.dataset("GSE1")
    assert (dataset.atlas, dataset.dataset_id) == ("demo", "GSE1")
    assert dataset.metadata["title"] == "Title of GSE1"
    assert dataset.metadata["metadata"] == {"lab": "A"}
    polly.ingest(files / "GSE1.gct", atlas="other").wait()
    polly.ingest(files / "sub", atlas="other").wait()


def test_dataset_not_found_or_ambiguous(polly, door):
    with pytest.raises(NotFound, match="in any atlas"):
        polly.dataset("it's; DROP")
    with pytest.raises(NotFound, match="no atlas 'nope'"):
        polly.dataset("GSE1", atlas="nope")
    door.known = {"demo": {"it's": 1}, 'odd"name': {"it's": 1}}
    with pytest.raises(Conflict, match="several atlases"):
        polly.dataset("it's")
    assert polly.dataset("it's", 'odd"name').atlas == 'odd"name'


def test_download(polly, door, tmp_path):
    door.known = {"demo": {"GSE 1#?": 1}}
    dataset = polly.dataset("GSE 1#?")
    path = tmp_path / "out" / "mine.v2.csv"
    path.parent.mkdir()
    assert dataset.download(path, format="csv") == path
    assert path.read_text() == "csv of GSE 1#?"
    assert sorted(each.name for each in path.parent.iterdir()) == [
        "mine.v2.csv",
        "mine.v2.features.csv",
        "mine.v2.samples.csv",
    ]
    assert (path.parent / "mine.v2.samples.csv").read_text() == "samples"
    assert dataset.download(str(path), format="gct").read_text() == "gct of GSE 1#?"


def test_search(polly, door):
    door.known = {"demo": {"GSE1": 1, "GSE2": 1}}
    found = polly.search("GSE", atlas="demo", filters={"f": "v"}, facets=["organism"], limit=1)
    assert (len(found), found.total) == (1, 2)
    assert found.facets == {"organism": {"human": 2}}
    assert found.hits[0].stored["title"] == "Title of GSE1"
    assert found.to_polars().to_dicts() == [
        {"dataset_id": "GSE1", "score": 1.5, "title": "Title of GSE1", "organism": ["human"]}
    ]
    assert polly.search("zzz", atlas="demo").to_polars().shape == (0, 2)


def test_gene_curate_atlases_doctor(polly):
    assert polly.gene("BRD4", atlas="demo").to_dicts() == [
        {"dataset_id": "GSE1", "name": "BRD4", "value": 1.5}
    ]
    assert polly.curate("asthma")["disease"][0]["curie"] == "MONDO:1"
    assert [each["id"] for each in polly.curate([{"id": "a"}, {"id": "b"}])] == ["a", "b"]
    made = polly.create_atlas("new", description="d", shards=4)
    assert (made.atlas, made.shards, made.tables) == ("new", 4, {"datasets": 0})
    assert [info.atlas for info in polly.atlases()] == ["demo", "new"]
    with pytest.raises(Conflict, match="exists"):
        polly.create_atlas("new")
    assert [finding.state for finding in polly.doctor()] == ["ok", "missing"]


def test_unknown_profile(tmp_path):
    with pytest.raises(Misconfigured, match="does not exist"):
        Polly(home=tmp_path, profile="nope")


def test_import_is_light():
    code = (
        "import sys; from polly_client import Polly; import polly_client.cli.main; "
        "heavy = {'pyarrow', 'polars', 'pandas', 'dagster', 'fastapi', 'httpx', 'duckdb', "
        "'anndata', 'numpy', 'pydantic', 'sqlglot'}; sys.exit(str(heavy & set(sys.modules) or ''))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == ""
