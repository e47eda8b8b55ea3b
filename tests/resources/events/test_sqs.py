"""Events of real S3 servers through a real queue, and the errors of queues."""

from __future__ import annotations

import json
import logging
import time
import uuid
from collections.abc import Callable, Iterator

import boto3
import pytest

from polly_resources.errors import Misconfigured, Unavailable
from polly_resources.events import sqs
from polly_resources.events.base import EventKind, ObjectEvent
from polly_resources.events.sqs import SqsEvents
from tests.contracts.events import ODD_KEYS, EventSourceContract, wait_for
from tests.resources.events.test_s3_messages import message, record
from tests.servers.base import wait_until
from tests.servers.bridge import Bridge
from tests.servers.elasticmq import ElasticMQ
from tests.servers.faulty import Faulty
from tests.servers.moto import Moto
from tests.servers.s3 import S3Server
from tests.servers.versitygw import VersityGW

pytestmark = pytest.mark.servers

CREATED, REMOVED = EventKind.CREATED, EventKind.REMOVED
NAMES = {CREATED: "ObjectCreated:Put", REMOVED: "ObjectRemoved:Delete"}


@pytest.fixture(scope="module")
def elasticmq(servers) -> ElasticMQ:
    return servers.get(ElasticMQ)


@pytest.fixture
def queue(elasticmq) -> str:
    """The name of a new queue whose messages come again after a second."""
    name = f"q-{uuid.uuid4().hex}"
    elasticmq.make_queue(name, visibility_seconds=1)
    return name


@pytest.fixture
def source(elasticmq, queue) -> SqsEvents:
    return SqsEvents(f"sqs://{queue}?endpoint={elasticmq.endpoint}")


@pytest.fixture
def send(elasticmq, queue) -> Callable[[str], None]:
    client, url = elasticmq.client(), f"{elasticmq.endpoint}/000000000000/{queue}"
    return lambda body: client.send_message(QueueUrl=url, MessageBody=body)


class TestContract(EventSourceContract):
    TESTED = ("`sqs://`", "ElasticMQ 1.7.1")

    again_seconds = 1.3

    @pytest.fixture
    def source(self, elasticmq, queue):
        return SqsEvents(f"sqs://{queue}?endpoint={elasticmq.endpoint}")

    @pytest.fixture
    def happens(self, send):
        count = iter(range(1, 1000))

        def happens(kind, key):
            send(message(record(NAMES[kind], key, sequencer=f"{next(count):X}")))

        return happens


class TestMessages:
    def test_the_newest_counts_whatever_came_first(self, source, send):
        send(message(record(NAMES[REMOVED], sequencer="B1")))
        send(message(record(sequencer="A1")))
        assert wait_for(source, 1) == [ObjectEvent(REMOVED, "landing/demo/a.gct")]

    def test_what_is_nothing_to_us_is_dropped(self, source, send, elasticmq, queue, caplog):
        send(json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "land"}))
        send(message(record("LifecycleExpiration:Delete"), record("ObjectTagging:Put")))
        send(message(record(key="landing/demo/")))
        assert source.receive() == []
        assert waiting(elasticmq, queue) == 0
        assert "expired by a lifecycle rule" in caplog.text

    def test_one_message_of_several_keys(self, source, send, elasticmq, queue):
        send(message(record(key="a"), record(key="b"), record("ObjectAcl:Put", key="c")))
        a, b = wait_for(source, 2)
        source.settle([a])
        assert waiting(elasticmq, queue) == 1  # or b would be lost
        time.sleep(1.3)
        both = wait_for(source, 2)
        assert both == [a, b]
        source.settle(both)
        assert waiting(elasticmq, queue) == 0

    def test_other_messages_go_to_the_dead_letters_and_block_nothing(self, elasticmq, caplog):
        name = f"q-{uuid.uuid4().hex}"
        url = elasticmq.make_queue(name, visibility_seconds=1, receives=2)
        source = SqsEvents(f"sqs://{name}?endpoint={elasticmq.endpoint}")
        for body in ("hello", message(record()), '{"Records": [{}]}'):
            elasticmq.client().send_message(QueueUrl=url, MessageBody=body)
        with caplog.at_level(logging.WARNING):
            (event,) = wait_for(source, 1)
            source.settle([event])
            dead = SqsEvents(f"sqs://{name}-dead?endpoint={elasticmq.endpoint}")

            def arrived():
                time.sleep(1.1)
                source.receive()
                return waiting(elasticmq, f"{name}-dead") == 2

            wait_until(arrived, 15)
        assert caplog.text.count("left in queue") == 2  # once each
        assert waiting(elasticmq, name) == 0 and dead.receive() == []

    def test_another_bucket_or_prefix_is_left(self, elasticmq, queue, send):
        at = f"sqs://{queue}?endpoint={elasticmq.endpoint}&bucket=land&prefix=lab/"
        source = SqsEvents(at)
        send(message(record(key="lab/landing/demo/a.gct")))
        send(message(record(key="labor/landing/demo/a.gct")))
        send(message(record(key="lab/landing/demo/b.gct", bucket="other")))
        (event,) = wait_for(source, 1)
        assert event.key == "landing/demo/a.gct"
        source.settle([event])
        assert waiting(elasticmq, queue) == 2

    def test_a_message_that_came_again_is_settled_by_its_new_receipt(self, source, send):
        send(message(record()))
        (old,) = wait_for(source, 1)
        time.sleep(1.3)
        (new,) = wait_for(source, 1)
        source.settle([old])  # refused by the queue, which is no error
        source.settle([new])
        time.sleep(1.3)
        assert source.receive() == []


def waiting(elasticmq: ElasticMQ, name: str) -> int:
    """Messages of a queue, those that are out with a receiver included."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    url = f"{elasticmq.endpoint}/000000000000/{name}"
    told = elasticmq.client().get_queue_attributes(QueueUrl=url, AttributeNames=names)
    return sum(int(number) for number in told["Attributes"].values())


class Told:
    """A bucket whose server tells a queue of its changes; and the source that hears them."""

    def __init__(self, server: S3Server, bucket: str, source: SqsEvents) -> None:
        self.client, self.bucket, self.source = server.client(), bucket, source

    def put(self, key: str, body: bytes = b"x") -> None:
        self.client.put_object(Bucket=self.bucket, Key=key, Body=body)

    def next(self, kind: EventKind, *keys: str) -> None:
        """Wait for these events and no others, and settle them."""
        events = wait_for(self.source, len(keys))
        assert events == [ObjectEvent(kind, key) for key in sorted(keys)]
        self.source.settle(events)


@pytest.fixture(scope="module")
def moto(servers, elasticmq) -> Iterator[Moto]:
    server = servers.new(Moto)
    server.queue_endpoint = elasticmq.endpoint
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def versitygw(servers, elasticmq) -> Iterator[tuple[VersityGW, str]]:
    """A gateway and the queue that all its buckets are told to."""
    queue = f"q-{uuid.uuid4().hex}"
    elasticmq.make_queue(queue, visibility_seconds=5)
    server = servers.new(VersityGW)
    bridge = Bridge(server.data.parent, elasticmq.endpoint, queue)
    server.webhook = bridge.url
    bridge.start()
    server.start()
    yield server, queue
    server.stop()
    bridge.stop()


@pytest.fixture(params=["moto", "versitygw"])
def told(request, elasticmq, queue) -> Told:
    bucket = f"b-{uuid.uuid4().hex}"
    if request.param == "moto":
        server = request.getfixturevalue("moto")
        server.make_bucket(bucket)
        server.notify(bucket, queue, prefix="lab/")
    else:
        server, queue = request.getfixturevalue("versitygw")
        server.make_bucket(bucket)
    at = f"sqs://{queue}?endpoint={elasticmq.endpoint}&bucket={bucket}&prefix=lab"
    return Told(server, bucket, SqsEvents(at))


class TestRealServers:
    def test_created_updated_removed(self, told):
        for body in (b"one", b"two"):
            told.put("lab/landing/demo/a.gct", body)
            told.next(CREATED, "landing/demo/a.gct")
        told.client.delete_object(Bucket=told.bucket, Key="lab/landing/demo/a.gct")
        told.next(REMOVED, "landing/demo/a.gct")

    def test_odd_keys(self, told):
        for key in ODD_KEYS:
            told.put(f"lab/{key}")
        told.next(CREATED, *ODD_KEYS)
        doomed = [{"Key": f"lab/{key}"} for key in ODD_KEYS]
        told.client.delete_objects(Bucket=told.bucket, Delete={"Objects": doomed})
        told.next(REMOVED, *ODD_KEYS)

    def test_copies_and_uploads_in_parts(self, told):
        where = {"Bucket": told.bucket, "Key": "lab/landing/demo/b c.gct"}
        told.put("lab/landing/demo/a.gct")
        told.client.copy_object(
            **where, CopySource={"Bucket": told.bucket, "Key": "lab/landing/demo/a.gct"}
        )
        told.next(CREATED, "landing/demo/a.gct", "landing/demo/b c.gct")
        where["Key"] = "lab/landing/demo/parts.h5ad"
        upload = told.client.create_multipart_upload(**where)["UploadId"]
        part = told.client.upload_part(**where, UploadId=upload, PartNumber=1, Body=b"x")
        parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
        told.client.complete_multipart_upload(**where, UploadId=upload, MultipartUpload=parts)
        told.next(CREATED, "landing/demo/parts.h5ad")


class TestWrapped:
    """S3's events through SNS and EventBridge, as moto sends them to its own queues."""

    KEY = "landing/demo/a b+c%é.gct"

    @pytest.fixture
    def plain(self, servers) -> Iterator[Moto]:
        server = servers.new(Moto)
        server.start()
        yield server
        server.stop()

    def client(self, plain, service):
        return boto3.client(service, endpoint_url=plain.endpoint, region_name="us-east-1")

    def queue(self, plain) -> tuple[str, SqsEvents]:
        client = self.client(plain, "sqs")
        url = client.create_queue(QueueName="told")["QueueUrl"]
        names = client.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        plain.make_bucket("land")
        source = SqsEvents(f"sqs://told?endpoint={plain.endpoint}&bucket=land")
        return names["Attributes"]["QueueArn"], source

    def change(self, plain, source, told) -> None:
        plain.client().put_bucket_notification_configuration(
            Bucket="land", NotificationConfiguration=told
        )
        one = Told(plain, "land", source)
        one.put(self.KEY)
        one.next(CREATED, self.KEY)
        one.client.delete_object(Bucket="land", Key=self.KEY)
        one.next(REMOVED, self.KEY)
        assert source.receive() == []

    def test_by_sns(self, plain):
        arn, source = self.queue(plain)
        sns = self.client(plain, "sns")
        topic = sns.create_topic(Name="topic")["TopicArn"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        events = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]
        self.change(plain, source, {"TopicConfigurations": [{"TopicArn": topic, "Events": events}]})

    def test_by_eventbridge(self, plain):
        arn, source = self.queue(plain)
        rules = self.client(plain, "events")
        rules.put_rule(Name="rule", EventPattern='{"source": ["aws.s3"]}')
        rules.put_targets(Rule="rule", Targets=[{"Id": "1", "Arn": arn}])
        self.change(plain, source, {"EventBridgeConfiguration": {}})


class TestErrors:
    @pytest.mark.parametrize(
        "address",
        ["sqs://", "sqs://a,b", "sqs://queue:1", "sqs://queue/path", "sqs://queue?what=1"],
    )
    def test_bad_addresses(self, address):
        with pytest.raises(Misconfigured) as caught:
            SqsEvents(address)
        assert caught.value.code == "bad_address" and "sqs://" in caught.value.hint

    def test_no_queue(self, elasticmq):
        source = SqsEvents(f"sqs://nowhere?endpoint={elasticmq.endpoint}&region=eu-west-1")
        with pytest.raises(Misconfigured) as caught:
            source.receive()
        assert caught.value.code == "no_queue"
        command = f"create-queue --queue-name nowhere --endpoint-url {elasticmq.endpoint}"
        assert f"{command} --region eu-west-1" in caught.value.hint

    def test_a_queue_that_goes_and_comes_back(self, elasticmq, queue, source, send):
        assert source.receive() == []
        elasticmq.client().delete_queue(QueueUrl=f"{elasticmq.endpoint}/000000000000/{queue}")
        with pytest.raises(Misconfigured) as caught:
            source.receive()
        assert caught.value.code == "no_queue"
        elasticmq.make_queue(queue)
        send(message(record()))
        assert len(wait_for(source, 1)) == 1

    def test_away_silent_full_and_refusing(self, elasticmq, queue, send, monkeypatch):
        monkeypatch.setattr(sqs, "READ_SECONDS", 0.3)
        with Faulty("127.0.0.1", elasticmq.port) as proxy:
            source = SqsEvents(f"sqs://{queue}?endpoint=http://127.0.0.1:{proxy.port}")
            send(message(record()))
            (event,) = wait_for(source, 1)
            assert proxy.passed
            for mode in ("refuse", "stall"):
                proxy.mode = mode
                for call in (source.receive, lambda: source.settle([event])):
                    with pytest.raises(Unavailable) as caught:
                        call()
                    assert caught.value.code == "events_unavailable"
            proxy.mode = "pass"
            for status, code in [
                (503, "events_unavailable"),
                (429, "events_unavailable"),
                (403, "events_refused"),
            ]:
                told = {503: "ServiceUnavailable", 429: "RequestThrottled", 403: "AccessDenied"}
                body = json.dumps({"__type": f"com.amazonaws.sqs#{told[status]}", "message": "no"})
                kind = {"Content-Type": "application/x-amz-json-1.0"}
                proxy.answer = (status, kind, body.encode())
                with pytest.raises((Unavailable, Misconfigured)) as caught:
                    source.receive()
                assert caught.value.code == code
            proxy.answer = None
            time.sleep(1.3)
            (again,) = wait_for(source, 1)
            source.settle([again])

    def test_deletions_that_fail_are_repeated(self, elasticmq, queue, send, monkeypatch):
        with Faulty("127.0.0.1", elasticmq.port) as proxy:
            source = SqsEvents(f"sqs://{queue}?endpoint=http://127.0.0.1:{proxy.port}")
            send(message(record()))
            (event,) = wait_for(source, 1)
            failed = {"Id": "0", "SenderFault": False, "Code": "InternalError", "Message": ""}
            body = json.dumps({"Successful": [], "Failed": [failed]}).encode()
            proxy.answer = (200, {"Content-Type": "application/x-amz-json-1.0"}, body)
            with pytest.raises(Unavailable) as caught:
                source.settle([event])
            assert caught.value.code == "events_unsettled"
            assert proxy.answered == sqs.DELETE_ROUNDS

    def test_credentials_come_from_the_chain(self, elasticmq, queue, monkeypatch, tmp_path):
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(name)
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
        source = SqsEvents(f"sqs://{queue}?endpoint={elasticmq.endpoint}")
        with pytest.raises(Misconfigured) as caught:
            source.receive()
        assert caught.value.code == "no_credentials"

    def test_acknowledged_messages_survive_a_crash(self, servers):
        server = servers.new(ElasticMQ)
        server.start()
        try:
            url = server.make_queue("durable")
            for n in range(20):
                body = message(record(key=f"landing/demo/{n}.gct"))
                server.client().send_message(QueueUrl=url, MessageBody=body)
            server.kill()
            server.start()
            source = SqsEvents(f"sqs://durable?endpoint={server.endpoint}")
            assert len(wait_for(source, 20)) == 20
        finally:
            server.stop()
