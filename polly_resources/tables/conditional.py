"""Whether an S3 store refuses to make an object that is there already.

A Delta commit is a new object that only one of several writers may make (`If-None-Match: *`).
A store that ignores the condition says yes to all of them, and rows are lost without an error.
Keep out: Delta itself.
"""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from botocore.exceptions import ClientError

from polly_resources import aws
from polly_resources.addresses import Address
from polly_resources.errors import Misconfigured

PROBES = 8
READ_SECONDS = 6.0
ATTEMPTS = 2

_REFUSALS = ("PreconditionFailed", "ConditionalRequestConflict", "412", "409")
_UNKNOWN = ("NotImplemented", "501", "InvalidRequest", "InvalidArgument")


def refuse_unsafe(address: Address, bucket: str, prefix: str) -> None:
    """Put one object several times at once, on condition that it is not there.

    Raises:
        Misconfigured: where more than one put is accepted or the store does not know the
            condition; where there are no credentials, no rights or no bucket.
        Unavailable: where the store does not answer.
    """
    with aws.errors("tables", f"bucket {bucket}"):
        client = aws.client("s3", address, read_seconds=READ_SECONDS, attempts=ATTEMPTS)
        name = "/".join(filter(None, (prefix, "_probes", uuid.uuid4().hex)))
        with ThreadPoolExecutor(PROBES) as pool:
            accepted = list(pool.map(lambda _: _made(client, bucket, name), range(PROBES)))
        client.delete_object(Bucket=bucket, Key=name)
    if sum(accepted) > 1:
        raise Misconfigured(
            "no_conditional_put",
            f"bucket {bucket} does not keep writers from overwriting each other: it refused"
            f" {PROBES - sum(accepted)} of {PROBES} puts with If-None-Match, expected {PROBES - 1}",
            hint="two writers would lose rows there: use AWS S3, SeaweedFS, versitygw or another"
            " store with conditional writes",
        )


def _made(client: Any, bucket: str, name: str) -> bool:
    try:
        client.put_object(Bucket=bucket, Key=name, Body=b"", IfNoneMatch="*")
    except ClientError as error:
        code = aws.code_of(error)
        if code in _REFUSALS:
            return False
        if code in _UNKNOWN:
            return True
        raise
    return True
