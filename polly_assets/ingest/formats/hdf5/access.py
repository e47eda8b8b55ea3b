"""Careful access to HDF5: every look into a file ends in a value or a BadInput.

Owns opening, links, attributes, raw reads and the bytes-to-text step for the formats that
are HDF5, so that a damaged or hostile file never surfaces as an h5py traceback.
Add here what touches the HDF5 library; keep out what any element of a format means.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from io import BytesIO
from types import TracebackType
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
import polars as pl

from polly_assets.ingest.formats.base import Source
from polly_assets.ingest.formats.hdf5.chunks import unpacked
from polly_assets.ingest.formats.hdf5.nodes import Dataset, Group, Node, node_of, type_of
from polly_assets.ingest.formats.streams.text import GZIP_MAGIC, head, read_bytes
from polly_assets.ingest.formats.wording import fault_of_hdf5
from polly_resources.errors import BadInput, PollyError
from polly_resources.records import Notice

HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
_USER_BLOCKS = (0, 512, 1024, 2048)
"""Where the signature may stand: HDF5 allows a user block before it."""

_BELIEVED = 64 * 1024 * 1024
_DENSEST = 1100
"""Declared bytes per stored byte that compression can reach (deflate: 1032); more beyond
`_BELIEVED` is a declaration without data, that would fill the memory with nothing."""

_FILTERS = {
    305: "LZO",
    307: "bzip2",
    32000: "LZF",
    32001: "Blosc",
    32004: "LZ4",
    32008: "bitshuffle",
    32013: "ZFP",
    32015: "Zstandard",
    32017: "SZ",
    32026: "Blosc2",
}
"""Registered filters that are met, by https://github.com/HDFGroup/hdf5_plugins."""

_LIBRARY_ERRORS = (KeyError, OSError, OverflowError, RuntimeError, TypeError, ValueError)
"""What h5py raises where a file is damaged."""

_UNCLOSED = "already open for write"
"""What the library says of a file whose mark of an open writer is set."""


@dataclass(slots=True)
class Findings:
    """What a reading has met so far: notices, and the places that were left in the file."""

    notices: list[Notice] = field(default_factory=list)
    not_loaded: list[str] = field(default_factory=list)

    def note(self, code: str, message: str, place: str = "") -> None:
        """Record a notice."""
        self.notices.append(Notice(code, message, place))

    def note_not_loaded(self) -> None:
        """Record what was left in the file, where there is anything."""
        if self.not_loaded:
            shown = ", ".join(self.not_loaded)
            self.note("not_loaded", f"kept in the original file only: {shown}")


def is_hdf5(start: bytes) -> bool:
    """Whether a file that begins with these bytes has an HDF5 signature."""
    return any(start.startswith(HDF5_MAGIC, offset) for offset in _USER_BLOCKS)


@contextmanager
def opened(source: Source) -> Iterator[Group]:
    """The root of the source, an HDF5 file; errors raised inside get the source's name.

    Raises BadInput `not_hdf5` or `corrupt_hdf5`. A gzipped file is unpacked in memory.
    """
    with named(source.name), open_file(source) as file:
        yield Group(file.id, "/")


@contextmanager
def named(name: str) -> Iterator[None]:
    """Gives errors that name no file this one."""
    try:
        yield
    except PollyError as error:
        error.file = error.file or name
        raise


def open_file(source: Source) -> h5py.File:
    """The source as an open HDF5 file that the caller closes; see `opened`."""
    start = head(source.path)
    if not is_hdf5(start):
        found = repr(start[:8]) if start else "an empty file"
        raise BadInput(
            "not_hdf5",
            f"found {found}, expected an HDF5 signature",
            hint="the content is not what the name says: upload the original again",
        )
    with guarded("/"):
        return _file(source)


def _file(source: Source) -> h5py.File:
    if _gzipped(source):
        return h5py.File(BytesIO(read_bytes(source.path, source.name)), "r")
    try:  # what `h5py.File(path, locking=False)` does, in half of its time
        found = h5py.h5f.open(os.fsencode(source.path), h5py.h5f.ACC_RDONLY, fapl=_access())
        return h5py.File(found)
    except OSError as error:
        if _UNCLOSED not in str(error):
            raise
        raise BadInput(
            "not_closed",
            "the file says that it is still being written: it was not closed",
            place="/",
            hint="upload it again once its writer has closed it; `h5clear -s` removes the mark "
            "that a writer left which died",
        ) from error


def _gzipped(source: Source) -> bool:
    with source.path.open("rb") as raw:
        return raw.read(len(GZIP_MAGIC)) == GZIP_MAGIC


@cache
def _access() -> h5py.h5p.PropFAID:
    """How files are opened: without locks."""
    plan = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    plan.set_file_locking(False, True)
    return plan


class guarded:  # noqa: N801 - a context manager, that is used as a function
    """Turns what the HDF5 library raises into BadInput at this place.

    A class, not a generator: a file has hundreds of small elements.
    """

    __slots__ = ("_node", "_part")

    def __init__(self, node: Node | str, part: str = "") -> None:
        self._node, self._part = node, part

    def __enter__(self) -> None:
        return

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            return
        if isinstance(error, MemoryError):
            raise BadInput(
                "too_large", "does not fit in memory", place=self._place(), hint="split the file"
            ) from error
        if isinstance(error, _LIBRARY_ERRORS):
            raise BadInput(
                "corrupt_hdf5",
                fault_of_hdf5(error),
                place=self._place(),
                hint="check the file with `h5dump -H` and transfer it again",
            ) from error

    def _place(self) -> str:
        if isinstance(self._node, str):
            return self._node
        return f"{self._node.name.rstrip('/')}/{self._part}" if self._part else self._node.name


def child(group: Group, key: str) -> Node | None:
    """The object at `key` (a path below the group), or None.

    Raises BadInput `linked_element` for soft and external links: what they lead to is
    no part of the file that was uploaded, or changes with it.
    """
    if "/" not in key:
        with guarded(group, key):
            return _member(group, key)
    node: Node | None = group
    for part in key.split("/"):
        if not isinstance(node, Group) or not part:
            return None
        node = child(node, part)
    return node


def _member(group: Group, part: str) -> Node | None:
    """A member by the low-level interface, which opens it once."""
    name = part.encode()
    link = group.links.get(name)
    if link is None:
        return None
    if link != h5py.h5l.TYPE_HARD:
        raise BadInput(
            "linked_element",
            "found a soft or external link, expected the data itself",
            place=group.below(part),
            hint="write the file anew so that it holds all its data",
        )
    return node_of(h5py.h5o.open(group.id, name), group.below(part))


def required(group: Group, key: str) -> Node:
    """The object at `key`; BadInput `missing_element` where there is none."""
    node = child(group, key)
    if node is None:
        raise BadInput(
            "missing_element",
            f"found {', '.join(keys(group)) or 'nothing'}; expected {key!r}",
            place=group.below(key),
            hint="AnnData writes /obs and /var in every .h5ad; a 10x or loom file must be "
            "converted first"
            if group.name == "/"
            else "the file was cut or edited by hand; write it anew with AnnData",
        )
    return node


def keys(group: Group) -> list[str]:
    """The names of a group's members; BadInput `bad_name` where one is no UTF-8."""
    with guarded(group):
        names = list(group.links)
    try:
        return [name.decode() for name in names]
    except UnicodeDecodeError as error:
        raise BadInput(
            "bad_name",
            f"found a member called {error.object!r}, expected names in UTF-8",
            place=group.name,
            hint="rename it and write the file anew",
        ) from None


def attribute_names(node: Node) -> list[str | bytes]:
    """The names of a node's attributes, as the file spells them: bytes where not UTF-8."""
    with guarded(node.name):
        return list(h5py.AttributeManager(node))


def attribute(node: Node, key: str | bytes) -> Any:
    """An attribute as str, list of str, numpy value or None; arrays of one become scalars."""
    value: Any
    name = key if isinstance(key, bytes) else key.encode()
    with guarded(node):
        if not h5py.h5a.exists(node.id, name):
            return None
        found = h5py.h5a.open(node.id, name)
        kind, shape = type_of(found, f"{node.name}@{plain_text(key)}"), found.shape
        if kind.kind in "Obiuf" and shape is not None:  # `attrs` takes five times as long
            cells = np.empty(shape, kind)
            found.read(cells)
            value = cells[()]
        else:
            value = h5py.AttributeManager(node)[key]
    if isinstance(value, np.ndarray) and value.dtype.kind in "OSU":
        value = [plain_text(item) for item in value.ravel().tolist()]
    if isinstance(value, bytes | str):
        return plain_text(value)
    return value


def text_attribute(node: Node, key: str) -> str | None:
    """A string attribute, also where a writer made it an array of one."""
    value = attribute(node, key)
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return value if isinstance(value, str) else None


def plain_text(value: object) -> str:
    """A name or word as valid text, whatever bytes it was made of."""
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    return str(value).encode("utf-8", errors="replace").decode("utf-8")


def read_array(dataset: Dataset) -> npt.NDArray[Any]:
    """All values of a dataset in native byte order."""
    with guarded(dataset):
        plan = _trusted(dataset)
        values = None if plan is None else unpacked(dataset.id, plan)
        if dataset.dtype.subdtype is not None:  # whose axes follow those of the dataset
            values = dataset.part(())
        elif values is None:
            values = np.empty(dataset.shape, dataset.dtype)
            dataset.id.read(h5py.h5s.ALL, h5py.h5s.ALL, values, _in_memory(dataset.dtype))
    return values if values.dtype.isnative else values.astype(values.dtype.newbyteorder("="))


def _in_memory(kind: np.dtype[Any]) -> h5py.h5t.TypeID | None:
    """The type of numbers in memory, which takes longer to make than they to read."""
    return _number(kind) if kind.kind in "biuf" and kind.metadata is None else None


@cache
def _number(kind: np.dtype[Any]) -> h5py.h5t.TypeID:
    return h5py.h5t.py_create(kind)


def check_storage(dataset: Dataset) -> h5py.h5p.PropDCID | None:
    """How a dataset was made that lies in chunks; None where it does not.

    Raises what `read_array` raises where its storage is not to be trusted.
    """
    with guarded(dataset):
        return _trusted(dataset)


def _trusted(dataset: Dataset) -> h5py.h5p.PropDCID | None:
    # What has an offset lies in one piece in its file; plans take ten times as long to ask for.
    plan = None if dataset.id.get_offset() is not None else _plan(dataset)
    declared = math.prod(dataset.shape) * dataset.dtype.itemsize
    if declared > _BELIEVED and declared > (stored := dataset.id.get_storage_size()) * _DENSEST:
        raise BadInput(
            "declared_too_large",
            f"declares {declared} bytes of values and stores {stored}",
            place=dataset.name,
            hint="most of it was never written: write the file anew, sparse if it is so empty",
        )
    return plan


def _plan(dataset: Dataset) -> h5py.h5p.PropDCID | None:
    plan = dataset.id.get_create_plist()
    layout = plan.get_layout()
    if layout == h5py.h5d.VIRTUAL or plan.get_external_count():
        raise BadInput(
            "linked_element",
            "its values are kept in another file",
            place=dataset.name,
            hint="write the file anew so that it holds all its data",
        )
    if layout != h5py.h5d.CHUNKED:
        return None
    for i in range(plan.get_nfilters()):
        code, _, _, name = plan.get_filter(i)
        if not h5py.h5z.filter_avail(code):
            raise BadInput(
                "unsupported_filter",
                f"compressed with {_filter(code, plain_text(name))}, which is not part of HDF5",
                place=dataset.name,
                hint="write the file anew with gzip as its compression",
            )
    return plan


def _filter(code: int, name: str) -> str:
    """What a filter is called, also where the file does not say."""
    known = _FILTERS.get(code) or name.partition(";")[0] or "an unknown filter"
    return f"{known} (filter {code})"


def text_series(values: npt.NDArray[Any], place: str, findings: Findings) -> pl.Series:
    """Byte strings (fixed or variable length) as text: UTF-8, else Latin-1 with a Notice.

    Raises BadInput `binary_content` where a NUL byte is within one, as it is in no text.
    """
    raw = values.tolist()
    if b"\0" in b"".join(raw):
        row = next(row for row, text in enumerate(raw) if b"\0" in text)
        raise BadInput(
            "binary_content",
            f"found a NUL byte in {raw[row][:40]!r}, the text of row {row}, expected text",
            place=place,
            hint="the file was damaged, or holds bytes that are no text: write them as numbers",
        )
    try:
        return pl.Series(raw, dtype=pl.Binary).cast(pl.String)
    except pl.exceptions.PolarsError:
        findings.note("not_utf8", "text is not UTF-8; read as Latin-1", place)
        return pl.Series([item.decode("latin-1") for item in raw], dtype=pl.String)
