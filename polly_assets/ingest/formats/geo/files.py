"""Which files of a folder belong to a GEO series, by name, before any is opened.

Owns three rules. The tables `GSM1-tbl-1.txt` belong to every MINiML file (`.xml`) of their folder.
Separated text named `GSE1_...` or `GSE1.` belongs to the series matrix of GSE1 where the
folder has one only, and nothing else describes that text. A sheet `GSE1_metadata.csv` or
`GSE1_samples.csv` (`.tsv`, and with a dot) describes the samples of every GEO file of GSE1.
Keep out: what is in the files.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping

_ACCESSION = re.compile(r"gse\d+")
_TABLE = re.compile(r"g(sm|pl)\d+-tbl-\d+\.txt")
_SERIES = re.compile(r"(gse\d+)(-gpl\d+)?(-\d+)?_series_matrix\.txt")
_SUPPLEMENT = re.compile(r"(gse\d+)[_.-].+\.(txt|tab|tsv|csv)")
_DESCRIBED = re.compile(
    r"(g(?:se|ds|pl|sm)\d+)(?:[_.-].*)?(?:\.soft|\.xml|_(?:family|series_matrix)\.txt)"
)
_SHEET = re.compile(r"(g(?:se|ds|pl|sm)\d+)[_.](?:metadata|samples)\.(csv|tsv)")
_NOT_SUPPLEMENT = re.compile(r".*(_series_matrix|_family)\.txt|.*[_.](metadata|samples)\.(csv|tsv)")

SIDECARS = ("cls", "csv", "json", "tsv")
"""Keys of the files that describe a GEO file; all others are parts of it."""


def accession_of(plain: str) -> str | None:
    """How all names begin that may belong to a GEO file of this plain name.

    Empty where they may begin anyhow; None for a name that no rule here is about.
    """
    if _TABLE.fullmatch(plain) or plain.endswith(".xml"):
        return ""
    found = _ACCESSION.match(plain)
    return found[0] if found else None


def is_table(plain: str) -> bool:
    """Whether a file of this plain name is a table of a MINiML family."""
    return _TABLE.fullmatch(plain.rpartition("/")[2]) is not None


def geo_members(mains: Iterable[str], bare: Iterable[str]) -> Mapping[str, Mapping[str, str]]:
    """The files that belong to GEO files among `mains`, by key.

    Only files of `bare` (which have no sidecars of their own) may belong to another. Keys are
    the files' plain names; of sheets of samples `csv` and `tsv`.
    """
    members: dict[str, dict[str, str]] = defaultdict(dict)
    families: dict[str, list[str]] = defaultdict(list)
    matrices: dict[tuple[str, str], list[str]] = defaultdict(list)
    described: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name in mains:
        folder, plain = _split(name)
        if found := _DESCRIBED.fullmatch(plain):
            described[folder, found[1]].append(name)
        if plain.endswith(".xml"):
            families[folder].append(name)
        elif found := _SERIES.fullmatch(plain):
            matrices[folder, found[1]].append(name)
    for name in bare:
        folder, plain = _split(name)
        owners: list[str] = []
        key = plain
        if found := _SHEET.fullmatch(plain):
            owners, key = described[folder, found[1]], found[2]
        elif _TABLE.fullmatch(plain):
            owners = families[folder]
        elif (found := _SUPPLEMENT.fullmatch(plain)) and not _NOT_SUPPLEMENT.fullmatch(plain):
            owners = matrices[folder, found[1]]
            owners = owners if len(owners) == 1 else []
        for owner in owners:
            members[owner].setdefault(key, name)
    return members


def _split(name: str) -> tuple[str, str]:
    folder, _, last = name.rpartition("/")
    return folder, last.lower().removesuffix(".gz")
