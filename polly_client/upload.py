"""Files and folders as one multipart body, read while it is sent.

Owns the names under which files travel: a file goes by its name, a folder's files by their
path from the folder's parent. Keep out: the server's side, and which files are data.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path

from polly_api.words import BadInput

CHUNK_BYTES = 1 << 18


def named_files(paths: Sequence[Path]) -> list[tuple[str, Path]]:
    """Each file under the paths with its name for the server. Raises BadInput."""
    found: list[tuple[str, Path]] = []
    for given in paths:
        path = given.absolute()
        if path.is_dir():
            files = sorted(each for each in path.rglob("*") if each.is_file())
            root = path.resolve()
            found += [(f"{root.name}/{each.relative_to(path).as_posix()}", each) for each in files]
        elif path.is_file():
            found.append((path.name, path))
        else:
            raise BadInput(
                "no_such_path",
                "no such file or folder",
                file=str(given),
                hint="check the spelling and the working folder",
            )
    return found


def multipart(files: Sequence[tuple[str, Path]]) -> tuple[str, Iterator[bytes]]:
    """The content type and the body that carries the files."""
    boundary = secrets.token_hex(16)
    return f"multipart/form-data; boundary={boundary}", _body(boundary, files)


def _body(boundary: str, files: Sequence[tuple[str, Path]]) -> Iterator[bytes]:
    for name, path in files:
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
