"""The profile `aws` on real servers."""

from __future__ import annotations

import pytest

from tests.e2e.on_servers import OnServers

pytestmark = pytest.mark.servers


class TestAws(OnServers):
    PROFILE = "aws"
