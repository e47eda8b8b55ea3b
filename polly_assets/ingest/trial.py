"""Reading a file in a process of its own first, where the file may have ended one before.

A damaged HDF5 file can crash the library, and the process with it. A trial costs the start of a
process (0.3 s), so only files whose job is tried again get one. Run as a module, this reads one
file to its end. Keep out: what the file holds.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from polly_assets.ingest.formats.base import ParsedDataset, Source
from polly_assets.ingest.reading import datasets
from polly_resources.errors import BadInput, PollyError

COMMAND = (sys.executable, "-m", "polly_assets.ingest.trial")


def survive(source: Source) -> None:
    """Read the file in another process. Raises BadInput `reader_crashed` where that dies."""
    sidecars = [word for key, path in source.sidecars.items() for word in (key, str(path))]
    done = subprocess.run(
        [*COMMAND, source.name, str(source.path), *sidecars], capture_output=True, check=False
    )
    if done.returncode >= 0:
        return
    raise BadInput(
        "reader_crashed",
        f"reading the file ended the process ({_name(-done.returncode)})",
        file=source.name,
        hint="the file is damaged, or needs more memory than there is: write it anew, or split it",
    )


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def main(words: list[str]) -> None:
    """Read the file that the words name, whatever its faults."""
    name, path, *rest = words
    sidecars = {key: Path(beside) for key, beside in zip(rest[::2], rest[1::2], strict=True)}
    try:
        for item in datasets(Source(Path(path), name, sidecars)):
            if isinstance(item, ParsedDataset):
                for matrix in item.matrices:
                    for _ in matrix.blocks():
                        pass
    except PollyError:
        pass


if __name__ == "__main__":
    main(sys.argv[1:])
