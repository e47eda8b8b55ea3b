"""What is configured, reachable and missing, one finding per line.

Each capability is opened and asked what serves it. Keep out: repairing what is found.
"""

from __future__ import annotations

import importlib.metadata
import platform
import time
from collections.abc import Mapping

from polly_api.base import Finding
from polly_resources.backends import Backends
from polly_resources.errors import PollyError
from polly_resources.served import Served
from polly_resources.settings import CAPABILITIES, Settings

EXTRAS: Mapping[str, tuple[str, str]] = {
    "anndata": ("anndata", "datasets as AnnData objects in Python"),
    "aws": ("boto3", "S3, SQS, DynamoDB, Glue and Athena"),
    "dg": ("dagster-dg-cli", "the `dg` command"),
    "servers": ("psycopg", "PostgreSQL, with OpenSearch, Trino and S3"),
    "ui": ("dagster-webserver", "the Dagster UI of `polly up`, and the offline API page"),
}


def examine(settings: Settings) -> list[Finding]:
    """Every finding: the installation, the instance, each capability, each extra."""
    findings = [
        Finding("polly", "ok", f"{_version('polly-open')}, Python {platform.python_version()}"),
        Finding("profile", "ok", settings.profile),
        Finding("home", "ok", str(settings.home)),
    ]
    backends = Backends(settings)
    findings += [_probe(settings, backends, name) for name in CAPABILITIES]
    findings += [_extra(name) for name in EXTRAS]
    return findings


def _probe(settings: Settings, backends: Backends, name: str) -> Finding:
    """Whether a capability answers; the first call opens it, the second is timed."""
    address = settings.address(name) or "no address"
    try:
        served: Served = getattr(backends, name)
        answer = served.about()
        began = time.perf_counter()
        served.about()
    except PollyError as error:
        return Finding(name, "broken", f"{address}: {error.message}", error.hint)
    spent = (time.perf_counter() - began) * 1000
    return Finding(name, "ok", f"{address}: {answer}, {spent:.0f} ms")


def _extra(name: str) -> Finding:
    package, purpose = EXTRAS[name]
    version = _version(package)
    if version:
        return Finding(f"extra {name}", "ok", f"{package} {version}")
    hint = f"pip install 'polly-open[{name}]'"
    return Finding(f"extra {name}", "missing", f"{package}: {purpose}", hint)


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""
