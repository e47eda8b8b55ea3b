"""What a user can meet is documented, what the docs say exists, and generated parts are fresh."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from dataclasses import fields

import pytest
import typer

from polly_assets.curate.models.base import FIELDS
from polly_assets.curate.models.registry import MODELS
from polly_assets.ingest.formats.registry import READERS
from polly_assets.publish.exports.registry import EXPORTS
from polly_assets.schema import ATLAS_TABLES, FACETS, SEARCH_INDEX, SQL_TABLES
from polly_client.cli.main import app
from polly_resources.records import JobStatus
from polly_resources.settings import PROFILES, Settings
from tests.house.graph import snapshot
from tests.house.source import ROOT, modules

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.M | re.S)
COMMAND = typer.main.get_command(app)


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def anchors(text: str) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


def blocks(*languages: str) -> list:
    return [
        pytest.param(code, id=f"{path.name}-{number}")
        for path in PAGES
        for number, (language, code) in enumerate(FENCE.findall(path.read_text(encoding="utf-8")))
        if language in languages
    ]


def test_generated_parts_are_fresh():
    done = subprocess.run(
        [sys.executable, "scripts/docs.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_resolve(path):
    broken = []
    for link in LINK.findall(path.read_text(encoding="utf-8")):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        if not target.exists() or (anchor and anchor not in anchors(target.read_text())):
            broken.append(link)
    assert not broken


def test_every_page_is_reached_from_the_index():
    listed = {(ROOT / "docs" / link).resolve() for link in LINK.findall(page("index.md"))}
    listed |= {(ROOT / "docs/adr" / link).resolve() for link in LINK.findall(page("adr/README.md"))}
    assert {path.resolve() for path in (ROOT / "docs").rglob("*.md")} - listed == {
        (ROOT / "docs/index.md").resolve()
    }


@pytest.mark.parametrize("code", blocks("python"))
def test_python_blocks_parse(code):
    ast.parse(code)


@pytest.mark.parametrize("code", blocks("json"))
def test_json_blocks_parse(code):
    json.loads(code)


@pytest.mark.parametrize("code", blocks("console", "sh"))
def test_commands_exist(code):
    """Every `polly VERB --option` and every `make TARGET` of the docs."""
    joined = re.sub(r"\\\n", " ", code)
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M)
    for words in re.findall(r"^(?:\$ )?(polly|make) (.*)$", joined, re.M):
        tool, rest = words[0], re.sub(r"\"[^\"]*\"|'[^']*'", "x", words[1].partition(" #")[0])
        verb, *others = rest.split()
        if "[OPTIONS]" in words[1]:  # the generated reference shows how a verb is used
            continue
        if tool == "make":
            assert verb in targets, verb
            continue
        command = COMMAND.commands[verb]
        if hasattr(command, "commands"):
            command = command.commands[others[0]]
        known = {name for one in (*command.params, *COMMAND.params) for name in one.opts}
        known |= {name for one in command.params for name in one.secondary_opts}
        given = {word.partition("=")[0] for word in others if word.startswith("-")}
        assert given - {"--help"} <= known, words


def verbs(command, prefix=()):
    for name, each in command.commands.items():
        if hasattr(each, "commands"):
            yield from verbs(each, (*prefix, name))
        else:
            yield " ".join((*prefix, name))


def test_every_verb_is_on_the_page_of_the_command():
    missing = [verb for verb in verbs(COMMAND) if f"`polly {verb}`" not in page("command-line.md")]
    assert not missing


def test_every_setting_is_on_its_page():
    names = [f"`POLLY_{field.name.upper()}`" for field in fields(Settings)]
    missing = [name for name in names if name not in page("settings.md")]
    missing += [name for name in PROFILES if f"`{name}`" not in page("settings.md")]
    assert not missing


def test_documented_variables_exist():
    known = {f"POLLY_{field.name.upper()}" for field in fields(Settings)} | {"POLLY_TEST_DATA"}
    known |= {f"POLLY_{name}_PASSWORD" for name in ("JOBS", "QUERY", "SEARCH")}
    known |= {"POLLY_NATIVE", "POLLY_SERVERS", "POLLY_OUTCOMES"}
    for path in PAGES:
        named = set(re.findall(r"\bPOLLY_[A-Z_]+[A-Z]\b", path.read_text(encoding="utf-8")))
        assert named <= known, path.name


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("formats.md", [row.name for row in READERS]),
        ("formats.md", [suffix for row in READERS for suffix in row.suffixes]),
        ("formats.md", list(EXPORTS)),
        ("curation.md", [*FIELDS, "is_control", *MODELS]),
        ("search.md", list(FACETS)),
        ("ingest.md", [status.value for status in JobStatus]),
    ],
)
def test_every_name_is_on_its_page(name, words):
    text = page(name)
    headings = set(re.split(r"[\s,#]+", " ".join(re.findall(r"^## (.+)$", text, re.M))))
    assert not [word for word in words if f"`{word}`" not in text and word not in headings]


def test_every_asset_job_sensor_and_check_is_on_its_page():
    text, graph = page("ui-and-scheduling.md"), snapshot()
    names = [name for name in graph["assets"] if "/" not in name]
    names += [*graph["jobs"], *graph["sensors"], *graph["schedules"]]
    names += {check.partition(":")[2] for check in graph["checks"]}
    assert not [name for name in names if f"`{name}`" not in text]


def test_every_table_and_column_is_described():
    for spec in ATLAS_TABLES:
        assert spec.description.endswith(".")
        assert all(column.description.endswith(".") for column in spec.columns), spec.name
    assert all(f"### atlas.{spec.name}" in page("sql.md") for spec in (*SQL_TABLES, SEARCH_INDEX))


def test_every_module_says_what_it_owns():
    assert not [m.path for m in modules() if not ast.get_docstring(m.tree)]


def test_what_can_be_changed_is_in_the_makefile_help():
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    targets = re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.M)[0].split()
    assert not [target for target in targets if f"make {target}" not in done.stdout]
