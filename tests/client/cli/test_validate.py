"""`polly validate`: its forms of output and its exit codes."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from polly_client.cli.main import app
from polly_client.client import Polly
from tests.assets.instance import BROKEN_GCT, gct

WARNED = gct([[1], [2]]).replace("MYC", "TP53")


@pytest.fixture
def run(tmp_path, monkeypatch):
    """The command with a server in the environment that does not exist."""
    monkeypatch.setenv("POLLY_URL", "http://127.0.0.1:9")
    return lambda *args: CliRunner().invoke(app, ["validate", *map(str, args)])


@pytest.fixture
def folder(tmp_path):
    for name, text in {"good": gct(), "bad": BROKEN_GCT, "warned": WARNED}.items():
        (tmp_path / f"{name}.gct").write_text(text)
    return tmp_path


def test_text(run, folder):
    result = run(folder)
    assert result.exit_code == 1
    for part in (
        "good", "2 x 3", "warning[duplicate_feature_ids] warned: 1 feature repeats",
        "error[not_a_number] bad.gct: found 'x'", "  where: bad.gct, line 4, column 4",
        "  hint: correct the cell",
    ):  # fmt: skip
        assert part in result.stdout
    assert "3 files: 2 datasets can be read, 1 error, 1 warning" in result.stderr
    assert "[3/3] warned.gct" in result.stderr


def test_json_lines(run, folder):
    result = run(folder, "--json")
    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(each["file"], each["severity"]) for each in found] == [
        ("bad.gct", "error"),
        ("good.gct", "ok"),
        ("warned.gct", "ok"),
        ("warned.gct", "warning"),
    ]
    assert found[0]["place"] == "line 4, column 4" and result.exit_code == 1
    fields = (
        "schema_version", "file", "dataset_id", "severity", "code", "message", "place", "hint",
        "format", "samples", "features", "beside",
    )  # fmt: skip
    assert all(tuple(each) == fields and each["schema_version"] == 1 for each in found)


@pytest.mark.parametrize(
    ("name", "options", "code"),
    [
        ("good.gct", (), 0),
        ("good.gct", ("--strict",), 0),
        ("warned.gct", (), 0),
        ("warned.gct", ("--strict",), 1),
        ("bad.gct", (), 1),
        ("none.gct", (), 2),
        ("good.gct", ("--html", "/no/such/folder/x.html"), 2),
    ],
)
def test_exit_codes(run, folder, name, options, code):
    assert run(folder / name, *options).exit_code == code


def test_no_files_named(run):
    assert run().exit_code == 2


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.rows, self._cell = [], [], False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._cell = tag == "td"
        if tag == "tr":
            self.rows.append([])
        elif tag == "td":
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        self._cell = self._cell and tag != "td"

    def handle_data(self, data):
        if self._cell:
            self.rows[-1][-1] += data


def test_html(run, folder, tmp_path):
    hostile = "<script>alert(1)<&'\">.gct"
    (folder / hostile.replace("/", "")).write_text(BROKEN_GCT.replace("x", "</td><b>\x1b[1m"))
    out = tmp_path / "report.html"
    assert run(folder, "--html", out).exit_code == 1
    text = out.read_text(encoding="utf-8")
    page = Page(text)
    rows = [row for row in page.rows if row]
    assert [row[0] for row in rows] == ["error", "error", "warning", "ok", "ok"]
    assert rows[0][1] == hostile and "</td><b>" in rows[0][4] and "\x1b" not in text
    assert not {tag for tag, _ in page.tags} & {"script", "b", "link", "img", "iframe"}
    assert not any({"src", "href", "onclick"} & attrs.keys() for _, attrs in page.tags)
    assert not re.search(r"https?://|url\(|@import", text)
    assert "4 files: 2 datasets can be read, 2 errors, 1 warning" in text


def test_html_hides_by_style(run, folder, tmp_path):
    (folder / "README.md").write_text("words")
    run(folder, "--html", tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text()
    for name, label in (
        ("error", "errors (1)"),
        ("skipped", "skipped (1)"),
        ("ok", "readable (2)"),
    ):
        assert f'<input type="checkbox" id="{name}" checked><label for="{name}">{label}<' in text
        assert f"#{name}:not(:checked) ~ table .{name} {{ display: none }}" in text


@pytest.mark.parametrize(("options", "failed"), [((), 1), (("--strict",), 2)])
def test_junit(run, folder, tmp_path, options, failed):
    (folder / "README.md").write_text("words")
    (folder / "bad.gct").write_text(BROKEN_GCT.replace("x", "]]>\x1b"))
    out = tmp_path / "junit.xml"
    assert run(folder, "--junit", out, *options).exit_code == 1
    suite = ElementTree.parse(out).getroot()
    assert (suite.get("failures"), suite.get("skipped")) == (str(failed), "1")
    cases = list(suite)
    assert len(cases) == int(suite.get("tests")) == 3 + failed
    assert suite.findall("*/failure")[0].get("type") == "not_a_number"
    (said,) = suite.findall("*/system-out")
    assert "duplicate_feature_ids" in said.text


def test_order_is_stable(run, folder):
    for number in range(20):
        (folder / f"n{number}.gct").write_text(gct())
    one, two = (run(folder, "--json").stdout for _ in range(2))
    assert one == two


def test_python(folder):
    found = Polly(home=folder / "home").validate(str(folder / "good.gct"))
    assert [each.dataset_id for each in found] == ["good"]
    assert not (folder / "home").exists()
