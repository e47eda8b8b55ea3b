"""What is asked of a profile on real servers: the walk, and what kills leave.

One suite for every profile: a subclass names it.
"""

from __future__ import annotations

from typing import ClassVar

import pytest

from polly_api.open import open_door
from tests.assets.instance import small_settings
from tests.e2e.faults import survive
from tests.e2e.stacks import pointed
from tests.e2e.walk import Walk


class OnServers(Walk):
    PROFILE: ClassVar[str]

    @pytest.fixture(scope="class")
    @classmethod
    def door(cls, stacks, tmp_path_factory):
        for variables in pointed(stacks.get(cls.PROFILE)):
            yield open_door(small_settings(tmp_path_factory.mktemp("walk") / "home", variables))

    def test_every_dataset_ends_in_its_last_state_exactly_once(self, stacks, tmp_path):
        stack = stacks.get(self.PROFILE)
        for variables in pointed(stack):
            survive(stack, variables, tmp_path)
