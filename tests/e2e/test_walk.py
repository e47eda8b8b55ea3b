"""The walk on the embedded backends."""

from __future__ import annotations

import pytest

from polly_api.base import Door
from polly_api.open import open_door
from tests.assets.instance import small_settings
from tests.e2e.walk import Walk


class TestLocal(Walk):
    @pytest.fixture(scope="class")
    @classmethod
    def door(cls, tmp_path_factory) -> Door:
        return open_door(small_settings(tmp_path_factory.mktemp("walk") / "home"))
