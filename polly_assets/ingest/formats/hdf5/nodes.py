"""The objects of an HDF5 file: its groups and datasets, by the low-level interface of h5py.

Owns what is known of an object from its opening on, so that nothing is asked for twice: a small
file has a hundred of them, and the classes of h5py ask at each look. Keep out: what is read of
them and whether it may be trusted (`access`), and what any of them means.
"""

from __future__ import annotations

from collections.abc import Mapping
from operator import itemgetter
from typing import Any, TypeAlias

import h5py
import numpy as np
import numpy.typing as npt

from polly_resources.errors import BadInput


class Group:
    """A group: its identifier, and the path by which it was reached."""

    __slots__ = ("_links", "id", "name")

    def __init__(self, found: h5py.h5g.GroupID, name: str) -> None:
        self.id, self.name = found, name
        self._links: Mapping[bytes, int] | None = None

    @property
    def links(self) -> Mapping[bytes, int]:
        """Its members' names and the types of their links, as made where the file keeps that."""
        if self._links is None:
            found: list[tuple[int, bytes, int]] = []

            def take(name: bytes, link: h5py.h5l.LinkInfo) -> None:
                found.append((link.corder if link.corder_valid else 0, name, link.type))

            self.id.links.iterate(take, info=True)
            found.sort(key=itemgetter(0))
            self._links = {name: kind for _, name, kind in found}
        return self._links

    @property
    def root(self) -> Group:
        """The root of its file."""
        return Group(h5py.h5i.get_file_id(self.id), "/")

    def below(self, part: str) -> str:
        """The path of a member."""
        return f"{self.name.rstrip('/')}/{part}"


class Dataset:
    """An array: its identifier, the path by which it was reached, its shape and its type.

    A shape of None is that of an array that holds nothing at all.
    """

    __slots__ = ("dtype", "id", "name", "shape")

    def __init__(self, found: h5py.h5d.DatasetID, name: str) -> None:
        self.id, self.name = found, name
        self.dtype: np.dtype[Any] = type_of(found, name)
        self.shape: Any = found.shape

    @property
    def chunks(self) -> tuple[int, ...] | None:
        """The shape of its chunks; None where it lies in one piece."""
        plan = self.id.get_create_plist()
        chunked = plan.get_layout() == h5py.h5d.CHUNKED
        return tuple(plan.get_chunk()) if chunked else None

    def part(self, where: tuple[slice, ...]) -> npt.NDArray[Any]:
        """Some of its values."""
        return np.asarray(h5py.Dataset(self.id)[where])


Node: TypeAlias = Group | Dataset


def node_of(found: h5py.h5o.ObjectID, name: str) -> Node | None:
    """A group or dataset; None of what is neither. Raises as `type_of` does."""
    if isinstance(found, h5py.h5d.DatasetID):
        return Dataset(found, name)
    return Group(found, name) if isinstance(found, h5py.h5g.GroupID) else None


def type_of(found: h5py.h5d.DatasetID | h5py.h5a.AttrID, place: str) -> np.dtype[Any]:
    """The type of its values. Raises BadInput `unsupported_type` where numpy has none for them."""
    try:
        kind: np.dtype[Any] = found.dtype
    except TypeError:
        if what := _without_numpy(found.get_type()):
            raise BadInput(
                "unsupported_type",
                f"found {what}, expected numbers of 8 to 64 bits or text",
                place=place,
                hint="write it anew as float64, int64 or text",
            ) from None
        raise
    return kind


def _without_numpy(kind: h5py.h5t.TypeID) -> str:
    """What such a type, or a part of it, holds that numpy does not know; else nothing."""
    if isinstance(kind, h5py.h5t.TypeTimeID):
        return "times of HDF5"
    if isinstance(kind, h5py.h5t.TypeCompoundID):
        members = (kind.get_member_type(i) for i in range(kind.get_nmembers()))
        return next((what for each in members if (what := _without_numpy(each))), "")
    if isinstance(kind, h5py.h5t.TypeArrayID | h5py.h5t.TypeEnumID | h5py.h5t.TypeVlenID):
        return _without_numpy(kind.get_super())
    bits = 8 * kind.get_size()
    odd = isinstance(kind, h5py.h5t.TypeIntegerID) and bits not in (8, 16, 32, 64)
    return f"integers of {bits} bits" if odd else ""
