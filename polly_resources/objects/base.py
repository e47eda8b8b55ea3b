"""The contract for object stores: where files land and originals are kept.

A key is a `/`-separated path such as `landing/demo/GSE1_family.soft.gz`.
Keep out: file formats and what the objects mean.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from polly_resources.served import Served


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """One stored object. `size` in bytes; `etag` changes whenever the content may have."""

    key: str
    size: int
    modified_at: datetime
    etag: str


class ObjectStore(Served):
    """Named immutable-by-replacement byte objects."""

    @abstractmethod
    def put(self, key: str, path: Path) -> ObjectInfo:
        """Store the file's content under `key`, atomically replacing an older one."""

    @abstractmethod
    def local(self, key: str) -> AbstractContextManager[Path]:
        """A readable local file with the object's content; raises NotFound."""

    @abstractmethod
    def head(self, key: str) -> ObjectInfo | None:
        """The object's facts, or None where there is none."""

    @abstractmethod
    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """All objects whose key starts with `prefix`, in key order."""

    @abstractmethod
    def delete(self, key: str) -> None:
        """Remove the object; removing an absent one is no error."""
