"""Which files are counts of one sample each, and which of them belong together, by name.

Owns two ways of being called: `GSM1_anything.txt`, as GEO packs `GSE1_RAW.tar`, and as counting
programs call their output (`_PROGRAMS`; add a program there). Files of one way in one folder are
one source. Those of GEO belong to the description of their series, beside them or beside the
folder `GSE1_RAW`. Keep out: what is in the files (`kinds`).
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from polly_assets.ingest.formats.beside.description_names import (
    PLAIN_DESCRIPTIONS,
    marked,
    sidecar_key,
)
from polly_assets.ingest.formats.tenx.names import member

KEY = "counts."
"""How the keys of such files begin among the sidecars of a source."""

ENDINGS = (
    ".count", ".counts", ".csv", ".genes.results", ".isoforms.results", ".out.tab", ".sf", ".tab",
    ".tsv", ".txt",
)  # fmt: skip

ANY_TABLE = ("geo", "featurecounts", "htseq")
"""The pools whose files may be any table of one sample; others have their program's columns."""

_TEXT = r"\.(txt|tab|tsv|csv|counts?|htseq|out|results|sf|fpkm_tracking|gene_abund)"
_GEO = re.compile(
    rf"(?P<gsm>gsm\d+)(?!-tbl)(?P<rest>([_.-].*)?){_TEXT}(?<!_family\.txt)(?<!_series_matrix\.txt)"
)
_PROGRAMS: Mapping[str, re.Pattern[str]] = {
    "star": re.compile(r"(?P<sample>.*?)[_.-]?readspergene\.out(\.tab)?(\.txt|\.tsv)?"),
    "rsem_genes": re.compile(r"(?P<sample>.*?)[_.-]?genes\.results(\.txt|\.tsv)?"),
    "rsem_isoforms": re.compile(r"(?P<sample>.*?)[_.-]?isoforms\.results(\.txt|\.tsv)?"),
    "salmon_genes": re.compile(r"(?P<sample>.*?)[_.-]?quant\.genes\.sf(\.txt|\.tsv)?"),
    "salmon": re.compile(r"(?P<sample>.*?)[_.-]?(quant)?\.sf(\.txt|\.tsv)?|(?P<plain>quant\.sf)"),
    "kallisto": re.compile(r"(?P<sample>.*?)([_.-]abundances?|^abundances?)\.(tsv|txt)"),
    "gdc": re.compile(
        r"(?P<sample>.*?)[_.-](rna_seq\.)?augmented_star_gene_counts\.(tsv|txt)"
    ),
    "htseq": re.compile(
        r"(?P<sample>.*?)[_.-]htseq([_.-]?counts?)?(\.txt|\.tsv|\.tab|\.out)?"
        r"|(?P<sample2>.+)\.counts?"
    ),
    "featurecounts": re.compile(
        r"(?P<sample>.*?)[_.-]feature_?counts?(\.counts?)?(\.txt|\.tsv|\.out)"
    ),
}  # fmt: skip
_SERIES = re.compile(r"(gse\d+)(?:[_.-].*)?(?:_series_matrix\.txt|\.soft|_family\.txt|\.xml)")
_SHEET = re.compile(r"gse\d+[_.](metadata|samples)")
_RAW = re.compile(r"(gse\d+)(?:[_.-]raw.*)?", re.IGNORECASE)
_ENDING = re.compile(rf"{_TEXT}(\.gz)?$|\.gz$", re.IGNORECASE)


class Named(NamedTuple):
    """What a name says: by whom it is so called, the sample, and what else tells the file."""

    pool: str
    sample: str
    rest: str


def named(name: str) -> Named | None:
    """What a file is by its name, in any case, gzipped or not; None for all others.

    `GSM1_liver.counts.txt.gz` is of the sample `GSM1` and tells `liver.counts`;
    `s1/quant.sf` is of the sample `s1`, the name of its folder.
    """
    folder, _, last = name.rpartition("/")
    plain = last.lower().removesuffix(".gz")
    if marked(plain) or member(plain):
        return None
    if found := _GEO.fullmatch(plain):
        size = len(found["gsm"])
        return Named("geo", last[:size].upper(), _ENDING.sub("", last)[size:].strip("_.- "))
    for pool, pattern in _PROGRAMS.items():
        if found := pattern.fullmatch(plain):
            parts = found.groupdict()
            sample = last[: len(parts["sample"] or parts.get("sample2") or "")]
            return Named(pool, sample or folder.rpartition("/")[2] or pool, "")
    return None


def with_counts(groups: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """The main files with their sidecars, where files of one sample each were put together.

    The first file by name, which may have sidecars, is the main one, or else a description of
    the series; of the others those join that have no sidecars of their own. Tables that
    describe nothing else (`metadata.csv`, `GSE1_samples.csv`) describe the only such files of
    their folder.
    """
    pools: dict[tuple[str, str], list[str]] = defaultdict(list)
    for main in sorted(groups):
        if found := named(main):
            pools[main.rpartition("/")[0], found.pool].append(main)
    alone = Counter(folder for folder, _ in pools)
    sheets: dict[str, list[str]] = defaultdict(list)
    for main in sorted(main for main, beside in groups.items() if not beside):
        if _is_sheet(main):
            sheets[main.rpartition("/")[0]].append(main)
    series = _series(groups)
    joined = {main: dict(beside) for main, beside in groups.items()}
    for (folder, pool), mains in pools.items():
        owner = _owner(folder, series) if pool == "geo" else None
        first = owner or mains[0]
        for main in mains:
            key = KEY + main.rpartition("/")[2].lower().removesuffix(".gz")
            if main != first and not groups[main] and key not in joined[first]:
                joined[first][key] = main
                del joined[main]
        if alone[folder] == 1:
            for sheet in sheets.get(folder, ()):
                key = sidecar_key(sheet.rpartition("/")[2].lower().removesuffix(".gz"))
                if sheet in joined and key not in joined[first]:
                    joined[first][key] = sheet
                    del joined[sheet]
    return joined


def _is_sheet(main: str) -> bool:
    """Whether a file may be a table that describes all samples of its folder."""
    stem, _, ending = main.rpartition("/")[2].lower().removesuffix(".gz").rpartition(".")
    called = stem in PLAIN_DESCRIPTIONS or _SHEET.fullmatch(stem) is not None
    return called and ending in ("csv", "tsv")


def _series(mains: Iterable[str]) -> dict[str, dict[str, list[str]]]:
    """The descriptions of GEO series by folder and accession."""
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for main in mains:
        folder, _, last = main.rpartition("/")
        if matched := _SERIES.fullmatch(last.lower().removesuffix(".gz")):
            found[folder][matched[1]].append(main)
    return found


def _owner(folder: str, series: Mapping[str, Mapping[str, list[str]]]) -> str | None:
    """The one description of the series that a folder's files are of; a series matrix first."""
    outer, _, last = folder.rpartition("/")
    raw = _RAW.fullmatch(last)
    here = series.get(folder, {})
    if raw:
        accession = raw[1].lower()
        mains = here.get(accession) or series.get(outer, {}).get(accession, [])
    else:
        mains = next(iter(here.values())) if len(here) == 1 else []
    for ending in ("_series_matrix.txt", "_family.soft", ".soft", "_family.txt", ".xml"):
        fitting = [m for m in mains if m.lower().removesuffix(".gz").endswith(ending)]
        if fitting:
            return fitting[0] if len(fitting) == 1 else None
    return None


def count_members(sidecars: Iterable[str]) -> list[str]:
    """Those keys of a source's sidecars that are files of one sample each, in order."""
    return sorted(key for key in sidecars if key.startswith(KEY))


def around(name: str) -> tuple[str, str] | None:
    """Where the description of a file's series may be beside its folder, and how it begins there.

    None where only files of its own folder may describe it.
    """
    folder = name.rpartition("/")[0]
    raw = _RAW.fullmatch(folder.rpartition("/")[2])
    found = named(name)
    if raw is None or found is None or found.pool != "geo":
        return None
    return folder[: -len(raw[0])], raw[1]
