"""Which words a query may hold: an allow-list of syntax and of functions.

Whatever is not listed is refused, so that nothing of an engine's own (files as tables,
settings, system functions) can be named. Add syntax when the engines' contract suite
shows it to mean the same everywhere. Keep out: table and column names (`names`).
"""

from __future__ import annotations

from sqlglot import exp

from polly_api.sql.functions import FUNCTIONS
from polly_api.sql.places import nearest, place_of
from polly_resources.errors import BadQuery

_QUERY = (
    "CTE Cube Distinct Except Fetch From Group GroupingSets Having Intersect Join Lateral Limit"
    " LimitOptions Offset Order Ordered Rollup Select Star Subquery Table TableAlias TableSample"
    " Tuple Union Unnest Values Where With"
)
_EXPRESSION = (
    "Add Alias All And Any Array AtTimeZone Between Boolean Bracket Case Cast Column ColumnDef"
    " CurrentDate CurrentTimestamp DataType DataTypeParam Div Dot DPipe EQ Escape Exists Extract"
    " Filter GT GTE HexString Identifier If IgnoreNulls In Interval Is JSONPath JSONPathKey"
    " JSONPathRoot JSONPathSubscript JSONPathWildcard Lambda Like Literal Localtimestamp LT LTE"
    " Mod Mul NEQ Neg Not Null NullSafeEQ NullSafeNEQ Or Paren RespectNulls StrPosition Struct"
    " Sub Substring Trim Try TryCast UnicodeString Var Version Window WindowSpec WithinGroup"
)
SYNTAX = frozenset(getattr(exp, name) for name in f"{_QUERY} {_EXPRESSION}".split())

UNITS = (
    "YEAR QUARTER MONTH WEEK DAY HOUR MINUTE SECOND MILLISECOND"
    " DAY_OF_MONTH DAY_OF_WEEK DAY_OF_YEAR DOW DOY YEAR_OF_WEEK YOW"
)
_BARE_WORDS = frozenset(f"{UNITS} ALL BERNOULLI SYSTEM".split())
"""Words that reach an engine unquoted; the parser also makes them of quoted text."""

_JOINS = {"", "CROSS", "INNER", "OUTER"}


def check(tree: exp.Query, query: str) -> None:
    """Raise BadQuery at the first thing in the tree that statements may not hold."""
    for node in tree.walk():
        start, end = node.meta.get("start"), node.meta.get("end")
        if isinstance(node, (exp.Func, exp.Anonymous)) and start is not None and end is not None:
            _check_function(node, query[start : end + 1].strip('"'), query)
        elif isinstance(node, exp.Var) and node.name.upper() not in _BARE_WORDS:
            raise _unit(node, query)
        elif type(node) not in SYNTAX:
            raise _refusal(node, query, type(node).__name__)
        elif extra := _extra(node):
            raise _refusal(node, query, extra)


def _check_function(node: exp.Expr, name: str, query: str) -> None:
    """Functions are checked by the name as written, whatever the parser made of it."""
    if isinstance(node.parent, exp.Dot):
        raise _refusal(node, query, f"{name}() after a dot")
    if name.lower() in FUNCTIONS:
        return
    close = nearest(name, sorted(FUNCTIONS))
    raise BadQuery(
        "unknown_function",
        f"there is no function {name}",
        place=place_of(query, node),
        hint=f"did you mean {', '.join(close)}?" if close else "docs/sql.md lists the functions",
    )


def _extra(node: exp.Expr) -> str:
    """Parts of allowed syntax that belong to other dialects, or that engines answer apart."""
    args = node.args
    found: dict[type[exp.Expr], object] = {
        exp.Table: not isinstance(node.this, exp.Identifier) and "a function as a table",
        exp.DataType: not isinstance(node.this, (exp.DType, exp.Interval)) and "this type",
        exp.Extract: not isinstance(node.this, exp.Var) and "EXTRACT of a text",
        exp.Interval: not isinstance(args.get("unit"), exp.Var) and "INTERVAL without a unit",
        exp.Star: (args.get("except_") or args.get("replace") or args.get("rename"))
        and "* with changes",
        exp.Distinct: args.get("on") and "DISTINCT ON",
        exp.Join: (args.get("method") or (node.text("kind") or "").upper() not in _JOINS)
        and f"{args.get('method') or node.text('kind')} JOIN",
        exp.LimitOptions: (args.get("with_ties") or args.get("percent")) and "FETCH ... WITH TIES",
        exp.Lateral: not isinstance(node.this, exp.Subquery) and "LATERAL with a function",
        exp.Union: args.get("by_name") and "UNION BY NAME",
        exp.Version: "a table version",
    }
    return str(found.get(type(node)) or "")


def _unit(node: exp.Expr, query: str) -> BadQuery:
    return BadQuery(
        "bad_arguments",
        f"{node.name.lower()!r} is no unit of time",
        place=place_of(query, node.parent or node),
        hint=f"units: {', '.join(UNITS.lower().split())}",
    )


def _refusal(node: exp.Expr, query: str, what: str) -> BadQuery:
    return BadQuery("not_supported", f"{what} is not supported", place=place_of(query, node))
