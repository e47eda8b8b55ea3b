"""Trino on this machine, over Delta tables on an S3 server.

Owns its catalogs, its access rules and its limits. `lake` may only read, with a key that may
only read; `lake_admin` shows the same tables and is there to register them; both share one
metastore in files, which survives restarts. Keep out: the tables, and who asks.
"""

from __future__ import annotations

import hashlib
import json
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
    Server,
    cache,
    free_port,
    installing,
    java_home,
    maven,
    run,
)

VERSION = "476"
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
        (etc / "rules.json").write_text(json.dumps(_RULES))
        if self.password:
            self._secure(etc)
        launcher = cache() / f"trino-{VERSION}" / "bin" / "launcher"
        folders = ("-etc-dir", etc, "-data-dir", self.data / "var", "-jvm-dir", java_home())
        return [launcher, *folders, "run"]

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
        delta = {
            "connector.name": "delta_lake",
            "hive.metastore": "file",
            "hive.metastore.catalog.dir": "local:///metastore",
            "fs.native-local.enabled": "true",
            "local.location": self.data,
            "fs.native-s3.enabled": "true",
            "s3.endpoint": self.s3_endpoint,
            "s3.path-style-access": "true",
            "s3.region": AWS["AWS_DEFAULT_REGION"],
        }
        files: dict[str, Mapping[str, object]] = {
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
            "catalog/lake.properties": {
                **delta,
                **_keys(READER),
                "delta.security": "read_only",
            },
            "catalog/lake_admin.properties": {
                **delta,
                **_keys(AWS),
                "delta.register-table-procedure.enabled": "true",
            },
            "catalog/probe.properties": {"connector.name": "tpch"},
        }
        if self.search:
            host, _, port = self.search.rpartition(":")
            files["catalog/search.properties"] = {
                "connector.name": "opensearch",
                "opensearch.host": host,
                "opensearch.port": port,
                "opensearch.default-schema-name": "default",
            }
        return files

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


def _keys(environment: Mapping[str, str]) -> dict[str, str]:
    return {
        "s3.aws-access-key": environment["AWS_ACCESS_KEY_ID"],
        "s3.aws-secret-key": environment["AWS_SECRET_ACCESS_KEY"],
    }


_RULES = {
    "catalogs": [
        {"user": USER, "catalog": "lake_admin", "allow": "all"},
        {"user": USER, "catalog": "(lake|search|probe|system)", "allow": "read-only"},
        {"allow": "none"},
    ],
    "schemas": [
        {"user": USER, "catalog": "lake_admin", "owner": True},
        {"owner": False},
    ],
    "tables": [
        {"user": USER, "catalog": "(lake|search|probe)", "privileges": ["SELECT"]},
        # Trino asks for the right to make a table of whoever registers one.
        {"user": USER, "catalog": "lake_admin", "privileges": ["OWNERSHIP"]},
        {"privileges": []},
    ],
    "procedures": [
        {
            "user": USER,
            "catalog": "lake_admin",
            "schema": "system",
            "procedure": "(un)?register_table",
            "privileges": ["EXECUTE"],
        },
        {"privileges": []},
    ],
    "functions": [{"privileges": []}],
    "queries": [{"allow": ["execute"]}],
    "impersonation": [],
    "system_information": [],
    "system_session_properties": [{"allow": False}],
    "catalog_session_properties": [{"allow": False}],
}
"""What `polly` may do: read from `lake`, and make tables known in `lake_admin`."""
