"""Zip and tar files as streams of members, trusting nothing that they say.

Owns the reading of both archive formats: every fault of one is a `Refused`, whatever the
library raises. Keep out: names, limits of size, and writing (`bundles`).
"""

from __future__ import annotations

import lzma
import mmap
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from io import BufferedIOBase
from itertools import count
from pathlib import Path
from typing import IO, cast

from polly_assets.ingest.formats.packed import GZIP_ERRORS, check_growth, gunzipped

_STEP = 1024**2
_ENTRY = b"PK\x01\x02"
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
_ENCRYPTED = 0x1
_DAMAGE: tuple[type[Exception], ...] = (
    *GZIP_ERRORS,
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
            raise _too_many(most)
        archive = zipfile.ZipFile(path)
    with archive:
        for info in archive.infolist():
            if not info.is_dir():
                _check_zip(info)
                yield Member(info.filename, partial(_read_zip, archive, info))


def _entries(path: Path, most: int) -> int:
    """How many entries a zip's directory has, before it is held in memory; counted to `most`."""
    found, at = 0, 0
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        while found <= most and (at := data.find(_ENTRY, at) + 1):
            found += 1
    return found


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
    """The files of a tar, gzipped or not, read front to back. Raises Refused."""
    with path.open("rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        stream = _Stream(raw, gunzipped(raw) if packed else raw, path.name)
        with _guarded():
            archive = tarfile.TarFile.open(fileobj=cast(IO[bytes], stream), mode="r|")
        with archive:
            for number in count(1):
                with _guarded(f"entry {number}"):
                    info = archive.next()
                if info is None:
                    break
                if number > most:
                    raise _too_many(most)
                _check_tar(info)
                if info.isreg():
                    yield Member(info.name, partial(_read_tar, archive, info))
        if stream.ended:
            raise Refused(
                "cut_bundle",
                "the bundle ends without its end mark, expected two blocks of zeros",
                f"after {number - 1} entries",
                "it was cut short: transfer it again",
            )


def _too_many(most: int) -> Refused:
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


class _Stream:
    """Bytes of a tar as they are read: notes the end, and lets a gzip not grow without end.

    The library holds whole headers in memory, so members are not the only thing to grow.
    """

    def __init__(self, raw: IO[bytes], content: IO[bytes] | BufferedIOBase, name: str) -> None:
        self._raw, self._content, self._name = raw, content, name
        self._size = 0
        self.ended = False

    def read(self, size: int) -> bytes:
        """The next bytes."""
        piece = self._content.read(size)
        self._size += len(piece)
        self.ended = self.ended or not piece
        check_growth(self._size, self._raw.tell(), self._name)
        return piece
