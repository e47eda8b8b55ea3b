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
_KINDS = {"int32": "i", "int64": "w", "float64": "r"}
_WIDEST = np.iinfo(np.int32)
_POLARS = {"int32": pl.Int32, "int64": pl.Int64, "float64": pl.Float64}


class KeyOutOfRange(ValueError):
    """An entry's key is negative, or not below the bound."""

    def __init__(self, at: int, key: int) -> None:
        super().__init__(f"key {key} of entry {at}")
        self.at, self.key = at, key


class Rows(NamedTuple):
    """Entries by row: those of row `r` are `indptr[r]` to `indptr[r + 1]`.

    `rising`: the minors of each row are known to ascend, each once.
    """

    indptr: Offsets
    minors: Places
    values: Values
    rising: bool = False


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
    return _checked(keys, native.transpose(offsets, keys, values, *found[:3], *sizes, first), found)


def group(majors: Places, keys: Values, values: Values, bound: int) -> Rows:
    """As `transpose`, of entries whose rows are given one by one."""
    arrays = [np.ascontiguousarray(each) for each in (majors, keys, values)]
    if (native := compiled("_sparse")) is None:
        return _sorted(arrays[0], arrays[1], arrays[2], bound)
    found = _rows(len(keys), bound, values.dtype)
    sizes = (keys.itemsize, values.itemsize)
    return _checked(keys, native.group(*arrays, *found[:3], *sizes), found)


def sort_rows(rows: Rows) -> int:
    """Sort the entries of each row in place, equal ones in their order; how many are repeated."""
    if (native := compiled("_sparse")) is not None:
        return int(native.sort_rows(*rows[:3], rows.values.itemsize))
    indptr, minors, values, _ = rows
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
    """Entries, or room for them: places from 0 (none of bare values), values (none of a pattern).

    Of parsed ones also how many lines there were with the empty ones, and where parsing ended.
    """

    rows: Places
    columns: Places
    values: Values
    lines: int = 0
    stop: int = 0

    @property
    def height(self) -> int:
        """How many entries."""
        return max(len(self.rows), len(self.values))

    def cut(self, start: int, stop: int) -> Triples:
        """A part of them, which shares their memory."""
        part = slice(start, stop)
        return Triples(self.rows[part], self.columns[part], self.values[part])


def room(places: bool, kind: str | None, most: int) -> Triples:
    """Room for so many entries, whose values are of this kind; of a pattern it is None."""
    rows, columns = (np.empty(most if places else 0, np.int32) for _ in range(2))
    return Triples(rows, columns, np.empty(most, kind) if kind else np.empty(0, np.int64))


def parse_triples(
    block: bytes | memoryview, start: int, limits: tuple[int, int] | None, into: Triples
) -> Triples:
    r"""The lines of a MatrixMarket body, up to the first that is not as the common ones are.

    Words are parted by blanks and tabs; lines end with `\n` and may be empty. `limits` are rows
    and columns of entries with places, None of bare values. They are written to the beginning of
    `into`, whose values say what is looked for: whole numbers of at most 18 digits that fit
    (int32, int64), real ones (float64, rounded correctly), or none. `stop` is the block's length,
    or where the line begins that has anything else, a place outside the limits, or no room.
    """
    if (native := compiled("_sparse")) is None:
        return _without_native(bytes(block), start, limits, into)
    kind = _KINDS[into.values.dtype.name] if len(into.values) or not limits else "p"
    count, lines, stop = native.parse_triples(
        block, start, limits is not None, kind, *(limits or (0, 0)), *into[:3]
    )
    return into.cut(0, count)._replace(lines=lines, stop=stop)


def _rows(count: int, bound: int, kind: np.dtype[Any]) -> Rows:
    return Rows(np.empty(bound + 1, np.int64), np.empty(count, np.int32), np.empty(count, kind))


def _checked(keys: Values, answer: tuple[int, bool], found: Rows) -> Rows:
    wrong, rising = answer
    if wrong >= 0:
        raise KeyOutOfRange(wrong, int(keys[wrong]))
    return found._replace(rising=rising)


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


def _without_native(
    block: bytes, start: int, limits: tuple[int, int] | None, into: Triples
) -> Triples:
    most = into.height
    kind = into.values.dtype if len(into.values) or not limits else None
    found = None if start else _by_table(block, kind, limits, most)
    found = found or _by_line(block, start, kind, limits, most)
    for array, values in zip(into[:3], found[:3], strict=True):
        array[: len(values)] = values
    return into.cut(0, found.height)._replace(
        lines=block.count(b"\n", start, found.stop), stop=found.stop
    )


def _by_table(
    block: bytes, kind: np.dtype[Any] | None, limits: tuple[int, int] | None, most: int
) -> Triples | None:
    """All lines by polars, None where one of them is not as the common ones are."""
    value = [_POLARS[kind.name]] if kind else []
    kinds = [*([pl.Int32] * 2 if limits else []), *value]
    schema = {f"c{i}": each for i, each in enumerate(kinds)}
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
    values = arrays[-1] if kind else np.zeros(0, np.int64)
    return Triples(places[0] - np.int32(1), places[1] - np.int32(1), values, stop=len(block))


def _table(block: bytes, schema: dict[str, Any]) -> pl.DataFrame | None:
    if not block:
        return pl.DataFrame(schema=schema)
    try:
        table = pl.read_csv(block, has_header=False, separator=" ", schema=schema, quote_char=None)
    except pl.exceptions.PolarsError:
        return None
    return None if any(column.null_count() for column in table.iter_columns()) else table


def _by_line(
    block: bytes,
    start: int,
    kind: np.dtype[Any] | None,
    limits: tuple[int, int] | None,
    most: int,
) -> Triples:
    places: list[tuple[int, int]] = []
    values: list[float] = []
    value = [] if kind is None else [_REAL if kind.kind == "f" else _WHOLE]
    words = [*([_WHOLE, _WHOLE] if limits else []), *value]
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
    return Triples(pairs[:, 0], pairs[:, 1], np.array(values, kind or np.int64), stop=start)


def _taken(
    numbers: Sequence[bytes],
    kind: np.dtype[Any] | None,
    limits: tuple[int, int] | None,
    places: list[tuple[int, int]],
    values: list[float],
) -> bool:
    """Keeps the numbers of a line; whether they are within their limits."""
    if kind is not None:
        value = float(numbers[-1]) if kind.kind == "f" else int(numbers[-1])
        if kind == np.int32 and not _WIDEST.min <= value <= _WIDEST.max:
            return False
        values.append(value)
    if limits:
        row, column = int(numbers[0]), int(numbers[1])
        if not (1 <= row <= limits[0] and 1 <= column <= limits[1]):
            del values[len(places) :]
            return False
        places.append((row, column))
    return True
