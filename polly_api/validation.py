"""Validation of files on this machine: the same for every client, whatever server it asks.

Files are not sent anywhere: a server would read them no differently, so this is no operation of
the door. Imports readers on use. Keep out: rules and output.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from polly_assets.ingest.validate import FileFinding, Severity

__all__ = ["FileFinding", "Severity", "validate"]


def validate(
    paths: Sequence[Path], workers: int, on_file: Callable[[str, int], None] | None = None
) -> list[FileFinding]:
    """The findings of files and folders; `on_file` gets each file and how many there are.

    Raises NotFound, Conflict, and BadInput where the paths hold no data.
    """
    from polly_assets.ingest import validate as of_files

    return of_files.validate(paths, workers=workers, on_file=on_file or (lambda *_: None))
