"""Which files of a folder belong to a GEO series, by name, before any is opened.

Owns four rules. Series matrices, SOFT and MINiML of one series in one folder describe one series,
and `GDS1_full.soft` and `GDS1.soft` one DataSet: the first, in this order, is the main file.
Separated text named `GSE1_...` or `GSE1.` belongs to them, where nothing but a sheet of the series
describes that text. The tables `GSM1-tbl-1.txt` belong to every MINiML file (`.xml`) of their
folder. A sheet `GSE1_metadata.csv` or `GSE1_samples.csv` (`.tsv`, and with a dot) describes the
samples of every GEO file of GSE1, and `GSE1.json` these files.
Keep out: what is in the files.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping

from polly_assets.ingest.formats.counts.names import KEY

_ACCESSION = re.compile(r"g(se|ds)\d+")
_TABLE = re.compile(r"g(sm|pl)\d+-tbl-\d+\.txt")
_SERIES = re.compile(
    r"(?P<accession>g(?:se|ds)\d+)(?:(?P<matrix>(?:-gpl\d+)?(?:-\d+)?_series_matrix\.txt)"
    r"|(?P<full>_full\.soft)|(?P<soft>(?:_family)?\.soft|_family\.txt)|(?P<miniml>(?:_family|\.miniml)?\.xml))"
)
_FORMS = ("matrix", "full", "soft", "miniml")
_SUPPLEMENT = re.compile(r"(gse\d+)[_.-].+\.(txt|tab|tsv|csv|xls)")
_DESCRIBED = re.compile(
    r"(g(?:se|ds|pl|sm)\d+)(?:[_.-].*)?(?:\.soft|\.xml|_(?:family|series_matrix)\.txt)"
)
_SHEET = re.compile(r"(g(?:se|ds|pl|sm)\d+)(?:[_.](?:metadata|samples)\.(csv|tsv)|\.(json))")
_NOT_SUPPLEMENT = re.compile(r".*(_series_matrix|_family)\.txt|.*[_.](metadata|samples)\.(csv|tsv)")

_KEY = "series."
"""How the keys of further descriptions of a series begin among the sidecars of a source."""


def accession_of(plain: str) -> str | None:
    """How all names begin that may belong to a GEO file of this plain name.

    Empty where they may begin anyhow; None for a name that no rule here is about.
    """
    if _TABLE.fullmatch(plain) or plain.endswith(".xml"):
        return ""
    found = _ACCESSION.match(plain)
    return found[0] if found else None


def describes_series(plain: str) -> bool:
    """Whether a file of this plain name is one of the descriptions of a series or DataSet."""
    return _SERIES.fullmatch(plain.rpartition("/")[2]) is not None


def is_table(plain: str) -> bool:
    """Whether a file of this plain name is a table of a MINiML family."""
    return _TABLE.fullmatch(plain.rpartition("/")[2]) is not None


def descriptions(keys: Iterable[str]) -> list[str]:
    """Those keys of a source's sidecars that describe the same series, by precedence."""
    return sorted((key for key in keys if key.startswith(_KEY)), key=_precedence)


def supplements(keys: Iterable[str]) -> list[str]:
    """Those keys of a source's sidecars that are supplementary files of the series, in order."""
    return sorted(key for key in keys if _is_supplement(key))


def parts(name: str, keys: Iterable[str]) -> list[str]:
    """Those keys of the sidecars of a GEO file, by its name, that are files to be read with it."""
    if not _DESCRIBED.fullmatch(_split(name)[1]):
        return []
    return sorted(
        key for key in keys if key.startswith((_KEY, KEY)) or is_table(key) or _is_supplement(key)
    )


def geo_members(groups: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """The GEO files of these groups with what belongs to them, by key; some with nothing more.

    A file with sidecars belongs to none, but for a description of a series with `GSE1.json`, and
    a supplementary file whose sidecars are sheets of the series, too.
    Keys are the files' plain names; of sheets of samples and of JSON their endings; see
    `descriptions`.
    """
    mains = _mains(groups)
    found = {name: dict(groups[name]) for name in mains.values()}
    owners: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name, main in mains.items():
        folder, plain = _split(name)
        found[main] |= groups[name]
        if name != main:
            found[main][_KEY + name.rpartition("/")[2].lower()] = name
        for mark in _marks(plain):
            owners[folder, mark].append(main)
    for name in sorted(groups.keys() - mains.keys()):
        folder, plain = _split(name)
        sheets = {_split(beside)[1]: beside for beside in groups[name].values()}
        mark, key = _belonging(plain)
        if not all(_SHEET.fullmatch(sheet) and _is_supplement(plain) for sheet in sheets):
            continue
        several = len({*owners[folder, mark]}) > 1
        for owner in () if several and _is_supplement(plain) else owners[folder, mark]:
            found[owner].setdefault(key, name)
            for sheet, beside in sheets.items():
                found[owner].setdefault(sheet.rpartition(".")[2], beside)
    return found


def _marks(plain: str) -> list[str]:
    """What a GEO file is for others by its name: a family, a description, a series."""
    found = [("series", _SERIES.fullmatch(plain)), ("described", _DESCRIBED.fullmatch(plain))]
    marks = [f"{mark} {matched[1]}" for mark, matched in found if matched]
    return [*marks, "family"] if plain.endswith(".xml") else marks


def _belonging(plain: str) -> tuple[str, str]:
    """To which of `_marks` a file belongs, and its key there; both empty for none."""
    if matched := _SHEET.fullmatch(plain):
        return f"described {matched[1]}", matched[2] or matched[3]
    if _TABLE.fullmatch(plain):
        return "family", plain
    supplement = _is_supplement(plain)
    return (f"series {supplement[1]}", plain) if supplement else ("", "")


def _mains(groups: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """The GEO files, each with the main one of its source, which is itself for nearly all."""
    mains: dict[str, str] = {}
    first: dict[tuple[str, str], str] = {}
    for name in sorted(groups, key=_precedence):
        folder, plain = _split(name)
        matched = _SERIES.fullmatch(plain)
        if matched and all(
            _split(n)[1] == f"{matched['accession']}.json" for n in groups[name].values()
        ):
            mains[name] = first.setdefault((folder, matched["accession"]), name)
        elif matched or _DESCRIBED.fullmatch(plain) or plain.endswith(".xml"):
            mains[name] = name
    return mains


def _precedence(name: str) -> tuple[int, str]:
    matched = _SERIES.fullmatch(_split(name)[1].removeprefix(_KEY))
    return (_FORMS.index(str(matched.lastgroup)) if matched else len(_FORMS)), name


def _is_supplement(plain: str) -> re.Match[str] | None:
    return None if _NOT_SUPPLEMENT.fullmatch(plain) else _SUPPLEMENT.fullmatch(plain)


def _split(name: str) -> tuple[str, str]:
    folder, _, last = name.rpartition("/")
    return folder, last.lower().removesuffix(".gz")
