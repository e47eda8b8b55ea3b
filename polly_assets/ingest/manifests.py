"""Manifests: a `manifest.csv` says which files are which dataset, whatever they are called.

Owns what its columns mean, and turns each row into files named by the rules of `grouping`: a
JSON sidecar with the row's id and metadata, and the table of samples beside its matrix. So
readers, updates and jobs need to know nothing of manifests.
Keep out: how files of one name belong together.
"""

from __future__ import annotations

import json
import posixpath
import re
from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from polly_assets.ingest.formats.counts.names import named as counts_one_sample
from polly_assets.ingest.formats.grouping import SourceGroup, beginnings_of, group_sources
from polly_assets.ingest.formats.never_data import never_data
from polly_assets.ingest.formats.separated.layout import read_rows
from polly_assets.ingest.formats.streams.text import base_name, decode, read_bytes
from polly_resources.errors import BadInput

NAMES = ("manifest.csv", "manifest.csv.gz")
FILE = ("file", "filename", "file_name", "path")
DATASET = ("dataset_id", "dataset")
SAMPLES = ("samples", "sample_table", "sample_metadata", "metadata")
"""Names of the columns that are not metadata of the dataset, without case."""

_TABLES = (".csv", ".tsv", ".csv.gz", ".tsv.gz")
_MOST_NAME = 1024
_HINT = "a manifest has the columns file, dataset_id and samples; further ones are metadata"


@dataclass(frozen=True, slots=True)
class _Row:
    """One row: paths as names of files, '' where there is none."""

    line: int
    file: str
    dataset_id: str
    samples: str
    metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Followed:
    """What a manifest says: the sidecars that it makes, the tables that they are made of.

    `rows` is 0 where the file is no manifest of ours, for it has no column of files.
    """

    made: dict[str, Path] = field(default_factory=dict)
    tables: frozenset[str] = frozenset()
    rows: int = 0


def is_manifest(name: str) -> bool:
    """Whether a file of this name may be a manifest; one without a column of files is none."""
    *folders, last = name.lower().split("/")
    return last in NAMES and not any(part.startswith(".") for part in folders)


def described(files: Mapping[str, Path], manifest: str, folder: Path) -> dict[str, Path]:
    """The files, with what a manifest says as sidecars; new files are made in `folder`.

    Raises BadInput as `follow` does.
    """
    said = follow(files, manifest, folder)
    kept = {name: path for name, path in files.items() if name not in said.tables}
    return {**kept, **said.made}


def follow(
    files: Mapping[str, Path], manifest: str, folder: Path, *, overrule: bool = False
) -> Followed:
    """What a manifest says of files, only few of which are opened; new ones go to `folder`.

    Rows of one dataset id are one dataset: its first file is read, tables among the others
    describe its samples. `overrule` lets it contradict sidecars that are there. Raises BadInput
    `bad_manifest` or `manifest_file_missing` at the row.
    """
    world = _Files(files, manifest, folder, overrule)
    first: dict[str, str] = {}
    lines: dict[str, int] = {}
    tables: set[str] = set()
    rows = [one for row in _rows(files[manifest], manifest) for one in _expanded(row, world)]
    for row in rows:
        main = first.setdefault(row.dataset_id or f"line {row.line}: {row.file}", row.file)
        if row.file == main and lines.setdefault(main, row.line) != row.line:
            raise _bad(
                f"{main!r} is named by line {lines[main]} already, expected one row a file",
                manifest,
                row,
            )
        at = replace(row, file=main)
        for table in filter(None, (row.file if row.file != main else "", row.samples)):
            if new := _table(world, at, table):
                tables.add(table)
                world.add(new)
        world.add(_described(world, at))
    return Followed(world.made, frozenset(tables - set(first.values())), len(rows))


class _Files:
    """The files that there are, with those that were made, and what they belong to."""

    def __init__(
        self, given: Mapping[str, Path], manifest: str, folder: Path, overrule: bool
    ) -> None:
        self._given, self.manifest, self._folder = given, manifest, folder
        self.overrule = overrule
        self.made: dict[str, Path] = {}
        self._texts = 0
        self._sorted = sorted((name.lower(), name) for name in given)

    def __contains__(self, name: str) -> bool:
        return name in self.made or name in self._given

    def __getitem__(self, name: str) -> Path:
        return self.made.get(name) or self._given[name]

    def __iter__(self) -> Iterator[str]:
        return (name for _, name in self._sorted)

    def add(self, found: Mapping[str, Path]) -> None:
        """Put made files to the others."""
        for name, path in found.items():
            if name not in self:
                insort(self._sorted, (name.lower(), name))
            self.made[name] = path

    def new(self, text: str) -> Path:
        """A new file of this text."""
        self._texts += 1
        path = self._folder / f"{self._texts}.json"
        path.write_text(text, encoding="utf-8")
        return path

    def group(self, row: _Row, more: Iterable[str] = ()) -> SourceGroup:
        """The source that the row's file is the main one of, with more files. Raises BadInput."""
        near = [f"{_folder(row.file)}{start}".lower() for start in beginnings_of(row.file)]
        names = {name for start in near for name in self._beginning(start)}
        found = group_sources(sorted(names.union(more)))
        for group in found:
            if group.main == row.file:
                return group
        if counts_one_sample(row.file):  # once described, it stands alone
            return SourceGroup(row.file)
        main = next((g.main for g in found if row.file in g.sidecars.values()), None)
        what = f"belongs to {main!r}" if main else "is no data"
        raise _bad(f"{row.file!r} {what}, expected a file that is a dataset", self.manifest, row)

    def _beginning(self, start: str) -> Iterator[str]:
        for at in range(bisect_left(self._sorted, (start, "")), len(self._sorted)):
            lower, name = self._sorted[at]
            if not lower.startswith(start):
                return
            # `x1` and `x10` begin alike, and are no relatives.
            if not (start[-1:].isalnum() and lower[len(start) :][:1].isalnum()):
                yield name


def _expanded(row: _Row, files: _Files) -> list[_Row]:
    """The row, or one for each file that its pattern fits. Raises BadInput."""
    if row.samples and row.samples not in files:
        raise _missing(row, row.samples, "samples", files)
    if row.file in files:
        return [row]
    found: list[_Row] = []
    if len(row.file) <= _MOST_NAME:
        pattern = row.file.replace("[", "[[]").split("/")
        data = (name for name in files if not never_data(name))
        found = [replace(row, file=name) for name in data if _fits(name.split("/"), pattern)]
    if not found:
        raise _missing(row, row.file, "file", files)
    return found


def _fits(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    """Whether a path is of a pattern with `*` and `?` in its parts, and `**` for any folders."""
    at = set(_after_folders(pattern, 0))
    for part in parts:
        following: set[int] = set()
        for state in at - {len(pattern)}:
            if pattern[state] == "**":
                following.update(_after_folders(pattern, state))
            elif fnmatchcase(part, pattern[state]):
                following.update(_after_folders(pattern, state + 1))
        at = following
    return len(pattern) in at


def _after_folders(pattern: Sequence[str], state: int) -> Iterator[int]:
    while state < len(pattern) and pattern[state] == "**":
        yield state
        state += 1
    yield state


def _missing(row: _Row, name: str, column: str, files: _Files) -> BadInput:
    shown = repr(name if len(name) <= _MOST_NAME else f"{name[:_MOST_NAME]}...")
    alike = next((one for one in files if one.lower() == name.lower()), None)
    if name.startswith(("/", "../")):
        found = f"{column} {shown} lies outside of what was given"
    elif alike:
        found = f"{column} {shown} is not there, and {alike!r} is"
    else:
        found = f"{column} {shown} is not among the files that were given"
    return BadInput(
        "manifest_file_missing",
        found,
        file=files.manifest,
        place=f"line {row.line}",
        hint="paths are relative to the manifest's folder; give the whole folder",
    )


def _rows(path: Path, manifest: str) -> list[_Row]:
    """The rows; none where the file has no column of files."""
    header, rows, _ = read_rows(path, manifest)
    lower = [re.sub("[ -]+", "_", name.strip().lower()) for name in header]
    places = [
        next((lower.index(name) for name in names if name in lower), None)
        for names in (FILE, DATASET, SAMPLES)
    ]
    file, dataset, samples = places
    if file is None:
        return []
    others = [i for i in range(len(header)) if i not in places and header[i].strip()]
    titles = [header[i].strip() for i in others]
    if len(set(titles)) < len(titles):
        twice = next(title for title in titles if titles.count(title) > 1)
        raise _bad(f"found the column {twice!r} twice, expected it once", manifest, 1)
    at = manifest.rpartition("/")[0]
    found = []
    for line, cells in rows:
        if not cells[file].strip():
            raise _bad("found a row without a file", manifest, line)
        found.append(
            _Row(
                line=line,
                file=_below(at, cells[file]),
                dataset_id="" if dataset is None else cells[dataset].strip(),
                samples="" if samples is None else _below(at, cells[samples]),
                metadata={header[i].strip(): cells[i] for i in others if cells[i].strip()},
            )
        )
    return found


def _below(folder: str, cell: str) -> str:
    path = cell.strip().replace("\\", "/")
    return posixpath.normpath(posixpath.join(folder, path)) if path else ""


def _table(files: _Files, row: _Row, table: str) -> dict[str, Path]:
    """A table of samples under the name by which it belongs to the row's file."""
    if table in files.group(row).sidecars.values():
        return {}
    ending = next((e for e in _TABLES if table.lower().endswith(e)), None)
    if ending is None:
        raise _bad(
            f"{table!r} cannot describe {row.file!r}: expected a CSV or TSV of samples, or a "
            "dataset_id of its own",
            files.manifest,
            row,
        )
    new = f"{_folder(row.file)}{base_name(row.file)}_samples{ending}"
    if new in files and not files.overrule:
        raise _bad(f"{row.file!r} has a second table of samples, {table!r}", files.manifest, row)
    if new not in files.group(row, [new]).sidecars.values():
        raise _bad(f"a file like {row.file!r} takes no table of samples", files.manifest, row)
    return {new: files[table]}


def _described(files: _Files, row: _Row) -> dict[str, Path]:
    """A JSON sidecar of the row's file with the row's id and metadata."""
    said = {**row.metadata, **({"dataset_id": row.dataset_id} if row.dataset_id else {})}
    held = files.group(row).sidecars.get("json")
    content = _content(files[held]) if held and said else {}
    if not said or content is None:
        return {}
    for key, value in said.items():
        if content.setdefault(key, value) != value and not files.overrule:
            raise _bad(f"{key} is {value!r}, and {content[key]!r} in {held}", files.manifest, row)
    path = files.new(json.dumps({**content, **said}))
    at = _folder(row.file)
    for name in [held] if held else [f"{at}{base_name(row.file)}.json", f"{at}metadata.json"]:
        taken = name in files and name != held
        if not taken and name in files.group(row, [name]).sidecars.values():
            return {name: path}
    raise _bad(f"a file like {row.file!r} takes no id or metadata", files.manifest, row)


def _content(path: Path) -> dict[str, Any] | None:
    """The object in a JSON sidecar; None where there is none, as its reader will tell."""
    try:
        content = json.loads(decode(read_bytes(path, path.name), path.name)[0])
    except (BadInput, ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _folder(name: str) -> str:
    return name[: len(name) - len(name.rpartition("/")[2])]


def _bad(found: str, manifest: str, at: _Row | int) -> BadInput:
    line = at if isinstance(at, int) else at.line
    return BadInput("bad_manifest", found, file=manifest, place=f"line {line}", hint=_HINT)
