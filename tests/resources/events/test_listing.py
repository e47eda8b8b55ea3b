"""Events without a queue: always look at everything."""

from __future__ import annotations

import pytest

from polly_resources.errors import Misconfigured
from polly_resources.events.base import EventKind, ObjectEvent
from polly_resources.events.listing import ListingEvents


def test_every_time_it_says_look():
    source = ListingEvents()
    for _ in range(2):
        (event,) = source.receive()
        assert event == ObjectEvent(EventKind.LOOK, "")
        source.settle([event])


def test_it_has_no_options():
    with pytest.raises(Misconfigured) as caught:
        ListingEvents("listing://?bucket=x")
    assert caught.value.code == "bad_address"
