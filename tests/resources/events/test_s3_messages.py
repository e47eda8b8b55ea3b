"""Messages about S3's objects in all their shapes, as real senders write them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polly_resources.events.base import EventKind
from polly_resources.events.s3_messages import NotS3, changes

CREATED, REMOVED = EventKind.CREATED, EventKind.REMOVED


def record(name="ObjectCreated:Put", key="landing/demo/a.gct", bucket="land", **changed):
    sequencer = {"sequencer": changed.pop("sequencer")} if "sequencer" in changed else {}
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "us-east-1",
        "eventTime": "2026-11-22T10:26:30.067Z",
        "eventName": name,
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "one",
            "bucket": {"name": bucket, "arn": f"arn:aws:s3:::{bucket}"},
            "object": {"key": quote_plus(key, safe="/"), "size": 10, "eTag": "33"} | sequencer,
        },
    } | changed


def message(*records) -> str:
    return json.dumps({"Records": list(records)})


def bridge(kind="Object Created", key="landing/demo/a b+c.gct", **detail) -> dict:
    return {
        "version": "0",
        "id": "17793124-05d4-b198-2fde-7ededc63b103",
        "detail-type": kind,
        "source": "aws.s3",
        "account": "111122223333",
        "time": "2026-11-12T00:00:00Z",
        "region": "ca-central-1",
        "resources": ["arn:aws:s3:::land"],
        "detail": {
            "version": "0",
            "bucket": {"name": "land"},
            "object": {"key": key, "size": 5, "etag": "b1", "sequencer": "617f08299329d189"},
            "reason": "PutObject",
        }
        | detail,
    }


class TestS3:
    @pytest.mark.parametrize(
        ("name", "kind"),
        [
            ("ObjectCreated:Put", CREATED),
            ("ObjectCreated:Post", CREATED),
            ("ObjectCreated:Copy", CREATED),
            ("ObjectCreated:CompleteMultipartUpload", CREATED),
            ("s3:ObjectCreated:Put", CREATED),
            ("ObjectRemoved:Delete", REMOVED),
            ("ObjectRemoved:DeleteMarkerCreated", REMOVED),
            ("s3:ObjectRemoved:DeleteObjects", REMOVED),
            ("LifecycleExpiration:Delete", None),
            ("LifecycleExpiration:DeleteMarkerCreated", None),
            ("ObjectTagging:Put", None),
            ("ObjectRestore:Completed", None),
            ("ReducedRedundancyLostObject", None),
        ],
    )
    def test_names(self, name, kind):
        (change,) = changes(message(record(name)))
        assert (change.kind, change.bucket, change.key) == (kind, "land", "landing/demo/a.gct")
        assert change.expired == name.startswith("LifecycleExpiration")

    @given(st.text(min_size=1))
    def test_keys(self, key):
        key = key.encode(errors="replace").decode()
        (change,) = changes(message(record(key=key)))
        assert change.key == key

    def test_slashes_may_be_encoded_too(self):
        body = message(record()).replace("landing/demo/a.gct", "in%2Fa+b%2Bc+%C3%A9.gct")
        assert changes(body)[0].key == "in/a b+c é.gct"

    def test_several_records(self):
        found = changes(message(record(key="a"), record("ObjectRemoved:Delete", key="b")))
        assert [(c.kind, c.key) for c in found] == [(CREATED, "a"), (REMOVED, "b")]

    @pytest.mark.parametrize("service", ["Amazon S3", "S3"])
    def test_the_test_of_a_new_notification(self, service):
        test = {"Service": service, "Event": "s3:TestEvent", "Bucket": "land", "Time": "now"}
        assert changes(json.dumps(test)) == []


class TestWrapped:
    def test_by_sns(self):
        body = {"Type": "Notification", "TopicArn": "arn:x", "Message": message(record())}
        assert changes(json.dumps(body)) == changes(message(record()))

    def test_by_eventbridge(self):
        (change,) = changes(json.dumps(bridge()))
        assert (change.kind, change.bucket) == (CREATED, "land")
        assert change.key == "landing/demo/a b+c.gct"  # plain, not encoded
        assert change.at == datetime(2026, 11, 12, tzinfo=UTC)
        assert change.sequencer == 0x617F08299329D189

    def test_by_eventbridge_and_sns(self):
        told = json.dumps(bridge())
        body = {"Type": "Notification", "TopicArn": "arn:x", "Message": told}
        assert changes(json.dumps(body)) == changes(told)

    @pytest.mark.parametrize(
        ("what", "reason", "kind"),
        [
            ("Object Created", "CompleteMultipartUpload", CREATED),
            ("Object Deleted", "DeleteObject", REMOVED),
            ("Object Deleted", "Lifecycle Expiration", None),
            ("Object Tags Added", None, None),
            ("Object Storage Class Changed", None, None),
        ],
    )
    def test_what_eventbridge_calls_it(self, what, reason, kind):
        (change,) = changes(json.dumps(bridge(what, reason=reason)))
        assert change.kind == kind
        assert change.expired == (reason == "Lifecycle Expiration")


class TestOrder:
    def follows(self, one: dict, other: dict) -> bool:
        (a,), (b,) = changes(message(record(**one))), changes(message(record(**other)))
        assert a.follows(b) != b.follows(a)
        return a.follows(b)

    def test_sequencers_of_different_lengths_are_numbers(self):
        assert self.follows({"sequencer": "100"}, {"sequencer": "2B"})
        assert self.follows({"sequencer": "0055AED6DCD90281E6"}, {"sequencer": "55AED6DCD90281E5"})

    def test_the_sequencer_comes_before_the_time(self):
        early = {"sequencer": "2", "eventTime": "2026-01-01T00:00:00Z"}
        assert self.follows(early, {"sequencer": "1"})

    @pytest.mark.parametrize("sequencer", [{}, {"sequencer": "?"}, {"sequencer": None}])
    def test_else_the_time_in_any_zone(self, sequencer):
        late = {"eventTime": "2026-11-22T12:00:00+01:00"}
        assert self.follows(late, {**sequencer, "eventTime": "2026-11-22T10:59:59.999Z"})

    def test_a_time_that_cannot_be_read_is_early(self):
        assert self.follows({}, {"eventTime": 1763800000.5})


class TestNotS3:
    @pytest.mark.parametrize(
        "body",
        [
            "",
            "hello",
            "[]",
            "null",
            "7",
            "{}",
            '{"Records": []}',
            '{"Records": [{}]}',
            '{"Records": "x"}',
            '{"Records": [{"eventName": "ObjectCreated:Put", "s3": {"bucket": {}}}]}',
            '{"Type": "Notification", "TopicArn": "arn:x", "Message": "hello"}',
            '{"Type": "SubscriptionConfirmation", "TopicArn": "arn:x"}',
            '{"source": "aws.s3", "detail": {}}',
            '{"source": "aws.ec2", "detail-type": "x", "detail": {}}',
            message(record()).replace("landing", "%FF%FE"),
        ],
    )
    def test_other_messages(self, body):
        with pytest.raises(NotS3):
            changes(body)
