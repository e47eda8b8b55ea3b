"""Reconciliation: what events, workers and time have left undone.

Owns finding landed files that no job knows, jobs whose worker died, and tables that want
compaction. It only queues and tidies; batches do the work.
Keep out: schedules, and the work of a batch.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from polly_assets import atlases, batches
from polly_assets.ingest import landing
from polly_assets.schema import ATLAS_TABLES
from polly_resources.errors import BadInput, NotFound
from polly_resources.jobs.base import JobLedger
from polly_resources.objects.base import ObjectStore
from polly_resources.records import Job
from polly_resources.tables.base import TableStore

LOG = logging.getLogger(__name__)

FILES_BEFORE_COMPACTION = 100
"""An append takes 7 ms at 50 live files, 28 ms at 300 and 121 ms at 1,000."""


@dataclass(frozen=True, slots=True)
class Upkeep:
    """What a reconciliation found and did."""

    released: int
    queued: int
    compacted: int


def submit_landed(
    ledger: JobLedger, objects: ObjectStore, tables: TableStore
) -> tuple[list[Job], list[atlases.Atlas]]:
    """Queue landed files that no job has taken up; the jobs, and all atlases.

    A folder of the landing area that no atlas has yet becomes an atlas.
    """
    jobs: list[Job] = []
    known = {atlas.name: atlas for atlas in atlases.listed(tables)}
    for name in _landing_folders(objects):
        if name not in known:
            try:
                known[name] = atlases.get_or_create(tables, name)
            except BadInput as error:
                LOG.warning("landing folder ignored: %s", error)
    for atlas in known.values():
        jobs += ledger.submit(landing.missed(objects, ledger, atlas))
    return jobs, list(known.values())


def _landing_folders(objects: ObjectStore) -> Sequence[str]:
    return sorted(
        {info.key.split("/")[1] for info in objects.list("landing/") if "/" in info.key[8:]}
    )


def reconcile(ledger: JobLedger, objects: ObjectStore, tables: TableStore) -> Upkeep:
    """Release dead claims, queue missed files, compact tables of many files."""
    released = batches.release_dead(ledger)
    jobs, known = submit_landed(ledger, objects, tables)
    compacted = sum(_compact(tables, atlas.name) for atlas in known)
    LOG.info(
        "reconciled: %d jobs returned to the queue, %d missed files queued, %d tables compacted",
        len(released),
        len(jobs),
        compacted,
    )
    return Upkeep(len(released), len(jobs), compacted)


def _compact(tables: TableStore, atlas: str) -> int:
    done = 0
    for spec in ATLAS_TABLES:
        name = f"{atlas}/{spec.name}"
        try:
            if len(tables.files(name).files) >= FILES_BEFORE_COMPACTION:
                tables.maintain(name)
                done += 1
        except NotFound:
            continue
    return done
