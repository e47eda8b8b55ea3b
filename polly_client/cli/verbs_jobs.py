"""Verbs that change data, and the jobs that they become: ingest, jobs, retry, delete, ..."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from polly_api.words import Job, JobFilter, JobStatus, Priority
from polly_client.cli.context import Atlas, Json, NoWait, client
from polly_client.cli.progress import finished
from polly_client.cli.render import emit, note, show, show_jobs
from polly_client.jobs import Submission, failed, listing, report

SomeOrAll = Annotated[list[str] | None, typer.Argument(help="Ids of datasets; none = all.")]


def ingest(
    ctx: typer.Context,
    paths: Annotated[list[Path], typer.Argument(help="Files and folders of data.")],
    *,
    atlas: Atlas,
    priority: Annotated[
        Priority, typer.Option(help="Which queued jobs are worked on first.")
    ] = Priority.MEDIUM,
    no_wait: NoWait = False,
    json: Json = False,
) -> None:
    """Read files and folders into an atlas.

    Waits, and reports what became of each dataset; files seen before are `unchanged`.
    Exit code 1 where one failed.
    """
    submission = client(ctx).ingest(paths, atlas=atlas, priority=priority.value)
    _conclude(ctx, submission, no_wait=no_wait, json=json)


def jobs(
    ctx: typer.Context,
    atlas: Annotated[str | None, typer.Option("--atlas", "-a", help="Only this atlas.")] = None,
    status: Annotated[
        list[JobStatus] | None, typer.Option(help="Only this status; may be repeated.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many, newest first.")] = 100,
    json: Json = False,
) -> None:
    """List jobs, newest first."""
    wanted = JobFilter(atlas=atlas, statuses=tuple(status or ()), limit=limit)
    found = client(ctx).door.jobs(wanted)
    if json:
        for job in found:
            emit(listing(job))
        return
    show(
        ("job", "status", "action", "atlas", "dataset", "stage", "attempt", "created", "error"),
        [_row(job) for job in found],
    )
    if len(found) == limit:
        note(f"only the newest {limit} are shown; --limit shows more")


def retry(
    ctx: typer.Context,
    job: Annotated[list[str], typer.Argument(help="Ids of errored jobs.")],
    no_wait: NoWait = False,
    json: Json = False,
) -> None:
    """Try errored jobs again. Exit code 1 where one fails again."""
    _conclude(ctx, client(ctx).retry(job), no_wait=no_wait, json=json)


def delete(
    ctx: typer.Context,
    dataset: Annotated[list[str], typer.Argument(help="Ids of datasets.")],
    atlas: Atlas,
    no_wait: NoWait = False,
    json: Json = False,
) -> None:
    """Remove datasets from an atlas. Exit code 1 where one could not be removed."""
    _conclude(ctx, client(ctx).delete(dataset, atlas=atlas), no_wait=no_wait, json=json)


def recurate(
    ctx: typer.Context,
    dataset: SomeOrAll = None,
    *,
    atlas: Atlas,
    no_wait: NoWait = False,
    json: Json = False,
) -> None:
    """Annotate datasets again, as after a new ontology release or model."""
    submission = client(ctx).recurate(dataset or (), atlas=atlas)
    _conclude(ctx, submission, no_wait=no_wait, json=json)


def reindex(
    ctx: typer.Context,
    dataset: SomeOrAll = None,
    *,
    atlas: Atlas,
    no_wait: NoWait = False,
    json: Json = False,
) -> None:
    """Publish and index datasets again; mends a damaged search index."""
    submission = client(ctx).reindex(dataset or (), atlas=atlas)
    _conclude(ctx, submission, no_wait=no_wait, json=json)


VERBS = (ingest, jobs, retry, delete, recurate, reindex)


def _conclude(ctx: typer.Context, submission: Submission, *, no_wait: bool, json: bool) -> None:
    done = submission.jobs if no_wait else finished(ctx, submission)
    if json:
        for job in done:
            emit(report(job))
    else:
        show_jobs(done)
    if no_wait and any(job.status is JobStatus.QUEUED for job in done):
        note("queued: `polly up` works on them, and `polly jobs` shows how far they are")
    if failed(done):
        raise typer.Exit(1)


def _row(job: Job) -> tuple[str, ...]:
    return (
        job.job_id,
        job.status.value,
        job.action.value,
        job.atlas,
        job.dataset_id,
        job.stage,
        str(job.attempt),
        job.created_at.isoformat(sep=" ", timespec="seconds"),
        f"{job.error.code}: {job.error.message}" if job.error else "",
    )
