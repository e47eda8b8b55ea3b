"""The contract for file formats: a source in, parsed datasets out.

Owns the shapes that every reader yields. Add a format as one file beside this one and one
row in `formats.registry`.
Keep out: storage, curation, and anything about one particular format.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from polly_resources.errors import PollyError
from polly_resources.records import Notice

BLOCK_FEATURES = 64
"""Features in one stored block; a row of the matrices table."""

HEAD_BYTES = 4096
"""How much of a file (decompressed, where gzipped) `sniff` may look at."""


@dataclass(frozen=True, slots=True)
class Source:
    """A landed file, local and readable, with the sidecars that belong to it.

    `name` is the name that the user knows it by (used in errors and for the dataset id);
    `path` is where it can be read now. `sidecars` maps a lower-case suffix without the
    dot (`json`, `csv`) to a local file of the same base name.
    """

    path: Path
    name: str
    sidecars: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SparseBlock:
    """Features x samples in compressed sparse rows: only stored entries are listed."""

    indptr: npt.NDArray[np.int64]
    indices: npt.NDArray[np.int32]
    values: npt.NDArray[Any]

    def split(self, features: int) -> Iterator[SparseBlock]:
        """Consecutive runs of `features` features (the last may be shorter), not copied."""
        for start in range(0, len(self.indptr) - 1, features):
            offsets = self.indptr[start : start + features + 1]
            stored = slice(int(offsets[0]), int(offsets[-1]))
            yield SparseBlock(offsets - offsets[0], self.indices[stored], self.values[stored])


Block = npt.NDArray[Any] | SparseBlock
"""A run of consecutive features: dense (features x samples) or sparse."""


class Matrix(ABC):
    """One matrix of a dataset, features x samples, delivered in feature order.

    `name` is `X`, or for a further one its place in the file (`layers/counts`). `dtype`
    is one of float32, float64, int32, int64; nothing is narrowed on the way.
    Missing values are NaN, so an integer matrix with gaps is float64.
    """

    name: str
    dtype: str
    shape: tuple[int, int]
    sparse: bool

    @abstractmethod
    def blocks(self, features: int = BLOCK_FEATURES) -> Iterator[Block]:
        """Consecutive runs of `features` features (the last may be shorter)."""


@dataclass(frozen=True, slots=True)
class DenseMatrix(Matrix):
    """A matrix already in memory as features x samples (any strides)."""

    values: npt.NDArray[Any]
    name: str = "X"

    @property
    def dtype(self) -> str:  # type: ignore[override]
        """The numpy name of the value type."""
        return str(self.values.dtype)

    @property
    def shape(self) -> tuple[int, int]:  # type: ignore[override]
        """Features, samples."""
        return (int(self.values.shape[0]), int(self.values.shape[1]))

    @property
    def sparse(self) -> bool:  # type: ignore[override]
        """Always False."""
        return False

    def blocks(self, features: int = BLOCK_FEATURES) -> Iterator[Block]:
        """Slices of the array."""
        for start in range(0, self.values.shape[0], features):
            yield self.values[start : start + features]


@dataclass(frozen=True, slots=True)
class ParsedDataset:
    """One dataset as its file gives it, nothing renamed, nothing dropped.

    samples: first column `sample_id` (string, unique, not null), then the file's own
    columns under their original names. features: first column `feature_id` (string),
    then the file's own columns. Rows are in matrix order. A further column that the file
    itself calls `sample_id` or `feature_id` is kept as `sample_id.1` / `feature_id.1`.
    metadata: dataset-level key to string, number, bool, None, list or dict of these.
    `dataset_id` has only `[0-9A-Za-z_.-]`. `data_type` uses Polly's words
    ("Bulk transcriptomics", "Single cell", "Transcriptomics", ...) or "" if unknown.
    variants: tables of `variants.SCHEMA` in file order, None where the format has none; a
    fault of the file is raised by `read`, never while they are taken.
    """

    dataset_id: str
    format: str
    metadata: Mapping[str, Any]
    samples: pl.DataFrame
    features: pl.DataFrame
    matrices: tuple[Matrix, ...]
    data_type: str = ""
    notices: tuple[Notice, ...] = ()
    variants: Iterable[pa.Table] | None = None


@dataclass(frozen=True, slots=True)
class FailedDataset:
    """One dataset of a file that could not be read, while others of the file could."""

    dataset_id: str
    error: PollyError


class Reader(ABC):
    """Reads one file format."""

    name: ClassVar[str]
    """The format's name in reports, such as `gct` or `geo_soft`."""

    suffixes: ClassVar[tuple[str, ...]]
    """Lower-case file name endings without `.gz`, such as `.gct`."""

    @abstractmethod
    def sniff(self, name: str, head: bytes) -> bool:
        """Whether a file of this (lower-case) name and first bytes is of this format.

        `head` is at most HEAD_BYTES, decompressed where the file is gzipped.
        """

    @abstractmethod
    def read(self, source: Source) -> Iterator[ParsedDataset | FailedDataset]:
        """The file's datasets. Raises BadInput where the whole file is unreadable."""
