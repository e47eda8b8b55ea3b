"""ElasticMQ: queues with SQS's protocol, kept on disk.

What it has acknowledged survives `kill`: the log is flushed at every write.
Keep out: what the messages say.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from tests.servers.base import AWS, HOST, Server, aws_client, cache, free_port, installing, run

_VERSION = "1.7.1"
_ACCOUNT = "000000000000"
_POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
<modelVersion>4.0.0</modelVersion>
<groupId>tests</groupId><artifactId>elasticmq</artifactId><version>1</version>
<packaging>pom</packaging>
<dependencies><dependency>
<groupId>org.elasticmq</groupId><artifactId>elasticmq-server_2.13</artifactId>
<version>{_VERSION}</version>
</dependency></dependencies>
</project>
"""
_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"


class ElasticMQ(Server):
    """One ElasticMQ; queues are made by `make_queue`."""

    name: ClassVar[str] = "elasticmq"
    needs: ClassVar[tuple[str, ...]] = ("java", "mvn")

    def __init__(self, data: Path) -> None:
        super().__init__(data)
        self.port = free_port()

    @property
    def endpoint(self) -> str:
        """Where it answers."""
        return f"http://{HOST}:{self.port}"

    @classmethod
    def install(cls) -> None:
        """Bring the jars from Maven."""
        with installing(_folder().name) as folder:
            if folder is not None:
                (folder / "pom.xml").write_text(_POM)
                run("mvn", "-q", "-B", _COPY, f"-DoutputDirectory={folder / 'lib'}", cwd=folder)

    def command(self) -> Sequence[str | Path]:
        """Loopback, AWS's own limits, and a store on disk that is flushed at every write."""
        messages = f"jdbc:h2:file:{self.data / 'messages'};WRITE_DELAY=0"
        lines = [
            'include classpath("application.conf")',
            "generate-node-address = false",
            f"node-address {{ protocol = http, host = {json.dumps(HOST)}, "
            f'port = {self.port}, context-path = "" }}',
            f"rest-sqs {{ enabled = true, bind-hostname = {json.dumps(HOST)}, "
            f"bind-port = {self.port}, sqs-limits = strict }}",
            "rest-stats { enabled = false }",
            f'aws {{ region = "{AWS["AWS_DEFAULT_REGION"]}", accountId = "{_ACCOUNT}" }}',
            "queues { }",
            f"messages-storage {{ enabled = true, uri = {json.dumps(messages)} }}",
        ]
        config = self.data / "elasticmq.conf"
        config.write_text("\n".join(lines))
        jars = f"{_folder() / 'lib'}/*"
        main = "org.elasticmq.server.Main"
        return ["java", "-Xmx256m", f"-Dconfig.file={config}", "-cp", jars, main]

    def ready(self) -> bool:
        """Whether it lists its queues."""
        self.client().list_queues()
        return True

    def client(self) -> Any:
        """A client of its queues."""
        return aws_client("sqs", self.endpoint)

    def make_queue(self, name: str, visibility_seconds: int = 30, receives: int = 0) -> str:
        """Make a queue and return its URL.

        What has been received `receives` times without being deleted goes to the queue
        `NAME-dead`; 0: nothing does.
        """
        client = self.client()
        attributes = {"VisibilityTimeout": str(visibility_seconds)}
        if receives:
            client.create_queue(QueueName=f"{name}-dead")
            target = f"arn:aws:sqs:{AWS['AWS_DEFAULT_REGION']}:{_ACCOUNT}:{name}-dead"
            policy = {"deadLetterTargetArn": target, "maxReceiveCount": receives}
            attributes["RedrivePolicy"] = json.dumps(policy)
        return str(client.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"])


def _folder() -> Path:
    return cache() / f"elasticmq-{_VERSION}"
