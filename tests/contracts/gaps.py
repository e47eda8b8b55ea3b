"""Gaps: tests of a contract that one backend does not pass, each with its reason.

A suite's subclass says `GAPS = {"test_name": never("why")}`. `never` is a test that makes no
sense for the backend and does not run; `notyet` is one that we owe: it runs, and must fail.
Owns the markers and the record of outcomes, from which the docs make their table of backends.
Keep out: the suites.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

SUITES = "tests.contracts."


@dataclass(frozen=True)
class Gap:
    """Why a backend does not pass a test; `kind` is never or notyet."""

    kind: str
    reason: str


def never(reason: str) -> Gap:
    """The backend cannot, and shall not."""
    return Gap("never", reason)


def notyet(reason: str) -> Gap:
    """We owe it."""
    return Gap("notyet", reason)


def suite_of(kind: type | None) -> str:
    """The capability whose contract a test class takes part in, '' for none."""
    for base in kind.__mro__ if kind else ():
        if base.__module__.startswith(SUITES):
            return base.__module__.removeprefix(SUITES).partition("_")[0]
    return ""


def label_of(kind: type) -> str:
    """What a class tests, and on what: its `TESTED = (address, server)`, or its own name."""
    named: tuple[str, ...] = getattr(kind, "TESTED", (kind.__name__.removeprefix("Test"),))
    return " on ".join(named)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what never passes, and expect what does not pass yet to fail."""
    out = []
    for item in items:
        gap = _gap(item)
        if gap is not None and gap.kind == "never":
            out.append(item)
        elif gap is not None:
            item.add_marker(pytest.mark.xfail(strict=True, reason=gap.reason))
    if out:
        config.hook.pytest_deselected(items=out)
        items[:] = [item for item in items if item not in out]


def _gap(item: pytest.Item) -> Gap | None:
    if not isinstance(item, pytest.Function) or item.cls is None:
        return None
    gaps: Mapping[str, Gap] = getattr(item.cls, "GAPS", {})
    return gaps.get(item.originalname or item.name)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Note in the report of a contract's test which backend it is about; reports travel."""
    report: Any = yield
    kind = getattr(item, "cls", None)
    suite = suite_of(kind)
    if suite and kind is not None:
        report.contract = {"suite": suite, "backend": label_of(kind), "gaps": gaps_of(kind)}
    return report


class Outcomes:
    """What became of each backend's contract tests in this session, written as JSON."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Count the outcome of a test of a contract."""
        contract = getattr(report, "contract", None)
        if contract is None or not (report.when == "call" or report.failed):
            return
        seen = self._seen[contract["suite"]].setdefault(
            contract["backend"], {"passed": 0, "failed": [], "gaps": contract["gaps"]}
        )
        if report.passed or hasattr(report, "wasxfail"):
            seen["passed"] += 1
        elif report.failed:
            seen["failed"].append(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        """Write what was seen."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_text(json.dumps(self._seen, indent=2, sort_keys=True))


def gaps_of(kind: type) -> dict[str, list[str]]:
    """The gaps of a class as JSON: test name to kind and reason."""
    gaps: Mapping[str, Gap] = getattr(kind, "GAPS", {})
    return {name: [gap.kind, gap.reason] for name, gap in gaps.items()}


def pytest_configure(config: pytest.Config) -> None:
    """Record outcomes where `POLLY_OUTCOMES` names a file."""
    path = os.environ.get("POLLY_OUTCOMES")
    if path and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Outcomes(Path(path)), "polly-outcomes")
