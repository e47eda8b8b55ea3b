"""Files and folders as one multipart body, read while it is sent.

Owns the encoding of the body. Keep out: which files there are and their names (`collect`).
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path

CHUNK_BYTES = 1 << 18


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
