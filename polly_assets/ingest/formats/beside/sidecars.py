"""The files that describe a matrix beside it: JSON, CSV, TSV and class labels (.cls).

Owns reading them, joining them to the samples and features of a matrix, and saying what
did not match. Add a kind of sidecar here as one row of `_KINDS`.
Keep out: the matrix itself, and which file is whose sidecar (`grouping`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl

from polly_assets.ingest.formats.base import Source
from polly_assets.ingest.formats.beside.classes import read_classes
from polly_assets.ingest.formats.matching import respelled
from polly_assets.ingest.formats.separated.layout import read_rows
from polly_assets.ingest.formats.streams.table import unique_names
from polly_assets.ingest.formats.streams.text import (
    dataset_id_from_name,
    decode,
    read_bytes,
    safe_id,
)
from polly_assets.ingest.formats.wording import counted
from polly_resources.errors import BadInput
from polly_resources.records import Notice

ID_NAMES = {"samples": ("sample_id", "sample", "name", "id"), "features": ("feature_id", "id")}
_ROW_ID_COLUMNS = ("sample_id", "sample", "tumor_sample_barcode")
_LISTED = 10
_NUMBERED = re.compile(r"\.\d+$")


@dataclass(frozen=True, slots=True)
class Sidecar:
    """What one sidecar says.

    `samples` and `features` have the ids as first column (`sample_id`, `feature_id`).
    `classes` are class labels in sample order (from `.cls`, which names no samples). One that is
    `further` is not the first of its kind, and may describe others than those of the matrix.
    """

    file: str
    dataset_id: str = ""
    data_type: str = ""
    orientation: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    samples: pl.DataFrame | None = None
    features: pl.DataFrame | None = None
    classes: tuple[str, ...] = ()
    notices: tuple[Notice, ...] = ()
    further: bool = False

    def sample_ids(self) -> list[str]:
        """The samples it describes by name."""
        return [] if self.samples is None else self.samples["sample_id"].to_list()


@dataclass(frozen=True, slots=True)
class Described:
    """A matrix's identity and its tables after the sidecars were joined."""

    dataset_id: str
    data_type: str
    metadata: Mapping[str, Any]
    samples: pl.DataFrame
    features: pl.DataFrame
    notices: tuple[Notice, ...]


def read_sidecars(source: Source) -> tuple[Sidecar, ...]:
    """All sidecars of a source that have something to say about a matrix, in a fixed order.

    Raises BadInput where one cannot be read.
    """
    return tuple(
        replace(read(source.sidecars[key]), further=key != kind)
        for kind, read in _KINDS.items()
        for key in sorted(source.sidecars)
        if _NUMBERED.sub("", key) == kind
    )


def describe(
    source: Source, samples: pl.DataFrame, features: pl.DataFrame, sidecars: Sequence[Sidecar]
) -> Described:
    """Join the sidecars to a matrix's own tables.

    Samples or features that a sidecar leaves out get nulls; both kinds of difference are
    noticed. A sidecar's column whose name is taken gets `.1`. Raises BadInput
    `sidecar_matches_nothing` or `class_count_mismatch`.
    """
    notices: list[Notice] = []
    metadata: dict[str, Any] = {}
    dataset_id = data_type = ""
    for sidecar in sidecars:
        notices += sidecar.notices
        metadata |= sidecar.metadata
        dataset_id = dataset_id or sidecar.dataset_id
        data_type = data_type or sidecar.data_type
        if sidecar.samples is not None:
            samples, found = _join(samples, sidecar.samples, "sample", sidecar)
            notices += found
        if sidecar.features is not None:
            features, found = _join(features, sidecar.features, "feature", sidecar)
            notices += found
        if sidecar.classes:
            samples = _with_classes(samples, sidecar)
    dataset_id = dataset_id or dataset_id_from_name(source.name)
    return Described(dataset_id, data_type, metadata, samples, features, tuple(notices))


def _join(
    own: pl.DataFrame, other: pl.DataFrame, kind: str, sidecar: Sidecar
) -> tuple[pl.DataFrame, list[Notice]]:
    key, file = f"{kind}_id", sidecar.file
    other, notices = _rekeyed(own[key], other, kind, file)
    mine, theirs = own[key], other[key]
    without = mine.filter(~mine.is_in(theirs.implode()))
    surplus = theirs.filter(~theirs.is_in(mine.implode()))
    if len(surplus) == len(theirs) and len(theirs) and len(mine):
        if sidecar.further:
            text = f"none of the {kind} ids of {file} is in the matrix, so it says nothing of it"
            return own, [*notices, Notice(f"metadata_without_{kind}s", text)]
        raise BadInput(
            "sidecar_matches_nothing",
            f"none of its {len(theirs)} {kind} ids ({_some(theirs, 3)}) is one of the matrix's "
            f"{len(mine)} ({_some(mine, 3)})",
            file=file,
            hint=f"it has one column per {kind}: give one row per {kind}, with the ids first"
            if mine.is_in(other.columns[1:]).any()
            else f"the {kind} ids of both files must be spelled alike",
        )
    names = unique_names([*own.columns, *other.columns[1:]])
    other = other.rename(dict(zip(other.columns[1:], names[own.width :], strict=True)))
    joined = own.join(other, on=key, how="left", maintain_order="left")
    if len(without) and kind == "sample":
        many = counted(len(without), "sample is", "samples are")
        text = f"{many} not described in {file}: {_some(without)}"
        notices.append(Notice("samples_without_metadata", text))
    if len(surplus):
        text = f"{counted(len(surplus), kind)} of {file} not in the matrix: {_some(surplus)}"
        notices.append(Notice(f"metadata_without_{kind}s", text))
    return joined, notices


def _rekeyed(
    mine: pl.Series, other: pl.DataFrame, kind: str, file: str
) -> tuple[pl.DataFrame, list[Notice]]:
    """A sidecar's table with its ids spelled as the matrix spells them, and a Notice of that.

    Where none of its ids is known even so, its first column that has them all is taken for the
    ids.
    """
    theirs = other.to_series(0)
    again = respelled(mine.to_list(), theirs.to_list())
    if again:
        shown = ", ".join(f"{old} as {new}" for old, new in list(again.items())[:3])
        many = counted(len(again), f"{kind} id")
        text = f"{many} of {file} spelled otherwise in the matrix: {shown}"
        spelled = theirs.replace(list(again), list(again.values()))
        return other.with_columns(spelled), [Notice("ids_respelled", text)]
    if theirs.is_in(mine.implode()).any() or not len(mine):
        return other, []
    for column in other.get_columns()[1:]:
        ids = column.cast(pl.String)
        if ids.null_count() or ids.n_unique() < len(ids) or not mine.is_in(ids.implode()).all():
            continue
        kept = {theirs.name: ids, **{c.name: c for c in other.get_columns()[1:]}}
        kept[unique_names([*kept, theirs.name])[-1]] = theirs
        text = f"the {kind} ids of {file} were found in its column {column.name!r}"
        return pl.DataFrame(kept), [Notice("ids_in_other_column", text)]
    return other, []


def _some(ids: pl.Series, limit: int = _LISTED) -> str:
    rest = len(ids) - limit
    return ", ".join(ids.head(limit).to_list()) + (f" and {rest} more" if rest > 0 else "")


def _with_classes(samples: pl.DataFrame, sidecar: Sidecar) -> pl.DataFrame:
    if len(sidecar.classes) != samples.height:
        raise BadInput(
            "class_count_mismatch",
            f"it labels {counted(len(sidecar.classes), 'sample')}, the matrix has {samples.height}",
            file=sidecar.file,
            place="line 1, column 1",
            hint="class labels need one entry per sample, in the matrix's order",
        )
    name = unique_names([*samples.columns, "class"])[-1]
    return samples.with_columns(pl.Series(name, sidecar.classes, dtype=pl.String))


def _read_cls(path: Path) -> Sidecar:
    text, notices = decode(read_bytes(path, path.name), path.name)
    classes, more = read_classes(text, path.name)
    return Sidecar(path.name, classes=classes, notices=(*notices, *more))


def _read_samples(path: Path) -> Sidecar:
    frame, notices = _read_table(path, "sample", _ROW_ID_COLUMNS)
    return Sidecar(path.name, samples=frame, notices=notices)


def _read_features(path: Path) -> Sidecar:
    frame, notices = _read_table(path, "feature", ("feature_id",))
    return Sidecar(path.name, features=frame, notices=notices)


def _read_table(
    path: Path, kind: str, id_names: Sequence[str]
) -> tuple[pl.DataFrame, tuple[Notice, ...]]:
    """A table of samples or features, its ids first."""
    header, rows, notices = read_rows(path, path.name)
    lower = [name.strip().lower() for name in header]
    key = next((lower.index(name) for name in id_names if name in lower), 0)
    ids = [cells[key].strip() for _, cells in rows]
    _check_ids(ids, [f"line {line}, column {key + 1}" for line, _ in rows], kind, path.name)
    others = [i for i in range(len(header)) if i != key]
    names = unique_names([header[i] for i in others], f"{kind}_id")
    columns = {
        name: pl.Series([cells[i] or None for _, cells in rows], dtype=pl.String)
        for name, i in zip(names, others, strict=True)
    }
    return pl.DataFrame({f"{kind}_id": pl.Series(ids, dtype=pl.String), **columns}), notices


def _check_ids(ids: Sequence[str], places: Sequence[str], kind: str, file: str) -> None:
    first: dict[str, str] = {}
    for value, place in zip(ids, places, strict=True):
        if value and value not in first:
            first[value] = place
            continue
        again = f"{kind} {value!r} is described twice (before at {first.get(value)})"
        raise BadInput(
            f"duplicate_{kind}_ids" if value else f"missing_{kind}_id",
            again if value else f"the {kind} has no id",
            file=file,
            place=place,
            hint=f"give one entry per {kind}, each with its own id",
        )


def _read_json(path: Path) -> Sidecar:
    file = path.name
    text, notices = decode(read_bytes(path, file), file)
    content = _json_object(text, file)
    frames = {kind: _entries(content.pop(kind, None), kind, file) for kind in ID_NAMES}
    given = content.pop("dataset_id", None)
    dataset_id = safe_id(str(given)) if given is not None else ""
    if given is not None and dataset_id != given:
        text = f"dataset_id {given!r} was made {dataset_id or 'the name of the file'!r}"
        notices = (*notices, Notice("dataset_id_changed", text))
    return Sidecar(
        file,
        dataset_id=dataset_id,
        data_type=str(content.pop("data_type", None) or ""),
        orientation=_orientation(content.pop("orientation", None), file),
        metadata=content,
        samples=frames["samples"],
        features=frames["features"],
        notices=notices,
    )


def _orientation(value: object, file: str) -> str:
    allowed = ("features_as_rows", "samples_as_rows")
    if value is None or value in allowed:
        return str(value or "")
    raise _bad_sidecar(f"orientation is {value!r}", f"{allowed[0]} or {allowed[1]}", file)


def _bad_sidecar(found: str, expected: str, file: str) -> BadInput:
    return BadInput(
        "bad_sidecar",
        f"{found}, expected {expected}",
        file=file,
        hint='such as {"dataset_id": "GSE1", "samples": {"S1": {"tissue": "liver"}}}',
    )


def _json_object(text: str, file: str) -> dict[str, Any]:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(found := dict(pairs)) == len(pairs):
            return found
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise _bad_sidecar(f"key {twice!r} is given twice in one object", "each key once", file)

    try:
        content = json.loads(text, object_pairs_hook=once, parse_constant=lambda _: None)
        json.dumps(content, ensure_ascii=False).encode()
    except RecursionError:
        raise _bad_sidecar("objects or lists a thousand deep", "an object", file) from None
    except UnicodeEncodeError:
        raise _bad_sidecar(
            "half of a character (such as \\ud800)", "whole characters", file
        ) from None
    except json.JSONDecodeError as error:
        raise BadInput(
            "bad_json",
            f"found no JSON here ({error.msg}), expected one JSON object",
            file=file,
            place=f"line {error.lineno}, column {error.colno}",
            hint="check the file with `python -m json.tool`",
        ) from error
    except ValueError as error:  # a number of thousands of digits
        raise _bad_sidecar(str(error), "shorter numbers", file) from None
    if not isinstance(content, dict):
        raise _bad_sidecar(f"the file holds a {type(content).__name__}", "an object", file)
    return content


def _entries(value: Any, kind: str, file: str) -> pl.DataFrame | None:
    """The `samples` or `features` of a JSON sidecar as a table; None where it has none."""
    if not value:
        return None
    key = ID_NAMES[kind][0]
    rows = _keyed(value, kind, file)
    ids = [entry_id for entry_id, _ in rows]
    places = [f"{kind}[{i}]" for i in range(len(rows))]
    _check_ids(ids, places, kind.removesuffix("s"), file)
    names = list(dict.fromkeys(name for _, entry in rows for name in entry))
    columns = {
        new: typed_column([entry.get(name) for _, entry in rows])
        for new, name in zip(unique_names(names, key), names, strict=True)
    }
    return pl.DataFrame({key: pl.Series(ids, dtype=pl.String), **columns})


def _keyed(value: Any, kind: str, file: str) -> list[tuple[str, dict[str, Any]]]:
    if isinstance(value, dict) and all(isinstance(entry, dict) for entry in value.values()):
        return [(entry_id.strip(), entry) for entry_id, entry in value.items()]
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise _bad_sidecar(f"{kind!r} is malformed", f"{kind} by id, or a list of objects", file)
    rows = []
    for entry in value:
        key = next((name for name in ID_NAMES[kind] if entry.get(name) is not None), None)
        rest = {name: item for name, item in entry.items() if name != key}
        rows.append((str(entry[key]).strip() if key else "", rest))
    return rows


def typed_column(values: Sequence[Any]) -> pl.Series:
    """JSON values as one column: of their common type, else as JSON text (strings as is)."""
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {str}:
        return pl.Series(values, dtype=pl.String)
    if kinds == {bool}:
        return pl.Series(values, dtype=pl.Boolean)
    if kinds == {int} and all(-(2**63) <= v < 2**63 for v in values if v is not None):
        return pl.Series(values, dtype=pl.Int64)
    if kinds == {float}:
        return pl.Series(values, dtype=pl.Float64)
    texts = [v if v is None or isinstance(v, str) else json.dumps(v) for v in values]
    return pl.Series(texts, dtype=pl.String)


_KINDS: Mapping[str, Callable[[Path], Sidecar]] = {
    "json": _read_json,
    "csv": _read_samples,
    "tsv": _read_samples,
    "features.csv": _read_features,
    "features.tsv": _read_features,
    "cls": _read_cls,
}
