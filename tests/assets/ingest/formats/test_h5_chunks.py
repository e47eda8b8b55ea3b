"""Deflated chunks give what the HDF5 library gives, or are left to it."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from polly_assets.ingest.formats.hdf5 import chunks as h5_chunks
from polly_assets.ingest.formats.hdf5.access import read_array
from polly_assets.ingest.formats.hdf5.chunks import unpacked
from polly_resources.errors import BadInput

COUNT = 20_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "x.h5"


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_equal_to_the_library(path, monkeypatch, data):
    monkeypatch.setattr(h5_chunks, "_SMALLEST", 0)
    shape = tuple(data.draw(st.lists(st.integers(1, 40), min_size=1, max_size=3)))
    chunk = tuple(data.draw(st.integers(1, n)) for n in shape)
    kind = data.draw(st.sampled_from(["i1", "u2", "i4", "f4", "f8", "u8"]))
    shuffle = data.draw(st.booleans())
    values = np.random.default_rng(1).integers(0, 100, shape).astype(kind)
    with h5py.File(path, "w") as file:
        stored = file.create_dataset(
            "x", data=values, chunks=chunk, compression="gzip", shuffle=shuffle
        )
        found = unpacked(stored.id, stored.id.get_create_plist())
        assert found is not None and found.dtype == values.dtype
        assert np.array_equal(found, values)
        assert np.array_equal(read_array(stored), values)


@pytest.mark.parametrize(
    "how",
    [
        {"compression": "lzf"},
        {"compression": "gzip", "fletcher32": True},
        {"scaleoffset": 0},
        {"chunks": (100,)},
        {},
    ],
)
def test_others_are_left_to_the_library(path, how):
    values = np.arange(COUNT)
    with h5py.File(path, "w") as file:
        stored = file.create_dataset("x", data=values, **how)
        assert not stored.chunks or unpacked(stored.id, stored.id.get_create_plist()) is None
        assert np.array_equal(read_array(stored), values)


def test_chunks_that_were_never_written(path):
    with h5py.File(path, "w") as file:
        stored = file.create_dataset(
            "x", (COUNT,), "f8", chunks=(1000,), compression="gzip", fillvalue=7
        )
        assert unpacked(stored.id, stored.id.get_create_plist()) is None
        assert read_array(stored).sum() == COUNT * 7
        stored[:1000] = 1
        assert unpacked(stored.id, stored.id.get_create_plist()) is None
        assert read_array(stored).sum() == 1000 + (COUNT - 1000) * 7


@pytest.mark.parametrize("content", [b"\0", b"no deflate", b"x\x9c\x03\0\0\0\0\1"])
def test_broken_chunks_are_told_by_the_library(path, content):
    with h5py.File(path, "w") as file:
        stored = file.create_dataset("x", (COUNT,), "f8", chunks=(COUNT,), compression="gzip")
        stored.id.write_direct_chunk((0,), content, 0)
        with pytest.raises(BadInput) as caught:
            read_array(stored)
    assert (caught.value.code, caught.value.place) == ("corrupt_hdf5", "/x")
