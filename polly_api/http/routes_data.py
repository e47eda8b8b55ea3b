"""Routes for atlases, whole datasets, and the state of the platform.

A download of one file is that file; where an export writes several (CSV with its sample and
feature tables), the reply is a zip archive whose first member is the main file.
Keep out: queries and jobs.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask

from polly_api.base import EXPORT_FORMATS, AtlasInfo, Finding, OntologyState
from polly_api.http.models import NewAtlas
from polly_api.http.replies import TheDoor

router = APIRouter(tags=["data"])

ExportFormat = Annotated[str, Query(pattern=f"^({'|'.join(EXPORT_FORMATS)})$")]


@router.get("/atlases", operation_id="atlases")
def atlases(door: TheDoor) -> list[AtlasInfo]:
    """All atlases, by name."""
    return door.atlases()


@router.post("/atlases", operation_id="create_atlas", status_code=201)
def create_atlas(door: TheDoor, wanted: NewAtlas) -> AtlasInfo:
    """Create an atlas."""
    return door.create_atlas(wanted.atlas, description=wanted.description, shards=wanted.shards)


@router.get("/ontologies", operation_id="ontologies")
def ontologies(door: TheDoor) -> list[OntologyState]:
    """The ontologies, with the release that is installed and the one that SQL sees."""
    return door.ontologies()


@router.post("/ontologies/load", operation_id="load_ontologies")
def load_ontologies(door: TheDoor) -> list[OntologyState]:
    """Put the installed releases into the `ontology` tables; takes a minute or two."""
    return door.ontologies(load=True)


@router.get(
    "/datasets/{atlas}/{dataset_id}/download",
    operation_id="export",
    response_class=FileResponse,
)
def export(door: TheDoor, atlas: str, dataset_id: str, format: ExportFormat) -> FileResponse:
    """A whole dataset: matrix, samples and features."""
    folder = Path(tempfile.mkdtemp(prefix="polly-download-"))
    try:
        stem = re.sub(r"[^0-9A-Za-z._-]", "_", dataset_id)[:200]
        main = door.export(atlas, dataset_id, format, folder / f"{stem}.{format}")
        others = sorted(path for path in folder.iterdir() if path != main)
        path = _archive(main, others) if others else main
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return FileResponse(
        path,
        media_type="application/zip" if others else "application/octet-stream",
        filename=path.name,
        background=BackgroundTask(shutil.rmtree, folder, ignore_errors=True),
    )


@router.get("/doctor", operation_id="doctor")
def doctor(door: TheDoor) -> list[Finding]:
    """What is configured, reachable and missing on the server."""
    return door.doctor()


def _archive(main: Path, others: list[Path]) -> Path:
    path = main.with_name(f"{main.name}.zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for member in (main, *others):
            archive.write(member, member.name)
    return path
