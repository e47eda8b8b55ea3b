"""Reading in a process of its own, for formats whose library a damaged file can crash or stall.

Owns the reader that stands before another one: the library is never called in this process. A
small dataset arrives whole; a large matrix stays with the process that read it, which is kept
as long as the matrix, and its blocks come as they are asked for.
Keep out: processes (`pool`), and the formats.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from polly_assets.ingest.formats.apart.pool import POOL, Worker, WorkerDiedError, limit
from polly_assets.ingest.formats.apart.wire import Bytes, Received, block_of, error_of, frame_of
from polly_assets.ingest.formats.base import (
    BLOCK_FEATURES,
    Block,
    DenseMatrix,
    FailedDataset,
    Matrix,
    ParsedDataset,
    Reader,
    Source,
    SparseBlock,
)
from polly_assets.ingest.formats.hdf5.heaps import check_file
from polly_resources.errors import BadInput
from polly_resources.records import Notice


class Apart(Reader):
    """A reader that reads in another process, and is the same in all else.

    `read` raises BadInput `reader_crashed`, `reader_timeout` or `reader_memory` where that
    process does not survive the file, and so do the blocks of a matrix.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    @property
    def name(self) -> str:  # type: ignore[override]
        """The format's name."""
        return self._reader.name

    @property
    def suffixes(self) -> tuple[str, ...]:  # type: ignore[override]
        """The endings of its files."""
        return self._reader.suffixes

    def sniff(self, name: str, head: bytes) -> bool:
        """As the reader has it."""
        return self._reader.sniff(name, head)

    def read(self, source: Source) -> Iterator[ParsedDataset | FailedDataset]:
        """The file's datasets, as the reader has them."""
        worker, answer = _opened(self.name, source)
        keeps = False
        while answer.words["is"] != "end":
            item, last = _item(answer, worker, source), answer.words["last"]
            if isinstance(item, ParsedDataset):
                keeps = keeps or any(isinstance(matrix, _Kept) for matrix in item.matrices)
            if last and not keeps:
                POOL.give(worker)
            yield item
            if last:
                return
            answer = _asked(worker, source, {"ask": "item"})
        POOL.give(worker)


def survive(source: Source) -> None:
    """Read a file of any format in another process, to see whether that survives it."""
    worker = POOL.take(fresh=True)
    _asked(worker, source, _question(source, ask="exhaust"))
    POOL.give(worker)


def _opened(reader: str, source: Source) -> tuple[Worker, Received]:
    """A worker that has opened the file, and its first answer.

    A worker that dies of its second file may have been harmed by its first: the file is then
    given to a new one.
    """
    question = _question(source, ask="open", reader=reader)
    worker = POOL.take()
    used = worker.asked > 0
    try:
        return worker, _answered(worker, source, question)
    except WorkerDiedError as died:
        if not (used and died.by_chance):
            raise _fault(died, source) from None
    worker = POOL.take(fresh=True)
    return worker, _asked(worker, source, question)


def _question(source: Source, **more: str) -> dict[str, Any]:
    sidecars = {key: str(path) for key, path in source.sidecars.items()}
    return {**more, "path": str(source.path), "name": source.name, "sidecars": sidecars}


def _asked(worker: Worker, source: Source, words: Mapping[str, Any]) -> Received:
    """An answer; the death of the worker is the fault of the file."""
    try:
        return _answered(worker, source, words)
    except WorkerDiedError as died:
        raise _fault(died, source) from None


def _fault(died: WorkerDiedError, source: Source) -> Exception:
    """Why a worker died: what can be seen in the file, else how it died."""
    try:
        if died.status < 0:
            check_file(source.path)
    except BadInput as error:
        error.file = source.name
        return error
    except (OSError, ValueError):  # what cannot be looked into
        pass
    return died.error(source)


def _answered(worker: Worker, source: Source, words: Mapping[str, Any]) -> Received:
    """An answer; after an error about the file, the worker is free for others."""
    try:
        return worker.ask({**words, "seconds": limit(source)})
    except BadInput:
        if words["ask"] == "open":
            POOL.give(worker)
        raise


def _item(answer: Received, worker: Worker, source: Source) -> ParsedDataset | FailedDataset:
    words = answer.words
    if words["is"] == "failed":
        return FailedDataset(words["dataset_id"], error_of(words["failure"]))
    buffers = iter(answer.buffers)
    samples, features = frame_of(next(buffers)), frame_of(next(buffers))
    matrices = tuple(_matrix(of, buffers, worker, source) for of in words["matrices"])
    return ParsedDataset(
        dataset_id=words["dataset_id"],
        format=words["format"],
        metadata=words["metadata"],
        samples=samples,
        features=features,
        matrices=matrices,
        data_type=words["data_type"],
        notices=tuple(Notice(*notice) for notice in words["notices"]),
    )


def _matrix(
    words: Mapping[str, Any], buffers: Iterator[Bytes], worker: Worker, source: Source
) -> Matrix:
    name, dtype, sparse = words["name"], words["dtype"], words["sparse"]
    features, samples = words["shape"]
    if "kept" in words:
        return _Kept(name, dtype, (features, samples), sparse, words["kept"], worker, source)
    whole = block_of(words["whole"], [next(buffers) for _ in range(3 if sparse else 1)])
    if isinstance(whole, SparseBlock):
        return _Sparse(name, dtype, (features, samples), whole)
    return DenseMatrix(whole, name)


@dataclass(frozen=True, slots=True)
class _Sparse(Matrix):
    """A small sparse matrix, here."""

    name: str
    dtype: str
    shape: tuple[int, int]
    whole: SparseBlock
    sparse: bool = True

    def blocks(self, features: int = BLOCK_FEATURES) -> Iterator[Block]:
        """Slices of the three arrays."""
        return self.whole.split(features)


@dataclass(frozen=True, slots=True)
class _Kept(Matrix):
    """A large matrix, with the process that read it."""

    name: str
    dtype: str
    shape: tuple[int, int]
    sparse: bool
    number: int
    worker: Worker
    source: Source

    def blocks(self, features: int = BLOCK_FEATURES) -> Iterator[Block]:
        """Asked for one by one; the next is made meanwhile."""
        for at in range(0, self.shape[0], features):
            words = {"ask": "block", "matrix": self.number, "features": features, "at": at}
            answer = _asked(self.worker, self.source, words)
            yield block_of(answer.words, answer.buffers)
