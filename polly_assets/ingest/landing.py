"""Landing objects become job requests.

Owns where files land, which belong together, and how a change is recognised: by the
SHA-256 over a file and its sidecars. Keep out: reading formats and running jobs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from polly_assets.atlases import Atlas
from polly_assets.ingest.formats.registry import SourceGroup, group_sources
from polly_assets.ingest.formats.text import dataset_id_from_name
from polly_resources.errors import BadInput, Conflict, NotFound
from polly_resources.jobs.base import JobLedger
from polly_resources.objects.base import ObjectInfo, ObjectStore
from polly_resources.records import JobAction, JobFilter, JobRequest, Priority

ROOT = "landing/"
"""Where files land: one folder per atlas."""

SETTLE = timedelta(seconds=2)
"""An object changed more recently may still be being written."""

_CHUNK = 1 << 20


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


def collect(paths: Sequence[Path]) -> dict[str, Path]:
    """Relative landing name -> file, for files and folders given by a user.

    A file keeps its name, a folder's files their path below it. Raises NotFound for a
    path that does not exist and Conflict where two files would land under one name.
    """
    found: dict[str, Path] = {}
    for path in paths:
        for name, file in _files(path):
            if name in found and found[name].resolve() != file.resolve():
                raise Conflict(
                    "same_name",
                    f"{file} and {found[name]} would both land as {name}",
                    file=str(file),
                    hint="ingest their parent folder instead, so that their paths differ",
                )
            found[name] = file
    return found


def _files(path: Path) -> Iterator[tuple[str, Path]]:
    if path.is_file():
        yield path.name, path
    elif path.is_dir():
        for file in sorted(path.rglob("*")):
            if file.is_file():
                yield file.relative_to(path).as_posix(), file
    else:
        raise NotFound("no_such_file", "no file or folder of this name", file=str(path))


def land(
    objects: ObjectStore,
    atlas: Atlas,
    paths: Sequence[Path],
    priority: Priority = Priority.MEDIUM,
) -> list[JobRequest]:
    """Copy files into the landing folder of the atlas and request a job for each source.

    A file whose content is landed already is not copied again.
    """
    files = collect(paths)
    groups = group_sources(sorted(files))
    if not groups:
        raise BadInput(
            "nothing_to_ingest",
            "no data files found",
            file=", ".join(str(path) for path in paths),
            hint="hidden files, README, LICENSE and *.md are not data",
        )
    with ThreadPoolExecutor(max_workers=4) as pool:
        return list(pool.map(lambda g: _land_group(objects, atlas, files, g, priority), groups))


def _land_group(
    objects: ObjectStore,
    atlas: Atlas,
    files: Mapping[str, Path],
    group: SourceGroup,
    priority: Priority,
) -> JobRequest:
    members = {"": group.main, **group.sidecars}
    digests = {suffix: sha256(files[name]) for suffix, name in members.items()}
    infos = [
        _put(objects, prefix(atlas.name) + name, files[name], digests[suffix])
        for suffix, name in sorted(members.items())
    ]
    return _request(atlas, group, _fingerprint(digests), infos, priority)


def _put(objects: ObjectStore, key: str, path: Path, digest: str) -> ObjectInfo:
    held = objects.head(key)
    if held is not None and held.size == path.stat().st_size:
        with objects.local(key) as local:
            if sha256(local) == digest:
                return held
    return objects.put(key, path)


def missed(
    objects: ObjectStore, ledger: JobLedger, atlas: Atlas, now: datetime | None = None
) -> list[JobRequest]:
    """Requests for landed sources whose current version no job has taken up.

    Compares cheap version marks first and reads content only where they differ.
    """
    horizon = (now or datetime.now(UTC)) - SETTLE
    root = prefix(atlas.name)
    infos = {info.key.removeprefix(root): info for info in objects.list(root)}
    groups = group_sources(sorted(infos))
    known = _known_etags(ledger, atlas)
    requests = []
    for group in groups:
        members = {"": group.main, **group.sidecars}
        held = [infos[name] for _, name in sorted(members.items())]
        if (
            known.get(root + group.main) == _etag(held)
            or max(i.modified_at for i in held) > horizon
        ):
            continue
        digests = {suffix: _digest(objects, root + name) for suffix, name in members.items()}
        requests.append(_request(atlas, group, _fingerprint(digests), held, Priority.MEDIUM))
    return requests


def _known_etags(ledger: JobLedger, atlas: Atlas) -> dict[str, str]:
    filter = JobFilter(atlas=atlas.name, latest_per_source=True, limit=1_000_000)
    return {job.source: job.etag for job in ledger.find(filter)}


def _digest(objects: ObjectStore, key: str) -> str:
    with objects.local(key) as path:
        return sha256(path)


def landed(objects: ObjectStore, sources: Sequence[str]) -> dict[str, Landed]:
    """What lies at these sources now, sidecars included; a vanished source is left out."""
    found = {}
    for folder in sorted({source.rpartition("/")[0] for source in sources}):
        infos = {info.key: info for info in objects.list(folder + "/")}
        for group in group_sources(sorted(infos)):
            members = {"": group.main, **group.sidecars}
            held = [infos[name] for _, name in sorted(members.items())]
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
    atlas: Atlas,
    group: SourceGroup,
    fingerprint: str,
    infos: Iterable[ObjectInfo],
    priority: Priority,
) -> JobRequest:
    held = list(infos)
    dataset_id = dataset_id_from_name(group.main.rpartition("/")[2])
    return JobRequest(
        atlas=atlas.name,
        shard=atlas.shard_of(dataset_id),
        action=JobAction.INGEST,
        source=prefix(atlas.name) + group.main,
        dataset_id=dataset_id,
        fingerprint=fingerprint,
        etag=_etag(held),
        size=sum(info.size for info in held),
        priority=priority,
    )


def _etag(infos: Iterable[ObjectInfo]) -> str:
    return "+".join(info.etag for info in infos)


def _fingerprint(digests: Mapping[str, str]) -> str:
    if set(digests) == {""}:
        return digests[""]
    text = "\n".join(f"{suffix}:{digest}" for suffix, digest in sorted(digests.items()))
    return hashlib.sha256(text.encode()).hexdigest()


def sha256(path: Path) -> str:
    """The SHA-256 of a file, as hex."""
    digest = hashlib.sha256()
    with path.open("rb") as handle:
        while chunk := handle.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
