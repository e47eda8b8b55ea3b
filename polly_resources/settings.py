"""Addresses and limits: the only place that reads the environment.

Owns the frozen `Settings` and the table of profiles. An address is `scheme://rest`; the
scheme picks the backend (see `backends`). Add a setting here with its unit and default.
Keep out: opening anything.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from urllib.parse import quote

from polly_resources.addresses import strip_password
from polly_resources.errors import Misconfigured

CAPABILITIES = ("events", "jobs", "objects", "ontologies", "query", "search", "tables")

PROFILES: Mapping[str, Mapping[str, str]] = {
    "aws": {
        "events": "",
        "jobs": "dynamodb://polly-jobs",
        "objects": "",
        "ontologies": "packages://{cache}/ontologies",
        "query": "",
        "search": "",
        "tables": "",
    },
    "local": {
        "events": "listing://",
        "jobs": "sqlite:///{home}/jobs.db",
        "objects": "file://{home}/objects",
        "ontologies": "packages://{cache}/ontologies",
        "query": "duckdb://",
        "search": "tantivy://{home}/search",
        "tables": "delta://{home}/tables",
    },
    "servers": {
        "events": "listing://",
        "jobs": "postgresql://polly@127.0.0.1:5432/polly",
        "objects": "s3://polly?endpoint=http://127.0.0.1:8333",
        "ontologies": "packages://{cache}/ontologies",
        "query": "trino://polly@127.0.0.1:8080/lake",
        "search": "opensearch://127.0.0.1:9200",
        "tables": "delta+s3://polly/tables?endpoint=http://127.0.0.1:8333",
    },
}
"""The address of each capability; '' where a profile cannot know it and a variable must say."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that may differ between one machine and another.

    `home` is the instance; `cache` holds what can be made again and instances may share:
    converted ontologies and compiled models.
    `lease_seconds` is how long a claim holds without renewal; `patience_seconds` is how long
    the pipeline waits for a store that is away; `batch_bytes` and
    `batch_jobs` close a batch; `workers` is the number of files read at once;
    `max_rows` caps the rows an SQL answer may have. `url` names a server to ask instead
    of working in this process; `api_key` is what that server, or ours, demands.
    """

    home: Path
    cache: Path
    profile: str
    events: str
    jobs: str
    objects: str
    ontologies: str
    query: str
    search: str
    tables: str
    api_host: str = "127.0.0.1"
    api_port: int = 8765
    ui_port: int = 3000
    api_key: str | None = None
    url: str | None = None
    lease_seconds: float = 60.0
    patience_seconds: float = 120.0
    batch_bytes: int = 1_000_000_000
    batch_jobs: int = 200
    workers: int = 2
    max_rows: int = 1_000_000

    def address(self, capability: str) -> str:
        """The address of one capability."""
        return str(getattr(self, capability))

    def __repr__(self) -> str:
        return f"Settings(home={str(self.home)!r}, profile={self.profile!r})"


def load(
    home: Path | str | None = None,
    profile: str | None = None,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """Settings from arguments, then `POLLY_*` variables, then the profile.

    Raises Misconfigured for an unknown profile or a value of the wrong type.
    """
    env = os.environ if environ is None else environ
    root = Path(home or env.get("POLLY_HOME") or Path.home() / ".polly").expanduser().absolute()
    name = profile or env.get("POLLY_PROFILE") or "local"
    if name not in PROFILES:
        known = ", ".join(sorted(PROFILES))
        raise Misconfigured(
            "unknown_profile", f"profile {name!r} does not exist", hint=f"choose one of: {known}"
        )
    base = Path(env.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    cache = Path(env.get("POLLY_CACHE") or base / "polly").expanduser().absolute()
    values: dict[str, Any] = {"home": root, "cache": cache, "profile": name}
    for field in fields(Settings):
        raw = env.get(f"POLLY_{field.name.upper()}")
        if field.name in values or not raw:
            continue
        values[field.name] = (
            strip_password(raw)[0]
            if field.name in CAPABILITIES
            else _parse(field.name, raw, type(field.default))
        )
    for capability in CAPABILITIES:
        values.setdefault(
            capability,
            PROFILES[name][capability].format(home=quote(str(root)), cache=quote(str(cache))),
        )
    return Settings(**values)


def password(capability: str, environ: Mapping[str, str] | None = None) -> str:
    """The password for the user in a capability's address, '' where none is set.

    From `POLLY_<CAPABILITY>_PASSWORD`, or from the address in `POLLY_<CAPABILITY>`. It is in
    no `Settings`, so that nothing which shows settings can show it.
    """
    env = os.environ if environ is None else environ
    name = f"POLLY_{capability.upper()}"
    return env.get(f"{name}_PASSWORD") or strip_password(env.get(name, ""))[1]


def native_wanted(environ: Mapping[str, str] | None = None) -> bool:
    """Whether compiled code may be used; not where POLLY_NATIVE is 0."""
    return (os.environ if environ is None else environ).get("POLLY_NATIVE") != "0"


def environment(settings: Settings, environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment for a child process that shall load the same settings."""
    env = dict(os.environ if environ is None else environ)
    return {**env, "POLLY_HOME": str(settings.home), "POLLY_PROFILE": settings.profile}


def _parse(name: str, raw: str, kind: type) -> str | int | float:
    if kind not in (int, float):
        return raw
    try:
        return int(raw) if kind is int else float(raw)
    except ValueError:
        raise Misconfigured(
            "bad_setting",
            f"POLLY_{name.upper()} is {raw!r}, expected {kind.__name__}",
            hint="correct or unset the variable",
        ) from None
