"""Errors as JSON with a status code: `{"error": {type, code, message, file, place, hint}}`.

Owns the table from error classes to status codes, read in both directions.
Keep out: logging of expected errors and anything else a traceback could leak through.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from polly_api.http.models import ErrorDetail, ErrorReply
from polly_resources.errors import (
    BadInput,
    BadQuery,
    Conflict,
    NotFound,
    PollyError,
    Transient,
)

STATUSES: tuple[tuple[type[PollyError], int], ...] = (
    (BadInput, 400),
    (BadQuery, 400),
    (NotFound, 404),
    (Conflict, 409),
    (Transient, 503),
    (PollyError, 500),
)
"""The first class that an error is an instance of gives its status."""

RETRY_AFTER_SECONDS = 2

_TEXTS: dict[int | str, str] = {
    400: "The request, a file or a query is not what was expected.",
    401: "The API key is missing or wrong.",
    404: "The named thing does not exist.",
    409: "The request contradicts what is stored.",
    503: "Something did not answer; the same request may succeed later.",
    "default": "An unexpected failure inside the platform.",
}

REPLIES: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorReply, "description": text} for status, text in _TEXTS.items()
}
"""What every route may answer besides its result, for the OpenAPI page."""


def reply(status: int, detail: ErrorDetail, headers: dict[str, str] | None = None) -> JSONResponse:
    """One error as a response."""
    return JSONResponse({"error": asdict(detail)}, status_code=status, headers=headers)


def add_error_replies(app: FastAPI) -> None:
    """Make every failure of the application answer in the one shape."""
    app.add_exception_handler(PollyError, _expected)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(Exception, _unexpected)


async def _expected(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, PollyError)
    status = next(status for kind, status in STATUSES if isinstance(error, kind))
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)} if status == 503 else None
    return reply(status, ErrorDetail(type(error).__name__, **asdict(error.failure())), headers)


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    found = ErrorDetail(
        "BadInput",
        "bad_request",
        str(first["msg"]),
        place=".".join(str(part) for part in first["loc"]),
        hint="see /openapi.json for what this route takes",
    )
    return reply(400, found)


async def _refused(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    kind = "NotFound" if error.status_code == 404 else "Permanent"
    found = ErrorDetail(
        kind,
        "no_such_route" if error.status_code == 404 else "refused",
        f"{error.detail}: no route takes this method and path"
        if error.status_code in (404, 405)
        else str(error.detail),
        hint="see /openapi.json for the routes",
    )
    return reply(error.status_code, found, dict(error.headers or {}))


async def _unexpected(_: Request, error: Exception) -> JSONResponse:
    # Starlette raises the error again after this reply, so the server logs its traceback.
    found = ErrorDetail(
        "PollyError",
        "internal_error",
        "an unexpected failure inside the platform",
        hint="the server's log has the details",
    )
    return reply(500, found)
