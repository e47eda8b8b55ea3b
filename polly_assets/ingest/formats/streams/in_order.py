"""Work on one item after another by several threads, the answers in the order of the items.

Owns how many threads work and how far they may be ahead. It pays where the work leaves Python's
lock for most of its time. Keep out: what items and answers are.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from itertools import chain, islice
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")

_MOST_THREADS = 4


def in_order(
    items: Iterator[Item], work: Callable[[Item], Answer], threads: int = 0
) -> Iterator[Answer]:
    """`work` of each item; an error of either comes where its answer would, and ends all.

    The thread that takes the answers is one of `threads` (as many as there are cores, if 0, up to
    4) and works while the next one is not ready. Items are taken by one thread at a time, and
    `threads` + 1 of them are in work or waiting at most. Where this iterator is left early, the
    others end with the item that they are at. Nothing waits for them: an iterator may be collected
    in any thread, whatever locks that holds.
    """
    first: list[Item] = []  # one alone is not worth a thread
    try:
        first.extend(islice(items, 2))
    except Exception as error:
        items = map(_fail, [error])
    helpers = min(threads or _cores(), _MOST_THREADS) - 1 if len(first) > 1 else 0
    shared = _Shared(chain(first, items), work, helpers + 2)
    del first
    try:
        for _ in range(helpers):
            Thread(target=shared.help, name="in-order", daemon=True).start()
        yield from shared.answered()
    finally:
        shared.ended = True
        for _ in range(helpers):
            shared.room.put(None)


def _fail(error: Exception) -> Any:
    raise error


def _cores() -> int:
    """Those that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        return os.cpu_count() or 1


class _Shared(Generic[Item, Answer]):
    """What the threads hold; `room` has a token for each further item that may be taken."""

    def __init__(self, items: Iterator[Item], work: Callable[[Item], Answer], most: int) -> None:
        self._items, self._work = items, work
        self._taking = Lock()
        self._answers: deque[Future[tuple[Answer, ...]]] = deque()
        self.ended = False
        self.room: SimpleQueue[None] = SimpleQueue()
        for _ in range(most):
            self.room.put(None)

    def help(self) -> None:
        """Works as long as there are items, when there is room."""
        self.room.get()
        while not self.ended:
            self._step()
            self.room.get()

    def answered(self) -> Iterator[Answer]:
        """The answers."""
        while True:
            if self._has_time() and self._has_room():
                self._step()
                continue
            yield from (found := self._answers.popleft().result())
            if not found:
                return
            self.room.put(None)

    def _has_time(self) -> bool:
        return not self.ended and not (self._answers and self._answers[0].done())

    def _has_room(self) -> bool:
        try:
            self.room.get_nowait()
        except Empty:
            return False
        return True

    def _step(self) -> None:
        """Takes an item and works on it; the answer is empty where there is none."""
        future: Future[tuple[Answer, ...]] = Future()
        try:
            with self._taking:
                if self.ended:
                    return
                self._answers.append(future)
                item = tuple(islice(self._items, 1))
                self.ended = not item
            future.set_result(tuple(map(self._work, item)))
        except BaseException as error:
            self.ended = True
            future.set_exception(error)
