"""Files and folders as one multipart body, read while it is sent.

Owns the names under which files travel, the same under which they would land: a file goes by its
name, a folder's files by their path below it. Keep out: which files are data.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from polly_api.words import Conflict, NotFound

CHUNK_BYTES = 1 << 18


def named_files(paths: Sequence[Path]) -> dict[str, Path]:
    """Name -> file for everything under the paths.

    Raises:
        NotFound: A path does not exist.
        Conflict: Two files have one name.
    """
    found: dict[str, Path] = {}
    for path in paths:
        for name, file in _files(path):
            if name in found and found[name].resolve() != file.resolve():
                raise Conflict(
                    "same_name",
                    f"{file} and {found[name]} would both be sent as {name}",
                    file=str(file),
                    hint="send their parent folder instead, so that their paths differ",
                )
            found[name] = file
    return found


def _files(path: Path) -> Iterator[tuple[str, Path]]:
    if path.is_file():
        yield path.absolute().name, path
    elif path.is_dir():
        for file in sorted(path.rglob("*")):
            if file.is_file():
                yield file.relative_to(path).as_posix(), file
    else:
        raise NotFound("no_such_file", "no file or folder of this name", file=str(path))


def multipart(files: Mapping[str, Path]) -> tuple[str, Iterator[bytes]]:
    """The content type and the body that carries the files."""
    boundary = secrets.token_hex(16)
    return f"multipart/form-data; boundary={boundary}", _body(boundary, files)


def _body(boundary: str, files: Mapping[str, Path]) -> Iterator[bytes]:
    for name, path in files.items():
        escaped = name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
        yield (
            f"--{boundary}\r\n"
            f'Content-Disposition: form-data; name="files"; filename="{escaped}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        ).encode()
        with path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk
        yield b"\r\n"
    yield f"--{boundary}--\r\n".encode()
