"""Following the landing area, and what events, workers and time have left undone.

Owns the queueing of what events tell of, of landed files that no job knows and of removed
ones that left datasets; jobs whose worker died; and tables that want compaction. It only
queues and tidies; batches do the work.
Keep out: schedules, and the work of a batch.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

from polly_assets import atlases, batches
from polly_assets.ingest import changes, landing
from polly_assets.schema import ATLAS_TABLES
from polly_resources.errors import BadInput, NotFound
from polly_resources.events.base import EventKind, EventSource, ObjectEvent
from polly_resources.jobs.base import JobLedger
from polly_resources.objects.base import ObjectStore
from polly_resources.records import Job, JobAction
from polly_resources.tables.base import TableStore

LOG = logging.getLogger(__name__)

FOLLOW_SECONDS = 20.0
"""How long one call follows events; a sensor's tick has 60 seconds."""

EVENTS_AT_ONCE = 200
"""Events whose jobs are queued together, before the events are settled."""

FILES_BEFORE_COMPACTION = 100
"""An append takes 7 ms at 50 live files, 28 ms at 300 and 121 ms at 1,000."""


@dataclass(frozen=True, slots=True)
class Upkeep:
    """What a reconciliation found and did."""

    released: int
    queued: int
    removed: int
    compacted: int


def follow(
    events: EventSource, ledger: JobLedger, objects: ObjectStore, tables: TableStore
) -> list[Job]:
    """Queue what events tell of until there are no more, or for a while; the jobs.

    Events are settled once the ledger has their jobs: what is interrupted comes again.
    """
    jobs: list[Job] = []
    end = time.monotonic() + FOLLOW_SECONDS
    while received := events.receive(EVENTS_AT_ONCE):
        look = any(event.kind == EventKind.LOOK for event in received)
        if look:
            jobs += submit_landed(ledger, objects, tables)[0]
        else:
            jobs += _submit_told(received, ledger, objects, tables)
        events.settle(received)
        if look or time.monotonic() > end:
            break
    return jobs


def _submit_told(
    events: Sequence[ObjectEvent], ledger: JobLedger, objects: ObjectStore, tables: TableStore
) -> list[Job]:
    """Queue what became of the keys of these events; keys outside atlases are passed over."""
    names: dict[str, set[str]] = {}
    for event in events:
        folder, _, name = event.key.removeprefix(landing.ROOT).partition("/")
        if event.key.startswith(landing.ROOT) and name:
            names.setdefault(folder, set()).add(name)
        else:
            LOG.info("event passed over, %r is in no atlas's landing folder", event.key)
    known = {atlas.name: atlas for atlas in atlases.listed(tables)}
    jobs: list[Job] = []
    for folder in sorted(names):
        atlas = known.get(folder) or _new_atlas(folder, objects, tables)
        if atlas is not None:
            jobs += ledger.submit(changes.at_names(objects, ledger, tables, atlas, names[folder]))
    return jobs


def _new_atlas(name: str, objects: ObjectStore, tables: TableStore) -> atlases.Atlas | None:
    """The atlas that a folder of the landing area becomes; None where it cannot, or is empty."""
    try:
        if next(iter(objects.list(f"{landing.ROOT}{name}/")), None) is None:
            return None
        return atlases.get_or_create(tables, name)
    except BadInput as error:
        LOG.warning("landing folder ignored: %s", error)
        return None


def submit_landed(
    ledger: JobLedger, objects: ObjectStore, tables: TableStore
) -> tuple[list[Job], list[atlases.Atlas]]:
    """Queue what landed or vanished and no job has taken up; the jobs, and all atlases.

    A folder of the landing area that no atlas has yet becomes an atlas.
    """
    jobs: list[Job] = []
    known = {atlas.name: atlas for atlas in atlases.listed(tables)}
    for name in _landing_folders(objects):
        if name not in known and (atlas := _new_atlas(name, objects, tables)):
            known[name] = atlas
    for atlas in known.values():
        jobs += ledger.submit(changes.everywhere(objects, ledger, tables, atlas))
    return jobs, list(known.values())


def _landing_folders(objects: ObjectStore) -> Sequence[str]:
    return sorted(
        {info.key.split("/")[1] for info in objects.list("landing/") if "/" in info.key[8:]}
    )


def reconcile(ledger: JobLedger, objects: ObjectStore, tables: TableStore) -> Upkeep:
    """Release dead claims, queue what events missed, compact tables of many files."""
    released = batches.release_dead(ledger)
    jobs, known = submit_landed(ledger, objects, tables)
    removed = sum(job.action == JobAction.DELETE for job in jobs)
    compacted = sum(_compact(tables, atlas.name) for atlas in known)
    LOG.info(
        "reconciled: %d jobs returned to the queue, %d missed files queued, "
        "%d datasets of removed files to be deleted, %d tables compacted",
        len(released),
        len(jobs) - removed,
        removed,
        compacted,
    )
    return Upkeep(len(released), len(jobs) - removed, removed, compacted)


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
