"""The servers of each profile: which there are, how they know each other, and what they are called.

Owns the assembly and the variables that point the platform at it. Used by tests of the whole
and by `stack`, which keeps them running for development.
Keep out: processes (`base`) and the servers themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.servers.base import AWS, HOST, Server
from tests.servers.bridge import Bridge
from tests.servers.dynamodb import DynamoDB
from tests.servers.elasticmq import ElasticMQ
from tests.servers.moto import Moto
from tests.servers.opensearch import OpenSearch
from tests.servers.postgres import Postgres
from tests.servers.s3 import S3Server
from tests.servers.seaweedfs import SeaweedFS
from tests.servers.trino import Trino
from tests.servers.versitygw import VersityGW

LANDING, LAKE = "polly-landing", "polly-lake"
QUEUE = "polly-landing-events"


class Stack:
    """The servers of one profile. They start together: each knows the others' ports."""

    def __init__(self, *servers: Server) -> None:
        self.servers: Mapping[str, Server] = {server.name: server for server in servers}

    def missing(self) -> str:
        """What this machine lacks for any of them."""
        lacking = {each.name: each.missing() for each in self.servers.values()}
        return "; ".join(f"{name} needs {what}" for name, what in lacking.items() if what)

    def install(self) -> None:
        """Install all; what is installed already takes no time."""
        together(server.install for server in self.servers.values())

    def start(self) -> None:
        """Start those that do not run, and make what the platform wants to find in them."""
        together(server.start for server in self.servers.values() if not server.alive())
        self.prepare()

    def prepare(self) -> None:
        """Make buckets and queues where they are missing."""

    def stop(self) -> None:
        """Stop all."""
        together(server.stop for server in self.servers.values())

    def environment(self, name: str = "polly") -> dict[str, str]:
        """The variables that point every command at these servers.

        Platforms with different names share the servers and see nothing of each other.
        """
        raise NotImplementedError


class ServersStack(Stack):
    """The profile `servers`: SeaweedFS, PostgreSQL, OpenSearch, Trino."""

    def __init__(self, data: Path) -> None:
        self.s3 = SeaweedFS(data)
        self.postgres = Postgres(data)
        self.opensearch = OpenSearch(data)
        self.trino = Trino(data, self.s3.endpoint, search=f"{HOST}:{self.opensearch.port}")
        super().__init__(self.s3, self.postgres, self.opensearch, self.trino)

    def prepare(self) -> None:
        """See `Stack.prepare`."""
        make_buckets(self.s3)

    def environment(self, name: str = "polly") -> dict[str, str]:
        """See `Stack.environment`."""
        return {
            **AWS,
            "POLLY_PROFILE": "servers",
            "POLLY_EVENTS": "listing://",
            "POLLY_JOBS": f"{self.postgres.address}?schema={name}",
            "POLLY_JOBS_PASSWORD": self.postgres.PASSWORD,
            "POLLY_OBJECTS": f"s3://{LANDING}/{name}?endpoint={self.s3.endpoint}",
            "POLLY_TABLES": f"delta+s3://{LAKE}/{name}?endpoint={self.s3.endpoint}",
            "POLLY_SEARCH": f"{self.opensearch.address}/{name}-",
            "POLLY_QUERY": query(self.trino, name),
        }


class AwsStack(Stack):
    """The profile `aws` on stand-ins: versitygw, ElasticMQ, DynamoDB Local, moto, and Trino.

    versitygw tells of objects by a webhook; the bridge puts that into the queue as S3 would.
    """

    def __init__(self, data: Path) -> None:
        self.queue = ElasticMQ(data)
        self.bridge = Bridge(data, self.queue.endpoint, QUEUE)
        self.s3 = VersityGW(data, webhook=self.bridge.url)
        self.dynamodb = DynamoDB(data)
        self.glue = Moto(data)
        self.opensearch = OpenSearch(data)
        self.trino = Trino(data, self.s3.endpoint, search=f"{HOST}:{self.opensearch.port}")
        super().__init__(
            self.queue,
            self.bridge,
            self.s3,
            self.dynamodb,
            self.glue,
            self.opensearch,
            self.trino,
        )

    def start(self) -> None:
        """See `Stack.start`. Queue and bridge come first: events that find none are lost."""
        if not self.queue.alive():
            self.queue.start()
        self.queue.make_queue(QUEUE)
        if not self.bridge.alive():
            self.bridge.start()
        super().start()

    def prepare(self) -> None:
        """See `Stack.prepare`."""
        make_buckets(self.s3)

    def environment(self, name: str = "polly") -> dict[str, str]:
        """See `Stack.environment`."""
        return {
            **AWS,
            "POLLY_PROFILE": "aws",
            "POLLY_EVENTS": (
                f"sqs://{QUEUE}?endpoint={self.queue.endpoint}&bucket={LANDING}&prefix={name}/"
            ),
            "POLLY_JOBS": self.dynamodb.address(f"{name}-jobs"),
            "POLLY_OBJECTS": f"s3://{LANDING}/{name}?endpoint={self.s3.endpoint}",
            "POLLY_TABLES": f"delta+s3://{LAKE}/{name}?endpoint={self.s3.endpoint}",
            "POLLY_SEARCH": f"{self.opensearch.address}/{name}-",
            "POLLY_QUERY": query(self.trino, name),
        }


def make_buckets(s3: S3Server) -> None:
    """Make the buckets that are not there."""
    there = {bucket["Name"] for bucket in s3.client().list_buckets()["Buckets"]}
    for name in {LANDING, LAKE} - there:
        s3.make_bucket(name)


def query(trino: Trino, name: str) -> str:
    """The address of the SQL engine for one platform on it."""
    options = f"search=search&index_prefix={name}-&schema_prefix={name}_"
    return f"trino://polly@{HOST}:{trino.port}/lake?{options}"


STACKS: Mapping[str, type[ServersStack] | type[AwsStack]] = {
    "aws": AwsStack,
    "servers": ServersStack,
}


def together(calls: Iterable[Callable[[], None]]) -> None:
    """Make the calls at the same time; the first error is raised when all have ended."""
    listed = list(calls)
    with ThreadPoolExecutor(max(len(listed), 1)) as pool:
        for done in [pool.submit(call) for call in listed]:
            done.result()
