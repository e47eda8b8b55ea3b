"""The annotation tables of an AnnData file (`obs`, `var`) as polars columns.

Owns every encoding of a column that AnnData has used since 0.5: structured arrays, plain
datasets, `__categories`, categoricals, nullable arrays. Add a new column encoding in `_group`.
Keep out: matrices, `uns`, and what a column means.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
import polars as pl

from polly_assets.ingest.formats.hdf5.access import (
    Findings,
    attribute,
    child,
    guarded,
    keys,
    plain_text,
    read_array,
    required,
    text_attribute,
    text_series,
)
from polly_assets.ingest.formats.hdf5.nodes import Dataset, Group, Node, node_of
from polly_assets.ingest.formats.wording import counted
from polly_resources.errors import BadInput

_INDEX_NAMES = ("_index", "index")

_TRUTH = {"FALSE": False, "TRUE": True, "NA": None}
"""What hdf5r calls the logical values of R."""


def read_frame(
    node: Node, id_name: str, uns_categories: Mapping[str, pl.Series], findings: Findings
) -> tuple[pl.DataFrame, set[str]]:
    """A table with `id_name` (string) first, then its columns under their own names.

    `uns_categories` maps a column to the categories that files before AnnData 0.7 keep in
    `uns`; the set says which were used. Columns that no table can hold (arrays per row,
    complex numbers) go to `findings.not_loaded`.
    """
    if isinstance(node, Dataset):
        ids, columns = _structured(node, findings)
    else:
        ids, columns = _grouped(node, findings)
    used = set()
    for name, categories in uns_categories.items():
        codes = columns.get(name)
        if codes is None or not codes.dtype.is_integer():
            continue
        numbers = codes.to_numpy()
        if _within(numbers, len(categories)):
            columns[name] = categorical(numbers, categories, f"{node.name}/{name}")
            used.add(name)
    return _assemble(as_text(ids), columns, id_name, node.name), used


def _assemble(
    ids: pl.Series, columns: Mapping[str, pl.Series], id_name: str, place: str
) -> pl.DataFrame:
    if ids.null_count():
        row = int(ids.is_null().arg_true()[0])
        raise BadInput("missing_id", f"row {row} has no name", place=place, hint="name every row")
    table = {id_name: ids}
    for name, column in columns.items():
        if len(column) != len(ids):
            raise BadInput(
                "column_length",
                f"found {counted(len(column), 'value')}, expected {len(ids)} as in the index",
                place=f"{place}/{name}",
                hint="the file was cut or edited by hand; write it anew with AnnData",
            )
        table[_free_name(name, table)] = column
    return pl.DataFrame([column.alias(name) for name, column in table.items()])


def _free_name(name: str, taken: Mapping[str, pl.Series]) -> str:
    free, i = name, 0
    while free in taken:
        i += 1
        free = f"{name}.{i}"
    return free


def read_ids(node: Node) -> pl.Series:
    """The row names of a table alone, as text."""
    if isinstance(node, Dataset):
        return as_text(_structured(node, Findings())[0])
    return as_text(_group_index(node, keys(node), Findings())[1])


def _grouped(group: Group, findings: Findings) -> tuple[pl.Series, dict[str, pl.Series]]:
    members = keys(group)
    index, ids = _group_index(group, members, findings)
    names = _ordered(group)
    if names is None:
        names = [name for name in members if name not in (index, "__categories")]
    else:
        listed = {name.partition("/")[0] for name in [*names, index, "__categories"]}
        findings.not_loaded += [
            f"{group.name[1:]}/{plain_text(name)}" for name in members if name not in listed
        ]
    beside = child(group, "__categories")
    legacy = beside if isinstance(beside, Group) else None
    columns = {}
    for name in names:
        column = read_column(required(group, name), findings, legacy)
        if column is None:
            findings.not_loaded.append(f"{group.name[1:]}/{plain_text(name)}")
        else:
            columns[plain_text(name)] = column
    return ids, columns


def _ordered(group: Group) -> list[str] | None:
    """The columns as the file orders them; None where it does not say."""
    order = attribute(group, "column-order")
    if isinstance(order, str):
        return [order]
    if order is None or isinstance(order, list):
        return order
    if isinstance(order, h5py.Empty) or np.size(order) == 0:
        return []
    raise BadInput(
        "bad_frame",
        f"found {str(order)[:60]}, expected the names of columns",
        place=f"{group.name}@column-order",
        hint="write the file anew with AnnData",
    )


def _group_index(group: Group, members: Sequence[str], findings: Findings) -> tuple[str, pl.Series]:
    index = text_attribute(group, "_index") or next((n for n in _INDEX_NAMES if n in members), None)
    if index is None:
        raise BadInput(
            "missing_index",
            f"found columns {', '.join(members) or 'none'}; none is named as the index",
            place=f"{group.name}@_index",
            hint="write the file anew with AnnData",
        )
    ids = read_column(required(group, index), findings)
    if ids is None:
        raise BadInput(
            "bad_index",
            "the row names are no list of text or numbers",
            place=f"{group.name}/{index}",
            hint="write the file anew with AnnData",
        )
    return index, ids


def _structured(dataset: Dataset, findings: Findings) -> tuple[pl.Series, dict[str, pl.Series]]:
    fields = dataset.dtype.names
    if not fields:
        raise BadInput(
            "bad_frame",
            f"found an array of {dataset.dtype}, expected a group or a structured array",
            place=dataset.name,
            hint="write the file anew with AnnData",
        )
    table = read_array(dataset)
    columns = {}
    for name in fields:
        kind = dataset.dtype[name]
        column = plain_series(table[name], kind, f"{dataset.name}/{name}", findings)
        if column is None:
            findings.not_loaded.append(f"{dataset.name[1:]}/{name}")
        else:
            columns[name] = column
    index = next((name for name in ("index", "_index") if name in columns), fields[0])
    if index not in columns:
        raise BadInput(
            "missing_index",
            f"found fields {', '.join(fields)} of shape {dataset.shape}; none holds a name per row",
            place=dataset.name,
            hint="write the file anew with AnnData",
        )
    return columns.pop(index), columns


def read_column(node: Node, findings: Findings, legacy: Group | None = None) -> pl.Series | None:
    """One column of any encoding; None where it is no column of single values.

    `legacy` is the group `__categories` of its table, where there is one.
    """
    if isinstance(node, Group):
        return _group(node, findings)
    if not isinstance(node, Dataset) or node.shape is None:
        return None
    categories = _legacy_categories(node, legacy, findings) if node.dtype.kind in "iu" else None
    if categories is None:
        return plain_series(read_array(node), node.dtype, node.name, findings)
    return categorical(read_array(node), categories, node.name)


def _group(group: Group, findings: Findings) -> pl.Series | None:
    codes, categories = child(group, "codes"), child(group, "categories")
    if isinstance(codes, Dataset):
        names = None if categories is None else read_column(categories, findings)
        if names is None:
            raise _bad_categories("codes and no list of categories", "both", group.name)
        if codes.shape is None or codes.dtype.kind not in "iu":
            found = f"codes of {codes.dtype} and shape {codes.shape}"
            raise _bad_categories(found, "whole numbers", group.name)
        return categorical(read_array(codes), names, group.name)
    values, mask = child(group, "values"), child(group, "mask")
    if not isinstance(values, Dataset) or not isinstance(mask, Dataset):
        return None
    column = read_column(values, findings)
    return None if column is None else _masked(column, mask)


def _masked(column: pl.Series, mask: Dataset) -> pl.Series:
    """The column, null where the mask is true."""
    if mask.dtype.kind not in "biu" or mask.shape != (len(column),):
        raise BadInput(
            "bad_mask",
            f"found {mask.dtype} of shape {mask.shape}, expected true or false for each of "
            f"{len(column)} values",
            place=mask.name,
            hint="write the file anew with AnnData",
        )
    present = pl.Series(read_array(mask) == 0)
    return column.zip_with(present, pl.Series([None], dtype=column.dtype))


def _legacy_categories(
    dataset: Dataset, beside: Group | None, findings: Findings
) -> pl.Series | None:
    """The categories of a column of AnnData 0.6 and 0.7, by reference or by place."""
    found: Node | None = None
    with guarded(dataset):
        if h5py.h5a.exists(dataset.id, b"categories"):
            reference = h5py.AttributeManager(dataset)["categories"]
            if isinstance(reference, h5py.Reference) and reference:
                at = h5py.h5r.dereference(reference, dataset.id)
                found = node_of(at, plain_text(h5py.h5i.get_name(at) or dataset.name))
    if found is None and beside is not None:
        found = child(beside, dataset.name.rpartition("/")[2])
    if not isinstance(found, Dataset):
        return None
    names = None
    if found.shape is not None:
        names = plain_series(read_array(found), found.dtype, found.name, findings)
    if names is None:
        raise _bad_categories("no list of categories", "one", found.name)
    return names


def plain_series(
    values: npt.NDArray[Any], kind: np.dtype[Any], place: str, findings: Findings
) -> pl.Series | None:
    """An array as a column of its own type: NaN is null, enums are their names, those of R truth.

    None for what is no single value per row: further axes, references, complex numbers.
    """
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1:
        return None
    names = h5py.check_enum_dtype(kind)
    if names is not None and values.dtype.kind in "iu":
        words = {int(code): plain_text(word) for word, code in names.items()}
        cells = [words.get(code, str(code)) for code in values.tolist()]
        if _TRUTH.keys() >= {*words.values(), *cells}:
            return pl.Series([_TRUTH[cell] for cell in cells], dtype=pl.Boolean)
        return pl.Series(cells, dtype=pl.String)
    if values.dtype.kind == "S" or h5py.check_string_dtype(kind) is not None:
        return text_series(values, place, findings)
    if values.dtype.kind == "f" and values.dtype.itemsize <= 8:
        wide = values.astype(np.float32) if values.dtype.itemsize == 2 else values
        return pl.Series(wide, nan_to_null=True)
    return pl.Series(values) if values.dtype.kind in "biu" else None


def categorical(codes: npt.NDArray[Any], categories: pl.Series, place: str) -> pl.Series:
    """Codes and categories as text; code -1 is null."""
    if codes.ndim != 1 or not _within(codes, len(categories)):
        found = f"{codes.min()} to {codes.max()}" if codes.ndim == 1 else f"of shape {codes.shape}"
        expected = f"-1 to {len(categories) - 1}, one for each row"
        raise _bad_categories(f"codes {found}", expected, place)
    words = as_text(categories)
    if codes.size and codes.min() < 0:
        words = pl.concat([words, pl.Series([None], dtype=pl.String)])
        codes = np.where(codes < 0, len(categories), codes)
    return words[pl.Series(codes.astype(np.uint32))]


def _bad_categories(found: str, expected: str, place: str) -> BadInput:
    return BadInput(
        "bad_categories",
        f"found {found}, expected {expected}",
        place=place,
        hint="write the file anew with AnnData",
    )


def _within(codes: npt.NDArray[Any], categories: int) -> bool:
    return codes.size == 0 or bool(codes.min() >= -1 and codes.max() < categories)


def as_text(values: pl.Series) -> pl.Series:
    """Names or categories of any type as text, numbers as Python and numpy print them."""
    if values.dtype == pl.String:
        return values
    if values.dtype.is_integer():
        return values.cast(pl.String)
    items: list[Any] = values.to_list()
    if values.dtype == pl.Float32:  # as itself: a double would show digits that it never had
        items = [None if x is None else np.float32(x) for x in items]
    return pl.Series([None if x is None else str(x) for x in items], dtype=pl.String)
