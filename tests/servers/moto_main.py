"""The process of `moto`: moto's own server, whose S3 may send to the queues of another one.

    python moto_main.py QUEUE_ENDPOINT ARGUMENTS_OF_MOTO...

Runs in moto's environment, so it imports nothing of this project. As on AWS, a notification
that cannot be sent is lost and the change it tells of is not.
"""

from __future__ import annotations

import json
import sys
from typing import Any


def send_to(endpoint: str) -> None:
    """Let moto's S3 send its notifications to the queues at the endpoint."""
    import boto3
    from moto.s3 import notifications

    client = boto3.client("sqs", endpoint_url=endpoint)

    def send(account_id: str, event_body: Any, queue_name: str, region_name: str) -> None:
        try:
            url = client.get_queue_url(QueueName=queue_name)["QueueUrl"]
            client.send_message(QueueUrl=url, MessageBody=json.dumps(event_body))
        except Exception as error:
            print(f"not sent to {queue_name}: {error!r}", flush=True)

    # A private name of moto: requirements/servers.txt pins the version that has it.
    notifications._send_sqs_message = send


if __name__ == "__main__":
    from moto.server import main

    if sys.argv[1]:
        send_to(sys.argv[1])
    main(sys.argv[2:])
