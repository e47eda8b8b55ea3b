"""Uploaded files, from the network straight to a folder.

Owns the reading of a multipart body part by part (nothing is held in memory beyond a chunk)
and the rule for names: relative `/`-separated paths that stay inside the folder.
Keep out: what the files mean.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterable
from pathlib import Path
from typing import IO

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.concurrency import run_in_threadpool

from polly_assets.ingest.given import unsafe_name
from polly_resources.errors import BadInput

_FILE_NAME = re.compile(r';\s*filename=(?:"(?P<quoted>[^"]*)"|(?P<bare>[^\s;"]+))', re.IGNORECASE)
_ESCAPES = (("%22", '"'), ("%0D", "\r"), ("%0A", "\n"))


def safe_path(folder: Path, name: str) -> Path:
    """Where an upload of that name goes in `folder`. Raises BadInput for an unsafe name."""
    if wrong := unsafe_name(name):
        raise BadInput(
            "bad_upload_name",
            f"the file name {name!r} {wrong}, expected a relative path as in folder/file.gct",
            hint="rename the file",
        )
    return folder.joinpath(*name.split("/"))


class Upload:
    """Writes the files of one multipart body into a folder as the bytes arrive."""

    def __init__(self, folder: Path, content_type: str) -> None:
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary")
        if kind != b"multipart/form-data" or not boundary:
            raise BadInput(
                "not_multipart",
                f"the body is {content_type or 'untyped'!r}, expected multipart/form-data",
                hint="send files as a form does, for example with curl -F files=@FILE",
            )
        self.folder = folder
        self.files: list[Path] = []
        self._out: IO[bytes] | None = None
        self._name = self._value = b""
        self._headers: dict[bytes, bytes] = {}
        self._ended = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._part_begin,
                "on_header_field": self._header_field,
                "on_header_value": self._header_value,
                "on_header_end": self._header_end,
                "on_headers_finished": self._headers_finished,
                "on_part_data": self._part_data,
                "on_part_end": self._part_end,
                "on_end": self._end,
            },
        )

    async def receive(self, body: AsyncIterable[bytes]) -> list[Path]:
        """Read the body to its end; the files written. Raises BadInput."""
        try:
            async for chunk in body:
                if chunk:
                    await run_in_threadpool(self._parser.write, chunk)
        except BadInput:
            # A client that is still sending would not read a reply that comes too soon.
            async for _ in body:
                pass
            raise
        except MultipartParseError as error:
            raise BadInput(
                "bad_multipart", f"the body is not multipart/form-data: {error}"
            ) from error
        finally:
            if self._out is not None:
                self._out.close()
        if not self._ended:
            raise BadInput(
                "cut_upload", "the body ends before its last boundary", hint="send it again"
            )
        if not self.files:
            raise BadInput("no_files", "the body holds no file", hint="name a file in the form")
        return self.files

    def _part_begin(self) -> None:
        self._headers = {}

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        self._headers[self._name.lower()] = self._value
        self._name = self._value = b""

    def _headers_finished(self) -> None:
        name = _file_name(self._headers.get(b"content-disposition", b""))
        path = safe_path(self.folder, name)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._out = path.open("xb")
        except (FileExistsError, NotADirectoryError):
            raise BadInput(
                "duplicate_upload_name",
                f"the file name {name!r} occurs twice in one upload",
                hint="send files of the same name in uploads of their own, or from folders",
            ) from None
        self.files.append(path)

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        assert self._out is not None
        self._out.write(data[start:end])

    def _part_end(self) -> None:
        assert self._out is not None
        self._out.close()
        self._out = None

    def _end(self) -> None:
        self._ended = True


def _file_name(header: bytes) -> str:
    """The `filename` of a Content-Disposition header, as browsers and our client escape it.

    Not `parse_options_header`: it reads Latin-1 and drops what looks like a folder.
    """
    try:
        disposition = header.decode()
    except UnicodeDecodeError:
        raise BadInput(
            "bad_upload_name", f"the file name in {header!r} is not UTF-8", hint="rename the file"
        ) from None
    found = _FILE_NAME.search(disposition)
    if found is None:
        raise BadInput(
            "no_file_name",
            f"a part of the body has no file name ({disposition!r})",
            hint="send files only; options go into the address",
        )
    name = found["quoted"] if found["quoted"] is not None else found["bare"]
    for escape, char in _ESCAPES:
        name = name.replace(escape, char)
    return name
