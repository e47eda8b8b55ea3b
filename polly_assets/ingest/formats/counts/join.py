"""Files that count one sample each become the matrices of one dataset.

Owns the union of their features: in the order of the first file, then as later ones add them. The
k-th row of an id is that of the k-th in the other files. A file that shares less than half of its
ids (or of those that are there, if these are fewer) with the files before begins a dataset of
its own: it was counted by another annotation or of another organism. Values wait in a temporary
file.
Keep out: reading files, and which of them are of one kind (`reader`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from polly_assets.ingest.formats.base import BLOCK_FEATURES, Block, Matrix
from polly_assets.ingest.formats.counts.file import Counts
from polly_assets.ingest.formats.counts.kinds import Kind
from polly_assets.ingest.formats.geo.values import Column, ColumnMatrix, Columns, Floats
from polly_assets.ingest.formats.streams.table import unique_names
from polly_resources.records import Notice

_SHARED = 0.5
EXACT = 2**53
"""Below this, every whole number is a float64."""

Codes = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class WholeMatrix(Matrix):
    """A matrix of whole numbers without gaps, as int64."""

    values: Matrix
    dtype: str = "int64"
    sparse: bool = False

    @property
    def name(self) -> str:  # type: ignore[override]
        """That of the values."""
        return self.values.name

    @property
    def shape(self) -> tuple[int, int]:  # type: ignore[override]
        """Features, samples."""
        return self.values.shape

    def blocks(self, features: int = BLOCK_FEATURES) -> Iterator[Block]:
        """The blocks of the values."""
        for block in self.values.blocks(features):
            yield np.asarray(block).astype(np.int64)


class Union:
    """The features of some files of one kind, and where their values lie."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self._index: dict[tuple[str, int], int] = {}
        self._store = Columns()
        self._columns: list[list[Column]] = [[] for _ in (*kind.values, *kind.described)]
        self._whole = [True] * len(kind.values)
        self._lists: list[tuple[pl.Series, Codes]] = []
        self._features: list[pl.DataFrame] = []
        self._described: Floats = np.empty((0, len(kind.described)))
        self._differ = [False] * len(kind.described)
        self._redescribed = 0
        self.files: list[str] = []

    def fits(self, ids: pl.Series) -> bool:
        """Whether a file of these ids shares enough of them."""
        if any(known.equals(ids) for known, _ in self._lists[:1]) or not self._index:
            return True
        unique = ids.unique().to_list()
        shared = sum((each, 0) in self._index for each in unique)
        there = sum(not nth for _, nth in self._index)
        return shared >= _SHARED * min(len(unique), there)

    def add(self, file: str, counts: Counts) -> None:
        """Takes a file's values."""
        known = len(self._index)
        codes = self._codes(counts.features["feature_id"])
        self.files.append(file)
        for at, values in enumerate((*counts.values.T, *counts.described.T)):
            self._columns[at].append(self._store.append(values, codes))
        for at, whole in enumerate(counts.whole):
            exact = bool((np.abs(counts.values[:, at]) < EXACT).all())
            self._whole[at] &= whole and exact
        self._describe(counts, codes, known)

    def _codes(self, ids: pl.Series) -> Codes:
        """The number of each row's feature; new ones are numbered on."""
        for known, codes in self._lists:
            if known.equals(ids):
                return codes
        seen: dict[str, int] = {}
        found = np.empty(len(ids), np.int32)
        for row, each in enumerate(ids.to_list()):
            nth = seen.get(each, 0)
            seen[each] = nth + 1
            found[row] = self._index.setdefault((each, nth), len(self._index))
        self._lists = [*self._lists[:1], (ids, found)] if self._lists else [(ids, found)]
        return found

    def _describe(self, counts: Counts, codes: Codes, known: int) -> None:
        """Keeps what describes features that are new, and compares it for the others."""
        new = codes >= known
        if new.any() or not counts.features.equals(self._features[0]):
            self._compare(counts.features, codes, new)
        grown = np.full((len(self._index) - known, self._described.shape[1]), np.nan)
        self._described = np.concatenate([self._described, grown])
        old = codes[~new]
        for at in range(self._described.shape[1]):
            mine, theirs = counts.described[~new, at], self._described[old, at]
            self._differ[at] |= not np.array_equal(mine, theirs, equal_nan=True)
            self._described[codes[new], at] = counts.described[new, at]

    def _compare(self, features: pl.DataFrame, codes: Codes, new: npt.NDArray[np.bool_]) -> None:
        if self._features and not new.all():
            held = pl.concat(self._features, how="diagonal")[codes[~new]]
            mine = features.filter(pl.Series(~new))
            self._redescribed += mine.columns != held.columns or not mine.equals(held)
        if new.any():
            self._features.append(features.filter(pl.Series(new)))

    def features(self) -> pl.DataFrame:
        """The features, with the columns that describe them."""
        found = pl.concat(self._features, how="diagonal")
        columns = []
        for at, column in enumerate(self._kind.described):
            if not self._differ[at]:
                values = pl.Series(self._kind.names[column], self._described[:, at])
                filled = values.fill_nan(None)
                there = filled.drop_nulls()
                whole = bool((there == there.round()).all() and (there.abs() < EXACT).all())
                columns.append(filled.cast(pl.Int64) if whole else filled)
        titles = unique_names([*found.columns, *(c.name for c in columns)])[found.width :]
        return found.with_columns(c.alias(t) for c, t in zip(columns, titles, strict=True))

    def matrices(self) -> tuple[Matrix, ...]:
        """X and the layers; what describes features otherwise in each file is a layer, too."""
        names = self._kind.layers()
        names += [f"layers/{self._kind.names[i]}" for i in self._kind.described]
        kept = [True] * len(self._kind.values) + self._differ
        height = len(self._index)
        places = np.arange(height, dtype=np.int64)
        found: list[Matrix] = []
        for at, name in enumerate(names):
            if not kept[at]:
                continue
            columns = self._columns[at]
            values = ColumnMatrix(self._store, columns, places, height, name)
            full = all(len(column.codes) == height for column in columns)
            whole = full and at < len(self._whole) and self._whole[at]
            found.append(WholeMatrix(values) if whole else values)
        return tuple(found)

    def notices(self) -> Iterator[Notice]:
        """What the files do not agree on."""
        short = [
            file
            for file, column in zip(self.files, self._columns[0], strict=True)
            if len(column.codes) < len(self._index)
        ]
        if short:
            message = (
                f"{len(short)} of {len(self.files)} files lack some of the {len(self._index)} "
                "features that the files have together; such values are missing"
            )
            yield Notice("features_differ", message, _some(short))
        if self._redescribed:
            message = (
                f"{self._redescribed} files describe features otherwise than those before; "
                "the first description was kept"
            )
            yield Notice("descriptions_differ", message)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
