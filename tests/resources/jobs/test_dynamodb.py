"""The DynamoDB ledger on a real DynamoDB: the contract, its model, races, kills and errors."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis.stateful import run_state_machine_as_test

from polly_resources.jobs.base import JobLedger
from polly_resources.jobs.dynamodb import DynamoLedger
from tests.contracts.jobs import JobLedgerContract
from tests.contracts.jobs_model import ledger_machine
from tests.servers.dynamodb import DynamoDB
from tests.servers.pool import Pool

pytestmark = pytest.mark.servers


def table_of(folder: Path) -> str:
    return f"jobs-{sha256(str(folder).encode()).hexdigest()[:20]}"


@pytest.fixture
def server(servers: Pool) -> DynamoDB:
    return servers.get(DynamoDB)


class TestDynamoLedger(JobLedgerContract):
    BACKEND = "DynamoDB"

    @pytest.fixture(autouse=True)
    def _server(self, server: DynamoDB) -> None:
        self.server = server

    def open_ledger(self, folder: Path, clock: Callable[[], datetime]) -> JobLedger:
        return DynamoLedger(self.server.address(table_of(folder)), clock=clock)


def test_the_model_agrees(server):
    machine = ledger_machine(
        lambda folder, clock: DynamoLedger(server.address(table_of(folder)), clock=clock)
    )
    run_state_machine_as_test(machine, settings=machine.TestCase.settings)
