"""What DuckDB says, as errors of the platform that name the nearest right thing.

Owns the table of DuckDB's messages. Add a row when a user meets a message that does not
say what to do next. Keep out: raising, and anything that imports DuckDB.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from polly_resources.errors import PollyError, Unavailable
from polly_resources.query.refusals import refusal, unknown_column

_ROWS: tuple[tuple[str, str], ...] = (
    (r"not found in FROM clause|before it is defined", "unknown_column"),
    (r"does not have a column named", "unknown_column"),
    (r"Referenced table .* not found", "unknown_alias"),
    (r"Ambiguous reference", "ambiguous_column"),
    (r"must appear in the GROUP BY", "not_grouped"),
    (r"Function with name .* does not exist", "unknown_function"),
    (r"No function matches|Cannot (compare|mix|concatenate)", "wrong_types"),
    (r"Division by zero", "division_by_zero"),
    (r"^Conversion Error", "bad_value"),
    (r"^Out of Range Error", "out_of_range"),
    (r"Malformed JSON|Map keys must be unique|^Invalid Input Error", "bad_value"),
    (r"^Out of Memory Error", "query_too_large"),
    (r"^Not implemented Error", "not_supported"),
)

_OWN = re.compile(r"Could not convert string 'polly: (.*)' to INT32")
_INTERNAL = re.compile(r"\btrino_(\w+)")


def translate(text: str, columns: Iterable[str]) -> PollyError:
    """The platform's error for a DuckDB message; `columns` are those the statement may name."""
    first = _INTERNAL.sub(r"\1", re.split(r"\n\s*(?:LINE \d|Candidate|Did you mean)", text)[0])
    kind, _, rest = first.partition(": ")
    message = " ".join((rest or kind).split())
    if own := _OWN.search(message):
        message = own[1]
    if text.startswith("IO Error"):
        return Unavailable(
            "files_gone", f"a data file could not be read: {message}", hint="run the query again"
        )
    code = next((code for pattern, code in _ROWS if re.search(pattern, text)), "refused")
    if code == "unknown_column":
        named = re.search(r'column(?: named)? "([^"]+)"', text)
        return unknown_column(message, named[1] if named else "", columns)
    return refusal(code, message)


def schema_mismatch(text: str) -> bool:
    """Whether some file lacks a declared column, so that all must be opened by name."""
    words = ("union_by_name", "not found in FROM clause", "before it is defined")
    return any(word in text for word in words)
