"""What all text formats share: bytes off the disk, characters, lines, safe ids.

Owns gunzipping (by content, never by name), decoding, line ends and the rule that makes a
dataset id from a file name. Add here what at least two text formats need.
Keep out: the grammar of any one format.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import BufferedIOBase
from pathlib import Path

from polly_assets.ingest.formats.base import HEAD_BYTES
from polly_assets.ingest.formats.cbio.names import study_name
from polly_assets.ingest.formats.streams.packed import GZIP_ERRORS, gunzip, gunzip_pieces, gunzipped
from polly_assets.ingest.formats.tenx.names import dataset_name
from polly_resources.errors import BadInput
from polly_resources.records import Notice

GZIP_MAGIC = b"\x1f\x8b"

KNOWN_ENDINGS = (
    "_family.soft",
    "_family.txt",
    "_family.xml",
    "_series_matrix.txt",
    ".cls",
    ".csv",
    ".gct",
    ".gctx",
    ".h5",
    ".h5ad",
    ".hdf5",
    ".json",
    ".loom",
    ".miniml.xml",
    ".maf",
    ".mtx",
    ".parquet",
    ".pq",
    ".seg",
    ".soft",
    ".tab",
    ".tsv",
    ".txt",
    ".vcf",
    ".xls",
    ".xml",
)
"""Endings that are no part of a dataset id; at most one is removed, after `.gz`."""

MAX_LINE_BYTES = 64 * 1024**2
"""What a line of a file that is read in blocks may have."""

UTF8_BOM = b"\xef\xbb\xbf"
UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")
_UNSAFE = re.compile(r"[^0-9A-Za-z_.-]+")


def read_bytes(path: Path, name: str) -> bytes:
    """The content of a file, gunzipped where it is gzipped (all members).

    Raises BadInput `empty_file` (also for a gzip of nothing), `corrupt_gzip` or
    `unpacks_too_large`.
    """
    with path.open("rb") as raw:
        packed = raw.read(len(GZIP_MAGIC)) == GZIP_MAGIC
    data = gunzip(path, name) if packed else path.read_bytes()
    if not data:
        raise BadInput("empty_file", "the file has no content", file=name, hint="upload it again")
    return data


def check_line(line: bytes, name: str, place: str = "") -> None:
    """Raises BadInput `line_too_long` where a line, or what was read of it, is no line of text."""
    if len(line) > MAX_LINE_BYTES:
        raise BadInput(
            "line_too_long",
            f"a line has more than {MAX_LINE_BYTES} bytes, expected lines of text",
            file=name,
            place=place,
            hint="check that the file is what its name says",
        )


def line_blocks(path: Path, name: str, size: int = 16 * 1024**2) -> Iterator[bytes]:
    r"""A file in blocks of whole lines of about `size` bytes, each line ended by `\n`.

    Without byte order mark. For files too large to be held whole. Raises BadInput
    `corrupt_gzip`, `unpacks_too_large` or `line_too_long`.
    """
    data = b""
    waiting: list[bytes] = []
    for position, piece in enumerate(pieces(path, name, size)):
        waiting.append(piece if position else piece.removeprefix(UTF8_BOM))
        if sum(map(len, waiting)) < size:
            continue
        data += b"".join(waiting)
        waiting.clear()
        kept = len(data) - data.endswith(b"\r")  # a CR-LF may be cut in two
        whole = unified(data[:kept])
        end = whole.rfind(b"\n") + 1
        data = whole[end:] + data[kept:]
        if end:
            yield whole[:end]
        else:
            check_line(data, name)
    data += b"".join(waiting)
    if data:
        yield unified(data).removesuffix(b"\n") + b"\n"


def pieces(path: Path, name: str, size: int) -> Iterator[bytes]:
    """A file, gunzipped where it is gzipped, in pieces of `size` bytes at most.

    Raises BadInput `corrupt_gzip` or `unpacks_too_large`.
    """
    with path.open("rb") as raw:
        if raw.read(len(GZIP_MAGIC)) == GZIP_MAGIC:
            yield from gunzip_pieces(path, name)
            return
        raw.seek(0)
        while piece := raw.read(size):
            yield piece


def head(path: Path, n: int = HEAD_BYTES) -> bytes:
    """The first `n` bytes, gunzipped where gzipped; what is readable of a damaged file."""
    with path.open("rb") as raw:
        gzipped = raw.read(len(GZIP_MAGIC)) == GZIP_MAGIC
        raw.seek(0)
        if not gzipped:
            return raw.read(n)
        return _readable(gunzipped(raw), n)


def _readable(stream: BufferedIOBase, n: int) -> bytes:
    found = bytearray()
    try:
        while len(found) < n and (chunk := stream.read1(n - len(found))):
            found += chunk
    except GZIP_ERRORS:
        pass
    return bytes(found)


def decode(data: bytes, name: str) -> tuple[str, tuple[Notice, ...]]:
    """Characters of a text file, without byte order mark.

    UTF-8, or UTF-16 where its byte order mark says so; a line that is neither is read as
    Latin-1, which never fails. All but UTF-8 is recorded as Notice `not_utf8`.
    """
    if data.startswith(UTF16_BOMS):
        try:
            return data.decode("utf-16"), (utf16_notice(name),)
        except UnicodeDecodeError:
            pass
    data, notice = as_utf8(data.removeprefix(UTF8_BOM), name)
    return data.decode(), () if notice is None else (notice,)


def utf16_notice(name: str) -> Notice:
    """What is said of a file in UTF-16."""
    return Notice("not_utf8", f"{name} is UTF-16; read as such")


def as_utf8(data: bytes, name: str, first_line: int = 1) -> tuple[bytes, Notice | None]:
    """The same lines as UTF-8: those that are not are taken for Latin-1, the first is noticed."""
    if data.isascii():
        return data, None
    try:
        data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + first_line
        message = (
            f"{name} is not UTF-8 (byte 0x{data[error.start]:02x}); such lines were read as "
            "Latin-1, so check letters with accents"
        )
        return b"\n".join(map(_line_as_utf8, data.split(b"\n"))), Notice(
            "not_utf8", message, f"line {line}"
        )
    return data, None


def _line_as_utf8(line: bytes) -> bytes:
    try:
        line.decode()
    except UnicodeDecodeError:
        return line.decode("latin-1").encode()
    return line


def utf8_lines(data: bytes, name: str) -> tuple[bytes, tuple[Notice, ...]]:
    r"""The file as UTF-8 bytes with every line end (CR-LF, CR) made `\n`.

    Raises BadInput `binary_content` where it has a NUL byte, which no text has.
    """
    notices: tuple[Notice, ...] = ()
    if not data.isascii():
        text, notices = decode(data, name)
        data = text.encode()
    data = unified(data)
    refuse_nul(data, name)
    return data, notices


def refuse_nul(data: bytes, name: str, first_line: int = 1) -> None:
    """Raises BadInput `binary_content` where a NUL byte is; `first_line` numbers the first line."""
    if (at := data.find(b"\0")) >= 0:
        line, before = data.count(b"\n", 0, at) + first_line, data.rfind(b"\n", 0, at)
        raise BadInput(
            "binary_content",
            "found a NUL byte, expected text",
            file=name,
            place=f"line {line}, byte {at - before}",
            hint="the file was damaged, or is not what its name says: transfer it again",
        )


def unified(data: bytes) -> bytes:
    r"""The same lines, each ended by `\n` alone."""
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return data


def base_name(name: str) -> str:
    """The last part of a path, without `.gz` (or bgzip's `.bgz`) and without one known ending."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1].strip()
    last = _without(_without(last, ".gz"), ".bgz")
    for ending in KNOWN_ENDINGS:
        if last.lower().endswith(ending):
            return _without(last, ending)
    return last


def _without(name: str, ending: str) -> str:
    return name[: -len(ending)] if name.lower().endswith(ending) else name


def safe_id(text: str) -> str:
    """`text` with every run of characters outside `[0-9A-Za-z_.-]` made one `_`.

    The empty string where no letter or digit would remain.
    """
    safe = _UNSAFE.sub("_", text.strip()).lstrip(".")
    return safe if any(c.isalnum() for c in safe) else ""


def dataset_id_from_name(name: str) -> str:
    """The dataset id that a file name stands for: `a/GSE1 x.gct.gz` is `GSE1_x`.

    Files that Cell Ranger calls alike in every run take their folder's (`dataset_name`), and so
    does a cBioPortal study.
    Raises BadInput `unusable_name` where no letter or digit of the name is usable.
    """
    if found := safe_id(dataset_name(name) or study_name(name) or base_name(name)):
        return found
    raise BadInput(
        "unusable_name",
        "the file name has no ASCII letter or digit to make a dataset id from",
        file=name,
        hint="rename the file, such as GSE60450.csv",
    )
