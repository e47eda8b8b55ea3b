"""A whole small platform in a folder: embedded backends, and ontologies of a few terms.

Owns short ways to put files through the layers without Dagster, and to say what is stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from polly_assets import atlases, batches, knowledge
from polly_assets.batch_data import datasets_of
from polly_assets.curate import steps as curate
from polly_assets.curate.models.registry import DEFAULT_MODEL, open_model
from polly_assets.ingest import landing
from polly_assets.ingest import steps as ingest
from polly_assets.publish import measurements
from polly_assets.publish import steps as publish
from polly_assets.schema import ATLAS_TABLES
from polly_assets.work import Work
from polly_resources import backends as table_of_backends
from polly_resources.backends import Backend, Backends
from polly_resources.records import Job, JobFilter, JobRequest, SearchRequest
from polly_resources.settings import Settings, load

GENES = ("TP53", "MYC", "ABC1")


def register_ontologies() -> None:
    """Let `small://` be an address of ontologies."""
    small = Backend("tests.assets.curate.small:SmallOntologies")
    table_of_backends.BACKENDS["ontologies", "small"] = small


def small_settings(
    home: Path, environ: Mapping[str, str] | None = None, **changes: Any
) -> Settings:
    """Settings of a small instance: the profile `local`, or what `environ` says."""
    register_ontologies()
    small = {"POLLY_ONTOLOGIES": "small://1", "POLLY_CACHE": str(home.parent / "cache")}
    return replace(load(home=home, environ={**(environ or {}), **small}), **changes)


def gct(values: Sequence[Sequence[object]] = ((1.5, 2.25), (0.1, -3e-300), (7, 1e6))) -> str:
    """A GCT of the genes with as many samples as the rows have values."""
    width = len(values[0])
    samples = "\t".join(f"S{i + 1}" for i in range(width))
    rows = [
        "\t".join([gene, "na", *map(str, row)]) for gene, row in zip(GENES, values, strict=False)
    ]
    return "\n".join(["#1.2", f"{len(rows)}\t{width}", f"Name\tDescription\t{samples}", *rows, ""])


BROKEN_GCT = "#1.2\n1\t2\nName\tDescription\tS1\tS2\nTP53\tna\t1\tx\n"


class Instance:
    """The platform of one folder, with one atlas."""

    def __init__(
        self,
        home: Path,
        shards: int = 1,
        environ: Mapping[str, str] | None = None,
        **changes: Any,
    ) -> None:
        self.settings = small_settings(home, environ, **changes)
        self.backends = Backends(self.settings)
        self.ledger = self.backends.jobs
        self.objects = self.backends.objects
        self.tables = self.backends.tables
        self.search = self.backends.search
        self.atlas = atlases.create(self.tables, "demo", shards=shards)

    def requests(self, *paths: Path) -> list[JobRequest]:
        return landing.land(self.objects, self.atlas, paths)

    def submit(self, *paths: Path) -> list[Job]:
        return self.ledger.submit(self.requests(*paths))

    def claim(self) -> tuple[Work, list[Job]]:
        batch_id = batches.new_batch_id()
        jobs = batches.claim(self.ledger, self.settings, batch_id)
        return self.work(batch_id), jobs

    def work(self, batch_id: str = "batch") -> Work:
        return Work(self.atlas, batch_id, self.ledger, self.objects, self.tables, self.search)

    def held(self, work: Work) -> list[Job]:
        return batches.held(self.ledger, work.batch_id)

    def normalize(self, work: Work) -> ingest.Report:
        ingest.raw(work, self.held(work))
        genes = knowledge.genes(self.backends.ontologies)
        return ingest.normalized(work, self.held(work), genes, workers=2)

    def publish(self, work: Work) -> list[dict[str, Any]]:
        """The curated and indexed layers; the datasets they concerned."""
        jobs = self.held(work)
        datasets = datasets_of(work, jobs)
        ontologies = self.backends.ontologies
        model = open_model(DEFAULT_MODEL, ontologies, self.settings.cache / "models")
        curate.curated(work, datasets, model)
        publish.published(work, datasets, self.settings.objects)
        measurements.measurements(work, datasets)
        publish.indexed(work, datasets, knowledge.concepts(ontologies))
        self.ledger.finish(work.batch_id, publish.outcomes(datasets, jobs))
        return datasets

    def drain(self) -> list[Job]:
        """Work on all that is queued, batch after batch; the jobs of these batches."""
        done: list[Job] = []
        while True:
            work, jobs = self.claim()
            if not jobs:
                return sorted(done, key=lambda job: job.job_id)
            self.normalize(work)
            self.publish(work)
            done += self.ledger.find(JobFilter(batch_id=work.batch_id))

    def ingest(self, *paths: Path) -> list[Job]:
        self.submit(*paths)
        return self.drain()

    def rows(self, table: str, **where: Any) -> list[dict[str, Any]]:
        """The rows of an atlas table, none where there is no table."""
        name = f"{self.atlas.name}/{table}"
        if self.tables.version(name) is None:
            return []
        return self.tables.read(name, where={k: [v] for k, v in where.items()}).to_pylist()

    def ids(self, table: str) -> list[str]:
        """The dataset id of every row, sorted."""
        key = next(spec.key for spec in ATLAS_TABLES if spec.name == table)
        column = "dataset_id" if key == "source" else key
        return sorted(row[column] for row in self.rows(table))

    def found(self, text: str = "") -> list[str]:
        """The datasets that a search finds, sorted."""
        answer = self.search.search(self.atlas.name, SearchRequest(text, limit=1000))
        return sorted(hit.dataset_id for hit in answer.hits)

    def everywhere(self) -> set[str]:
        """Every dataset id that any table or the index still knows."""
        tables = [spec.name for spec in ATLAS_TABLES if spec.name != "raw_objects"]
        return {i for table in tables for i in self.ids(table)} | set(self.found())
