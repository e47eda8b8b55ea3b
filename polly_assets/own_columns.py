"""The original columns of samples and features, back from the JSON that holds them.

Owns their types, and what of them repeats among many samples. Keep out: how they were written
(`ingest.normalize`), and what they mean.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

_TYPES: Mapping[str, pl.DataType] = {
    str(kind): kind
    for kind in (
        pl.Boolean(),
        pl.Int8(),
        pl.Int16(),
        pl.Int32(),
        pl.Int64(),
        pl.UInt8(),
        pl.UInt16(),
        pl.UInt32(),
        pl.UInt64(),
        pl.Float32(),
        pl.Float64(),
        pl.List(pl.String()),
    )
}


def is_number(kind: str) -> bool:
    """Whether a column of this type, as `sample_columns` tells it, holds numbers."""
    return kind in _TYPES and _TYPES[kind].is_numeric()


def decoded(texts: pl.Series, kinds: Mapping[str, str]) -> pl.DataFrame:
    """These columns of JSON objects, one a row, with the types that they had."""
    if not kinds:
        return pl.DataFrame()
    frame = _stored(texts, kinds).struct.unnest()
    wanted = [pl.col(name).cast(_TYPES[kind]) for name, kind in kinds.items() if kind in _TYPES]
    return frame.with_columns(wanted)


def wordings(
    texts: pl.Series, kinds: Mapping[str, str]
) -> tuple[list[dict[str, Any]], npt.NDArray[np.int32]]:
    """What JSON objects say in these columns, each wording once; and which each of them has.

    Of a million cells this is little. Wordings are in the order of their first appearance.
    """
    if not kinds or not len(texts):
        return [{}] if len(texts) else [], np.zeros(len(texts), np.int32)
    said = _stored(texts, kinds).struct.json_encode().to_arrow()
    coded = said.cast(pa.large_string()).dictionary_encode()
    return [json.loads(text) for text in coded.dictionary.to_pylist()], coded.indices.to_numpy()


def _stored(texts: pl.Series, kinds: Mapping[str, str]) -> pl.Series:
    fields = {name: _stored_type(kind) for name, kind in kinds.items()}
    return texts.str.json_decode(pl.Struct(fields))


def _stored_type(kind: str) -> pl.DataType:
    """How `normalize` wrote a column into JSON: floats as numbers or text, dates as text."""
    known = _TYPES.get(kind, pl.String())
    return pl.String() if known.is_float() else known
