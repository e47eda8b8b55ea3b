"""Which files belong together: a main file and what describes or completes it, by name.

Owns the pairing of main files with their sidecars, before any file is opened. Add here a way
in which files are named as belonging together.
Keep out: what is in the files, and which reader reads them (`registry`).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from polly_assets.ingest.formats.text import base_name

_GEO = re.compile(r"(_series_matrix|_family)\.txt$")
_MARKED = re.compile(r"(?P<base>.+)[_.](?P<mark>metadata|samples)\.(?P<key>csv|tsv)$")
_NEVER_DATA = re.compile(r"thumbs\.db$|manifest\.csv(\.gz)?$|readme|license|.*\.md$")
_SIDECAR_ONLY = ("json", "cls")
_MATRIX_ORDER = ("gct", "gctx", "txt", "tab", "tsv", "csv")


@dataclass(frozen=True, slots=True)
class SourceGroup:
    """A main file and its sidecars by key: `json`, `csv`, `tsv`, `cls`."""

    main: str
    sidecars: Mapping[str, str] = field(default_factory=dict)


def group_sources(names: Sequence[str]) -> list[SourceGroup]:
    """Main files with their sidecars, in order of the main file's name.

    Files belong together when folder and base name agree (without case and `.gz`). JSON
    describes every main file of its base; `.cls` and a CSV or TSV named `x_metadata`,
    `x.metadata`, `x_samples` or `x.samples` describe the matrices `x`. Of unmarked matrices
    of one base, GCT and GCTX come before TXT, TSV and CSV, and a CSV or TSV behind another is its
    sidecar. What describes nothing is a group of its own, and fails when it is read.
    Hidden files and folders, `Thumbs.db`, `manifest.csv`, READMEs, licences and Markdown are
    left out.
    """
    by_base: dict[tuple[str, str], list[str]] = defaultdict(list)
    marked: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name in sorted(set(names)):
        folder, _, last = name.rpartition("/")
        hidden = any(part.startswith(".") for part in name.split("/"))
        if hidden or _NEVER_DATA.match(last.lower()):
            continue
        found = _MARKED.fullmatch(plain(last))
        target = marked if found else by_base
        target[folder, found["base"] if found else base_name(last).lower()].append(name)
    for place, files in list(marked.items()):
        if not any(_is_matrix(name) for name in by_base.get(place, ())):
            for name in files:
                by_base[place[0], base_name(name).lower()].append(name)
            del marked[place]
    groups = [
        group for place, files in by_base.items() for group in _pair(files, marked.get(place, []))
    ]
    return sorted(groups, key=lambda group: group.main)


def base_of(name: str) -> str:
    """What a file's name has in common, but for case, with those that it may belong to.

    `x` of `a/x.gct.gz`, `x.json` and `x_samples.csv`.
    """
    base = base_name(name)
    found = _MARKED.fullmatch(plain(name.rpartition("/")[2]))
    return base[: -len(found["mark"]) - 1] if found else base


def _pair(files: Sequence[str], marked: Sequence[str]) -> list[SourceGroup]:
    matrices = sorted(
        (name for name in files if _is_matrix(name)),
        key=lambda name: (_MATRIX_ORDER.index(_ending(name)), name),
    )
    described: dict[str, str] = {}
    mains = [name for name in files if _ending(name) not in _SIDECAR_ONLY and name not in matrices]
    alone = []
    for name in marked:
        if described.setdefault(_ending(name), name) != name:
            alone.append(name)
    for position, name in enumerate(matrices):
        key = _ending(name)
        beside = position > 0 and key in ("csv", "tsv") and key != _ending(matrices[0])
        if not beside or described.setdefault(key, name) != name:
            mains.append(name)
    shared: dict[str, str] = {}
    for name in files:
        key = _ending(name)
        if key in _SIDECAR_ONLY:
            owner = shared if key == "json" else described
            useful = mains if key == "json" else matrices
            if not useful or owner.setdefault(key, name) != name:
                alone.append(name)
    groups = [
        SourceGroup(main, shared | described if main in matrices else shared) for main in mains
    ]
    return [*groups, *(SourceGroup(name) for name in alone)]


def plain(name: str) -> str:
    """A name in lower case, without `.gz`."""
    return name.lower().removesuffix(".gz")


def _ending(name: str) -> str:
    return plain(name).rpartition(".")[2]


def _is_matrix(name: str) -> bool:
    return _ending(name) in _MATRIX_ORDER and not _GEO.search(plain(name))


def describes_only(lower: str) -> bool:
    """Whether a file of this plain name can only describe another."""
    found = _MARKED.fullmatch(lower.rpartition("/")[2])
    return _ending(lower) in _SIDECAR_ONLY or bool(found and found["mark"] == "metadata")
