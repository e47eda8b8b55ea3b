"""Trino on this machine, over Delta tables on an S3 server.

Its catalogs and access rules are those of `deploy/servers/trino`, which are proved so. The
metastore in files survives restarts. Keep out: the tables, and who asks.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import requests
from trino.dbapi import connect

from tests.servers.base import (
    AWS,
    HOST,
    READER,
    ROOT,
    Server,
    cache,
    free_port,
    installing,
    java_home,
    maven,
    run,
)

VERSION = "476"
_SHIPPED = ROOT / "deploy" / "servers" / "trino"
USER = "polly"
_PLUGINS = {"delta-lake", "opensearch", "password-authenticators", "tpch"}
_JVM = (
    "-server",
    "-Xmx1500m",
    "-XX:+UseSerialGC",
    # Most statements of tests run once.
    "-XX:TieredStopAtLevel=1",
    "-XX:+ExitOnOutOfMemoryError",
    "-XX:ReservedCodeCacheSize=256M",
    "-XX:+EnableDynamicAgentLoading",
    "-Dfile.encoding=UTF-8",
    "--sun-misc-unsafe-memory-access=allow",
    "--enable-native-access=ALL-UNNAMED",
)
_LIMITS = {
    "query.max-execution-time": "2m",
    "query.max-run-time": "3m",
    "query.max-memory": "500MB",
    "query.max-memory-per-node": "500MB",
    # Statements carry rows of other sources, see `polly_resources.query.trino_rows`.
    "query.max-length": "16000000",
}


class Trino(Server):
    """One coordinator that also works, for the user `polly`.

    Args:
        data: the folder for its files.
        s3_endpoint: where the tables are, as `http://HOST:PORT`.
        search: `HOST:PORT` of an OpenSearch server that the catalog `search` reads.
        password: what `polly` must say; with one, it is served over TLS (`certificate`).
    """

    name: ClassVar[str] = "trino"
    needs: ClassVar[tuple[str, ...]] = ("mvn",)

    def __init__(self, data: Path, s3_endpoint: str, search: str = "", password: str = "") -> None:
        super().__init__(data)
        self.s3_endpoint = s3_endpoint
        self.search = search
        self.password = password
        self.port = free_port()
        self.inner_port = free_port()

    @property
    def certificate(self) -> Path:
        """The certificate to trust where there is a password."""
        return self.data / "etc" / "certificate.pem"

    @classmethod
    def install(cls) -> None:
        """Unpack the server, then drop its other plugins, whose files are links to each other."""
        java_home()
        with installing(f"trino-{VERSION}") as folder:
            if folder is None:
                return
            maven(f"io.trino:trino-server:{VERSION}:tar.gz", folder)
            archive = folder / f"trino-server-{VERSION}.tar.gz"
            run("tar", "-xzf", archive, "--strip-components=1", cwd=folder)
            archive.unlink()
            for plugin in (folder / "plugin").iterdir():
                if plugin.name not in _PLUGINS:
                    shutil.rmtree(plugin)

    def command(self) -> Sequence[str | Path]:
        """Write `etc` and start the JVM in the launcher's own process."""
        etc = self.data / "etc"
        shutil.rmtree(etc, ignore_errors=True)
        (etc / "catalog").mkdir(parents=True)
        for name, values in self._files().items():
            (etc / name).write_text("".join(f"{k}={v}\n" for k, v in values.items()))
        (etc / "jvm.config").write_text("\n".join(_JVM) + "\n")
        shutil.copy(_SHIPPED / "rules.json", etc)
        for catalog in (_SHIPPED / "catalog").iterdir():
            if self.search or catalog.stem != "search":
                shutil.copy(catalog, etc / "catalog")
        if self.password:
            self._secure(etc)
        launcher = cache() / f"trino-{VERSION}" / "bin" / "launcher"
        folders = ("-etc-dir", etc, "-data-dir", self.data / "var", "-jvm-dir", java_home())
        return [launcher, *folders, "run"]

    def environment(self) -> Mapping[str, str]:
        """What the shipped catalogs are told by the environment."""
        host, _, port = self.search.rpartition(":")
        return {
            "TRINO_LOCAL": str(self.data),
            "S3_ENDPOINT": self.s3_endpoint,
            "S3_REGION": AWS["AWS_DEFAULT_REGION"],
            "S3_READER_KEY": READER["AWS_ACCESS_KEY_ID"],
            "S3_READER_SECRET": READER["AWS_SECRET_ACCESS_KEY"],
            "S3_WRITER_KEY": AWS["AWS_ACCESS_KEY_ID"],
            "S3_WRITER_SECRET": AWS["AWS_SECRET_ACCESS_KEY"],
            "OPENSEARCH_HOST": host,
            "OPENSEARCH_PORT": port,
        }

    def ready(self) -> bool:
        """A scan with workers: `/v1/info` says started before there are any."""
        session = requests.Session()
        session.trust_env = False
        if self.password:
            session.auth = (USER, self.password)
            session.verify = str(self.certificate)
        connection = connect(
            host=HOST,
            port=self.port,
            user=USER,
            http_scheme="https" if self.password else "http",
            http_session=session,
            request_timeout=5,
            max_attempts=1,
        )
        rows = connection.cursor().execute("SELECT count(*) FROM probe.tiny.nation").fetchall()
        return bool(rows == [[25]])

    def _files(self) -> Mapping[str, Mapping[str, object]]:
        return {
            "node.properties": {
                "node.environment": "test",
                "node.id": "one",
                "node.bind-ip": HOST,
                "node.internal-address": HOST,
            },
            "config.properties": {
                "coordinator": "true",
                "node-scheduler.include-coordinator": "true",
                **self._doors(),
                **_LIMITS,
            },
            "access-control.properties": {
                "access-control.name": "file",
                "security.config-file": self.data / "etc" / "rules.json",
            },
            "catalog/probe.properties": {"connector.name": "tpch"},
        }

    def _doors(self) -> Mapping[str, object]:
        if not self.password:
            return {
                "http-server.http.port": self.port,
                "discovery.uri": f"http://{HOST}:{self.port}",
            }
        return {
            # For itself: without TLS it takes no user's word.
            "http-server.http.port": self.inner_port,
            "discovery.uri": f"http://{HOST}:{self.inner_port}",
            "http-server.https.enabled": "true",
            "http-server.https.port": self.port,
            "http-server.https.keystore.path": self.data / "etc" / "keystore.pem",
            "http-server.authentication.type": "PASSWORD",
            "internal-communication.shared-secret": "of this test only",
        }

    def _secure(self, etc: Path) -> None:
        """A certificate of its own, and a password file with one user."""
        key = etc / "key.pem"
        run(
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30"),
            *("-subj", f"/CN={HOST}", "-addext", f"subjectAltName=IP:{HOST},DNS:localhost"),
            *("-keyout", key, "-out", self.certificate),
        )
        (etc / "keystore.pem").write_text(key.read_text() + self.certificate.read_text())
        salt = os.urandom(16)
        digest = hashlib.pbkdf2_hmac("sha1", self.password.encode(), salt, 10_000)
        (etc / "password.db").write_text(f"{USER}:10000:{salt.hex()}:{digest.hex()}\n")
        (etc / "password-authenticator.properties").write_text(
            f"password-authenticator.name=file\nfile.password-file={etc / 'password.db'}\n"
        )
