"""Patience: a store that comes back in time is waited for, one that does not is an error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from polly_resources import patience
from polly_resources.errors import NotFound, Unavailable
from polly_resources.patience import patient


class Store:
    """Away for its first `away` calls."""

    name = "store"

    def __init__(self, away: int) -> None:
        self.away = away
        self.left: list[str] = []

    def answer(self, word: str, *, times: int = 1) -> str:
        if self.away:
            self.away -= 1
            raise Unavailable("store_unavailable", "away")
        return word * times

    def list(self) -> Iterator[str]:
        yield "a"
        yield self.answer("b")

    def missing(self) -> None:
        self.away += 1
        raise NotFound("absent", "not there")

    @contextmanager
    def local(self, key: str) -> Iterator[str]:
        word = self.answer(key)
        try:
            yield word
        finally:
            self.left.append(key)


@pytest.fixture(autouse=True)
def short_waits(monkeypatch):
    monkeypatch.setattr(patience, "FIRST_WAIT", 0.001)
    monkeypatch.setattr(patience, "LONGEST_WAIT", 0.01)


def test_a_store_that_comes_back_is_waited_for(caplog):
    store = patient(Store(3), 30)
    assert store.answer("a", times=2) == "aa"
    assert store.name == "store"
    assert caplog.text.count("for a store to come back: away") == 3


def test_an_interrupted_listing_begins_again():
    assert list(patient(Store(2), 30).list()) == ["a", "b"]


def test_patience_ends():
    with pytest.raises(Unavailable):
        patient(Store(1000), 0.05).answer("a")


def test_what_a_retry_cannot_cure_is_raised_at_once():
    store = Store(0)
    with pytest.raises(NotFound):
        patient(store, 30).missing()
    assert store.away == 1


def test_a_context_is_entered_when_the_store_is_back_and_left_once():
    store = Store(2)
    with patient(store, 30).local("k") as word:
        assert word == "k" and store.left == []
    assert store.left == ["k"]


def test_an_error_within_a_context_is_not_repeated():
    store = Store(0)
    with pytest.raises(Unavailable), patient(store, 30).local("k"):
        raise Unavailable("other", "of the body")
    assert store.left == ["k"]
