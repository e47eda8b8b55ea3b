"""A file and its gzip side by side: one of them is read, and the other is compared with it.

Owns which names are such a pair, and what is told of their contents. Keep out: pairs whose readers
compare what both say: lists of a MatrixMarket matrix (`list_given_twice`) and descriptions of a GEO
series (`files_united`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from polly_assets.ingest.formats.base import Source
from polly_assets.ingest.formats.geo.files import describes_series
from polly_assets.ingest.formats.streams.text import pieces
from polly_assets.ingest.formats.tenx.names import MATRIX, member
from polly_resources.errors import BadInput
from polly_resources.records import Notice

_KEY = "twice."
"""How the keys of such gzips begin among the sidecars of a source; the key of the other follows."""

_MAIN = "."
"""The key of the main file, which has none."""

_PIECE = 1024**2


def given_twice(names: Iterable[str]) -> dict[str, str]:
    """The files that are in one folder with another of their name without `.gz`, and that one."""
    there = set(names)
    found = {}
    for name in there:
        other = name[: -len(".gz")]
        if name.lower().endswith(".gz") and other in there and not _compared(other):
            found[name] = other
    return found


def _compared(name: str) -> bool:
    """Whether a reader takes the file and its gzip, and tells where they differ."""
    last = name.rpartition("/")[2].lower()
    found = member(last)
    return (found is not None and found.role != MATRIX) or describes_series(last)


def with_twice(
    groups: Mapping[str, Mapping[str, str]], twice: Mapping[str, str]
) -> dict[str, dict[str, str]]:
    """The main files with their sidecars, where such gzips were put to the source of the other."""
    joined = {main: dict(beside) for main, beside in groups.items()}
    owners: dict[str, tuple[str, str]] = {}
    for main, beside in groups.items():
        for key, name in ((_MAIN, main), *beside.items()):
            owners.setdefault(name, (main, key))
    for name, other in sorted(twice.items()):
        main, key = owners[other]
        joined[main][_KEY + key] = name
    return joined


def without_twice(source: Source) -> tuple[Source, Iterator[Notice]]:
    """The source without such gzips, and what is to be told of each."""
    twice = {key: path for key, path in source.sidecars.items() if key.startswith(_KEY)}
    rest = {key: path for key, path in source.sidecars.items() if key not in twice}
    files = {_MAIN: source.path, **rest}
    named = ((path, files[key.removeprefix(_KEY)]) for key, path in sorted(twice.items()))
    return replace(source, sidecars=rest), (_told(path, other) for path, other in named)


def _told(path: Path, other: Path) -> Notice:
    try:
        same = _digest(path) == _digest(other)
    except BadInput as error:
        text = f"{path.name} is not read, as {other.name} is there, too; {error.message}"
        return Notice("given_twice_otherwise", text)
    if same:
        return Notice("given_twice", f"{path.name} has the same content as {other.name}")
    text = (
        f"{path.name} is not read, as {other.name} is there, too, whose content is another: remove "
        "the one that is not meant, or give it another name"
    )
    return Notice("given_twice_otherwise", text)


def _digest(path: Path) -> bytes:
    found = sha256()
    for piece in pieces(path, path.name, _PIECE):
        found.update(piece)
    return found.digest()
