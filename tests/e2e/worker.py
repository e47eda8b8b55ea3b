"""A process that works on an instance: it can be killed. `python -m tests.e2e.worker --help`.

ingest HOME ATLAS PATH...   what `polly ingest` does; prints each job as a line of JSON
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from polly_api.open import open_door
from tests.assets.instance import small_settings


def main(home: str, atlas: str, *paths: str) -> None:
    """Submit the paths, say so, and work until their jobs have ended."""
    door = open_door(small_settings(Path(home), batch_jobs=5, lease_seconds=5.0))
    jobs = door.submit([Path(path) for path in paths], atlas)
    print("submitted", flush=True)
    for job in door.wait([job.job_id for job in jobs]):
        print(json.dumps([job.dataset_id, job.status.value, job.error and str(job.error)]))


if __name__ == "__main__":
    main(*sys.argv[1:])
