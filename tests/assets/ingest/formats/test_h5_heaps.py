"""Damaged heaps of HDF5 files, on which the library would never end, are told of by their place."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from polly_assets.ingest.formats.apart import pool as apart_pool
from polly_assets.ingest.formats.apart.reader import Apart
from polly_assets.ingest.formats.base import Source
from polly_assets.ingest.formats.h5ad.reader import H5adReader
from polly_assets.ingest.formats.hdf5.heaps import check_file, check_heaps
from polly_resources.errors import BadInput
from tests.assets.ingest.formats.seeds import SEEDS

GOOD = SEEDS["h5ad"]().data


def heap_with(size: bytes, index: int = 0) -> bytes:
    """The seed whose first heap says this of an object: the free one, or the first."""
    at = GOOD.index(b"GCOL") + 16
    while int.from_bytes(GOOD[at : at + 2], "little") != index:
        at += 16 + (int.from_bytes(GOOD[at + 8 : at + 16], "little") + 7) // 8 * 8
    return GOOD[: at + 8] + size + GOOD[at + 16 :]


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize(
    ("size", "index"), [(0, 0), (2**63, 0), (5000, 0), (2**64 - 16, 1), (2**63, 1), (5000, 1)]
)
def test_a_size_that_leads_astray(tmp_path: Path, monkeypatch, pack, size, index) -> None:
    path = tmp_path / "x.h5ad"
    path.write_bytes(pack(heap_with(size.to_bytes(8, "little"), index)))
    with pytest.raises(BadInput) as caught:
        check_file(path)
    assert caught.value.code == "corrupt_hdf5" and caught.value.place.startswith("byte ")
    monkeypatch.setattr(apart_pool, "SECONDS", 0.5)
    with pytest.raises(BadInput) as caught:
        list(Apart(H5adReader()).read(Source(path, "x.h5ad")))
    assert (caught.value.code, caught.value.file) == ("corrupt_hdf5", "x.h5ad")
    assert caught.value.place.startswith(("byte ", "/obs"))


def test_what_only_looks_like_a_heap() -> None:
    for more in (b"GCOL", b"GCOL\x01\0\0\0", b"GCOL\x01\0\0\0" + bytes(8000), b"GCOL" * 4000):
        check_heaps(GOOD + more)


def test_real_files(real_data: Path) -> None:
    for path in sorted((real_data / "formats").rglob("*.h5*")):
        check_heaps(path.read_bytes())
