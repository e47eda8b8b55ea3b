"""Which files belong together: a main file and what describes or completes it, by name.

Owns the pairing of main files with their sidecars, before any file is opened. Add here a way
in which files are named as belonging together.
Keep out: what is in the files, and which reader reads them (`registry`).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from polly_assets.ingest.formats.beside.description_names import (
    PLAIN_DESCRIPTIONS,
    PLAIN_MATRICES,
    describes_surely,
    matrix_of,
    sidecar_key,
)
from polly_assets.ingest.formats.beside.description_names import marked as describes
from polly_assets.ingest.formats.cbio.names import STUDY, beside_study, find_studies
from polly_assets.ingest.formats.counts.names import copies, named, with_counts
from polly_assets.ingest.formats.geo.files import accession_of, geo_members
from polly_assets.ingest.formats.never_data import never_data
from polly_assets.ingest.formats.streams.text import base_name
from polly_assets.ingest.formats.tenx.names import is_other_list, member, shorter
from polly_assets.ingest.formats.tenx.triples import DESCRIBES_PLAIN, Place, Triples, find_triples
from polly_assets.ingest.formats.twice import given_twice, with_twice
from polly_assets.ingest.formats.variant_folders import beginnings as clinical_beginnings
from polly_assets.ingest.formats.variant_folders import with_clinical

_GEO = re.compile(r"(_series_matrix|_family)\.txt$")
_CLINICAL = re.compile(r"(?P<base>.+)[_.](?P<mark>annot|annotation|clinical)\.(?P<key>csv|tsv)$")
_SIDECAR_ONLY = ("json", "cls")
_VARIANTS = ("maf", "vcf")
_PLAIN_ENDINGS = ("gct", "parquet", "pq", "txt", "tab", "tsv", "csv")
_ZARR = re.compile(r"(?P<store>.+\.zarr)/.+", re.IGNORECASE)
_MATRIX_ORDER = ("mtx", "h5", "hdf5", "gct", "gctx", "loom", "maf", "vcf", "parquet", "pq",
                 "txt", "tab", "tsv", "csv", "xls")  # fmt: skip


@dataclass(frozen=True, slots=True)
class SourceGroup:
    """A main file and its sidecars by key: `json`, `csv`, `tsv`, `cls`, `features.csv`, ...

    Further tables of one kind have numbers: `csv.2`. Those of a MatrixMarket matrix may also be
    its `barcodes` and `features`.
    """

    main: str
    sidecars: Mapping[str, str] = field(default_factory=dict)


def group_sources(names: Sequence[str]) -> list[SourceGroup]:
    """Main files with their sidecars, in order of the main file's name.

    Files belong together when folder and base name agree (without case and `.gz`). JSON
    describes every main file of its base; `.cls` and a CSV or TSV named `x_metadata`,
    `x.samples`, `x_features` and the like (`description_names`) describe the matrices `x`, and
    `x_annot`, `x_annotation` or `x_clinical` the variants `x` (MAF, VCF). Where nothing is called
    `x`, such a table describes `x_counts`, `x_tpm` and the like. A `.cls` without a matrix
    of its base describes the only one of its folder whose base begins with it and one of `._-`
    and has no other labels: `P53.cls` is of `P53_collapsed.gct`. Tables called
    `metadata`, `samples`, ... alone describe the matrices of their folder that are called
    `counts`, `expression`, ... alone. Of unmarked matrices of one base, GCT, GCTX and Parquet
    come before TXT, TSV and CSV, and a CSV or TSV behind another is its sidecar. What describes
    nothing is a group of its own, and fails when it is read.
    Hidden files and folders, `Thumbs.db`, `manifest.csv`, READMEs, licences and Markdown are
    left out, and so are all files of a Zarr store but one, which tells that it is not read.

    A MatrixMarket matrix and 10x HDF5 come before all others. The former has its barcodes and
    features beside it (see `find_triples`); its base is its prefix. The one without prefix of a
    folder may be described by `metadata.csv`, `samples.csv` or `metadata.json`.
    What belongs to a GEO series is told by `geo_members`, and which files count one sample each
    and are one source by `with_counts`; which tables describe all variants of their folder, by
    `with_clinical`; which are the gzips of others, by `given_twice`. A folder with
    `meta_study.txt` is one cBioPortal study, which all its files belong to (see `find_studies`).
    """
    kept = _once_per_store([name for name in sorted(set(names)) if _may_be_data(name)])
    studies = find_studies(kept)
    in_studies = {*studies, *(name for each in studies.values() for name in each.values())}
    kept = [name for name in kept if name not in in_studies]
    twice = given_twice(kept)
    kept = [name for name in kept if name not in twice]
    copied = copies(kept)
    kept = [name for name in kept if name not in copied]
    triples = find_triples(kept)
    by_base, marked = _placed([name for name in kept if name not in triples.used()], triples)
    _give_tables(by_base, marked)
    for place, files in list(marked.items()):
        if not any(_is_matrix(name) for name in by_base.get(place, ())):
            for name in files:
                by_base[place[0], base_name(name).lower()].append(name)
            del marked[place]
    _give_classes(by_base)
    groups = [SourceGroup(main, beside) for main, beside in triples.incomplete.items()]
    for place, files in by_base.items():
        for group in _pair(files, marked.get(place, [])):
            beside = {**group.sidecars, **triples.members.get(group.main, {})}
            groups.append(SourceGroup(group.main, beside))
    groups = _with_geo(groups) + [SourceGroup(main, beside) for main, beside in studies.items()]
    once = {group.main: group for group in groups}  # a table may describe several, and fail alone
    joined = with_counts({main: group.sidecars for main, group in once.items()}, copied)
    joined = with_twice(with_clinical(joined), twice)
    return [SourceGroup(main, joined[main]) for main in sorted(joined)]


def _with_geo(groups: Sequence[SourceGroup]) -> list[SourceGroup]:
    """The groups, with those that are one file of a GEO series put to it."""
    members = geo_members({group.main: group.sidecars for group in groups})
    own = {name for group in groups for name in group.sidecars.values()}
    used = {name for beside in members.values() for name in beside.values()} - own
    return [
        SourceGroup(group.main, members.get(group.main, group.sidecars))
        for group in groups
        if group.main not in used
    ]


def _may_be_data(name: str) -> bool:
    hidden = any(part.startswith(".") for part in name.split("/"))
    return not hidden and not never_data(name)


def _once_per_store(names: Sequence[str]) -> list[str]:
    """The names, of each Zarr store the first only."""
    stores: set[str] = set()
    kept = []
    for name in names:
        found = _ZARR.fullmatch(name)
        if found is None or found["store"] not in stores:
            kept.append(name)
        if found:
            stores.add(found["store"])
    return kept


def _place(name: str) -> Place:
    return name.rpartition("/")[0], base_name(name).lower()


def _placed(
    names: Sequence[str], triples: Triples
) -> tuple[dict[Place, list[str]], dict[Place, list[str]]]:
    """Files by folder and base name: those to be read, and those marked as descriptions."""
    by_base: dict[Place, list[str]] = defaultdict(list)
    marked: dict[Place, list[str]] = defaultdict(list)
    also = triples.also()
    variants = {_place(name) for name in names if _ending(name) in _VARIANTS}
    plain_ones = _plain_matrices(names)
    for name in names:
        folder, _, last = name.rpartition("/")
        described = describes(plain(last))
        base = described.base if described else ""
        clinical = _CLINICAL.fullmatch(plain(last))
        if clinical and (folder, clinical["base"]) in variants:
            base = clinical["base"]
        place = (folder, base or base_name(last).lower())
        stem, _, ending = plain(last).rpartition(".")
        if place not in also and stem in PLAIN_DESCRIPTIONS and ending in ("csv", "tsv"):
            for owner in plain_ones.get(folder, ()):
                marked[owner].append(name)
            if folder in plain_ones:
                continue
        target = marked if base else by_base
        target[triples.places.get(name) or also.get(place, place)].append(name)
    return by_base, marked


def _give_tables(by_base: Mapping[Place, list[str]], marked: dict[Place, list[str]]) -> None:
    """Put tables that describe `x`, where no matrix is called so, to `x_counts`, `x_tpm`, ..."""
    owners: dict[Place, list[Place]] = defaultdict(list)
    for (folder, base), files in by_base.items():
        if (of := matrix_of(base)) and any(map(_is_matrix, files)):
            owners[folder, of].append((folder, base))
    for place in list(marked):
        if place in owners and not any(map(_is_matrix, by_base.get(place, ()))):
            files = marked.pop(place)
            for owner in owners[place]:
                marked[owner] = [*marked.get(owner, ()), *files]


def _give_classes(by_base: dict[Place, list[str]]) -> None:
    """Put class labels that have no matrix of their base to the one that their base begins."""
    labels = {p: f for p, f in by_base.items() if any(_ending(name) == "cls" for name in f)}
    taken = {place for place, files in labels.items() if any(map(_is_matrix, files))}
    wanted: dict[Place, list[Place]] = defaultdict(list)
    for folder, base in labels.keys() - taken:
        starts = tuple(f"{base}{mark}" for mark in "._-")
        found = [p for p, files in by_base.items() if p[0] == folder and p[1].startswith(starts)]
        found = [p for p in found if any(map(_is_matrix, by_base[p]))]
        if len(found) == 1 and found[0] not in taken:
            wanted[found[0]].append((folder, base))
    for place, owners in wanted.items():
        if len(owners) == 1:
            moved = [name for name in by_base[owners[0]] if _ending(name) == "cls"]
            by_base[place] += moved
            by_base[owners[0]] = [name for name in by_base[owners[0]] if name not in moved]


def _plain_matrices(names: Sequence[str]) -> dict[str, list[Place]]:
    """By folder the places of its matrices that are called `counts`, `expression`, ..."""
    found: dict[str, list[Place]] = defaultdict(list)
    for name in names:
        place = _place(name)
        if place[1] in PLAIN_MATRICES and _ending(name) in _PLAIN_ENDINGS:
            found[place[0]] += [place] if place not in found[place[0]] else []
    return found


def beginnings_of(name: str) -> set[str]:
    """How the names begin, but for case, of the files that may belong together with a file.

    `x` for `a/x.gct.gz`, `x.json` and `x_samples.csv`. Members of MatrixMarket triples may
    belong to others of a shorter prefix or of none, and files named like those of a study to
    all that lie beside its `meta_study.txt`.
    """
    last = name.rpartition("/")[2]
    if last == STUDY or is_other_list(last):
        return {""}
    own = _beginnings(name, last) | clinical_beginnings(last)
    return own | {STUDY} if beside_study(last) else own


def _beginnings(name: str, last: str) -> set[str]:
    if found := member(last):
        first = [*shorter(found.prefix)][-2:][0]
        shared = ("all_genes", "cell_metadata", "gse", "gsm", "peaks")
        own = {last[: len(first)], "barcodes", "features", "genes", "matrix", *shared}
        return own if first else {""}
    if named(name):
        return {""}
    accession = accession_of(plain(last))
    if accession is not None:
        return {last[: len(accession)], "GSM"} if accession else {""}
    base = base_name(name)
    if base.lower() in (*DESCRIBES_PLAIN, *PLAIN_DESCRIPTIONS):
        return {""}
    if base.lower() in PLAIN_MATRICES:
        return {base, *PLAIN_DESCRIPTIONS}
    described, clinical = describes(plain(last)), _CLINICAL.fullmatch(plain(last))
    mark = described.mark if described else clinical["mark"] if clinical else ""
    named_for = base[: -len(mark) - 1] if mark else base
    return {named_for[: len(matrix_of(named_for.lower()))] or named_for}


def _pair(files: Sequence[str], marked: Sequence[str]) -> list[SourceGroup]:
    matrices = sorted(
        (name for name in files if _is_matrix(name)),
        key=lambda name: (_MATRIX_ORDER.index(_ending(name)), name),
    )
    described: dict[str, str] = {}
    mains = [name for name in files if _ending(name) not in _SIDECAR_ONLY and name not in matrices]
    alone = []
    for name in marked:
        key = sidecar_key(plain(name.rpartition("/")[2]))
        many = sum(other == key or other.startswith(f"{key}.") for other in described)
        described[f"{key}.{many + 1}" if many else key] = name
    for position, name in enumerate(matrices):
        key = _ending(name)
        beside = position > 0 and key in ("csv", "tsv") and key != _ending(matrices[0])
        if not beside or described.setdefault(key, name) != name:
            mains.append(name)
    shared: dict[str, str] = {}
    for name in files:
        key = _ending(name)
        if key in _SIDECAR_ONLY:
            owner = shared if key == "json" else described
            useful = mains if key == "json" else matrices
            if not useful or owner.setdefault(key, name) != name:
                alone.append(name)
    of_samples = {k: name for k, name in described.items() if not k.startswith("features.")}
    groups = []
    for main in mains:
        tables = of_samples if _ending(main) in _VARIANTS else described
        groups.append(SourceGroup(main, shared | tables if main in matrices else shared))
    return [*groups, *(SourceGroup(name) for name in alone)]


def plain(name: str) -> str:
    """A name in lower case, without `.gz`."""
    return name.lower().removesuffix(".gz")


def _ending(name: str) -> str:
    return plain(name).rpartition(".")[2]


def _is_matrix(name: str) -> bool:
    return _ending(name) in _MATRIX_ORDER and not _GEO.search(plain(name))


def describes_only(lower: str) -> bool:
    """Whether a file of this plain name can only describe another."""
    return _ending(lower) in _SIDECAR_ONLY or describes_surely(lower.rpartition("/")[2])
