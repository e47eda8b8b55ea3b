"""Work by several threads: the answers in order, faults in their place, and no more ahead."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from polly_assets.ingest.formats.streams.in_order import in_order

COUNTS = [0, 1, 2, 3, 50]
THREADS = [1, 2, 4]


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("threads", [0, *THREADS])
def test_answers_come_in_the_order_of_the_items(count: int, threads: int) -> None:
    assert list(in_order(iter(range(count)), lambda i: i * i, threads)) == [
        i * i for i in range(count)
    ]


@pytest.mark.parametrize("threads", [2, 4])
def test_threads_work_at_the_same_time(threads: int) -> None:
    meeting = threading.Barrier(threads, timeout=20)
    found = in_order(iter(range(threads)), lambda i: (meeting.wait(), i)[1], threads)
    assert list(found) == list(range(threads))


@pytest.mark.parametrize("threads", THREADS)
@pytest.mark.parametrize("wrong", [0, 1, 2, 7, 29])
def test_a_fault_of_the_work_comes_where_its_answer_would(threads: int, wrong: int) -> None:
    def work(item: int) -> int:
        if item >= wrong:
            raise ValueError(item)
        return item

    taken: list[int] = []
    with pytest.raises(ValueError, match=f"^{wrong}$"):
        taken.extend(in_order(iter(range(30)), work, threads))
    assert taken == list(range(wrong))


@pytest.mark.parametrize("threads", THREADS)
@pytest.mark.parametrize("wrong", [0, 1, 2, 7])
def test_a_fault_of_the_items_comes_behind_all_before_it(threads: int, wrong: int) -> None:
    def items() -> Iterator[int]:
        yield from range(wrong)
        raise ValueError("damaged")

    taken: list[int] = []
    with pytest.raises(ValueError, match="damaged"):
        taken.extend(in_order(items(), lambda i: i, threads))
    assert taken == list(range(wrong))


@pytest.mark.parametrize("threads", THREADS)
def test_few_items_are_taken_ahead(threads: int) -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for i in range(100):
            taken.append(i)
            yield i

    found = in_order(items(), lambda i: i, threads)
    for answered in range(1, 60):
        next(found)
        assert len(taken) <= answered + threads + 1


def test_threads_end_where_the_answers_are_left() -> None:
    before = set(threading.enumerate())
    closed = threading.Event()

    def items() -> Iterator[int]:
        try:
            yield from range(1000)
        finally:
            closed.set()

    found = in_order(items(), lambda i: i, 3)
    next(found)
    helpers = [thread for thread in threading.enumerate() if thread not in before]
    assert len(helpers) == 2
    del found
    for thread in helpers:
        thread.join(20)
        assert not thread.is_alive()
    assert closed.wait(20)
