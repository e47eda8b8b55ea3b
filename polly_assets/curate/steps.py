"""The curated layer of a batch: normalized samples in, annotations with provenance out.

Owns which words of a dataset a model gets to read and how its answers become rows.
Keep out: how a model decides; Dagster.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from polly_assets.batch_data import (
    SAMPLES_AT_ONCE,
    groups,
    replace_by,
    sample_count,
    samples_of,
)
from polly_assets.curate.keys import route_of
from polly_assets.curate.models.base import FIELDS, AnnotationModel, CuratedRecord, CurationRecord
from polly_assets.curate.records import record_from_sample
from polly_assets.own_columns import is_number, wordings
from polly_assets.schema import ANNOTATIONS, CURATION_PASSES, SINGLE_CELL
from polly_assets.work import Work
from polly_resources.records import Annotation

CONTROL_FIELD = "is_control"

_SAID_OF_ALL = frozenset(
    ("organism", "tissue", "disease", "cell_type", "cell_line", "strain", "sex", "treatment")
)
"""Dataset-level keys, by their route, that speak of the samples and not of the study."""

_SCHEMA = ANNOTATIONS.schema()
_ROW_TYPES = {
    "field": pl.String,
    "raw_text": pl.String,
    "span_begin": pl.Int32,
    "span_end": pl.Int32,
    "source_field": pl.String,
    "curie": pl.String,
    "label": pl.String,
    "ontology_version": pl.String,
    "method": pl.String,
    "model_version": pl.String,
    "confidence": pl.Float64,
    "status": pl.String,
    "curator": pl.String,
}


def curated(work: Work, datasets: Sequence[dict[str, Any]], model: AnnotationModel) -> int:
    """Annotate the datasets (`normalized_datasets` rows) and their samples; annotations made."""
    if not datasets:
        return 0
    ids = [row["dataset_id"] for row in datasets]
    now = datetime.now(UTC)
    made = replace_by(work, ANNOTATIONS, _annotations(work, datasets, model, now), ids)
    passes = [_pass(row, model, now) for row in datasets]
    work.replace(CURATION_PASSES, pa.Table.from_pylist(passes, CURATION_PASSES.schema()), ids)
    return made


def _annotations(
    work: Work, datasets: Sequence[dict[str, Any]], model: AnnotationModel, now: datetime
) -> Iterator[pa.Table]:
    for group in groups(datasets, sample_count, SAMPLES_AT_ONCE):
        readings = {row["dataset_id"]: Readings(row) for row in group}
        for frame in samples_of(work, group, ["sample_id", "metadata"]):
            for (dataset_id,), own in frame.partition_by(
                "src_dataset_id", as_dict=True, maintain_order=True
            ).items():
                readings[str(dataset_id)].add(own)
        for row in group:
            yield from _annotate(row, readings[row["dataset_id"]], model, now)


class Readings:
    """What a model gets to read of one dataset's samples, and whom each reading speaks for.

    Cells share their words: there is one record per distinct wording. A cell's numbers
    are measurements, not words about it, and are left out.
    """

    def __init__(self, dataset: dict[str, Any]) -> None:
        kinds = json.loads(dataset["sample_columns"])
        self.records: list[CurationRecord] = []
        self._study = dataset["dataset_id"]
        self._cells = dataset["data_type"] == SINGLE_CELL
        self._words = {name: kind for name, kind in kinds.items() if not is_number(kind)}
        self._known: dict[str, int] = {}
        self._owners = [pl.DataFrame(schema={"key": pl.Int32, "sample_id": pl.String})]

    def add(self, samples: pl.DataFrame) -> None:
        """Take samples, with `sample_id` and `metadata`, in the order of the matrix."""
        ids = samples["sample_id"]
        keys = self._keys(ids, samples["metadata"]) if self._cells else self._each(samples)
        self._owners.append(pl.DataFrame({"key": keys, "sample_id": ids}))

    def owners(self) -> pl.DataFrame:
        """For each sample, in order, the position (`key`) of its record."""
        return pl.concat(self._owners)

    def _each(self, samples: pl.DataFrame) -> pl.Series:
        first = len(self.records)
        for sample_id, text in zip(samples["sample_id"], samples["metadata"], strict=True):
            self.records.append(record_from_sample(json.loads(text), sample_id, self._study))
        return pl.arange(first, len(self.records), dtype=pl.Int32, eager=True)

    def _keys(self, ids: pl.Series, texts: pl.Series) -> pl.Series:
        said, which = wordings(texts, self._words)
        keys = np.zeros(len(said), np.int32)
        _, firsts = np.unique(which, return_index=True)
        for at, (words, first) in enumerate(zip(said, firsts.tolist(), strict=True)):
            text = json.dumps(words)
            if text not in self._known:
                self._known[text] = len(self.records)
                self.records.append(record_from_sample(words, ids[first], self._study))
            keys[at] = self._known[text]
        return pl.Series(keys[which])


def _annotate(
    dataset: dict[str, Any], readings: Readings, model: AnnotationModel, now: datetime
) -> Iterator[pa.Table]:
    """Annotation rows of one dataset: of itself (sample id NULL) and of each sample."""
    study = dataset["dataset_id"]
    whole = _study_record(json.loads(dataset["metadata"]), study)
    answers = model.annotate([whole, *readings.records])
    rows = [{"key": key, **row} for key, a in enumerate(answers, -1) for row in _rows(a, model)]
    found = pl.DataFrame(rows, schema={"key": pl.Int32, **_ROW_TYPES})
    owned = readings.owners()
    itself = pl.DataFrame({"key": [-1], "sample_id": [None]}, schema=owned.schema)
    for owners in pl.concat([itself, owned]).iter_slices(SAMPLES_AT_ONCE):
        frame = owners.join(found, on="key", maintain_order="left_right").with_columns(
            dataset_id=pl.lit(study), annotated_at=pl.lit(now), shard=pl.lit(dataset["shard"])
        )
        yield frame.drop("key").to_arrow().select(_SCHEMA.names).cast(_SCHEMA)


def _study_record(metadata: Mapping[str, Any], study: str) -> CurationRecord:
    """What the dataset says of itself in words: its samples' abbreviations are defined here."""
    parts = [metadata.get(key) for key in ("summary", "overall_design", "description", "abstract")]
    texts = [part if isinstance(part, str) else " ".join(map(str, part)) for part in parts if part]
    title = metadata.get("title") or metadata.get("name") or ""
    return CurationRecord(
        id=study,
        study=study,
        title=str(title),
        characteristics={
            key: value
            for key, value in metadata.items()
            if isinstance(value, str) and route_of(key).name in _SAID_OF_ALL
        },
        description="\n".join(texts),
    )


def _rows(record: CuratedRecord, model: AnnotationModel) -> list[dict[str, Any]]:
    rows = [_row(a) for name in FIELDS for a in record.fields[name]]
    if record.is_control.value is not None:
        rows.append(
            {
                "field": CONTROL_FIELD,
                "label": str(record.is_control.value).lower(),
                "method": model.name,
                "model_version": model.version,
                "confidence": record.is_control.confidence,
                "status": "auto",
            }
        )
    return rows


def _row(a: Annotation) -> dict[str, Any]:
    return {
        "field": a.field,
        "raw_text": a.text,
        "span_begin": a.start,
        "span_end": a.end,
        "source_field": a.source_field,
        "curie": a.curie or None,
        "label": a.label,
        "ontology_version": a.ontology_version or None,
        "method": a.method,
        "model_version": a.model_version,
        "confidence": a.confidence,
        "status": a.status,
        "curator": a.curator or None,
    }


def _pass(dataset: dict[str, Any], model: AnnotationModel, now: datetime) -> dict[str, Any]:
    return {
        "dataset_id": dataset["dataset_id"],
        "method": model.name,
        "model_version": model.version,
        "fields": [*FIELDS, CONTROL_FIELD],
        "records": sample_count(dataset),
        "assessed_at": now,
        "shard": dataset["shard"],
    }
