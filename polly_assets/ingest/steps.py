"""The raw and normalized layers of a batch, without an orchestrator.

Owns what happens to a claimed job until its rows are stored: pinning, reading in
parallel, conflict rules, writing. Keep out: formats, curation, Dagster.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import pyarrow as pa

from polly_assets.genes import GeneIndex
from polly_assets.ingest import bundle_jobs, changes, landing, manifest_jobs, trial
from polly_assets.ingest.bundles import is_bundle
from polly_assets.ingest.formats.base import FailedDataset, ParsedDataset, Source
from polly_assets.ingest.manifests import is_manifest
from polly_assets.ingest.normalize import (
    Origin,
    dataset_row,
    feature_rows,
    matrix_rows,
    sample_rows,
    variant_rows,
)
from polly_assets.ingest.reading import datasets
from polly_assets.removal import remove
from polly_assets.schema import (
    FEATURES,
    MATRICES,
    NORMALIZED_DATASETS,
    NORMALIZED_SAMPLES,
    RAW_OBJECTS,
    VARIANTS,
)
from polly_assets.work import Work
from polly_resources.errors import BadInput, PollyError, Transient
from polly_resources.objects.base import ObjectStore
from polly_resources.records import Job, JobAction, JobOutcome, JobStatus
from polly_resources.tables.base import TableSpec

FLUSH_BYTES = 128 * 1024 * 1024
"""Rows held in memory before they are committed."""

_WRITE_ORDER = (MATRICES, VARIANTS, FEATURES, NORMALIZED_SAMPLES, NORMALIZED_DATASETS)


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
    sink = _Sink(work, genes)
    owned = _Ownership(work)
    outcomes: list[JobOutcome] = []
    at = landing.landed(work.objects, [job.source for job in ingests])
    sidecars = {source: found.sidecars for source, found in at.items()}
    for job, found in _read_all(ingests, work.objects, sidecars, workers):
        good, failed = owned.admit(job, found)
        for parsed, seconds in good:
            try:
                sink.add(parsed, owned.origin(job, parsed, failed), seconds)
            except BadInput as error:  # a matrix that is read while it is stored
                if len(good) > 1:
                    raise
                failed, good = owned.spoiled(job, parsed.dataset_id, error), []
                break
            report.datasets += 1
            report.samples += parsed.samples.height
        report.failed += [f.dataset_id for f in failed]
        if not good:
            outcomes += [_errored(job, f.dataset_id, f.error) for f in failed]
        on_read(job)
    sink.flush()
    remove(work.tables, work.search, work.atlas.name, owned.stale())
    work.ledger.finish(work.batch_id, outcomes)
    return report


Found = list[tuple[ParsedDataset | FailedDataset, float]]


def _read_all(
    jobs: Sequence[Job],
    objects: ObjectStore,
    sidecars: Mapping[str, Mapping[str, str]],
    workers: int,
) -> Iterator[tuple[Job, Found]]:
    """Read files in parallel, in order, at most `workers` ahead of the writer."""
    waiting: deque[tuple[Job, Future[Found]]] = deque()
    with ThreadPoolExecutor(max_workers=workers, thread_name_prefix="read") as pool:
        for job in jobs:
            waiting.append((job, pool.submit(read, job, objects, sidecars.get(job.source, {}))))
            if len(waiting) > workers:
                done, future = waiting.popleft()
                yield done, future.result()
        while waiting:
            done, future = waiting.popleft()
            yield done, future.result()


def read(job: Job, objects: ObjectStore, sidecars: Mapping[str, str]) -> Found:
    """The datasets of a job's file with the seconds each took; never raises BadInput."""
    found: Found = []
    name = _shown(job)
    began = time.perf_counter()
    try:
        with ExitStack() as stack:
            path = stack.enter_context(objects.local(job.source))
            beside = {s: stack.enter_context(objects.local(k)) for s, k in sidecars.items()}
            source = Source(path, name, beside)
            if job.attempt > 1:
                trial.survive(source)
            for item in datasets(source):
                now = time.perf_counter()
                found.append((item, now - began))
                began = now
    except Transient:
        raise
    except PollyError as error:
        found.append((FailedDataset(job.dataset_id, error), time.perf_counter() - began))
    return found


class _Ownership:
    """Which source owns which dataset id, before and within the batch."""

    def __init__(self, work: Work) -> None:
        self._atlas, self._objects = work.atlas, work.objects
        self._now = datetime.now(UTC)
        self._seen: dict[str, str] = {}
        self._whole: set[str] = set()
        columns = ["dataset_id", "source", "fingerprint", "version"]
        rows = work.read(NORMALIZED_DATASETS, columns).to_pylist()
        self._before = {row["dataset_id"]: row for row in rows}

    def admit(
        self, job: Job, found: Found
    ) -> tuple[list[tuple[ParsedDataset, float]], list[FailedDataset]]:
        """The datasets that this job may write, and those it may not or cannot."""
        good: list[tuple[ParsedDataset, float]] = []
        failed: list[FailedDataset] = []
        for item, seconds in found:
            if isinstance(item, FailedDataset):
                failed.append(item)
            elif other := self._other_owner(job, item.dataset_id):
                failed.append(FailedDataset(item.dataset_id, _taken(job, item.dataset_id, other)))
            else:
                self._seen[item.dataset_id] = job.source
                good.append((item, seconds))
        if not failed:
            self._whole.add(job.source)
        return good, failed

    def _other_owner(self, job: Job, dataset_id: str) -> str | None:
        """Whose the dataset is, if not this job's; a file that is gone owns nothing."""
        if dataset_id in self._seen:
            return self._seen[dataset_id]
        before = self._before.get(dataset_id)
        if before is None or before["source"] == job.source:
            return None
        return before["source"] if self._objects.head(before["source"]) else None

    def origin(self, job: Job, parsed: ParsedDataset, failed: list[FailedDataset]) -> Origin:
        """The provenance of an admitted dataset; the same content is the same version."""
        before = self._before.get(parsed.dataset_id)
        version = before["version"] if before else 0
        same = before is not None and before["fingerprint"] == job.fingerprint
        return Origin(
            source=job.source,
            fingerprint=job.fingerprint,
            shard=self._atlas.shard_of(parsed.dataset_id),
            version=version if same else version + 1,
            ingested_at=self._now,
            file_failures=tuple(failed),
        )

    def spoiled(self, job: Job, dataset_id: str, error: BadInput) -> list[FailedDataset]:
        """The only dataset of a file could not be stored after all."""
        self._whole.discard(job.source)
        del self._seen[dataset_id]
        return [FailedDataset(dataset_id, error)]

    def stale(self) -> list[str]:
        """Datasets that a source held before and, now wholly read, holds no longer."""
        return sorted(
            dataset_id
            for dataset_id, row in self._before.items()
            if row["source"] in self._whole and dataset_id not in self._seen
        )


class _Sink:
    """Collects rows and commits them in whole datasets, the dataset row last."""

    def __init__(self, work: Work, genes: GeneIndex) -> None:
        self._work, self._genes = work, genes
        self._rows: dict[str, list[pa.Table]] = {spec.name: [] for spec in _WRITE_ORDER}
        self._ids: list[str] = []
        self._spilled: set[str] = set()
        self._bytes = 0

    def add(self, parsed: ParsedDataset, origin: Origin, seconds: float) -> None:
        began = time.perf_counter()
        pieces = (matrix_rows(parsed.dataset_id, m, origin.shard) for m in parsed.matrices)
        for rows in list(chain.from_iterable(pieces)):
            self._keep(MATRICES, rows)
        for rows in variant_rows(parsed, origin.shard, self._genes):
            self._keep(VARIANTS, rows)
            if self._bytes >= FLUSH_BYTES:
                self._spill(parsed.dataset_id)
        if parsed.dataset_id in self._spilled:
            self._spill(parsed.dataset_id)
        self._keep(FEATURES, feature_rows(parsed, origin.shard, self._genes))
        self._keep(NORMALIZED_SAMPLES, sample_rows(parsed, origin.shard))
        seconds += time.perf_counter() - began
        self._keep(NORMALIZED_DATASETS, dataset_row(parsed, origin, seconds))
        self._ids.append(parsed.dataset_id)
        if self._bytes >= FLUSH_BYTES:
            self.flush()

    def _keep(self, spec: TableSpec, rows: pa.Table) -> None:
        self._rows[spec.name].append(rows)
        self._bytes += rows.nbytes

    def _spill(self, dataset_id: str) -> None:
        """Commit the variants so far: those of this dataset are too many to hold."""
        pieces = self._rows[VARIANTS.name]
        if not pieces:
            return
        rows = pa.concat_tables(pieces)
        fresh = [i for i in (*self._ids, dataset_id) if i not in self._spilled]
        self._work.tables.write(self._work.name(VARIANTS), VARIANTS, rows, replace=fresh)
        self._spilled.update(fresh)
        self._bytes -= rows.nbytes
        pieces.clear()

    def flush(self) -> None:
        if not self._ids:
            return
        for spec in _WRITE_ORDER:
            pieces = self._rows[spec.name]
            rows = pa.concat_tables(pieces) if pieces else spec.schema().empty_table()
            done = self._spilled if spec is VARIANTS else ()
            if ids := [i for i in self._ids if i not in done]:
                self._work.replace(spec, rows, ids)
            pieces.clear()
        self._ids, self._bytes = [], 0


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
