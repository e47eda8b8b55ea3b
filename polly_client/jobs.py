"""Submitted jobs in the user's hands: waiting for them and reporting on them.

Owns `Submission` and the shape in which one dataset's outcome is reported.
Keep out: terminals, and how jobs are run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from polly_api.words import FINISHED, Job, JobStatus

if TYPE_CHECKING:
    from polly_api.base import Door


class Submission:
    """Jobs that were queued together.

    Attributes:
        jobs: The jobs as they were when queued, or when `wait` ended.
    """

    def __init__(self, door: Door, jobs: Sequence[Job]) -> None:
        self._door = door
        self.jobs: list[Job] = list(jobs)

    def wait(self, on_change: Callable[[Sequence[Job]], None] | None = None) -> list[Job]:
        """Bring all jobs to an end; one result per dataset, several per file maybe.

        Args:
            on_change: Called with jobs whenever they have changed.
        """
        if any(job.status not in FINISHED for job in self.jobs):
            self.jobs = self._door.wait([job.job_id for job in self.jobs], on_change)
        return self.jobs

    def __repr__(self) -> str:
        return f"Submission({len(self.jobs)} jobs)"


def failed(jobs: Sequence[Job]) -> list[Job]:
    """The jobs that ended in an error."""
    return [job for job in jobs if job.status is JobStatus.ERRORED]


def report(job: Job) -> dict[str, Any]:
    """What became of one dataset, as JSON."""
    return {
        "dataset_id": job.dataset_id,
        "status": job.status.value,
        "format": job.format,
        "samples": job.samples,
        "features": job.features,
        "seconds": job.seconds,
        "warnings": [asdict(notice) for notice in job.warnings],
        "error": asdict(job.error) if job.error else None,
        "job_id": job.job_id,
        "source": job.source,
    }


def listing(job: Job) -> dict[str, Any]:
    """One job whole, as JSON."""
    return report(job) | {
        "atlas": job.atlas,
        "action": job.action.value,
        "priority": job.priority.value,
        "stage": job.stage,
        "attempt": job.attempt,
        "created_at": job.created_at.isoformat(),
        "started_at": job.started_at.isoformat() if job.started_at else None,
        "finished_at": job.finished_at.isoformat() if job.finished_at else None,
    }
