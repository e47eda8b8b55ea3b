"""Trino's protocol: one text of SQL to columns and rows, bounded in time and always ended.

Owns the connection: TLS, the password, timeouts, retries of a request, and what an error of
the network means. Keep out: what is asked, and what Trino's own errors mean (`trino_errors`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from trino.client import ClientSession, TrinoRequest, TrinoStatus
from trino.exceptions import Error, HttpError, TrinoQueryError

from polly_resources.addresses import Address, bad_address
from polly_resources.errors import BadQuery, Misconfigured, PollyError, Unavailable
from polly_resources.query.trino_errors import Refused

EXAMPLE = "trino+https://polly@HOST:8443/lake?admin=lake_admin"

_CONNECT_SECONDS = 5.0
_READ_SECONDS = 15.0
"""Trino answers each request within a second, with or without rows."""
_ATTEMPTS = 3
_AGAIN = {404, 410, 429}


@dataclass(frozen=True, slots=True)
class Answer:
    """Columns as the protocol describes them, and rows as its JSON."""

    columns: Sequence[Mapping[str, Any]]
    rows: Sequence[Sequence[Any]]


class Client:
    """Sends statements to the coordinator at an address; safe to share by threads."""

    def __init__(self, address: Address, seconds: float) -> None:
        self._address = address
        self._seconds = seconds
        self._secure = address.scheme.endswith("+https")
        self._http = requests.Session()
        # The address says everything: no proxy, key or certificate of the environment.
        self._http.trust_env = False
        self._http.auth = (address.user, address.password) if address.password else None
        self._http.verify = _certificates(address)
        if len(address.hosts) != 1 or not address.user:
            raise bad_address(str(address), "query", "it must name one host and a user", EXAMPLE)
        if address.password and not self._secure:
            why = "a password may only go to trino+https"
            raise bad_address(str(address), "query", why, EXAMPLE)

    def run(self, sql: str) -> Answer:
        """All rows of a statement.

        Raises Refused for Trino's own errors, BadQuery after `seconds`, Unavailable where it
        does not answer, Misconfigured where it refuses us. Whatever is raised, the statement
        is ended on the server.
        """
        request = self._request()
        end = time.monotonic() + self._seconds
        columns: Sequence[Mapping[str, Any]] = ()
        rows: list[Sequence[Any]] = []
        try:
            status = self._ask(request, lambda: request.post(sql))
            while True:
                columns = status.columns or columns
                rows.extend(status.rows)
                if status.next_uri is None:
                    return Answer(columns, rows)
                if time.monotonic() > end:
                    raise BadQuery(
                        "query_too_large",
                        f"the statement ran longer than {self._seconds:g} s",
                        hint="filter more, or raise `seconds` in POLLY_QUERY",
                    )
                address = status.next_uri
                status = self._ask(request, lambda: request.get(address))  # noqa: B023 - called now
        except BaseException:
            _cancel(request)
            raise

    def _request(self) -> TrinoRequest:
        read = min(_READ_SECONDS, self._seconds)
        return TrinoRequest(
            self._address.host,
            self._address.port or (443 if self._secure else 8080),
            ClientSession(self._address.user, source="polly", timezone="UTC"),
            http_session=self._http,
            http_scheme="https" if self._secure else "http",
            max_attempts=_ATTEMPTS,
            request_timeout=(min(_CONNECT_SECONDS, self._seconds), read),
        )

    def _ask(self, request: TrinoRequest, send: Callable[[], requests.Response]) -> TrinoStatus:
        try:
            response = send()
            if not response.ok:
                raise self._not_ok(response)
            return request.process(response)
        except TrinoQueryError as error:
            raise Refused(error.error_name or "", error.error_type or "", error.message) from error
        except requests.exceptions.SSLError as error:
            raise Misconfigured(
                "query_untrusted",
                f"the certificate of {self._address} is not to be trusted: {error}",
                hint="name the file of its authority in POLLY_QUERY: ?ca=FILE",
            ) from error
        except requests.exceptions.JSONDecodeError as error:
            raise self._no_trino(error) from error
        except (requests.RequestException, HttpError, Error) as error:
            raise self._away(str(error)) from error
        except (ValueError, KeyError) as error:
            raise self._no_trino(error) from error

    def _not_ok(self, response: requests.Response) -> PollyError:
        status = response.status_code
        said = f"{status} {' '.join(response.text.split())[:200]}".strip()
        if status in (401, 403):
            return Misconfigured(
                "query_refused",
                f"{self._address} refuses us: {said}",
                hint="check the user in POLLY_QUERY and POLLY_QUERY_PASSWORD",
            )
        if status in _AGAIN or status >= 500:
            return self._away(said)
        return self._no_trino(said)

    def _away(self, said: str) -> Unavailable:
        return Unavailable(
            "query_unavailable",
            f"{self._address} did not answer: {said}",
            hint="it may be down, slow or full: try again, and see `polly doctor`",
        )

    def _no_trino(self, said: object) -> Misconfigured:
        return Misconfigured(
            "query_failed",
            f"{self._address} does not answer as Trino does: {said}",
            hint="check the host, port and scheme (trino or trino+https) in POLLY_QUERY",
        )


def _certificates(address: Address) -> bool | str:
    ca = address.options.get("ca", "")
    if ca and not Path(ca).is_file():
        raise bad_address(str(address), "query", f"there is no file {ca}", EXAMPLE)
    return ca or True


def _cancel(request: TrinoRequest) -> None:
    """End the statement; one that has ended, or a server that is away, needs nothing."""
    if request.next_uri is None:
        return
    request.max_attempts = 1
    with suppress(requests.RequestException):
        request.delete(request.next_uri)
