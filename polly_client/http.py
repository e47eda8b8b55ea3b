"""The door over the network: the same answers and errors as in process.

Owns the HTTP calls, the way back from JSON to records and errors, and polling.
Keep out: anything that a user sees; see `client` and `cli`.
"""

from __future__ import annotations

import shutil
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
import pyarrow as pa
from pydantic import TypeAdapter

from polly_api import words
from polly_api.base import AtlasInfo, Door, Finding, OntologyState
from polly_api.words import (
    FINISHED,
    Job,
    JobFilter,
    NotFound,
    Permanent,
    PollyError,
    Priority,
    SearchAnswer,
    SearchRequest,
    Unavailable,
    collect,
)
from polly_client.files import replacing
from polly_client.upload import multipart

ARROW = "application/vnd.apache.arrow.stream"
CONNECT_SECONDS = 10.0
REPLY_SECONDS = 900.0
POLL_SECONDS = (0.1, 2.0)
PATIENCE_SECONDS = 60.0
IDS_PER_REQUEST = 200
JOBS_PER_PAGE = 1000

Kind = TypeVar("Kind")
ATLAS = TypeAdapter(AtlasInfo)
ATLASES = TypeAdapter(list[AtlasInfo])
FINDINGS = TypeAdapter(list[Finding])
JOBS = TypeAdapter(list[Job])
ONTOLOGIES = TypeAdapter(list[OntologyState])
RECORDS = TypeAdapter(dict[str, list[dict[str, Any]]])
SEARCH = TypeAdapter(SearchAnswer)


class HttpDoor(Door):
    """A door that asks a server.

    Args:
        url: Address of the server, such as `http://127.0.0.1:8765`.
        api_key: The key that the server demands, if any.
    """

    def __init__(self, url: str, api_key: str | None = None) -> None:
        headers = [(b"Authorization", f"Bearer {api_key}".encode())] if api_key else []
        timeout = httpx.Timeout(REPLY_SECONDS, connect=CONNECT_SECONDS)
        self._url = url.rstrip("/")
        self._client = httpx.Client(base_url=self._url, headers=headers, timeout=timeout)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def sql(self, query: str, *, max_rows: int | None = None) -> pa.Table:
        """See `Door.sql`."""
        return self._table("POST", "/v1/sql", json={"query": query, "max_rows": max_rows})

    def search(self, atlas: str, request: SearchRequest) -> SearchAnswer:
        """See `Door.search`."""
        body = {"atlas": atlas, **asdict(request)}
        return self._read(SEARCH, "POST", "/v1/search", json=body)

    def submit(
        self, paths: Sequence[Path], atlas: str, *, priority: Priority = Priority.MEDIUM
    ) -> list[Job]:
        """See `Door.submit`. The files are sent to the server."""
        kind, body = multipart(collect(paths))
        return self._read(
            JOBS,
            "POST",
            "/v1/ingest",
            params={"atlas": atlas, "priority": priority.value},
            headers={"Content-Type": kind},
            content=body,
        )

    def wait(
        self,
        job_ids: Sequence[str],
        on_change: Callable[[Sequence[Job]], None] | None = None,
    ) -> list[Job]:
        """See `Door.wait`. The server works; this asks it, less often while nothing changes."""
        known: dict[str, Job] = {}
        pending = list(dict.fromkeys(job_ids))
        shortest, longest = POLL_SECONDS
        delay = shortest
        while pending:
            changed = [job for job in self._poll(pending) if known.get(job.job_id) != job]
            known |= {job.job_id: job for job in changed}
            if absent := [each for each in pending if each not in known]:
                raise NotFound(
                    "unknown_job",
                    f"no such job: {', '.join(absent)}",
                    hint="`polly jobs` lists the jobs",
                )
            if changed and on_change is not None:
                on_change(list(known.values()))
            pending = [each for each in pending if known[each].status not in FINISHED]
            delay = shortest if changed else min(delay * 1.5, longest)
            if pending:
                time.sleep(delay)
        family = self._with_children(list(known.values()))
        if len(family) > len(known) and on_change is not None:
            on_change(family)
        return family

    def jobs(self, filter: JobFilter) -> list[Job]:
        """See `Door.jobs`."""
        found: list[Job] = []
        while len(found) < filter.limit:
            page = min(JOBS_PER_PAGE, filter.limit - len(found))
            after = found[-1].job_id if found else filter.after
            asked = asdict(replace(filter, limit=page, after=after))
            params = {key: value for key, value in asked.items() if value not in (None, ())}
            part = self._read(JOBS, "GET", "/v1/jobs", params=params)
            found += part
            if len(part) < page:
                break
        return found

    def retry(self, job_ids: Sequence[str]) -> list[Job]:
        """See `Door.retry`."""
        return self._read(JOBS, "POST", "/v1/jobs/retry", json={"job_ids": list(job_ids)})

    def delete(self, atlas: str, dataset_ids: Sequence[str]) -> list[Job]:
        """See `Door.delete`."""
        body = {"atlas": atlas, "dataset_ids": list(dataset_ids)}
        return self._read(JOBS, "POST", "/v1/delete", json=body)

    def recurate(self, atlas: str, dataset_ids: Sequence[str] = ()) -> list[Job]:
        """See `Door.recurate`."""
        body = {"atlas": atlas, "dataset_ids": list(dataset_ids)}
        return self._read(JOBS, "POST", "/v1/recurate", json=body)

    def reindex(self, atlas: str, dataset_ids: Sequence[str] = ()) -> list[Job]:
        """See `Door.reindex`."""
        body = {"atlas": atlas, "dataset_ids": list(dataset_ids)}
        return self._read(JOBS, "POST", "/v1/reindex", json=body)

    def create_atlas(self, atlas: str, *, description: str = "", shards: int = 1) -> AtlasInfo:
        """See `Door.create_atlas`."""
        body = {"atlas": atlas, "description": description, "shards": shards}
        return self._read(ATLAS, "POST", "/v1/atlases", json=body)

    def atlases(self) -> list[AtlasInfo]:
        """See `Door.atlases`."""
        return self._read(ATLASES, "GET", "/v1/atlases")

    def export(self, atlas: str, dataset_id: str, format: str, out: Path) -> Path:
        """See `Door.export`."""
        address = f"/v1/datasets/{quote(atlas, safe='')}/{quote(dataset_id, safe='')}/download"
        asked = {"format": format}
        with replacing(out) as fresh, self._reply("GET", address, params=asked) as reply:
            with fresh.open("wb") as file:
                for chunk in reply.iter_bytes():
                    file.write(chunk)
            if reply.headers.get("content-type") == "application/zip":
                _unpack(fresh, out)
        return out

    def gene(self, gene: str, atlas: str) -> pa.Table:
        """See `Door.gene`."""
        return self._table("GET", "/v1/gene", params={"gene": gene, "atlas": atlas})

    def curate(self, records: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """See `Door.curate`."""
        found = self._read(RECORDS, "POST", "/v1/curate", json={"records": list(records)})
        return found["records"]

    def ontologies(self, *, load: bool = False) -> list[OntologyState]:
        """See `Door.ontologies`."""
        if load:
            return self._read(ONTOLOGIES, "POST", "/v1/ontologies/load")
        return self._read(ONTOLOGIES, "GET", "/v1/ontologies")

    def doctor(self) -> list[Finding]:
        """See `Door.doctor`."""
        return self._read(FINDINGS, "GET", "/v1/doctor")

    def _poll(self, job_ids: Sequence[str]) -> list[Job]:
        """The jobs as they are now; a server that is away for a moment is waited for."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return [
                    job
                    for start in range(0, len(job_ids), IDS_PER_REQUEST)
                    for job in self.jobs(
                        JobFilter(job_ids=tuple(job_ids[start : start + IDS_PER_REQUEST]))
                    )
                ]
            except Unavailable:
                if time.monotonic() > deadline:
                    raise
                time.sleep(POLL_SECONDS[1])

    def _with_children(self, jobs: Sequence[Job]) -> list[Job]:
        """The jobs and those that further datasets of their files became, oldest first."""
        family = {job.job_id: job for job in jobs}
        wanted = {(job.batch_id, job.source) for job in jobs if job.batch_id}
        for batch_id in {job.batch_id for job in jobs if job.batch_id}:
            for job in self.jobs(JobFilter(batch_id=batch_id, limit=1_000_000)):
                if (job.batch_id, job.source) in wanted:
                    family.setdefault(job.job_id, job)
        return [family[job_id] for job_id in sorted(family)]

    def _table(self, method: str, path: str, **request: Any) -> pa.Table:
        with self._reply(method, path, headers={"Accept": ARROW}, **request) as reply:
            return pa.ipc.open_stream(pa.py_buffer(reply.read())).read_all()

    def _read(self, kind: TypeAdapter[Kind], method: str, path: str, **request: Any) -> Kind:
        with self._reply(method, path, **request) as reply:
            return kind.validate_json(reply.read())

    @contextmanager
    def _reply(self, method: str, path: str, **request: Any) -> Iterator[httpx.Response]:
        """A successful response, not yet read; failures become the errors they stand for."""
        try:
            with self._client.stream(method, path, **request) as reply:
                if reply.is_error or reply.is_redirect:
                    reply.read()
                    raise _error(reply)
                yield reply
        except httpx.TimeoutException as error:
            raise self._away("did not answer in time", error) from error
        except httpx.TransportError as error:
            raise self._away("could not be reached", error) from error
        except httpx.InvalidURL as error:
            raise Permanent("bad_url", f"{self._url!r} is not an address: {error}") from error

    def _away(self, what: str, error: Exception) -> Unavailable:
        return Unavailable(
            "server_unreachable",
            f"the server {self._url} {what}: {error}",
            hint="check the address, and that `polly up` runs there",
        )


def _error(reply: httpx.Response) -> PollyError:
    try:
        found = dict(reply.json()["error"])
        kind = getattr(words, found.pop("type"), PollyError)
        code, message = found.pop("code"), found.pop("message")
    except (ValueError, KeyError, TypeError):
        kind = Unavailable if reply.status_code in (502, 503, 504) else Permanent
        return kind(
            "bad_reply",
            f"{reply.url} answered {reply.status_code} {reply.reason_phrase}, "
            "not in the way of a Polly server",
            hint="check the address",
        )
    error: PollyError = kind(code, message, **found)
    return error


def _unpack(archive: Path, out: Path) -> None:
    """Put the first member in the archive's place and the others beside `out`."""
    with zipfile.ZipFile(archive) as packed:
        main, *others = packed.namelist()
        stem = Path(main).stem
        for member in others:
            beside = out.with_name(out.stem + Path(member).name.removeprefix(stem))
            with replacing(beside) as fresh:
                _extract(packed, member, fresh)
        content = archive.with_name("content")
        _extract(packed, main, content)
    content.replace(archive)


def _extract(packed: zipfile.ZipFile, member: str, path: Path) -> None:
    with packed.open(member) as source, path.open("wb") as target:
        shutil.copyfileobj(source, target)
