"""A door with TLS and passwords before an HTTP server that has neither, for tests of clients.

It stands where OpenSearch's security plugin would, which the distribution for tests lacks: it
asks for a user and a password, lets readers only read, and refuses as that plugin does.
Keep out: a server's own errors (`faulty`).
"""

from __future__ import annotations

import base64
import http.client
import http.server
import json
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from tests.servers.base import HOST, run

_READS = ("_search", "_count", "point_in_time")


class TlsProxy:
    """A proxy for one server, `with TlsProxy(...) as proxy`; clients use `https` at `proxy.port`.

    Args:
        host: of the server.
        port: of the server.
        folder: where the certificate and its key are made.
        users: each user's password.
        readers: those users who may only read.
    """

    def __init__(
        self, host: str, port: int, folder: Path, users: Mapping[str, str], readers: str = ""
    ) -> None:
        self.certificate = folder / "certificate.pem"
        key = folder / "key.pem"
        run(
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", "/CN=tests", "-keyout", key),
            *("-addext", f"subjectAltName=IP:{HOST}", "-out", self.certificate),
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, key)
        handler = type(
            "Handler",
            (_Handler,),
            {"server_at": (host, port), "users": dict(users), "readers": readers.split()},
        )
        self._server = http.server.ThreadingHTTPServer((HOST, 0), handler)
        self._server.socket = context.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self.port = int(self._server.server_address[1])

    def __enter__(self) -> TlsProxy:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_at: tuple[str, int]
    users: Mapping[str, str]
    readers: list[str]

    def handle(self) -> None:
        # The client may not like our certificate, or have gone.
        with suppress(ssl.SSLError, ConnectionError):
            super().handle()

    def pass_on(self) -> None:
        """Answer one request: as the server does, or with a refusal."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        user = self._user()
        if user is None:
            self._answer(401, b"Unauthorized", "text/plain")
        elif user in self.readers and not self._reads():
            reason = f"no permissions for [{self.path}] and User [name={user}]"
            error = {"type": "security_exception", "reason": reason}
            told = {"error": {**error, "root_cause": [error]}, "status": 403}
            self._answer(403, json.dumps(told).encode(), "application/json")
        else:
            server = http.client.HTTPConnection(*self.server_at, timeout=60)
            kind = self.headers.get("Content-Type", "application/json")
            server.request(self.command, self.path, body, {"Content-Type": kind})
            answer = server.getresponse()
            self._answer(answer.status, answer.read(), answer.headers["Content-Type"])
            server.close()

    do_GET = do_POST = do_PUT = do_DELETE = pass_on

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def _user(self) -> str | None:
        scheme, _, login = self.headers.get("Authorization", "").partition(" ")
        if scheme != "Basic":
            return None
        user, _, password = base64.b64decode(login).decode().partition(":")
        return user if self.users.get(user) == password else None

    def _reads(self) -> bool:
        return self.command == "GET" or any(word in self.path for word in _READS)

    def _answer(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
