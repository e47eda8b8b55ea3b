"""`make up-servers` and `make down-servers`: the servers of a profile, kept for development.

    python -m tests.servers.stack up|down|run PROFILE

`up` starts a keeper, `run` in the background, which starts the servers and writes
`.servers/PROFILE.env`. A second `up` makes the keeper start again what has died. `down` ends the
keeper, which stops the servers and removes their data: nothing of value belongs in them.
Keep out: which servers a profile has (`profiles`).
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from threading import Event

from polly_assets.batches import started
from tests.servers.base import ROOT, ServerFailed, data_folder
from tests.servers.profiles import STACKS, Stack

FOLDER = ROOT / ".servers"
INSTALL_SECONDS = 900.0


def main() -> int:
    """Do what the command line says; the exit code."""
    try:
        verb, profile = sys.argv[1:]
        kept = Kept(profile)
        return {"up": kept.up, "down": kept.down, "run": kept.run}[verb]()
    except (ValueError, KeyError):
        print(f"usage: up|down|run {'|'.join(STACKS)}", file=sys.stderr)
        return 2


class Kept:
    """The servers of a profile under the care of a keeper."""

    def __init__(self, profile: str) -> None:
        self.profile = profile
        self.kind = STACKS[profile]
        self.variables = FOLDER / f"{profile}.env"
        self.pid = FOLDER / f"{profile}.pid"
        self.log = FOLDER / f"{profile}.log"

    def up(self) -> int:
        """Have the servers run; returns when they do real work."""
        FOLDER.mkdir(exist_ok=True)
        self.variables.unlink(missing_ok=True)
        keeper = self._keeper()
        if keeper is None:
            with self.log.open("wb") as log:
                child = subprocess.Popen(
                    [sys.executable, "-m", "tests.servers.stack", "run", self.profile],
                    cwd=ROOT,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            keeper = child.pid
            self.pid.write_text(f"{keeper} {started(keeper)}")
        else:
            os.kill(keeper, signal.SIGUSR1)
        return self._await_ready()

    def _await_ready(self) -> int:
        told = 0
        end = time.monotonic() + INSTALL_SECONDS
        while time.monotonic() < end and self._keeper() is not None:
            lines = self.log.read_text(errors="replace").splitlines()
            for line in lines[told:]:
                print(line, flush=True)
            told = len(lines)
            if self.variables.exists():
                name = self.variables.relative_to(ROOT)
                print(f"ready; point commands at them:  . {name}")
                return 0
            time.sleep(0.2)
        print(self.log.read_text(errors="replace")[-3000:], file=sys.stderr)
        return 1

    def down(self) -> int:
        """Stop the servers, if they run."""
        keeper = self._keeper()
        if keeper is not None:
            os.kill(keeper, signal.SIGTERM)
            while self._keeper() is not None:
                time.sleep(0.1)
        self.pid.unlink(missing_ok=True)
        return 0

    def run(self) -> int:
        """The keeper: start, wait for signals, stop."""
        ending, again = Event(), Event()
        signal.signal(signal.SIGTERM, lambda *_: (ending.set(), again.set()))
        signal.signal(signal.SIGINT, lambda *_: (ending.set(), again.set()))
        signal.signal(signal.SIGUSR1, lambda *_: again.set())
        data = data_folder(f"servers-{self.profile}")
        stack = self.kind(data)
        try:
            while not ending.is_set():
                self._start(stack)
                again.clear()
                again.wait()
        except ServerFailed as error:
            print(error, flush=True)
            return 1
        finally:
            self.variables.unlink(missing_ok=True)
            stack.stop()
            shutil.rmtree(data, ignore_errors=True)
        return 0

    def _start(self, stack: Stack) -> None:
        if lacking := stack.missing():
            raise ServerFailed(lacking)
        began = time.monotonic()
        stack.install()
        installed = time.monotonic()
        stack.start()
        print(
            f"installed in {installed - began:.0f} s, started in "
            f"{time.monotonic() - installed:.0f} s",
            flush=True,
        )
        for name, server in stack.servers.items():
            pid = server.process.pid if server.process else "-"
            print(f"  {name}: process {pid}, log {server.log}", flush=True)
        self._write(stack)

    def _write(self, stack: Stack) -> None:
        home = FOLDER / f"{self.profile}-home"
        variables = stack.environment() | {"POLLY_HOME": str(home), "DAGSTER_HOME": str(home)}
        text = "".join(f"export {k}={shlex.quote(v)}\n" for k, v in sorted(variables.items()))
        part = self.variables.with_suffix(".part")
        part.touch(mode=0o600)
        part.write_text(text)
        part.replace(self.variables)

    def _keeper(self) -> int | None:
        """The process id of the keeper, None where there is none."""
        try:
            pid, began = self.pid.read_text().split()
        except (OSError, ValueError):
            return None
        return int(pid) if started(int(pid)) == began else None


if __name__ == "__main__":
    sys.exit(main())
