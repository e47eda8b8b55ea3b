"""Which files of a version may hold rows of a filter, by partition values and statistics.

Owns the filter in both its forms: over file statistics and as SQL. Keep out: reading.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from polly_resources.tables.base import Where


def may_match(actions: pa.Table, where: Where) -> pa.ChunkedArray:
    """For each file action, whether its file may hold rows of the filter."""
    keep = pa.array([True] * actions.num_rows, pa.bool_())
    for column, values in where.items():
        low, high, exact = f"min.{column}", f"max.{column}", f"partition.{column}"
        if exact in actions.column_names:
            hit = pc.is_in(actions[exact], value_set=pa.array(values, actions[exact].type))
        elif low in actions.column_names and values:
            hit = _ranges_overlap(actions[low], actions[high], values)
        else:
            continue
        keep = pc.and_(keep, pc.fill_null(hit, True))
    return keep


def _ranges_overlap(
    low: pa.ChunkedArray, high: pa.ChunkedArray, values: Sequence[Any]
) -> pa.BooleanArray:
    ordered = sorted(values)

    def overlaps(least: Any, most: Any) -> bool:
        if least is None or most is None:
            return True
        at = bisect_left(ordered, least)
        return bool(at < len(ordered) and ordered[at] <= most)

    pairs = zip(low.to_pylist(), high.to_pylist(), strict=True)
    return pa.array([overlaps(least, most) for least, most in pairs], pa.bool_())


def condition(where: Where) -> str:
    """The filter as an SQL condition."""
    return " AND ".join(is_one_of(column, values) for column, values in where.items())


def is_one_of(column: str, values: Sequence[Any]) -> str:
    """The SQL condition that a column holds one of the values."""
    if not values:
        return "false"
    if isinstance(values, range) and values.step == 1:  # of a long list no engine looks at the ends
        return f"{identifier(column)} BETWEEN {values[0]} AND {values[-1]}"
    return f"{identifier(column)} IN ({', '.join(_literal(value) for value in values)})"


def identifier(name: str) -> str:
    """A name in SQL."""
    return '"' + name.replace('"', '""') + '"'


def _literal(value: Any) -> str:
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, float):
        return f"CAST('{value!r}' AS DOUBLE)"
    return str(value).lower() if isinstance(value, bool) else str(int(value))
