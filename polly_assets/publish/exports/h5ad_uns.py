"""Metadata in the AnnData encoding: what `uns` of an exported file holds.

Owns how words, numbers, lists and mappings become HDF5, and names that HDF5 can hold.
Keep out: which metadata a file gets, tables and matrices.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import h5py
import numpy as np

from polly_assets.publish.exports.tables import free_name, json_text

_TEXT = h5py.string_dtype()
_RESERVED = {"", ".", "_index"}


def encode(node: h5py.Group | h5py.Dataset, kind: str, version: str) -> None:
    """Mark a node with its AnnData encoding."""
    node.attrs["encoding-type"] = kind
    node.attrs["encoding-version"] = version


def safe_name(name: str, taken: Mapping[str, Any] | set[str]) -> str:
    """A name that HDF5 can hold and that is not taken."""
    safe = _holdable(name.replace("/", "_").replace("\0", ""))
    return free_name(f"_{safe}_" if safe in _RESERVED else safe, taken)


def write_mapping(
    group: h5py.Group, values: Mapping[str, Any], taken: Iterable[str] = ()
) -> dict[str, str]:
    """Write a mapping's values under safe names that are not taken; new to original names.

    None is left out: a missing key is what AnnData has for it.
    """
    encode(group, "dict", "0.1.0")
    names: dict[str, str] = dict.fromkeys(taken, "")
    changed = {}
    for key, value in values.items():
        if value is None:
            continue
        name = safe_name(str(key), names)
        names[name] = str(key)
        if name != str(key):
            changed[name] = str(key)
        write_value(group, name, value)
    return changed


def write_value(group: h5py.Group, name: str, value: Any) -> None:
    """Write one value: text, number, mapping or list of these; all else as JSON text."""
    if isinstance(value, Mapping):
        write_mapping(group.create_group(name), value)
    elif isinstance(value, bool | float | np.number | np.bool_) or _is_int64(value):
        encode(group.create_dataset(name, data=value), "numeric-scalar", "0.2.0")
    elif isinstance(value, list) and all(isinstance(item, str) for item in value):
        words = np.array([_holdable(word) for word in value], object)
        encode(group.create_dataset(name, data=words, dtype=_TEXT), "string-array", "0.2.0")
    elif isinstance(value, list) and len({type(item) for item in value}) == 1 and _numbers(value):
        encode(group.create_dataset(name, data=np.array(value)), "array", "0.2.0")
    else:
        text = _text(value)
        encode(group.create_dataset(name, data=_holdable(text), dtype=_TEXT), "string", "0.2.0")


def _is_int64(value: Any) -> bool:
    return isinstance(value, int) and -(2**63) <= value < 2**63


def _numbers(values: list[Any]) -> bool:
    return isinstance(values[0], bool | float) or all(_is_int64(value) for value in values)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return value.isoformat() if isinstance(value, date) else json_text(value)


def _holdable(text: str) -> str:
    """Text without NUL, where HDF5 text would end, and without halves of characters."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
