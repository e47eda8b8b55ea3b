"""Lines of a text file, one after another or in blocks, where a file may be larger than memory.

Owns gunzipping, characters and line ends of a stream, with the limits of `packed`.
Keep out: formats small enough to be read whole (`text`), and any grammar.
"""

from __future__ import annotations

import codecs
import io
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

from polly_assets.ingest.formats.streams.packed import (
    GZIP_ERRORS,
    check_growth,
    gunzip_pieces,
    gunzipped,
)
from polly_assets.ingest.formats.streams.readahead import read_ahead
from polly_assets.ingest.formats.streams.text import (
    GZIP_MAGIC,
    UTF8_BOM,
    UTF16_BOMS,
    as_utf8,
    check_line,
    head,
    refuse_nul,
    unified,
    utf16_notice,
)
from polly_assets.native.text import Census, census
from polly_resources.errors import BadInput
from polly_resources.records import Notice

BLOCK_BYTES = 2 * 1024**2
"""About what a block of lines has: as much as the caches of a processor hold."""

_NEAR = 32 * 1024

_MOST_BYTES = 16 * 1024**2

MAX_LINE = 256 * 1024 * 1024
"""Characters of the longest line; a variant of a million samples has 50 million."""

_BGZF = b"BC\x02\x00"
_BGZF_AT = slice(12, 16)
_BGZF_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")


class Lines:
    r"""The lines of a file, plain or gzipped, without their ends (`\n`, `\r\n` or `\r`).

    UTF-16 is read where a byte order mark says so; else each line is UTF-8, or else Latin-1 with
    Notice `not_utf8` on the first such line. `notices` and `whole` (whether the last line has an
    end) are complete once the last line was taken.
    """

    def __init__(self, path: Path, name: str) -> None:
        self._path, self._name = path, name
        self.notices: list[Notice] = []
        self.whole = True

    def __iter__(self) -> Iterator[tuple[int, str]]:
        """Each line with its number, from 1.

        Raises BadInput `empty_file`, `corrupt_gzip`, `unpacks_too_large`, `line_too_long`
        or `binary_content`.
        """
        number = 0
        try:
            for number, line in self._lines():
                yield number, line
        except GZIP_ERRORS as error:
            raise BadInput(
                "corrupt_gzip",
                f"the gzip stream is damaged or cut short ({error})",
                file=self._name,
                place=f"after line {number}",
                hint="check it with `gzip -t` and transfer the file again",
            ) from error
        except UnicodeDecodeError as error:
            raise _no_utf16(self._name, error, f"after line {number}") from error
        if not number:
            raise _empty(self._name)

    def _lines(self) -> Iterator[tuple[int, str]]:
        with ExitStack() as stack:
            raw = stack.enter_context(self._path.open("rb"))
            packed = raw.peek(16)[:16]
            binary: io.BufferedIOBase = raw
            if packed.startswith(GZIP_MAGIC):
                self._check_end(packed)
                binary = stack.enter_context(gunzipped(raw))
            how = ("utf-8", "surrogateescape")
            if head(self._path, 2) in UTF16_BOMS:
                self.notices.append(utf16_notice(self._name))
                how = ("utf-16", "strict")
            text = io.TextIOWrapper(cast(BinaryIO, binary), *how)
            size = number = 0
            while line := text.readline(MAX_LINE):
                number += 1
                size += len(line)
                if binary is not raw:
                    check_growth(size, raw.tell(), self._name, f"line {number}")
                yield number, self._clean(line, number)

    def _clean(self, line: str, number: int) -> str:
        if number == 1:
            line = line.removeprefix("\ufeff")
        if "\0" in line or len(line) >= MAX_LINE:
            raise self._refused(line, number)
        self.whole = line.endswith("\n")
        line = line.removesuffix("\n")
        if line.isascii():
            return line
        data = line.encode("utf-8", "surrogateescape")
        try:
            return data.decode()
        except UnicodeDecodeError as error:
            if not any(notice.code == "not_utf8" for notice in self.notices):
                message = (
                    f"{self._name} is not UTF-8 (byte 0x{data[error.start]:02x}); such lines were "
                    "read as Latin-1, so check letters with accents"
                )
                self.notices.append(Notice("not_utf8", message, f"line {number}"))
            return data.decode("latin-1")

    def _refused(self, line: str, number: int) -> BadInput:
        if (column := line.find("\0") + 1) == 0:
            return BadInput(
                "line_too_long",
                f"the line has {len(line)} characters or more, expected fewer",
                file=self._name,
                place=f"line {number}",
                hint="look for lost line ends",
            )
        return BadInput(
            "binary_content",
            "found a NUL byte, expected text",
            file=self._name,
            place=f"line {number}, character {column}",
            hint="export the file as UTF-8 text",
        )

    def _check_end(self, packed: bytes) -> None:
        """A file packed by bgzip ends in an empty block; without it, it was cut short."""
        if packed[_BGZF_AT] != _BGZF:
            return
        with self._path.open("rb") as raw:
            raw.seek(-min(len(_BGZF_END), self._path.stat().st_size), io.SEEK_END)
            if raw.read() != _BGZF_END:
                message = f"{self._name} lacks the last block of bgzip: lines may be lost"
                self.notices.append(Notice("bgzip_cut_short", message))


class Stretch(NamedTuple):
    """Whole lines: those of `data` from byte `start`, which begins line `line` of the file."""

    data: bytes
    start: int
    line: int


class Blocks:
    r"""A text file, plain or gzipped, in blocks of whole lines: UTF-8, each ended by `\n`.

    UTF-16 is read where a byte order mark says so; else each line is UTF-8, or else Latin-1 with
    Notice `not_utf8` on the first such line. `notices` are complete once the last block was taken.
    """

    def __init__(self, path: Path, name: str, size: int = BLOCK_BYTES) -> None:
        self._path, self._name, self._size = path, name, size
        self._line = 1
        self.notices: list[Notice] = []

    def __iter__(self) -> Iterator[Stretch]:
        """At least one block.

        Raises BadInput `empty_file`, `corrupt_gzip`, `unpacks_too_large`, `line_too_long` or
        `binary_content`.
        """
        self._line = 1
        for raw in self._whole_lines():
            block, found = raw, census(raw)
            if found.control or not found.ascii:
                block, found = self._cleaned(raw)
            yield Stretch(block, 0, self._line)
            self._line += found.lines

    def _cleaned(self, block: bytes) -> tuple[bytes, Census]:
        block = unified(block)
        refuse_nul(block, self._name, self._line)
        block, notice = as_utf8(block, self._name, self._line)
        if notice is not None and not self.notices:
            self.notices.append(notice)
        return block, census(block)

    def _whole_lines(self) -> Iterator[bytes]:
        rest, none = b"", True
        for piece in self._gathered():
            end = _line_end(piece)
            if end:
                none = False
                yield b"".join((rest, memoryview(piece)[:end])) if rest or piece[end:] else piece
                rest = piece[end:]
            else:
                rest += piece
                self._size = min(2 * self._size, _MOST_BYTES)  # lines are long: fewer copies
            check_line(rest, self._name, f"line {self._line}")
        if rest or none:
            yield rest + b"\n"

    def _gathered(self) -> Iterator[bytes]:
        waiting: list[bytes] = []
        length = 0
        for piece in self._text():
            waiting.append(piece)
            length += len(piece)
            if length > self._size - _NEAR:
                yield b"".join(waiting)
                waiting, length = [], 0
        yield b"".join(waiting)

    def _text(self) -> Iterator[bytes]:
        """The file without byte order mark, as UTF-8 or Latin-1."""
        packed = self._pieces()
        first = next(packed, b"")
        if not first:
            raise _empty(self._name)
        if first.startswith(UTF16_BOMS):
            self.notices.append(utf16_notice(self._name))
            return self._from_utf16(chain([first], packed))
        return chain([first.removeprefix(UTF8_BOM) or b"\n"], packed)

    def _pieces(self) -> Iterator[bytes]:
        """The file, gunzipped where it is gzipped; most pieces end where a line does."""
        with self._path.open("rb", buffering=0) as raw:
            if raw.read(len(GZIP_MAGIC)) == GZIP_MAGIC:
                yield from gunzip_pieces(self._path, self._name)
                return
            file, place = raw.fileno(), 0
            while piece := os.pread(file, self._up_to_line_end(file, place), place):
                yield piece
                place += len(piece)

    def _up_to_line_end(self, file: int, place: int) -> int:
        """How many bytes to read, so that no rest of a line needs to be copied."""
        last = os.pread(file, _NEAR, place + self._size - _NEAR) if self._size > _NEAR else b""
        return self._size - _NEAR + last.rfind(b"\n") + 1 if b"\n" in last else self._size

    def _from_utf16(self, packed: Iterable[bytes]) -> Iterator[bytes]:
        decoder = codecs.getincrementaldecoder("utf-16")()
        try:
            for piece in packed:
                yield decoder.decode(piece).encode()
            yield decoder.decode(b"", final=True).encode()
        except UnicodeDecodeError as error:
            raise _no_utf16(self._name, error) from error


def ahead(blocks: Iterator[Stretch]) -> Iterator[Stretch]:
    """The blocks, each made by another thread while the one before it is in use."""
    first = list(islice(blocks, 2))
    if len(first) < 2:  # not worth a thread
        return iter(first)
    return read_ahead(chain(first, blocks))


def _line_end(piece: bytes) -> int:
    """The byte after the last LF, or else CR but for a final one whose LF may come; 0 without."""
    return piece.rfind(b"\n") + 1 or piece.rfind(b"\r", 0, len(piece) - 1) + 1


def _no_utf16(name: str, error: UnicodeDecodeError, place: str = "") -> BadInput:
    return BadInput(
        "binary_content",
        f"the file begins as UTF-16 and goes on otherwise ({error.reason})",
        file=name,
        place=place,
        hint="export the file as UTF-8 text",
    )


def _empty(name: str) -> BadInput:
    return BadInput("empty_file", "the file has no content", file=name, hint="upload it again")
