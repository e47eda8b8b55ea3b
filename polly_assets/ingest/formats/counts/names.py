"""Which files are counts of one sample each, and which of them belong together, by name.

Owns two ways of being called: `GSM1_anything.txt`, as GEO packs `GSE1_RAW.tar`, and as counting
programs call their output (`_PROGRAMS`; add a program there). Files of one way in one folder are
one source, and so are those of a program that lie in folders called by their samples, beside each
other. Those of GEO belong to the description of their series, beside them or beside the
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

ALSO = "also."
"""How the keys of files begin that have the same values once more."""

ENDINGS = (
    ".count", ".counts", ".csv", ".genes.results", ".isoforms.results", ".out.tab", ".sf", ".tab",
    ".tsv", ".txt", ".xls",
)  # fmt: skip

ANY_TABLE = ("geo", "featurecounts", "htseq")
"""The pools whose files may be any table of one sample; others have their program's columns."""

_TEXT = r"\.(txt|tab|tsv|csv|xls|counts?|htseq|out|results|sf|fpkm_tracking|gene_abund)"
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
_FURTHER = {"rsem_isoforms": "isoforms", "salmon_genes": "genes"}
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_KALLISTO_H5 = re.compile(r"(.+[_.-])?abundance\.h5")
_SERIES = re.compile(r"(gse\d+)(?:[_.-].*)?(?:_series_matrix\.txt|\.soft|_family\.txt|\.xml)")
_SHEET = re.compile(r"gse\d+[_.](metadata|samples)")
_RAW = re.compile(r"(gse\d+)(?:[_.-]raw.*)?", re.IGNORECASE)
_ENDING = re.compile(rf"{_TEXT}(\.gz)?$|\.gz$", re.IGNORECASE)


class Named(NamedTuple):
    """What a name says: by whom it is so called, the sample, and what else tells the file."""

    pool: str
    sample: str
    rest: str

    @property
    def level(self) -> str:
        """What tells the file of a program from the other that it writes of the sample."""
        return _FURTHER.get(self.pool, "")


def named(name: str) -> Named | None:
    """What a file is by its name, in any case, gzipped or not; None for all others.

    `GSM1_liver.counts.txt.gz` is of the sample `GSM1` and tells `liver.counts`;
    `s1/quant.sf` is of the sample `s1`, the name of its folder, and so is `s1/rsem.genes.results`.
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
            own = folder.rpartition("/")[2]
            fixed = sample.lower() in ("", pool.partition("_")[0])
            return Named(pool, (own if fixed else "") or sample or pool, "")
    return None


def home(name: str) -> str:
    """The folder of the dataset that a file may be of: its own, or that of its sample's folder.

    `a` for `a/s1/quant.sf` and `a/s1/s1.genes.results`, and for GDC's `a/UUID/...`.
    """
    folder = name.rpartition("/")[0]
    outer, _, own = folder.rpartition("/")
    found = named(name)
    if found is None or found.pool == "geo" or not own:
        return folder
    of_gdc = found.pool == "gdc" and _UUID.fullmatch(own)
    return outer if of_gdc or found.sample.lower() == own.lower() else folder


def with_counts(
    groups: Mapping[str, Mapping[str, str]], copied: Mapping[str, str]
) -> dict[str, dict[str, str]]:
    """The main files with their sidecars, where files of one sample each were put together.

    The first file by name, which may have sidecars, is the main one, or else a description of
    the series; of the others those join that have no sidecars of their own. Tables that
    describe nothing else (`metadata.csv`, `GSE1_samples.csv`) describe the files of the only
    program of their folder. `copied` are those that `copies` found.
    """
    pools = _pools(groups)
    programs = {(folder, pool.partition("_")[0]) for folder, pool, _ in pools}
    alone = Counter(folder for folder, _ in programs)
    sheets: dict[str, list[str]] = defaultdict(list)
    for main in sorted(main for main, beside in groups.items() if not beside):
        if _is_sheet(main):
            sheets[main.rpartition("/")[0]].append(main)
    series = _series(groups)
    joined = {main: dict(beside) for main, beside in groups.items()}
    for (folder, pool, _), mains in pools.items():
        owner = _owner(folder, series) if pool == "geo" else None
        first = owner or mains[0]
        for main in mains:
            key = _key(main, folder)
            if main != first and not groups[main] and key not in joined[first]:
                joined[first][key] = main
                del joined[main]
        if alone[folder] == 1:
            for sheet in sheets.get(folder, ()):
                key = sidecar_key(sheet.rpartition("/")[2].lower().removesuffix(".gz"))
                if key not in joined[first]:
                    joined[first][key] = sheet
                    joined.pop(sheet, None)
    _give_copies(joined, copied)
    return joined


def _pools(mains: Iterable[str]) -> dict[tuple[str, str, bool], list[str]]:
    """Files by folder, program, and whether they lie there in folders of their own."""
    counts = {main: found for main in sorted(mains) if (found := named(main))}
    held = Counter((main.rpartition("/")[0], found.pool) for main, found in counts.items())
    pools: dict[tuple[str, str, bool], list[str]] = defaultdict(list)
    for main, found in counts.items():
        folder = main.rpartition("/")[0]
        place = home(main) if held[folder, found.pool] == 1 else folder
        pools[place, found.pool, place != folder].append(main)
    return pools


def _key(name: str, folder: str) -> str:
    """The key of a file among the sidecars: its path below the folder, its own name plain."""
    below, slash, last = name[len(folder) :].lstrip("/").rpartition("/")
    return KEY + below + slash + last.lower().removesuffix(".gz")


def copies(names: Iterable[str]) -> dict[str, str]:
    """The HDF5 files of kallisto by name, and the tables beside them, which have their values."""
    there = set(names)
    found = {}
    for name in sorted(there):
        tables = [f"{name[:-3]}{end}" for end in (".tsv", ".tsv.gz")]
        table = next((table for table in tables if table in there), None)
        if table and _KALLISTO_H5.fullmatch(name.rpartition("/")[2].lower()):
            found[name] = table
    return found


def _give_copies(joined: Mapping[str, dict[str, str]], copied: Mapping[str, str]) -> None:
    """Put the copies to the source of their tables."""
    owners = {name: main for main, beside in joined.items() for name in (main, *beside.values())}
    for copy, table in copied.items():
        joined[owners[table]][ALSO + copy] = copy


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
    """Where files beyond its folder may be that belong to a file, and how they begin there.

    These are the description of its series, or files of other samples in folders of their own.
    """
    folder = name.rpartition("/")[0]
    if (outer := home(name)) != folder:
        return (f"{outer}/" if outer else ""), ""
    raw = _RAW.fullmatch(folder.rpartition("/")[2])
    found = named(name)
    if raw is None or found is None or found.pool != "geo":
        return None
    return folder[: -len(raw[0])], raw[1]
