"""What DuckDB says, as errors of the platform that name the nearest right thing.

Owns the table of DuckDB's messages. Add a row when a user meets a message that does not
say what to do next. Keep out: raising, and anything that imports DuckDB.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

from polly_resources.errors import BadQuery, PollyError, Unavailable

_ROWS: tuple[tuple[str, str, str], ...] = (
    (r"not found in FROM clause|before it is defined", "unknown_column", ""),
    (r"does not have a column named", "unknown_column", ""),
    (r"Referenced table .* not found", "unknown_alias", "use the table's alias, if it has one"),
    (r"Ambiguous reference", "ambiguous_column", "write the table's alias before the column"),
    (r"must appear in the GROUP BY", "not_grouped", "group by it or aggregate it"),
    (r"Function with name .* does not exist", "unknown_function", ""),
    (r"No function matches|Cannot (compare|mix|concatenate)", "wrong_types", "CAST the arguments"),
    (r"Division by zero", "division_by_zero", "use NULLIF(divisor, 0), or TRY(...)"),
    (r"^Conversion Error", "bad_value", "use TRY_CAST to make such values NULL"),
    (r"^Out of Range Error", "out_of_range", "CAST to BIGINT or DOUBLE first"),
    (r"^Out of Memory Error", "query_too_large", "filter more, or select fewer columns"),
    (r"^Not implemented Error", "not_supported", ""),
)

_INTERNAL = re.compile(r"\btrino_(\w+)")


def translate(text: str, columns: Iterable[str]) -> PollyError:
    """The platform's error for a DuckDB message; `columns` are those the statement may name."""
    first = _INTERNAL.sub(r"\1", re.split(r"\n\s*(?:LINE \d|Candidate|Did you mean)", text)[0])
    kind, _, rest = first.partition(": ")
    message = " ".join((rest or kind).split())
    if text.startswith("IO Error"):
        return Unavailable(
            "files_gone", f"a data file could not be read: {message}", hint="run the query again"
        )
    for pattern, code, hint in _ROWS:
        if re.search(pattern, text):
            nearest = _nearest(text, columns) if code == "unknown_column" else ""
            return BadQuery(code, message, hint=nearest or hint)
    return BadQuery("refused", f"the SQL engine cannot run this: {message}")


def schema_mismatch(text: str) -> bool:
    """Whether some file lacks a declared column, so that all must be opened by name."""
    words = ("union_by_name", "not found in FROM clause", "before it is defined")
    return any(word in text for word in words)


def _nearest(text: str, columns: Iterable[str]) -> str:
    named = re.search(r'column(?: named)? "([^"]+)"', text)
    known = sorted(set(columns))
    if named is None or not known:
        return ""
    close = get_close_matches(named[1].lower(), known, n=3, cutoff=0.6)
    if close:
        return f"did you mean {', '.join(close)}?"
    shown = ", ".join(known[:40])
    return f"columns: {shown}" + (", ..." if len(known) > 40 else "")
