"""Landing objects become job requests.

Owns where files land, which belong together, and how a change is recognised: by the
SHA-256 over a file and its sidecars. Keep out: reading formats and running jobs.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from polly_assets.atlases import Atlas
from polly_assets.ingest.formats.registry import SourceGroup, group_sources
from polly_assets.ingest.formats.text import dataset_id_from_name
from polly_assets.ingest.given import collect
from polly_resources.errors import BadInput, NotFound
from polly_resources.jobs.base import JobLedger
from polly_resources.objects.base import ObjectInfo, ObjectStore
from polly_resources.records import JobAction, JobFilter, JobRequest, Priority

LOG = logging.getLogger(__name__)

ROOT = "landing/"
"""Where files land: one folder per atlas."""

SETTLE = timedelta(seconds=2)
"""An object changed more recently may still be being written."""

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

    A file whose content is landed already is not copied again. Files join what landed
    before: a sidecar given alone is an update of the matrix that it describes.
    """
    files = collect(paths)
    names = [name for group in group_sources(sorted(files)) for name in _members(group).values()]
    if not names:
        raise BadInput(
            "nothing_to_ingest",
            "no data files found",
            file=", ".join(str(path) for path in paths),
            hint="hidden files, README, LICENSE and *.md are not data",
        )
    root = prefix(atlas.name)
    with ThreadPoolExecutor(max_workers=4) as pool:
        put = dict(
            zip(names, pool.map(lambda n: _put(objects, root + n, files[n]), names), strict=True)
        )
    digests = {name: digest for name, (digest, _) in put.items()}
    infos = _infos(objects, root) | {name: info for name, (_, info) in put.items()}
    return [
        _request(objects, atlas, group, infos, priority=priority, digests=digests)
        for group in group_sources(sorted(infos))
        if not put.keys().isdisjoint(_members(group).values())
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

    Compares cheap version marks first and reads content only where they differ.
    """
    now = now or datetime.now(UTC)
    root = prefix(atlas.name)
    infos = _infos(objects, root)
    known = _known_etags(ledger, atlas)
    requests = []
    for group in group_sources(sorted(infos)):
        held = _held(group, infos)
        settled = all(abs(now - info.modified_at) > SETTLE for info in held)
        if not settled or known.get(root + group.main) == _etag(held):
            continue
        try:
            requests.append(_request(objects, atlas, group, infos))
        except (BadInput, NotFound) as error:  # unreadable, or gone since it was listed
            LOG.warning("landed file passed over: %s", error)
    return requests


def _known_etags(ledger: JobLedger, atlas: Atlas) -> dict[str, str]:
    """The version mark that each source's newest ingest took up.

    Deleting a dataset leaves its file: it stays known, or it would be ingested again.
    """
    newest = ledger.find(JobFilter(atlas=atlas.name, latest_per_source=True, limit=_ALL))
    others = [job.source for job in newest if job.action != JobAction.INGEST]
    older = ledger.find(JobFilter(atlas=atlas.name, sources=others, limit=_ALL)) if others else []
    known: dict[str, str] = {}
    for job in (*newest, *older):
        if job.action == JobAction.INGEST:
            known.setdefault(job.source, job.etag)
    return known


def _members(group: SourceGroup) -> dict[str, str]:
    """The files of a source by suffix; the main one has none."""
    return {"": group.main, **group.sidecars}


def _infos(objects: ObjectStore, folder: str) -> dict[str, ObjectInfo]:
    return {info.key.removeprefix(folder): info for info in objects.list(folder)}


def _held(group: SourceGroup, infos: Mapping[str, ObjectInfo]) -> list[ObjectInfo]:
    return [infos[name] for _, name in sorted(_members(group).items())]


def _digest(objects: ObjectStore, key: str) -> str:
    with objects.local(key) as path:
        return sha256(path)


def landed(objects: ObjectStore, sources: Sequence[str]) -> dict[str, Landed]:
    """What lies at these sources now, sidecars included; a vanished source is left out."""
    found = {}
    for folder in sorted({source.rpartition("/")[0] for source in sources}):
        infos = {info.key: info for info in objects.list(folder + "/")}
        for group in group_sources(sorted(infos)):
            held = _held(group, infos)
            found[group.main] = Landed(
                source=group.main,
                sidecars=dict(group.sidecars),
                etag=_etag(held),
                size=sum(info.size for info in held),
            )
    return {source: found[source] for source in sources if source in found}


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
    dataset_id = _expected_id(group.main.rpartition("/")[2])
    return JobRequest(
        atlas=atlas.name,
        shard=atlas.shard_of(dataset_id),
        action=JobAction.INGEST,
        source=root + group.main,
        dataset_id=dataset_id,
        fingerprint=_fingerprint(
            {
                suffix: digests.get(name) or _digest(objects, root + name)
                for suffix, name in _members(group).items()
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
