"""OpenSearch's errors as ours.

Owns the rules, first match first, by the server's word for the error and the HTTP status.
Keep out: requests (`opensearch_client`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from opensearchpy.exceptions import ConnectionError as NoConnection
from opensearchpy.exceptions import OpenSearchException, SSLError, TransportError

from polly_resources.errors import (
    BadQuery,
    Conflict,
    Misconfigured,
    NotFound,
    PollyError,
    Unavailable,
)

ABSENT = "search_index_absent"
BUSY = "search_busy"
FULL = "search_full"
PARTIAL = "search_partial"

RETRY_HINT = "it may be down, slow or full: try again, and see `polly doctor`"

_PHASE = "search_phase_execution_exception"
_CONTESTED = ("more than one write index", "required alias")


@dataclass(frozen=True, slots=True)
class Told:
    """What a cluster said of a request, or of a part of one: its word, its reason, the status."""

    cluster: str
    kind: str
    reason: str
    status: int
    all: Mapping[str, Any] = field(default_factory=dict)

    def error(self) -> PollyError:
        """The error of ours."""
        return next(found for rule in _RULES if (found := rule(self)))


def told(cluster: str, error: Mapping[str, Any], status: int) -> Told:
    """What an answer's `error` says."""
    return Told(cluster, str(error.get("type", "")), str(error.get("reason", "")), status, error)


def translated(cluster: str, error: OpenSearchException) -> PollyError:
    """The error of ours for one that the client raised."""
    if isinstance(error, SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error):
        return Misconfigured(
            "search_certificate",
            f"the certificate of {cluster} is not trusted: {error.error}",
            hint="add ?ca=FILE with the certificate of its authority to POLLY_SEARCH",
        )
    if isinstance(error, NoConnection):
        return Unavailable(
            "search_unavailable", f"{cluster} did not answer: {error.error}", hint=RETRY_HINT
        )
    if not isinstance(error, TransportError):
        return stranger(cluster, str(error))
    status = int(error.status_code)
    said = error.info.get("error") if isinstance(error.info, Mapping) else None
    if isinstance(said, Mapping):
        return told(cluster, _cause(said), status).error()
    if status < 500 and status not in (401, 403, 429):
        return stranger(cluster, f"{status} {error.error}")
    return Told(cluster, "", str(said or error.error)[:200], status).error()


def stranger(cluster: str, said: str) -> Misconfigured:
    """The error for an answer that OpenSearch does not give."""
    return Misconfigured(
        "search_not_opensearch",
        f"{cluster} does not answer as OpenSearch does: {said[:100]!r}",
        hint="check the host and port in POLLY_SEARCH",
    )


def _cause(error: Mapping[str, Any]) -> Mapping[str, Any]:
    """The error itself, or the one behind it where it only tells that shards failed."""
    causes = error.get("root_cause")
    if error.get("type") == _PHASE and causes:
        return {**causes[0], _PHASE: error}
    return error


def _gone(told: Told) -> PollyError | None:
    if told.kind in ("index_not_found_exception", "aliases_not_found_exception"):
        place = str(told.all.get("index", ""))
        return NotFound(ABSENT, f"there is no index {place!r}: {told.reason}", place=place)
    if told.kind == "search_context_missing_exception":
        message = f"{told.cluster} has forgotten a search: {told.reason}"
        return Unavailable(PARTIAL, message, hint=RETRY_HINT)
    return None


def _shardless(told: Told) -> PollyError | None:
    """Where no copy of a shard answered: a node may have died this moment, and others have it."""
    if told.status >= 500 and (_PHASE in told.all or told.kind == _PHASE):
        message = f"not every shard of {told.cluster} answered: {told.kind}: {told.reason}"
        return Unavailable(PARTIAL, message, hint=RETRY_HINT)
    return None


def _contested(told: Told) -> PollyError | None:
    if told.kind == "invalid_alias_name_exception":
        return Misconfigured(
            "search_name_taken",
            f"an index of {told.cluster} has the name that an atlas needs: {told.reason}",
            hint="set a prefix for our indexes: POLLY_SEARCH=opensearch://HOST:PORT/PREFIX-",
        )
    lost = any(words in told.reason for words in _CONTESTED)
    if lost or told.kind == "resource_already_exists_exception":
        return Conflict("search_index_changed", f"another writer was quicker: {told.reason}")
    return None


def _limited(told: Told) -> PollyError | None:
    if told.kind == "cluster_block_exception" and told.status in (403, 429):
        return Unavailable(
            FULL,
            f"{told.cluster} takes no writes: {told.reason}",
            hint="free space on its disks; then, if it does not by itself, set "
            "index.blocks.read_only_allow_delete of its indexes to null",
        )
    if "'type': 'too_many_" in str(told.all) and told.status != 429:
        return BadQuery(
            "search_too_long",
            f"the search is more than {told.cluster} may answer: {told.reason}",
            hint="use fewer words, filters and facets",
        )
    return None


def _by_status(told: Told) -> PollyError:
    if told.status in (401, 403):
        return Misconfigured(
            "search_refused",
            f"{told.cluster} refuses access: {told.reason or told.kind or told.status}",
            hint="check the user in POLLY_SEARCH, POLLY_SEARCH_PASSWORD and the user's rights",
        )
    if told.status == 429 or told.status >= 500:
        code = BUSY if told.status == 429 else "search_unavailable"
        return Unavailable(code, f"{told.cluster}: {told.kind}: {told.reason}", hint=RETRY_HINT)
    return Misconfigured(
        "search_failed",
        f"{told.cluster} does not take the request ({told.status}): {told.kind}: {told.reason}",
        hint="check the address in POLLY_SEARCH, and that it is OpenSearch 2 or 3",
    )


_RULES: tuple[Callable[[Told], PollyError | None], ...] = (
    _gone,
    _contested,
    _limited,
    _shardless,
    _by_status,
)
