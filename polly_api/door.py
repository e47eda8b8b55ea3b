"""The door in this process: every operation of users, over the opened backends.

Owns the order of calls behind each operation. Keep out: HTTP, terminals, and anything that
the packages below can do themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import tenacity

from polly_api.base import AtlasInfo, Door, Finding, OntologyState
from polly_api.catalog import AtlasCatalog
from polly_api.doctor import examine
from polly_api.pinned import Pinned
from polly_api.sql.prepare import prepare
from polly_assets import atlases as registry
from polly_assets import batches, knowledge
from polly_assets.curate.expand import expand
from polly_assets.curate.models.registry import DEFAULT_MODEL, open_model
from polly_assets.curate.records import record_from_json, to_json
from polly_assets.ingest import landing
from polly_assets.ingest.given import collect
from polly_assets.ontologies import steps as releases
from polly_assets.publish.exports.registry import export_named
from polly_assets.publish.load import load_dataset
from polly_assets.schema import MEASUREMENTS, NORMALIZED_DATASETS, SQL_TABLES
from polly_resources.backends import Backends
from polly_resources.errors import BadQuery, Conflict, NotFound
from polly_resources.query.base import TABLE_MOVED
from polly_resources.records import (
    Job,
    JobAction,
    JobFilter,
    JobRequest,
    JobStatus,
    Priority,
    SearchAnswer,
    SearchRequest,
)
from polly_resources.settings import Settings


class LocalDoor(Door):
    """Works on the backends of its settings, which are opened on first use."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._backends = Backends(settings)

    def sql(self, query: str, *, max_rows: int | None = None) -> pa.Table:
        """See `Door.sql`."""
        return _while_tables_move(partial(self._sql, query, max_rows))

    def _sql(self, query: str, max_rows: int | None) -> pa.Table:
        vocabularies = knowledge.vocabularies(self._backends.ontologies)
        found = prepare(
            query, AtlasCatalog(self._backends), partial(expand, ontologies=vocabularies)
        )
        if isinstance(found, pa.Table):
            return found
        if max_rows is not None:
            return self._backends.query.run(found, max_rows=max_rows)
        limit = self._settings.max_rows
        rows = self._backends.query.run(found, max_rows=limit + 1)
        if rows.num_rows > limit:
            raise BadQuery(
                "query_too_large",
                f"the answer has more than {limit} rows",
                hint="add LIMIT or a WHERE, or raise POLLY_MAX_ROWS",
            )
        return rows

    def search(self, atlas: str, request: SearchRequest) -> SearchAnswer:
        """See `Door.search`."""
        registry.get(self._backends.tables, atlas)
        return self._backends.search.search(atlas, request)

    def submit(
        self, paths: Sequence[Path], atlas: str, *, priority: Priority = Priority.MEDIUM
    ) -> list[Job]:
        """See `Door.submit`. The atlas is created where it does not exist."""
        backends = self._backends
        collect(paths)  # what is wrong with the paths is told before an atlas is made
        known = registry.get_or_create(backends.tables, atlas)
        requests = landing.land(backends.objects, known, paths, priority)
        # What a killed process holds would be taken for work under way, on its last attempt.
        batches.release_dead(backends.jobs)
        return backends.jobs.submit(requests)

    def wait(
        self,
        job_ids: Sequence[str],
        on_change: Callable[[Sequence[Job]], None] | None = None,
    ) -> list[Job]:
        """See `Door.wait`. Works on the jobs in this process."""
        jobs = self._named(job_ids)
        if all(job.status == JobStatus.UNCHANGED for job in jobs):
            return jobs
        from polly_assets.runs import process

        return process(self._backends, job_ids, on_change)

    def jobs(self, filter: JobFilter) -> list[Job]:
        """See `Door.jobs`."""
        return self._backends.jobs.find(filter)

    def retry(self, job_ids: Sequence[str]) -> list[Job]:
        """See `Door.retry`."""
        jobs = self._named(job_ids)
        fine = [job.job_id for job in jobs if job.status != JobStatus.ERRORED]
        if fine:
            raise Conflict(
                "not_errored",
                f"only errored jobs can be retried; not so: {', '.join(fine)}",
                hint="list them: polly jobs --status errored",
            )
        return self._backends.jobs.requeue(job_ids=job_ids, retry=True)

    def _named(self, job_ids: Sequence[str]) -> list[Job]:
        found = self._backends.jobs.find(JobFilter(job_ids=list(job_ids), limit=1_000_000))
        by_id = {job.job_id: job for job in found}
        unknown = sorted(set(job_ids) - set(by_id))
        if unknown:
            raise NotFound(
                "unknown_job", f"no such job: {', '.join(unknown)}", hint="list them: polly jobs"
            )
        return [by_id[job_id] for job_id in job_ids]

    def delete(self, atlas: str, dataset_ids: Sequence[str]) -> list[Job]:
        """See `Door.delete`."""
        return self._queue(JobAction.DELETE, atlas, dataset_ids)

    def recurate(self, atlas: str, dataset_ids: Sequence[str] = ()) -> list[Job]:
        """See `Door.recurate`."""
        return self._queue(JobAction.RECURATE, atlas, dataset_ids or None)

    def reindex(self, atlas: str, dataset_ids: Sequence[str] = ()) -> list[Job]:
        """See `Door.reindex`."""
        return self._queue(JobAction.REINDEX, atlas, dataset_ids or None)

    def _queue(self, action: JobAction, atlas: str, dataset_ids: Sequence[str] | None) -> list[Job]:
        """Queue the action for these datasets, or all. Raises NotFound."""
        known = registry.get(self._backends.tables, atlas)
        columns = ["dataset_id", "source", "fingerprint"]
        wanted = {} if dataset_ids is None else {"dataset_id": list(dataset_ids)}
        name = f"{atlas}/{NORMALIZED_DATASETS.name}"
        rows = Pinned(self._backends.tables).read(name, NORMALIZED_DATASETS, columns, wanted)
        held = rows.to_pylist()
        unknown = sorted(set(dataset_ids or ()) - {row["dataset_id"] for row in held})
        if unknown:
            raise NotFound(
                "unknown_dataset",
                f"atlas {atlas} has no dataset {', '.join(unknown)}",
                hint=f"{atlas}.datasets lists those it has",
            )
        requests = [
            JobRequest(
                atlas=atlas,
                shard=known.shard_of(row["dataset_id"]),
                action=action,
                source=row["source"],
                dataset_id=row["dataset_id"],
                fingerprint=row["fingerprint"],
            )
            for row in held
        ]
        return self._backends.jobs.submit(requests)

    def create_atlas(self, atlas: str, *, description: str = "", shards: int = 1) -> AtlasInfo:
        """See `Door.create_atlas`."""
        created = registry.create(self._backends.tables, atlas, description, shards)
        from polly_assets.runs import register_partitions

        register_partitions(self._settings, created)
        return self._info(created)

    def atlases(self) -> list[AtlasInfo]:
        """See `Door.atlases`."""
        return [self._info(atlas) for atlas in registry.listed(self._backends.tables)]

    def _info(self, atlas: registry.Atlas) -> AtlasInfo:
        counts = {spec.name: self._count(f"{atlas.name}/{spec.name}") for spec in SQL_TABLES}
        return AtlasInfo(
            atlas=atlas.name,
            description=atlas.description,
            shards=atlas.shards,
            created_at=atlas.created_at.isoformat(),
            datasets=counts["datasets"],
            samples=counts["samples"],
            tables=counts,
        )

    def _count(self, table: str) -> int:
        tables = self._backends.tables
        if tables.version(table) is None:
            return 0
        return tables.files(table).rows

    def export(self, atlas: str, dataset_id: str, format: str, out: Path) -> Path:
        """See `Door.export`."""
        export = export_named(format)
        registry.get(self._backends.tables, atlas)
        export.write(load_dataset(self._backends.tables, atlas, dataset_id), out)
        return out

    def gene(self, gene: str, atlas: str) -> pa.Table:
        """See `Door.gene`. Understands symbols, their aliases, Ensembl ids and feature ids."""
        registry.get(self._backends.tables, atlas)
        table = f"{atlas}/{MEASUREMENTS.name}"
        columns = ["dataset_id", "sample_id", "feature_id", "name", "value"]
        pinned = Pinned(self._backends.tables)
        symbols, _ = knowledge.genes(self._backends.ontologies).resolve([gene])
        for where in ({"name": sorted({gene, *filter(None, symbols)})}, {"feature_id": [gene]}):
            rows = pinned.read(table, MEASUREMENTS, columns, where)
            if rows.num_rows:
                break
        return rows.sort_by([("dataset_id", "ascending"), ("sample_id", "ascending")])

    def curate(self, records: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """See `Door.curate`."""
        parsed = [record_from_json(record) for record in records]
        cache = self._settings.cache / "models"
        model = open_model(DEFAULT_MODEL, self._backends.ontologies, cache)
        return [to_json(curated) for curated in model.annotate(parsed)]

    def ontologies(self, *, load: bool = False) -> list[OntologyState]:
        """See `Door.ontologies`."""
        if load:
            from polly_assets.runs import load_ontologies

            load_ontologies(self._settings)
        loaded = releases.loaded(self._backends.tables)
        return [
            OntologyState(i.name, i.version, loaded.get(i.name), i.licence, i.source)
            for i in self._backends.ontologies.available()
        ]

    def doctor(self) -> list[Finding]:
        """See `Door.doctor`."""
        return examine(self._settings)


def _while_tables_move(ask: Callable[[], pa.Table]) -> pa.Table:
    """Ask anew, twice, where a table changed under an engine that cannot read older versions."""
    retry = tenacity.Retrying(
        retry=tenacity.retry_if_exception(lambda error: getattr(error, "code", "") == TABLE_MOVED),
        stop=tenacity.stop_after_attempt(3),
        reraise=True,
    )
    return retry(ask)
