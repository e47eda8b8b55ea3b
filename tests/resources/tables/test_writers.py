"""Many writers of one table at once, as processes: what they were told is stored, is stored.

The same on a server that ignores conditional puts must show loss, or it would show it nowhere.
"""

from __future__ import annotations

import multiprocessing
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import pytest

from polly_api import doctor
from polly_resources.backends import Backends
from polly_resources.errors import Misconfigured, PollyError
from polly_resources.settings import load
from polly_resources.tables.delta import DeltaStore
from tests.contracts.tables import SPEC, rows
from tests.resources.tables.buckets import address_on
from tests.servers.pool import Pool
from tests.servers.s3rver import S3rver
from tests.servers.seaweedfs import SeaweedFS
from tests.servers.versitygw import VersityGW

pytestmark = pytest.mark.servers

WRITERS, APPENDS = 8, 10
TABLE = "a/things"

_together: list[Barrier] = []


def _wait_for_all(barrier: Barrier) -> None:
    _together.append(barrier)


def _store(address: str, unchecked: bool) -> DeltaStore:
    store = DeltaStore(address)
    if unchecked:
        store._place._admitted = True  # type: ignore[attr-defined]
    return store


def _write(address: str, unchecked: bool, writer: int) -> tuple[list[str], list[str]]:
    """The ids that the store said it holds, and what it refused."""
    store = _store(address, unchecked)
    told, refused = [f"key{writer}"], []
    _together[0].wait(60)
    for turn in range(APPENDS):
        try:
            store.write(TABLE, SPEC, rows(f"new{writer}.{turn}"))
            told.append(f"new{writer}.{turn}")
            if turn % 2:
                one = rows(f"key{writer}", value=float(turn))
                store.write(TABLE, SPEC, one, replace=[f"key{writer}"])
        except PollyError as error:
            refused.append(str(error))
    return told, refused


def _race(address: str, unchecked: bool = False) -> tuple[Counter[str], list[str]]:
    """What the writers were told is stored, and what they were refused, when all are done."""
    store = _store(address, unchecked)
    store.write(TABLE, SPEC, rows(*(f"key{writer}" for writer in range(WRITERS))))
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(WRITERS)
    told: list[str] = []
    refused: list[str] = []
    with ProcessPoolExecutor(WRITERS, context, _wait_for_all, (barrier,)) as pool:
        each = [pool.submit(_write, address, unchecked, writer) for writer in range(WRITERS)]
        for one in each:
            told += one.result()[0]
            refused += one.result()[1]
    return Counter(told), refused


@pytest.mark.parametrize("kind", [SeaweedFS, VersityGW])
def test_writers_lose_and_double_nothing(servers: Pool, kind: Any) -> None:
    address = address_on(servers.get(kind))
    told, refused = _race(address)
    assert not refused
    assert sum(told.values()) == WRITERS * (1 + APPENDS)
    found = DeltaStore(address).read(TABLE).to_pylist()
    assert Counter(row["dataset_id"] for row in found) == told
    replaced = {row["value"] for row in found if row["dataset_id"].startswith("key")}
    assert replaced == {float(APPENDS - 1)}


def test_writers_lose_where_puts_are_unconditional(servers: Pool) -> None:
    address = address_on(servers.get(S3rver))
    told, _ = _race(address, unchecked=True)
    try:
        found = Counter(DeltaStore(address).read(TABLE)["dataset_id"].to_pylist())
    except PollyError:
        return  # two commits in one object: nothing of the table can be read any more
    assert found != told


def test_writers_are_refused_where_puts_are_unconditional(servers: Pool) -> None:
    store = DeltaStore(address_on(servers.get(S3rver)))
    for change in (
        lambda: store.write(TABLE, SPEC, rows("d1")),
        lambda: store.delete(TABLE, SPEC, []),
        lambda: store.maintain(TABLE),
    ):
        with pytest.raises(Misconfigured) as caught:
            change()
        assert caught.value.code == "no_conditional_put"
    assert store.version(TABLE) is None


def test_the_doctor_calls_such_a_store_broken(servers: Pool, tmp_path: Path) -> None:
    for kind, state in ((S3rver, "broken"), (VersityGW, "ok")):
        environ = {"POLLY_TABLES": address_on(servers.get(kind))}
        settings = load(home=tmp_path, environ=environ)
        found = doctor._probe(settings, Backends(settings), "tables")
        assert found.state == state, found
        assert (state == "ok") or "conditional" in found.hint
