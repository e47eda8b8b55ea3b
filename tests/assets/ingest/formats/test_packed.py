"""Packed files that grow without end are refused early; all others are read whole."""

from __future__ import annotations

import gzip
import os
import tracemalloc
import zlib
from pathlib import Path

import pytest

from polly_assets.ingest.formats.base import Source
from polly_assets.ingest.formats.registry import READERS
from polly_assets.ingest.formats.streams import packed
from polly_assets.ingest.formats.streams.text import read_bytes
from polly_resources.errors import BadInput

SIGNATURE = b"\x89HDF\r\n\x1a\n"
BEGINNINGS = {
    **dict.fromkeys(("gctx", "h5ad", "loom", "tenx_h5"), SIGNATURE),
    "count_files": b"TP53\t1\n",
}


def bomb(path: Path, size: int) -> Path:
    """A gzip of so many zeros, about a thousandth of their size."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, 31)
    step = bytes(1 << 20)
    with path.open("wb") as file:
        for _ in range(size >> 20):
            file.write(squeeze.compress(step))
        file.write(squeeze.flush())
    return path


def test_a_bomb_is_refused_before_it_fills_memory(tmp_path: Path) -> None:
    path = bomb(tmp_path / "x.gct.gz", 1 << 30)
    tracemalloc.start()
    with pytest.raises(BadInput) as caught:
        read_bytes(path, "x.gct.gz")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (caught.value.code, caught.value.file) == ("unpacks_too_large", "x.gct.gz")
    assert peak < 2 * packed.FREE_BYTES


@pytest.mark.parametrize("row", READERS, ids=lambda row: row.name)
def test_every_reader_refuses_a_bomb(row, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "FREE_BYTES", 1 << 20)
    beginning = BEGINNINGS.get(row.name, b"")
    path = tmp_path / f"x{row.suffixes[0]}.gz"
    path.write_bytes(gzip.compress(beginning + bytes(8 << 20)))
    beside = {name: tmp_path / f"{name}.tsv" for name in ("barcodes", "features")}
    for each in beside.values():
        each.write_text("one\n")
    sidecars = beside if row.name == "tenx_mtx" else {}
    with pytest.raises(BadInput) as caught:
        list(row.bare().read(Source(path, path.name, sidecars)))
    assert caught.value.code == "unpacks_too_large"


def test_what_really_is_large_or_squeezes_well_is_read(tmp_path: Path) -> None:
    path, content = tmp_path / "x.gz", os.urandom(1 << 20) + bytes(64 << 20)
    path.write_bytes(gzip.compress(content[:1000]) + gzip.compress(content[1000:], 1))
    assert read_bytes(path, "x.gz") == content


def test_the_absolute_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "FREE_BYTES", 0)
    monkeypatch.setattr(packed, "MAX_BYTES", 1 << 20)
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(os.urandom((1 << 20) + 1)))
    with pytest.raises(BadInput, match="1048576 in all"):
        read_bytes(path, "x.gz")
