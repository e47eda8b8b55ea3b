"""What the servers that speak S3 share: an address, keys and buckets.

Keep out: how one of them is installed and started (its own file).
"""

from __future__ import annotations

import uuid
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from tests.servers.base import AWS, HOST, Server, free_port


class S3Server(Server):
    """A server that speaks S3 at `endpoint`; its ports stay the same when it starts again."""

    def __init__(self, data: Path) -> None:
        super().__init__(data)
        self.port = free_port()
        self._bucket = ""

    @property
    def endpoint(self) -> str:
        """The URL that clients use."""
        return f"http://{HOST}:{self.port}"

    @abstractmethod
    def make_bucket(self, name: str) -> None:
        """Make a bucket that `base.AWS` may read and write and `base.READER` may read."""

    def bucket(self) -> str:
        """A bucket for everybody who keeps to a new prefix; made at the first call."""
        if not self._bucket:
            self._bucket = f"shared-{uuid.uuid4().hex}"
            self.make_bucket(self._bucket)
        return self._bucket

    def client(self, keys: Mapping[str, str] = AWS) -> Any:
        """A client that fails soon and asks once."""
        return boto3.session.Session().client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
            config=Config(
                connect_timeout=2,
                read_timeout=10,
                retries={"total_max_attempts": 1},
                s3={"addressing_style": "path"},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )
