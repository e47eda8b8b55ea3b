"""The demo does what its page says, on the example files and on a user's folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def demo(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: text for name, text in os.environ.items() if name != "POLLY_HOME"}
    return subprocess.run(
        [sys.executable, "scripts/demo.py", "--home", str(home), *arguments],
        cwd=ROOT,
        env=environment | {"COLUMNS": "160"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_example_shows_everything(tmp_path):
    done = demo(tmp_path / "home")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    formats = {row[2] for row in rows if row[:1] == ["succeeded"]}
    assert formats >= {"csv", "gct", "geo_series_matrix", "geo_soft", "tsv"}
    assert [row[1] for row in rows if row[:1] == ["errored"]] == ["lung_adenocarcinoma"]
    for words in (
        "the row has 5 columns, expected 6",
        "type 2 diabetes mellitus",
        "SELECT * FROM data_matrices.demo__",
        'Search "cancer"',
        "BRD4 in every dataset",
        "MONDO:0005148",
        "make up INSTANCE=",
    ):
        assert words in done.stdout


def test_a_folder_of_the_user_is_taken_instead(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "counts.csv").write_text("gene,S1,S2\nTP53,1,2\nBRCA1,3,4\n")
    (tmp_path / "data" / "broken.gct").write_text("#1.2\n1\t1\n")
    done = demo(tmp_path / "home", "--data", str(tmp_path / "data"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "BRCA1 in every dataset" in done.stdout


def test_a_folder_that_is_no_instance_is_left_alone(tmp_path):
    (tmp_path / "precious.txt").write_text("mine")
    done = demo(tmp_path)
    assert done.returncode != 0
    assert "not an instance" in done.stderr
    assert (tmp_path / "precious.txt").exists()
