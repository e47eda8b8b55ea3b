"""A webhook that puts what versitygw and SeaweedFS tell into a queue, in S3's own words.

    python -m tests.servers.bridge PORT QUEUE_ENDPOINT QUEUE

It keeps nothing: what is told while it or the queue is away is lost, as it is with the
webhooks themselves. Keep out: what follows from an event.
"""

from __future__ import annotations

import json
import sys
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote_plus

import boto3
from botocore.config import Config

from tests.servers.base import AWS, HOST, ROOT, Server, free_port

_BUCKETS = "/buckets/"


class Bridge(Server):
    """The bridge into one queue, which must be there; servers send their events to `url`."""

    name: ClassVar[str] = "bridge"
    stop_seconds: ClassVar[float] = 10

    def __init__(self, data: Path, queue_endpoint: str, queue: str) -> None:
        super().__init__(data)
        self.port = free_port()
        self.queue_endpoint = queue_endpoint
        self.queue = queue

    @property
    def url(self) -> str:
        """The webhook."""
        return f"http://{HOST}:{self.port}/"

    @classmethod
    def install(cls) -> None:
        """It runs in this environment."""

    def command(self) -> Sequence[str | Path]:
        """This module as a program."""
        program = [sys.executable, "-m", "tests.servers.bridge"]
        return [*program, str(self.port), self.queue_endpoint, self.queue]

    def environment(self) -> Mapping[str, str]:
        """The keys of the queue, and where this module is."""
        return {**AWS, "PYTHONPATH": str(ROOT)}

    def ready(self) -> bool:
        """Whether it takes events."""
        with urllib.request.urlopen(self.url, data=b"{}", timeout=2) as answer:
            return bool(answer.status == 200)


def records(told: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """S3's records for what a webhook was told; none for what is no object's change."""
    if "event_type" in told:
        yield from _of_seaweedfs(told)
    for record in told.get("Records", ()):
        yield _of_versitygw(record)


def _of_versitygw(record: dict[str, Any]) -> dict[str, Any]:
    """The record with the key encoded, and name, ARN and ETag as S3 writes them."""
    name = record["eventName"].removeprefix("s3:")
    told, bucket = record["s3"]["object"], record["s3"]["bucket"]["name"]
    changed = {
        "bucket": {"name": bucket, "arn": f"arn:aws:s3:::{bucket}"},
        "object": {
            **told,
            "key": quote_plus(told["key"], safe="/"),
            "eTag": (told.get("eTag") or "").strip('"'),
        },
    }
    return {
        **record,
        "eventName": name.replace(":DeleteObjects", ":Delete"),
        "s3": {**record["s3"], **changed},
    }


def _of_seaweedfs(told: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The record for a change of the filer below its folder of buckets."""
    entry = told["message"].get("new_entry") or told["message"].get("old_entry") or {}
    bucket, _, key = told["key"].removeprefix(_BUCKETS).partition("/")
    inside = told["key"].startswith(_BUCKETS) and key and not bucket.startswith(".")
    if not inside or entry.get("is_directory") or key.startswith(".uploads/"):
        return
    removed = told["event_type"] == "delete"
    yield {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": AWS["AWS_DEFAULT_REGION"],
        "eventTime": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "eventName": "ObjectRemoved:Delete" if removed else "ObjectCreated:Put",
        "s3": {
            "s3SchemaVersion": "1.0",
            "bucket": {"name": bucket, "arn": f"arn:aws:s3:::{bucket}"},
            "object": {
                "key": quote_plus(key, safe="/"),
                "size": int(entry.get("attributes", {}).get("file_size", 0)),
            },
        },
    }


def serve(port: int, endpoint: str, queue: str) -> None:
    """Take events until the process ends; 503 for those that the queue did not take."""
    config = Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 2})
    client = boto3.client("sqs", endpoint_url=endpoint, config=config)
    url = f"{endpoint}/000000000000/{queue}"

    class Hook(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status = 200
            try:
                for record in records(json.loads(body)):
                    message = json.dumps({"Records": [record]})
                    client.send_message(QueueUrl=url, MessageBody=message)
            except Exception as error:
                print(f"not sent: {error!r}: {body[:1000]!r}", flush=True)
                status = 503
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing of what went well."""

    ThreadingHTTPServer((HOST, port), Hook).serve_forever()


if __name__ == "__main__":
    serve(int(sys.argv[1]), sys.argv[2], sys.argv[3])
