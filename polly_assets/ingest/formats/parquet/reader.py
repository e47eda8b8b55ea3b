"""Reads Parquet files (`.parquet`, `.pq`): a matrix with its ids, or a table of samples alone.

Owns which column has the ids (pandas' index, else the first of text) and what is told of a file
that cannot be read. Keep out: what columns mean (`roles`, `separated.sample_table`) and the values
(`values`).

Format: https://parquet.apache.org/docs/file-format/; pandas' metadata:
https://pandas.pydata.org/docs/development/developer.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from polly_assets.ingest.formats.base import FailedDataset, ParsedDataset, Reader, Source
from polly_assets.ingest.formats.beside.sidecars import ID_NAMES, Sidecar, describe, read_sidecars
from polly_assets.ingest.formats.parquet.own import own_tables
from polly_assets.ingest.formats.parquet.values import Values, guarded, is_number, opened, text
from polly_assets.ingest.formats.separated.orientation import is_annotation
from polly_assets.ingest.formats.separated.roles import Columns, plan, split
from polly_assets.ingest.formats.separated.sample_table import (
    NO_FEATURES,
    Look,
    as_samples,
    chosen,
    id_columns,
)
from polly_resources.errors import BadInput

_OTHERS_METADATA = ("ARROW:schema", "pandas", "r")
"""Keys of a file's metadata that say how libraries are to load it."""

_LISTED = 10

_PART = re.compile(r"[^/=]+=[^/]*(?=/)|(?<![^/])part[-.]\d+(?=[-.][^/]*$)")
"""A folder `batch=1` or a file `part-00000-x.snappy.parquet`, as of tables that Hive, Spark, Dask
and Arrow write to several files."""


class ParquetReader(Reader):
    """Reads a matrix as columns, or a table of samples, plain or gzipped, with the sidecars of CSV.

    Columns of text, and those that `orientation.ANNOTATIONS` names, describe the rows. Values are
    of the one type that holds those of all columns; integers with gaps are float64.
    """

    name: ClassVar[str] = "parquet"
    suffixes: ClassVar[tuple[str, ...]] = (".parquet", ".pq")

    def sniff(self, name: str, head: bytes) -> bool:
        """By the first bytes; and by the name, so that a damaged file is told as such."""
        return head.startswith(b"PAR1") or name.removesuffix(".gz").endswith(self.suffixes)

    def read(self, source: Source) -> Iterator[ParsedDataset | FailedDataset]:
        """The file's one dataset.

        Raises BadInput `corrupt_parquet`, `unsupported_parquet`, `nested_column`, `no_ids`,
        `duplicate_columns`, `no_sample_ids`, `no_rows`, `bad_values`, `partial_table`, or what
        `roles.plan` refuses.
        """
        if found := _PART.search(source.name):
            raise BadInput(
                "partial_table",
                f"{found[0]!r} in its name says that the file is a part of a table, expected one "
                "file with the whole table",
                file=source.name,
                hint="write it as one file, such as with pandas: "
                "read_parquet(folder).to_parquet('table.parquet')",
            )
        with guarded(source.name):
            dataset = _read(opened(source), source)
        yield dataset


def _read(file: pq.ParquetFile, source: Source) -> ParsedDataset:
    schema = file.schema_arrow
    _check_schema(schema, file.metadata.num_rows, source.name)
    sidecars = read_sidecars(source)
    at = _ids_column(schema, source.name)
    columns = _Loaded(file, source)
    look = Look(tuple(schema.names), columns.numbers, at, columns.cells)
    if named := id_columns(look, sidecars):
        return _of_samples(file, columns, named, sidecars)
    ids = columns[at].cast(pl.String)
    table = Columns(
        names=tuple(schema.names),
        numbers=tuple(is_number(field.type) for field in schema),
        ids=at,
        first_ids=ids.head(100).fill_null("").to_list(),
        row_ids=lambda: ids.fill_null("").to_list(),
        rows=lambda: len(ids),
    )
    planned = plan(table, sidecars, source.name)
    rows = pl.DataFrame(
        [ids.alias("c"), *(columns[i].alias(f"c{i}") for i in planned.others()[1:])]
    )
    places = (lambda i: f"column {schema.names[i]!r}", lambda row: f"row {row + 1}")
    samples, features, more = split(table, planned, rows, places, source.name)
    values = Values(file, source.name, planned.values, len(ids))
    metadata, samples, features = own_tables(_metadata(schema), samples, features)
    described = describe(source, samples, features, sidecars)
    return ParsedDataset(
        dataset_id=described.dataset_id,
        format=ParquetReader.name,
        metadata=metadata | dict(described.metadata),
        samples=described.samples,
        features=described.features,
        matrices=(values.matrix(planned.transposed),),
        data_type=described.data_type,
        notices=(*planned.notices, *more, *values.notices, *described.notices),
    )


class _Loaded(dict[int, pl.Series]):
    """The columns that were asked for so far, in their own types."""

    def __init__(self, file: pq.ParquetFile, source: Source) -> None:
        super().__init__()
        self.source = source
        self._file = file
        kinds = file.schema_arrow.types
        self.numbers = tuple(is_number(kind) and not pa.types.is_null(kind) for kind in kinds)

    def __missing__(self, place: int) -> pl.Series:
        self[place] = text(self._file, place, self.source)
        return self[place]

    def cells(self, place: int) -> list[str]:
        """The first cells of a column as text; of numbers one, which stands for all."""
        if self.numbers[place]:
            return ["0"]
        return ["" if cell is None else str(cell) for cell in self[place].head(100).to_list()]


def _of_samples(
    file: pq.ParquetFile, columns: _Loaded, named: Sequence[int], sidecars: Sequence[Sidecar]
) -> ParsedDataset:
    """A table of samples, the columns in their own types (decimals as float64)."""
    names, source = file.schema_arrow.names, columns.source
    table = [(name, _plain(columns[i])) for i, name in enumerate(names)]
    at = chosen(table, named, lambda row, i: f"row {row + 1}, column {names[i]!r}", source.name)
    samples, notices = as_samples(table, at, columns[at], source.name)
    metadata, samples, features = own_tables(_metadata(file.schema_arrow), samples, NO_FEATURES)
    described = describe(source, samples, features, sidecars)
    return ParsedDataset(
        dataset_id=described.dataset_id,
        format=ParquetReader.name,
        metadata=metadata | dict(described.metadata),
        samples=described.samples,
        features=described.features,
        matrices=(),
        data_type=described.data_type,
        notices=(*notices, *described.notices),
    )


def _plain(column: pl.Series) -> pl.Series:
    if isinstance(column.dtype, pl.Null):
        return column.cast(pl.String)
    return column.cast(pl.Float64) if isinstance(column.dtype, pl.Decimal) else column


def _check_schema(schema: pa.Schema, rows: int, file: str) -> None:
    for field in schema:
        if pa.types.is_nested(field.type):
            raise BadInput(
                "nested_column",
                f"column {field.name!r} holds {field.type}, expected one value per row",
                file=file,
                place=f"column {field.name!r}",
                hint="write each part as a column of its own",
            )
    seen: set[str] = set()
    for name in schema.names:
        if name in seen:
            raise BadInput(
                "duplicate_columns",
                f"two columns are called {name!r}, expected each name once",
                file=file,
                place=f"column {name!r}",
                hint="rename one of them",
            )
        seen.add(name)
    if not rows:
        raise BadInput(
            "no_rows",
            "the table has no row, expected one at least",
            file=file,
            hint="check that the file was exported completely",
        )


def _ids_column(schema: pa.Schema, file: str) -> int:
    """Pandas' index; else the first column if its type or name is that of ids; else a text."""
    for name in _index_names(schema):
        if name in schema.names:
            return int(schema.names.index(name))
    named = {known for names in ID_NAMES.values() for known in names}
    first = schema.names[0] if schema.names else ""
    if first.strip().lower() in named or is_annotation(first):
        return 0
    for i, field in enumerate(schema):
        if _is_text(field.type):
            return i
    raise BadInput(
        "no_ids",
        f"found no column of text among {', '.join(schema.names[:_LISTED]) or 'none'}, expected "
        "one with the ids of features or samples",
        file=file,
        hint="write the index, too: with pandas name it, and to_parquet(..., index=True)",
    )


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    )


def _index_names(schema: pa.Schema) -> list[str]:
    """The columns that were the index of a pandas frame; a range is no column."""
    try:
        found = json.loads((schema.metadata or {})[b"pandas"])["index_columns"]
        return [name for name in found if isinstance(name, str)]
    except (KeyError, TypeError, ValueError, RecursionError):
        return []


def _metadata(schema: pa.Schema) -> Mapping[str, Any]:
    """What the file's metadata says in text."""
    found = {
        key.decode("utf-8", "replace"): value.decode("utf-8", "replace")
        for key, value in (schema.metadata or {}).items()
    }
    return {key: value for key, value in found.items() if key not in _OTHERS_METADATA}
