"""How messages put into words what was found, so that a person can read them.

Owns numbers with their nouns, the beginning of a file of any kind, and what libraries say. Keep
out: the messages themselves, which stand where the fault is found.
"""

from __future__ import annotations

import re

_SHOWN_CHARACTERS = 40
_SHOWN_BYTES = 12
_CUT_SHORT = re.compile(r"truncated file: eof = (\d+),.*stored_eof = (\d+)")


def counted(count: int, one: str, many: str = "") -> str:
    """A number and its noun: `1 row`, `2 rows`; `many` where it is not `one` and an `s`."""
    return f"{count} {one if count == 1 else many or f'{one}s'}"


def beginning(head: bytes) -> str:
    """What a file begins with: the start of its first line, or bytes where that is no text."""
    first = next(iter(head.lstrip().splitlines()), b"").rstrip()
    text = first.decode("utf-8", "ignore")
    if text.isprintable() and len(text.encode()) > len(first) - 4:  # the last one may be cut
        return repr(text[:_SHOWN_CHARACTERS])
    return f"the bytes {head[:_SHOWN_BYTES].hex(' ')}"


def fault_of_hdf5(error: Exception) -> str:
    """What HDF5 says of a fault; of a file that is cut short, its sizes in words."""
    if sizes := _CUT_SHORT.search(str(error)):
        return f"found {sizes[1]} bytes, expected {sizes[2]}: the file was cut short"
    return f"HDF5 cannot read it: {error}"
