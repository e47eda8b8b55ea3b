"""Many writes to one OpenSearch index: in chunks, the refused ones again, the impossible named.

Every write names its document's `_id` and may be made twice.
Keep out: what the documents hold (`opensearch_schema`).
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from polly_resources.errors import BadInput, PollyError, Unavailable
from polly_resources.search import opensearch_schema as schema
from polly_resources.search.opensearch_client import Cluster, path_of
from polly_resources.search.opensearch_errors import BUSY, FULL, told

CHUNK_BYTES = 4_000_000
"""AWS's smallest instances take requests of 10 MB."""

CHUNK_DOCUMENTS = 1_000

_FIRST_WAIT = 0.1
_LONGEST_WAIT = 5.0


@dataclass(frozen=True, slots=True)
class Write:
    """One write: the dataset concerned, and its lines of the request."""

    dataset_id: str
    lines: bytes


def put(dataset_id: str, document: Mapping[str, Any]) -> Write:
    """The write that adds or replaces a document."""
    action = schema.encoded({"index": {"_id": schema.identity(dataset_id)}})
    return Write(dataset_id, action + b"\n" + schema.encoded(document) + b"\n")


def delete(dataset_id: str) -> Write:
    """The write that removes a document, or finds it absent."""
    action = schema.encoded({"delete": {"_id": schema.identity(dataset_id)}})
    return Write(dataset_id, action + b"\n")


def send(cluster: Cluster, alias: str, writes: Iterable[Write]) -> None:
    """Make the writes; not visible before the index is refreshed.

    What the cluster is too busy for is sent again, for as long as one answer may take.

    Raises:
        BadInput: for a document that the index cannot take; writes before it may be made.
        NotFound: where there is no such alias.
        Unavailable: where the cluster stays busy, is full, or does not answer.
    """
    for chunk in _chunks(writes):
        _send_chunk(cluster, alias, chunk)


def _send_chunk(cluster: Cluster, alias: str, chunk: list[Write]) -> None:
    end = time.monotonic() + cluster.seconds
    wait = _FIRST_WAIT
    while True:
        chunk, why = _attempt(cluster, alias, chunk)
        if why is None:
            return
        if time.monotonic() + wait > end:
            raise why
        time.sleep(wait)
        wait = min(2 * wait, _LONGEST_WAIT)


def _attempt(
    cluster: Cluster, alias: str, chunk: list[Write]
) -> tuple[list[Write], PollyError | None]:
    """The writes that may succeed later, and why they did not now."""
    try:
        answer = cluster.ask(
            "POST",
            path_of(alias, "_bulk"),
            b"".join(write.lines for write in chunk),
            require_alias="true",
            timeout=f"{max(int(cluster.seconds / 2), 1)}s",
        )
    except Unavailable as error:
        if error.code != BUSY:
            raise
        return chunk, error
    if not answer["errors"]:
        return [], None
    left: list[Write] = []
    why: PollyError | None = None
    for write, item in zip(chunk, answer["items"], strict=True):
        [result] = item.values()
        if "error" in result:
            why = _passing(cluster, write, result)
            left.append(write)
    return left, why


def _passing(cluster: Cluster, write: Write, result: Mapping[str, Any]) -> PollyError:
    """The error of a write that may succeed later. Raises that of any other."""
    status, error = int(result["status"]), result["error"]
    found = told(cluster.name, error, status).error()
    if isinstance(found, Unavailable) and found.code != FULL:
        return found
    if status in (400, 413):
        reason = (error.get("caused_by") or error).get("reason", error.get("reason"))
        raise BadInput(
            "bad_document",
            f"the search index does not take {write.dataset_id!r}: {reason}",
            hint="see what the message names, and its length",
        )
    raise found


def _chunks(writes: Iterable[Write]) -> Iterator[list[Write]]:
    chunk: list[Write] = []
    size = 0
    for write in writes:
        if chunk and (size + len(write.lines) > CHUNK_BYTES or len(chunk) == CHUNK_DOCUMENTS):
            yield chunk
            chunk, size = [], 0
        chunk.append(write)
        size += len(write.lines)
    if chunk:
        yield chunk
