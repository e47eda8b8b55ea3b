"""What engines would answer differently is refused by all of them, with another way to say it.

Owns the list of such words. Take one out when every backend passes a test that shows it to mean
the same everywhere. Keep out: whether a user may ask (the door), and translation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlglot import exp

from polly_resources.errors import BadQuery

_FIELDS = (
    exp.Day,
    exp.DayOfMonth,
    exp.DayOfWeek,
    exp.DayOfWeekIso,
    exp.DayOfYear,
    exp.Extract,
    exp.Hour,
    exp.Minute,
    exp.Month,
    exp.Quarter,
    exp.Second,
    exp.TimeToStr,
    exp.Week,
    exp.WeekOfYear,
    exp.Year,
    exp.YearOfWeek,
)
_LOCAL = (exp.DType.DATE, exp.DType.TIMESTAMP)


def check(tree: exp.Query) -> None:
    """Raise BadQuery `not_supported` at the first such word."""
    for node in tree.walk():
        judge = _JUDGES.get(type(node))
        found = judge(node) if judge is not None else None
        if found is not None:
            what, hint = found
            raise BadQuery("not_supported", f"{what} is not supported", hint=hint)


Verdict = tuple[str, str] | None


def _sort(node: exp.Expr) -> Verdict:
    if node.args.get("expression") is None:
        return None
    return "ARRAY_SORT with a function", "UNNEST the array and use ARRAY_AGG(x ORDER BY ...)"


def _position(node: exp.Expr) -> Verdict:
    if node.args.get("occurrence") is None:
        return None
    return "STRPOS of a later occurrence", "use REGEXP_EXTRACT or SPLIT_PART"


def _wildcard(node: exp.Expr) -> Verdict:
    return "* in a JSON path", "CAST(JSON_EXTRACT(...) AS ARRAY(JSON)) and UNNEST it"


def _zone(node: exp.Expr) -> Verdict:
    """A moment in another zone is the same moment in Trino, and a local time in DuckDB."""
    holder = node.parent
    while isinstance(holder, exp.Paren):
        holder = holder.parent
    local = isinstance(holder, exp.Cast) and holder.args["to"].is_type(*_LOCAL)
    if local or isinstance(holder, _FIELDS):
        return None
    return "AT TIME ZONE here", "use it inside HOUR(...), DATE_FORMAT(...) or CAST(... AS DATE)"


def _random(node: exp.Expr) -> Verdict:
    return None if node.this is None else ("RANDOM with a limit", "use FLOOR(RANDOM() * n)")


def _replace(node: exp.Expr) -> Verdict:
    if not isinstance(node.args.get("replacement"), exp.Lambda):
        return None
    return "REGEXP_REPLACE with a function", "replace by a text; groups are $1, $2, ..."


def _type(node: exp.Expr) -> Verdict:
    if not isinstance(node, exp.DataType) or not node.is_type(exp.DType.CHAR, exp.DType.NCHAR):
        return None
    return "the type CHAR", "use VARCHAR"


_JUDGES: Mapping[type[exp.Expr], Callable[[exp.Expr], Verdict]] = {
    exp.ArraySort: _sort,
    exp.AtTimeZone: _zone,
    exp.DataType: _type,
    exp.JSONPathWildcard: _wildcard,
    exp.Rand: _random,
    exp.RegexpReplace: _replace,
    exp.StrPosition: _position,
}
