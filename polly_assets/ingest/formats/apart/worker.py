"""The reading process: answers what `reader` asks, one file after the other, until its pipe ends.

Owns what is done with a file here, under the limits that come with each question: its datasets
in turn, whole where they are small, and the blocks of larger matrices when they are wanted.
Keep out: the readers, and the meaning of a death.
"""

from __future__ import annotations

import logging
import os
import resource
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np

from polly_assets.ingest.formats.apart.pool import MEMORY, no_memory
from polly_assets.ingest.formats.apart.wire import (
    Message,
    block_message,
    error_words,
    frame_bytes,
    receive,
    send,
)
from polly_assets.ingest.formats.base import (
    Block,
    FailedDataset,
    Matrix,
    ParsedDataset,
    Source,
    SparseBlock,
)
from polly_assets.ingest.formats.registry import READERS, reader_for
from polly_assets.ingest.formats.streams import text
from polly_resources.errors import PollyError

WHOLE_BYTES = 64 * 1024**2
"""Values of a dataset that are sent with it; those of larger ones are asked for."""

_PIECE = 256
"""Features of a sparse matrix that are looked at, at once, to see whether it is small."""


@dataclass(slots=True)
class _Run:
    """Blocks of one matrix in order, with the next one made while this one is used."""

    features: int
    at: int
    blocks: Iterator[Block]
    ready: Message | None = None


@dataclass(slots=True)
class Session:
    """One file: its datasets so far, and the large matrices among them."""

    source: Source
    datasets: Iterator[ParsedDataset | FailedDataset]
    following: Message | None = None
    kept: list[Matrix] = field(default_factory=list)
    runs: dict[int, _Run] = field(default_factory=dict)

    def item(self) -> Message:
        """The next dataset, which says whether it is the last, or the end."""
        found = self.following or self._item()
        if found.words.get("is", "end") == "end":  # nothing more, or an error
            return found
        self.following = _answer(self._item, self.source.name)
        last = self.following.words.get("is") == "end"
        return Message({**found.words, "last": last}, found.buffers)

    def _item(self) -> Message:
        item = next(self.datasets, None)
        if item is None:
            return Message({"is": "end"})
        if isinstance(item, FailedDataset):
            words = {"dataset_id": item.dataset_id, "failure": error_words(item.error)}
            return Message({"is": "failed", **words})
        return self._dataset(item)

    def _dataset(self, parsed: ParsedDataset) -> Message:
        buffers: list[Any] = [[frame_bytes(parsed.samples)], [frame_bytes(parsed.features)]]
        matrices, budget = [], WHOLE_BYTES
        for matrix in parsed.matrices:
            words: dict[str, Any] = {
                "name": matrix.name,
                "dtype": matrix.dtype,
                "shape": matrix.shape,
                "sparse": matrix.sparse,
            }
            whole = _whole(matrix, budget)
            if whole is None:
                words["kept"] = len(self.kept)
                self.kept.append(matrix)
            else:
                words["whole"] = whole.words
                buffers += whole.buffers
                budget -= sum(piece.nbytes for pieces in whole.buffers for piece in pieces)
            matrices.append(words)
        return Message(
            {
                "is": "dataset",
                "dataset_id": parsed.dataset_id,
                "format": parsed.format,
                "metadata": parsed.metadata,
                "data_type": parsed.data_type,
                "notices": [[n.code, n.message, n.place] for n in parsed.notices],
                "matrices": matrices,
            },
            buffers,
        )

    def block(self, number: int, features: int, at: int) -> Message:
        """The block of a large matrix that begins at a feature."""
        run = self.runs.get(number)
        if run is None or (run.features, run.at) != (features, at):
            run = _Run(features, 0, self.kept[number].blocks(features))
            self.runs[number] = run
            while run.at < at and next(run.blocks, None) is not None:
                run.at += features
        found, run.ready = run.ready or self._next(number, run), None
        run.at += features
        return found

    def ahead(self, number: int) -> None:
        """Make the block that is likely to be asked for next; its fault is told when it is."""
        run = self.runs.get(number)
        if run is not None and run.ready is None:
            run.ready = _answer(lambda: self._next(number, run), self.source.name)

    def _next(self, number: int, run: _Run) -> Message:
        block = next(run.blocks, None)
        if block is None:
            return Message({"is": "end"})
        return block_message({"is": "block"}, [block], self.kept[number].dtype)


def _whole(matrix: Matrix, budget: int) -> Message | None:
    """A matrix as one block; None where its values are more than the budget."""
    (features, samples), dtype = matrix.shape, np.dtype(matrix.dtype)
    blocks: list[Block] = []
    if matrix.sparse:
        blocks.append(SparseBlock(np.zeros(1, np.int64), np.zeros(0, np.int32), np.zeros(0, dtype)))
        for block in matrix.blocks(_PIECE):
            assert isinstance(block, SparseBlock)
            blocks.append(block)
            budget -= block.values.nbytes + block.indices.nbytes + block.indptr.nbytes
            if budget < 0:
                return None
    elif features * samples * dtype.itemsize <= budget:
        blocks = list(matrix.blocks(features)) if features else [np.empty(matrix.shape, dtype)]
    else:
        return None
    return block_message({}, blocks, matrix.dtype)


def exhaust(source: Source) -> Message:
    """Read a file of any format to its last value, whatever its faults."""
    with suppress(PollyError):
        reader = reader_for(source.name, text.head(source.path))
        for item in _bare(reader.name, source):
            for matrix in item.matrices if isinstance(item, ParsedDataset) else ():
                for _ in matrix.blocks():
                    pass
            for _ in getattr(item, "variants", None) or ():
                pass
    return Message({"is": "end"})


def _bare(reader: str, source: Source) -> Iterator[ParsedDataset | FailedDataset]:
    """The datasets of a file, by the reader itself."""
    (row,) = (row for row in READERS if row.name == reader)
    return row.bare().read(source)


def _answer(work: Any, file: str) -> Message:
    """What the work gives, or the error that it raises."""
    try:
        found: Message = work()
    except PollyError as error:
        error.file = error.file or file
        return Message({"error": error_words(error)})
    except MemoryError:
        return Message({"error": error_words(no_memory("found no more memory", file))})
    except Exception as error:
        logging.getLogger(__name__).exception("reading %s failed", file)
        return Message({"defect": f"{type(error).__name__}: {error}"})
    return found


class Desk:
    """Answers questions about one file at a time."""

    def __init__(self) -> None:
        self._session: Session | None = None

    def answer(self, words: Mapping[str, Any]) -> Message:
        """The answer to one question; what the last file held is given up for a new one."""
        if words["ask"] in ("open", "exhaust"):
            self._session = None
            source = _source(words)
            if words["ask"] == "exhaust":
                return _answer(lambda: exhaust(source), source.name)
            self._session = Session(source, iter(()))
            self._session.datasets = _bare(words["reader"], source)
        session = self._session
        assert session is not None, words
        if words["ask"] == "block":
            wanted = (words["matrix"], words["features"], words["at"])
            return _answer(lambda: session.block(*wanted), session.source.name)
        found = _answer(session.item, session.source.name)
        if found.words.get("last", True) and not session.kept:
            self._session = None
        return found

    def prepare(self, words: Mapping[str, Any]) -> None:
        """Use the time until the next question."""
        if words["ask"] == "block" and self._session is not None:
            self._session.ahead(words["matrix"])


def _source(words: Mapping[str, Any]) -> Source:
    sidecars = {key: Path(path) for key, path in words["sidecars"].items()}
    return Source(Path(words["path"]), words["name"], sidecars)


def main() -> None:
    """Answer until nobody asks; standard output is kept for answers alone."""
    pipe = FileIO(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    questions = FileIO(sys.stdin.fileno(), "r", closefd=False)
    _set_limits()
    desk = Desk()
    with suppress(EOFError, BrokenPipeError):
        while True:
            words = receive(questions).words
            signal.setitimer(signal.ITIMER_PROF, words["seconds"])
            send(pipe, desk.answer(words))
            desk.prepare(words)


def _set_limits() -> None:
    """Limits of memory and, by the default action of SIGPROF, of processor time; no core files."""
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    for kind, most in ((resource.RLIMIT_DATA, MEMORY), (resource.RLIMIT_CORE, 0)):
        with suppress(OSError, ValueError):
            resource.setrlimit(kind, (most, most))
