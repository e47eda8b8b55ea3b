"""The reading processes of this process: started on use, kept warm, ended with it.

Owns their start, their limits and what their deaths mean. A process starts in half a second,
once; it ends when its pipe closes, so it never outlives the one that started it.
Keep out: what is asked of them (`reader`) and what they do (`worker`).
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Mapping
from contextlib import suppress
from io import RawIOBase
from pathlib import Path
from typing import Any, cast

from polly_assets.ingest.formats.apart.wire import Message, Received, error_of, receive, send
from polly_assets.ingest.formats.base import Source
from polly_resources.errors import BadInput

SECONDS = 3.0
SECONDS_PER_MB = 1.0
"""Processor time that reading a file may take: so much, and so much more by its size."""

MEMORY = 4 * 1024**3
"""Bytes of memory that a reading process may have."""

_MOST_IDLE = 4
_PIPE_BYTES = 1 << 20
_ROOT = Path(__file__).parents[4]
_START = "import sys; sys.path.insert(0, sys.argv[1]); from {} import main; main()"
COMMAND = (
    *(sys.executable, "-P", "-c"),
    _START.format("polly_assets.ingest.formats.apart.worker"),
    str(_ROOT),
)


class WorkerDiedError(Exception):
    """A reading process ended in the middle of its work."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the reading process ended with status {status}")
        self.status = status

    @property
    def by_chance(self) -> bool:
        """Whether another process may fare better: an earlier file may have harmed this one."""
        return self.status != -signal.SIGPROF

    def error(self, source: Source) -> Exception:
        """What its end says of the file; where it ended by itself, it is a fault of ours."""
        if self.status >= 0:
            return RuntimeError(str(self))
        if self.status == -signal.SIGPROF:
            return BadInput(
                "reader_timeout",
                f"reading the file took more than {limit(source):.0f} seconds of processor time",
                file=source.name,
                hint="the file is damaged, or far larger than it looks: transfer it again, or "
                "write it anew",
            )
        if self.status == -signal.SIGKILL:
            return no_memory("was ended by the system, as where memory runs out", source.name)
        return BadInput(
            "reader_crashed",
            f"reading the file ended the process that read it ({_name(-self.status)})",
            file=source.name,
            hint="the file is damaged in a way that its library does not survive: "
            "transfer it again, or write it anew",
        )


def no_memory(found: str, file: str) -> BadInput:
    """What a user is told where memory was not enough."""
    return BadInput(
        "reader_memory",
        f"the process that read the file {found}; it may have {MEMORY >> 30} GiB",
        file=file,
        hint="the file is damaged, or declares more than it holds: write it anew, or split it",
    )


def limit(source: Source) -> float:
    """Seconds of processor time for each thing that is asked about the file."""
    with suppress(OSError):
        return SECONDS + SECONDS_PER_MB * source.path.stat().st_size / 1e6
    return SECONDS


def _name(number: int) -> str:
    with suppress(ValueError):
        return signal.Signals(number).name
    return f"status {-number}"


class Worker:
    """One reading process. Where nobody holds it any more, it is ended."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
        )
        _widen(self._process)
        self.asked = 0
        self._lock = threading.Lock()
        self.end = weakref.finalize(self, _end, self._process, os.getpid())

    def ask(self, words: Mapping[str, Any]) -> Received:
        """The answer to a question.

        Raises the PollyError or RuntimeError that it found, or WorkerDiedError.
        """
        with self._lock:
            self.asked += 1
            try:
                send(cast(RawIOBase, self._process.stdin), Message(words))
                answer = receive(cast(RawIOBase, self._process.stdout))
            except (EOFError, OSError, ValueError):
                raise WorkerDiedError(self._died()) from None
        if "error" in answer.words:
            raise error_of(answer.words["error"])
        if "defect" in answer.words:
            raise RuntimeError(answer.words["defect"])
        return answer

    def _died(self) -> int:
        """The status of a process whose pipe has closed or speaks nonsense."""
        with suppress(subprocess.TimeoutExpired):
            return self._process.wait(5)
        self.end()
        return -signal.SIGABRT


def _widen(process: subprocess.Popen[bytes]) -> None:
    """Give answers a wider pipe, where the system knows how: they come twice as fast."""
    if process.stdout is not None and hasattr(fcntl, "F_SETPIPE_SZ"):
        with suppress(OSError):
            fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


def _end(process: subprocess.Popen[bytes], owner: int) -> None:
    if os.getpid() != owner:  # a fork has our objects, and not our children
        return
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


class Pool:
    """The workers that have nothing to do."""

    def __init__(self) -> None:
        self._idle: list[Worker] = []
        self._owner = os.getpid()
        self._lock = threading.Lock()

    def take(self, *, fresh: bool = False) -> Worker:
        """A worker for one file: one that waits, or a new one."""
        with self._lock:
            if self._owner != os.getpid():
                self._owner, self._idle = os.getpid(), []
            if self._idle and not fresh:
                return self._idle.pop()
        return Worker()

    def give(self, worker: Worker) -> None:
        """A worker that has answered all it was asked."""
        with self._lock:
            if self._owner == os.getpid() and len(self._idle) < _MOST_IDLE:
                self._idle.append(worker)


POOL = Pool()
