"""One curated dataset, as every export receives it: in memory, but for large matrices.

Owns the shapes between the loader, which fills them from tables, and the exports.
Keep out: how tables are read, and any file format.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl


@dataclass(frozen=True, slots=True)
class SparseColumns:
    """Features x samples, compressed by feature: only stored entries, the rest is zero.

    The entries of feature `i` are `indptr[i]` to `indptr[i + 1]`; `indices` are samples,
    ascending and unique within a feature.
    """

    indptr: npt.NDArray[np.int64]
    indices: npt.NDArray[np.int32]
    values: npt.NDArray[Any]
    shape: tuple[int, int]


Values = npt.NDArray[Any] | SparseColumns
"""A matrix that is held, or consecutive features of one: features x samples."""


@dataclass(frozen=True, slots=True)
class LargeMatrix:
    """A matrix, features x samples, that is read whenever it is gone through, and never held.

    `entries` is how many values of a sparse one are stored, None for a dense one. `runs` gives
    its features in order, in runs of about so many stored values; none is empty.
    """

    shape: tuple[int, int]
    dtype: str
    entries: int | None
    runs: Callable[[int], Iterator[Values]]


@dataclass(frozen=True, slots=True)
class DatasetContent:
    """A dataset with its curation.

    metadata: dataset-level metadata under original names. curated: curated dataset fields
    and provenance (`ingested_at`, `version`, `fingerprint`, `format`, ...). samples:
    `sample_id`, original columns, then `curated_*` columns, where lists are list[str].
    features: `feature_id`, original columns, then `symbol` and `curie`. matrices: by name
    (`X`, `layers/NAME`, `raw/X`), each features x samples in the order of these tables.
    variants: its rows of the table `variants` in file order, None where it has none.
    """

    atlas: str
    dataset_id: str
    metadata: Mapping[str, Any]
    curated: Mapping[str, Any]
    samples: pl.DataFrame
    features: pl.DataFrame
    matrices: Mapping[str, Values | LargeMatrix]
    variants: pl.DataFrame | None = None
