"""Zip and tar files as streams of members, trusting nothing that they say.

Owns the reading of both archive formats: every fault of one is a `Refused`, whatever the
library raises. Keep out: names, limits of size, and writing (`bundles`), and how a tar is
packed (`unpacking`).
"""

from __future__ import annotations

import lzma
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import IO, Any, Self, cast

from polly_assets.ingest.formats.streams.packed import GZIP_ERRORS
from polly_assets.ingest.unpacking import UNPACK_ERRORS, Watched, unpacked

_STEP = 1024**2
_ENTRY = b"PK\x01\x02"
_END, _END_SIZE = b"PK\x05\x06", 22
_END64, _END64_SIZE = b"PK\x06\x06", 56 + 20
_MOST_COMMENT = 0xFFFF
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
_ENCRYPTED, _UTF8 = 0x1, 0x800
_MOST_HEADER = 64 * 1024
"""Bytes of a tar's extended header."""

_MOST_SEARCH = _MOST_HEADER**2
"""Steps of the library's search in extended headers beyond 1 kB: the square of their bytes."""

_DAMAGE: tuple[type[Exception], ...] = (
    *GZIP_ERRORS,
    *UNPACK_ERRORS,
    IndexError,
    NotImplementedError,
    OverflowError,
    RuntimeError,
    ValueError,
    lzma.LZMAError,
    struct.error,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What the libraries raise for damaged archives."""


class Refused(Exception):
    """Why a bundle is not unpacked; `place` is the member."""

    def __init__(self, code: str, message: str, place: str, hint: str) -> None:
        super().__init__(message)
        self.code, self.message, self.place, self.hint = code, message, place, hint


@dataclass(frozen=True, slots=True)
class Member:
    """One file of an archive. `pieces` gives its content once, before the next member."""

    name: str
    pieces: Callable[[], Iterator[bytes]]


def zip_members(path: Path, most: int) -> Iterator[Member]:
    """The files of a zip. Raises Refused."""
    with _guarded():
        if _entries(path, most) > most:
            raise too_many(most)
        archive = zipfile.ZipFile(path)
    with archive:
        for info in archive.infolist():
            of_windows = info.filename.endswith("\\") and not info.file_size
            if not (of_windows or info.filename.endswith("/")):
                _check_zip(info)
                yield Member(_name(info), partial(_read_zip, archive, info))


def _entries(path: Path, most: int) -> int:
    """How many entries a zip's directory has, before it is held in memory; counted to `most`.

    The directory lies where the library looks for it: as long as the end record says, before it.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - _END_SIZE - _MOST_COMMENT))
        tail = file.read()
        at = tail.rfind(_END)
        record = tail[at : at + _END_SIZE]
        if at < 0 or len(record) < _END_SIZE:
            raise zipfile.BadZipFile("it has no directory at its end")
        if struct.unpack_from("<H", record, 4)[0] not in (0, 0xFFFF):
            raise Refused(
                "split_bundle",
                "found the last part of a zip in several parts, expected one file",
                "",
                "join the parts with `zip -s 0 x.zip --out whole.zip`",
            )
        (length,) = struct.unpack_from("<L", record, 12)
        end = size - len(tail) + at
        wide = tail[max(0, at - _END64_SIZE) : at]
        if wide.startswith(_END64):
            (length,) = struct.unpack_from("<Q", wide, 40)
            end -= _END64_SIZE
        file.seek(max(0, end - length))
        return _counted(file, min(length, end), most)


def _counted(file: IO[bytes], length: int, most: int) -> int:
    found, held = 0, b""
    while length > 0 and found <= most and (piece := file.read(min(length, _STEP))):
        length -= len(piece)
        held += piece
        found += held.count(_ENTRY)
        held = held[-len(_ENTRY) + 1 :]
    return found


def _name(info: zipfile.ZipInfo) -> str:
    """The name as it was meant: whole, and UTF-8 where it is that without saying so."""
    name = info.orig_filename
    if not info.flag_bits & _UTF8 and not name.isascii():
        try:
            return name.encode("cp437").decode()
        except UnicodeError:
            return name
    return name


def _check_zip(info: zipfile.ZipInfo) -> None:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        raise _linked(info.filename)
    if info.flag_bits & _ENCRYPTED:
        raise Refused(
            "encrypted_bundle",
            "found an encrypted member, expected a bundle without password",
            info.filename,
            "pack it again without a password",
        )
    if info.compress_type not in _METHODS:
        raise Refused(
            "unknown_compression",
            f"compressed with zip's method {info.compress_type}, expected deflate or none",
            info.filename,
            "pack it again with `zip -r`",
        )


def _read_zip(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
    with _guarded(info.filename):
        member = archive.open(info)
    with member:
        yield from _pieces(member, info.filename)


def tar_members(path: Path, most: int) -> Iterator[Member]:
    """The files of a tar, packed or not, read front to back. Raises Refused."""
    with path.open("rb") as raw:
        with _guarded():
            stream = Watched(raw, unpacked(raw), path.name)
            archive = tarfile.TarFile.open(
                fileobj=cast(IO[bytes], stream), mode="r|", tarinfo=type("", (_Header,), {})
            )
        with archive:
            for number in count(1):
                with _guarded(f"entry {number}"):
                    info = archive.next()
                if info is None:
                    break
                if number > most:
                    raise too_many(most)
                _check_tar(info)
                if info.isreg():
                    yield Member(info.name, partial(_read_tar, archive, info))
            with _guarded(f"after {number - 1} entries"):
                _check_end(archive, stream, number - 1)


def _check_end(archive: tarfile.TarFile, stream: Watched, entries: int) -> None:
    """Reads on to the end of the file, so that its checksum is seen and nothing is left."""
    if stream.ended:
        raise Refused(
            "cut_bundle",
            "the bundle ends without its end mark, expected two blocks of zeros",
            f"after {entries} entries",
            "it was cut short: transfer it again",
        )
    rest = cast(IO[bytes], archive.fileobj)
    while piece := rest.read(_STEP):
        if piece.strip(b"\0"):
            raise Refused(
                "content_after_end",
                "the bundle goes on after its end mark, expected nothing but zeros",
                f"after {entries} entries",
                "if tar files were joined, unpack it with `tar --ignore-zeros`, and pack it anew",
            )


class _Header(tarfile.TarInfo):
    """A header as the library reads it, but none that is damaged ends the archive.

    Each archive has a class of its own, which counts.
    """

    searched = 0

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """See `tarfile.TarInfo.frombuf`."""
        try:
            found = super().frombuf(buf, encoding, errors)
        except tarfile.InvalidHeaderError as error:  # type: ignore[attr-defined]
            raise tarfile.ReadError(f"a damaged header: {error}") from error
        if found.type in _EXTENDED:
            cls.searched += found.size**2 if found.size > 1024 else 0
            if found.size > _MOST_HEADER or cls.searched > _MOST_SEARCH:
                raise tarfile.ReadError("extended headers are too large")
        return found


_EXTENDED: tuple[Any, ...] = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)


def too_many(most: int) -> Refused:
    """The refusal of a bundle with more than so many files."""
    return Refused(
        "too_many_members",
        f"the bundle holds more than {most} files",
        f"entry {most + 1}",
        "split it, or give the folder itself",
    )


def _check_tar(info: tarfile.TarInfo) -> None:
    try:
        info.name.encode()
    except UnicodeEncodeError:
        name = ascii(info.name)[1:-1]
        raise Refused(
            "unsafe_member", "the name of a member is not UTF-8", name, "rename the file"
        ) from None
    if not (info.isreg() or info.isdir()):
        raise _linked(info.name)


def _read_tar(archive: tarfile.TarFile, info: tarfile.TarInfo) -> Iterator[bytes]:
    with _guarded(info.name):
        member = archive.extractfile(info)
    if member is not None:
        with member:
            yield from _pieces(member, info.name)


def _pieces(member: IO[bytes], name: str) -> Iterator[bytes]:
    while True:
        with _guarded(name):
            piece = member.read(_STEP)
        if not piece:
            return
        yield piece


def _linked(name: str) -> Refused:
    return Refused(
        "linked_member",
        "found a link or device, expected files and folders only",
        name,
        "pack the file itself, such as with `tar --dereference`",
    )


@contextmanager
def _guarded(place: str = "") -> Iterator[None]:
    """Turns what the libraries raise for damage into Refused."""
    try:
        yield
    except _DAMAGE as error:
        raise Refused(
            "corrupt_bundle",
            f"the bundle is damaged, or no zip or tar ({error})",
            place,
            "check it with `unzip -t` or `tar -tf`, and transfer it again",
        ) from error
