"""Curated GEO DataSets (GDS): one table of all samples, and subsets that say what they are.

Owns the way from the SOFT entities `^DATASET` and `^SUBSET` to the dataset `GDS507`:

- Columns of the table that a subset names, that are called `GSM` and digits, or whose `#`
  description begins with `Value for` are samples; all others describe the features.
- A type of subset (`disease state`) is a sample column: each sample's descriptions in it. The
  column's `#` description is the sample column `description`.
- The matrix is in the table's order; repeated ids are kept.

Keep out: the SOFT grammar (`entities`), tables (`table`), names of metadata
(`common`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import polars as pl

from polly_assets.ingest.formats.base import FailedDataset, ParsedDataset
from polly_assets.ingest.formats.geo import common
from polly_assets.ingest.formats.geo.entities import Entity
from polly_assets.ingest.formats.geo.reader import Found, Item
from polly_assets.ingest.formats.geo.stream import PIECE_BYTES, fault
from polly_assets.ingest.formats.geo.table import Table
from polly_assets.ingest.formats.geo.values import RowMatrix, Rows
from polly_assets.ingest.formats.streams.table import unique_names
from polly_assets.ingest.formats.wording import counted
from polly_resources.errors import BadInput
from polly_resources.records import Notice

_SAMPLE = re.compile(r"GSM\d+")


def gds_datasets(found: Sequence[Entity], file: str, notices: Sequence[Notice]) -> Found:
    """The dataset of each `^DATASET` of a file; nearly always there is one.

    Raises BadInput `no_table`, `no_id_column`, `no_samples`, `duplicate_sample` or a fault of
    an entity or the table, where the file has no other dataset.
    """
    names = list(dict.fromkeys(e.name for e in found if e.kind == "DATASET"))
    database = next((e for e in found if e.kind == "DATABASE"), Entity("DATABASE", ""))
    datasets: list[Item] = []
    samples: list[str] = []
    for name in names:
        parts = [e for e in found if e.kind == "DATASET" and e.name == name]
        subsets = [e for e in found if e.kind == "SUBSET" and _belongs(e, name, names)]
        try:
            dataset = _dataset(parts, subsets, database, file, () if samples else notices)
        except BadInput as error:
            if len(names) == 1:
                raise
            datasets.append(FailedDataset(common.dataset_id(name, "", file), error))
        else:
            datasets.append(dataset)
            samples += dataset.samples["sample_id"].to_list()
    return Found(samples, len(names) > 1, datasets)


def _belongs(subset: Entity, name: str, names: Sequence[str]) -> bool:
    return (subset.first("dataset_id") or names[0]) == name


def _dataset(
    parts: Sequence[Entity],
    subsets: Sequence[Entity],
    database: Entity,
    file: str,
    notices: Sequence[Notice],
) -> ParsedDataset:
    for entity in (database, *parts, *subsets):
        if entity.fault is not None:
            raise entity.fault
    table = _table(parts, file)
    described = {name: line for part in parts for name, line in part.columns.items()}
    key, samples = _columns(table, described, subsets)
    ids = [table.header[i] for i in samples]
    keys, rows, errors = _values(table, key, samples)
    attributes = {k: values for part in reversed(parts) for k, values in part.attributes.items()}
    features = _features(table, key, samples, keys)
    return ParsedDataset(
        dataset_id=common.dataset_id(parts[0].name, "", file),
        format="geo_soft",
        metadata=_metadata(parts[0].name, attributes, database, described, ids),
        samples=common.samples_frame(ids, _records(ids, described, subsets)),
        features=features,
        matrices=(RowMatrix(rows, range(len(ids))),) if len(keys) else (),
        data_type=common.data_type(attributes, [{"type": attributes.get("sample_type", [])}]),
        notices=(*notices, *_notices(ids, keys, attributes, subsets), *errors),
    )


def _table(parts: Sequence[Entity], file: str) -> Table:
    tables = [part.table for part in parts if part.table is not None and part.table.header]
    if len(tables) == 1:
        return tables[0]
    raise fault(
        "no_table",
        f"found {len(tables)} tables of {parts[0].name}, expected one",
        parts[-1].line,
        file=file,
        hint="download the whole file of the DataSet, such as GDS507.soft.gz",
    )


def _columns(
    table: Table, described: dict[str, str], subsets: Sequence[Entity]
) -> tuple[int, list[int]]:
    """Where the ids and where the samples are in the table."""
    header, line = table.header, table.header_line
    key = next((i for i, name in enumerate(header) if name.upper() == "ID_REF"), None)
    if key is None:
        raise table.text.fault(
            "no_id_column",
            f"found columns {common.named(header)}, expected ID_REF among them",
            line,
            hint="the column that identifies features must be called ID_REF",
        )
    members = {name for subset in subsets for name in _members(subset)}
    found = [
        i
        for i, name in enumerate(header)
        if i != key
        and (
            name in members
            or _SAMPLE.fullmatch(name)
            or described.get(name, "").lower().startswith("value for")
        )
    ]
    if not found:
        raise table.text.fault(
            "no_samples",
            f"found columns {common.named(header)}, expected one per sample, such as GSM11815",
            line,
            hint="sample columns are named by a subset or called GSM and a number",
        )
    for i in found:
        if header.index(header[i]) != i:
            raise table.text.fault(
                "duplicate_sample",
                f"found a second column {header[i]}",
                line,
                column=i + 1,
                hint="sample ids must be unique: rename or delete one",
            )
    return key, found


def _members(subset: Entity) -> list[str]:
    lists = subset.values("sample_id")
    return [name.strip() for text in lists for name in text.split(",") if name.strip()]


def _values(
    table: Table, key: int, samples: Sequence[int]
) -> tuple[pl.Series, Rows, tuple[Notice, ...]]:
    keys, rows, errors = [pl.Series("feature_id", [], pl.String)], Rows(len(samples)), 0
    for part in table.parts(PIECE_BYTES):
        found = part.numbers(key, samples)
        keys.append(found.keys.alias("feature_id"))
        rows.append(found.values)
        errors += found.errors
    told = (common.spreadsheet_errors(errors),) if errors else ()
    return pl.concat(keys), rows, told


def _records(
    ids: Sequence[str], described: dict[str, str], subsets: Sequence[Entity]
) -> list[dict[str, list[str]]]:
    """What is known of each sample: its subsets by type, and its column's description."""
    of: dict[str, dict[str, list[str]]] = {
        name: {"description": [described[name]]} if described.get(name) else {} for name in ids
    }
    for subset in subsets:
        kind = subset.first("type") or "subset"
        for name in _members(subset):
            if name in of:
                of[name].setdefault(kind, []).append(subset.first("description") or subset.name)
    return list(of.values())


def _features(table: Table, key: int, samples: Sequence[int], keys: pl.Series) -> pl.DataFrame:
    """The ids and the columns that describe them, without rows that have neither id nor value."""
    others = [i for i in range(len(table.header)) if i != key and i not in set(samples)]
    names = unique_names([table.header[i] for i in others], "feature_id")
    frame = table.strings([key, *others])
    if frame.height > len(keys):
        frame = frame.filter(pl.col(str(key)).fill_null("").str.strip_chars() != "")
    columns = [frame[str(i)].alias(name) for i, name in zip(others, names, strict=True)]
    return pl.DataFrame([keys, *columns])


def _metadata(
    name: str,
    attributes: dict[str, list[str]],
    database: Entity,
    described: dict[str, str],
    ids: Sequence[str],
) -> dict[str, object]:
    platform = attributes.get("platform", [])
    metadata = common.dataset_metadata(
        {"geo_accession": [name]} | attributes,
        {"geo_accession": platform} if platform else {},
        database.attributes,
    )
    columns = {k: line for k, line in described.items() if line and k not in set(ids)}
    return metadata | ({"table_columns": columns} if columns else {})


def _notices(
    ids: Sequence[str],
    keys: pl.Series,
    attributes: dict[str, list[str]],
    subsets: Sequence[Entity],
) -> Iterator[Notice]:
    if not len(keys):
        yield Notice("no_matrix", "the table has no rows")
    if repeats := len(keys) - keys.n_unique():
        names = keys.filter(keys.is_duplicated()).unique(maintain_order=True)
        message = f"{counted(repeats, 'row repeats', 'rows repeat')} an ID_REF; all were kept"
        yield Notice("duplicate_id_ref", message, common.named(names.to_list()))
    listed = dict.fromkeys(name for subset in subsets for name in _members(subset))
    if absent := [name for name in listed if name not in set(ids)]:
        many = counted(len(absent), "sample that is", "samples that are")
        message = f"subsets list {many} not in the table"
        yield Notice("samples_not_in_file", message, common.named(absent))
    for key, what, count in (
        ("sample_count", "samples", len(ids)),
        ("feature_count", "features", len(keys)),
    ):
        declared = next(iter(attributes.get(key, [])), "")
        if declared.isdecimal() and int(declared) != count:
            message = f"{key} declares {declared} {what}, the table has {count}"
            yield Notice("row_count_differs", message)
