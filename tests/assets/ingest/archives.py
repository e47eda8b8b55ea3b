"""Small zip and tar files, good and hostile, built byte by byte where a library would refuse."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from collections.abc import Mapping

Files = Mapping[str, bytes]


def zipped(files: Files, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def tarred(files: Files) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in files.items():
            add(archive, name, content)
    return out.getvalue()


def tar_gz(files: Files) -> bytes:
    return gzip.compress(tarred(files))


def add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    archive.addfile(info, io.BytesIO(content))


def tar_of(**fields: object) -> bytes:
    """A tar of `good.gct` and one member with these fields."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        add(archive, "good.gct", b"content")
        info = tarfile.TarInfo("odd")
        for name, value in fields.items():
            setattr(info, name, value)
        archive.addfile(info)
    return out.getvalue()


def zip_of(name: str = "odd", *, mode: int = 0, flags: int = 0, method: int = 0) -> bytes:
    """A zip of one member with these fields in its directory, whatever the content."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        info = zipfile.ZipInfo(name)
        info.external_attr = mode << 16
        archive.writestr(info, b"content")
    data = bytearray(out.getvalue())
    at = data.find(b"PK\x01\x02")
    data[at + 8] |= flags
    data[6] |= flags
    if method:
        data[at + 10] = data[8] = method
    return bytes(data)


PACKERS = {".zip": zipped, ".tar": tarred, ".tar.gz": tar_gz, ".TGZ": tar_gz}
