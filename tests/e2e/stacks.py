"""The servers of a profile for tests of the whole, started once per session.

Keep out: the servers (`tests.servers`) and what is tested.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import pytest

from tests.machine import lacks
from tests.servers.base import data_folder

if TYPE_CHECKING:
    from tests.servers.profiles import Stack


class Stacks:
    """The running stacks of this session, by profile."""

    def __init__(self) -> None:
        self.folder = data_folder("stacks")
        self._running: dict[str, Stack] = {}

    def get(self, profile: str) -> Stack:
        """The stack, running in full; only one runs at a time, for memory."""
        from tests.servers.profiles import STACKS

        for other in set(self._running) - {profile}:
            self._running.pop(other).stop()
        stack = self._running.get(profile)
        if stack is None:
            folder = self.folder / profile
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            stack = self._running[profile] = STACKS[profile](folder)
        if lacking := stack.missing():
            lacks(lacking)
        stack.start()
        return stack

    def close(self) -> None:
        """Stop all and remove their data."""
        for stack in self._running.values():
            stack.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture(scope="session")
def stacks() -> Iterator[Stacks]:
    """The stacks of this session."""
    running = Stacks()
    yield running
    running.close()


def pointed(stack: Stack) -> Iterator[Mapping[str, str]]:
    """Variables of a fresh platform on the stack, set in this process meanwhile."""
    variables = stack.environment(f"t{uuid.uuid4().hex[:8]}")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        yield variables
