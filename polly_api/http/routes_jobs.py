"""Routes that change: uploads, deletions, and the jobs that both become.

An upload or deletion answers at once with jobs; poll `jobs` until they are finished.
Keep out: how an upload's bytes reach the disk (`uploads`).
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from polly_api.http.models import DatasetIds, JobIds, JobQuery
from polly_api.http.replies import TheDoor
from polly_api.http.uploads import Upload
from polly_resources.errors import BadInput, PollyError
from polly_resources.records import Job, JobFilter, Priority

router = APIRouter(tags=["jobs"])

_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["files"],
                    "properties": {
                        "files": {
                            "type": "array",
                            "items": {"type": "string", "format": "binary"},
                            "description": "Files; a file name may be a relative path.",
                        }
                    },
                }
            }
        },
    }
}


@router.post("/ingest", operation_id="submit", openapi_extra=_FORM)
async def submit(
    request: Request, door: TheDoor, atlas: str, priority: Priority = Priority.MEDIUM
) -> list[Job]:
    """Upload files and queue them; one job per main file, `unchanged` for bytes seen before.

    Files that belong together (a matrix and its metadata) go into one upload, under names
    that keep their folders.
    """
    folder = Path(await run_in_threadpool(tempfile.mkdtemp, prefix="polly-upload-"))
    try:
        await Upload(folder, request.headers.get("content-type", "")).receive(request.stream())
        return await run_in_threadpool(door.submit, [folder], atlas, priority=priority)
    except PollyError as error:
        error.file = error.file.replace(f"{folder}/", "").replace(str(folder), "the upload")
        raise
    except ClientDisconnect:
        raise BadInput("cut_upload", "the client left before its upload ended") from None
    finally:
        await run_in_threadpool(shutil.rmtree, folder, ignore_errors=True)


@router.get("/jobs", operation_id="jobs")
def jobs(door: TheDoor, wanted: Annotated[JobQuery, Query()]) -> list[Job]:
    """Jobs, newest first; repeat a parameter for several values, page on with `after`."""
    return door.jobs(JobFilter(**wanted.model_dump()))


@router.post("/jobs/retry", operation_id="retry")
def retry(door: TheDoor, wanted: JobIds) -> list[Job]:
    """Queue errored jobs again."""
    return door.retry(wanted.job_ids)


@router.post("/delete", operation_id="delete")
def delete(door: TheDoor, wanted: DatasetIds) -> list[Job]:
    """Queue the removal of datasets from an atlas."""
    return door.delete(wanted.atlas, wanted.dataset_ids)


@router.post("/recurate", operation_id="recurate")
def recurate(door: TheDoor, wanted: DatasetIds) -> list[Job]:
    """Queue datasets (none named: all) to be annotated and indexed again."""
    return door.recurate(wanted.atlas, wanted.dataset_ids)


@router.post("/reindex", operation_id="reindex")
def reindex(door: TheDoor, wanted: DatasetIds) -> list[Job]:
    """Queue datasets (none named: all) to be published and indexed again."""
    return door.reindex(wanted.atlas, wanted.dataset_ids)
