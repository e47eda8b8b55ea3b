"""Which files of a folder belong to a GEO series, by name, before any is opened.

Owns four rules. Series matrices, SOFT and MINiML of one series in one folder describe one series:
the first of them, in this order, is the main file. Separated text named `GSE1_...` or `GSE1.`
belongs to them, where nothing else describes that text. The tables `GSM1-tbl-1.txt` belong to
every MINiML file (`.xml`) of their folder. A sheet `GSE1_metadata.csv` or `GSE1_samples.csv`
(`.tsv`, and with a dot) describes the samples of every GEO file of GSE1.
Keep out: what is in the files.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping

from polly_assets.ingest.formats.counts.names import KEY

_ACCESSION = re.compile(r"gse\d+")
_TABLE = re.compile(r"g(sm|pl)\d+-tbl-\d+\.txt")
_SERIES = re.compile(
    r"(?P<gse>gse\d+)(?:(?P<matrix>(?:-gpl\d+)?(?:-\d+)?_series_matrix\.txt)"
    r"|(?P<soft>(?:_family)?\.soft|_family\.txt)|(?P<miniml>(?:_family|\.miniml)?\.xml))"
)
_FORMS = ("matrix", "soft", "miniml")
_SUPPLEMENT = re.compile(r"(gse\d+)[_.-].+\.(txt|tab|tsv|csv)")
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

    A file with sidecars belongs to none, but for a description of a series with `GSE1.json`.
    Keys are the files' plain names; of sheets of samples and of JSON their endings; see
    `descriptions`.
    """
    mains = _mains(groups)
    found = {name: dict(groups[name]) for name in mains.values()}
    families: dict[str, list[str]] = defaultdict(list)
    series: dict[tuple[str, str], list[str]] = defaultdict(list)
    described: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name, main in mains.items():
        folder, plain = _split(name)
        found[main] |= groups[name]
        if name != main:
            found[main][_KEY + name.rpartition("/")[2].lower()] = name
        if matched := _DESCRIBED.fullmatch(plain):
            described[folder, matched[1]].append(main)
        if plain.endswith(".xml"):
            families[folder].append(main)
        if matched := _SERIES.fullmatch(plain):
            series[folder, matched["gse"]].append(main)
    for name in sorted(groups.keys() - mains.keys()):
        if groups[name]:
            continue
        folder, plain = _split(name)
        owners: list[str] = []
        key = plain
        if matched := _SHEET.fullmatch(plain):
            owners, key = described[folder, matched[1]], matched[2] or matched[3]
        elif _TABLE.fullmatch(plain):
            owners = families[folder]
        elif matched := _is_supplement(plain):
            owners = series[folder, matched[1]] if len({*series[folder, matched[1]]}) == 1 else []
        for owner in owners:
            found[owner].setdefault(key, name)
    return found


def _mains(groups: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """The GEO files, each with the main one of its source, which is itself for nearly all."""
    mains: dict[str, str] = {}
    first: dict[tuple[str, str], str] = {}
    for name in sorted(groups, key=_precedence):
        folder, plain = _split(name)
        matched = _SERIES.fullmatch(plain)
        if matched and all(_split(n)[1] == f"{matched['gse']}.json" for n in groups[name].values()):
            mains[name] = first.setdefault((folder, matched["gse"]), name)
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
