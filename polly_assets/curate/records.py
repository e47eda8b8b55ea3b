"""Records between JSON, sample metadata and the words of curation.

Owns reading a `CurationRecord` out of a JSON object or out of a sample's metadata columns, and the
public JSON shape of an outcome.
Keep out: any judgement about the words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from polly_assets.curate.models.base import FIELDS, CuratedRecord, CurationRecord
from polly_resources.errors import BadInput
from polly_resources.records import Annotation

_TEXTS: Mapping[str, tuple[str, ...]] = {
    "title": ("title", "sample_title"),
    "source": ("source", "source_name", "source_name_ch1"),
    "description": ("description", "sample_description", "summary"),
}
"""The names under which each text of a record is known; the first that is filled is taken."""

_CHARACTERISTICS = re.compile(r"characteristics(?:_ch1)?(?:\.(?P<key>.+))?")
_COLUMN = re.compile(r"(?P<name>.+?)_ch1")
_NAMES = frozenset(("id", "study", "sample_id", "geo_accession"))


def record_from_json(obj: Any) -> CurationRecord:
    """A record from a JSON object.

    `id` is required. `characteristics` is an object, a list of `key: value` strings, or
    one string split at `|` or `;`. Keys that are not known become characteristics.

    Raises BadInput `bad_record`, naming the field that is wrong.
    """
    if not isinstance(obj, Mapping):
        raise _bad("record", f"found {type(obj).__name__}, expected an object")
    if obj.get("id") in (None, ""):
        raise _bad("id", "missing, expected a non-empty string")
    texts = {name: _first(obj, names) for name, names in _TEXTS.items()}
    known = {name for names in _TEXTS.values() for name in names} | {"id", "study"}
    pairs = list(_characteristics(obj.get("characteristics"), "characteristics"))
    for key, value in obj.items():
        if key not in known and key != "characteristics":
            pairs.append((str(key), _text(value, str(key))))
    return CurationRecord(
        id=_text(obj["id"], "id"),
        study=_text(obj.get("study"), "study"),
        characteristics=_merge(pairs),
        **texts,
    )


def record_from_sample(sample: Mapping[str, Any], sample_id: str, study: str) -> CurationRecord:
    """A record from a sample's metadata under its original column names.

    GEO's names are understood (`source_name_ch1`, `characteristics_ch1`,
    `characteristics_ch1.age`, ...); every other column is a characteristic by its name.
    Values that are no text are written as text; missing values are left out.
    """
    texts = {name: _first(sample, names) for name, names in _TEXTS.items()}
    known = {name for names in _TEXTS.values() for name in names} | _NAMES
    pairs: list[tuple[str, str]] = []
    for column, value in sample.items():
        found = _CHARACTERISTICS.fullmatch(column)
        if found and not found["key"]:
            pairs.extend(_characteristics(value, column))
        elif found:
            pairs.append((found["key"], _text(value, column)))
        elif column not in known:
            plain = _COLUMN.fullmatch(column)
            pairs.append((plain["name"] if plain else column, _text(value, column)))
    return CurationRecord(id=sample_id, study=study, characteristics=_merge(pairs), **texts)


def to_json(record: CuratedRecord) -> dict[str, Any]:
    """The public shape: a list of annotations per field, and `is_control`."""
    shape: dict[str, Any] = {"id": record.id}
    for name in FIELDS:
        shape[name] = [_public(annotation) for annotation in record.fields[name]]
    shape["is_control"] = {
        "value": record.is_control.value,
        "confidence": record.is_control.confidence,
    }
    return shape


def _public(annotation: Annotation) -> dict[str, Any]:
    return {
        "curie": annotation.curie,
        "label": annotation.label,
        "ontology_version": annotation.ontology_version,
        "text": annotation.text,
        "start": annotation.start,
        "end": annotation.end,
        "source_field": annotation.source_field,
        "method": annotation.method,
        "confidence": annotation.confidence,
    }


def _first(obj: Mapping[str, Any], names: Iterable[str]) -> str:
    for name in names:
        text = _text(obj.get(name), name)
        if text:
            return text
    return ""


def _characteristics(value: Any, field: str) -> Iterable[tuple[str, str]]:
    if value is None:
        return
    if isinstance(value, Mapping):
        for key, one in value.items():
            yield str(key), _text(one, f"{field}.{key}")
        return
    parts = re.split(r"[|;]", value) if isinstance(value, str) else value
    if not isinstance(parts, list | tuple):
        raise _bad(field, f"found {type(value).__name__}, expected an object, a list or a string")
    for part in parts:
        key, colon, rest = _text(part, field).partition(":")
        yield (key.strip(), rest.strip()) if colon else ("", key.strip())


def _merge(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """One text per key: repeated keys are joined, so that nothing is lost."""
    merged: dict[str, str] = {}
    for key, value in pairs:
        if value:
            merged[key] = f"{merged[key]}; {value}" if key in merged else value
    return merged


def _text(value: Any, field: str) -> str:
    if value is None or (isinstance(value, float) and value != value):  # noqa: PLR0124 - NaN
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return str(value)
    if isinstance(value, list | tuple):
        return "; ".join(_text(one, field) for one in value)
    raise _bad(field, f"found {type(value).__name__}, expected text")


def _bad(field: str, found: str) -> BadInput:
    return BadInput(
        "bad_record",
        f"{field}: {found}",
        place=field,
        hint='a record is {"id": ..., "title": ..., "source": ..., "characteristics": {...}, '
        '"description": ...}',
    )
