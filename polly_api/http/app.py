"""The FastAPI application around a door.

Owns its assembly: routes, guard, error replies and the documentation page. A page needs the
extra `ui` (scripts served from here, none from the internet); `/openapi.json` is always there.
Keep out: routes themselves, and running a server.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from fastapi import Depends, FastAPI
from fastapi.security import HTTPBearer

from polly_api.base import Door
from polly_api.http.errors import REPLIES, add_error_replies
from polly_api.http.guard import Guard
from polly_api.http.models import Health
from polly_api.http.routes_data import router as data
from polly_api.http.routes_jobs import router as jobs
from polly_api.http.routes_query import router as query

_ABOUT = (
    "Molecular files in, a curated and queryable atlas out. Every operation of the Python client "
    "and of the `polly` command is one route here, under the same name."
)


def create_app(door: Door, *, api_key: str | None) -> FastAPI:
    """The HTTP face of `door`.

    Args:
        door: What answers.
        api_key: Demanded on every route but `/health`; None where the machine is trusted.
    """
    app = _blank(title="Polly", version=version("polly-open"), description=_ABOUT)
    app.state.door = door
    app.add_middleware(Guard, api_key=api_key)
    add_error_replies(app)
    # The guard checks the key; this only tells readers of the OpenAPI page about it.
    lock = [Depends(HTTPBearer(auto_error=False))] if api_key else []
    for part in (query, data, jobs):
        app.include_router(part, prefix="/v1", dependencies=lock, responses=REPLIES)

    @app.get("/health", operation_id="health", tags=["platform"])
    def health() -> Health:
        """Whether the server answers; needs no key."""
        return Health("ok", app.version)

    return app


def _blank(**about: Any) -> FastAPI:
    try:
        from fastapi_offline import FastAPIOffline
    except ImportError:
        return FastAPI(docs_url=None, redoc_url=None, **about)
    app: FastAPI = FastAPIOffline(**about)
    return app
