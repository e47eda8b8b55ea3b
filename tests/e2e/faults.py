"""Kills on real servers: whatever dies, every dataset ends in its last state exactly once.

Servers of the profile and `polly ingest` processes are killed with SIGKILL in turn while files
are brought, changed and deleted.
"""

from __future__ import annotations

import itertools
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from polly_assets.publish.load import load_dataset
from polly_assets.schema import ATLAS_TABLES
from tests.assets.instance import Instance, gct
from tests.e2e.test_faults import POLLY, ROOT, assert_whole
from tests.servers.profiles import Stack

KILLS = 20
OPERATOR = ("waiting", "did not answer", "returned to the queue", "tried again")


class Chaos:
    """Kills the servers one after the other, and starts each again after a moment."""

    def __init__(self, stack: Stack, draw: random.Random) -> None:
        self._stack, self._draw = stack, draw
        self._stop = threading.Event()
        self.kills: list[str] = []
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="chaos")
        self._thread.start()

    def _work(self) -> None:
        try:
            for server in itertools.cycle(self._stack.servers.values()):
                if self._stop.wait(self._draw.uniform(0.2, 2)):
                    return
                server.kill()
                self.kills.append(server.name)
                self._stop.wait(self._draw.uniform(0, 1))
                server.start()
        except BaseException as error:
            self.error = error

    def end(self) -> None:
        """No more kills; everything runs."""
        self._stop.set()
        self._thread.join()
        self._stack.start()
        if self.error is not None:
            raise self.error


class Lab:
    """A folder of files that people change, and the commands that bring them."""

    def __init__(self, folder: Path, home: Path, draw: random.Random) -> None:
        self.folder, self.home, self._draw = folder, home, draw
        self.values: dict[str, np.ndarray] = {}
        self.said: list[str] = []
        self.last = ""
        self.kills = 0
        folder.mkdir()

    def write(self, name: str) -> None:
        """A file, new or changed."""
        values = np.random.default_rng(self._draw.randrange(1 << 30)).normal(size=(3, 4))
        self.values[name] = values
        (self.folder / f"{name}.gct").write_text(gct(values.tolist()))

    def delete(self, name: str) -> None:
        """Remove a dataset and its file."""
        del self.values[name]
        (self.folder / f"{name}.gct").unlink()
        self.until_done("delete", name, "--atlas", "demo", done="unknown_dataset")

    def ingest(self, kill_after: float | None = None) -> int:
        """Bring the folder; the exit code."""
        child = self._start("ingest", self.folder, "--atlas", "demo")
        if kill_after is not None:
            try:
                child.wait(kill_after)
            except subprocess.TimeoutExpired:
                child.kill()
                self.kills += 1
        return self._ended(child)

    def until_done(self, *arguments: object, done: str | None = None) -> None:
        """Give the command until it succeeds, or says that there is nothing to do."""
        for _ in range(20):
            ok = self._ended(self._start(*arguments)) == 0
            if ok or (done is not None and done in self.said[-1]):
                return
            time.sleep(1)
        pytest.fail(f"{arguments} never succeeded:\n{self.last}")

    def _start(self, *arguments: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", POLLY, *map(str, arguments), "--home", str(self.home)]
        env = os.environ | {
            "POLLY_ONTOLOGIES": "small://1",
            "POLLY_CACHE": str(self.home.parent / "cache"),
            "POLLY_LEASE_SECONDS": "5",
            "POLLY_BATCH_JOBS": "4",
        }
        return subprocess.Popen(
            command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def _ended(self, child: subprocess.Popen[str]) -> int:
        out, err = child.communicate(timeout=300)
        self.said.append(err)
        self.last = out + err
        assert "Traceback" not in err, err
        assert child.returncode in (0, 1, 3, 4, -9), out + err
        return child.returncode


def survive(stack: Stack, variables: Mapping[str, str], folder: Path) -> None:
    """Bring, change and delete files under kills, then count what is left.

    Args:
        stack: the servers, running; they run at the end.
        variables: which point at a fresh platform on them.
        folder: where to work.
    """
    draw = random.Random(7)
    instance = Instance(folder / "home", environ=variables)
    lab = Lab(folder / "files", folder / "home", draw)
    for i in range(8):
        lab.write(f"d{i}")
    chaos = Chaos(stack, draw)
    try:
        turns = 0
        while len(chaos.kills) + lab.kills < KILLS or len(chaos.kills) < 2 * len(stack.servers):
            code = lab.ingest(kill_after=draw.uniform(2, 8) if turns % 2 else None)
            if code == 0:
                lab.delete(draw.choice(sorted(lab.values)))
            for name in draw.sample(sorted(lab.values), 2):
                lab.write(name)
            lab.write(f"new{turns}")
            turns += 1
    finally:
        chaos.end()
    lab.until_done("ingest", lab.folder, "--atlas", "demo")
    print(f"killed {sorted(chaos.kills)} and {lab.kills} workers in {turns} turns")

    assert_whole(instance, list(lab.values))
    for name, values in lab.values.items():
        assert np.array_equal(load_dataset(instance.tables, "demo", name).matrices["X"], values)
    before = versions(instance)
    lab.until_done("ingest", lab.folder, "--atlas", "demo")
    assert versions(instance) == before
    assert all(any(word in text for text in lab.said) for word in OPERATOR[:2])


def versions(instance: Instance) -> list[int | None]:
    """The version of every table."""
    return [instance.tables.version(f"demo/{spec.name}") for spec in ATLAS_TABLES]
