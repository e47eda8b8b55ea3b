"""What an expression holds, where that decides its translation: list, map, date or float.

Owns the little type inference that DuckDB's overloads need. Keep out: everything that a
macro or DuckDB itself can decide.
"""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa
from sqlglot import exp

from polly_resources.query.base import Relation

_LISTS = (
    exp.Array,
    exp.ArrayAgg,
    exp.ArrayDistinct,
    exp.ArrayExcept,
    exp.ArrayFilter,
    exp.ArrayIntersect,
    exp.ArrayRemove,
    exp.ArraySlice,
    exp.ArraySort,
    exp.Flatten,
    exp.GenerateSeries,
    exp.MapKeys,
    exp.RegexpExtractAll,
    exp.RegexpSplit,
    exp.Split,
    exp.Transform,
)
_LIST_CALLS = (
    "array_union list_reverse list_transform list_zip map_entries map_values trim_array"
    " trino_distinct trino_except trino_intersect trino_remove trino_repeat trino_sequence"
    " trino_slice"
)
_MAP_CALLS = "histogram map_agg map_concat map_from_entries trino_map_of"
_BY_CALL = dict.fromkeys(_LIST_CALLS.split(), "list")
_BY_CALL |= dict.fromkeys(_MAP_CALLS.split(), "map")
_DATES = (exp.CurrentDate, exp.Date)
_FLOATS = (exp.Avg, exp.Cbrt, exp.Corr, exp.Exp, exp.Ln, exp.Log, exp.Pow, exp.Sqrt, exp.Stddev)
_BY_TYPE = (
    (_LISTS, "list"),
    ((exp.Map, exp.MapFromEntries), "map"),
    (_DATES, "date"),
    (_FLOATS, "float"),
)
_SAME = (exp.Abs, exp.Filter, exp.Max, exp.Min, exp.Neg, exp.Paren, exp.Sum, exp.Window)
_ARITHMETIC = (exp.Add, exp.Sub, exp.Mul, exp.Div)


class Shapes:
    """Answers `of(node)` by the relations' columns, the functions' results and their aliases."""

    def __init__(self, relations: Iterable[Relation], tree: exp.Query) -> None:
        seen: dict[str, set[str]] = {}
        for relation in relations:
            for column in relation.schema:
                seen.setdefault(column.name.lower(), set()).add(_shape(column.type))
        self._columns = {name: kinds.pop() for name, kinds in seen.items() if len(kinds) == 1}
        named: dict[str, set[str]] = {}
        for alias in tree.find_all(exp.Alias):
            if alias.alias.lower() not in seen:
                named.setdefault(alias.alias.lower(), set()).add(self.of(alias.this))
        self._columns |= {name: kinds.pop() for name, kinds in named.items() if len(kinds) == 1}

    def of(self, node: exp.Expr) -> str:
        """`list`, `map`, `date`, `float`, or empty where it is something else or unknown."""
        if isinstance(node, _SAME):
            return self.of(node.this)
        if isinstance(node, _ARITHMETIC):
            return "float" if "float" in (self.of(node.this), self.of(node.expression)) else ""
        if isinstance(node, exp.Column):
            return self._columns.get(node.name.lower(), "")
        if isinstance(node, exp.Anonymous):
            return _BY_CALL.get(node.name.lower(), "")
        return _own_shape(node)


def _own_shape(node: exp.Expr) -> str:
    """What a node holds by its type alone."""
    if isinstance(node, exp.Literal):
        return "float" if not node.is_string and "e" in node.name.lower() else ""
    if isinstance(node, exp.Cast):
        return _cast_shape(node)
    for kinds, shape in _BY_TYPE:
        if isinstance(node, kinds):
            return shape
    return ""


def _shape(kind: pa.DataType) -> str:
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return "list"
    if pa.types.is_map(kind):
        return "map"
    if pa.types.is_floating(kind):
        return "float"
    return "date" if pa.types.is_date(kind) else ""


def _cast_shape(node: exp.Cast) -> str:
    kind = node.args["to"]
    if kind.is_type(exp.DType.ARRAY, exp.DType.LIST):
        return "list"
    if kind.is_type(exp.DType.MAP):
        return "map"
    if kind.is_type(exp.DType.DOUBLE, exp.DType.FLOAT):
        return "float"
    return "date" if kind.is_type(exp.DType.DATE) else ""
