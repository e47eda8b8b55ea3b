"""What CI runs, and what is installed: everything pinned, from no registry in particular."""

from __future__ import annotations

import os
import re
import tomllib

import pytest

from tests.house.source import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
FILES = sorted((ROOT / "requirements").glob("*.txt"))


def name(line: str) -> str:
    return re.split(r"[<>=!~;\[ ]", line, maxsplit=1)[0].lower().replace("_", "-")


def lines(file: str) -> set[str]:
    return set((ROOT / "requirements" / file).read_text().splitlines())


def pinned(file: str) -> set[str]:
    return {name(line) for line in lines(file) if "==" in line}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_lock_files_pin_exactly_and_name_no_registry(path):
    for line in path.read_text().splitlines():
        assert line.startswith("#") or re.fullmatch(r"[\w.-]+==[\w.+!-]+( ; .+)?", line), line


def test_everything_that_is_asked_for_is_pinned():
    extras = PROJECT["optional-dependencies"]
    runtime = {name(line) for line in PROJECT["dependencies"]}
    runtime |= {name(line) for extra in ("ui", "anndata", "dg") for line in extras[extra]}
    assert runtime <= pinned("runtime.txt")
    assert {name(line) for line in extras["dev"]} <= pinned("dev.txt")
    assert {name(line) for line in extras["demo"]} == pinned("demo.txt")


def test_development_has_the_versions_that_users_get():
    assert lines("runtime.txt") <= lines("dev.txt")


def test_dagster_is_one_family():
    versions = {
        line.partition("==")[2]
        for line in lines("dev.txt")
        if line.startswith(("dagster==", "dagster-webserver==", "dagster-dg-cli=="))
    }
    assert len(versions) == 1


def test_ci_checks_and_tests():
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert re.findall(r"^make ([\w-]+)", script.read_text(), re.M) == [
        "check",
        "test",
        "test-servers",
        "backends",
    ]
