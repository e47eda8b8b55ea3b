"""The proxy that makes servers fail."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from tests.servers.base import HOST, wait_until
from tests.servers.faulty import Faulty


class Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def handle(self):
        with suppress(ConnectionError):
            super().handle()

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    with ThreadingHTTPServer((HOST, 0), Echo) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def proxy(server):
    with Faulty(*server.server_address) as proxy:
        yield proxy


@pytest.fixture
def client(proxy):
    with httpx.Client(base_url=f"http://{HOST}:{proxy.port}", timeout=0.5) as client:
        yield client


def said(client: httpx.Client, content: bytes = b"hello") -> tuple[int, bytes]:
    answer = client.post("/", content=content)
    return answer.status_code, answer.content


def test_it_is_as_if_not_there(proxy, client):
    content = bytes(range(256)) * 10_000
    assert said(client, content) == (200, content)
    assert said(client) == (200, b"hello")
    assert proxy.passed > len(content)
    assert proxy.answered == 0


def test_it_refuses_new_connections_and_breaks_open_ones(proxy, client):
    assert said(client) == (200, b"hello")
    with socket.create_connection((HOST, proxy.port)) as open_before:
        before = proxy.passed
        open_before.sendall(b"POST / HTTP/1.1\r\ncontent-length: 9\r\n\r\n")
        wait_until(lambda: proxy.passed > before)
        proxy.mode = "refuse"
        with pytest.raises(ConnectionResetError):
            open_before.recv(1)
    with pytest.raises(httpx.ConnectError):
        said(httpx.Client(base_url=client.base_url))
    proxy.mode = "pass"
    assert said(httpx.Client(base_url=client.base_url)) == (200, b"hello")


def test_it_stalls_open_and_new_connections(proxy, client):
    assert said(client) == (200, b"hello")
    proxy.mode = "stall"
    with pytest.raises(httpx.ReadTimeout):
        said(client)
    with pytest.raises(httpx.ReadTimeout):
        said(client)
    proxy.mode = "pass"
    assert said(client) == (200, b"hello")


def test_what_stalled_goes_on(proxy, client):
    proxy.mode = "stall"
    threading.Timer(0.05, setattr, (proxy, "mode", "pass")).start()
    client.timeout = 5
    assert said(client) == (200, b"hello")


def test_it_answers_in_the_place_of_the_server(proxy, client):
    assert said(client) == (200, b"hello")
    proxy.answer = (503, {"Retry-After": "1"}, b"slow down")
    answer = client.post("/", content=b"x" * 300_000)
    assert (answer.status_code, answer.content) == (503, b"slow down")
    assert answer.headers["retry-after"] == "1"
    assert client.head("/").headers["content-length"] == "9"
    assert client.post("/", content=iter([b"in", b"chunks"])).status_code == 503
    assert client.post("/", headers={"expect": "100-continue"}, content=b"x").status_code == 503
    assert proxy.answered == 4
    proxy.answer = None
    assert said(client) == (200, b"hello")


def test_it_answers_where_there_is_no_server(server):
    server.server_close()
    with Faulty(*server.server_address) as proxy:
        proxy.answer = (200, {}, b"here")
        assert httpx.get(f"http://{HOST}:{proxy.port}/").content == b"here"
        proxy.answer = None
        with pytest.raises(httpx.TransportError):
            httpx.get(f"http://{HOST}:{proxy.port}/")


def test_at_its_end_nobody_listens(server):
    with Faulty(*server.server_address) as proxy:
        pass
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((HOST, proxy.port))
