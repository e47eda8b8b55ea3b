"""What an expression holds, where that decides its translation: a list, text, a float, ...

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
_TEXT_CALLS = (
    "json_format trino_json_scalar trino_regexp_extract trino_split_part trino_substr"
    " trino_float_text"
)
_BY_CALL = dict.fromkeys(_LIST_CALLS.split(), "list")
_BY_CALL |= dict.fromkeys(_MAP_CALLS.split(), "map")
_BY_CALL |= dict.fromkeys(_TEXT_CALLS.split(), "text")
_BY_CALL |= dict.fromkeys(["e", "infinity", "nan"], "float")
_DATES = (exp.CurrentDate, exp.Date, exp.LastDay)
_FLOATS = (exp.Avg, exp.Cbrt, exp.Corr, exp.Exp, exp.Ln, exp.Log, exp.Pow, exp.Sqrt, exp.Stddev)
_TEXTS = (
    exp.Concat,
    exp.DPipe,
    exp.Lower,
    exp.RegexpReplace,
    exp.Replace,
    exp.Substring,
    exp.Trim,
    exp.Upper,
)
_BY_TYPE = (
    (_LISTS, "list"),
    (_TEXTS, "text"),
    ((exp.Map, exp.MapFromEntries), "map"),
    (_DATES, "date"),
    (_FLOATS, "float"),
    ((exp.CurrentTimestamp, exp.UnixToTime), "moment"),
)
_BY_ARROW = (
    (pa.types.is_list, "list"),
    (pa.types.is_large_list, "list"),
    (pa.types.is_map, "map"),
    (pa.types.is_floating, "float"),
    (pa.types.is_integer, "integer"),
    (pa.types.is_string, "text"),
    (pa.types.is_large_string, "text"),
    (pa.types.is_date, "date"),
)
_SAME = (
    exp.Abs,
    exp.AnyValue,
    exp.ArgMax,
    exp.ArgMin,
    exp.Ceil,
    exp.Coalesce,
    exp.Filter,
    exp.FirstValue,
    exp.Floor,
    exp.Lag,
    exp.LastValue,
    exp.Lead,
    exp.Max,
    exp.Min,
    exp.Neg,
    exp.NthValue,
    exp.Nullif,
    exp.Paren,
    exp.Round,
    exp.Sum,
    exp.Trunc,
    exp.Try,
    exp.Window,
)
"""What holds the same as its first argument."""
_ARITHMETIC = (exp.Add, exp.Sub, exp.Mul, exp.Div)


class Shapes:
    """Answers `of(node)` by the relations' columns, the functions' results and their aliases."""

    def __init__(self, relations: Iterable[Relation], tree: exp.Query) -> None:
        seen: dict[str, set[str]] = {}
        relations = list(relations)
        for relation in relations:
            for column in relation.schema:
                seen.setdefault(column.name.lower(), set()).add(_shape(column.type))
        self._columns = {name: min(kinds) for name, kinds in seen.items() if len(kinds) == 1}
        # A name that also stands for something else is of no known shape.
        for alias in tree.find_all(exp.Alias):
            seen.setdefault(alias.alias.lower(), set()).add(self.of(alias.this))
        for table in tree.find_all(exp.TableAlias):
            for name in table.columns:
                seen.setdefault(name.name.lower(), set()).add("")
        self._columns = {name: kinds.pop() for name, kinds in seen.items() if len(kinds) == 1}
        self._decimals = _decimals(relations)

    def decimal(self, column: str) -> tuple[int, int] | None:
        """Precision and scale of a column that is a decimal."""
        return self._decimals.get(column.lower())

    def of(self, node: exp.Expr) -> str:
        """`list`, `map`, `date`, `float`, `integer`, `moment`, `text`; empty for others."""
        if (inner := _inner(node)) is not None:
            return self.of(inner)
        if isinstance(node, _ARITHMETIC):
            sides = {self.of(node.this), self.of(node.expression)}
            return "float" if "float" in sides else "integer" if sides == {"integer"} else ""
        if isinstance(node, exp.Column):
            return self._columns.get(node.name.lower(), "")
        if isinstance(node, exp.Anonymous):
            return _BY_CALL.get(node.name.lower(), "")
        return _own_shape(node)


def _inner(node: exp.Expr) -> exp.Expr | None:
    """The part that holds the same as the whole."""
    if isinstance(node, exp.Case):
        node = node.args["ifs"][0]
    found = node.args.get("true") if isinstance(node, exp.If) else None
    return node.this if isinstance(node, _SAME) else found


def _own_shape(node: exp.Expr) -> str:
    """What a node holds by its type alone."""
    if isinstance(node, exp.Literal):
        if node.is_string:
            return "text"
        return "float" if "e" in node.name.lower() else "" if "." in node.name else "integer"
    if isinstance(node, exp.Cast):
        return _cast_shape(node)
    for kinds, shape in _BY_TYPE:
        if isinstance(node, kinds):
            return shape
    return ""


def _shape(kind: pa.DataType) -> str:
    if pa.types.is_timestamp(kind):
        return "moment" if kind.tz else ""
    return next((shape for test, shape in _BY_ARROW if test(kind)), "")


def _decimals(relations: Iterable[Relation]) -> dict[str, tuple[int, int]]:
    """Columns that are decimals, and the same ones wherever their name occurs."""
    seen: dict[str, set[pa.DataType]] = {}
    for relation in relations:
        for column in relation.schema:
            seen.setdefault(column.name.lower(), set()).add(column.type)
    return {
        name: (kind.precision, kind.scale)
        for name, kinds in seen.items()
        if len(kinds) == 1 and pa.types.is_decimal(kind := next(iter(kinds)))
    }


def _cast_shape(node: exp.Cast) -> str:
    kind = node.args["to"]
    if kind.is_type(exp.DType.ARRAY, exp.DType.LIST):
        return "list"
    if kind.is_type(exp.DType.MAP):
        return "map"
    if kind.is_type(exp.DType.DOUBLE, exp.DType.FLOAT):
        return "float"
    if kind.is_type(*exp.DataType.INTEGER_TYPES):
        return "integer"
    if kind.is_type(*exp.DataType.TEXT_TYPES):
        return "text"
    return "date" if kind.is_type(exp.DType.DATE) else ""
