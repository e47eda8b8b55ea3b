"""The files that a user gave, under the names that they land by.

Owns the naming rules, which the local door, the client that uploads, the gateway and bundles
share, and the walk through folders, which loses nothing without a word. Light to import.
Keep out: which files are data, and where they land.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from polly_assets.ingest.formats.cbio.names import CASE_LISTS, STUDY
from polly_assets.ingest.formats.tenx.names import within_run
from polly_resources.errors import BadInput, Conflict, NotFound

_APPLE = "__MACOSX"
_KINDS = ((stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"))


@dataclass(frozen=True, slots=True)
class Given:
    """What paths hold, by the names that it lands by: files, and what is none.

    `refused` could be data and cannot be read, `skipped` never is, and says why.
    """

    files: dict[str, Path] = field(default_factory=dict)
    refused: dict[str, BadInput] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)


def collect(paths: Sequence[Path]) -> dict[str, Path]:
    """The files of `survey`, of paths of which nothing is refused. Raises the first refusal."""
    given = survey(paths)
    for name, error in sorted(given.refused.items()):
        others = len(given.refused) - 1
        if others:
            error.message += f" ({others} more cannot be read: `polly validate` names them)"
        error.file = name
        raise error
    return given.files


def survey(paths: Sequence[Path]) -> Given:
    """Relative landing name -> file, for files and folders given by a user.

    A file keeps its name, a folder's files their path below it; a file given twice lands
    once, under the longer name. What every run of an instrument calls alike, such as 10x's
    `matrix.mtx`, has the folders that tell its run before it, and the files of a cBioPortal
    study, whose names are alike too, have the study's folder. Links to files are files, and
    links to folders are followed, but none in a circle; hidden folders are not entered. Raises
    NotFound for a path that does not exist and Conflict where two files would land under one
    name.
    """
    given = Given()
    names: dict[Path, str] = {}
    for path in paths:
        for name, file in _files(path, given):
            place = Path(os.path.abspath(file))  # noqa: PTH100 - links stay what they are
            names[place] = max(names.get(place, ""), name, key=len)
    for file, name in names.items():
        if name in given.files:
            raise Conflict(
                "same_name",
                f"{file} and {given.files[name]} would both land as {name}",
                file=str(file),
                hint="ingest their parent folder instead, so that their paths differ",
            )
        given.files[name] = file
    return given


def unsafe_name(name: str) -> str:
    """What is wrong with a name that a stranger gave a file; '' for a relative, plain path."""
    parts = name.split("/")
    sizes = [len(part.encode("utf-8", "surrogatepass")) for part in parts]
    checks = (
        ("is absolute", name.startswith("/") or parts[0].endswith(":")),
        ("has a backslash", "\\" in name),
        ("leaves its folder", ".." in parts),
        ("has an empty part", any(part in ("", ".") for part in parts)),
        ("has control characters", any(ord(char) < 32 or ord(char) == 127 for char in name)),
        ("is not UTF-8", any("\ud800" <= char <= "\udfff" for char in name)),
        ("has a part of more than 255 bytes", max(sizes) > 255),
        ("has more than 1024 bytes", sum(sizes) + len(sizes) - 1 > 1024),
    )
    return next((wrong for wrong, found in checks if found), "")


def _files(path: Path, given: Given) -> Iterator[tuple[str, Path]]:
    """The readable files of one path, with names; what else is there goes to `given`."""
    if path.is_dir():
        for name, file in _walk(path, given):
            yield _told_apart(name, file), file
    elif os.path.lexists(path):
        if _readable(path.name, path, given):
            yield _told_apart(path.name, path), path
        elif path.name in given.skipped:
            kind = given.skipped.pop(path.name)
            raise BadInput(
                "not_a_file",
                f"found {kind}, expected a file or a folder",
                file=str(path),
                hint="write its content into a file, and give that",
            )
    else:
        raise NotFound(
            "no_such_file",
            "no file or folder of this name",
            file=str(path),
            hint="check the spelling, and the folder that you are in",
        )


def _walk(top: Path, given: Given) -> Iterator[tuple[str, Path]]:
    """The files below a folder by their path in it; linked folders after all others."""
    above = {_identity(folder) for folder in (top.resolve(), *top.resolve().parents)}
    seen: set[tuple[int, int]] = set()
    waiting, linked = [top], list[Path]()
    while waiting or linked:
        folder = waiting.pop() if waiting else linked.pop(0)
        name = "" if folder == top else folder.relative_to(top).as_posix()
        try:
            identity = _identity(folder)
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            given.refused[_printable(f"{name}/")] = _unreadable(folder, error, "folder")
            continue
        if folder != top and (identity in seen or identity in above):
            given.skipped[_printable(f"{name}/")] = (
                "a link to a folder that is read anyway, or that it is in"
            )
            continue
        seen.add(identity)
        for entry in entries:
            place = folder / entry.name
            if not _is_folder(entry):
                inner = place.relative_to(top).as_posix()
                if _readable(inner, place, given):
                    yield inner, place
            elif entry.name.startswith(".") or entry.name == _APPLE:
                given.skipped[_printable(f"{place.relative_to(top).as_posix()}/")] = (
                    "a hidden folder"
                )
            else:
                (linked if entry.is_symlink() else waiting).append(place)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _identity(folder: Path) -> tuple[int, int]:
    found = folder.stat()
    return found.st_dev, found.st_ino


def _readable(name: str, path: Path, given: Given) -> bool:
    """Whether the path is a file that can be read; else the reason is noted."""
    if wrong := unsafe_name(name):
        shown = _printable(name)
        given.refused[shown] = BadInput(
            "unsafe_name", f"the name of the file {wrong}", hint="rename the file"
        )
        return False
    try:
        mode = path.stat().st_mode
    except OSError as error:
        given.refused[name] = _unreadable(path, error, "file")
        return False
    if not stat.S_ISREG(mode):
        kind = next((kind for test, kind in _KINDS if test(mode)), "a device")
        given.skipped[name] = kind
        return False
    try:
        path.open("rb").close()
    except OSError as error:
        given.refused[name] = _unreadable(path, error, "file")
        return False
    return True


def _printable(name: str) -> str:
    r"""The name with `\xe9` for a byte that is not UTF-8, and `\n` and the like spelled out."""
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def _unreadable(path: Path, error: OSError, kind: str) -> BadInput:
    if path.is_symlink():
        target = _printable(str(path.readlink()))
        return BadInput(
            "broken_link",
            f"a link to '{target}', which cannot be followed ({error.strerror or error})",
            hint="put there what it should lead to, or remove the link",
        )
    return BadInput(
        "unreadable_file",
        f"the {kind} cannot be read ({error.strerror or error})",
        hint="give this user the right to read it, or leave it out",
    )


def _told_apart(name: str, file: Path) -> str:
    """The name with the folders before it without which it would be another's."""
    inner = file.parent.name == CASE_LISTS
    folder = (file.parent.parent if inner else file.parent).absolute()
    own = f"{CASE_LISTS}/{file.name}" if inner else file.name
    if name in (own, file.name) and folder.name and (folder / STUDY).is_file():
        return f"{folder.name}/{own}"
    return within_run(name, file)
