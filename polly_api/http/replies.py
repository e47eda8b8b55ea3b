"""Arrow results as HTTP responses, in the media type that the client accepts.

Owns the choice among JSON rows, CSV and an Arrow stream, and the door as a dependency.
Keep out: what a value looks like (`polly_api.rows`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import pyarrow as pa
from fastapi import Depends, HTTPException, Request
from fastapi.responses import StreamingResponse

from polly_api.base import Door
from polly_api.http.models import SqlReply
from polly_api.rows import CHUNK_ROWS, arrow_chunks, csv_chunks, dumps, json_lines, unique_columns

ARROW = "application/vnd.apache.arrow.stream"
CSV = "text/csv"
JSON = "application/json"

TABLE_REPLY: dict[int | str, dict[str, Any]] = {
    200: {
        "model": SqlReply,
        "description": "The rows, in the media type that `Accept` names.",
        "content": {CSV: {"schema": {"type": "string"}}, ARROW: {"schema": {"type": "string"}}},
    }
}
"""For the OpenAPI page: what a route that answers with `table_reply` gives."""


def _door(request: Request) -> Door:
    door: Door = request.app.state.door
    return door


TheDoor = Annotated[Door, Depends(_door)]
"""The parameter through which a route reaches the door."""


def table_reply(request: Request, table: pa.Table) -> StreamingResponse:
    """The table as JSON rows, CSV or an Arrow stream."""
    kind = _accepted(request.headers.get("accept", ""))
    if kind == ARROW:
        return StreamingResponse(arrow_chunks(table), media_type=ARROW)
    if kind == CSV:
        return StreamingResponse(csv_chunks(table), media_type=CSV)
    return StreamingResponse(_json_chunks(unique_columns(table)), media_type=JSON)


def _accepted(header: str) -> str:
    wanted = [part.split(";")[0].strip().lower() for part in header.split(",") if part.strip()]
    for kind in wanted or [JSON]:
        if kind in (ARROW, CSV, JSON):
            return kind
        if kind in ("*/*", "application/*"):
            return JSON
        if kind == "text/*":
            return CSV
    raise HTTPException(406, f"cannot answer as {header!r}; accept {JSON}, {CSV} or {ARROW}")


def _json_chunks(table: pa.Table) -> Iterator[str]:
    columns = [{"name": field.name, "type": str(field.type)} for field in table.schema]
    yield f'{{"columns": {dumps(columns)}, "rows": ['
    pending: list[str] = []
    glue = "\n"
    for line in json_lines(table):
        pending.append(line)
        if len(pending) == CHUNK_ROWS:
            yield glue + ",\n".join(pending)
            pending, glue = [], ",\n"
    yield (glue + ",\n".join(pending) if pending else "") + "\n]}\n"
