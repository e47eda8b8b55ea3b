"""No secret is ever shown: not by commands, errors, logs, `--json`, or Dagster."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from polly_resources.resources import from_settings
from polly_resources.settings import load
from tests.e2e.test_faults import POLLY, ROOT

SECRETS = ("hidden-jobs", "hidden-search", "hidden-query", "hidden-aws")
NOWHERE = "127.0.0.1:1"
ADDRESSES = {
    "POLLY_PROFILE": "servers",
    "POLLY_JOBS": f"postgresql://polly:hidden-jobs@{NOWHERE}/polly",
    "POLLY_OBJECTS": f"s3://bucket?endpoint=http://{NOWHERE}",
    "POLLY_TABLES": f"delta+s3://bucket?endpoint=http://{NOWHERE}",
    "POLLY_SEARCH": f"opensearch+https://polly:hidden-search@{NOWHERE}",
    "POLLY_QUERY": f"trino+https://polly@{NOWHERE}/lake",
    "POLLY_QUERY_PASSWORD": "hidden-query",
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "hidden-aws",
    "AWS_REGION": "us-east-1",
}
BACKENDS = """
import sys
from polly_resources.backends import Backends
from polly_resources.records import JobFilter, SearchRequest
from polly_resources.settings import load
b = Backends(load(home=sys.argv[1]))
calls = {
    "jobs": lambda: b.jobs.find(JobFilter()),
    "objects": lambda: list(b.objects.list("")),
    "search": lambda: b.search.search("demo", SearchRequest("x")),
    "tables": lambda: b.tables.version("demo/datasets"),
    "query": lambda: b.query.about(),
}
for name, call in calls.items():
    import traceback
    try:
        call()
        print(vars(getattr(b, name)))
    except Exception as error:
        print(name, type(error).__name__, repr(error), error)
        if not hasattr(error, "code"):
            traceback.print_exc()
    print(b.settings)
"""


@pytest.fixture
def run(tmp_path):
    def run(*command: str) -> str:
        done = subprocess.run(
            [sys.executable, *command],
            cwd=ROOT,
            env={**os.environ, **ADDRESSES, "POLLY_HOME": str(tmp_path / "home")},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        text = done.stdout + done.stderr
        assert not [secret for secret in SECRETS if secret in text], text
        return text

    return run


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_the_doctor_tells_addresses_and_no_secret(run, options):
    text = run("-c", POLLY, "doctor", *options)
    for told in ("postgresql://polly@127.0.0.1:1/polly", "opensearch+https://polly@", "bucket"):
        assert told in text
    if options:
        findings = map(json.loads, filter(lambda line: line.startswith("{"), text.splitlines()))
        states = {finding["what"]: finding for finding in findings}
        assert states["jobs"]["state"] == "broken" and states["jobs"]["hint"]


def test_errors_of_every_backend_are_ours_and_tell_no_secret(run, tmp_path):
    text = run("-c", BACKENDS, str(tmp_path / "home"))
    assert "Traceback" not in text, text
    for capability in ("jobs", "objects", "search", "tables", "query"):
        assert f"{capability} Unavailable" in text, text


def test_dagster_is_told_no_secret(tmp_path):
    settings = load(home=tmp_path, environ=ADDRESSES)
    shown = repr(settings) + "".join(
        f"{resource!r} {resource.model_dump_json()}"
        for resource in from_settings(settings).values()
    )
    assert "postgresql://polly@127.0.0.1:1/polly" in shown
    assert not [secret for secret in SECRETS if secret in shown]
