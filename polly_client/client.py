"""`Polly`: the platform in a notebook or script.

Owns what Python users call, and the turning of Arrow into their libraries. Everything heavy is
imported on use. Add an operation here when the door has it. Keep out: terminals and HTTP.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, overload

from polly_api.words import BadInput, Conflict, Job, JobFilter, JobStatus, NotFound, Priority, load
from polly_client.dataset import Dataset
from polly_client.frames import to_pandas, to_polars
from polly_client.jobs import Submission
from polly_client.quoting import literal, select
from polly_client.results import SearchResult

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

    from polly_api.base import AtlasInfo, Door, Finding, OntologyState
    from polly_api.validation import FileFinding


class Polly:
    """A platform: the one in this process, or a server.

    Args:
        url: Address of a server such as `http://127.0.0.1:8765`; None = work in this process
            (or `POLLY_URL`, where set).
        api_key: The key that the server demands (default: `POLLY_API_KEY`).
        home: Folder of the instance (default: `POLLY_HOME`, else `~/.polly`).
        profile: Which backends to use (default: `POLLY_PROFILE`, else `local`).

    Raises:
        Misconfigured: The profile does not exist, or a setting has the wrong type.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        api_key: str | None = None,
        home: Path | str | None = None,
        profile: str | None = None,
    ) -> None:
        self._settings = load(home, profile)
        # A folder named in the call means this machine, whatever the environment says.
        self._url = url or (self._settings.url if home is None else None)
        self._api_key = api_key or self._settings.api_key

    @cached_property
    def door(self) -> Door:
        """What answers; opened on first use."""
        if self._url:
            from polly_client.http import HttpDoor

            return HttpDoor(self._url, self._api_key)
        from polly_api.open import open_door

        return open_door(self._settings)

    @property
    def server(self) -> str | None:
        """Address of the server that is asked; None = this process works."""
        return self._url

    @overload
    def sql(self, query: str, format: Literal["polars"] = ...) -> pl.DataFrame: ...
    @overload
    def sql(self, query: str, format: Literal["pandas"]) -> pd.DataFrame: ...
    @overload
    def sql(self, query: str, format: Literal["arrow"]) -> pa.Table: ...
    def sql(self, query: str, format: str = "polars") -> pl.DataFrame | pd.DataFrame | pa.Table:
        """The rows that a read-only statement gives.

        Args:
            query: A statement in Trino's dialect; see the tables with `SHOW TABLES IN atlas`.
            format: `polars`, `pandas` (with nullable types: no integer becomes a float)
                or `arrow`.

        Raises:
            BadQuery: The statement cannot be answered; the message says where and why.
        """
        makers: dict[str, Callable[[pa.Table], Any]] = {
            "polars": to_polars,
            "pandas": to_pandas,
            "arrow": lambda table: table,
        }
        if format not in makers:
            raise BadInput(
                "unknown_format", f"format is {format!r}, expected one of {', '.join(makers)}"
            )
        return makers[format](self.door.sql(query))

    def search(
        self,
        text: str,
        *,
        atlas: str,
        filters: Mapping[str, str | Sequence[str]] | None = None,
        facets: Sequence[str] = (),
        limit: int = 20,
        offset: int = 0,
    ) -> SearchResult:
        """Datasets that match all words; a `"quoted part"` is a phrase and `-word` excludes.

        Args:
            text: What to look for; empty matches every dataset.
            atlas: Where to look.
            filters: Field to its value or values; all fields must match.
            facets: Fields whose values are counted over all matches.
            limit: How many hits to return.
            offset: How many hits to skip.
        """
        from polly_api.words import SearchRequest

        wanted = {
            field: (values,) if isinstance(values, str) else tuple(values)
            for field, values in (filters or {}).items()
        }
        request = SearchRequest(text, wanted, tuple(facets), limit, offset)
        return SearchResult(self.door.search(atlas, request))

    def dataset(self, dataset_id: str, atlas: str | None = None) -> Dataset:
        """One dataset; without an atlas, the only one of that id.

        Raises:
            NotFound: There is no such dataset.
            Conflict: Several atlases have one.
        """
        known = [info.atlas for info in self.door.atlases()]
        if atlas is not None and atlas not in known:
            raise NotFound(
                "unknown_atlas",
                f"there is no atlas {atlas!r}",
                hint=f"the atlases are: {', '.join(known) or 'none yet'}",
            )
        places = [
            select(f"{literal(each)} AS atlas", each, "datasets", "dataset_id", dataset_id)
            for each in ([atlas] if atlas else known)
        ]
        rows = self.door.sql(" UNION ALL ".join(places)) if places else None
        found = rows.column("atlas").to_pylist() if rows is not None else []
        if not found:
            raise NotFound(
                "unknown_dataset",
                f"no dataset {dataset_id!r} in {atlas or 'any atlas'}",
                hint="`SELECT dataset_id FROM ATLAS.datasets` lists an atlas's datasets",
            )
        if len(found) > 1:
            raise Conflict(
                "ambiguous_dataset",
                f"several atlases have a dataset {dataset_id!r}: {', '.join(sorted(found))}",
                hint="name the atlas",
            )
        return Dataset(self.door, found[0], dataset_id)

    def gene(self, gene: str, *, atlas: str) -> pl.DataFrame:
        """One gene's values in every dataset: dataset_id, sample_id, feature_id, name, value."""
        return to_polars(self.door.gene(gene, atlas))

    def ingest(
        self,
        paths: Path | str | Sequence[Path | str],
        *,
        atlas: str,
        priority: Literal["low", "medium", "high"] = "medium",
    ) -> Submission:
        """Queue files and folders; call `wait()` on what is returned for the results.

        Raises:
            NotFound: A path does not exist.
            BadInput: The paths hold no data.
        """
        given = [paths] if isinstance(paths, Path | str) else paths
        files = [Path(path).expanduser() for path in given]
        return Submission(self.door, self.door.submit(files, atlas, priority=Priority(priority)))

    def validate(
        self,
        paths: Path | str | Sequence[Path | str],
        *,
        on_file: Callable[[str, int], None] | None = None,
    ) -> list[FileFinding]:
        """Check files and folders of this machine as ingest would; nothing is loaded or sent.

        Args:
            paths: Files, folders and bundles.
            on_file: Called with the name of each file read, and how many there are.

        Raises:
            NotFound: A path does not exist.
            BadInput: The paths hold no data.
        """
        from polly_api.validation import validate

        given = [paths] if isinstance(paths, Path | str) else paths
        files = [Path(path).expanduser() for path in given]
        return validate(files, self._settings.workers, on_file)

    def jobs(
        self, *, atlas: str | None = None, status: str | None = None, limit: int = 1000
    ) -> list[Job]:
        """Jobs, newest first."""
        statuses = (JobStatus(status),) if status else ()
        return self.door.jobs(JobFilter(atlas=atlas, statuses=statuses, limit=limit))

    def retry(self, job_ids: str | Sequence[str]) -> Submission:
        """Queue errored jobs again. Raises NotFound or Conflict."""
        given = [job_ids] if isinstance(job_ids, str) else list(job_ids)
        return Submission(self.door, self.door.retry(given))

    def delete(self, dataset_ids: str | Sequence[str], *, atlas: str) -> Submission:
        """Queue the removal of datasets. Raises NotFound."""
        given = [dataset_ids] if isinstance(dataset_ids, str) else list(dataset_ids)
        return Submission(self.door, self.door.delete(atlas, given))

    def recurate(self, dataset_ids: Sequence[str] = (), *, atlas: str) -> Submission:
        """Annotate datasets (none named: all) again, as after a new ontology release."""
        return Submission(self.door, self.door.recurate(atlas, list(dataset_ids)))

    def reindex(self, dataset_ids: Sequence[str] = (), *, atlas: str) -> Submission:
        """Publish and index datasets (none named: all) again."""
        return Submission(self.door, self.door.reindex(atlas, list(dataset_ids)))

    def atlases(self) -> list[AtlasInfo]:
        """All atlases, by name."""
        return self.door.atlases()

    def create_atlas(self, atlas: str, *, description: str = "", shards: int = 1) -> AtlasInfo:
        """Create an atlas. Raises Conflict where it exists."""
        return self.door.create_atlas(atlas, description=description, shards=shards)

    def ontologies(self, *, load: bool = False) -> list[OntologyState]:
        """The ontologies; with `load`, put the installed releases into SQL first."""
        return self.door.ontologies(load=load)

    @overload
    def curate(self, records: str) -> dict[str, Any]: ...
    @overload
    def curate(self, records: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]: ...
    def curate(
        self, records: str | Sequence[Mapping[str, Any]]
    ) -> dict[str, Any] | list[dict[str, Any]]:
        """Curated fields of free text.

        Args:
            records: A text, or records `{id, study?, title?, source?, characteristics?,
                description?}`; records of one study may be read together.

        Returns:
            For a text its fields; for records a list, in the same order.
        """
        if isinstance(records, str):
            return self.door.curate([{"id": "text", "description": records}])[0]
        return self.door.curate(records)

    def doctor(self) -> list[Finding]:
        """What is configured, reachable and missing."""
        return self.door.doctor()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections to a server, if any."""
        door = self.__dict__.pop("door", None)
        if hasattr(door, "close"):
            door.close()

    def __repr__(self) -> str:
        return f"Polly({self._url or str(self._settings.home)!r})"
