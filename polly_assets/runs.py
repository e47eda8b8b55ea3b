"""Running batches in this process, and preparing the folder of an instance.

Owns the bridge from plain callers (the door, a CI job) to Dagster: what runs here appears
in the UI like any other run. Keep out: deciding what to ingest.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import files
from typing import Any

import dagster as dg
from filelock import FileLock

from polly_assets import atlases, batches
from polly_assets.automation import INGEST, ONTOLOGIES
from polly_assets.definitions import build
from polly_assets.partitions import BATCH_TAG, SHARD_PARTITIONS, SHARD_TAG
from polly_resources.backends import Backends
from polly_resources.errors import Misconfigured, NotFound, PollyError
from polly_resources.jobs.base import JobLedger
from polly_resources.patience import patient
from polly_resources.records import Job, JobFilter, JobStatus
from polly_resources.settings import Settings

LOG = logging.getLogger(__name__)

POLL_SECONDS = 0.25
PENDING = (JobStatus.QUEUED, JobStatus.RUNNING)
_QUIET: dict[str, Any] = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}

OnChange = Callable[[Sequence[Job]], None]


def prepare_home(settings: Settings) -> None:
    """Make the instance folder with its `dagster.yaml` and storage; existing ones stay.

    Processes that make Dagster's storage at the same time break it, so one makes it here.
    Raises Misconfigured where the folder cannot be used.
    """
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
        _prepare(settings)
    except OSError as error:
        raise Misconfigured(
            "home_unusable",
            f"the folder of the instance cannot be used ({error.strerror or error})",
            file=str(settings.home),
            hint="free space, give this user the right to write there, or set POLLY_HOME",
        ) from error


def _prepare(settings: Settings) -> None:
    with FileLock(settings.home / ".prepare.lock"):
        target = settings.home / "dagster.yaml"
        if not target.exists():
            target.write_text(files("polly_assets").joinpath("dagster.yaml").read_text())
        ready = settings.home / ".prepared"
        if not ready.exists():
            with dg.DagsterInstance.from_config(str(settings.home)) as instance:
                instance.get_runs_count()
            ready.touch()


def process(
    backends: Backends, job_ids: Sequence[str], on_change: OnChange | None = None
) -> list[Job]:
    """Work in this process until these jobs have ended; the jobs that came of them.

    Jobs that another worker holds are waited for. Jobs are the caller's in the sense that
    only they are claimed here, whatever else is queued.
    """
    ledger = patient(backends.jobs, backends.settings.patience_seconds)
    with _watching(ledger, job_ids, on_change):
        while True:
            jobs = family(ledger, job_ids)
            if not any(job.status in PENDING for job in jobs):
                return jobs
            batches.release_dead(ledger)
            batch_id = batches.new_batch_id()
            mine = JobFilter(job_ids=list(job_ids))
            claimed = batches.claim(ledger, backends.settings, batch_id, filter=mine)
            if not claimed:
                time.sleep(POLL_SECONDS)
                continue
            try:
                with batches.working(ledger, backends.settings, batch_id, "starting"):
                    run_batch(backends.settings, batch_id, claimed[0].atlas, claimed[0].shard)
            except Exception as error:
                LOG.warning("batch %s failed, its jobs are tried again: %s", batch_id, error)


def family(ledger: JobLedger, job_ids: Sequence[str]) -> list[Job]:
    """The jobs, and those of further datasets found in the same files. Raises NotFound."""
    jobs = ledger.find(JobFilter(job_ids=list(job_ids), limit=1_000_000))
    unknown = set(job_ids) - {job.job_id for job in jobs}
    if unknown:
        raise NotFound("unknown_job", f"no such job: {', '.join(sorted(unknown))}")
    files = {(job.batch_id, job.source) for job in jobs if job.batch_id}
    found = {job.job_id: job for job in jobs}
    for batch_id in sorted({str(batch_id) for batch_id, _ in files}):
        for job in ledger.find(JobFilter(batch_id=batch_id, limit=1_000_000)):
            if (job.batch_id, job.source) in files:
                found.setdefault(job.job_id, job)
    return [found[job_id] for job_id in sorted(found)]


def run_batch(settings: Settings, batch_id: str, atlas: str, shard: int) -> None:
    """Run the pipeline over a claimed batch, in this process. Raises what made it fail."""
    key = atlases.partition_key(atlas, shard)
    job = build(settings).resolve_job_def(INGEST.name)
    with _instance(settings) as instance:
        instance.add_dynamic_partitions(SHARD_PARTITIONS, [key])
        try:
            job.execute_in_process(
                instance=instance,
                partition_key=key,
                tags={BATCH_TAG: batch_id, SHARD_TAG: key},
                run_config=_QUIET,
            )
        except dg.DagsterExecutionInterruptedError as error:
            raise KeyboardInterrupt from error


def load_ontologies(settings: Settings) -> None:
    """Load every installed ontology release into the `ontology` tables."""
    job = build(settings).resolve_job_def(ONTOLOGIES.name)
    with _instance(settings) as instance:
        job.execute_in_process(instance=instance, run_config=_QUIET)


def register_partitions(settings: Settings, atlas: atlases.Atlas) -> None:
    """Make the shards of an atlas known to the instance, so that they can be materialized."""
    with _instance(settings) as instance:
        instance.add_dynamic_partitions(SHARD_PARTITIONS, atlas.partitions())


@contextmanager
def _instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    """Dagster's instance in the home folder, which is made where it is not there."""
    prepare_home(settings)
    with dg.DagsterInstance.from_config(str(settings.home)) as instance:
        yield instance


@contextmanager
def _watching(
    ledger: JobLedger, job_ids: Sequence[str], on_change: OnChange | None
) -> Iterator[None]:
    """Call `on_change` from a thread whenever a job's status or stage has changed."""
    if on_change is None:
        yield
        return
    stop = threading.Event()

    def watch() -> None:
        before: list[Job] = []
        while True:
            last = stop.wait(POLL_SECONDS)
            try:
                jobs = family(ledger, job_ids)
            except PollyError as error:
                LOG.warning("the progress of the jobs is not known: %s", error)
                return
            if jobs != before:
                on_change(jobs)
                before = jobs
            if last:
                return

    thread = threading.Thread(target=watch, name="watch-jobs", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
