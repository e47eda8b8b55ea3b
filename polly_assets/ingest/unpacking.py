"""The ways in which a tar may be packed, told by its first bytes, and read within bounds.

Owns gzip, bzip2, xz and zstd as streams, and what is said of archives that are not read (7z,
rar). Add a way to pack as one row of `_PACKED`. Keep out: what is in the archive (`archives`).
"""

from __future__ import annotations

import bz2
import lzma
from collections.abc import Callable, Mapping
from io import BufferedIOBase
from typing import IO, Protocol, cast

import zstandard

from polly_assets.ingest.formats.streams.packed import check_growth, gunzipped

MOST_WINDOW = 256 * 1024**2
"""Memory that unpacking xz or zstd may take; `xz -9` asks for 65 MB."""

UNPACK_ERRORS: tuple[type[Exception], ...] = (lzma.LZMAError, zstandard.ZstdError)

FOREIGN: Mapping[bytes, str] = {
    b"7z\xbc\xaf\x27\x1c": "7-Zip",
    b"Rar!\x1a\x07": "RAR",
    b"\x04\x22\x4d\x18": "LZ4",
    b"\x1f\x9d": "compress",
    b"LZIP": "lzip",
}
"""The first bytes of archives that are known and not read, by what they are called."""

_STEP = 64 * 1024

_MOST_PAST_END = 16
"""The library skips a member by reading on, however large it is said to be."""


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


class _Streams:
    """The content of a file of one or more packed streams. Raises EOFError where one is cut."""

    def __init__(self, raw: IO[bytes], fresh: Callable[[], _Decompressor]) -> None:
        self._raw, self._fresh, self._current = raw, fresh, fresh()

    def read(self, size: int, /) -> bytes:
        """At most so many bytes; none at the end."""
        left = b""
        while True:
            if self._current.eof:
                left = self._current.unused_data or self._raw.read(_STEP)
                if not left.strip(b"\0"):
                    return b""
                self._current = self._fresh()
            elif self._current.needs_input:
                left = self._raw.read(_STEP)
                if not left:
                    raise EOFError("the packed stream is cut short")
            piece = self._current.decompress(left, size)
            left = b""
            if piece:
                return piece


def _xz() -> _Decompressor:
    return lzma.LZMADecompressor(memlimit=MOST_WINDOW)


def _zstd(raw: IO[bytes]) -> _Readable:
    unpacker = zstandard.ZstdDecompressor(max_window_size=MOST_WINDOW // 2)
    return cast(_Readable, unpacker.stream_reader(raw, read_across_frames=True))


_PACKED: Mapping[bytes, Callable[[IO[bytes]], _Readable]] = {
    b"\x1f\x8b": lambda raw: gunzipped(cast(BufferedIOBase, raw)),
    b"BZh": lambda raw: _Streams(raw, bz2.BZ2Decompressor),
    b"\xfd7zXZ\0": lambda raw: _Streams(raw, _xz),
    b"\x28\xb5\x2f\xfd": _zstd,
}


def unpacked(raw: IO[bytes]) -> _Readable:
    """The content of an open file, unpacked where its first bytes say that it is packed."""
    first = raw.read(8)
    raw.seek(0)
    for magic, opened in _PACKED.items():
        if first.startswith(magic):
            return opened(raw)
    return raw


class Watched:
    """Bytes of a tar as they are read: notes the end, and lets none grow without end.

    The library holds whole headers in memory, so members are not the only thing to grow.
    """

    def __init__(self, raw: IO[bytes], content: _Readable, name: str) -> None:
        self._raw, self._content, self._name = raw, content, name
        self._size = self._past_end = 0

    @property
    def ended(self) -> bool:
        """Whether more was asked for than there is."""
        return self._past_end > 0

    def read(self, size: int) -> bytes:
        """The next bytes. Raises EOFError where it is asked again and again past the end."""
        piece = self._content.read(size)
        self._size += len(piece)
        self._past_end += not piece
        if self._past_end > _MOST_PAST_END:
            raise EOFError("it is shorter than it says")
        check_growth(self._size, self._raw.tell(), self._name)
        return piece
