"""Reading a file in a process of its own first, where the file may have ended one before.

HDF5 files always are read so (`formats.apart`). Of the other formats a file may need more memory
than there is, and end the process: where a job is tried again, its file is tried here first.
Keep out: what the file holds, and the processes.
"""

from __future__ import annotations

from polly_assets.ingest.formats.apart import reader as apart
from polly_assets.ingest.formats.base import Source


def survive(source: Source) -> None:
    """Read the file in another process, whatever its faults.

    Raises BadInput `reader_crashed`, `reader_timeout` or `reader_memory` where that dies.
    """
    apart.survive(source)
