"""The door's contract: what a user can do, whichever way they came.

Two implementations answer it alike: `polly_api.door.LocalDoor` in this process and
`polly_client.http.HttpDoor` over the network. Keep out: terminals, HTTP and storage.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from polly_resources.records import Job, JobFilter, Priority, SearchAnswer, SearchRequest

EXPORT_FORMATS = ("csv", "gct", "h5ad", "parquet")


@dataclass(frozen=True, slots=True)
class AtlasInfo:
    """One atlas: its size and its tables."""

    atlas: str
    description: str
    shards: int
    created_at: str
    datasets: int
    samples: int
    tables: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class OntologyState:
    """One ontology: the release that is installed and the one that SQL sees, if any."""

    ontology: str
    release: str
    loaded: str | None
    licence: str
    source: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of `polly doctor`: state is ok, missing or broken."""

    what: str
    state: str
    detail: str
    hint: str = ""


class Door(ABC):
    """Everything that users read or write. Raises `PollyError` for expected failures."""

    @abstractmethod
    def sql(self, query: str, *, max_rows: int | None = None) -> pa.Table:
        """The rows that a read-only statement in the user dialect gives.

        With `max_rows`, the first so many. Without it, more rows than the settings allow
        are an error and never cut in silence. Raises BadQuery.
        """

    @abstractmethod
    def search(self, atlas: str, request: SearchRequest) -> SearchAnswer:
        """Datasets of an atlas that match words and filters, with facet counts."""

    @abstractmethod
    def submit(
        self, paths: Sequence[Path], atlas: str, *, priority: Priority = Priority.MEDIUM
    ) -> list[Job]:
        """Land files and folders and queue them; one job per main file, maybe `unchanged`."""

    @abstractmethod
    def wait(
        self,
        job_ids: Sequence[str],
        on_change: Callable[[Sequence[Job]], None] | None = None,
    ) -> list[Job]:
        """Bring the jobs to an end; all jobs that came of them, several per file maybe."""

    @abstractmethod
    def jobs(self, filter: JobFilter) -> list[Job]:
        """Jobs, newest first."""

    @abstractmethod
    def retry(self, job_ids: Sequence[str]) -> list[Job]:
        """Queue errored jobs again. Raises NotFound, Conflict."""

    @abstractmethod
    def delete(self, atlas: str, dataset_ids: Sequence[str]) -> list[Job]:
        """Queue the removal of datasets. Raises NotFound."""

    @abstractmethod
    def recurate(self, atlas: str, dataset_ids: Sequence[str] = ()) -> list[Job]:
        """Queue datasets (none named: all) to be annotated and indexed again.

        For a new ontology release or model. Raises NotFound.
        """

    @abstractmethod
    def reindex(self, atlas: str, dataset_ids: Sequence[str] = ()) -> list[Job]:
        """Queue datasets (none named: all) to be published and indexed again. NotFound."""

    @abstractmethod
    def create_atlas(self, atlas: str, *, description: str = "", shards: int = 1) -> AtlasInfo:
        """Create an atlas. Raises Conflict where it exists, BadInput for a bad name."""

    @abstractmethod
    def atlases(self) -> list[AtlasInfo]:
        """All atlases, by name."""

    @abstractmethod
    def export(self, atlas: str, dataset_id: str, format: str, out: Path) -> Path:
        """Write a whole dataset (matrix, samples, features) to `out`. Raises NotFound."""

    @abstractmethod
    def gene(self, gene: str, atlas: str) -> pa.Table:
        """One gene in every dataset: dataset_id, sample_id, feature_id, name, value."""

    @abstractmethod
    def curate(self, records: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Curated fields for records of `{id, study?, title?, source?, ...}`."""

    @abstractmethod
    def ontologies(self, *, load: bool = False) -> list[OntologyState]:
        """The ontologies, by name; with `load`, put the installed releases into SQL first."""

    @abstractmethod
    def doctor(self) -> list[Finding]:
        """What is configured, reachable and missing."""
