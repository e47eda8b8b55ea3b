"""Where Delta tables lie: a folder on disk, or a bucket.

Owns the addresses `delta:///path` and `delta+s3://BUCKET[/PREFIX]`, what a place must tell,
and the disk. Add a kind of place as one class. Keep out: tables and their rows.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path

from pyarrow.fs import FileSystem, LocalFileSystem, SubTreeFileSystem

from polly_resources.addresses import bad_address, parse
from polly_resources.errors import Misconfigured, PollyError, Unavailable

EXAMPLE = "delta:///srv/polly/tables or delta+s3://BUCKET/PREFIX"


class Place(ABC):
    """The root under which tables lie."""

    @abstractmethod
    def location(self, table: str) -> str:
        """The address of a table's folder; its files are below it, by their plain names."""

    @abstractmethod
    def options(self) -> dict[str, str] | None:
        """What the library must know to open a table now; another answer means: open anew."""

    @abstractmethod
    def folder(self, table: str) -> FileSystem:
        """A table's folder, to read and write its data files with what `options` now tells."""

    @abstractmethod
    def admit_writer(self) -> None:
        """Raise Misconfigured where concurrent writers would lose each other's rows."""

    @abstractmethod
    def about(self) -> str:
        """The kind of place, for people."""

    @abstractmethod
    def failure(self, table: str, said: str) -> PollyError:
        """The error of ours for what the library said."""


class Disk(Place):
    """A folder; its file system makes no file twice."""

    def __init__(self, root: str) -> None:
        self._root = root.rstrip("/")

    def location(self, table: str) -> str:
        """See `Place.location`; a path."""
        return f"{self._root}/{table}"

    def options(self) -> None:
        """See `Place.options`; nothing."""

    def folder(self, table: str) -> FileSystem:
        """See `Place.folder`; made where it is not. Raises Misconfigured where it cannot be."""
        location = self.location(table)
        try:
            Path(location).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unwritable(table, error) from error
        return SubTreeFileSystem(location, LocalFileSystem())

    def admit_writer(self) -> None:
        """See `Place.admit_writer`."""

    def about(self) -> str:
        """See `Place.about`."""
        return "on disk"

    def failure(self, table: str, said: str) -> PollyError:
        """See `Place.failure`."""
        text = " ".join(said.split())
        if "Permission denied" in text or "Read-only file system" in text:
            return unwritable(table, text)
        return Unavailable(
            "table_store_failed", f"table {table}: {text}", hint="check disk space and permissions"
        )


def open_place(text: str) -> Place:
    """The place at an address. Raises Misconfigured for an address that is none."""
    address = parse(text, "tables", EXAMPLE)
    if address.scheme == "delta" and address.path and not (address.hosts or address.options):
        return Disk(address.path)
    if address.scheme != "delta+s3":
        raise bad_address(str(address), "tables", "it names no folder and no bucket", EXAMPLE)
    try:
        # Whoever works on disk need not have AWS's library.
        from polly_resources.tables.delta_s3 import Bucket
    except ImportError as error:
        raise Misconfigured(
            "missing_package",
            f"delta+s3 needs {error.name}",
            hint="pip install 'polly-open[servers]'",
        ) from error
    return Bucket(text)


def unwritable(table: str, said: object) -> Misconfigured:
    """The error for a folder that tables cannot be made in."""
    return Misconfigured(
        "tables_unwritable",
        f"table {table} cannot be written: {' '.join(str(said).split())}",
        hint="give this user the right to write there, or change POLLY_HOME or POLLY_TABLES",
    )
