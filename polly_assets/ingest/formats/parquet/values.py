"""The columns of a Parquet file as text and as blocks of a matrix, read a part at a time.

Owns opening, types of numbers, and the promise that a damaged file is a BadInput. Numbers up to
`WHOLE_BYTES` are held; beyond, the open file is read again for each pass over the blocks.
Keep out: which columns are what (`parquet`, `roles`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from polly_assets.ingest.formats.base import BLOCK_FEATURES, Block, DenseMatrix, Matrix, Source
from polly_assets.ingest.formats.streams.packed import check_growth
from polly_assets.ingest.formats.streams.text import GZIP_MAGIC, read_bytes
from polly_assets.ingest.formats.wording import beginning
from polly_resources.errors import BadInput
from polly_resources.records import Notice

WHOLE_BYTES = 64 * 1024**2
"""Values of this size are held in memory, and read so many at a time."""

_TYPES = {
    "int8": "int32",
    "int16": "int32",
    "uint8": "int32",
    "uint16": "int32",
    "uint32": "int64",
    "uint64": "int64",
    "halffloat": "float32",
}
_KEPT = {"int32": "int32", "int64": "int64", "float": "float32", "double": "float64"}

_OF_BYTES = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary)

_READ_ROWS = 1 << 16


@contextmanager
def guarded(file: str) -> Iterator[None]:
    """Turns what pyarrow raises into BadInput `corrupt_parquet` or `unsupported_parquet`."""
    try:
        yield
    except pa.ArrowNotImplementedError as error:
        raise BadInput(
            "unsupported_parquet",
            f"it needs a feature of Parquet that is not read: {_first_line(error)}",
            file=file,
            hint="write the file anew with snappy or zstd compression",
        ) from error
    except (pa.ArrowException, OSError, MemoryError, UnicodeDecodeError) as error:
        if "crypt" in str(error):
            raise BadInput(
                "unsupported_parquet",
                f"found an encrypted file, expected a plain one ({_first_line(error)})",
                file=file,
                hint="write the file anew without encryption",
            ) from error
        raise BadInput(
            "corrupt_parquet",
            f"expected a Parquet file (PAR1 at both ends), found: {_first_line(error)}",
            file=file,
            hint="the file is damaged or cut short: transfer it again",
        ) from error


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0][:300].rstrip(". ")


def opened(source: Source) -> pq.ParquetFile:
    """The file, to be read with little memory; a gzipped one is unpacked in memory."""
    with source.path.open("rb") as raw:
        start, size = raw.read(4), source.path.stat().st_size
    if start.startswith(GZIP_MAGIC):
        return pq.ParquetFile(BytesIO(read_bytes(source.path, source.name)))
    if not size:
        raise BadInput("empty_file", "the file has no content", file=source.name, hint="upload it")
    if start not in (b"PAR1", b"PARE"):
        raise BadInput(
            "corrupt_parquet",
            f"expected a Parquet file, which begins with PAR1, found {beginning(start)}",
            file=source.name,
            hint="the content is not what the name says: upload the original again",
        )
    return pq.ParquetFile(source.path, pre_buffer=False, buffer_size=1 << 20)


def is_number(kind: pa.DataType) -> bool:
    """Whether values of this type can be those of a matrix; a column of nothing can."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return str(kind) in _TYPES.keys() | _KEPT.keys() or _is_wide(kind)


def _is_wide(kind: pa.DataType) -> bool:
    return bool(pa.types.is_decimal(kind) or pa.types.is_null(kind))


def text(file: pq.ParquetFile, column: int, source: Source) -> pl.Series:
    """A column that is no matter of the matrix, in its own type.

    Bytes are UTF-8, times that passed are text as in ISO 8601 (`PT1.5S`).

    Raises BadInput `unpacks_too_large`, `corrupt_parquet`.
    """
    packed, size, parts = source.path.stat().st_size, 0, []
    for part in _columns(file, [column], _READ_ROWS):
        array = part[0].storage if isinstance(part[0], pa.ExtensionArray) else part[0]
        if pa.types.is_dictionary(array.type):
            array.validate(full=True)
            array = array.dictionary_decode()
        if any(test(array.type) for test in _OF_BYTES):
            array = _as_text(array, f"column {file.schema_arrow.names[column]!r}", source.name)
        if pa.types.is_decimal256(array.type):  # which polars has not
            array = array.cast(pa.float64())
        array.validate(full=True)  # polars trusts that text is UTF-8
        size += array.nbytes
        check_growth(size, packed, source.name, f"column {file.schema_arrow.names[column]!r}")
        parts.append(array)
    if sum(map(len, parts)) != file.metadata.num_rows:
        raise _wrong_length(source.name)
    whole = pa.chunked_array(parts, parts[0].type if parts else pa.null())
    found = cast(pl.Series, pl.from_arrow(whole))
    return found.dt.to_string("iso") if isinstance(found.dtype, pl.Duration) else found


def _as_text(array: pa.Array, place: str, file: str) -> pa.Array:
    try:
        return array.cast(pa.large_binary()).cast(pa.large_string())
    except pa.ArrowInvalid as error:
        raise BadInput(
            "bad_values",
            "found bytes that are no text in UTF-8, expected text or numbers",
            file=file,
            place=place,
            hint="leave the column out, or write it as text",
        ) from error


def _wrong_length(file: str) -> BadInput:
    return BadInput(
        "corrupt_parquet",
        "a column has another number of rows than the file states",
        file=file,
        hint="the file is damaged: write it anew",
    )


def _columns(file: pq.ParquetFile, places: Sequence[int], rows: int) -> Iterator[list[pa.Array]]:
    """Some columns, so many rows at a time.

    Columns are asked for by name, which gives those of longer names, too (`a` and `a.b`).
    """
    names = [file.schema_arrow.names[i] for i in places]
    for batch in file.iter_batches(batch_size=rows, columns=names, use_threads=len(names) > 1):
        yield [batch.column(name) for name in names]


class Values:
    """The numbers of a file: their common type, and the matrix that they are.

    Raises BadInput `bad_values` where a number does not fit into its type.
    """

    def __init__(self, file: pq.ParquetFile, name: str, marks: Sequence[bool], rows: int) -> None:
        self.file, self.name, self.rows = file, name, rows
        self.places = [i for i, mark in enumerate(marks) if mark]
        kinds = [self._kind(i) for i in self.places]
        with_gaps = self._gaps()
        found = np.result_type(*{_target(kind) for kind in kinds})
        self.dtype = str(found if found.kind == "f" or not with_gaps else np.dtype("float64"))
        self.notices = tuple(_widened(kinds))

    def _kind(self, place: int) -> pa.DataType:
        kind = self.file.schema_arrow.field(place).type
        return kind.value_type if pa.types.is_dictionary(kind) else kind

    def _gaps(self) -> bool:
        """Whether integers are missing; the columns are read where the file does not say it."""
        whole = [i for i in self.places if _target(self._kind(i)).startswith("int")]
        if len(whole) < len(self.places) and not whole:
            return False
        counts = [
            group.column(i).statistics
            for group in map(self.file.metadata.row_group, range(self.file.num_row_groups))
            for i in whole
        ]
        if all(stats is not None and stats.has_null_count for stats in counts):
            return any(stats.null_count for stats in counts)
        return any(array.null_count for part in _columns(self.file, whole, 1024) for array in part)

    def matrix(self, transposed: bool) -> Matrix:
        """Features x samples; `transposed` where the rows of the file are samples."""
        shape = (self.rows, len(self.places))
        matrix = ParquetMatrix(self, shape[::-1] if transposed else shape, transposed)
        if self.rows * len(self.places) * np.dtype(self.dtype).itemsize > WHOLE_BYTES:
            return matrix
        return DenseMatrix(np.concatenate([np.asarray(block) for block in matrix.blocks()]))

    def array(self, column: pa.Array | pa.ChunkedArray, place: int) -> npt.NDArray[Any]:
        """One column as numbers of the common type, NaN where missing."""
        target = pa.from_numpy_dtype(np.dtype(self.dtype))
        try:
            if pa.types.is_dictionary(column.type):
                column.validate(full=True)
                column = column.cast(column.type.value_type)
            found = column.cast(target)
        except pa.ArrowInvalid as error:
            raise BadInput(
                "bad_values",
                f"found {_first_line(error)}, expected numbers that {self.dtype} holds exactly",
                file=self.name,
                place=f"column {self.file.schema_arrow.names[place]!r}",
                hint="store all columns of the matrix as float64",
            ) from error
        if found.null_count and not self.dtype.startswith("float"):
            raise _wrong_length(self.name)
        return cast(npt.NDArray[Any], found.to_numpy(zero_copy_only=False))


def _target(kind: pa.DataType) -> str:
    name = str(kind)
    return _TYPES.get(name) or _KEPT.get(name) or "float64"


def _widened(kinds: Iterable[pa.DataType]) -> Iterator[Notice]:
    for name in sorted({str(k) for k in kinds if not pa.types.is_null(k)} - _KEPT.keys()):
        target = _TYPES.get(name, "float64")
        yield Notice("type_widened", f"{name} values are stored as {target}")


@dataclass(frozen=True, slots=True)
class ParquetMatrix(Matrix):
    """A matrix that stays in its open file, given out block by block."""

    values: Values
    shape: tuple[int, int]
    transposed: bool
    name: str = "X"

    @property
    def dtype(self) -> str:  # type: ignore[override]
        """The numpy name of the value type."""
        return self.values.dtype

    @property
    def sparse(self) -> bool:  # type: ignore[override]
        """Always False."""
        return False

    def blocks(self, features: int = BLOCK_FEATURES) -> Iterator[Block]:
        """Runs of features. Raises BadInput where the file is damaged."""
        with guarded(self.values.name):
            strips = self._by_column(features) if self.transposed else self._by_row()
            yield from reblocked(strips, features)

    def _by_row(self) -> Iterator[npt.NDArray[Any]]:
        """Strips of rows, which are features."""
        values, (count, width) = self.values, self.shape
        strip = max(BLOCK_FEATURES, WHOLE_BYTES // (8 * max(1, width)))
        seen = 0
        for part in _columns(values.file, values.places, min(strip, count)):
            out = np.empty((len(part[0]), width), values.dtype)
            for i, (column, place) in enumerate(zip(part, values.places, strict=True)):
                out[:, i] = values.array(column, place)
            seen += len(out)
            yield out
        if seen != count:
            raise _wrong_length(values.name)

    def _by_column(self, features: int) -> Iterator[npt.NDArray[Any]]:
        """Strips of columns, which are features."""
        values, (count, width) = self.values, self.shape
        strip = max(features, WHOLE_BYTES // (8 * max(1, width)))
        for start in range(0, count, strip):
            places = values.places[start : start + strip]
            names = [values.file.schema_arrow.names[i] for i in places]
            table = values.file.read(columns=names)
            if table.num_rows != width:
                raise _wrong_length(values.name)
            out = np.empty((len(places), width), values.dtype)
            for i, (name, place) in enumerate(zip(names, places, strict=True)):
                out[i] = values.array(table.column(name), place)
            yield out


def reblocked(strips: Iterable[npt.NDArray[Any]], features: int) -> Iterator[npt.NDArray[Any]]:
    """The same rows in blocks of `features`, the last may be shorter."""
    rest: npt.NDArray[Any] | None = None
    for strip in strips:
        found = strip if rest is None or not len(rest) else np.concatenate([rest, strip])
        whole = len(found) - len(found) % features
        for start in range(0, whole, features):
            yield found[start : start + features]
        rest = found[whole:]
    if rest is not None and len(rest):
        yield rest
