"""The indexed layer of a batch: what users query, made from the layers below.

Owns `datasets`, `samples`, `measurements` and the search index of the datasets a batch
concerns, and the end of its jobs. Keep out: how values were curated; Dagster.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from typing import Any

import polars as pl
import pyarrow as pa

from polly_assets.atlases import Atlas
from polly_assets.batch_data import (
    SAMPLES_AT_ONCE,
    groups,
    replace_by,
    sample_count,
    samples_of,
)
from polly_assets.concepts import Concepts
from polly_assets.own_columns import wordings
from polly_assets.publish import curated_columns
from polly_assets.publish.annotated import Annotated
from polly_assets.publish.describe import dataset_columns, describing, sample_columns
from polly_assets.publish.documents import curies, document
from polly_assets.schema import (
    DATASETS,
    NORMALIZED_DATASETS,
    SAMPLES,
    SINGLE_CELL,
)
from polly_assets.work import Work
from polly_resources.errors import Unavailable
from polly_resources.records import Failure, Job, JobAction, JobOutcome, JobStatus, Notice
from polly_resources.tables.base import TableSpec

LOG = logging.getLogger(__name__)


def published(work: Work, datasets: Sequence[dict[str, Any]], objects_address: str) -> int:
    """Write the `datasets` and `samples` rows of these `normalized_datasets`; samples written."""
    ids = [row["dataset_id"] for row in datasets]
    if not ids:
        return 0
    annotated = [
        Annotated(work, group) for group in groups(datasets, sample_count, SAMPLES_AT_ONCE)
    ]
    samples = (rows for each in annotated for rows in _samples(work, each))
    written = replace_by(work, SAMPLES, samples, ids)
    own = pl.DataFrame(
        [_dataset_row(row, work.atlas, objects_address) for row in datasets],
        infer_schema_length=None,
        schema_overrides=dict.fromkeys(_TEXT_COLUMNS, pl.String) | {"year": pl.Int32},
    )
    said = pl.concat([each.of_datasets() for each in annotated])
    work.replace(DATASETS, _rows(DATASETS, curated_columns.for_datasets(own, said)), ids)
    return written


_TEXT_COLUMNS = tuple(
    c.name for c in DATASETS.columns if str(c.type) == "string" and not c.name.startswith("curated")
)


_DESCRIBED = dict.fromkeys(("title", "source_name", "description"), pl.String)


def _samples(work: Work, annotated: Annotated) -> Iterator[pa.Table]:
    """The rows of `samples` of a group of datasets, a slice at a time."""
    columns = {row["dataset_id"]: json.loads(row["sample_columns"]) for row in annotated.group}
    first = 0
    for part in samples_of(work, annotated.group, ["sample_id", "metadata", "shard"]):
        if part.is_empty():
            continue
        own = part.rename({"src_dataset_id": "dataset_id"}).with_columns(name="sample_id")
        parts = own.partition_by("dataset_id", as_dict=True, maintain_order=True)
        described = pl.concat([_described(one, columns[str(key[0])]) for key, one in parts.items()])
        said = annotated.of_samples(first, part.height)
        curated = curated_columns.for_samples(described, said)
        yield _rows(SAMPLES, curated.rename({"dataset_id": "src_dataset_id"}))
        first += part.height


def _described(samples: pl.DataFrame, columns: dict[str, str]) -> pl.DataFrame:
    """The samples of one dataset, with what their own columns (name: type) say of them."""
    telling = {name: columns[name] for name in describing(columns)}
    said, which = wordings(samples["metadata"], telling)
    return samples.hstack(pl.DataFrame(list(map(sample_columns, said)), schema=_DESCRIBED)[which])


def _rows(spec: TableSpec, frame: pl.DataFrame) -> pa.Table:
    schema = spec.schema()
    return frame.select(schema.names).to_arrow().cast(schema)


def _dataset_row(row: dict[str, Any], atlas: Atlas, objects_address: str) -> dict[str, Any]:
    dataset_id = row["dataset_id"]
    has_matrix = "X" in row["matrices"]
    cells = row["data_type"] == SINGLE_CELL
    described = dataset_columns(json.loads(row["metadata"]))
    return {
        **described,
        "dataset_id": dataset_id,
        "src_dataset_id": described["src_dataset_id"] or dataset_id,
        "src_repo": atlas.name,
        "data_type": row["data_type"],
        "total_num_samples": row["total_num_samples"],
        "total_num_features": row["total_num_features"],
        "total_num_cells": row["total_num_samples"] if cells else None,
        "data_matrix_available": has_matrix,
        "data_table_name": f"{atlas.name}__{dataset_id}".lower() if has_matrix else None,
        "version": row["version"],
        "is_current": True,
        "timestamp_": int(row["ingested_at"].timestamp() * 1000),
        "key": row["source"],
        "file_type": row["format"],
        "src_uri": f"{objects_address.rstrip('/')}/{row['source']}",
        "fingerprint": row["fingerprint"],
        "metadata": row["metadata"],
        "ingested_at": row["ingested_at"],
        "shard": row["shard"],
    }


def indexed(work: Work, datasets: Sequence[dict[str, Any]], concepts: Concepts) -> int:
    """Put the documents of these datasets into the search index; how many."""
    ids = [row["dataset_id"] for row in datasets]
    if not ids:
        return 0
    rows = work.read(DATASETS, where={"dataset_id": ids}).to_pylist()
    samples = _samples_by_dataset(work, rows)
    names = concepts.names({curie for row in rows for curie in curies(row)})
    documents = [document(r, samples.get(r["dataset_id"], []), names) for r in rows]
    try:
        work.search.put(work.atlas.name, documents)
    except Unavailable as error:
        if error.code != "search_index_damaged":
            raise
        LOG.warning("%s: making the index of %s anew", error.message, work.atlas.name)
        work.search.rebuild(work.atlas.name, [])
        everything = work.read(NORMALIZED_DATASETS).to_pylist()
        return indexed(work, everything, concepts)
    return len(rows)


CELLS_INDEXED = 1_000
"""Cells of a single-cell dataset whose words are searched; they repeat each other."""


_INDEXED = [
    *("src_dataset_id", "sample_index", "sample_id", "metadata"),
    *("curated_sex", "curated_sample_type"),
]


def _samples_by_dataset(
    work: Work, datasets: list[dict[str, Any]]
) -> dict[str, list[dict[str, Any]]]:
    parts: dict[str, list[dict[str, Any]]] = {}
    for cells in (False, True):
        ids = [
            row["dataset_id"] for row in datasets if (row["total_num_cells"] is not None) is cells
        ]
        where: dict[str, Sequence[Any]] = {"src_dataset_id": ids}
        if cells:
            where["sample_index"] = range(CELLS_INDEXED)
        if ids:
            rows = work.read(SAMPLES, _INDEXED, where=where)
            frame = pl.DataFrame(rows).sort("src_dataset_id", "sample_index")
            found = frame.partition_by("src_dataset_id", as_dict=True)
            parts.update({str(key[0]): part.to_dicts() for key, part in found.items()})
    return parts


def outcomes(datasets: Sequence[dict[str, Any]], jobs: Sequence[Job]) -> list[JobOutcome]:
    """How these jobs ended, by the `normalized_datasets` rows (with `job_id`) that came of them."""
    ended: list[JobOutcome] = []
    told: set[str] = set()
    read = {job.job_id for job in jobs if job.action == JobAction.INGEST}
    for row in datasets:
        ended.append(
            JobOutcome(
                job_id=row["job_id"],
                dataset_id=row["dataset_id"],
                status=JobStatus.SUCCEEDED,
                format=row["format"],
                samples=row["total_num_samples"],
                features=row["total_num_features"],
                seconds=row["read_seconds"],
                warnings=tuple(Notice(**notice) for notice in json.loads(row["notices"])),
            )
        )
        if row["job_id"] in read - told:
            ended += _failures_beside(row)
        told.add(row["job_id"])
    return [*ended, *(_gone(job) for job in jobs if job.job_id not in told)]


def _failures_beside(row: dict[str, Any]) -> list[JobOutcome]:
    """The datasets of the same file that failed."""
    failures = json.loads(row["file_failures"])
    return [
        JobOutcome(
            row["job_id"], failed.pop("dataset_id"), JobStatus.ERRORED, error=Failure(**failed)
        )
        for failed in failures
    ]


def _gone(job: Job) -> JobOutcome:
    failure = Failure(
        "unknown_dataset",
        f"atlas {job.atlas} has no dataset {job.dataset_id!r} of this content (any more)",
        file=job.source.split("/", 2)[-1],
        hint="ingest its file again",
    )
    return JobOutcome(job.job_id, job.dataset_id, JobStatus.ERRORED, error=failure)
