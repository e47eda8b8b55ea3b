"""The processes of `polly up`: child servers by pid, and the API in a thread.

Owns starting, watching and ending them. Each child leads a process group of its own, so that
what it starts ends with it, and writes to a log file. Keep out: which servers there are.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from polly_api.words import Unavailable

if TYPE_CHECKING:
    from fastapi import FastAPI

GRACE_SECONDS = 10.0
LOG_TAIL_LINES = 15


def reserve(host: str, port: int, variable: str) -> socket.socket:
    """A bound socket. Raises Unavailable where the port is in use."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise Unavailable(
            "port_in_use",
            f"port {port} of {host} cannot be used: {error.strerror}",
            hint=f"end what uses it, or choose another port with {variable}",
        ) from error
    return bound


class Child:
    """A Python module that runs as a process of its own."""

    def __init__(
        self, name: str, arguments: Sequence[str], env: Mapping[str, str], log: Path
    ) -> None:
        self.name = name
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def check(self) -> None:
        """Raise Unavailable where the process has ended, with the end of its log."""
        code = self._process.poll()
        if code is not None:
            lines = self.log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]
            raise Unavailable(
                "child_ended",
                f"{self.name} ended with code {code}; its last words:\n" + "\n".join(lines),
                file=str(self.log),
                hint="mend what the log says and start `polly up` again",
            )

    def ask_to_end(self) -> None:
        """Tell the process and all that it started to end."""
        self._signal(signal.SIGTERM)

    def end(self, deadline: float) -> None:
        """Wait until the monotonic deadline, then kill what is left of the group."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(max(0.0, deadline - time.monotonic()))
        self._signal(signal.SIGKILL)
        self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)


class ApiThread:
    """The HTTP gateway in a thread of this process, on a socket that is already bound."""

    def __init__(self, app: FastAPI, bound: socket.socket) -> None:
        import uvicorn

        config = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [bound]}, name="polly-api", daemon=True
        )
        self._thread.start()

    @property
    def answers(self) -> bool:
        """Whether it takes requests."""
        return self._server.started

    def check(self) -> None:
        """Raise Unavailable where the thread has ended."""
        if not self._thread.is_alive():
            raise Unavailable(
                "api_ended", "the API server has ended", hint="start `polly up` again"
            )

    def end(self) -> None:
        """Finish open requests, and end."""
        self._server.should_exit = True
        self._thread.join(GRACE_SECONDS)


def end_all(children: Sequence[Child]) -> None:
    """End the children together, within the grace."""
    for child in children:
        child.ask_to_end()
    deadline = time.monotonic() + GRACE_SECONDS
    for child in children:
        child.end(deadline)
