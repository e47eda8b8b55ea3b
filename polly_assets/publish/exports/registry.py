"""Name to export: the one table of the formats that can be written.

Add an export as one row, in alphabetical order; its module is imported on first use.
Keep out: anything an export does.
"""

from __future__ import annotations

import importlib
from typing import cast

from polly_assets.publish.exports.base import Export
from polly_resources.errors import NotFound

EXPORTS: dict[str, str] = {
    "csv": "polly_assets.publish.exports.csv:CsvExport",
    "gct": "polly_assets.publish.exports.gct:GctExport",
    "h5ad": "polly_assets.publish.exports.h5ad:H5adExport",
    "parquet": "polly_assets.publish.exports.parquet:ParquetExport",
}


def export_named(name: str) -> Export:
    """The export of this name; NotFound `unknown_export` where there is none."""
    target = EXPORTS.get(name)
    if target is None:
        raise NotFound(
            "unknown_export",
            f"there is no export {name!r}",
            hint=f"use one of: {', '.join(EXPORTS)}",
        )
    module, _, cls = target.partition(":")
    return cast(Export, getattr(importlib.import_module(module), cls)())
