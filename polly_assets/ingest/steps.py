"""The raw and normalized layers of a batch, without an orchestrator.

Owns what happens to a claimed job until its rows are stored: pinning, reading in
parallel, conflict rules, writing. Keep out: formats, curation, Dagster.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from polly_assets.genes import GeneIndex
from polly_assets.ingest import bundle_jobs, changes, landing, manifest_jobs, trial
from polly_assets.ingest.ahead import ahead
from polly_assets.ingest.bundles import is_bundle
from polly_assets.ingest.formats.base import FailedDataset, ParsedDataset, Source
from polly_assets.ingest.manifests import is_manifest
from polly_assets.ingest.normalize import Origin
from polly_assets.ingest.reading import datasets, named
from polly_assets.ingest.sink import Sink
from polly_assets.removal import remove
from polly_assets.schema import NORMALIZED_DATASETS, RAW_OBJECTS
from polly_assets.work import Work
from polly_resources.errors import BadInput, PollyError, Transient
from polly_resources.objects.base import ObjectStore
from polly_resources.records import Job, JobAction, JobOutcome, JobStatus


@dataclass(slots=True)
class Report:
    """What a step did, for the orchestrator's metadata."""

    jobs: int = 0
    datasets: int = 0
    samples: int = 0
    removed: int = 0
    bytes: int = 0
    failed: list[str] = field(default_factory=list)


def raw(work: Work, jobs: Sequence[Job]) -> Report:
    """Carry out deletions; pin the landed objects of the ingest jobs, and open bundles."""
    report = Report(jobs=len(jobs))
    doomed = [job for job in jobs if job.action == JobAction.DELETE]
    kept = changes.kept(work, doomed)
    ids = [job.dataset_id for job in doomed if job.job_id not in kept]
    remove(work.tables, work.search, work.atlas.name, ids)
    report.removed = len(ids)
    outcomes = [
        JobOutcome(
            job.job_id,
            job.dataset_id,
            JobStatus.DELETED,
            warnings=(kept[job.job_id],) if job.job_id in kept else (),
        )
        for job in doomed
    ]
    ingests = [job for job in jobs if job.action == JobAction.INGEST]
    at = landing.landed(work.objects, [job.source for job in ingests])
    rows = []
    for job in ingests:
        try:
            rows.append(_pin(job, work.objects, at.get(job.source)))
            report.bytes += rows[-1]["size_bytes"]
            if is_bundle(job.source):
                outcomes.append(bundle_jobs.opened(work, job))
            elif is_manifest(job.source):
                outcomes.append(manifest_jobs.followed(work, job))
        except PollyError as error:
            outcomes.append(_errored(job, job.dataset_id, error))
            report.failed.append(job.dataset_id)
    if rows:
        table = pa.Table.from_pylist(rows, schema=RAW_OBJECTS.schema())
        work.replace(RAW_OBJECTS, table, [row["source"] for row in rows])
    work.ledger.finish(work.batch_id, outcomes)
    return report


def _pin(job: Job, objects: ObjectStore, at: landing.Landed | None) -> dict[str, Any]:
    if at is None:
        raise BadInput(
            "source_vanished",
            "the landed file is gone",
            file=_shown(job),
            hint="ingest the file again",
        )
    if at.etag != job.etag and landing.fingerprint(objects, at) != job.fingerprint:
        raise BadInput(
            "changed_since_queued",
            "the landed file is not the one that was queued",
            file=_shown(job),
            hint="it was replaced meanwhile; its newer version is ingested by its own job",
        )
    return {
        "source": job.source,
        "sidecars": sorted(at.sidecars.values()),
        "fingerprint": job.fingerprint,
        "size_bytes": at.size,
        "job_id": job.job_id,
        "claimed_at": datetime.now(UTC),
        "shard": job.shard,
    }


def normalized(
    work: Work,
    jobs: Sequence[Job],
    genes: GeneIndex,
    *,
    workers: int,
    on_read: Callable[[Job], None] = lambda job: None,
) -> Report:
    """Read every ingest job's file and store its datasets; failures end their job alone.

    `on_read` is told of each job whose file has been read.
    """
    ingests = [job for job in jobs if job.action == JobAction.INGEST]
    report = Report(jobs=len(ingests))
    sink = Sink(work, genes)
    outcomes: list[JobOutcome] = []
    at = landing.landed(work.objects, [job.source for job in ingests])
    owned = _Ownership(work, at)

    def found_in(job: Job) -> Found:
        return read(job, work.objects, at[job.source].sidecars if job.source in at else {})

    for job, found in ahead(ingests, found_in, workers):
        records, failed = _stored(job, found, sink, owned)
        owned.end(job, failed)
        sink.end(records, failed)
        report.datasets += len(records)
        report.samples += sum(row["total_num_samples"][0].as_py() for row in records)
        report.failed += [f.dataset_id for f in failed]
        if not records:
            outcomes += [_errored(job, f.dataset_id, f.error) for f in failed]
        on_read(job)
    sink.flush()
    remove(work.tables, work.search, work.atlas.name, owned.stale())
    work.ledger.finish(work.batch_id, outcomes)
    return report


def _stored(
    job: Job,
    found: Iterable[tuple[ParsedDataset | FailedDataset, float]],
    sink: Sink,
    owned: _Ownership,
) -> tuple[list[pa.Table], list[FailedDataset]]:
    """The records of a file's datasets, which are stored, and those that failed, one by one."""
    records: list[pa.Table] = []
    failed: list[FailedDataset] = []
    for item, seconds in found:
        failure = item if isinstance(item, FailedDataset) else owned.claim(job, item.dataset_id)
        if isinstance(item, ParsedDataset) and failure is None:
            try:
                origin = owned.origin(job, item.dataset_id)
                records.append(sink.add(item, origin, seconds, _shown(job)))
            except BadInput as error:  # a fault of values that are read while they are stored
                owned.give_up(item.dataset_id)
                failure = FailedDataset(item.dataset_id, error)
        if failure is not None:
            failed.append(failure)
    return records, failed


Found = Generator[tuple[ParsedDataset | FailedDataset, float], None, None]


def read(job: Job, objects: ObjectStore, sidecars: Mapping[str, str]) -> Found:
    """The datasets of a job's file with the seconds each took; never raises BadInput."""
    name = _shown(job)
    began = time.perf_counter()
    beside: dict[str, Path] = {}
    names = {suffix: key.split("/", 2)[-1] for suffix, key in sidecars.items()}
    try:
        with ExitStack() as stack:
            path = stack.enter_context(objects.local(job.source))
            for suffix, key in sidecars.items():
                beside[suffix] = stack.enter_context(objects.local(key))
            source = Source(path, name, beside)
            if job.attempt > 1:
                trial.survive(source)
            for item in datasets(source):
                if isinstance(item, FailedDataset):
                    named(item.error, beside, names)
                yield item, time.perf_counter() - began
                began = time.perf_counter()
    except Transient:
        raise
    except PollyError as error:
        failed = FailedDataset(job.dataset_id, named(error, beside, names))
        yield failed, time.perf_counter() - began


class _Ownership:
    """Which source owns which dataset id, before and within the batch."""

    def __init__(self, work: Work, at: Mapping[str, landing.Landed]) -> None:
        self._atlas, self._objects = work.atlas, work.objects
        self._beside = {source: {*one.sidecars.values()} for source, one in at.items()}
        self._now = datetime.now(UTC)
        self._seen: dict[str, str] = {}
        self._whole: set[str] = set()
        columns = ["dataset_id", "source", "fingerprint", "version"]
        rows = work.read(NORMALIZED_DATASETS, columns).to_pylist()
        self._before = {row["dataset_id"]: row for row in rows}

    def claim(self, job: Job, dataset_id: str) -> FailedDataset | None:
        """Let this job write the dataset, or tell why it may not."""
        if other := self._other_owner(job, dataset_id):
            return FailedDataset(dataset_id, _taken(job, dataset_id, other))
        self._seen[dataset_id] = job.source
        return None

    def give_up(self, dataset_id: str) -> None:
        """A dataset that was claimed cannot be stored."""
        del self._seen[dataset_id]

    def end(self, job: Job, failed: Sequence[FailedDataset]) -> None:
        """All of a file has been read; what it does not hold now it held before only."""
        if not failed:
            self._whole.add(job.source)

    def _other_owner(self, job: Job, dataset_id: str) -> str | None:
        """Whose the dataset is, if not this job's.

        A file that is gone owns nothing, and neither does one that is now part of this source.
        """
        if dataset_id in self._seen:
            return self._seen[dataset_id]
        before = self._before.get(dataset_id)
        own = {job.source, *self._beside.get(job.source, ())}
        if before is None or before["source"] in own:
            return None
        return before["source"] if self._objects.head(before["source"]) else None

    def origin(self, job: Job, dataset_id: str) -> Origin:
        """The provenance of a claimed dataset; the same content is the same version."""
        before = self._before.get(dataset_id)
        version = before["version"] if before else 0
        same = before is not None and before["fingerprint"] == job.fingerprint
        return Origin(
            source=job.source,
            fingerprint=job.fingerprint,
            shard=self._atlas.shard_of(dataset_id),
            version=version if same else version + 1,
            ingested_at=self._now,
        )

    def stale(self) -> list[str]:
        """Datasets that a source held before and, now wholly read, holds no longer."""
        return sorted(
            dataset_id
            for dataset_id, row in self._before.items()
            if row["source"] in self._whole and dataset_id not in self._seen
        )


def _taken(job: Job, dataset_id: str, other: str) -> BadInput:
    return BadInput(
        "dataset_id_taken",
        f"dataset {dataset_id} comes from {other.split('/', 2)[-1]} already",
        file=_shown(job),
        hint="delete that dataset first, or give this file its own dataset_id in a JSON sidecar",
    )


def _errored(job: Job, dataset_id: str, error: PollyError) -> JobOutcome:
    failure = error.failure()
    shown = failure if failure.file else replace(failure, file=_shown(job))
    return JobOutcome(job.job_id, dataset_id, JobStatus.ERRORED, error=shown)


def _shown(job: Job) -> str:
    """The name that the user knows the file by: its path below the landing folder."""
    return job.source.split("/", 2)[-1]
