"""What engines refuse, in the platform's words: the same code and hint from every engine.

Owns the codes of refused statements with what to do about them. Add a code when users meet a
refusal that does not say what to do next.
Keep out: the messages of one engine (`duckdb_errors`, `trino_errors`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from polly_resources.errors import BadQuery

_HINTS: Mapping[str, str] = {
    "ambiguous_column": "write the table's alias before the column",
    "bad_value": "use TRY_CAST(...) or TRY(...) to make such values NULL",
    "division_by_zero": "use NULLIF(divisor, 0), or TRY(...)",
    "not_grouped": "group by it or aggregate it",
    "out_of_range": "CAST to BIGINT or DOUBLE first",
    "query_too_large": "filter more, or select fewer columns",
    "unknown_alias": "use the table's alias, if it has one",
    "wrong_types": "CAST the arguments",
}


def refusal(code: str, message: str) -> BadQuery:
    """The error for a refused statement."""
    if code == "refused":
        message = f"the SQL engine cannot run this: {message}"
    return BadQuery(code, message, hint=_HINTS.get(code, ""))


def unknown_column(message: str, named: str, columns: Iterable[str]) -> BadQuery:
    """The error for a column that is none of `columns`, with the nearest of them."""
    return BadQuery("unknown_column", message, hint=_nearest(named, columns))


def _nearest(named: str, columns: Iterable[str]) -> str:
    known = sorted(set(columns))
    if not named or not known:
        return ""
    close = get_close_matches(named.lower(), known, n=3, cutoff=0.6)
    if close:
        return f"did you mean {', '.join(close)}?"
    shown = ", ".join(known[:40])
    return f"columns: {shown}" + (", ..." if len(known) > 40 else "")
