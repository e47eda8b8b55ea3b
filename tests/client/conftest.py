from __future__ import annotations

import pytest

from polly_client.client import Polly
from tests.client.memory_door import MemoryDoor
from tests.client.serving import serving, working


@pytest.fixture
def door() -> MemoryDoor:
    return MemoryDoor()


@pytest.fixture(params=["in process", "http"])
def polly(request, door, tmp_path):
    """The client on the same door, reached both ways."""
    if request.param == "http":
        with serving(door, "clé") as url, working(door), Polly(url, api_key="clé") as polly:
            yield polly
        return
    polly = Polly(home=tmp_path)
    polly.__dict__["door"] = door
    yield polly
