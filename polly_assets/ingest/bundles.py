"""Bundles: zip and tar files are the files that are in them.

Owns which files are bundles, what is refused in one, and unpacking within limits. A bundle
`a/x.zip` becomes the files `a/x/...`. Nothing is written outside the given folder, whatever a
bundle says. Keep out: where files land, and how the two archive formats are read (`archives`).
"""

from __future__ import annotations

import filecmp
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from polly_assets.ingest.archives import Member, Refused, tar_members, too_many, zip_members
from polly_assets.ingest.formats.streams.packed import check_growth
from polly_assets.ingest.given import unsafe_name
from polly_assets.ingest.manifests import described, is_manifest
from polly_assets.ingest.unpacking import FOREIGN
from polly_resources.errors import BadInput, Conflict, Unavailable

SUFFIXES = (
    *(".tar.bz2", ".tar.gz", ".tar.xz", ".tar.zst", ".tar"),
    *(".tbz", ".tbz2", ".tgz", ".txz", ".tzst", ".zip"),
    *(".7z", ".rar", ".tar.lz", ".tar.lz4", ".tar.z"),  # told what they are, and refused
)

MAX_MEMBERS = 10_000
"""Files that a bundle may hold, those of bundles inside it included."""

MAX_DEPTH = 2
"""A bundle may hold bundles, and these none."""

MAX_SECONDS = 3600.0
"""What unpacking one bundle may take; 64 GiB take some 15 minutes."""


@dataclass(slots=True)
class _Account:
    """What unpacking one outermost bundle has come to so far, in members, bytes and time."""

    name: str
    packed: int
    members: int = 0
    unpacked: int = 0
    opened: int = 0
    began: float = field(default_factory=time.monotonic)

    def check_time(self, place: str) -> None:
        """Raises Refused `unpacks_too_long`."""
        if time.monotonic() - self.began > MAX_SECONDS:
            raise Refused(
                "unpacks_too_long",
                f"unpacking takes more than {MAX_SECONDS:.0f} seconds",
                place,
                "split it, or give the folder itself",
            )

    def refuse(self, refused: Refused) -> BadInput:
        """The error that a user sees."""
        return BadInput(
            refused.code, refused.message, file=self.name, place=refused.place, hint=refused.hint
        )


def is_bundle(name: str) -> bool:
    """Whether a file of this name is unpacked before anything else is done with it."""
    return name.lower().endswith(SUFFIXES)


def folder_of(name: str) -> str:
    """The folder that a bundle becomes: `a/x` of `a/x.tar.gz`."""
    ending = next(suffix for suffix in SUFFIXES if name.lower().endswith(suffix))
    stem = name[: -len(ending)]
    return stem if stem.rpartition("/")[2].strip(". ") else f"{stem}bundle"


def unpack(path: Path, name: str, folder: Path) -> dict[str, Path]:
    """The files of a bundle by the names that they land by, unpacked into an empty folder.

    Raises BadInput that names the member at fault: `unsafe_member`, `linked_member`,
    `encrypted_bundle`, `duplicate_member`, `too_many_members`, `unpacks_too_large`,
    `unpacks_too_long`, `nested_bundle`, `split_bundle`, `unknown_archive`, `unknown_compression`,
    `cut_bundle`, `content_after_end`, `corrupt_bundle` or `empty_bundle`.
    """
    account = _Account(name, path.stat().st_size)
    found: dict[str, Path] = {}
    try:
        for landing, file in _unpack(path, folder_of(name), folder, account, depth=1):
            if found.setdefault(landing, file) != file and not _same(found[landing], file):
                raise _twice(landing)
    except Refused as refused:
        raise account.refuse(refused) from refused
    except BadInput as error:
        error.file = name
        raise
    if not found:
        raise BadInput("empty_bundle", "the bundle holds no file", file=name, hint="pack it again")
    return found


def _same(one: Path, two: Path) -> bool:
    return filecmp.cmp(one, two, shallow=False)


def unbundled(
    files: Mapping[str, Path], folder: Path
) -> tuple[dict[str, Path], dict[str, BadInput]]:
    """Files by the names that they land by: bundles opened, and manifests followed.

    Also why bundles and manifests were refused, by their names; these stay what they are. What
    is made lies in `folder`. A file that is given beside its bundle too is one file. Raises
    Conflict where two different files would land under one name.
    """
    refused: dict[str, BadInput] = {}
    found = _followed(
        {name: path for name, path in files.items() if not is_bundle(name)},
        folder / "manifests",
        refused,
    )
    for number, name in enumerate(sorted(name for name in files if is_bundle(name))):
        place = folder / str(number)
        place.mkdir()
        try:
            members = _members(files[name], name, place)
        except BadInput as error:
            refused[name] = error
            shutil.rmtree(place)
            continue
        for member, path in members.items():
            if member in found and not _same(found[member], path):
                raise Conflict(
                    "same_name",
                    f"{member} of the bundle and {found[member]} differ and would land as one",
                    file=str(files[name]),
                    place=member,
                    hint="give the bundle another name, or only one of both",
                )
            found.setdefault(member, path)
    bundles = {name: files[name] for name in refused if is_bundle(name)}
    return found | bundles, refused


def _members(path: Path, name: str, place: Path) -> dict[str, Path]:
    """The files of a bundle, its manifests followed. Raises BadInput."""
    content = place / "content"
    content.mkdir()
    refused: dict[str, BadInput] = {}
    found = _followed(unpack(path, name, content), place / "manifests", refused)
    for error in refused.values():
        error.file, error.place = name, ", ".join(filter(None, (error.file, error.place)))
        raise error
    return found


def _followed(
    files: Mapping[str, Path], folder: Path, refused: dict[str, BadInput]
) -> dict[str, Path]:
    """The files with what their manifests say; why manifests were refused goes to `refused`."""
    folder.mkdir()
    found = dict(files)
    for number, name in enumerate(sorted(filter(is_manifest, files))):
        place = folder / str(number)
        place.mkdir()
        try:
            found = described(found, name, place)
        except BadInput as error:
            refused[name] = error
    return found


def _unpack(
    path: Path, at: str, folder: Path, account: _Account, depth: int
) -> Iterator[tuple[str, Path]]:
    """Landing names and files of one bundle, bundles inside it opened."""
    place = folder / str(account.opened)
    place.mkdir()
    account.opened += 1
    inner = []
    names: set[str] = set()
    for member in _members_of(path):
        name = _checked(member, names, account)
        target = place / name
        _make_parent(target, member)
        _write(member, target, account)
        if is_bundle(name):
            inner.append((name, target))
        else:
            yield f"{at}/{name}", target
    for name, target in inner:
        if depth == MAX_DEPTH:
            raise Refused(
                "nested_bundle",
                "found a bundle in a bundle in a bundle, expected at most one in another",
                name,
                "unpack it once and give the result",
            )
        try:
            yield from _unpack(target, f"{at}/{folder_of(name)}", folder, account, depth + 1)
        except Refused as refused:
            refused.place = ": ".join(filter(None, (name, refused.place)))
            raise
        target.unlink()


def _members_of(path: Path) -> Iterator[Member]:
    """The files of an archive, by what it is and not by its name."""
    with path.open("rb") as raw:
        first = raw.read(8)
    for magic, kind in FOREIGN.items():
        if first.startswith(magic):
            raise Refused(
                "unknown_archive",
                f"found an archive of {kind}, expected zip or tar",
                "",
                "unpack it, and give the folder, or a zip of it",
            )
    return (zip_members if first.startswith(b"PK") else tar_members)(path, MAX_MEMBERS)


def _checked(member: Member, names: set[str], account: _Account) -> str:
    """The member's name, made plain. Raises Refused."""
    account.members += 1
    if account.members > MAX_MEMBERS:
        raise too_many(MAX_MEMBERS)
    account.check_time(_shown(member))
    plain = member.name.replace("\\", "/")
    name = "/".join(part for part in plain.split("/") if part != ".") or "."
    if wrong := unsafe_name(name):
        raise Refused(
            "unsafe_member",
            f"the name of a member {wrong}, expected a relative path as in folder/file.gct",
            _shown(member),
            "pack the folder that holds the files, from beside it",
        )
    if name in names:
        raise _twice(member.name)
    names.add(name)
    return name


def _shown(member: Member) -> str:
    return repr(member.name)[1:-1][:200]


def _make_parent(target: Path, member: Member) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise _twice(member.name) from None
    if target.exists():
        raise _twice(member.name)


def _twice(name: str) -> Refused:
    return Refused(
        "duplicate_member",
        "the bundle has two members of this name",
        name,
        "pack the files again, each once",
    )


def _write(member: Member, target: Path, account: _Account) -> None:
    """The member's content into a file. Raises Refused, BadInput, or Unavailable."""
    pieces = member.pieces()
    try:
        with target.open("xb") as file:
            for piece in pieces:
                account.unpacked += len(piece)
                account.check_time(member.name)
                check_growth(account.unpacked, account.packed, account.name, member.name)
                file.write(piece)
    except OSError as error:
        raise Unavailable(
            "cannot_unpack",
            f"a file of the bundle cannot be written ({error.strerror or error})",
            file=account.name,
            place=member.name,
            hint="give the folder for temporary files (TMPDIR) room",
        ) from error
