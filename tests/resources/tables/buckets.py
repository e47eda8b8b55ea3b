"""Stores on real S3 servers, each in a bucket of its own."""

from __future__ import annotations

import uuid

from polly_resources.tables.delta import DeltaStore
from tests.servers.s3 import S3Server


def address_on(server: S3Server, prefix: str = "/tables") -> str:
    """The address of a new bucket."""
    bucket = f"t{uuid.uuid4().hex[:12]}"
    server.make_bucket(bucket)
    return f"delta+s3://{bucket}{prefix}?endpoint={server.endpoint}"


def store_on(server: S3Server, prefix: str = "/tables") -> DeltaStore:
    """A store in a new bucket."""
    return DeltaStore(address_on(server, prefix))
