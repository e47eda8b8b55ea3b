"""Fields of the JSON column `metadata` as SQL columns: their names, types and expressions.

A field answers to its own name and to its snake_case form, without regard to case; where
several fields share one, the first that has a value counts. Keep out: which fields there
are (`catalog`), and where a statement may name them (`columns`).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
from sqlglot import exp

COLUMN = "metadata"

NESTED = pa.list_(pa.field("element", pa.string()))
"""The type of fields whose values may be lists or objects; SQL shows these as JSON text."""

Fields = Mapping[str, pa.DataType]
"""Original names to types: boolean, int64, float64, string or NESTED."""

_NUMBERS = frozenset({pa.int64(), pa.float64()})
_CASTS = {pa.bool_(): "boolean", pa.int64(): "bigint", pa.float64(): "double"}


@dataclass(frozen=True, slots=True)
class Listed:
    """A column that a table does not have and answers to: its type and original names."""

    name: str
    type: pa.DataType
    fields: tuple[str, ...]


def common_type(kinds: Iterable[pa.DataType]) -> pa.DataType:
    """The type that holds values of all these types."""
    found = set(kinds)
    if len(found) == 1:
        return found.pop()
    if found <= _NUMBERS:
        return pa.float64()
    return NESTED if NESTED in found else pa.string()


def matching(name: str, fields: Fields) -> list[str]:
    """The fields that a column name means, best first: as written, but for case, snake_case."""
    wanted = name.lower()
    return _ranked(name, (field for field in fields if wanted in _names(field)))


def snake_case(field: str) -> str:
    """The name in lower case, with one `_` for whatever stands between letters and digits."""
    return re.sub(r"[\W_]+", "_", field.lower()).strip("_")


def listed(taken: Collection[str], fields: Fields) -> list[Listed]:
    """The columns by which the fields can be named, in order, where `taken` are the table's own."""
    by_name: defaultdict[str, list[str]] = defaultdict(list)
    for field in fields:
        for name in dict.fromkeys(_names(field)):
            by_name[name].append(field)
    names = {
        next((name for name in _names(field) if name and name not in taken), "") for field in fields
    }
    found = ((name, _ranked(name, by_name[name])) for name in sorted(names - {""}))
    return [Listed(name, column_type(own, fields), tuple(own)) for name, own in found]


def _names(field: str) -> tuple[str, str]:
    """What a field answers to, the better name first."""
    return snake_case(field), field.lower()


def _ranked(name: str, chosen: Iterable[str]) -> list[str]:
    return sorted(chosen, key=lambda field: (field != name, field.lower() != name.lower(), field))


def column_type(chosen: Sequence[str], fields: Fields) -> pa.DataType:
    """The type of the column that stands for the chosen fields."""
    kind = common_type(fields[field] for field in chosen)
    return pa.string() if kind == NESTED else kind


def expression(chosen: Sequence[str], fields: Fields) -> exp.Expr:
    """The chosen fields' value, in Trino's dialect."""
    texts = [_text(field, fields[field]) for field in chosen]
    value = texts[0] if len(texts) == 1 else exp.Coalesce(this=texts[0], expressions=texts[1:])
    cast = _CASTS.get(column_type(chosen, fields))
    return exp.TryCast(this=value, to=exp.DataType.build(cast, "trino")) if cast else value


def _text(field: str, kind: pa.DataType) -> exp.Expr:
    scalar = exp.JSONExtractScalar(this=exp.column(COLUMN), expression=_path(field))
    if kind != NESTED:
        return scalar
    whole = exp.JSONExtract(this=exp.column(COLUMN), expression=_path(field))
    given = exp.Nullif(this=exp.JSONFormat(this=whole), expression=exp.Literal.string("null"))
    return exp.Coalesce(this=scalar, expressions=[given])


def _path(field: str) -> exp.JSONPath:
    """`$["field"]`. The generators escape quotes, but not backslashes."""
    key = exp.JSONPathKey(this=field.replace("\\", "\\\\"))
    return exp.JSONPath(expressions=[exp.JSONPathRoot(), key])
