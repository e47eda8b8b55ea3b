"""What GEO's formats share: names of metadata, characteristics, data types, dataset ids.

Owns the rules by which a SOFT family and a series matrix give equal sample metadata for the
same series. Add a rule here when both formats need it.
Keep out: the grammar of a format, and the tables (`table`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import polars as pl

from polly_assets.ingest.formats.streams.text import dataset_id_from_name, safe_id
from polly_assets.ingest.formats.wording import counted
from polly_resources.records import Notice

Attributes = Mapping[str, Sequence[str]]
"""Attribute values of one entity by key without prefix, in file order."""

_CHARACTERISTICS = re.compile(r"characteristics(_ch\d+)?$")
_TYPES = (
    ("expression profiling", "Transcriptomics"),
    ("gene expression", "Transcriptomics"),
    ("non-coding rna profiling", "Transcriptomics"),
    ("methylation profiling", "Methylation"),
    ("protein profiling", "Proteomics"),
)


def key_value(text: str) -> tuple[str, str] | None:
    """Key and value of a characteristic such as `tissue: lung`; None where it has no key.

    The first colon divides, unless it belongs to an address (`http://`) or stands between
    two digits (`12:30`).
    """
    for match in re.finditer(":", text):
        at = match.start()
        between_digits = text[at - 1 : at].isdigit() and text[at + 1 : at + 2].isdigit()
        if not between_digits and not text.startswith("//", at + 1):
            key, value = text[:at].strip(), text[at + 1 :].strip()
            return (key, value) if key else None
    return None


def samples_frame(ids: Sequence[str], records: Sequence[Attributes]) -> pl.DataFrame:
    """The samples frame: `sample_id`, then every attribute under its own name.

    Empty values are missing. An attribute that any sample repeats is a list of strings,
    any other a string. After `characteristics_ch1` (`_ch2`, ...) follows one column per key,
    `characteristics_ch1.<key>`, aligned by key.
    """
    columns: dict[str, list[list[str]]] = {}
    for name in dict.fromkeys(key for record in records for key in record):
        column = [[value for value in record.get(name, ()) if value] for record in records]
        columns["sample_id.1" if name == "sample_id" else name] = column
        if _CHARACTERISTICS.match(name):
            columns |= {f"{name}.{key}": part for key, part in _by_key(column).items()}
    series = [_series(name, column) for name, column in columns.items()]
    return pl.DataFrame([pl.Series("sample_id", ids, pl.String), *series])


def _by_key(column: Sequence[Sequence[str]]) -> dict[str, list[list[str]]]:
    found: dict[str, list[list[str]]] = {}
    for row, values in enumerate(column):
        for key, value in filter(None, map(key_value, values)):
            part = found.setdefault(key, [[] for _ in column])
            if value:
                part[row].append(value)
    return found


def _series(name: str, column: Sequence[Sequence[str]]) -> pl.Series:
    if any(len(values) > 1 for values in column):
        lists = [list(values) or None for values in column]
        return pl.Series(name, lists, pl.List(pl.String))
    return pl.Series(name, [values[0] if values else None for values in column], pl.String)


def dataset_metadata(
    series: Attributes, platform: Attributes, database: Attributes
) -> dict[str, Any]:
    """Dataset metadata: series attributes, then `platform_` and `database_` ones.

    Repeated attributes are lists, as the file orders them; a single empty one is None. Where
    a platform's own attribute differs from the series' of the same name, it ends in `.1`.
    """
    metadata = {key: _value(values) for key, values in series.items()}
    for prefix, attributes in (("platform_", platform), ("database_", database)):
        for key, values in attributes.items():
            name, value = prefix + key, _value(values)
            if name in metadata and metadata[name] != value:
                name = f"{name}.1"
            metadata[name] = value
    return metadata


def _value(values: Sequence[str]) -> str | list[str] | None:
    return list(values) if len(values) > 1 else (values[0] or None if values else None)


def dataset_id(series: str, platform: str, file_name: str) -> str:
    """`GSE_GPL`, unsafe characters replaced; the file's base name where both are empty."""
    parts = (safe_id(part) for part in (series, platform))
    return "_".join(filter(None, parts)) or dataset_id_from_name(file_name)


def data_type(series: Attributes, samples: Iterable[Attributes]) -> str:
    """Polly's word for the measurement, or "" where the file does not tell.

    By the series types where they agree; else transcriptomics where every sample is RNA.
    Never "Single cell", whose samples are cells: a sample of GEO is a library of many.
    """
    types = [value.lower() for value in series.get("type", ())]
    words = {word for start, word in _TYPES for value in types if value.startswith(start)}
    if len(words) == 1:
        return words.pop()
    records = list(samples)
    return "Transcriptomics" if records and all(map(_is_rna, records)) else ""


def _is_rna(sample: Attributes) -> bool:
    molecules = _joined(sample, "type", "molecule", "molecule_ch1")
    return "rna" in molecules or "transcriptomic" in _joined(sample, "library_source")


def _joined(sample: Attributes, *keys: str) -> str:
    return " ".join(value for key in keys for value in sample.get(key, ())).lower()


def named(names: Sequence[str], most: int = 5) -> str:
    """The first few names, and how many more there are."""
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")


def row_count_notices(rows: Mapping[str, int], declared: Mapping[str, str]) -> list[Notice]:
    """A notice where tables are not as long as their `data_row_count` declares."""
    wrong = [
        n for n, count in rows.items() if declared[n].isdecimal() and int(declared[n]) != count
    ]
    if not wrong:
        return []
    first = wrong[0]
    message = (
        f"{len(wrong)} tables differ from their data_row_count: {first} declares "
        f"{declared[first]} rows and has {rows[first]}"
    )
    return [Notice("row_count_differs", message, named(wrong))]


def spreadsheet_errors(count: int, names: Sequence[str] = ()) -> Notice:
    """A notice of cells that hold a spreadsheet's error instead of a value."""
    many = counted(count, "cell holds", "cells hold")
    message = f"{many} a spreadsheet's error, such as #DIV/0!, and count as missing"
    return Notice("spreadsheet_errors", message, named(names))
