"""Sample tables of a file, lined up by feature id.

Owns the rules of alignment: a table's order and length are its own, a feature that a sample
lacks is NaN, of a repeated id the first row counts. Every id has a number, in order of first
appearance; tables that list the same ids in the same order (nearly all do) share one list of
numbers. Keep out: reading tables, and everything about samples but their values.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from polly_assets.ingest.formats.geo.values import Column, ColumnMatrix, Columns, Floats

Codes = npt.NDArray[np.int32]


class Alignment:
    """The ids of a file's sample tables, and how each table lists them."""

    def __init__(self) -> None:
        self._store = Columns()
        self._known = pl.DataFrame(schema={"feature_id": pl.String, "code": pl.Int32})
        self._orders: dict[bytes, Codes] = {}
        self._last: tuple[pl.Series, Codes, npt.NDArray[np.bool_] | None] | None = None

    def add(self, ids: pl.Series, values: Floats) -> tuple[Column, int]:
        """Takes a sample's values, one per id; and how many rows repeat an id."""
        if self._last is None or not self._last[0].equals(ids):
            once = None if ids.n_unique() == ids.len() else ids.is_first_distinct().to_numpy()
            kept = ids if once is None else ids.filter(pl.Series(once))
            self._last = ids, self._shared(self._codes(kept)), once
        _, codes, once = self._last
        kept_values = values if once is None else values[once]
        return self._store.append(kept_values, codes), ids.len() - len(codes)

    def measured(self, columns: Sequence[Column | None]) -> pl.Series:
        """Every id that these samples list once, in order of first appearance."""
        orders = {id(c.codes): c.codes for c in columns if c is not None}.values()
        listed = np.concatenate([np.empty(0, np.int32), *orders])
        _, first = np.unique(listed, return_index=True)
        return self._known.get_column("feature_id").gather(listed[np.sort(first)])

    def matrix(self, features: pl.Series, columns: Sequence[Column | None]) -> ColumnMatrix:
        """Features x samples, NaN where a sample has no value for a feature."""
        places = np.full(self._known.height, -1, np.int64)
        places[self._numbered(features).to_numpy()] = np.arange(features.len())
        return ColumnMatrix(self._store, columns, places, features.len())

    def _codes(self, ids: pl.Series) -> Codes:
        """The number of each id; new ones get the next."""
        found = self._numbered(ids)
        if found.null_count():
            new = ids.filter(found.is_null()).to_frame("feature_id")
            first = self._known.height
            numbers = pl.arange(first, first + new.height, dtype=pl.Int32, eager=True)
            self._known = pl.concat([self._known, new.with_columns(numbers.alias("code"))])
            found = self._numbered(ids)
        return found.to_numpy().astype(np.int32, copy=False)

    def _numbered(self, ids: pl.Series) -> pl.Series:
        frame = ids.to_frame("feature_id")
        joined = frame.join(self._known, on="feature_id", how="left", maintain_order="left")
        return joined.get_column("code")

    def _shared(self, codes: Codes) -> Codes:
        key = hashlib.blake2b(codes.tobytes(), digest_size=16).digest()
        return self._orders.setdefault(key, codes)
