"""Sample tables of one dataset, lined up by feature id into one matrix.

Owns the rules of alignment: a table's order and length are its own, a feature that a sample
lacks is NaN, of a repeated id the first row counts. Tables that list the same ids in the same
order (nearly all do) are matched once.
Keep out: reading tables, and everything about samples but their position.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl


class Alignment:
    """Value columns collected sample by sample, then given out as one matrix."""

    def __init__(self) -> None:
        self._orders: list[pl.Series] = []
        self._columns: list[tuple[int, int, npt.NDArray[np.float64]]] = []

    def add(self, sample: int, ids: pl.Series, values: npt.NDArray[np.float64]) -> None:
        """Takes the values of the sample at a position, one per id."""
        for order in range(len(self._orders) - 1, -1, -1):
            if self._orders[order].equals(ids):
                break
        else:
            order = len(self._orders)
            self._orders.append(ids)
        self._columns.append((sample, order, values))

    def measured(self) -> pl.Series:
        """Every id once, in order of first appearance."""
        if not self._orders:
            return pl.Series("feature_id", [], pl.String)
        return pl.concat(self._orders).unique(maintain_order=True).alias("feature_id")

    def repeated(self) -> dict[int, int]:
        """Rows whose id an earlier row of the same table has, by sample position."""
        counts = [ids.len() - ids.n_unique() for ids in self._orders]
        return {sample: counts[order] for sample, order, _ in self._columns if counts[order]}

    def matrix(self, features: pl.Series, samples: int) -> npt.NDArray[np.float64]:
        """Features x samples, NaN where a sample has no value for a feature."""
        out = np.full((samples, features.len()), np.nan)
        places = [self._places(ids, features) for ids in self._orders]
        for sample, order, values in self._columns:
            kept, rows = places[order]
            out[sample, rows] = values[kept]
        return out.T

    @staticmethod
    def _places(
        ids: pl.Series, features: pl.Series
    ) -> tuple[npt.NDArray[np.bool_] | slice, npt.NDArray[np.uint32] | slice]:
        """Which rows of a table count, and at which features they go."""
        if ids.equals(features):
            return slice(None), slice(None)
        index = features.to_frame("feature_id").with_row_index("row")
        rows = ids.to_frame("feature_id").join(
            index, on="feature_id", how="left", maintain_order="left"
        )
        kept = ids.is_first_distinct().to_numpy()
        return kept, rows.get_column("row").to_numpy()[kept]
