"""Who may speak to the server: the API key, and the rules that keep web pages out.

With a key, every route but `/health` demands `Authorization: Bearer KEY`. Without one the
server trusts its machine, so it must not be tricked by a page open in a browser there:
requests that another site's page sends, and host names that another site may own (DNS
rebinding), are refused. Keep out: users and permissions.
"""

from __future__ import annotations

import ipaddress
import secrets
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from polly_api.http.errors import reply
from polly_api.http.models import ErrorDetail

OPEN_PATHS = frozenset({"/health"})


class Guard:
    """ASGI middleware that lets only permitted requests through."""

    def __init__(self, app: ASGIApp, api_key: str | None) -> None:
        self.app = app
        self.api_key = api_key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 401 or 403, or pass the request on."""
        if scope["type"] == "http" and scope["path"] not in OPEN_PATHS:
            headers = Headers(scope=scope)
            refused = self._refuse_key(headers) if self.api_key else _refuse_origin(headers)
            if refused is not None:
                status = 401 if self.api_key else 403
                extra = {"WWW-Authenticate": "Bearer"} if self.api_key else None
                await reply(status, refused, extra)(scope, receive, send)
                return
        await self.app(scope, receive, send)

    def _refuse_key(self, headers: Headers) -> ErrorDetail | None:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        wanted = (self.api_key or "").encode()
        # Header values arrive as Latin-1 text whatever bytes the client sent.
        right = secrets.compare_digest(given.strip().encode("latin-1"), wanted)
        if scheme.lower() == "bearer" and right:
            return None
        return ErrorDetail(
            "Permanent",
            "bad_key",
            "the API key is wrong" if given else "this server needs an API key; none was given",
            hint="send the header `Authorization: Bearer KEY` (POLLY_API_KEY)",
        )


def _refuse_origin(headers: Headers) -> ErrorDetail | None:
    host = headers.get("host", "")
    origin = headers.get("origin")
    if headers.get("sec-fetch-site") in ("cross-site", "same-site") or (
        origin is not None and urlsplit(origin).netloc != host
    ):
        return ErrorDetail(
            "Permanent",
            "other_site",
            f"a page of another site ({origin or 'unnamed'}) sent this request",
            hint="set an API key (POLLY_API_KEY) to let other sites' pages use this server",
        )
    if _may_be_rebound(host):
        return ErrorDetail(
            "Permanent",
            "untrusted_host",
            f"without an API key the server answers to IP addresses and local names, not {host!r}",
            hint="set an API key (POLLY_API_KEY)",
        )
    return None


def _may_be_rebound(host: str) -> bool:
    name = urlsplit(f"//{host}").hostname or ""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return "." in name and not name.endswith((".localhost", ".local", ".internal"))
    return False
