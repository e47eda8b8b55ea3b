"""A small door that keeps everything in memory: what the command and the gateway talk to in tests.

Files are judged by their content: `bad...` fails, `multi...` holds two datasets, `slow...` stays
queued, everything else is one dataset named after the file.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256

import duckdb
import pyarrow as pa

from polly_api.base import AtlasInfo, Door, Finding, OntologyState
from polly_api.words import (
    BadQuery,
    Conflict,
    Failure,
    Job,
    JobAction,
    JobStatus,
    NotFound,
    Notice,
    Priority,
    SearchAnswer,
    SearchHit,
)

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


class MemoryDoor(Door):
    def __init__(self):
        self.known = {"demo": {}}
        self.ledger = {}
        self.content = {}
        self.findings = [
            Finding("tables", "ok", "delta at home"),
            Finding("ui", "missing", "", "x"),
        ]
        self.batch_sizes = []

    def sql(self, query, *, max_rows=None):
        with duckdb.connect() as base:
            for atlas, datasets in self.known.items():
                schema = '"' + atlas.replace('"', '""') + '"'
                base.execute(f"CREATE SCHEMA {schema}")
                base.execute(
                    f"CREATE TABLE {schema}.datasets (dataset_id TEXT, title TEXT, metadata TEXT)"
                )
                for dataset_id in datasets:
                    row = (dataset_id, f"Title of {dataset_id}", '{"lab": "A"}')
                    base.execute(f"INSERT INTO {schema}.datasets VALUES (?, ?, ?)", row)
            try:
                table = base.sql(query).to_arrow_table()
            except duckdb.Error as error:
                raise BadQuery("bad_sql", str(error), place="line 1", hint="mend it") from error
        return table.slice(0, max_rows)

    def search(self, atlas, request):
        found = [
            SearchHit(each, 1.5, {"title": f"Title of {each}", "organism": ["human"]})
            for each in self._atlas(atlas)
            if request.text in each
        ]
        page = found[request.offset : request.offset + request.limit]
        counts = {facet: {"human": len(found)} for facet in request.facets}
        return SearchAnswer(len(found), tuple(page), counts)

    def submit(self, paths, atlas, *, priority=Priority.MEDIUM):
        files = []
        for path in paths:
            if not path.exists():
                raise NotFound("no_such_file", "no file or folder", file=str(path))
            files += (
                [(each.relative_to(path).as_posix(), each) for each in sorted(path.rglob("*"))]
                if path.is_dir()
                else [(path.name, path)]
            )
        return [
            self._queue(atlas, name, path.read_bytes(), priority)
            for name, path in files
            if path.is_file()
        ]

    def _queue(self, atlas, name, content, priority):
        mark = sha256(content).hexdigest()
        seen = any(j.source == name and j.fingerprint == mark for j in self.ledger.values())
        self.content[name] = content
        dataset_id = name.rsplit("/", 1)[-1].split(".")[0]
        return self._add(atlas, JobAction.INGEST, name, dataset_id, mark, priority, seen)

    def _add(
        self, atlas, action, source, dataset_id, mark="", priority=Priority.MEDIUM, seen=False
    ):
        self.known.setdefault(atlas, {})
        job = Job(
            job_id=f"J{len(self.ledger):04}",
            atlas=atlas,
            shard=0,
            action=action,
            source=source,
            dataset_id=dataset_id,
            fingerprint=mark,
            etag="",
            size=1,
            priority=priority,
            status=JobStatus.UNCHANGED if seen else JobStatus.QUEUED,
            stage="unchanged" if seen else "queued",
            attempt=1,
            batch_id=None,
            owner=None,
            lease_until=None,
            created_at=NOW,
        )
        self.ledger[job.job_id] = job
        return job

    def wait(self, job_ids, on_change=None):
        ended = []
        for job_id in job_ids:
            ended += self._finish(self.ledger[job_id])
        if on_change:
            on_change(ended)
        return ended

    def _finish(self, job):
        if job.status is not JobStatus.QUEUED:
            return [job]
        content = self.content.get(job.source, b"")
        done = {"stage": "done", "batch_id": "B1", "finished_at": NOW, "seconds": 0.25}
        if content.startswith(b"bad"):
            error = Failure(
                "bad_cell", "found 'x', expected a number", job.source, "line 7", "mend"
            )
            job = replace(job, status=JobStatus.ERRORED, error=error, **done)
        elif job.action is JobAction.DELETE:
            self.known[job.atlas].pop(job.dataset_id, None)
            job = replace(job, status=JobStatus.DELETED, **done)
        else:
            warnings = (Notice("odd", "an odd thing", "line 2"),)
            shape = {"format": "gct", "samples": 3, "features": 5, "warnings": warnings}
            job = replace(job, status=JobStatus.SUCCEEDED, **done, **shape)
            self.known[job.atlas][job.dataset_id] = True
        self.ledger[job.job_id] = job
        if not content.startswith(b"multi"):
            return [job]
        child = replace(job, job_id=f"{job.job_id}b", dataset_id=f"{job.dataset_id}_2")
        self.ledger[child.job_id] = child
        return [job, child]

    def jobs(self, filter):
        found = [
            job
            for job in sorted(self.ledger.values(), key=lambda job: job.job_id, reverse=True)
            if (not filter.job_ids or job.job_id in filter.job_ids)
            and (filter.atlas in (None, job.atlas))
            and (not filter.statuses or job.status in filter.statuses)
            and (filter.batch_id in (None, job.batch_id))
            and (filter.after is None or job.job_id < filter.after)
        ]
        return found[: filter.limit]

    def retry(self, job_ids):
        for job_id in job_ids:
            if job_id not in self.ledger:
                raise NotFound("unknown_job", f"no job {job_id}")
            job = self.ledger[job_id]
            if job.status is not JobStatus.ERRORED:
                raise Conflict("not_errored", f"job {job_id} is {job.status}")
            self.ledger[job_id] = replace(job, status=JobStatus.QUEUED, error=None)
        return [self.ledger[job_id] for job_id in job_ids]

    def delete(self, atlas, dataset_ids):
        for each in dataset_ids:
            if each not in self._atlas(atlas):
                raise NotFound("unknown_dataset", f"no dataset {each}")
        return [self._add(atlas, JobAction.DELETE, "", each) for each in dataset_ids]

    def recurate(self, atlas, dataset_ids=()):
        return self._again(JobAction.RECURATE, atlas, dataset_ids)

    def reindex(self, atlas, dataset_ids=()):
        return self._again(JobAction.REINDEX, atlas, dataset_ids)

    def _again(self, action, atlas, dataset_ids):
        ids = dataset_ids or sorted(self._atlas(atlas))
        for each in ids:
            if each not in self._atlas(atlas):
                raise NotFound("unknown_dataset", f"no dataset {each}")
        return [self._add(atlas, action, "", each) for each in ids]

    def create_atlas(self, atlas, *, description="", shards=1):
        if atlas in self.known:
            raise Conflict("atlas_exists", f"atlas {atlas} exists")
        self.known[atlas] = {}
        return AtlasInfo(atlas, description, shards, NOW.isoformat(), 0, 0, {"datasets": 0})

    def atlases(self):
        return [
            AtlasInfo(atlas, "", 1, NOW.isoformat(), len(found), 0, {"datasets": len(found)})
            for atlas, found in sorted(self.known.items())
        ]

    def export(self, atlas, dataset_id, format, out):
        if dataset_id not in self._atlas(atlas):
            raise NotFound("unknown_dataset", f"no dataset {dataset_id}")
        out.write_bytes(f"{format} of {dataset_id}".encode())
        if format == "csv":
            for kind in ("samples", "features"):
                out.with_name(f"{out.stem}.{kind}.csv").write_text(kind)
        return out

    def gene(self, gene, atlas):
        self._atlas(atlas)
        return pa.table({"dataset_id": ["GSE1"], "name": [gene], "value": [1.5]})

    def curate(self, records):
        self.batch_sizes.append(len(records))
        term = {"curie": "MONDO:1", "label": "asthma", "text": "asthma", "start": 0, "end": 6}
        found = {"disease": [term | {"confidence": 0.9, "method": "dictionary"}], "tissue": []}
        control = {"is_control": {"value": False, "confidence": 0.8}}
        return [{"id": record["id"], **found, **control} for record in records]

    def ontologies(self, *, load=False):
        self.loaded = getattr(self, "loaded", None) or ("v1" if load else None)
        return [OntologyState("MONDO", "v1", self.loaded, "CC BY 4.0", "a package")]

    def doctor(self):
        return self.findings

    def _atlas(self, atlas):
        if atlas not in self.known:
            raise NotFound("unknown_atlas", f"no atlas {atlas}", hint="create it")
        return self.known[atlas]
