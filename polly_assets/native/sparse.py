"""Sparse matrices turned, sorted and regrouped, and their text parsed.

Owns the loops that sparse formats share. Each function takes `_sparse.cpp` where that was built;
the numpy below it gives the same arrays. Keep out: files and errors for people.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from polly_assets.native.compiled import compiled

Offsets: TypeAlias = npt.NDArray[np.int64]
Places: TypeAlias = npt.NDArray[np.int32]
Values: TypeAlias = npt.NDArray[Any]


_WHOLE = rb"([+-]?0*\d{1,18})"
_REAL = rb"([+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|inf|infinity|nan))"
_KINDS = {"w": np.int64, "r": np.float64, "p": np.int64}


class KeyOutOfRange(ValueError):
    """An entry's key is negative, or not below the bound."""

    def __init__(self, at: int, key: int) -> None:
        super().__init__(f"key {key} of entry {at}")
        self.at, self.key = at, key


class Rows(NamedTuple):
    """Entries by row: those of row `r` are `indptr[r]` to `indptr[r + 1]`."""

    indptr: Offsets
    minors: Places
    values: Values


def transpose(indptr: Offsets, keys: Values, values: Values, bound: int, first: int = 0) -> Rows:
    """Compressed rows, whose numbers begin with `first`, as rows of their `bound` keys.

    Entries of one key stay in their order. `keys` are int32 or int64, `values` of 4 or 8 bytes.
    Raises KeyOutOfRange.
    """
    keys, values = np.ascontiguousarray(keys), np.ascontiguousarray(values)
    found = _rows(len(keys), bound, values.dtype)
    if (native := compiled("_sparse")) is None:
        return _sorted(
            np.repeat(_numbers(first, len(indptr) - 1), np.diff(indptr)), keys, values, bound
        )
    offsets = np.ascontiguousarray(indptr, np.int64)
    sizes = (keys.itemsize, values.itemsize)
    return _checked(keys, native.transpose(offsets, keys, values, *found, *sizes, first), found)


def group(majors: Places, keys: Values, values: Values, bound: int) -> Rows:
    """As `transpose`, of entries whose rows are given one by one."""
    arrays = [np.ascontiguousarray(each) for each in (majors, keys, values)]
    if (native := compiled("_sparse")) is None:
        return _sorted(arrays[0], arrays[1], arrays[2], bound)
    found = _rows(len(keys), bound, values.dtype)
    return _checked(keys, native.group(*arrays, *found, keys.itemsize, values.itemsize), found)


def sort_rows(rows: Rows) -> int:
    """Sort the entries of each row in place, equal ones in their order; how many are repeated."""
    if (native := compiled("_sparse")) is not None:
        return int(native.sort_rows(*rows, rows.values.itemsize))
    indptr, minors, values = rows
    numbers = np.repeat(_numbers(0, len(indptr) - 1), np.diff(indptr))
    same = numbers[1:] == numbers[:-1]
    if (same & (minors[1:] < minors[:-1])).any():
        order = np.lexsort((minors, numbers))
        minors[:], values[:] = minors[order], values[order]
    return int(np.count_nonzero(same & (minors[1:] == minors[:-1])))


def examine(indptr: Offsets, keys: Values, bound: int) -> bool:
    """Whether each row's keys ascend, each once. Raises KeyOutOfRange."""
    keys = np.ascontiguousarray(keys)
    if (native := compiled("_sparse")) is not None:
        wrong, rising = native.examine(np.ascontiguousarray(indptr), keys, bound, keys.itemsize)
    else:
        wrong = _first_wrong(keys, bound)
        steps = keys[1:] > keys[:-1]
        starts = indptr[1:-1]
        steps[starts[(starts > 0) & (starts < len(keys))] - 1] = True
        rising = bool(steps.all())
    if wrong >= 0:
        raise KeyOutOfRange(wrong, int(keys[wrong]))
    return bool(rising)


def regroup(sizes: npt.NDArray[np.int64], data: Values) -> Values:
    """Runs of rows as rows of runs; `sizes[run, row]` items of `data` belong together."""
    out = np.empty_like(data)
    if (native := compiled("_sparse")) is not None:
        native.regroup(np.ascontiguousarray(sizes), data, out, len(sizes), data.itemsize)
        return out
    by_row = sizes.T.ravel()
    starts = (np.cumsum(sizes.ravel()) - sizes.ravel()).reshape(sizes.shape).T.ravel()
    shifts = np.repeat(starts - (np.cumsum(by_row) - by_row), by_row)
    np.take(data, shifts + np.arange(len(data)), out=out)
    return out


def weave(planes: bytes, kind: np.dtype[Any]) -> Values:
    """Numbers of which all first bytes come first, then all second ones: HDF5's shuffle undone."""
    out = np.empty(len(planes) // kind.itemsize, kind)
    if (native := compiled("_sparse")) is not None:
        native.weave(planes, out, kind.itemsize)
    else:
        whole = np.frombuffer(planes, np.uint8).reshape(kind.itemsize, -1)
        out.view(np.uint8).reshape(-1, kind.itemsize)[:] = whole.T
    return out


class Triples(NamedTuple):
    """Parsed lines: places from 0, values (none of a pattern), and where parsing ended."""

    rows: Places
    columns: Places
    values: Values
    stop: int

    @property
    def height(self) -> int:
        """How many lines."""
        return max(len(self.rows), len(self.values))


def parse_triples(
    block: bytes, start: int, kind: str, limits: tuple[int, int] | None, most: int
) -> Triples:
    r"""The lines of a MatrixMarket body, up to the first that is not as the common ones are.

    Words are parted by blanks and tabs; lines end with `\n` and may be empty. `limits` are rows
    and columns of entries with places, None of bare values. `kind` is `w` for whole numbers of
    at most 18 digits (int64), `r` for real ones (float64, rounded correctly), `p` for none.
    `stop` is the block's length, or where the line begins that has anything else, a place
    outside the limits, or `most` entries before it (for so many there is room, whatever comes).
    """
    if (native := compiled("_sparse")) is None:
        found = None if start else _by_table(block, kind, limits, most)
        return found or _by_line(block, start, kind, limits, most)
    shortest = (4 if limits else 0) + (2 if kind != "p" else 0)
    most = min(most, (len(block) - start) // shortest + 1)
    rows, columns = (np.empty(most if limits else 0, np.int32) for _ in range(2))
    values = np.empty(0 if kind == "p" else most, _KINDS[kind])
    count, stop = native.parse_triples(
        block, start, limits is not None, kind, *(limits or (0, 0)), rows, columns, values
    )
    return Triples(rows[:count], columns[:count], values[:count], stop)


def _rows(count: int, bound: int, kind: np.dtype[Any]) -> Rows:
    return Rows(np.empty(bound + 1, np.int64), np.empty(count, np.int32), np.empty(count, kind))


def _checked(keys: Values, wrong: int, found: Rows) -> Rows:
    if wrong >= 0:
        raise KeyOutOfRange(wrong, int(keys[wrong]))
    return found


def _numbers(first: int, count: int) -> Places:
    return np.arange(first, first + count, dtype=np.int32)


def _first_wrong(keys: Values, bound: int) -> int:
    if not len(keys) or (keys.min() >= 0 and keys.max() < bound):
        return -1
    return int(np.flatnonzero((keys < 0) | (keys >= bound))[0])


def _sorted(majors: Places, keys: Values, values: Values, bound: int) -> Rows:
    if (wrong := _first_wrong(keys, bound)) >= 0:
        raise KeyOutOfRange(wrong, int(keys[wrong]))
    indptr = np.zeros(bound + 1, np.int64)
    np.cumsum(np.bincount(keys, minlength=bound), out=indptr[1:])
    order = _stable_order(keys, bound)
    return Rows(indptr, majors[order], values[order])


def _stable_order(keys: Values, bound: int) -> npt.NDArray[np.intp]:
    """A stable argsort; numpy sorts 16-bit keys by radix, in linear time."""
    low = np.argsort((keys & 0xFFFF).astype(np.uint16), kind="stable")
    if bound <= 1 << 16:
        return low
    return low[np.argsort((keys >> 16).astype(np.uint16)[low], kind="stable")]


def _by_table(block: bytes, kind: str, limits: tuple[int, int] | None, most: int) -> Triples | None:
    """All lines by polars, None where one of them is not as the common ones are."""
    value = [] if kind == "p" else [pl.Int64 if kind == "w" else pl.Float64]
    kinds = [*([pl.Int32] * 2 if limits else []), *value]
    schema = {f"c{i}": kind for i, kind in enumerate(kinds)}
    table = _table(block, schema)
    if table is None:
        tidied = re.sub(rb" ?\n[ \n]*", b"\n", re.sub(rb"[ \t]+", b" ", block)).strip(b" \n")
        table = _table(tidied, schema)
    if table is None or table.height > most:
        return None
    arrays = [column.to_numpy() for column in table.iter_columns()]
    none = np.zeros(0, np.int32)
    places = arrays[:2] if limits else [none, none]
    for each, limit in zip(places, limits or (0, 0), strict=True):
        if len(each) and (each.min() < 1 or each.max() > limit):
            return None
    values = np.zeros(0, np.int64) if kind == "p" else arrays[-1]
    return Triples(places[0] - np.int32(1), places[1] - np.int32(1), values, len(block))


def _table(block: bytes, schema: dict[str, Any]) -> pl.DataFrame | None:
    if not block:
        return pl.DataFrame(schema=schema)
    try:
        table = pl.read_csv(block, has_header=False, separator=" ", schema=schema, quote_char=None)
    except pl.exceptions.PolarsError:
        return None
    return None if any(column.null_count() for column in table.iter_columns()) else table


def _by_line(
    block: bytes, start: int, kind: str, limits: tuple[int, int] | None, most: int
) -> Triples:
    places: list[tuple[int, int]] = []
    values: list[float] = []
    words = [*([_WHOLE, _WHOLE] if limits else []), *{"w": [_WHOLE], "r": [_REAL], "p": []}[kind]]
    line = re.compile(rb"[ \t]*" + rb"[ \t]+".join(words) + rb"[ \t]*", re.IGNORECASE)
    count = 0
    while start < len(block):
        end = block.find(b"\n", start) + 1 or len(block)
        raw = block[start:end].removesuffix(b"\n")
        if raw.strip(b" \t"):
            found = line.fullmatch(raw)
            numbers = found.groups() if found and count < most else ()
            if not numbers or not _taken(numbers, kind, limits, places, values):
                break
            count += 1
        start = end
    pairs = np.array(places, np.int32).reshape(-1, 2) - np.int32(1)
    return Triples(pairs[:, 0], pairs[:, 1], np.array(values, _KINDS[kind]), start)


def _taken(
    numbers: Sequence[bytes],
    kind: str,
    limits: tuple[int, int] | None,
    places: list[tuple[int, int]],
    values: list[float],
) -> bool:
    """Keeps the numbers of a line; whether its places are within the limits."""
    if limits:
        row, column = int(numbers[0]), int(numbers[1])
        if not (1 <= row <= limits[0] and 1 <= column <= limits[1]):
            return False
        places.append((row, column))
    if kind != "p":
        values.append(int(numbers[-1]) if kind == "w" else float(numbers[-1]))
    return True
