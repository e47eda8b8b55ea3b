"""From a bucket that tells a queue of its objects to datasets: what the sensor does of itself."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace

import dagster as dg
import pytest

from polly_assets import upkeep
from polly_assets.automation import landing_sensor
from polly_resources.backends import Backends
from polly_resources.records import JobFilter, JobStatus
from tests.assets.instance import Instance, gct
from tests.assets.test_automation import resources, tick
from tests.servers.base import wait_until
from tests.servers.elasticmq import ElasticMQ
from tests.servers.faulty import Faulty
from tests.servers.moto import Moto

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def moto(servers) -> Iterator[Moto]:
    server = servers.new(Moto)
    server.queue_endpoint = servers.get(ElasticMQ).endpoint
    server.start()
    yield server
    server.stop()


class Bucket:
    """A bucket with a queue that hears of it, and the instance whose landing area it is."""

    def __init__(self, instance: Instance, moto: Moto, elasticmq: ElasticMQ) -> None:
        self.name = f"b-{uuid.uuid4().hex}"
        self.client, self.queue = moto.client(), f"q-{uuid.uuid4().hex}"
        self.url = elasticmq.make_queue(self.queue, visibility_seconds=1)
        moto.make_bucket(self.name)
        moto.notify(self.name, self.queue, prefix="lab/")
        self.queues = elasticmq.client()
        self.at = f"bucket={self.name}&prefix=lab"
        instance.settings = replace(
            instance.settings,
            objects=f"s3://{self.name}/lab?endpoint={moto.endpoint}",
            events=f"sqs://{self.queue}?endpoint={elasticmq.endpoint}&{self.at}",
        )
        instance.backends = Backends(instance.settings)
        instance.objects = instance.backends.objects

    def put(self, name: str, body: str) -> None:
        self.client.put_object(Bucket=self.name, Key=f"lab/landing/{name}", Body=body.encode())

    def remove(self, *names: str) -> None:
        doomed = [{"Key": f"lab/landing/{name}"} for name in names]
        self.client.delete_objects(Bucket=self.name, Delete={"Objects": doomed})

    def waiting(self) -> int:
        """Messages that nobody has settled."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        told = self.queues.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)
        return sum(int(number) for number in told["Attributes"].values())


@pytest.fixture
def bucket(instance, servers, moto) -> Bucket:
    return Bucket(instance, moto, servers.get(ElasticMQ))


@pytest.fixture
def dagster() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as one:
        yield one


def work(instance: Instance) -> list:
    """Work on what the tick has claimed for its runs; the ended jobs."""
    running = instance.ledger.find(JobFilter(statuses=[JobStatus.RUNNING]))
    for batch_id in sorted({job.batch_id for job in running}):
        one = instance.work(batch_id)
        instance.normalize(one)
        instance.publish(one)
    return instance.ledger.find(JobFilter(job_ids=[job.job_id for job in running]))


def ends(jobs) -> dict[str, str]:
    return {job.dataset_id: job.status.value for job in jobs}


def test_created_updated_described_and_removed(instance, bucket, dagster):
    bucket.put("demo/a b+c%é.gct", gct())
    bucket.put("demo/x.gct", gct([[1]]))
    bucket.put("demo/x.json", '{"title": "one"}')
    (wanted,) = tick(instance, dagster).run_requests
    assert wanted.partition_key == "demo/00" and bucket.waiting() == 0
    assert set(ends(work(instance)).values()) == {"succeeded"}
    assert instance.everywhere() == {"a_b_c_", "x"}
    assert isinstance(tick(instance, dagster), dg.SkipReason)

    bucket.put("demo/x.json", '{"title": "two"}')
    tick(instance, dagster)
    assert ends(work(instance)) == {"x": "succeeded"}
    assert [row["title"] for row in instance.rows("datasets", dataset_id="x")] == ["two"]

    bucket.remove("demo/x.gct", "demo/x.json")
    tick(instance, dagster)
    assert ends(work(instance)) == {"x": "deleted"}
    assert instance.everywhere() == {"a_b_c_"} and bucket.waiting() == 0

    bucket.put("demo/x.gct", gct([[1]]))  # the same content, so the same ETag
    tick(instance, dagster)
    assert ends(work(instance)) == {"x": "succeeded"}


def test_lost_events_are_found_by_reconciliation(instance, bucket, dagster):
    bucket.put("demo/a.gct", gct())
    bucket.put("demo/b.gct", gct([[1]]))
    tick(instance, dagster)
    work(instance)
    bucket.remove("demo/b.gct")
    bucket.put("demo/c.gct", gct([[2]]))
    bucket.queues.purge_queue(QueueUrl=bucket.url)
    assert isinstance(tick(instance, dagster), dg.SkipReason)
    found = []

    def settled() -> bool:
        """Look again until the new object is old enough."""
        found.append(upkeep.reconcile(instance.ledger, instance.objects, instance.tables))
        return sum(done.queued for done in found) > 0

    wait_until(settled)
    assert found[0].removed == 1
    tick(instance, dagster)
    assert ends(work(instance)) == {"b": "deleted", "c": "succeeded"}
    assert instance.everywhere() == {"a", "c"}


def test_a_queue_that_is_away_holds_no_queued_work_up(instance, bucket, dagster, write, servers):
    with Faulty("127.0.0.1", servers.get(ElasticMQ).port) as proxy:
        address = f"sqs://{bucket.queue}?endpoint=http://127.0.0.1:{proxy.port}&{bucket.at}"
        instance.settings = replace(instance.settings, events=address)
        instance.submit(write("a.gct"))
        proxy.mode = "refuse"
        given = resources(instance)
        with dg.build_sensor_context(instance=dagster, resources=given) as context:
            (wanted,) = landing_sensor(context).run_requests
        assert wanted.partition_key == "demo/00"
        bucket.put("demo/b.gct", gct([[1]]))
        proxy.mode = "pass"
        tick(instance, dagster)
        assert ends(work(instance)) == {"a": "succeeded", "b": "succeeded"}
