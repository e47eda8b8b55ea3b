"""Outcomes of a batch as every ledger takes them: by job, and only ends of running jobs.

Keep out: storage.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from polly_resources.errors import Conflict
from polly_resources.jobs.base import LEGAL_MOVES
from polly_resources.records import JobOutcome, JobStatus

_ENDS = LEGAL_MOVES[JobStatus.RUNNING] - {JobStatus.QUEUED}


def by_job(outcomes: Sequence[JobOutcome]) -> dict[str, list[JobOutcome]]:
    """The outcomes of each job. Raises Conflict for one that is no end of a running job."""
    found: dict[str, list[JobOutcome]] = defaultdict(list)
    for outcome in outcomes:
        if outcome.status not in _ENDS:
            raise Conflict(
                "illegal_move",
                f"job {outcome.job_id} cannot finish as {outcome.status}, "
                f"expected one of: {', '.join(sorted(_ENDS))}",
            )
        found[outcome.job_id].append(outcome)
    return found
