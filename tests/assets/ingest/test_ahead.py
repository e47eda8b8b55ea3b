"""Reading ahead: in order, in parallel, and no more than one item of each file."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from polly_assets.ingest.ahead import ahead


def items(made: list[str], name: str, count: int) -> Iterator[str]:
    for number in range(count):
        made.append(f"{name}{number}")
        yield f"{name}{number}"


def test_in_order() -> None:
    sizes = {"a": 3, "b": 0, "c": 1, "d": 2}
    found = ahead(sizes, lambda name: items([], name, sizes[name]), 2)
    assert [(name, list(own)) for name, own in found] == [
        ("a", ["a0", "a1", "a2"]),
        *[("b", []), ("c", ["c0"]), ("d", ["d0", "d1"])],
    ]


def test_one_item_of_each_file_is_ahead() -> None:
    made: list[str] = []
    taken = ahead("abcde", lambda name: items(made, name, 100), 1)
    _, first = next(taken)
    assert next(first) == "a0"
    assert set(made) <= {"a0", "a1", "b0"}
    taken.close()
    assert set(made) <= {"a0", "a1", "b0"}


def test_files_are_begun_side_by_side() -> None:
    met = threading.Barrier(2, timeout=20)

    def meeting(name: str) -> Iterator[str]:
        met.wait()
        yield name

    assert [list(own) for _, own in ahead("ab", meeting, 2)] == [["a"], ["b"]]


def test_an_error_is_that_of_its_file_and_closes_all() -> None:
    closed: list[str] = []

    def failing(name: str) -> Iterator[str]:
        try:
            yield name
            if name == "b":
                raise ZeroDivisionError
            yield name
        finally:
            closed.append(name)

    seen = []
    with pytest.raises(ZeroDivisionError):
        for name, own in ahead("abcd", failing, 2):
            seen.append((name, list(own)))
    assert seen == [("a", ["a", "a"])]
    assert closed[:2] == ["a", "b"] and set(closed) <= {"a", "b", "c", "d"}
