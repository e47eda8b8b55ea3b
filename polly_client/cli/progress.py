"""Waiting, with progress on stderr: a bar on a terminal, else a line per finished dataset.

Owns what is said while work goes on and when it is interrupted. Keep out: results.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import typer

from polly_api.words import FINISHED, Job
from polly_client.cli.context import client
from polly_client.cli.render import note
from polly_client.jobs import Submission


def finished(ctx: typer.Context, submission: Submission) -> list[Job]:
    """The results of the jobs, once all have ended; Ctrl-C leaves them to the platform."""
    jobs = {job.job_id: job for job in submission.jobs}
    try:
        with counter(len(jobs)) as say:

            def on_change(changed: Sequence[Job]) -> None:
                for job in changed:
                    before, jobs[job.job_id] = jobs.get(job.job_id), job
                    ended = job.status in FINISHED
                    if ended and (before is None or before.status not in FINISHED):
                        say(f"{job.status.value} {job.dataset_id}", 1)
                    elif before is None or before.stage != job.stage:
                        say(_summary(jobs.values()), 0)

            return submission.wait(on_change)
    except KeyboardInterrupt:
        left = sum(job.status not in FINISHED for job in jobs.values())
        who = client(ctx).server
        note(
            f"interrupted; {left} jobs are not finished: "
            + (f"{who} goes on with them" if who else "`polly up`, or the same command, goes on")
            + "; `polly jobs` shows them"
        )
        raise typer.Exit(130) from None


@contextmanager
def counter(total: int) -> Iterator[Callable[[str, int], None]]:
    """A function to call with a text and how many more are done."""
    if not sys.stderr.isatty():
        done = 0

        def line(text: str, more: int) -> None:
            nonlocal done
            done += more
            if more:
                note(f"[{done}/{max(done, total)}] {text}")

        yield line
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}", markup=False),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("waiting", total=total)
        yield lambda text, more: bar.update(task, advance=more, description=text)


def _summary(jobs: Iterable[Job]) -> str:
    counts = Counter(job.stage or job.status.value for job in jobs if job.status not in FINISHED)
    return ", ".join(f"{count} {stage}" for stage, count in counts.most_common())
