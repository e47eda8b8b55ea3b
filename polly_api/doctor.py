"""What is configured, reachable and missing, one finding per line.

Owns the probes: each capability is opened and asked something small. Add a probe to
`_PROBES`. Keep out: repairing what is found.
"""

from __future__ import annotations

import importlib.metadata
import platform
import time
from collections.abc import Callable, Mapping

from polly_api.base import Finding
from polly_assets.atlases import TABLE as REGISTRY
from polly_assets.schema import ATLASES
from polly_resources.backends import Backends
from polly_resources.errors import PollyError
from polly_resources.records import JobFilter
from polly_resources.settings import CAPABILITIES, Settings

EXTRAS: Mapping[str, tuple[str, str]] = {
    "anndata": ("anndata", "datasets as AnnData objects in Python"),
    "dg": ("dagster-dg-cli", "the `dg` command"),
    "ui": ("dagster-webserver", "the Dagster UI of `polly up`, and the offline API page"),
}

_PROBES: Mapping[str, Callable[[Backends], str]] = {
    "jobs": lambda b: f"{len(b.jobs.find(JobFilter(limit=1)))} of 1 job read",
    "objects": lambda b: (
        f"{'some' if next(b.objects.list('landing/'), None) else 'no'} files landed"
    ),
    "ontologies": lambda b: f"{len(b.ontologies.available())} ontologies",
    "query": lambda b: b.query.version(),
    "search": lambda b: f"{b.search.count('none')} documents in an absent atlas",
    # A change of nothing: refused as any write would be.
    "tables": lambda b: f"registry at version {b.tables.delete(REGISTRY, ATLASES, [])}",
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
    began = time.perf_counter()
    try:
        answer = _PROBES[name](backends)
    except PollyError as error:
        return Finding(name, "broken", f"{settings.address(name)}: {error.message}", error.hint)
    spent = (time.perf_counter() - began) * 1000
    return Finding(name, "ok", f"{settings.address(name)}: {answer}, {spent:.0f} ms")


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
