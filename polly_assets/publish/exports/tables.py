"""What exports share: tables of plain columns, JSON text, and the matrix in dense blocks.

Owns how values that files cannot hold (lists, structures, dates) become text. Add here what
at least two exports need.
Keep out: the grammar of any one format.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from polly_assets.publish.content import DatasetContent, LargeMatrix, SparseColumns, Values
from polly_resources.errors import NotFound

LIST_SEPARATOR = "|"
"""Between the values of a list; `|` and a backslash within a value get a backslash before."""

BLOCK_CELLS = 4_000_000
"""Cells that are made text together; one feature at least."""

_PLAIN = {
    *(pl.String, pl.Boolean, pl.Float32, pl.Float64),
    *(pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64),
}


def main_matrix(content: DatasetContent) -> Values | LargeMatrix:
    """Matrix `X`; NotFound `no_matrix` without one."""
    matrix = content.matrices.get("X")
    if matrix is None:
        held = ", ".join(content.matrices) or "none"
        raise NotFound(
            "no_matrix",
            f"{content.dataset_id} has no matrix X (matrices: {held})",
            hint="export it as csv or parquet, which take variants, and samples alone"
            if content.variants is not None or only_samples(content)
            else "export it as h5ad, which needs none",
        )
    return matrix


def text_bytes(matrix: Values | LargeMatrix) -> int:
    """The least that a matrix takes as text: a digit and a separator for each cell.

    Of real numbers `.0` besides.
    """
    features, samples = map(int, matrix.shape)
    return features * samples * (4 if dtype_of(matrix).kind == "f" else 2)


def only_variants(content: DatasetContent) -> pl.DataFrame | None:
    """The variants of a dataset that has no matrix X; None for others."""
    return None if "X" in content.matrices else content.variants


def only_samples(content: DatasetContent) -> bool:
    """Whether a dataset has neither matrices nor variants."""
    return not content.matrices and content.variants is None


def dtype_of(matrix: Values | LargeMatrix) -> np.dtype[np.generic]:
    """The type of a matrix's values."""
    return np.dtype(matrix.values.dtype if isinstance(matrix, SparseColumns) else matrix.dtype)


def runs_of(matrix: Values | LargeMatrix, values: int) -> Iterator[tuple[int, Values]]:
    """The matrix in runs of features, each with its first; one that is held is one run.

    `values` is how many stored ones are wanted in a run of a matrix that is not held.
    """
    first = 0
    for run in matrix.runs(values) if isinstance(matrix, LargeMatrix) else (matrix,):
        yield first, run
        first += run.shape[0]


def dense_blocks(
    matrix: Values | LargeMatrix, cells: int | None = None
) -> Iterator[tuple[int, npt.NDArray[Any]]]:
    """Runs of features of `cells` cells, or BLOCK_CELLS: (first feature, features x samples).

    At least one run.
    """
    cells = cells or BLOCK_CELLS
    step = max(1, cells // max(1, matrix.shape[1]))
    for first, run in runs_of(matrix, cells):
        features = run.shape[0]
        for start in range(0, max(1, features), step):
            yield first + start, _dense(run, start, min(start + step, features))


def _dense(matrix: Values, start: int, stop: int) -> npt.NDArray[Any]:
    if not isinstance(matrix, SparseColumns):
        return matrix[start:stop]
    block = np.zeros((stop - start, matrix.shape[1]), matrix.values.dtype)
    offsets = matrix.indptr[start : stop + 1]
    stored = slice(int(offsets[0]), int(offsets[-1]))
    rows = np.repeat(np.arange(stop - start), offsets[1:] - offsets[:-1])
    block[rows, matrix.indices[stored]] = matrix.values[stored]
    return block


def exact_floats(block: npt.NDArray[Any], names: list[str]) -> pl.DataFrame:
    """A block of features as columns whose text form reads back equal as float64."""
    exact = block.astype(np.float64) if block.dtype == np.float32 else block
    return pl.DataFrame([pl.Series(name, exact[:, i]) for i, name in enumerate(names)])


def plain(frame: pl.DataFrame) -> pl.DataFrame:
    """The table with text, number and boolean columns only; missing values stay null.

    Lists of values are joined with LIST_SEPARATOR; dates are ISO 8601; what has structure
    is JSON; columns of mixed types are text.
    """
    return pl.DataFrame({column.name: plain_column(column) for column in frame.get_columns()})


def plain_column(column: pl.Series) -> pl.Series:
    """One column of `plain`."""
    kind = column.dtype
    if kind in _PLAIN:
        return column
    if kind == pl.List(pl.String):
        item = pl.element().str.replace_all(r"[\\|]", r"\${0}")
        return column.list.eval(item).list.join(LIST_SEPARATOR)
    if isinstance(kind, pl.Categorical | pl.Enum | pl.Null):
        return column.cast(pl.String)
    words = [None if value is None else _word(value) for value in column.to_list()]
    return pl.Series(column.name, words, dtype=pl.String)


def _word(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and not any(isinstance(item, list | dict) for item in value):
        return LIST_SEPARATOR.join(_escaped(_word(x)) for x in value if x is not None)
    if isinstance(value, list | dict):
        return json_text(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    return str(value.isoformat()) if hasattr(value, "isoformat") else str(value)


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace(LIST_SEPARATOR, f"\\{LIST_SEPARATOR}")


def exact_lists(frame: pl.DataFrame) -> dict[str, dict[str, Any]]:
    """For each column of lists: joined text, as `plain` writes it, to the list it stands for."""
    found = {}
    for column in frame.get_columns():
        if isinstance(column.dtype, pl.List):
            lists = column.drop_nulls().unique(maintain_order=True).to_list()
            found[column.name] = {_word(values): values for values in lists}
    return found


def column_names(names: list[str], *reserved: str) -> dict[str, str]:
    """Column name to the name that it stands for: unique, never empty, never reserved."""
    columns: dict[str, str] = {}
    taken = {*reserved, *names}
    for name in names:
        good = bool(name) and name not in reserved and name not in columns
        columns[name if good else free_name(name or "unnamed", taken | columns.keys())] = name
    return columns


def free_name(name: str, taken: Mapping[str, Any] | set[str]) -> str:
    """`name`, or `name.1`, `name.2`, ... where it is taken."""
    free, i = name, 0
    while free in taken:
        i += 1
        free = f"{name}.{i}"
    return free


def json_text(value: Any) -> str:
    """Standard JSON: NaN and infinities are null, times ISO 8601, other objects text."""
    return json.dumps(_jsonable(value), ensure_ascii=False, allow_nan=False)


def _jsonable(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, Mapping):
        return {str(key): _jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | np.ndarray):
        return [_jsonable(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | int):
        return value
    return _word(value)
