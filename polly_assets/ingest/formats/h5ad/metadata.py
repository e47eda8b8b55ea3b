"""Dataset-level metadata of an AnnData file: `uns`, the JSON sidecar, and what stays behind.

Owns which parts of `uns` are metadata (scalars, text, short lists of text, groups of these)
and the list of everything that is left in the original.
Keep out: tables and matrices.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import h5py
import numpy as np
import polars as pl

from polly_assets.ingest.formats.base import Source
from polly_assets.ingest.formats.h5ad.frames import plain_series
from polly_assets.ingest.formats.hdf5.access import (
    Findings,
    child,
    keys,
    plain_text,
    read_array,
    text_attribute,
)
from polly_assets.ingest.formats.hdf5.nodes import Dataset, Group, Node
from polly_assets.ingest.formats.streams.text import decode, read_bytes, safe_id
from polly_resources.errors import BadInput

_SHORT = 100
"""Values in the longest list of text that counts as metadata."""

_DEEPEST = 16
"""Levels of groups in `uns` that are followed; hard links can make endless ones."""

_READ = {"X", "layers", "obs", "raw", "raw.X", "raw.var", "uns", "var"}
_CATEGORIES = "_categories"


def uns_categories(uns: Node | None, findings: Findings) -> dict[str, pl.Series]:
    """Categories by column name, as AnnData kept them in `uns` before 0.7."""
    if not isinstance(uns, Group):
        return {}
    found = {}
    for key in keys(uns):
        node = child(uns, key) if key.endswith(_CATEGORIES) else None
        if isinstance(node, Dataset) and node.shape is not None:
            values = np.atleast_1d(read_array(node))
            column = plain_series(values, node.dtype, node.name, findings)
            if column is not None:
                found[key.removesuffix(_CATEGORIES)] = column
    return found


def read_uns(uns: Node | None, used_categories: set[str], findings: Findings) -> dict[str, Any]:
    """The metadata in `uns`; what is none of it goes to `findings.not_loaded`."""
    if not isinstance(uns, Group):
        findings.not_loaded += ["uns"] if uns is not None else []
        return {}
    skip = {name + _CATEGORIES for name in used_categories}
    return _group(uns, skip, 1, findings)


def _group(group: Group, skip: set[str], depth: int, findings: Findings) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key in keys(group):
        if key in skip:
            continue
        node = child(group, key)
        if isinstance(node, Group) and _is_dict(node) and depth < _DEEPEST:
            if inner := _group(node, set(), depth + 1, findings):
                found[plain_text(key)] = inner
        elif isinstance(node, Dataset) and _is_metadata(node):
            found[plain_text(key)] = _value(node, findings)
        elif node is not None:
            findings.not_loaded.append(plain_text(node.name[1:]))
    return found


def _is_dict(group: Group) -> bool:
    encoding = text_attribute(group, "encoding-type") or "dict"
    return encoding == "dict" and text_attribute(group, "h5sparse_format") is None


def _is_metadata(dataset: Dataset) -> bool:
    """Scalars, single numbers (how old files write scalars) and short lists of text."""
    if dataset.shape is None:
        return True
    kind = dataset.dtype
    text = kind.kind == "S" or h5py.check_string_dtype(kind) is not None
    if not text and (kind.kind not in "biuf" or kind.itemsize > 8):
        return False
    return dataset.shape == () or (
        len(dataset.shape) == 1 and dataset.shape[0] <= (_SHORT if text else 1)
    )


def _value(dataset: Dataset, findings: Findings) -> Any:
    if dataset.shape is None:
        return None
    values, kind = np.atleast_1d(read_array(dataset)), dataset.dtype
    if kind.kind in "biuf" and not kind.metadata:
        items = [_json_safe(item) for item in values.tolist()]
    else:  # text, or an enumeration
        series = plain_series(values, kind, dataset.name, findings)
        items = [] if series is None else series.to_list()
    old_scalar = kind.kind == "S" and len(items) == 1
    return items[0] if dataset.shape == () or old_scalar else items


def _json_safe(value: Any) -> Any:
    """The value, of which JSON has no infinity, and a number that is none is missing."""
    if not isinstance(value, float) or math.isfinite(value):
        return value
    return None if math.isnan(value) else str(value)


def list_left_out(file: Group, findings: Findings) -> None:
    """Add embeddings, graphs and unknown elements to `findings.not_loaded`."""
    for key in keys(file):
        if key in _READ:
            continue
        node = child(file, key)
        members: list[str] = _members(node) if node is not None else []
        findings.not_loaded += [f"{plain_text(key)}/{name}" for name in members]
        if not isinstance(node, Group) and not members:
            findings.not_loaded.append(plain_text(key))


def _members(node: Node) -> list[str]:
    if isinstance(node, Group):
        return [plain_text(key) for key in keys(node)]
    return list(node.dtype.names or ())


def read_sidecar(source: Source, findings: Findings) -> Mapping[str, Any]:
    """The JSON sidecar's object, or nothing; other sidecars are noted as unused."""
    for suffix in sorted(set(source.sidecars) - {"json"}):
        findings.note(
            "sidecar_not_used", f"an .h5ad file takes a .json sidecar, not .{suffix}", suffix
        )
    path = source.sidecars.get("json")
    if path is None:
        return {}
    try:
        found = json.loads(decode(read_bytes(path, path.name), path.name)[0])
    except ValueError as error:
        raise _bad_sidecar(path.name, f"is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise _bad_sidecar(path.name, f"holds a {type(found).__name__}")
    return found


def _bad_sidecar(name: str, found: str) -> BadInput:
    return BadInput(
        "bad_sidecar",
        f"the sidecar {name} {found}; expected one JSON object of dataset metadata",
        place=name,
        hint='such as {"dataset_id": "GSE1", "title": "..."}',
    )


def sidecar_dataset_id(sidecar: Mapping[str, Any]) -> str | None:
    """The dataset id that the sidecar gives, made safe; BadInput where it is unusable."""
    given = sidecar.get("dataset_id")
    if given is None:
        return None
    safe = safe_id(given) if isinstance(given, str) else ""
    if not safe:
        raise BadInput(
            "bad_dataset_id",
            f"the sidecar's dataset_id is {given!r}, expected text with letters or digits",
            hint="use letters, digits, _, . and -",
        )
    return safe
