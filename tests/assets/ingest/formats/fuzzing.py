"""Files made wrong at random, and reading them to the last value.

Owns the ways to damage a file, and what an attempt does; one number makes one damaged file.
Keep out: the files themselves (`seeds`), and how many are tried (`test_fuzz`, `scripts/fuzz.py`).
"""

from __future__ import annotations

import gzip
import random
import re
from dataclasses import replace
from pathlib import Path

from polly_assets.ingest.formats.base import FailedDataset, Source
from polly_assets.ingest.formats.registry import READERS
from polly_resources.errors import PollyError
from tests.assets.ingest.formats.seeds import SEEDS, Seed

_NUMBER = re.compile(rb"-?\d+(\.\d+)?")
_NUMBERS = (
    b"0", b"-1", b"2147483648", b"9223372036854775807", b"99999999999999999999", b"1e400",
    b"-1e-400", b"nan", b"1,5", b"0x10", b"1_000", b"", b"\xd9\xa3",
)  # fmt: skip
_ODD = (
    b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\r", b"\r\n", b"\n\n", b'"', b'""', b"\t", b",", b";",
    b"#", b"!", b"^", b"=", b"<", b"&lol;", b"%", b"\x1f\x8b", b"\xe2\x80\xa8", b" " * 50,
    b"A" * 5000, b"A" * 150_000,
)  # fmt: skip


def damaged(reader: str, number: int) -> Seed:
    """The seed of a reader with a few random changes, sometimes to a sidecar, sometimes gzipped."""
    chance = random.Random(f"{reader} {number}")
    seed = SEEDS[reader]()
    if seed.sidecars and chance.random() < 0.3:
        key = chance.choice(sorted(seed.sidecars))
        return replace(seed, sidecars={**seed.sidecars, key: worse(seed.sidecars[key], chance)})
    packing = chance.random()
    data = seed.data
    if packing < 0.1:
        data = worse(gzip.compress(data, mtime=0), chance)
    else:
        data = worse(data, chance)
        if packing < 0.3:
            data = gzip.compress(data, mtime=0)
    return replace(seed, data=data)


def worse(data: bytes, chance: random.Random) -> bytes:
    """Bytes with a few random changes."""
    # In HDF5 all that is moved is lost, so most damage stays in its place.
    ways = _IN_PLACE if data.startswith(b"\x89HDF") and chance.random() < 0.9 else _WAYS
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        data = chance.choice(ways)(data, chance)
    return data


def _flip(data: bytes, chance: random.Random) -> bytes:
    if not data:
        return data
    at = chance.randrange(len(data))
    return data[:at] + bytes([data[at] ^ (1 << chance.randrange(8))]) + data[at + 1 :]


def _byte(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(data) + 1)
    return data[:at] + bytes([chance.choice((0, 1, 127, 128, 255))]) + data[at + 1 :]


def _insert(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(data) + 1)
    return data[:at] + chance.choice(_ODD) + data[at:]


def _delete(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(data) + 1)
    return data[:at] + data[at + chance.choice((1, 2, 7, 100)) :]


def _cut(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data) + 1)]


def _repeat(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(data) + 1)
    piece = data[at : at + chance.choice((1, 8, 200))]
    return data[:at] + piece * chance.choice((2, 3, 50)) + data[at + len(piece) :]


def _lines(data: bytes, chance: random.Random) -> bytes:
    lines = data.split(b"\n")
    one, two = chance.randrange(len(lines)), chance.randrange(len(lines))
    lines[one], lines[two] = lines[two], lines[one]
    return b"\n".join(lines)


def _number(data: bytes, chance: random.Random) -> bytes:
    found = list(_NUMBER.finditer(data))
    if not found:
        return data
    at = chance.choice(found)
    return data[: at.start()] + chance.choice(_NUMBERS) + data[at.end() :]


def _word(data: bytes, chance: random.Random) -> bytes:
    """A number of 2, 4 or 8 bytes made zero, one, or as large as it can be."""
    size = chance.choice((2, 4, 8))
    at = chance.randrange(len(data) + 1)
    word = chance.choice((b"\0" * size, b"\xff" * size, b"\1" + b"\0" * (size - 1)))
    return data[:at] + word + data[at + size :]


_IN_PLACE = (_flip, _byte, _word)
_WAYS = (_flip, _flip, _byte, _insert, _delete, _cut, _repeat, _lines, _number, _number)


def read(reader: str, seed: Seed, folder: Path) -> str:
    """Read a file by a reader, to the end of what it gives; `read`, or the code of its error.

    Raises whatever a reader raises that is no PollyError.
    """
    path = folder / seed.name
    path.write_bytes(seed.data)
    sidecars = {}
    for key, data in seed.sidecars.items():
        sidecars[key] = folder / f"sidecar.{key}"
        sidecars[key].write_bytes(data)
    row = next(row for row in READERS if row.name == reader)
    try:
        for item in row.load().read(Source(path, seed.name, sidecars)):
            if isinstance(item, FailedDataset):
                return item.error.code
            for matrix in item.matrices:
                for _ in matrix.blocks():
                    pass
            for _ in getattr(item, "variants", None) or ():
                pass
    except PollyError as error:
        assert error.code and error.message, error
        return error.code
    return "read"
