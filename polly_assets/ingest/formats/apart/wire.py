"""What a reading process and the process that asks it say to each other.

Owns the bytes on the pipe: a message is a JSON object and any number of buffers, whose sizes
it states. Datasets and errors go as such messages; nothing that is received is run.
Keep out: who asks what (`reader`, `worker`), and processes (`pool`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO, RawIOBase
from struct import Struct
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from polly_assets.ingest.formats.base import Block, SparseBlock
from polly_resources import errors
from polly_resources.errors import PollyError

_SIZE = Struct("<Q")
_LARGEST_HEAD = 1 << 30

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Message:
    """Words, and buffers beside them; a buffer may be sent in pieces and arrives whole."""

    words: Mapping[str, Any]
    buffers: Sequence[Sequence[Any]] = field(default=())


@dataclass(frozen=True, slots=True)
class Received:
    """A message as it arrived."""

    words: Mapping[str, Any]
    buffers: Sequence[Bytes]


def send(pipe: RawIOBase, message: Message) -> None:
    """Write a message. Raises OSError where nobody reads it."""
    views = ([memoryview(piece) for piece in whole] for whole in message.buffers)
    pieces = [[view.cast("B") for view in whole if view.nbytes] for whole in views]
    sizes = [sum(piece.nbytes for piece in whole) for whole in pieces]
    head = json.dumps({"words": message.words, "sizes": sizes}).encode()
    _write(pipe, memoryview(_SIZE.pack(len(head)) + head))
    for whole in pieces:
        for piece in whole:
            _write(pipe, piece)


def receive(pipe: RawIOBase) -> Received:
    """Read a message. Raises EOFError where the other side has ended, ValueError for noise."""
    size = _SIZE.unpack(_read(pipe, _SIZE.size).tobytes())[0]
    if size > _LARGEST_HEAD:
        raise ValueError(f"a message of {size} bytes")
    head = json.loads(_read(pipe, size).tobytes())
    return Received(head["words"], [_read(pipe, size) for size in head["sizes"]])


def _write(pipe: RawIOBase, data: memoryview) -> None:
    done = 0
    while done < data.nbytes:
        done += pipe.write(data[done:]) or 0


def _read(pipe: RawIOBase, size: int) -> Bytes:
    data = np.empty(size, np.uint8)
    view, done = data.data, 0
    while done < size:
        got = pipe.readinto(view[done:])
        if not got:
            raise EOFError
        done += got
    return data


def error_words(error: PollyError) -> dict[str, Any]:
    """An error as words."""
    failure = error.failure()
    return {
        "class": type(error).__name__,
        "code": failure.code,
        "message": failure.message,
        "file": failure.file,
        "place": failure.place,
        "hint": failure.hint,
    }


def error_of(words: Mapping[str, Any]) -> PollyError:
    """The error that the words tell of."""
    kind: type[PollyError] = getattr(errors, words["class"])
    more = {key: words[key] for key in ("file", "place", "hint")}
    return kind(words["code"], words["message"], **more)


def frame_bytes(frame: pl.DataFrame) -> memoryview:
    """A table as Arrow IPC."""
    out = BytesIO()
    frame.write_ipc_stream(out)
    return out.getbuffer()


def frame_of(data: Bytes) -> pl.DataFrame:
    """The table in Arrow IPC."""
    return pl.read_ipc_stream(BytesIO(data.data))


def block_message(words: Mapping[str, Any], blocks: Sequence[Block], dtype: str) -> Message:
    """Consecutive blocks as one: a dense one in either order, or a sparse one."""
    first = blocks[0]
    if isinstance(first, SparseBlock):
        sparse = [block for block in blocks if isinstance(block, SparseBlock)]
        offsets, end = [np.zeros(1, np.int64)], 0
        for block in sparse:
            offsets.append(block.indptr[1:] + end)
            end += int(block.indptr[-1])
        values = [np.ascontiguousarray(block.values) for block in sparse]
        indices = [np.ascontiguousarray(block.indices) for block in sparse]
        return Message({**words, "block": "sparse", "dtype": dtype}, (offsets, indices, values))
    (dense,) = blocks
    assert isinstance(dense, np.ndarray)
    turned = dense.flags.f_contiguous and not dense.flags.c_contiguous
    values = [np.ascontiguousarray(dense.T if turned else dense)]
    shape = {"shape": list(dense.shape), "turned": turned}
    return Message({**words, **shape, "block": "dense", "dtype": dtype}, (values,))


def block_of(words: Mapping[str, Any], buffers: Sequence[Bytes]) -> Block:
    """The block that a message holds."""
    if words["block"] == "sparse":
        indptr, indices, values = buffers
        return SparseBlock(
            indptr.view(np.int64), indices.view(np.int32), values.view(words["dtype"])
        )
    shape = tuple(words["shape"])
    values = buffers[0].view(words["dtype"])
    return values.reshape(shape[::-1]).T if words["turned"] else values.reshape(shape)
