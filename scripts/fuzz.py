"""Tries damaged files on every reader, and archives and manifests, in worker processes.

`python -m scripts.fuzz --count 10000` from the project's folder. A finding is a file that a reader
answers by anything but a PollyError: another exception, a crash of the process, more than
`--seconds`, or more memory than `--memory`. Each is printed once per place in the code, and
its files are kept in `--keep`. Exit code 1 where there is one.
Keep out: the seeds and the damage (`tests/fuzz`).
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import resource
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path

from tests.fuzz.targets import TARGETS, attempt, made

GIB = 1024**3
START_SECONDS = 60.0
"""A fresh worker imports the readers first."""


def _work(pipe: Connection, memory: float) -> None:
    """Read what is asked for, and answer with a code or a traceback, until told to end."""
    limit = int(memory * GIB)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    logging.disable()
    with tempfile.TemporaryDirectory(prefix="polly-fuzz-") as folder:
        while (task := pipe.recv()) is not None:
            reader, number = task
            try:
                answer = (True, attempt(reader, made(reader, number), Path(folder)))
            except Exception as error:
                frame = traceback.extract_tb(error.__traceback__)
                ours = next((f for f in reversed(frame) if "polly_assets" in f.filename), frame[-1])
                place = f"{Path(ours.filename).name}:{ours.lineno}"
                answer = (False, f"{place} {type(error).__name__}: {error}")
            pipe.send(answer)


@dataclass
class Worker:
    """One process, and what it is at."""

    memory: float
    task: tuple[str, int] | None = None
    since: float = 0.0
    fresh: bool = True
    pipe: Connection = field(init=False)
    process: multiprocessing.process.BaseProcess = field(init=False)

    def __post_init__(self) -> None:
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(theirs, self.memory), daemon=True)
        self.process.start()
        theirs.close()
        self.fresh = True

    def give(self, task: tuple[str, int]) -> None:
        """Start on a task."""
        self.task, self.since = task, time.monotonic()
        self.pipe.send(task)

    def answer(self, seconds: float) -> tuple[bool, str] | None:
        """The answer, None while there is none; a worker that died or hangs is replaced."""
        try:
            if self.pipe.poll():
                found: tuple[bool, str] = self.pipe.recv()
                self.fresh = False
                return found
        except (EOFError, OSError):
            self.process.join()
            code = self.process.exitcode
            self._start()
            return False, f"the process died with exit code {code}"
        if time.monotonic() - self.since < (START_SECONDS if self.fresh else seconds):
            return None
        self.process.kill()
        self.process.join()
        self._start()
        return False, f"more than {seconds} seconds"


def _tasks(readers: Sequence[str], count: int, first: int) -> Iterator[tuple[str, int]]:
    for number in range(first, first + count):
        for reader in readers:
            yield reader, number


def _keep(folder: Path, reader: str, number: int) -> Path:
    place = folder / f"{reader}-{number}"
    place.mkdir(parents=True, exist_ok=True)
    seed = made(reader, number)
    (place / seed.name).write_bytes(seed.data)
    for key, data in seed.sidecars.items():
        (place / f"sidecar.{key}").write_bytes(data)
    return place


def main() -> int:
    """Try so many files per reader; 1 where one is answered badly."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--count", type=int, default=10_000, help="damaged files per reader")
    options.add_argument("--first", type=int, default=0, help="number of the first")
    options.add_argument("--reader", action="append", choices=TARGETS, help="only these readers")
    options.add_argument("--workers", type=int, default=2, help="processes")
    options.add_argument("--seconds", type=float, default=5.0, help="most time for one file")
    options.add_argument("--memory", type=float, default=4.0, help="most memory of a process, GiB")
    options.add_argument(
        "--keep", type=Path, default=Path("build/fuzz"), help="folder for findings"
    )
    args = options.parse_args()
    shutil.rmtree(args.keep, ignore_errors=True)

    tasks = _tasks(args.reader or TARGETS, args.count, args.first)
    workers = [Worker(args.memory) for _ in range(args.workers)]
    answers: dict[str, Counter[str]] = {name: Counter() for name in TARGETS}
    findings: Counter[tuple[str, str]] = Counter()
    busy = []
    for worker, task in zip(workers, tasks, strict=False):
        worker.give(task)
        busy.append(worker)
    while busy:
        wait([worker.pipe for worker in busy], timeout=0.2)
        for worker in list(busy):
            found = worker.answer(args.seconds)
            if found is None or worker.task is None:
                continue
            reader, number = worker.task
            fine, text = found
            answers[reader][text if fine else "BAD"] += 1
            if not fine:
                kind = text.partition(":")[0] + text.partition(":")[2].partition(":")[0]
                findings[reader, kind] += 1
                if findings[reader, kind] == 1:
                    print(f"{reader} {number}: {text}\n  {_keep(args.keep, reader, number)}")
            if (following := next(tasks, None)) is None:
                worker.pipe.send(None)
                busy.remove(worker)
            else:
                worker.give(following)
    for name, counts in answers.items():
        if counts:
            print(f"{name}: " + ", ".join(f"{n} {code}" for code, n in counts.most_common()))
    return int(bool(findings))


if __name__ == "__main__":
    sys.exit(main())
