"""What Trino says, as errors of the platform.

Owns the table of Trino's error names; the names are part of its protocol. Add a row when a
user meets an error that does not say what to do next.
Keep out: errors of the network (`trino_client`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from polly_resources.errors import Misconfigured, PollyError, Unavailable
from polly_resources.query.refusals import refusal, unknown_column

_REFUSALS = {
    "AMBIGUOUS_NAME": "ambiguous_column",
    "COLUMN_NOT_FOUND": "unknown_column",
    "DIVISION_BY_ZERO": "division_by_zero",
    "EXPRESSION_NOT_AGGREGATE": "not_grouped",
    "FUNCTION_NOT_FOUND": "unknown_function",
    "INVALID_COLUMN_REFERENCE": "unknown_column",
    "INVALID_CAST_ARGUMENT": "bad_value",
    "INVALID_FUNCTION_ARGUMENT": "bad_value",
    "INVALID_LITERAL": "bad_value",
    "MISSING_CATALOG_NAME": "unknown_table",
    "NOT_SUPPORTED": "not_supported",
    "NUMERIC_VALUE_OUT_OF_RANGE": "out_of_range",
    "STACK_OVERFLOW": "query_too_large",
    "SYNTAX_ERROR": "syntax_error",
    "TYPE_MISMATCH": "wrong_types",
}
_BUSY = {
    "CLUSTER_OUT_OF_MEMORY",
    "NO_NODES_AVAILABLE",
    "PAGE_TRANSPORT_ERROR",
    "PAGE_TRANSPORT_TIMEOUT",
    "QUERY_QUEUE_FULL",
    "REMOTE_HOST_GONE",
    "REMOTE_TASK_ERROR",
    "REMOTE_TASK_MISMATCH",
    "SERVER_SHUTTING_DOWN",
    "SERVER_STARTING_UP",
    "TOO_MANY_REQUESTS_FAILED",
}
_UNKNOWN_COLUMN = {"COLUMN_NOT_FOUND", "INVALID_COLUMN_REFERENCE"}
_UNKNOWN_TABLE = {"SCHEMA_NOT_FOUND", "TABLE_NOT_FOUND"}
_TOO_LARGE = re.compile(r"QUERY_TEXT_TOO_LARGE|statement is too large|stack overflow")
_DENIED = re.compile(r"Access Denied|Status Code: 403", re.IGNORECASE)


class Refused(Exception):
    """Trino's own error: its name, its kind and its words; `translate` makes it ours."""

    def __init__(self, name: str, kind: str, text: str) -> None:
        super().__init__(text)
        self.name = name
        self.kind = kind
        self.text = text

    @property
    def unknown_table(self) -> bool:
        """Whether it is about a table that is not registered."""
        return self.name in _UNKNOWN_TABLE

    @property
    def unknown_column(self) -> bool:
        """Whether it is about a column that is not there."""
        return self.name in _UNKNOWN_COLUMN


def translate(error: Refused, columns: Iterable[str] = ()) -> PollyError:
    """The platform's error; `columns` are those that the statement may name."""
    message = re.sub(r"^line \d+:\d+: ", "", " ".join(error.text.split()))
    if error.name in {"PERMISSION_DENIED", "CATALOG_NOT_FOUND"}:
        return Misconfigured(
            "query_refused",
            f"the query engine refuses: {message}",
            hint="check the user and the catalogs in POLLY_QUERY, and what that user may do",
        )
    if error.name in _BUSY:
        return Unavailable(
            "query_unavailable", f"the query engine is not ready: {message}", hint="try again"
        )
    if error.kind == "INSUFFICIENT_RESOURCES" or _TOO_LARGE.search(f"{error.name} {message}"):
        return refusal("query_too_large", message)
    if error.kind == "EXTERNAL" or "snapshot ID does not exist" in message:
        return _storage(message)
    return _user_error(error, message, columns)


def _storage(message: str) -> PollyError:
    if _DENIED.search(message):
        return Misconfigured(
            "query_refused",
            f"the query engine may not read the data: {message}",
            hint="give the engine's own key the right to read the bucket",
        )
    return Unavailable(
        "files_gone",
        f"the query engine could not read the data: {message}",
        hint="run the query again",
    )


def _user_error(error: Refused, message: str, columns: Iterable[str]) -> PollyError:
    code = _REFUSALS.get(error.name, "refused")
    if code == "unknown_function" and message.startswith("Unexpected parameters"):
        code = "wrong_types"
    if code == "unknown_column":
        named = re.search(r"Column '(?:[^']*\.)?([^'.]+)'", message)
        return unknown_column(message, named[1] if named else "", columns)
    return refusal(code, message)
