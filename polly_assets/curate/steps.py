"""The curated layer of a batch: normalized samples in, annotations with provenance out.

Owns which words of a dataset a model gets to read and how its answers become rows.
Keep out: how a model decides; Dagster.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pyarrow as pa

from polly_assets.curate.keys import route_of
from polly_assets.curate.models.base import FIELDS, AnnotationModel, CuratedRecord, CurationRecord
from polly_assets.curate.records import record_from_sample
from polly_assets.schema import ANNOTATIONS, CURATION_PASSES, NORMALIZED_SAMPLES, SINGLE_CELL
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
    samples = _samples(work, ids)
    now = datetime.now(UTC)
    made = [_annotate(row, samples[row["dataset_id"]], model, now) for row in datasets]
    annotations = pa.concat_tables(made)
    passes = pa.Table.from_pylist(
        [_pass(row, len(samples[row["dataset_id"]]), model, now) for row in datasets],
        schema=CURATION_PASSES.schema(),
    )
    for spec, rows in ((ANNOTATIONS, annotations), (CURATION_PASSES, passes)):
        work.replace(spec, rows, ids)
    return int(annotations.num_rows)


def _samples(work: Work, ids: Sequence[str]) -> dict[str, list[tuple[str, str]]]:
    """Sample id and metadata JSON of each dataset's samples, in matrix order."""
    rows = work.read(
        NORMALIZED_SAMPLES,
        ["src_dataset_id", "sample_index", "sample_id", "metadata"],
        where={"src_dataset_id": ids},
    ).sort_by([("src_dataset_id", "ascending"), ("sample_index", "ascending")])
    grouped: dict[str, list[tuple[str, str]]] = {dataset_id: [] for dataset_id in ids}
    columns = (rows[name].to_pylist() for name in ("src_dataset_id", "sample_id", "metadata"))
    for dataset_id, sample_id, metadata in zip(*columns, strict=True):
        grouped[dataset_id].append((sample_id, metadata))
    return grouped


def _annotate(
    dataset: dict[str, Any], samples: list[tuple[str, str]], model: AnnotationModel, now: datetime
) -> pa.Table:
    """Annotation rows of one dataset: of itself (sample id NULL) and of each sample."""
    study = dataset["dataset_id"]
    records, keys = _records(samples, study, cells=dataset["data_type"] == SINGLE_CELL)
    whole = _study_record(json.loads(dataset["metadata"]), study)
    answers = model.annotate([whole, *records])
    rows = [{"key": key, **row} for key, a in enumerate(answers) for row in _rows(a, model)]
    found = pl.DataFrame(rows, schema={"key": pl.Int64, **_ROW_TYPES})
    owners = pl.DataFrame(
        {"key": [0, *(k + 1 for k in keys)], "sample_id": [None, *(i for i, _ in samples)]},
        schema={"key": pl.Int64, "sample_id": pl.String},
    )
    frame = owners.join(found, on="key", maintain_order="left_right").with_columns(
        dataset_id=pl.lit(study), annotated_at=pl.lit(now), shard=pl.lit(dataset["shard"])
    )
    return frame.drop("key").to_arrow().select(_SCHEMA.names).cast(_SCHEMA)


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


def _records(
    samples: list[tuple[str, str]], study: str, *, cells: bool
) -> tuple[list[CurationRecord], list[int]]:
    """Records to annotate, and for each sample the record that speaks for it.

    Cells share their words: there is one record per distinct wording. A cell's numbers
    are measurements, not words about it, and are left out.
    """
    if not cells:
        records = [record_from_sample(json.loads(m), i, study) for i, m in samples]
        return records, list(range(len(records)))
    index: dict[str, int] = {}
    distinct: list[CurationRecord] = []
    keys: list[int] = []
    for sample_id, metadata in samples:
        words = {k: v for k, v in json.loads(metadata).items() if not _is_number(v)}
        text = json.dumps(words)
        if text not in index:
            index[text] = len(distinct)
            distinct.append(record_from_sample(words, sample_id, study))
        keys.append(index[text])
    return distinct, keys


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


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


def _pass(
    dataset: dict[str, Any], records: int, model: AnnotationModel, now: datetime
) -> dict[str, Any]:
    return {
        "dataset_id": dataset["dataset_id"],
        "method": model.name,
        "model_version": model.version,
        "fields": [*FIELDS, CONTROL_FIELD],
        "records": records,
        "assessed_at": now,
        "shard": dataset["shard"],
    }
