"""What is fuzzed: every reader, archives and manifests; one damaged input made and tried.

Owns the targets that are no formats, and damage that keeps a file's checks right, so that it gets
past them. Keep out: damage and seeds of formats (`tests/assets/ingest/formats`), and how many are
tried (`test_targets`, `scripts/fuzz.py`, `scripts/fuzz_guided.py`).
"""

from __future__ import annotations

import random
import shutil
import struct
from collections.abc import Callable, Mapping
from pathlib import Path

from polly_assets.ingest.bundles import unbundled, unpack
from polly_assets.ingest.formats.registry import READERS
from polly_resources.errors import PollyError
from tests.assets.ingest.archives import tar_gz, tarred, zipped
from tests.assets.ingest.formats import fuzzing
from tests.assets.ingest.formats.seeds import SEEDS, Seed

_FILES = {"a.gct": SEEDS["gct"]().data, "d/b.csv": b"x,S1\ng,1\n", "README": b"words"}
_SIZES = (0, 1, 22, 512, 513, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF, 1 << 40)
_BLOCK = 512

MANIFEST = (
    b"file,dataset_id,samples,title\nraw/a.gct,ONE,t.csv,First\n?.c*v,,,x\nb/**/c.gct,TWO,,\n"
)


def zip_seed() -> Seed:
    """A zip with a zip in it."""
    return Seed("x.zip", zipped({**_FILES, "in.zip": zipped(_FILES)}))


def tar_seed() -> Seed:
    """A tar with a packed one in it."""
    return Seed("x.tar", tarred({**_FILES, "n" * 120: b"", "in.tgz": tar_gz(_FILES)}))


def manifest_seed() -> Seed:
    """A manifest of a few files, which `attempt` lays beside it."""
    return Seed("manifest.csv", MANIFEST)


OTHERS: Mapping[str, Callable[[], Seed]] = {
    "manifest": manifest_seed,
    "tar": tar_seed,
    "zip": zip_seed,
}

TARGETS = (*(row.name for row in READERS), *OTHERS)


def seed_of(target: str) -> Seed:
    """The valid input that a target's damage begins with."""
    return OTHERS[target]() if target in OTHERS else SEEDS[target]()


def made(target: str, number: int) -> Seed:
    """The damaged input of this number."""
    if target not in OTHERS:
        return fuzzing.damaged(target, number)
    seed = seed_of(target)
    chance = random.Random(f"{target} {number}")
    return Seed(seed.name, damage(target, seed.data, chance))


def damage(target: str, data: bytes, chance: random.Random) -> bytes:
    """Bytes made worse, for archives often so that only a field of a header differs."""
    repair = {"tar": _tar_field, "zip": _zip_field}.get(target)
    if repair is None or chance.random() < 0.4:
        return fuzzing.worse(data, chance)
    for _ in range(chance.choice((1, 1, 2, 5))):
        data = repair(data, chance)
    return data


def _tar_field(data: bytes, chance: random.Random) -> bytes:
    """One field of a header of a tar made wrong, and the header's checksum right."""
    blocks = [at for at in range(0, len(data), _BLOCK) if data[at + 257 : at + 262] == b"ustar"]
    if not blocks:
        return fuzzing.worse(data, chance)
    at = chance.choice(blocks)
    head = bytearray(data[at : at + _BLOCK])
    start, length = chance.choice(((0, 100), (100, 8), (124, 12), (156, 1), (157, 100), (345, 155)))
    text = chance.choice((
        b"../../x", b"/etc/x", b"\xff\xfe", b"", b"77777777777", b"-1", b"a" * 155, b"C:\\x",
        *(bytes([kind]) for kind in b"01234567KLSVxgDM"), b"\x80" + bytes(10) + b"\xff",
    ))  # fmt: skip
    head[start : start + length] = text[:length].ljust(length, b"\0")
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    return data[:at] + bytes(head) + data[at + _BLOCK :]


_FIELDS = {
    b"PK\x01\x02": ((8, "H"), (10, "H"), (16, "L"), (20, "L"), (24, "L"), (28, "H"), (30, "H"),
                    (38, "L"), (42, "L")),
    b"PK\x03\x04": ((6, "H"), (8, "H"), (14, "L"), (18, "L"), (22, "L"), (26, "H"), (28, "H")),
    b"PK\x05\x06": ((4, "H"), (6, "H"), (8, "H"), (10, "H"), (12, "L"), (16, "L"), (20, "H")),
}  # fmt: skip


def _zip_field(data: bytes, chance: random.Random) -> bytes:
    """One field of a record of a zip made wrong."""
    mark = chance.choice(list(_FIELDS))
    places = [at for at in range(len(data) - 46) if data[at : at + 4] == mark]
    if not places:
        return fuzzing.worse(data, chance)
    offset, kind = chance.choice(_FIELDS[mark])
    most = 0xFFFF if kind == "H" else 0xFFFFFFFF
    number = chance.choice((*_SIZES, len(data), chance.randrange(len(data)))) & most
    at = chance.choice(places) + offset
    return data[:at] + struct.pack(f"<{kind}", number) + data[at + struct.calcsize(f"<{kind}") :]


def attempt(target: str, seed: Seed, folder: Path) -> str:
    """Try one input; `read`, or the code of its error. Raises what is no PollyError."""
    if target not in OTHERS:
        return fuzzing.read(target, seed, folder)
    place, within = folder / "given", folder / "within"
    for each in (place, within):
        shutil.rmtree(each, ignore_errors=True)
        each.mkdir()
    path = place / seed.name
    path.write_bytes(seed.data)
    before = sorted(folder.iterdir())
    try:
        if target == "manifest":
            names = ("raw/a.gct", "t.csv", "b.csv", "b/x/c.gct", "b/c.json")
            files = dict.fromkeys(names, path)
            _, refused = unbundled({**files, seed.name: path}, within)
            for error in refused.values():
                raise error
        else:
            found = unpack(path, seed.name, within)
            assert all(within in file.resolve().parents for file in found.values())
    except PollyError as error:
        assert error.code and error.message and error.hint, error
        return error.code
    finally:
        assert sorted(folder.iterdir()) == before
    return "read"
