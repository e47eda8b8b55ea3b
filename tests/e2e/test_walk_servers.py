"""The walk on real servers: the same tests, other addresses."""

from __future__ import annotations

import pytest

from polly_api.base import Door
from polly_api.open import open_door
from tests.assets.instance import small_settings
from tests.e2e.stacks import pointed
from tests.e2e.walk import Walk

pytestmark = pytest.mark.servers


class OnServers(Walk):
    """The walk on the stack of a profile."""

    PROFILE: str

    @pytest.fixture(scope="class")
    @classmethod
    def variables(cls, stacks):
        yield from pointed(stacks.get(cls.PROFILE))

    @pytest.fixture(scope="class")
    @classmethod
    def door(cls, variables, tmp_path_factory) -> Door:
        return open_door(small_settings(tmp_path_factory.mktemp("walk") / "home", variables))


class TestServers(OnServers):
    PROFILE = "servers"


class TestAws(OnServers):
    PROFILE = "aws"
