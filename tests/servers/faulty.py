"""A proxy before a server that can be away, silent, or answer in the server's place.

It passes bytes of any protocol on. What it does may change at any time and then holds for
open connections too, for clients keep theirs.
Keep out: what a server's own errors look like (the tests of its backend).
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import Literal

from tests.servers.base import HOST

Mode = Literal["pass", "refuse", "stall"]
Answer = tuple[int, Mapping[str, str], bytes]

_CHUNK = 65_536
_WAIT = 5.0
_RESET = struct.pack("ii", 1, 0)


class Faulty:
    """A proxy for one server, `with Faulty(host, port) as proxy`; clients use `proxy.port`.

    - `mode`: `pass` as if it were not there; `refuse` takes no connection and breaks the open
      ones; `stall` takes connections and bytes and passes none on until `mode` is another.
    - `answer`: `(status, headers, body)` that every HTTP request gets instead of the
      server's own answer while it is set and `mode` is `pass`.
    - `passed`: the bytes that went from clients to the server so far; `answered`: the requests
      that got `answer`.
    """

    def __init__(self, host: str, port: int) -> None:
        self.answer: Answer | None = None
        self.passed = 0
        self.answered = 0
        self._server = (host, port)
        self._mode: Mode = "pass"
        self._changed = threading.Condition()
        self._open: set[socket.socket] = set()
        # Bound and never listening: it keeps the port ours while we refuse.
        self._keeper = _bound(0)
        self.port = int(self._keeper.getsockname()[1])
        self._listener: socket.socket | None = None

    @property
    def mode(self) -> Mode:
        """What happens to connections and bytes."""
        return self._mode

    @mode.setter
    def mode(self, mode: Mode) -> None:
        with self._changed:
            self._mode = mode
            self._changed.notify_all()
        if mode == "refuse":
            self._unlisten()
            self._break_all()
        elif self._listener is None:
            self._listen()

    def __enter__(self) -> Faulty:
        self._listen()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.mode = "refuse"
        self._keeper.close()

    def _listen(self) -> None:
        listener = self._listener = _bound(self.port)
        listener.listen(128)
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def _unlisten(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)  # or `accept` would keep it open
            listener.close()

    def _break_all(self) -> None:
        with self._changed:
            for end in self._open:
                _break(end)

    def _track(self, end: socket.socket) -> None:
        with self._changed:
            self._open.add(end)
            if self._mode == "refuse":
                _break(end)

    def _close(self, end: socket.socket) -> None:
        with self._changed:
            self._open.discard(end)
            end.close()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            self._track(client)
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        """One connection, from its first byte to its end."""
        server: socket.socket | None = None
        try:
            while data := self._received(client):
                if self.answer is not None:
                    self._answer(client, data, self.answer)
                    return
                if server is None:
                    server = socket.create_connection(self._server, _WAIT)
                    server.settimeout(None)
                    self._track(server)
                    back = threading.Thread(target=self._back, args=(server, client), daemon=True)
                    back.start()
                server.sendall(data)
                self.passed += len(data)
        except OSError:
            pass
        finally:
            if server is not None:
                with suppress(OSError):
                    server.shutdown(socket.SHUT_WR)
                back.join()
                self._close(server)
            self._close(client)

    def _back(self, server: socket.socket, client: socket.socket) -> None:
        """The server's bytes to the client; where the server ends the connection, so do we."""
        with suppress(OSError):
            while data := self._received(server):
                client.sendall(data)
        with suppress(OSError):
            # Refusing is a reset, and this would say a friendly end first.
            client.shutdown(socket.SHUT_RD if self._mode == "refuse" else socket.SHUT_RDWR)

    def _received(self, end: socket.socket) -> bytes:
        """The next bytes that may be passed on; none where the connection is over."""
        data = end.recv(_CHUNK)
        with self._changed:
            self._changed.wait_for(lambda: self._mode != "stall")
            return data if self._mode == "pass" else b""

    def _answer(self, client: socket.socket, data: bytes, answer: Answer) -> None:
        client.settimeout(_WAIT)
        method = _read_request(client, data)
        status, headers, body = answer
        lines = [f"HTTP/1.1 {status} Answer"]
        given = {**headers, "Content-Length": str(len(body)), "Connection": "close"}
        lines += [f"{name}: {value}" for name, value in given.items()]
        head = "\r\n".join([*lines, "", ""]).encode()
        self.answered += 1
        client.sendall(head if method == "HEAD" else head + body)
        client.shutdown(socket.SHUT_WR)
        while client.recv(_CHUNK):  # closing on unread bytes would reset, and lose the answer
            pass


def _read_request(client: socket.socket, data: bytes) -> str:
    """Read one HTTP request to its end, of which `data` is the beginning; its method."""
    while b"\r\n\r\n" not in data:
        data += _more(client)
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    if headers.get("transfer-encoding", "").lower() == "chunked":
        while not body.endswith(b"0\r\n\r\n"):
            body += _more(client)
    elif headers.get("expect", "").lower() != "100-continue":
        missing = int(headers.get("content-length", 0)) - len(body)
        while missing > 0:
            missing -= len(_more(client))
    return first.partition(" ")[0]


def _more(client: socket.socket) -> bytes:
    data = client.recv(_CHUNK)
    if not data:
        raise ConnectionError("the request ended early")
    return data


def _break(end: socket.socket) -> None:
    """Let the connection end with a reset as soon as its threads, woken by this, close it."""
    with suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        end.shutdown(socket.SHUT_RD)


def _bound(port: int) -> socket.socket:
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    bound.bind((HOST, port))
    return bound
