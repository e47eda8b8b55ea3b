"""Manifests: a `manifest.csv` says which files are which dataset, whatever they are called.

Owns what its columns mean, and turns each row into files named by the rules of `grouping`: a
JSON sidecar with the row's id and metadata, and the table of samples beside its matrix. So
readers, updates and jobs need to know nothing of manifests.
Keep out: how files of one name belong together.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from polly_assets.ingest.formats.grouping import SourceGroup, beginnings_of, group_sources
from polly_assets.ingest.formats.separated import read_rows
from polly_assets.ingest.formats.text import base_name, decode, read_bytes
from polly_resources.errors import BadInput

NAME = "manifest.csv"
FILE = ("file", "filename", "file_name", "path")
DATASET = ("dataset_id", "dataset")
SAMPLES = ("samples", "sample_table", "sample_metadata", "metadata")
"""Names of the columns that are not metadata of the dataset, without case."""

_TABLES = (".csv", ".tsv", ".csv.gz", ".tsv.gz")
_HINT = "a manifest has the columns file, dataset_id and samples; further ones are metadata"


@dataclass(frozen=True, slots=True)
class _Row:
    """One row: paths as names of files, '' where there is none."""

    line: int
    file: str
    dataset_id: str
    samples: str
    metadata: Mapping[str, str]


def is_manifest(name: str) -> bool:
    """Whether a file of this name may be a manifest; one without a column of files is none."""
    return name.rpartition("/")[2].lower() == NAME


def described(files: Mapping[str, Path], manifest: str, folder: Path) -> dict[str, Path]:
    """The files, with what a manifest says as sidecars; new files are made in `folder`.

    Rows of one dataset id are one dataset: its first file is read, tables among the others
    describe its samples. Raises BadInput `bad_manifest` or `manifest_file_missing` at the row.
    """
    found = dict(files)
    first: dict[str, str] = {}
    tables: set[str] = set()
    for row in _rows(files[manifest], manifest):
        for name, column in ((row.file, "file"), (row.samples, "samples")):
            if name and name not in files:
                raise BadInput(
                    "manifest_file_missing",
                    f"{column} {name!r} is not among the files that were given",
                    file=manifest,
                    place=f"line {row.line}",
                    hint="paths are relative to the manifest's folder; give the whole folder",
                )
        main = first.setdefault(row.dataset_id or f"line {row.line}", row.file)
        for table in filter(None, (row.file if row.file != main else "", row.samples)):
            if new := _table(found, replace(row, file=main), table, manifest):
                tables.add(table)
                found |= new
        found |= _described(found, replace(row, file=main), folder, manifest)
    tables -= set(first.values())
    return {name: path for name, path in found.items() if name not in tables}


def _rows(path: Path, manifest: str) -> list[_Row]:
    """The rows; none where the file has no column of files."""
    header, rows, _ = read_rows(path, manifest)
    lower = [name.strip().lower() for name in header]
    places = [
        next((lower.index(name) for name in names if name in lower), None)
        for names in (FILE, DATASET, SAMPLES)
    ]
    file, dataset, samples = places
    if file is None:
        return []
    others = [i for i in range(len(header)) if i not in places and header[i].strip()]
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


def _table(files: Mapping[str, Path], row: _Row, table: str, manifest: str) -> dict[str, Path]:
    """A table of samples under the name by which it belongs to the row's file."""
    if table in _group(files, row, manifest).sidecars.values():
        return {}
    ending = next((e for e in _TABLES if table.lower().endswith(e)), None)
    if ending is None:
        raise _bad(f"{table!r} cannot describe {row.file!r}: expected a CSV or TSV", manifest, row)
    new = f"{_folder(row.file)}{base_name(row.file)}_samples{ending}"
    if new in files:
        raise _bad(f"{row.file!r} has a second table of samples, {table!r}", manifest, row)
    found = {new: files[table]}
    if new not in _group({**files, **found}, row, manifest).sidecars.values():
        raise _bad(f"a file like {row.file!r} takes no table of samples", manifest, row)
    return found


def _described(
    files: Mapping[str, Path], row: _Row, folder: Path, manifest: str
) -> dict[str, Path]:
    """A JSON sidecar of the row's file with the row's id and metadata."""
    said = {**row.metadata, **({"dataset_id": row.dataset_id} if row.dataset_id else {})}
    held = _group(files, row, manifest).sidecars.get("json")
    content = _content(files[held]) if held else {}
    if not said or content is None:
        return {}
    for key, value in said.items():
        if content.setdefault(key, value) != value:
            raise _bad(f"{key} is {value!r}, and {content[key]!r} in {held}", manifest, row)
    path = folder / f"{len(list(folder.iterdir()))}.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    at = _folder(row.file)
    for name in [held] if held else [f"{at}{base_name(row.file)}.json", f"{at}metadata.json"]:
        found = {name: path}
        taken = name in files and name != held
        if not taken and name in _group({**files, **found}, row, manifest).sidecars.values():
            return found
    raise _bad(f"a file like {row.file!r} takes no id or metadata", manifest, row)


def _content(path: Path) -> dict[str, Any] | None:
    """The object in a JSON sidecar; None where there is none, as its reader will tell."""
    try:
        content = json.loads(decode(read_bytes(path, path.name), path.name)[0])
    except (BadInput, ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _group(names: Mapping[str, Path], row: _Row, manifest: str) -> SourceGroup:
    """The source that the row's file is the main one of. Raises BadInput."""
    near = tuple(f"{_folder(row.file)}{start}".lower() for start in beginnings_of(row.file))
    found = group_sources(sorted(name for name in names if name.lower().startswith(near)))
    for group in found:
        if group.main == row.file:
            return group
    main = next((g.main for g in found if row.file in g.sidecars.values()), None)
    what = f"belongs to {main!r}" if main else "is no data"
    raise _bad(f"{row.file!r} {what}, expected a file that is a dataset", manifest, row)


def _folder(name: str) -> str:
    return name[: len(name) - len(name.rpartition("/")[2])]


def _bad(found: str, manifest: str, at: _Row | int) -> BadInput:
    line = at if isinstance(at, int) else at.line
    return BadInput("bad_manifest", found, file=manifest, place=f"line {line}", hint=_HINT)
