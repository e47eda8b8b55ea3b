"""What the bridge makes of the webhooks of SeaweedFS; versitygw's are tested with the server."""

from __future__ import annotations

import json

import pytest

from polly_resources.events.base import EventKind
from polly_resources.events.s3_messages import changes
from tests.servers.bridge import records


def told(key: str, kind: str = "create", **entry) -> dict:
    side = "old_entry" if kind == "delete" else "new_entry"
    return {"event_type": kind, "key": key, "message": {side: {"name": "x", **entry}}}


@pytest.mark.parametrize(
    ("kind", "event"),
    [("create", EventKind.CREATED), ("update", EventKind.CREATED), ("delete", EventKind.REMOVED)],
)
def test_objects(kind, event):
    found = list(records(told("/buckets/land/in/a b+c%é.gct", kind)))
    (change,) = changes(json.dumps({"Records": found}))
    assert (change.bucket, change.key, change.kind) == ("land", "in/a b+c%é.gct", event)


@pytest.mark.parametrize(
    "key",
    ["/buckets/.system/log", "/buckets/land", "/buckets/land/.uploads/1/1.part", "/etc/iam.json"],
)
def test_the_servers_own_files(key):
    assert list(records(told(key))) == []


def test_folders_and_the_message_at_the_start():
    assert list(records(told("/buckets/land/in", is_directory=True))) == []
    assert list(records({"Event": "s3:TestEvent", "Bucket": "Test-Bucket"})) == []
