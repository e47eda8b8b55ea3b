"""moto: S3 that notifies as a bucket asks for, Glue and EventBridge, in one process.

It keeps nothing on disk. With `queue_endpoint` its notifications go to the queues of another
server, for its own bear little traffic (see `moto_main`).
Keep out: what a test stores.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from tests.servers import moto_main
from tests.servers.base import AWS, HOST, python_packages
from tests.servers.s3 import S3Server

_PACKAGES = ("moto-5.2.5", "moto[server]")


class Moto(S3Server):
    """moto's server; `queue_endpoint` is the server whose queues notifications go to."""

    name: ClassVar[str] = "moto"

    def __init__(self, data: Path, queue_endpoint: str = "") -> None:
        super().__init__(data)
        self.queue_endpoint = queue_endpoint

    @classmethod
    def install(cls) -> None:
        """Bring moto into an environment of its own."""
        python_packages(*_PACKAGES)

    def command(self) -> Sequence[str | Path]:
        """moto's own server, with another way to send where one is asked for."""
        python = python_packages(*_PACKAGES) / Path(sys.executable).name
        # -P: the folder of the program is not searched, or `moto` would be this module.
        program = [python, "-P", moto_main.__file__, self.queue_endpoint]
        return [*program, "--host", HOST, "--port", str(self.port)]

    def environment(self) -> Mapping[str, str]:
        """The keys with which it sends to queues."""
        return AWS

    def ready(self) -> bool:
        """Whether it answers."""
        self.client().list_buckets()
        return True

    def make_bucket(self, name: str) -> None:
        """See `S3Server.make_bucket`; moto lets every key do everything."""
        self.client().create_bucket(Bucket=name)

    def notify(self, bucket: str, queue: str, prefix: str) -> None:
        """Let the bucket tell the queue of what is created and removed below the prefix."""
        rule = {"FilterRules": [{"Name": "prefix", "Value": prefix}]}
        told = {
            "QueueArn": f"arn:aws:sqs:{AWS['AWS_DEFAULT_REGION']}:000000000000:{queue}",
            "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"],
            "Filter": {"Key": rule},
        }
        self.client().put_bucket_notification_configuration(
            Bucket=bucket, NotificationConfiguration={"QueueConfigurations": [told]}
        )
