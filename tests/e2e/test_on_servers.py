"""The profile `servers` on real servers: the walk, and what kills leave."""

from __future__ import annotations

import pytest

from polly_api.open import open_door
from tests.assets.instance import small_settings
from tests.e2e.faults import survive
from tests.e2e.stacks import pointed
from tests.e2e.walk import Walk

pytestmark = pytest.mark.servers


class TestWalk(Walk):
    @pytest.fixture(scope="class")
    @classmethod
    def door(cls, stacks, tmp_path_factory):
        for variables in pointed(stacks.get("servers")):
            yield open_door(small_settings(tmp_path_factory.mktemp("walk") / "home", variables))


def test_every_dataset_ends_in_its_last_state_exactly_once(stacks, tmp_path):
    stack = stacks.get("servers")
    for variables in pointed(stack):
        survive(stack, variables, tmp_path)
