"""Who may import what: the arrow, the orchestrator, the servers' libraries, the environment.

The layers themselves are contracts of import-linter in pyproject.toml.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib

import pytest

from tests.house.source import PACKAGES, ROOT, below, modules

DAGSTER_FILES = {
    "assets.py",
    "automation.py",
    "checks.py",
    "definitions.py",
    "partitions.py",
    "resources.py",
    "runs.py",
    "specs.py",
}

ONLY_HERE = {
    "boto3": (
        "polly_resources/aws.py",
        "polly_resources/objects/s3",
        "polly_resources/search/opensearch",
    ),
    "botocore": (
        "polly_resources/aws.py",
        "polly_resources/events/sqs",
        "polly_resources/jobs/dynamodb",
        "polly_resources/objects/s3",
        "polly_resources/query/athena",
        "polly_resources/query/glue",
        "polly_resources/search/opensearch",
        "polly_resources/tables/conditional",
        "polly_resources/tables/delta",
    ),
    "deltalake": ("polly_resources/tables/delta",),
    "duckdb": ("polly_resources/query/duckdb",),
    "fastapi": ("polly_api/http/", "polly_client/cli/servers.py"),
    "fastapi_offline": ("polly_api/http/",),
    "httpx": ("polly_client/http.py",),
    "opensearchpy": ("polly_resources/search/opensearch",),
    "psycopg": ("polly_resources/jobs/sql",),
    "sqlalchemy": ("polly_resources/jobs/sql",),
    "starlette": ("polly_api/http/",),
    "tantivy": ("polly_resources/search/tantivy",),
    "trino": ("polly_resources/query/trino",),
    "typer": ("polly_client/cli/",),
    "uvicorn": ("polly_client/cli/servers.py",),
}
"""Library -> the beginnings of the paths that may import it."""

HEAVY = ("anndata", "dagster", "duckdb", "fastapi", "h5py", "numpy", "pandas", "polars", "pyarrow")

NAMES = {
    "opensearchpy": "opensearch-py",
    "python_multipart": "python-multipart",
    "marisa_trie": "marisa-trie",
}
BROUGHT = {"botocore": "boto3", "requests": "trino", "starlette": "fastapi"}
"""Libraries that another one is made of and brings along."""


def test_dagster_is_imported_in_its_files_only():
    strangers = [
        m.path
        for m in modules()
        if any(below(name, "dagster") for name in m.imports()) and m.name not in DAGSTER_FILES
    ]
    assert not strangers


@pytest.mark.parametrize("library", ONLY_HERE)
def test_a_servers_library_is_imported_in_its_backend_only(library):
    strangers = [
        m.path
        for m in modules()
        if any(below(name, library) for name in m.imports())
        and not m.path.startswith(ONLY_HERE[library])
    ]
    assert not strangers


def test_the_client_knows_only_the_door():
    strangers = [
        f"{m.path}: {name}"
        for m in modules()
        if m.path.startswith("polly_client/")
        for name in m.imports()
        if below(name, "polly_assets", "polly_resources")
    ]
    assert not strangers


def test_code_outside_a_capability_imports_its_contract_only():
    capabilities = {
        path.parent.name: path.parent for path in (ROOT / "polly_resources").glob("*/base.py")
    }
    strangers = [
        f"{m.path}: {name}"
        for m in modules()
        for capability in capabilities
        if not m.path.startswith(f"polly_resources/{capability}/")
        for name in m.imports()
        if below(name, f"polly_resources.{capability}")
        and not below(name, f"polly_resources.{capability}.base")
    ]
    assert not strangers


def test_only_settings_reads_the_environment():
    readers = [
        m.path
        for m in modules()
        for node in ast.walk(m.tree)
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv", "environb")
    ]
    assert set(readers) <= {"polly_resources/settings.py"}


def test_what_is_imported_is_declared():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = [
        *project["dependencies"],
        *(line for extra in project["optional-dependencies"].values() for line in extra),
    ]
    known = {re.split(r"[>\[]", line)[0].lower().replace("_", "-") for line in declared}
    used = {name.partition(".")[0] for m in modules() for name in m.imports()}
    foreign = used - sys.stdlib_module_names - {*PACKAGES, "__future__", *BROUGHT}
    assert {NAMES.get(name, name).replace("_", "-") for name in foreign} <= known


@pytest.mark.parametrize("package", ["polly_client", "polly_client.cli.main"])
def test_importing_the_client_is_light(package):
    heavy = ("anndata", "dagster", "duckdb", "fastapi", "h5py", "numpy", "pandas", "polars")
    program = (
        f"import {package}, sys; print([m for m in {(*heavy, 'pyarrow')} if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"


def test_importing_does_nothing_but_define(tmp_path):
    """No module reads or writes a file of the instance, opens a socket, or looks at the clock."""
    program = (
        "import sys, importlib, pkgutil\n"
        "seen = []\n"
        "def hook(event, args):\n"
        "    if event.startswith('socket.') or event == 'subprocess.Popen':\n"
        "        seen.append(event)\n"
        "    if event == 'open' and isinstance(args[1], str) and set(args[1]) & set('wax+'):\n"
        "        seen.append(f'{event} {args[0]}')\n"
        "import dagster, fastapi, polars, pyarrow, sqlalchemy, h5py, duckdb, tantivy, deltalake\n"
        "import boto3, opensearchpy, psycopg, trino\n"
        "sys.dont_write_bytecode = True\n"
        "sys.addaudithook(hook)\n"
        f"for name in {PACKAGES}:\n"
        "    package = importlib.import_module(name)\n"
        "    for found in pkgutil.walk_packages(package.__path__, name + '.'):\n"
        "        importlib.import_module(found.name)\n"
        "print(seen)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        check=False,
        text=True,
        cwd=ROOT,
        env={"PATH": "", "HOME": str(tmp_path), "POLLY_HOME": str(tmp_path / "home")},
    )
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
    assert not list(tmp_path.iterdir())
