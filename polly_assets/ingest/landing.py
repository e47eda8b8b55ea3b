"""Landing objects become job requests.

Owns where files land, which belong together, and how a change is recognised: by the
SHA-256 over a file and its sidecars. Keep out: reading formats and running jobs.
"""

from __future__ import annotations

import hashlib
import logging
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from polly_assets.atlases import Atlas
from polly_assets.ingest.bundles import is_bundle, unbundled
from polly_assets.ingest.formats.counts.names import home
from polly_assets.ingest.formats.grouping import SourceGroup, group_sources
from polly_assets.ingest.formats.streams.text import dataset_id_from_name
from polly_assets.ingest.given import collect
from polly_assets.ingest.manifests import is_manifest
from polly_resources.errors import BadInput, NotFound
from polly_resources.jobs.base import JobLedger
from polly_resources.objects.base import ObjectInfo, ObjectStore
from polly_resources.records import Job, JobAction, JobFilter, JobRequest, JobStatus, Priority

LOG = logging.getLogger(__name__)

ROOT = "landing/"
"""Where files land: one folder per atlas."""

SETTLE = timedelta(seconds=2)
"""An object changed more recently may still be being written."""

GONE = ""
"""The fingerprint of a deletion that follows from a file being gone: there is none."""

_ALL = 1_000_000


@dataclass(frozen=True, slots=True)
class Landed:
    """One source in the landing area: its objects and their combined marks."""

    source: str
    sidecars: Mapping[str, str]
    etag: str
    size: int


def prefix(atlas: str) -> str:
    """The landing folder of an atlas."""
    return f"{ROOT}{atlas}/"


def land(
    objects: ObjectStore,
    atlas: Atlas,
    paths: Sequence[Path],
    priority: Priority = Priority.MEDIUM,
) -> list[JobRequest]:
    """Copy files into the landing folder of the atlas; a request for each source they touch.

    Bundles land as the files that are in them; one that is refused lands as it is, so that
    its own job tells why. Raises BadInput where there is no data or a manifest is wrong, and
    Conflict where files would land under one name.
    """
    with tempfile.TemporaryDirectory(prefix="polly-bundles-") as folder:
        files, refused = unbundled(collect(paths), Path(folder))
        for name, error in refused.items():
            if not is_bundle(name):
                raise error
        if requests := land_files(objects, atlas, files, priority):
            return requests
    raise BadInput(
        "nothing_to_ingest",
        "no data files found",
        file=", ".join(str(path) for path in paths),
        hint="hidden files, README, LICENSE and *.md are not data",
    )


def land_files(
    objects: ObjectStore, atlas: Atlas, files: Mapping[str, Path], priority: Priority
) -> list[JobRequest]:
    """Copy files into the landing folder under these names; requests as `land` gives them.

    A file whose content is landed already is not copied again. Files join what landed
    before: a sidecar given alone is an update of the matrix that it describes.
    """
    names = [name for group in group_sources(sorted(files)) for name in members(group).values()]
    root = prefix(atlas.name)
    with ThreadPoolExecutor(max_workers=4) as pool:
        put = dict(
            zip(names, pool.map(lambda n: _put(objects, root + n, files[n]), names), strict=True)
        )
    digests = {name: digest for name, (digest, _) in put.items()}
    infos = listed(objects, atlas) | {name: info for name, (_, info) in put.items()}
    return [
        _request(objects, atlas, group, infos, priority=priority, digests=digests)
        for group in group_sources(sorted(infos))
        if not put.keys().isdisjoint(members(group).values())
    ]


def _put(objects: ObjectStore, key: str, path: Path) -> tuple[str, ObjectInfo]:
    """Store the file unless it is there already; its SHA-256 and the object's facts."""
    digest = sha256(path)
    held = objects.head(key)
    if held is not None and held.size == path.stat().st_size and _digest(objects, key) == digest:
        return digest, held
    return digest, objects.put(key, path)


def missed(
    objects: ObjectStore, ledger: JobLedger, atlas: Atlas, now: datetime | None = None
) -> list[JobRequest]:
    """Requests for landed sources whose current version no job has taken up.

    Compares cheap version marks first and reads content only where they differ. What
    changed a moment ago may still be being written, and waits for the next call.
    """
    now = now or datetime.now(UTC)
    infos = listed(objects, atlas)
    groups = settled(sources(list(infos)), infos, now)
    return untaken(objects, atlas, groups, infos, known=taken(ledger, atlas), now=now)


def settled(
    groups: Sequence[SourceGroup], infos: Mapping[str, ObjectInfo], now: datetime
) -> list[SourceGroup]:
    """The sources of which nothing changed a moment ago."""
    return [
        group
        for group in groups
        if all(abs(now - info.modified_at) > SETTLE for info in _held(group, infos))
    ]


def untaken(
    objects: ObjectStore,
    atlas: Atlas,
    groups: Sequence[SourceGroup],
    infos: Mapping[str, ObjectInfo],
    *,
    known: Mapping[str, Taken],
    now: datetime,
) -> list[JobRequest]:
    """Requests for those of the sources whose version in `infos` is not the known one."""
    root = prefix(atlas.name)
    changed = []
    for group in groups:
        before = known.get(root + group.main)
        if before is None or not before.covers(_held(group, infos), now):
            changed.append(group)
    with ThreadPoolExecutor(max_workers=4) as pool:
        tried = pool.map(lambda group: _try_request(objects, atlas, group, infos), changed)
        return [request for request in tried if request is not None]


def _try_request(
    objects: ObjectStore, atlas: Atlas, group: SourceGroup, infos: Mapping[str, ObjectInfo]
) -> JobRequest | None:
    """The request for a source; None where it is unreadable, or gone since it was listed."""
    try:
        return _request(objects, atlas, group, infos)
    except (BadInput, NotFound) as error:
        LOG.warning("landed file passed over: %s", error)
        return None


@dataclass(frozen=True, slots=True)
class Taken:
    """The version of a source that its newest ingest took up, and what was removed since.

    `vanished`: because the file was gone; a file there now is another one.
    """

    etag: str
    busy: bool = False
    removed_at: datetime | None = None
    vanished: bool = False

    def covers(self, held: Sequence[ObjectInfo], now: datetime) -> bool:
        """Whether these objects are what the ingest took up.

        Deleting a dataset leaves its file, which must not be ingested again for being
        there; a file that landed after the deletion is.
        """
        if self.etag != _etag(held) or self.vanished:
            return False
        removed_at = self.removed_at
        return removed_at is None or not any(removed_at < i.modified_at <= now for i in held)


def taken(ledger: JobLedger, atlas: Atlas, sources: Sequence[str] = ()) -> dict[str, Taken]:
    """What the ledger knows of these sources, or of all, that were ever ingested."""
    if sources:
        jobs = ledger.find(JobFilter(atlas=atlas.name, sources=sources, limit=_ALL))
    else:
        jobs = ledger.find(JobFilter(atlas=atlas.name, latest_per_source=True, limit=_ALL))
        others = [job.source for job in jobs if job.action != JobAction.INGEST]
        if others:
            jobs = [job for job in jobs if job.action == JobAction.INGEST]
            jobs += ledger.find(JobFilter(atlas=atlas.name, sources=others, limit=_ALL))
    by_source: dict[str, list[Job]] = {}
    for job in jobs:
        by_source.setdefault(job.source, []).append(job)
    found = {source: _taken(newest_first) for source, newest_first in by_source.items()}
    return {source: one for source, one in found.items() if one is not None}


def _taken(newest_first: Sequence[Job]) -> Taken | None:
    deletions: list[Job] = []
    for job in newest_first:
        if job.action == JobAction.INGEST:
            return Taken(
                etag=job.etag,
                busy=newest_first[0].status in (JobStatus.QUEUED, JobStatus.RUNNING),
                removed_at=deletions[0].created_at if deletions else None,
                vanished=any(deletion.fingerprint == GONE for deletion in deletions),
            )
        if job.action == JobAction.DELETE:
            deletions.append(job)
    return None


def sources(names: Sequence[str]) -> list[SourceGroup]:
    """What jobs are about, of landed files: data, and manifests that others put there."""
    return [*group_sources(names), *(SourceGroup(name) for name in names if is_manifest(name))]


def members(group: SourceGroup) -> dict[str, str]:
    """The files of a source by suffix; the main one has none."""
    return {"": group.main, **group.sidecars}


def listed(objects: ObjectStore, atlas: Atlas, beginning: str = "") -> dict[str, ObjectInfo]:
    """What lies in the atlas's landing folder by name, of names that begin so."""
    root = prefix(atlas.name)
    return {info.key.removeprefix(root): info for info in objects.list(root + beginning)}


def _held(group: SourceGroup, infos: Mapping[str, ObjectInfo]) -> list[ObjectInfo]:
    return [infos[name] for _, name in sorted(members(group).items())]


def _digest(objects: ObjectStore, key: str) -> str:
    with objects.local(key) as path:
        return sha256(path)


def landed(objects: ObjectStore, keys: Sequence[str]) -> dict[str, Landed]:
    """What lies at these sources now, sidecars included; a vanished source is left out."""
    found = {}
    for root, folder in sorted({_place(key) for key in keys}):
        infos = {info.key.removeprefix(root): info for info in objects.list(root + folder)}
        for group in sources(sorted(infos)):
            held = _held(group, infos)
            found[root + group.main] = Landed(
                source=root + group.main,
                sidecars={key: root + name for key, name in group.sidecars.items()},
                etag=_etag(held),
                size=sum(info.size for info in held),
            )
    return {key: found[key] for key in keys if key in found}


def _place(key: str) -> tuple[str, str]:
    """The landing folder of a source's atlas, and the folder in it that has all its files."""
    root = prefix(key.removeprefix(ROOT).partition("/")[0])
    folder = home(key.removeprefix(root))
    return root, f"{folder}/" if folder else ""


def fingerprint(objects: ObjectStore, at: Landed) -> str:
    """The SHA-256 over what lies at a source now."""
    members = {"": at.source, **at.sidecars}
    return _fingerprint({suffix: _digest(objects, key) for suffix, key in members.items()})


def _request(
    objects: ObjectStore,
    atlas: Atlas,
    group: SourceGroup,
    infos: Mapping[str, ObjectInfo],
    *,
    priority: Priority = Priority.MEDIUM,
    digests: Mapping[str, str] = {},
) -> JobRequest:
    """The request for a source; what is not in `digests` by name is read."""
    root = prefix(atlas.name)
    held = _held(group, infos)
    dataset_id = _expected_id(group.main)
    return JobRequest(
        atlas=atlas.name,
        shard=atlas.shard_of(dataset_id),
        action=JobAction.INGEST,
        source=root + group.main,
        dataset_id=dataset_id,
        fingerprint=_fingerprint(
            {
                suffix: digests.get(name) or _digest(objects, root + name)
                for suffix, name in members(group).items()
            }
        ),
        etag=_etag(held),
        size=sum(info.size for info in held),
        priority=priority,
    )


def _expected_id(name: str) -> str:
    """The dataset id that a file's name stands for; a name without one fails when it is read."""
    try:
        return dataset_id_from_name(name)
    except BadInput:
        return name


def _etag(infos: Iterable[ObjectInfo]) -> str:
    return "+".join(info.etag for info in infos)


def _fingerprint(digests: Mapping[str, str]) -> str:
    if set(digests) == {""}:
        return digests[""]
    text = "\n".join(f"{suffix}:{digest}" for suffix, digest in sorted(digests.items()))
    return hashlib.sha256(text.encode()).hexdigest()


def sha256(path: Path) -> str:
    """The SHA-256 of a file, as hex. Raises BadInput where it cannot be read."""
    try:
        with path.open("rb") as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest()
    except OSError as error:
        raise BadInput(
            "unreadable_file",
            f"the file cannot be read ({error.strerror or error})",
            file=str(path),
            hint="give this user the right to read it, or leave it out",
        ) from error
