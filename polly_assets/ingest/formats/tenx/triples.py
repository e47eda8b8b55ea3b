"""Which files make a MatrixMarket triple: a matrix, its barcodes and its features.

Owns the pairing by folder and prefix, before any file is opened.
Keep out: single names (`names`) and the sidecars that describe a triple (`grouping`).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from polly_assets.ingest.formats.beside.description_names import PLAIN_MATRICES
from polly_assets.ingest.formats.tenx.names import (
    BARCODES,
    FEATURES,
    MATRIX,
    NAMES,
    member,
    other_lists,
    shares_lists,
    shorter,
)

Place: TypeAlias = tuple[str, str]
"""A folder, and what names in it have in common (in lower case)."""

_Parts: TypeAlias = dict[tuple[str, str, str], list[str]]
"""Lists by folder, role and prefix."""

DESCRIBES_PLAIN = ("matrix", "metadata", "samples")
"""What a file is called that describes the one triple without prefix of its folder."""

_SERIES = re.compile(r"gse\d+")
_SAMPLE = re.compile(r"gsm\d+")


@dataclass(frozen=True, slots=True)
class Triples:
    """The triples of some files.

    `members` maps each matrix to its other files by role, `places` to where its sidecars
    are; `incomplete` maps barcodes that have no matrix to their features.
    """

    members: Mapping[str, Mapping[str, str]]
    places: Mapping[str, Place]
    incomplete: Mapping[str, Mapping[str, str]]

    def used(self) -> set[str]:
        """All files that are members of a matrix or belong to an incomplete triple."""
        found = {name for each in self.members.values() for name in each.values()}
        found |= {name for each in self.incomplete.values() for name in each.values()}
        return found | set(self.incomplete)

    def also(self) -> dict[Place, Place]:
        """Places whose files describe a triple of another place, such as `x_matrix` of `x`."""
        found: dict[Place, Place] = {}
        folders = [folder for folder, _ in set(self.places.values())]
        for folder, prefix in self.places.values():
            if prefix in PLAIN_MATRICES and folders.count(folder) == 1:
                found |= {(folder, base): (folder, prefix) for base in DESCRIBES_PLAIN}
            if prefix:
                found |= {(folder, f"{prefix}{mark}matrix"): (folder, prefix) for mark in "._-"}
            else:
                found |= {(folder, base): (folder, "") for base in DESCRIBES_PLAIN}
        return found


def find_triples(names: Sequence[str]) -> Triples:
    """The triples of these files, which are sorted.

    A matrix `x_y_matrix.mtx` or `x_y.mtx` takes the barcodes and the features of the longest
    of the prefixes `x_y`, `x` and none, unless a shorter one is that of another matrix. Where
    several files play a role, as `genes.tsv` beside `features.tsv`, it takes them all. STARsolo's
    matrices of reads of several genes share the lists of the others. A role
    that is left is played by a list as other tools call it (`other_lists`), and the features of
    GSM matrices by the only list of a GSE in their folder.
    """
    matrices: dict[Place, list[str]] = defaultdict(list)
    parts: _Parts = defaultdict(list)
    others: dict[Place, str] = {}
    for name in names:
        folder, _, last = name.rpartition("/")
        others.setdefault((folder, last.lower().removesuffix(".gz")), name)
        found = member(last)
        if found is None:
            continue
        if found.role == MATRIX:
            matrices[folder, found.prefix].append(name)
        else:
            parts[folder, found.role, found.prefix].append(name)
    members: dict[str, Mapping[str, str]] = {}
    for place, mains in matrices.items():
        beside = _members(place, matrices, parts)
        beside |= _of_series(place, beside, parts) | _of_other_tools(place, beside, others)
        members |= dict.fromkeys(mains, beside)
    places = {name: place for place, mains in matrices.items() for name in mains}
    used = {name for each in members.values() for name in each.values()}
    incomplete: dict[str, Mapping[str, str]] = {}
    for (folder, role, prefix), cells in list(parts.items()):
        features = parts.get((folder, FEATURES, prefix), [])
        if role == BARCODES and features and not used & {*cells, *features}:
            both = _numbered(BARCODES, cells) | _numbered(FEATURES, features)
            incomplete[both.pop(BARCODES)] = both
    return Triples(members, places, incomplete)


def _numbered(role: str, names: Sequence[str]) -> dict[str, str]:
    """Files that play one role: the first by name, `features` before `genes`, and `role_2`, ..."""
    return {role if i == 0 else f"{role}_{i + 1}": name for i, name in enumerate(names)}


def _members(place: Place, matrices: Mapping[Place, list[str]], parts: _Parts) -> dict[str, str]:
    folder, own = place
    found: dict[str, str] = {}
    for role in (BARCODES, FEATURES):
        for prefix in shorter(own):
            if prefix != own and (folder, prefix) in matrices and not shares_lists(own):
                continue
            if names := parts.get((folder, role, prefix)):
                found |= _numbered(role, names)
                break
    return found


def _of_series(place: Place, held: Mapping[str, str], parts: _Parts) -> dict[str, str]:
    """The features that a GEO series has for all its samples, where a sample has none."""
    folder, own = place
    if FEATURES in held or not _SAMPLE.match(own):
        return {}
    shared = [
        names
        for (place_folder, role, prefix), names in parts.items()
        if (place_folder, role) == (folder, FEATURES) and _SERIES.match(prefix)
    ]
    return _numbered(FEATURES, shared[0]) if len(shared) == 1 else {}


def _of_other_tools(
    place: Place, held: Mapping[str, str], others: Mapping[Place, str]
) -> dict[str, str]:
    """Lists by the names of other tools, for the roles that nothing plays yet."""
    folder, own = place
    found: dict[str, str] = {}
    for prefix in shorter(own):
        for role, names in other_lists(prefix).items():
            present = [others[folder, name] for name in names if (folder, name) in others]
            if present and role not in held and (prefix == own or role == NAMES):
                found.setdefault(role, present[0])
    return found
