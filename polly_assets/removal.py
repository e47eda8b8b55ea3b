"""Removing datasets from everything that holds them.

Owns the order of removal: what users query goes first, the truth last.
Keep out: deciding what to remove.
"""

from __future__ import annotations

from collections.abc import Sequence

from polly_assets.schema import ATLAS_TABLES, RAW_OBJECTS
from polly_resources.search.base import SearchIndex
from polly_resources.tables.base import TableStore


def remove(tables: TableStore, search: SearchIndex, atlas: str, dataset_ids: Sequence[str]) -> None:
    """Remove datasets from the search index and every table; absent ones are no error.

    The landed originals and the record of them stay.
    """
    if not dataset_ids:
        return
    search.delete(atlas, dataset_ids)
    for spec in reversed(ATLAS_TABLES):
        if spec is not RAW_OBJECTS:
            tables.delete(f"{atlas}/{spec.name}", spec, dataset_ids)
