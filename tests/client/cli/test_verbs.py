from __future__ import annotations

import json
import os
import subprocess
import sys

import polars as pl
import pytest

from polly_api.base import Finding
from polly_client.cli.main import app, hoisted

VERBS = (
    ["ingest"], ["jobs"], ["retry"], ["delete"], ["sql"], ["search"], ["get"], ["curate"], ["up"],
    ["version"], ["doctor"], ["atlas", "create"], ["atlas", "list"], ["atlas", "describe"],
)  # fmt: skip


def lines(result):
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_help_of_every_verb(run, verb):
    result = run(*verb, "--help")
    assert result.exit_code == 0
    assert "--json" in result.stdout and "Usage: polly" in result.stdout.replace("root", "polly")


def test_help_lists_every_verb(run):
    shown = run("--help").stdout
    assert all(verb[0] in shown for verb in VERBS)


def test_ingest_json(run, files):
    result = run("ingest", files / "GSE1.gct", files / "GSE3.gct", "--atlas", "demo", "--json")
    assert result.exit_code == 0
    found = lines(result)
    assert [each["dataset_id"] for each in found] == ["GSE1", "GSE3", "GSE3_2"]
    assert found[0] == {
        "dataset_id": "GSE1",
        "status": "succeeded",
        "format": "gct",
        "samples": 3,
        "features": 5,
        "seconds": 0.25,
        "warnings": [{"code": "odd", "message": "an odd thing", "place": "line 2"}],
        "error": None,
        "job_id": "J0000",
        "source": "GSE1.gct",
    }
    assert "succeeded GSE1" in result.stderr


def test_ingest_failure_is_exit_1_with_reason(run, files):
    result = run("ingest", files, "--atlas", "demo")
    assert result.exit_code == 1
    for part in ("GSE1", "3 x 5", "0.25", "error[bad_cell] GSE2", "GSE2.gct, line 7", "hint: mend",
                 "warning[odd] GSE1: an odd thing (line 2)", "job: J0001"):  # fmt: skip
        assert part in result.stdout
    failed = lines(run("ingest", files / "GSE2.gct", "-a", "demo2", "--json"))
    assert failed[0]["status"] == "unchanged"
    again = run("retry", "J0001", "--json")
    assert again.exit_code == 1
    assert lines(again)[0]["error"] == {
        "code": "bad_cell",
        "message": "found 'x', expected a number",
        "file": "GSE2.gct",
        "place": "line 7",
        "hint": "mend",
    }


def test_no_wait(run, door, files):
    result = run("ingest", files / "GSE1.gct", "--atlas", "demo", "--no-wait", "--priority", "high")
    assert result.exit_code == 0
    assert "queued" in result.stdout and "polly up" in result.stderr
    assert door.ledger["J0000"].priority == "high"


def test_jobs(run, files):
    run("ingest", files, "--atlas", "demo")
    assert [each["dataset_id"] for each in lines(run("jobs", "--json", "--limit", "2"))] == [
        "GSE3_2",
        "GSE3",
    ]
    found = lines(run("jobs", "--json", "--status", "errored", "--atlas", "demo"))
    assert [(each["dataset_id"], each["atlas"], each["action"]) for each in found] == [
        ("GSE2", "demo", "ingest")
    ]
    shown = run("jobs", "--limit", "1")
    assert "J0002b" in shown.stdout and "only the newest 1" in shown.stderr


def test_delete(run, files):
    run("ingest", files / "GSE1.gct", "--atlas", "demo")
    result = run("delete", "GSE1", "--atlas", "demo", "--json")
    assert (result.exit_code, lines(result)[0]["status"]) == (0, "deleted")
    assert run("delete", "GSE1", "--atlas", "demo").exit_code == 2


@pytest.mark.parametrize(
    "args",
    [
        ["nothing"],
        ["ingest", "x"],
        ["ingest", "absent.gct", "--atlas", "demo"],
        ["ingest", "absent.gct", "--atlas", "demo", "--priority", "huge"],
        ["sql", "SELEC 1"],
        ["sql", "SELECT 1", "--format", "parquet"],
        ["sql", "SELECT 1", "--format", "csv", "--json"],
        ["sql", "SELECT 1", "-o", "out.xyz"],
        ["sql", "SELECT 1", "-o", "absent/out.csv"],
        ["sql", "SELECT 1", "-o", "out.csv", "--format", "table"],
        ["search", "x", "--atlas", "nope"],
        ["search", "x", "--atlas", "demo", "--filter", "broken"],
        ["get", "nope", "--atlas", "demo"],
        ["get", "nope", "--atlas", "demo", "--format", "xls"],
        ["retry", "nope"],
        ["atlas", "create", "demo"],
        ["atlas", "describe", "nope"],
        ["curate"],
        ["curate", "--text", "x", "--input", "y"],
        ["curate", "--input", "y"],
        ["curate", "--input", "absent.jsonl", "--output", "out.jsonl"],
        ["jobs", "--status", "odd"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_exit_2_with_reason_on_stderr(run, args, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run(*args)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "error" in result.stderr.lower()
    assert list(tmp_path.iterdir()) == []


def test_errors_say_all_they_know(run):
    result = run("sql", "SELEC 1")
    assert result.stderr.startswith("error[bad_sql]: ")
    assert result.stderr.splitlines()[-2:] == ["  where: line 1", "  hint: mend it"]


def test_faults_are_exit_3(run, door, monkeypatch):
    gone = run("--url", "http://127.0.0.1:9", "jobs")
    assert (gone.exit_code, gone.stdout) == (3, "")
    assert "error[server_unreachable]" in gone.stderr and "polly up" in gone.stderr
    monkeypatch.setattr(door, "atlases", lambda: 1 / 0)
    broken = run("atlas", "list", "--json")
    assert (broken.exit_code, broken.stdout) == (3, "")
    assert "internal_error" in broken.stderr
    assert run("--profile", "nope", "jobs").exit_code == 3


def test_fault_inside_the_command_shows_its_traceback(run, monkeypatch):
    monkeypatch.setattr("polly_client.cli.verbs_jobs.client", lambda ctx: 1 / 0)
    result = run("jobs", "--json")
    assert (result.exit_code, result.stdout) == (3, "")
    assert "ZeroDivisionError" in result.stderr


def test_interrupted_waiting_says_what_goes_on(run, files, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("polly_client.http.HttpDoor.wait", interrupt)
    result = run("ingest", files / "GSE1.gct", "--atlas", "demo", "--json")
    assert (result.exit_code, result.stdout) == (130, "")
    assert "1 jobs are not finished" in result.stderr and "goes on with them" in result.stderr


def test_doctor(run, door):
    assert [each["state"] for each in lines(run("doctor", "--json"))] == ["ok", "missing"]
    door.findings = [Finding("jobs", "broken", "no answer", "start it")]
    result = run("doctor")
    assert result.exit_code == 3 and "start it" in result.stdout


def test_version(run):
    assert set(lines(run("version", "--json"))[0]) == {"polly", "python"}
    assert run("version").stdout.startswith("polly ")


def test_atlas(run):
    made = run("atlas", "create", "new", "--description", "d", "--shards", "2", "--json")
    assert (made.exit_code, lines(made)[0]["shards"]) == (0, 2)
    assert [each["atlas"] for each in lines(run("atlas", "list", "--json"))] == ["demo", "new"]
    assert "demo" in run("atlas", "list").stdout
    assert lines(run("atlas", "describe", "new", "--json"))[0]["tables"] == {"datasets": 0}
    assert "datasets" in run("atlas", "describe", "new").stdout


def test_sql_formats(run, tmp_path):
    wide = "x" * 100
    query = f"SELECT '{wide}' AS wide, NULL AS gap, [1] AS part, 0.1::DOUBLE AS number"
    row = {"wide": wide, "gap": None, "part": [1], "number": 0.1}
    table = run("sql", query)
    assert wide not in table.stdout and "x" * 59 + "…" in table.stdout and "NULL" in table.stdout
    assert "1 cells were cut" in table.stderr
    assert lines(run("sql", query, "--json")) == [row]
    assert lines(run("sql", query, "--format", "json")) == [row]
    csv = run("sql", "-", "--format", "csv", input=query)
    assert csv.stdout == f'"wide","gap","part","number"\n"{wide}",,"[1]",0.1\n'
    out = tmp_path / "a.parquet"
    assert run("sql", query, "-o", out).stdout.strip() == str(out)
    assert pl.read_parquet(out).to_dicts() == [row]
    done = run("sql", query, "--format", "json", "-o", tmp_path / "a.txt", "--json")
    assert lines(done) == [{"path": str(tmp_path / "a.txt"), "format": "json", "rows": 1}]
    assert json.loads((tmp_path / "a.txt").read_text()) == row


def test_long_tables_say_that_they_are_cut(run):
    result = run("sql", "SELECT range AS n FROM range(1500)")
    assert "only the first 1000 are shown" in result.stderr
    assert "1500 rows" in result.stderr


def test_cells_cannot_move_the_cursor(run):
    result = run("sql", "SELECT chr(27) || '[2J' || chr(10) AS evil, '[red]x' AS markup")
    assert "\x1b" not in result.stdout
    assert "\\x1b[2J\\n" in result.stdout and "[red]x" in result.stdout


def test_search(run, door):
    door.known = {"demo": {"GSE1": 1, "GSE2": 1}}
    args = ("search", "GSE", "--atlas", "demo", "--facet", "organism", "--filter", "a=b=c")
    found = lines(run(*args, "--limit", "1", "--json"))[0]
    assert found["total"] == 2 and found["facets"] == {"organism": {"human": 2}}
    assert found["hits"] == [
        {
            "dataset_id": "GSE1",
            "score": 1.5,
            "stored": {"title": "Title of GSE1", "organism": ["human"]},
        }
    ]
    shown = run(*args)
    assert "Title of GSE2" in shown.stdout and "human" in shown.stdout
    assert "2 of 2 datasets" in shown.stderr


def test_get(run, door, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    door.known = {"demo": {"GSE1": 1}}
    assert run("get", "GSE1", "--atlas", "demo").stdout.strip() == "GSE1.h5ad"
    done = run("get", "GSE1", "--format", "csv", "-o", tmp_path / "x.csv", "--json")
    assert lines(done)[0] == {
        "dataset_id": "GSE1",
        "atlas": "demo",
        "format": "csv",
        "path": str(tmp_path / "x.csv"),
        "bytes": 11,
    }
    assert (tmp_path / "x.samples.csv").exists()


def test_curate_text(run):
    assert lines(run("curate", "--text", "asthma", "--json"))[0]["disease"][0]["label"] == "asthma"
    shown = run("curate", "--text", "asthma").stdout
    assert "MONDO:1" in shown and "is_control" in shown


def test_places_may_stand_after_the_verb():
    assert hoisted(["jobs", "--home", "h", "--json", "--profile=p", "--", "--url"]) == [
        "--home", "h", "--profile=p", "jobs", "--json", "--", "--url",
    ]  # fmt: skip
    assert hoisted(["jobs", "--url"]) == ["--url", "jobs"]


def test_closed_pipe_is_quiet(tmp_path):
    command = f"{sys.executable} -c 'from polly_client.cli.main import run; run()' --help | true"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False,
                          env={**os.environ, "POLLY_HOME": str(tmp_path)})  # fmt: skip
    assert "Traceback" not in done.stderr


def test_command_is_named(run):
    assert app.info.name == "polly"


def test_what_a_shell_put_behind_can_be_ended():
    code = """
import signal
signal.signal(signal.SIGINT, signal.SIG_IGN)
from polly_client.cli import main
main.app = lambda: print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)
main.run()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"
