"""Which datasets a batch is about, read back from the ledger and the normalized layer.

Owns the hand-over between layers: each reads what the one before has stored, so that any
layer can be run again alone. Keep out: what a layer does with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from polly_assets.schema import NORMALIZED_DATASETS
from polly_assets.work import Work
from polly_resources.records import Job, JobAction


def datasets_of(work: Work, jobs: Sequence[Job]) -> list[dict[str, Any]]:
    """The `normalized_datasets` rows that the jobs concern, each with its `job_id` added.

    Of an ingest these are the rows that it wrote: a dataset of its file that could not be
    read this time keeps the rows of an older version.
    """
    by_source = {job.source: job for job in jobs if job.action == JobAction.INGEST}
    by_dataset = {
        job.dataset_id: job for job in jobs if job.action in (JobAction.RECURATE, JobAction.REINDEX)
    }
    rows: dict[str, dict[str, Any]] = {}
    for column, wanted in (("source", by_source), ("dataset_id", by_dataset)):
        if wanted:
            for row in work.read(NORMALIZED_DATASETS, where={column: sorted(wanted)}).to_pylist():
                job = wanted[row[column]]
                if column == "dataset_id" or row["fingerprint"] == job.fingerprint:
                    rows[row["dataset_id"]] = row | {"job_id": job.job_id}
    return [rows[dataset_id] for dataset_id in sorted(rows)]
