"""versitygw: S3 over a folder of the file system; every object is a file.

A key cannot be both an object and a folder. The file system must have extended attributes: with
its facts in files of their own (`--sidecar`) an object's facts and bytes may be of two writers.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from tests.servers.base import AWS, HOST, READER, cache, installing, run
from tests.servers.s3 import S3Server

_VERSION = "v1.8.0"
_MODULE = f"github.com/versity/versitygw/cmd/versitygw@{_VERSION}"


class VersityGW(S3Server):
    """versitygw; with `webhook`, the URL that is told of every change in S3's words.

    The webhook must answer when the server starts.
    """

    name: ClassVar[str] = "versitygw"
    needs: ClassVar[tuple[str, ...]] = ("go",)

    def __init__(self, data: Path, webhook: str = "") -> None:
        super().__init__(data)
        self.webhook = webhook

    @classmethod
    def install(cls) -> None:
        """Build the program from its Go module."""
        with installing(_folder().name) as folder:
            if folder is not None:
                run("go", "install", _MODULE, GOBIN=str(folder))

    def command(self) -> Sequence[str | Path]:
        """The reader's account, and the command."""
        for name in ("files", "accounts"):
            (self.data / name).mkdir(exist_ok=True)
        (self.data / "accounts" / "users.json").write_text(json.dumps(_accounts()))
        return [
            _folder() / "versitygw",
            *("--access", AWS["AWS_ACCESS_KEY_ID"]),
            *("--secret", AWS["AWS_SECRET_ACCESS_KEY"]),
            *("--port", f"{HOST}:{self.port}"),
            *("--iam-dir", self.data / "accounts"),
            *(("--event-webhook-url", self.webhook) if self.webhook else ()),
            *("--keep-alive", "--quiet", "posix", self.data / "files"),
        ]

    def ready(self) -> bool:
        """Whether it answers; it writes nothing, for that would be an event."""
        self.client().list_buckets()
        return True

    def make_bucket(self, name: str) -> None:
        """See `S3Server.make_bucket`; what the reader may is the bucket's policy."""
        client = self.client()
        client.create_bucket(Bucket=name)
        statement = {
            "Effect": "Allow",
            "Principal": {"AWS": [READER["AWS_ACCESS_KEY_ID"]]},
            "Action": ["s3:GetObject", "s3:ListBucket"],
            "Resource": [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"],
        }
        policy = {"Version": "2012-10-17", "Statement": [statement]}
        client.put_bucket_policy(Bucket=name, Policy=json.dumps(policy))


def _folder() -> Path:
    return cache() / f"versitygw-{_VERSION}"


def _accounts() -> dict[str, object]:
    access, secret = READER["AWS_ACCESS_KEY_ID"], READER["AWS_SECRET_ACCESS_KEY"]
    account = {"access": access, "secret": secret, "role": "user"}
    return {"accessAccounts": {access: account}}
