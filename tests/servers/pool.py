"""Servers for tests: each started when a test first asks for it, and stopped at the end.

A server that this machine cannot install is a reason to skip, said aloud; in CI it is a failure.
"""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from typing import TypeVar

import pytest

from tests.machine import lacks
from tests.servers.base import AWS, Server, data_folder

S = TypeVar("S", bound=Server)


def pytest_configure(config: pytest.Config) -> None:
    """Let SIGTERM end the session as Ctrl-C does, so that its servers are stopped.

    Ctrl-C does so behind a shell's `&`, too: Dagster gives its meaning to SIGTERM.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)


class Pool:
    """The running servers of one test session; one of each class."""

    def __init__(self) -> None:
        self.folder = data_folder("tests")
        self._running: dict[type[Server], Server] = {}

    def get(self, kind: type[S]) -> S:
        """The server, running; started anew where a test left it dead."""
        server = self._running.get(kind)
        if server is None:
            server = self._running[kind] = self.new(kind)
        if not server.alive():
            server.start()
        assert isinstance(server, kind)
        return server

    def new(self, kind: type[S]) -> S:
        """A server of the test's own, not started; the test stops it."""
        if lacking := kind.missing():
            lacks(f"{kind.name} needs {lacking}")
        folder = self.folder / f"{len(list(self.folder.iterdir()))}"
        folder.mkdir()
        return kind(folder)

    def close(self) -> None:
        """Stop everything and remove its data."""
        for server in reversed(self._running.values()):
            server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture(scope="session")
def servers() -> Iterator[Pool]:
    """The servers of this session, with AWS credentials in the environment."""
    pool = Pool()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in AWS.items():
            patch.setenv(name, value)
        yield pool
    pool.close()
