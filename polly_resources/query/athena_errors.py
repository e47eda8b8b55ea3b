"""What Athena says of a statement that failed, as errors of the platform.

Athena passes on its engine's words, `COLUMN_NOT_FOUND: line 1:8: ...`, which are Trino's, beside
a category of its own (AWS: Athena API reference, "AthenaError").
Keep out: the table of Trino's errors (`trino_errors`), and those of AWS's protocol (`aws`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from polly_resources.errors import Misconfigured, PollyError, Unavailable
from polly_resources.query import trino_errors
from polly_resources.query.refusals import refusal
from polly_resources.query.trino_errors import Refused

SYSTEM = 1
"""The category of errors that are Athena's own."""

_NAMED = re.compile(r"(?:[\w.]*Exception: )?([A-Z][A-Z_0-9]+): ?(.*)", re.S)
_DENIED = re.compile(r"insufficient permission|not authorized|access ?denied", re.I)
_LARGE = re.compile(r"exhausted resources|bytes scanned limit|exceeded .*limit|query timeout", re.I)
_BUSY = re.compile(r"throttl|rate exceeded|slow ?down|service unavailable|please try again", re.I)
_ABSENT = re.compile(r"(table|schema|database) .*(does not exist|not found)", re.I | re.S)


def translate(status: Mapping[str, Any], columns: Iterable[str]) -> PollyError:
    """The error of a statement whose `QueryExecution.Status` is FAILED or CANCELLED.

    `columns` are those that the statement may name.
    """
    said = reason(status)
    told: Mapping[str, Any] = status.get("AthenaError", {})
    if _DENIED.search(said):
        return Misconfigured(
            "query_refused",
            f"Athena may not do this: {said}",
            hint="let the role use the workgroup, read Glue and the tables, and write the output",
        )
    if _BUSY.search(said):
        return _unavailable(said)
    if _LARGE.search(said):
        return refusal("query_too_large", said)
    if status.get("State") == "CANCELLED" or told.get("Retryable"):
        return _unavailable(said or "the statement was cancelled")
    return _failed(said, told.get("ErrorCategory") == SYSTEM, columns)


def unknown_table(status: Mapping[str, Any]) -> bool:
    """Whether the statement failed for a table that the catalog does not list."""
    return bool(_ABSENT.search(reason(status)))


def reason(status: Mapping[str, Any]) -> str:
    """Why a statement failed, in Athena's words."""
    told = status.get("AthenaError", {}).get("ErrorMessage", "")
    return " ".join(str(status.get("StateChangeReason") or told).split())


def _failed(said: str, system: bool, columns: Iterable[str]) -> PollyError:
    named = _NAMED.match(said)
    if named is not None:
        return trino_errors.translate(Refused(named[1], "USER_ERROR", named[2]), columns)
    return _unavailable(said) if system else refusal("refused", said)


def _unavailable(said: str) -> Unavailable:
    return Unavailable("query_unavailable", f"Athena could not answer: {said}", hint="try again")
