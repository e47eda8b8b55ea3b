"""Files read in parallel, ahead of whoever stores what they hold, dataset by dataset.

Owns how much is read ahead: one dataset of each of the next files, and the next one of the file
whose datasets are being taken. Keep out: what a dataset is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack
from typing import Generic, TypeVar

File = TypeVar("File")
Item = TypeVar("Item")

_END = object()


def ahead(
    files: Iterable[File], read: Callable[[File], Generator[Item, None, None]], workers: int
) -> Iterator[tuple[File, Iterator[Item]]]:
    """Each file, in order, with what is read of it; `workers` more files have been begun."""
    waiting: deque[tuple[File, _Ahead[Item]]] = deque()
    # The readers are closed when no thread is in them any more.
    with (
        ExitStack() as begun,
        ThreadPoolExecutor(max_workers=workers, thread_name_prefix="read") as pool,
    ):
        for file in files:
            items = read(file)
            begun.callback(items.close)
            waiting.append((file, _Ahead(pool, items)))
            if len(waiting) > workers:
                yield waiting.popleft()
        while waiting:
            yield waiting.popleft()


class _Ahead(Generic[Item]):
    """An iterator whose next item is made while the last is used."""

    def __init__(self, pool: Executor, items: Iterator[Item]) -> None:
        self._pool, self._items = pool, items
        self._next = pool.submit(next, items, _END)

    def __iter__(self) -> Iterator[Item]:
        return self

    def __next__(self) -> Item:
        item = self._next.result()
        if item is _END:
            raise StopIteration
        self._next = self._pool.submit(next, self._items, _END)
        return item  # type: ignore[return-value]  # not _END
