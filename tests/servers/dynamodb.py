"""DynamoDB Local: Amazon's own DynamoDB for one machine, kept on disk.

What it has acknowledged survives `kill`. It knows no rights, deletes nothing by TTL, never
throttles and never reports a conflict of transactions: `faulty` must say those.
Keep out: tables and what is in them.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from tests.servers.base import HOST, Server, aws_client, cache, free_port, installing, run

_VERSION = "3.1.0"
_LAUNCHER = Path(__file__).with_name("DynamoDBLoopback.java")
_POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
<modelVersion>4.0.0</modelVersion>
<groupId>tests</groupId><artifactId>dynamodb</artifactId><version>1</version>
<packaging>pom</packaging>
<dependencies><dependency>
<groupId>software.amazon.dynamodb</groupId><artifactId>DynamoDBLocal</artifactId>
<version>{_VERSION}</version>
</dependency></dependencies>
</project>
"""
_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"

# Without it each condition that fails writes a stack trace.
_SILENT = """<Configuration status="OFF"><Loggers><Root level="OFF"/></Loggers></Configuration>
"""


class DynamoDB(Server):
    """One DynamoDB Local; tables are made by whoever uses them."""

    name: ClassVar[str] = "dynamodb"
    needs: ClassVar[tuple[str, ...]] = ("java", "javac", "mvn")

    def __init__(self, data: Path) -> None:
        super().__init__(data)
        self.port = free_port()

    @property
    def endpoint(self) -> str:
        """Where it answers."""
        return f"http://{HOST}:{self.port}"

    def address(self, table: str) -> str:
        """The address of a ledger in a table."""
        return f"dynamodb://{table}?endpoint={self.endpoint}"

    @classmethod
    def install(cls) -> None:
        """Bring the jars from Maven and compile the launcher."""
        with installing(_folder().name) as folder:
            if folder is not None:
                (folder / "pom.xml").write_text(_POM)
                run("mvn", "-q", "-B", _COPY, f"-DoutputDirectory={folder / 'lib'}", cwd=folder)
                main = folder / "main"
                main.mkdir()
                (main / "log4j2.xml").write_text(_SILENT)
                source = shutil.copy(_LAUNCHER, folder)
                run("javac", "-cp", f"{folder / 'lib'}/*", "-d", main, source)

    def command(self) -> Sequence[str | Path]:
        """Loopback, a store on disk, a bounded heap."""
        folder = _folder()
        tables = self.data / "tables"
        tables.mkdir(exist_ok=True)
        return [
            "java", "-Xmx256m", f"-Djava.library.path={folder / 'lib'}",
            "-cp", f"{folder / 'main'}:{folder / 'lib'}/*", _LAUNCHER.stem,
            "-port", str(self.port), "-sharedDb", "-dbPath", tables, "-disableTelemetry",
        ]  # fmt: skip

    def ready(self) -> bool:
        """Whether it lists its tables."""
        self.client().list_tables()
        return True

    def client(self) -> Any:
        """A client of its tables."""
        return aws_client("dynamodb", self.endpoint)


def _folder() -> Path:
    return cache() / f"dynamodb-{_VERSION}"
