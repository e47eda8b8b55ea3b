r"""A GEO text file as a stream of whole lines, in UTF-8 and ended by `\n`.

Owns reading a file of any size piece by piece, with the number of every line, and looking ahead
for the line that ends a section. A line that is not UTF-8 is read as Latin-1, with one warning.
Add here what every GEO text format needs of a stream. Keep out: what sections mean.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from polly_assets.ingest.formats.streams.text import head, line_blocks, read_bytes, utf8_lines
from polly_resources.errors import BadInput
from polly_resources.records import Notice

PIECE_BYTES = 8 * 1024**2
"""About how much of a file is held while its lines are passed on."""

MAX_SECTION_BYTES = 1024**3
"""What a section that must be held whole may have, such as the table of one sample."""

UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")

_NEWLINE = 10

Stop = Callable[[bytes, int], int]
"""Where, at or after an offset that begins a line, the line begins that ends a section; or -1."""


@dataclass(frozen=True, slots=True)
class GeoText:
    r"""Lines of a GEO file as UTF-8 bytes with `\n` line ends, and its name for errors.

    `first_line` is the number of the first of them in the file that the name means.
    """

    data: bytes
    name: str
    first_line: int = 1

    def line_at(self, offset: int) -> int:
        """The number of the line that holds a byte offset."""
        return self.data.count(b"\n", 0, offset) + self.first_line

    def fault(
        self, code: str, message: str, line: int, *, column: int = 0, hint: str = ""
    ) -> BadInput:
        """An error at a line and, where given, a column counted from 1."""
        return fault(code, message, line, file=self.name, column=column, hint=hint)


def fault(
    code: str, message: str, line: int, *, file: str, column: int = 0, hint: str = ""
) -> BadInput:
    """An error at a line of a file and, where given, a column counted from 1."""
    place = f"line {line}, column {column}" if column else f"line {line}"
    return BadInput(code, message, file=file, place=place, hint=hint)


def as_utf8(start: bytes) -> bytes:
    """The first bytes of a file for `sniff`, UTF-16 made UTF-8."""
    if start.startswith(UTF16_BOMS):
        return start[: len(start) // 2 * 2].decode("utf-16", "replace").encode()
    return start


class GeoStream:
    """The lines of a file one section after another.

    `line` is the number of the line that comes next; `notices` are complete at the end.
    """

    def __init__(self, path: Path, name: str) -> None:
        self.name = name
        self.line = 1
        self.notices: list[Notice] = []
        self._blocks = self._utf8(path)
        self._data = b""
        self._at = 0

    def ended(self) -> bool:
        """Whether no line is left. Raises BadInput `empty_file` where the file has none."""
        while self._at >= len(self._data):
            block = next(self._blocks, None)
            if block is None:
                self._require_content()
                return True
            self._data, self._at = block, 0
        return False

    def pieces(self, stop: Stop) -> Iterator[GeoText]:
        """The lines before the one that ends the section, or to the file's end, in pieces."""
        while not self.ended():
            at = stop(self._data, self._at)
            end = len(self._data) if at < 0 else at
            if end > self._at:
                yield self._taken(end)
            if at >= 0:
                return

    def section(self, stop: Stop, limit: int = MAX_SECTION_BYTES) -> GeoText:
        """All of `pieces` as one. Raises BadInput `section_too_long`."""
        first, size, held = self.line, 0, []
        for piece in self.pieces(stop):
            size += len(piece.data)
            if size > limit:
                raise piece.fault(
                    "section_too_long",
                    f"found more than {limit} bytes without the line that ends them",
                    first,
                    hint="check that the file is what its name says",
                )
            held.append(piece.data)
        return GeoText(b"".join(held), self.name, first)

    def next_line(self) -> GeoText:
        """The next line; empty at the end."""
        if self.ended():
            return GeoText(b"", self.name, self.line)
        return self._taken(self._data.find(b"\n", self._at) + 1 or len(self._data))

    def next_begins(self, mark: bytes) -> bool:
        """Whether the next line begins so."""
        return not self.ended() and self._data.startswith(mark, self._at)

    def give_back(self, data: bytes) -> None:
        """Puts lines that were taken last before those that come next."""
        if len(data) <= self._at:
            self._at -= len(data)
        else:
            self._data, self._at = data + self._data[self._at :], 0
        self.line -= data.count(b"\n")

    def _taken(self, end: int) -> GeoText:
        text = GeoText(self._data[self._at : end], self.name, self.line)
        self._at = end
        self.line += text.data.count(b"\n")
        return text

    def _require_content(self) -> None:
        if self.line == 1 and not self._data:
            raise BadInput(
                "empty_file", "the file has no content", file=self.name, hint="upload it again"
            )

    def _utf8(self, path: Path) -> Iterator[bytes]:
        if head(path, 2).startswith(UTF16_BOMS):
            data, notices = utf8_lines(read_bytes(path, self.name), self.name)
            self.notices.extend(notices)
            yield data if data.endswith(b"\n") else data + b"\n"
            return
        line = 1
        for block in line_blocks(path, self.name, PIECE_BYTES):
            self._refuse_binary(block, line)
            yield block if block.isascii() else self._decoded(block, line)
            line += block.count(b"\n")

    def _refuse_binary(self, block: bytes, line: int) -> None:
        if (at := block.find(b"\0")) >= 0:
            number, before = line + block.count(b"\n", 0, at), block.rfind(b"\n", 0, at)
            raise BadInput(
                "binary_content",
                "found a NUL byte, expected text",
                file=self.name,
                place=f"line {number}, byte {at - before}",
                hint="the file was damaged, or is not what its name says: transfer it again",
            )

    def _decoded(self, block: bytes, line: int) -> bytes:
        try:
            block.decode()
        except UnicodeDecodeError as error:
            if not self.notices:
                message = (
                    f"{self.name} is not UTF-8 (byte 0x{block[error.start]:02x}); such lines were "
                    "read as Latin-1, so check letters with accents"
                )
                number = line + block.count(b"\n", 0, error.start)
                self.notices.append(Notice("not_utf8", message, f"line {number}"))
            return b"".join(map(_line, block.splitlines(keepends=True)))
        return block


def _line(line: bytes) -> bytes:
    try:
        line.decode()
    except UnicodeDecodeError:
        return line.decode("latin-1").encode()
    return line


def at_mark(data: bytes, start: int) -> int:
    """The first line at or after `start` that begins with `!`: what ends every table."""
    at = data.find(b"!", start)
    while at > start and data[at - 1] != _NEWLINE:
        at = data.find(b"!", at + 1)
    return at
