"""The DynamoDB ledger on a real DynamoDB: the contract, its model, races, kills and errors."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import count, pairwise
from pathlib import Path
from threading import Thread
from time import monotonic, sleep
from uuid import uuid4

import pytest
from hypothesis.stateful import run_state_machine_as_test

from polly_resources.errors import Misconfigured, Unavailable
from polly_resources.jobs import dynamodb_moves, dynamodb_sheet, dynamodb_table
from polly_resources.jobs.base import JobLedger
from polly_resources.jobs.dynamodb import DynamoLedger
from polly_resources.records import Failure, JobAction, JobFilter, JobOutcome, JobStatus, Notice
from tests.contracts.jobs import JobLedgerContract, request
from tests.contracts.jobs_model import ledger_machine
from tests.servers.base import AWS, HOST
from tests.servers.dynamodb import DynamoDB
from tests.servers.faulty import Faulty
from tests.servers.pool import Pool

S = JobStatus

pytestmark = pytest.mark.servers


def table_of(folder: Path) -> str:
    return f"jobs-{sha256(str(folder).encode()).hexdigest()[:20]}"


@pytest.fixture
def server(servers: Pool) -> DynamoDB:
    return servers.get(DynamoDB)


class TestDynamoLedger(JobLedgerContract):
    TESTED = ("`dynamodb://`", "DynamoDB Local 3.1.0")

    BACKEND = "DynamoDB"

    @pytest.fixture(autouse=True)
    def _server(self, server: DynamoDB) -> None:
        self.server = server

    def open_ledger(self, folder: Path, clock: Callable[[], datetime]) -> JobLedger:
        return DynamoLedger(self.address(folder), clock=clock)

    def address(self, folder: Path) -> str:
        return self.server.address(table_of(folder))


def test_the_model_agrees(server):
    machine = ledger_machine(
        lambda folder, clock: DynamoLedger(server.address(table_of(folder)), clock=clock)
    )
    run_state_machine_as_test(machine, settings=machine.TestCase.settings)


# Many at once


@pytest.fixture
def address(server: DynamoDB) -> str:
    return server.address(f"jobs-{uuid4().hex}")


def test_nothing_is_made_before_first_use(server, address):
    ledger = DynamoLedger(address)
    name = address.removeprefix("dynamodb://").partition("?")[0]
    tables = lambda: server.client().list_tables(ExclusiveStartTableName=name[:-1])["TableNames"]  # noqa: E731
    assert name not in tables()
    assert ledger.find(JobFilter()) == []
    assert name in tables()


def test_many_threads_may_open_a_new_ledger_at_once(address):
    ledgers = [DynamoLedger(address) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: ledgers[i].submit([request(f"s{i}")]), range(8)))
    assert len(ledgers[0].find(JobFilter())) == 8


def test_one_request_from_many_submitters_is_one_job(address):
    ledgers = [DynamoLedger(address) for _ in range(8)]
    ledgers[0].find(JobFilter())
    asked = [request(f"s{i}") for i in range(5)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda ledger: ledger.submit(asked), ledgers))
    assert len(ledgers[0].find(JobFilter())) == 5
    assert all(answer == answers[0] for answer in answers)


def test_sources_have_one_running_job_whoever_claims_requeues_and_ends(address):
    ledger = DynamoLedger(address)
    actions = (JobAction.INGEST, JobAction.RECURATE, JobAction.REINDEX)
    ledger.submit([request(f"s{i}", action=action) for i in range(4) for action in actions])

    spans: list[tuple[str, float, float]] = []

    def work(number: int) -> list[str]:
        mine, ended = DynamoLedger(address), []
        for step in count():
            if not mine.find(JobFilter(statuses=[S.QUEUED, S.RUNNING])):
                return ended
            batch = f"b{number}-{step}"
            jobs = mine.claim(batch, "w", lease_seconds=60, max_jobs=2)
            claimed_at = monotonic()
            sleep(0.02)
            spans.extend((job.source, claimed_at, monotonic()) for job in jobs)
            if number == step == 0:
                mine.requeue(batch_id=batch)
            mine.finish(batch, [JobOutcome(j.job_id, j.dataset_id, S.SUCCEEDED) for j in jobs])
            ended += [job.job_id for job in jobs if number or step]
        return ended

    with ThreadPoolExecutor(4) as pool:
        ended = [job_id for ids in pool.map(work, range(4)) for job_id in ids]
    jobs = ledger.find(JobFilter())
    assert {job.status for job in jobs} == {S.SUCCEEDED}
    assert sorted(ended) == sorted(job.job_id for job in jobs)
    for one, other in pairwise(sorted(spans)):
        assert one[0] != other[0] or one[2] <= other[1], "two jobs of a source ran at once"


def test_a_killed_server_has_lost_nothing_that_it_acknowledged(servers):
    server = servers.new(DynamoDB)
    server.start()
    try:
        ledger = DynamoLedger(server.address("polly-jobs"))

        def survive() -> None:
            before = ledger.find(JobFilter())
            server.kill()
            server.start()
            assert ledger.find(JobFilter()) == before

        ledger.submit([request(f"s{i}") for i in range(60)])
        jobs = ledger.claim("b", "w", lease_seconds=60, max_jobs=30)
        survive()
        ledger.finish("b", [JobOutcome(j.job_id, j.dataset_id, S.SUCCEEDED) for j in jobs[:20]])
        assert len(ledger.requeue(batch_id="b")) == 10
        survive()
    finally:
        server.stop()


# What an item has room for


def test_long_texts_are_cut_and_say_so(address):
    ledger = DynamoLedger(address)
    ledger.submit([request(f"s{i}") for i in range(25)])
    jobs = ledger.claim("b", "w", lease_seconds=60)
    error = Failure("bad", "é" * 50_000, place="p" * 2_000, hint="😀" * 3_000)
    warnings = tuple([Notice("odd", "w" * 90, f"line {n}") for n in range(5_000)])
    ledger.finish(
        "b",
        [
            JobOutcome(j.job_id, j.dataset_id, S.ERRORED, warnings=warnings, error=error)
            for j in jobs
        ],
    )
    for job in ledger.find(JobFilter()):
        assert job.error.message == "é" * 2_000 + " ... (48000 characters cut)"
        assert (job.error.code, job.error.place) == ("bad", error.place)
        *kept, last = job.warnings
        assert tuple(kept) == warnings[: len(kept)]
        assert last.message == f"{5_000 - len(kept)} further warnings are not kept here"


@pytest.mark.parametrize(("most", "again"), [(60, S.UNCHANGED), (59, S.QUEUED)])
def test_a_file_of_very_many_datasets(address, monkeypatch, most, again):
    monkeypatch.setattr(dynamodb_moves, "MOST_DATASETS", most)
    ledger = DynamoLedger(address)
    ledger.submit([request()])
    [job] = ledger.claim("b", "w", lease_seconds=60)
    outcomes = [JobOutcome(job.job_id, f"a_{n}", S.SUCCEEDED) for n in range(60)]
    for _ in range(2):
        ledger.finish("b", outcomes)
    found = ledger.find(JobFilter())
    assert [j.dataset_id for j in reversed(found)] == [o.dataset_id for o in outcomes]
    assert ledger.find(JobFilter(latest_per_source=True)) == found[:1]
    assert ledger.submit([request()])[0].status == again


def test_odd_names_and_numbers_are_kept(address):
    ledger = DynamoLedger(address)
    odd = request(
        "x" * 3_000 + " é\n#%😀", "", atlas="", dataset_id="", etag="", size=2**62, shard=255
    )
    [job] = ledger.submit([odd])
    assert ledger.find(JobFilter(sources=[odd.source])) == [job]
    assert ledger.find(JobFilter(dataset_ids=[""])) == [job]
    assert ledger.find(JobFilter(job_ids=["", "no-id", "x" * 5_000])) == []
    ledger.claim("", "", lease_seconds=1e6)
    ledger.finish("", [JobOutcome(job.job_id, "d", S.SUCCEEDED, samples=0, seconds=1e-9)])
    [done] = ledger.find(JobFilter(batch_id=""))
    assert (done.size, done.samples, done.seconds) == (2**62, 0, 1e-9)


# Errors


def said(code: str) -> bytes:
    return json.dumps({"__type": f"com.amazonaws.dynamodb.v20120810#{code}"}).encode()


def through(server: DynamoDB, proxy: Faulty) -> DynamoLedger:
    table = f"jobs-{uuid4().hex}"
    ledger = DynamoLedger(server.address(table).replace(str(server.port), str(proxy.port)))
    ledger.submit([request()])
    return ledger


@pytest.fixture
def proxy(server: DynamoDB) -> Iterator[Faulty]:
    with Faulty(HOST, server.port) as proxy:
        yield proxy


@pytest.mark.parametrize("mode", ["refuse", "stall"])
def test_a_server_that_is_away_or_silent_is_unavailable(server, proxy, monkeypatch, mode):
    monkeypatch.setattr(dynamodb_table, "_READ_SECONDS", 0.5)
    ledger = through(server, proxy)
    proxy.mode = mode
    with pytest.raises(Unavailable) as caught:
        ledger.claim("b", "w", lease_seconds=60)
    assert caught.value.code == "ledger_unavailable"
    proxy.mode = "pass"
    assert len(ledger.claim("b", "w", lease_seconds=60)) == 1


@pytest.mark.parametrize(
    ("word", "kind", "code"),
    [
        ("ProvisionedThroughputExceededException", Unavailable, "ledger_unavailable"),
        ("AccessDeniedException", Misconfigured, "ledger_refused"),
        ("UnrecognizedClientException", Misconfigured, "ledger_refused"),
        ("ResourceNotFoundException", Misconfigured, "ledger_missing"),
    ],
)
def test_what_the_server_refuses(server, proxy, word, kind, code):
    ledger = through(server, proxy)
    proxy.answer = (400, {"Content-Type": "application/x-amz-json-1.0"}, said(word))
    for call in (
        lambda: ledger.submit([request("b")]),
        lambda: ledger.find(JobFilter()),
    ):
        with pytest.raises(kind) as caught:
            call()
        assert caught.value.code == code
        assert AWS["AWS_SECRET_ACCESS_KEY"] not in str(caught.value)


@pytest.mark.parametrize("reason", ["TransactionConflict", "ThrottlingError"])
def test_a_transaction_in_conflict_is_tried_again(server, proxy, monkeypatch, reason):
    monkeypatch.setattr(dynamodb_sheet, "BUSY_SECONDS", 0.5)
    ledger = through(server, proxy)
    body = {
        **json.loads(said("TransactionCanceledException")),
        "CancellationReasons": [{"Code": reason}],
    }
    proxy.answer = (400, {}, json.dumps(body).encode())
    with pytest.raises(Unavailable) as caught:
        ledger.submit([request("b")])
    assert caught.value.code == "ledger_busy"
    assert proxy.answered > 1


def test_a_table_that_is_missing_and_may_not_be_made_is_told(monkeypatch):
    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            operation = self.headers["X-Amz-Target"].partition(".")[2]
            refused = operation == "CreateTable"
            body = said("AccessDeniedException" if refused else "ResourceNotFoundException")
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(400)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    for name, value in AWS.items():
        monkeypatch.setenv(name, value)
    with HTTPServer((HOST, 0), Answers) as server:
        thread = Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        ledger = DynamoLedger(f"dynamodb://polly-jobs?endpoint=http://{HOST}:{server.server_port}")
        with pytest.raises(Misconfigured, match="polly-jobs does not exist") as caught:
            ledger.find(JobFilter())
        server.shutdown()
        thread.join()
    assert caught.value.code == "ledger_missing"
    assert "dynamodb:CreateTable" in caught.value.hint


def test_a_table_of_somebody_else_is_no_ledger(server, address):
    name = address.removeprefix("dynamodb://").partition("?")[0]
    other = dynamodb_table.definition(name)
    del other["GlobalSecondaryIndexes"]
    other["AttributeDefinitions"] = [
        a for a in other["AttributeDefinitions"] if a["AttributeName"] in ("pk", "sk")
    ]
    server.client().create_table(**other)
    with pytest.raises(Misconfigured) as caught:
        DynamoLedger(address).find(JobFilter())
    assert caught.value.code == "ledger_unreadable"
    assert name in caught.value.message


def test_missing_credentials_are_told(address, monkeypatch, tmp_path):
    for name in AWS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    with pytest.raises(Misconfigured) as caught:
        DynamoLedger(address).find(JobFilter())
    assert caught.value.code == "no_credentials"
