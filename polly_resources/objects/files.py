"""The object store in a folder: one file per object, its key the path below the root.

People also drop files into the folder by hand or rsync, so nothing here relies on having
written a file: facts come from the file system, and a file may still be growing.
Add nothing that an object store over a network could not also promise.
Keep out: file formats and what the objects mean.
"""

from __future__ import annotations

import errno
import logging
import os
import shutil
import stat
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote

import tenacity

from polly_resources.errors import (
    Conflict,
    Misconfigured,
    NotFound,
    PollyError,
    Unavailable,
)
from polly_resources.objects.base import ObjectInfo, ObjectStore
from polly_resources.objects.keys import bad_key, checked, is_key

_LOG = logging.getLogger(__name__)
_TEMPORARY = ".tmp-"
_OCCUPIED = (errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENOTEMPTY)
_BAD_NAME = (errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ, errno.ELOOP)
_REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS)


class FileStore(ObjectStore):
    """A store at `file:///absolute/root`, percent-encoded; the first `put` makes the root.

    Names that start with `.tmp-` are unfinished copies: never listed, not allowed as keys.
    Links to files within the root are objects; links out of it are refused.
    """

    def __init__(self, address: str) -> None:
        _, mark, rest = address.partition("file://")
        if not mark or not rest.startswith("/"):
            raise Misconfigured(
                "bad_address",
                f"object store address {address!r}, expected file:///absolute/folder",
                hint="correct POLLY_OBJECTS",
            )
        self._root = Path(unquote(rest))

    def about(self) -> str:
        """See `Served.about`; the folder may not be there yet."""
        next(self.list(""), None)
        return "a folder"

    def put(self, key: str, path: Path) -> ObjectInfo:
        """See `ObjectStore.put`.

        Raises BadInput for a key that is none, Conflict where a key would be both object
        and folder, NotFound without the file, Unavailable where the disk is full.
        """
        target = self._path(key)
        if not path.is_file():
            raise NotFound("file_not_found", "there is no such file to store", file=str(path))
        with _named_errors(key):
            return _info(key, _copy(path, target))

    @contextmanager
    def local(self, key: str) -> Iterator[Path]:
        """The object's own file: read it, do not change it. Raises NotFound."""
        if self.head(key) is None:
            raise NotFound("object_not_found", f"there is no object {key!r}", file=key)
        yield self._path(key)

    def head(self, key: str) -> ObjectInfo | None:
        """See `ObjectStore.head`."""
        target = self._path(key)
        with _named_errors(key):
            facts = _facts(target)
        return _info(key, facts) if facts else None

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """See `ObjectStore.list`; one folder's names are in memory at a time.

        Files that cannot have a key (names that are not UTF-8, links out of the store or
        to a folder) are passed over with a logged warning.
        """
        folder, _, _ = prefix.rpartition("/")
        start = self._path(folder) if folder else self._root
        return self._walk(start, f"{folder}/" if folder else "", prefix)

    def delete(self, key: str) -> None:
        """See `ObjectStore.delete`; folders left empty go as well, the root stays."""
        target = self._path(key)
        with _named_errors(key):
            if _facts(target) is None:
                return
            target.unlink(missing_ok=True)
        with suppress(OSError):
            for folder in target.parents:
                if folder == self._root:
                    break
                folder.rmdir()

    def _path(self, key: str) -> Path:
        """Where the object is; raises BadInput where the key cannot be one of this store."""
        parts = checked(key)
        if any(part.startswith(_TEMPORARY) for part in parts):
            raise bad_key(key, f"names starting with {_TEMPORARY!r} are unfinished copies")
        path = self._root.joinpath(*parts)
        with _named_errors(key):
            if not path.resolve().is_relative_to(self._root.resolve()):
                raise bad_key(key, "a link leads out of the store")
        return path

    def _walk(self, folder: Path, base: str, prefix: str) -> Iterator[ObjectInfo]:
        for name, is_folder in _entries(folder):
            key = base + name
            if is_folder and (key.startswith(prefix) or prefix.startswith(f"{key}/")):
                yield from self._walk(folder / name, f"{key}/", prefix)
            elif not is_folder and key.startswith(prefix):
                facts = self._listed(key, folder / name)
                if facts:
                    yield _info(key, facts)

    def _listed(self, key: str, path: Path) -> os.stat_result | None:
        """The facts of an object met on a walk, None where it is none or is gone."""
        if not is_key(key):
            _LOG.warning("not listed, its name is not UTF-8: %r", key)
            return None
        if path.is_symlink() and not (
            path.is_file() and path.resolve().is_relative_to(self._root.resolve())
        ):
            _LOG.warning("not listed, a link that leads to no file of the store: %s", key)
            return None
        return _facts(path)


def _entries(folder: Path) -> list[tuple[str, bool]]:
    """Names and whether each is a folder, in the order of the keys below them."""
    try:
        with os.scandir(folder) as found:
            entries = [
                (entry.name, entry.is_dir(follow_symlinks=False))
                for entry in found
                if not entry.name.startswith(_TEMPORARY)
            ]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except PermissionError as error:
        raise _named(str(folder), error) from error
    # 'a-b' comes before 'a/c', though the name 'a' comes before 'a-b'.
    return sorted(entries, key=lambda entry: entry[0] + "/" * entry[1])


def _facts(path: Path) -> os.stat_result | None:
    try:
        facts = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return facts if stat.S_ISREG(facts.st_mode) else None


def _info(key: str, facts: os.stat_result) -> ObjectInfo:
    return ObjectInfo(
        key=key,
        size=facts.st_size,
        modified_at=datetime.fromtimestamp(facts.st_mtime, UTC),
        etag=f"{facts.st_size}-{facts.st_mtime_ns}-{facts.st_ino}",
    )


# A delete may remove the empty folder while it is being made, or before the copy is in it.
@tenacity.retry(
    retry=tenacity.retry_if_exception_type((FileNotFoundError, FileExistsError)),
    stop=tenacity.stop_after_attempt(20),
    reraise=True,
)
def _copy(source: Path, target: Path) -> os.stat_result:
    """Copy to a temporary name beside the target, flush it, and rename; the new file's facts."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.parent / f"{_TEMPORARY}{uuid.uuid4().hex}"
    try:
        shutil.copyfile(source, temporary)
        with temporary.open("rb+") as copy:
            os.fsync(copy.fileno())
            facts = os.fstat(copy.fileno())
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _flush_folder(target.parent)
    return facts


def _flush_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _named_errors(key: str) -> Iterator[None]:
    try:
        yield
    except (OSError, RuntimeError) as error:
        raise _named(key, error) from error


def _named(key: str, error: OSError | RuntimeError) -> PollyError:
    number = getattr(error, "errno", None)
    if number in _BAD_NAME or isinstance(error, RuntimeError):
        return bad_key(key, str(error))
    if number in _OCCUPIED:
        return Conflict(
            "key_conflict",
            f"a key cannot be both an object and a folder of objects: {error}",
            file=key,
            hint="choose another key, or delete the object that is in the way",
        )
    if number in _REFUSED:
        return Misconfigured(
            "store_unreadable",
            f"the object store refuses access: {error}",
            file=key,
            hint="give this user access to the folder that POLLY_OBJECTS names",
        )
    return Unavailable(
        "store_unavailable", f"the object store failed: {error}", file=key, hint="try again"
    )
