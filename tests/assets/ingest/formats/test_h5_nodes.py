"""Groups and arrays of HDF5 know what h5py says of them."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from polly_assets.ingest.formats.base import Source
from polly_assets.ingest.formats.hdf5.access import attribute, child, keys, opened
from polly_assets.ingest.formats.hdf5.nodes import Dataset, Group
from polly_resources.errors import BadInput


@pytest.mark.parametrize("tracked", [True, False])
@pytest.mark.parametrize("libver", ["earliest", "latest"])
def test_members_come_in_the_order_of_h5py(tmp_path: Path, tracked: bool, libver: str) -> None:
    names = ["z", "a", "größe", "m" * 300, *(f"c{i}" for i in range(40))]
    with h5py.File(tmp_path / "a.h5", "w", libver=libver, track_order=tracked) as file:
        for name in names:
            file[name] = 1
        assert keys(Group(file.id, "/")) == list(file)
        assert list(file) == (names if tracked else sorted(names, key=str.encode))


def test_links_are_told_apart_and_not_followed(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["inner/x"] = [1, 2]
        file["soft"] = h5py.SoftLink("/inner/x")
        file["far"] = h5py.ExternalLink("other.h5", "/x")
        file["hard"] = file["inner"]
    with opened(Source(tmp_path / "a.h5", "a.h5")) as root:
        assert child(root, "none") is None and child(root, "inner/x/y") is None
        for name in ("soft", "far"):
            with pytest.raises(BadInput) as caught:
                child(root, name)
            assert (caught.value.code, caught.value.place) == ("linked_element", f"/{name}")
        found = child(root, "hard/x")
        assert isinstance(found, Dataset) and found.name == "/hard/x"
        inner = child(root, "hard")
        assert isinstance(inner, Group) and keys(inner.root) == keys(root)


def test_arrays_know_their_shape_type_and_chunks(tmp_path: Path) -> None:
    made = {
        "plain": {"data": np.zeros((2, 3), ">i2")},
        "chunked": {"shape": (10, 4), "chunks": (5, 2), "dtype": "f4"},
        "scalar": {"data": 1.5},
        "nothing": {"data": h5py.Empty("f8")},
        "text": {"data": ["a", "b"]},
    }
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name, how in made.items():
            theirs = file.create_dataset(name, **how)
            ours = Dataset(theirs.id, theirs.name)
            assert (ours.shape, ours.dtype, ours.chunks) == (
                theirs.shape,
                theirs.dtype,
                theirs.chunks,
            )
        part = Dataset(file["plain"].id, "/plain").part((slice(1, 2), slice(None)))
        assert part.shape == (1, 3)


def _wide() -> h5py.h5t.TypeID:
    kind = h5py.h5t.STD_I64LE.copy()
    kind.set_size(16)
    return kind


def _compound() -> h5py.h5t.TypeID:
    kind = h5py.h5t.create(h5py.h5t.COMPOUND, 24)
    kind.insert(b"a", 0, h5py.h5t.STD_I64LE)
    kind.insert(b"b", 8, _wide())
    return kind


TYPES = {
    "integers of 128 bits": _wide,
    "times of HDF5": lambda: h5py.h5t.UNIX_D32LE,
    "integers of 128 bits in a table": _compound,
    "integers of 128 bits in arrays": lambda: h5py.h5t.array_create(_wide(), (2,)),
    "integers of 128 bits in lists": lambda: h5py.h5t.vlen_create(_wide()),
}


@pytest.mark.parametrize("what", TYPES)
def test_types_that_numpy_does_not_know(tmp_path: Path, what: str) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        kind, space = TYPES[what](), h5py.h5s.create_simple((3,))
        h5py.h5d.create(file.create_group("g").id, b"x", kind, space)
        h5py.h5a.create(file.id, b"note", kind, space)
    with opened(Source(tmp_path / "a.h5", "a.h5")) as root:
        with pytest.raises(BadInput, match=what.partition(" in ")[0]) as of_values:
            child(root, "g/x")
        with pytest.raises(BadInput, match=what.partition(" in ")[0]) as of_attribute:
            attribute(root, "note")
    found = [(each.value.code, each.value.place) for each in (of_values, of_attribute)]
    assert found == [("unsupported_type", "/g/x"), ("unsupported_type", "/@note")]
