"""Rows of a table of counts that count reads outside of features, as htseq and STAR have them.

Owns taking them out of the matrix: they are metadata of the samples. Keep out: their names
(`counts.kinds`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from polly_assets.ingest.formats.base import BLOCK_FEATURES, Block, Matrix
from polly_assets.ingest.formats.counts.kinds import is_total
from polly_assets.ingest.formats.streams.table import unique_names
from polly_resources.records import Notice


@dataclass(frozen=True, slots=True)
class KeptRows(Matrix):
    """The rows of a dense matrix that `kept` marks."""

    values: Matrix
    kept: npt.NDArray[np.bool_]
    sparse: bool = False

    @property
    def name(self) -> str:  # type: ignore[override]
        """That of the values."""
        return self.values.name

    @property
    def dtype(self) -> str:  # type: ignore[override]
        """That of the values."""
        return self.values.dtype

    @property
    def shape(self) -> tuple[int, int]:  # type: ignore[override]
        """Features, samples."""
        return int(self.kept.sum()), self.values.shape[1]

    def blocks(self, features: int = BLOCK_FEATURES) -> Iterator[Block]:
        """The blocks of the values without the other rows, filled up from the next ones."""
        held = np.empty((0, self.shape[1]), self.dtype)
        at = 0
        for block in self.values.blocks(features):
            rows = np.asarray(block)
            held = np.concatenate([held, rows[self.kept[at : at + len(rows)]]])
            at += len(rows)
            if len(held) >= features:
                yield held[:features]
                held = held[features:]
        if len(held):
            yield held


def without_totals(
    samples: pl.DataFrame, features: pl.DataFrame, matrix: Matrix
) -> tuple[pl.DataFrame, pl.DataFrame, Matrix, tuple[Notice, ...]]:
    """Samples with the totals as columns, features and values without them, and a Notice.

    Unchanged where no row is one, or nothing else is there.
    """
    total = is_total(features["feature_id"])
    if not total.any() or total.all():
        return samples, features, matrix, ()
    names = features["feature_id"].filter(total).to_list()
    rows = KeptRows(matrix, total.to_numpy())
    values = np.concatenate([np.asarray(block) for block in rows.blocks()])
    titles = unique_names([*samples.columns, *names])[samples.width :]
    samples = samples.with_columns(
        pl.Series(title, row) for title, row in zip(titles, values, strict=True)
    )
    message = f"rows that count reads outside of features describe the samples: {', '.join(names)}"
    kept = KeptRows(matrix, (~total).to_numpy())
    return samples, features.filter(~total), kept, (Notice("totals_set_apart", message),)
