"""A process that works on an instance as `polly ingest` does, and that may die on the way.

    python -m tests.e2e.worker HOME WHEN PATH...

WHEN is `never`, or a stage, seconds and a signal such as `curated+0.05+SIGKILL`: that long after
it first enters the stage the process sends itself the signal. Prints each job as a line of JSON.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path

from polly_api.open import open_door
from polly_assets import batches
from tests.assets.instance import small_settings


def disturb(stage: str, seconds: str, name: str) -> None:
    """Arrange a signal for this process."""
    working = batches.working
    send = [threading.Timer(float(seconds), os.kill, (os.getpid(), signal.Signals[name]))]

    def disturbed(ledger, limits, batch_id, entered):
        if entered == stage and send:
            send.pop().start()
        return working(ledger, limits, batch_id, entered)

    batches.working = disturbed


def main(home: str, when: str, *paths: str) -> None:
    """Submit the paths and work until their jobs have ended."""
    if when != "never":
        disturb(*when.split("+"))
    door = open_door(small_settings(Path(home), batch_jobs=3, lease_seconds=5.0))
    jobs = door.submit([Path(path) for path in paths], "demo")
    for job in door.wait([job.job_id for job in jobs]):
        print(json.dumps([job.dataset_id, job.status.value, job.error and str(job.error)]))


if __name__ == "__main__":
    main(*sys.argv[1:])
