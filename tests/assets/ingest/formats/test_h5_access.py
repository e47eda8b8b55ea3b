"""What is opened and read at the low level of h5py is what its high level gives."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from polly_assets.ingest.formats.base import Source
from polly_assets.ingest.formats.hdf5.access import (
    Findings,
    attribute,
    check_storage,
    child,
    opened,
    read_array,
    text_series,
)
from polly_assets.ingest.formats.hdf5.nodes import Dataset
from polly_resources.errors import BadInput

NUMBERS = {
    "integer": 3,
    "one integer": np.array([3]),
    "table": np.arange(6).reshape(2, 3),
    "nothing": np.zeros(0, "int32"),
    "half": np.float16(1.5),
    "largest": np.uint64(2**64 - 1),
    "truth": True,
    "truths": np.array([True, False]),
    "big-endian": np.array([1, 2], ">i4"),
    "complex": 1 + 2j,
}


@pytest.mark.parametrize("name", NUMBERS)
def test_attributes_of_numbers_are_those_of_h5py(tmp_path: Path, name: str) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.attrs[name] = NUMBERS[name]
        ours, theirs = attribute(file, name), file.attrs[name]
        assert type(ours) is type(theirs)
        assert ours.dtype == theirs.dtype and ours.shape == theirs.shape
        assert np.array_equal(ours, theirs)


def test_attributes_of_names_and_of_nothing(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.attrs.create("enum", 1, dtype=h5py.enum_dtype({"A": 0, "B": 1}))
        file.attrs["nothing"] = h5py.Empty("int32")
        file.attrs["words"] = np.array([b"ab", b"c"])
        assert attribute(file, "enum") == 1
        assert attribute(file, "nothing").dtype == "int32"
        assert attribute(file, "words") == ["ab", "c"]
        assert attribute(file, "none") is None


@pytest.mark.parametrize("name", ["a b.h5", "größe.h5", "試料.h5", "#%?&.h5", "-r.h5"])
def test_files_of_any_name(tmp_path: Path, name: str) -> None:
    with h5py.File(tmp_path / name, "w") as file:
        file["x"] = [1, 2]
    with opened(Source(tmp_path / name, name)) as file:
        found = child(file, "x")
        assert isinstance(found, Dataset)
        assert read_array(found).tolist() == [1, 2]


LAYOUTS = {
    "one piece": {},
    "never written": {"shape": (3,), "dtype": "int32"},
    "chunks": {"chunks": (2,)},
    "deflated": {"chunks": (2,), "compression": "gzip", "shuffle": True},
    "empty": {"data": np.zeros(0, "int32")},
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_is_read(tmp_path: Path, name: str) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        how = LAYOUTS[name]
        data = None if "shape" in how else np.arange(3)
        stored = file.create_dataset("x", **{"data": data, **how})
        check_storage(stored)
        assert np.array_equal(read_array(stored), stored[()])


@pytest.mark.parametrize("declared", [3, 1 << 40])
def test_values_elsewhere_are_refused_whatever_their_size(tmp_path: Path, declared: int) -> None:
    (tmp_path / "raw.bin").write_bytes(bytes(12))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        elsewhere = [("raw.bin", 0, declared * 4)]
        stored = file.create_dataset("x", (declared,), "int32", external=elsewhere)
        layout = h5py.VirtualLayout((declared,), "int32")
        layout[:3] = h5py.VirtualSource("other.h5", "x", (3,))
        for found in (stored, file.create_virtual_dataset("y", layout)):
            with pytest.raises(BadInput) as caught:
                check_storage(found)
            assert caught.value.code == "linked_element"


@pytest.mark.parametrize("texts", [[b"ab", b"a\0b"], [b"\0x"]])
def test_a_nul_byte_is_in_no_text(texts: list[bytes]) -> None:
    with pytest.raises(BadInput) as caught:
        text_series(np.array(texts), "/obs/cell", Findings())
    assert (caught.value.code, caught.value.place) == ("binary_content", "/obs/cell")
    assert f"row {len(texts) - 1}" in caught.value.message


def test_nul_bytes_that_fill_up_are_no_part_of_a_text() -> None:
    texts = np.array([b"a\0\0", b"abc", b""])
    assert text_series(texts, "/obs/cell", Findings()).to_list() == ["a", "abc", ""]
    assert text_series(texts[:0], "/obs/cell", Findings()).to_list() == []
