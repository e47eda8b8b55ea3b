"""Which fields the submitters' metadata of an atlas has, and what their values are.

Owns reading them from `normalized_datasets`, once for each version of it.
Keep out: names and expressions of SQL columns (`polly_api.sql.metadata`).
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

import pyarrow as pa

from polly_api.pinned import Pinned
from polly_api.sql.metadata import NESTED, common_type
from polly_assets.schema import NORMALIZED_DATASETS
from polly_resources.tables.base import TableStore

_COLUMNS: Mapping[str, str] = {
    "datasets": "metadata",
    "features": "feature_columns",
    "features_singlecell": "feature_columns",
    "samples": "sample_columns",
    "samples_singlecell": "sample_columns",
}
"""SQL table to the column that knows the fields of its `metadata`."""

_INTEGERS = "Int8 Int16 Int32 Int64 UInt8 UInt16 UInt32"
_TYPES: Mapping[str, pa.DataType] = {
    "Boolean": pa.bool_(),
    **dict.fromkeys(_INTEGERS.split(), pa.int64()),
    # Of unsigned 64-bit integers, some are no BIGINT.
    **dict.fromkeys(("UInt64", "Float32", "Float64"), pa.float64()),
    "List(String)": NESTED,
}
_BIGGEST = 2**63


def metadata_fields(pinned: Pinned, atlas: str, table: str) -> Mapping[str, pa.DataType]:
    """Original names to the type that fits all datasets; `NESTED` where lists occur."""
    name = f"{atlas}/{NORMALIZED_DATASETS.name}"
    version = pinned.version(name)
    if table not in _COLUMNS or version is None:
        return {}
    return _read(pinned.tables, name, version, _COLUMNS[table])


@lru_cache(maxsize=64)
def _read(tables: TableStore, name: str, version: int, column: str) -> Mapping[str, pa.DataType]:
    """Datasets of one kind declare the same columns: each declaration is parsed once."""
    texts = tables.read(name, version=version, columns=[column])[column].unique().to_pylist()
    types_of = _dataset_types if column == "metadata" else _declared_types
    found: defaultdict[str, set[pa.DataType]] = defaultdict(set)
    for field, kind in types_of(texts):
        found[field].add(kind)
    return {field: common_type(kinds) for field, kinds in found.items()}


def _declared_types(texts: Iterable[str]) -> Iterator[tuple[str, pa.DataType]]:
    for text in texts:
        for field, kind in json.loads(text).items():
            yield field, _TYPES.get(kind, pa.string())


def _dataset_types(texts: Iterable[str]) -> Iterator[tuple[str, pa.DataType]]:
    """A dataset's metadata declares no types: its values do. NULL says nothing."""
    for text in texts:
        for field, value in json.loads(text).items():
            if value is not None:
                yield field, _value_type(value)


def _value_type(value: Any) -> pa.DataType:
    if isinstance(value, bool):
        return pa.bool_()
    if isinstance(value, int):
        return pa.int64() if -_BIGGEST <= value < _BIGGEST else pa.float64()
    if isinstance(value, float):
        return pa.float64()
    return NESTED if isinstance(value, list | dict) else pa.string()
