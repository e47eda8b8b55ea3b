"""The files that a user gave, under the names that they land by.

Owns the naming rules, which the local door, the client that uploads, the gateway and bundles
share. Light to import.
Keep out: which files are data, and where they land.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from polly_assets.ingest.formats.cbio_names import CASE_LISTS, STUDY
from polly_assets.ingest.formats.tenx_names import within_run
from polly_resources.errors import Conflict, NotFound


def collect(paths: Sequence[Path]) -> dict[str, Path]:
    """Relative landing name -> file, for files and folders given by a user.

    A file keeps its name, a folder's files their path below it; a file given twice lands
    once, under the longer name. What every run of an instrument calls alike, such as 10x's
    `matrix.mtx`, has the folders that tell its run before it, and the files of a cBioPortal
    study, whose names are alike too, have the study's folder. Raises NotFound for a path that
    does not exist and Conflict where two files would land under one name.
    """
    names: dict[Path, str] = {}
    for path in paths:
        for name, file in _files(path):
            place = Path(os.path.abspath(file))  # noqa: PTH100 - links stay what they are
            names[place] = max(names.get(place, ""), name, key=len)
    found: dict[str, Path] = {}
    for file, name in names.items():
        if name in found:
            raise Conflict(
                "same_name",
                f"{file} and {found[name]} would both land as {name}",
                file=str(file),
                hint="ingest their parent folder instead, so that their paths differ",
            )
        found[name] = file
    return found


def unsafe_name(name: str) -> str:
    """What is wrong with a name that a stranger gave a file; '' for a relative, plain path."""
    parts = name.split("/")
    checks = (
        ("is absolute", name.startswith("/") or parts[0].endswith(":")),
        ("has a backslash", "\\" in name),
        ("leaves its folder", ".." in parts),
        ("has an empty part", any(part in ("", ".") for part in parts)),
        ("has control characters", any(ord(char) < 32 or ord(char) == 127 for char in name)),
        ("has a part of more than 255 bytes", any(len(part.encode()) > 255 for part in parts)),
        ("has more than 1024 bytes", len(name.encode()) > 1024),
    )
    return next((wrong for wrong, found in checks if found), "")


def _files(path: Path) -> Iterator[tuple[str, Path]]:
    if path.is_file():
        yield _told_apart(path.name, path), path
    elif path.is_dir():
        for file in sorted(path.rglob("*")):
            if file.is_file():
                yield _told_apart(file.relative_to(path).as_posix(), file), file
    else:
        raise NotFound("no_such_file", "no file or folder of this name", file=str(path))


def _told_apart(name: str, file: Path) -> str:
    """The name with the folders before it without which it would be another's."""
    inner = file.parent.name == CASE_LISTS
    folder = (file.parent.parent if inner else file.parent).absolute()
    own = f"{CASE_LISTS}/{file.name}" if inner else file.name
    if name in (own, file.name) and folder.name and (folder / STUDY).is_file():
        return f"{folder.name}/{own}"
    return within_run(name, file)
