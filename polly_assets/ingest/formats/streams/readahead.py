"""The next item, made by another thread while the last one is used.

Owns reading and unpacking beside the work on what was read: both leave Python's lock for most of
their time. Keep out: what the items are.
"""

from __future__ import annotations

from collections.abc import Iterator
from queue import SimpleQueue
from threading import Semaphore, Thread
from typing import Generic, TypeVar

Item = TypeVar("Item")


def read_ahead(items: Iterator[Item]) -> Iterator[Item]:
    """The same items in their order, and their error where it comes; one is read ahead.

    Where this iterator is left early, the thread ends with the item that it is at. Nothing waits
    for it: an iterator may be collected in any thread, whatever locks that holds.
    """
    reader = _Reader(items)
    Thread(target=reader.run, name="read-ahead", daemon=True).start()
    try:
        reader.wanted.release()
        while True:
            reader.wanted.release()
            found, error = reader.found.get()
            if error is not None:
                raise error
            if not found:
                return
            yield found[0]
    finally:
        reader.left = True
        reader.wanted.release()


class _Reader(Generic[Item]):
    """What both threads hold: how many items are wanted, and those that were found."""

    def __init__(self, items: Iterator[Item]) -> None:
        self._items = items
        self.wanted = Semaphore(0)
        self.found: SimpleQueue[tuple[tuple[Item, ...], BaseException | None]] = SimpleQueue()
        self.left = False

    def run(self) -> None:
        """Puts an item for each that is wanted; then nothing, or the error that ended them."""
        try:
            for item in self._items:
                self.wanted.acquire()
                if self.left:
                    return
                self.found.put(((item,), None))
            self.found.put(((), None))
        except BaseException as error:
            self.found.put(((), error))
        finally:
            del self._items
