"""Both doors on real instances: in process, and through a server."""

from __future__ import annotations

from contextlib import closing, contextmanager

from polly_api.open import open_door
from polly_api.words import load
from polly_client.http import HttpDoor
from tests.client.serving import serving, working
from tests.contracts.door import DoorContract


class TestLocalDoor(DoorContract):
    TESTED = ("in process",)

    @staticmethod
    @contextmanager
    def open_door(home):
        yield open_door(load(home, environ={}))


class TestHttpDoor(DoorContract):
    TESTED = ("over HTTP",)

    @staticmethod
    @contextmanager
    def open_door(home):
        local = open_door(load(home, environ={}))
        with serving(local, "key") as url, working(local), closing(HttpDoor(url, "key")) as door:
            yield door
