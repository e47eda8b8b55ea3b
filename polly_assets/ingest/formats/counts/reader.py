"""Files that count one sample each: htseq-count, STAR, RSEM, salmon, kallisto, featureCounts, GDC.

Owns which files of a source become one dataset: those of one kind, one per sample, whose features
are alike. A file of another kind of content (a matrix of several samples, ...) is read by its own
reader, as a dataset of its own. Keep out: names (`names`), kinds (`kinds`), values (`join`),
descriptions of series (`geo`).
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from polly_assets.ingest.formats import registry
from polly_assets.ingest.formats.base import FailedDataset, ParsedDataset, Reader, Source
from polly_assets.ingest.formats.beside.sidecars import describe, read_sidecars
from polly_assets.ingest.formats.checks import check_features
from polly_assets.ingest.formats.counts.file import read_counts
from polly_assets.ingest.formats.counts.join import EXACT, Union
from polly_assets.ingest.formats.counts.kinds import ONE_COLUMN, Kind, kind_of
from polly_assets.ingest.formats.counts.names import (
    ALSO,
    ANY_TABLE,
    ENDINGS,
    KEY,
    Named,
    count_members,
    home,
    named,
)
from polly_assets.ingest.formats.streams import text
from polly_assets.ingest.formats.streams.table import unique_names
from polly_resources.errors import BadInput
from polly_resources.records import Notice

_MEASURE = re.compile(
    r"(?:^|[_.-])((?:raw|norm|normali[sz]ed)?[_.-]?counts?|fpkm|rpkm|tpm|cpm|reads|genes?|isoforms?"
    r"|transcripts?|exons?|introns?)(?=$|[_.-])",
    re.IGNORECASE,
)
_RAW = re.compile(r"(gse\d+)(?:[_.-]raw.*)", re.IGNORECASE)
_DIGITS = re.compile(r"(\d+)")


@dataclass(frozen=True, slots=True)
class _File:
    """A file of one sample, not yet read; `last` is its name in the folder of the dataset."""

    path: Path
    name: str
    last: str
    named: Named
    kind: Kind


@dataclass(frozen=True, slots=True)
class _Told:
    """What is kept of a file beside its values."""

    totals: Mapping[str, float]
    notices: tuple[Notice, ...]


class CountFilesReader(Reader):
    """Reads the files of a folder that count one sample each, and such a file alone."""

    name = "count_files"
    suffixes = ENDINGS

    def sniff(self, name: str, head: bytes) -> bool:
        """By names that GEO and counting programs give, else by what tells a program or genes."""
        if b"\0" in head[:64] and not head.startswith((b"\xff\xfe", b"\xfe\xff")):
            return False
        if named(name) is not None:
            return True
        return name.removesuffix(".gz").endswith(self.suffixes) and kind_of(head) is not None

    def read(self, source: Source) -> Iterator[ParsedDataset | FailedDataset]:
        """A dataset for each kind of file; of files that are no such counts, their own."""
        yield from read_count_files(source, with_main=True)


def read_count_files(source: Source, *, with_main: bool) -> Iterator[ParsedDataset | FailedDataset]:
    """The datasets of the count files of a source, one of which may be its main file.

    Where it has one dataset only, its fault is the file's, and raised as BadInput.
    """
    files, others = _sorted_out(source, with_main)
    found = _kinds(files)
    alone = len(found) == 1 and not others
    for key, members in found.items():
        label = "" if len(found) == 1 else key
        whole = _Whole(source, members, files[0].named, label, with_main)
        try:
            yield from whole.datasets()
        except BadInput as error:
            if alone:
                raise
            yield FailedDataset(whole.dataset_id, error)
    for each in others:
        alone = not found and len(others) == 1
        yield from _by_own_reader(each, alone)


def _sorted_out(source: Source, with_main: bool) -> tuple[list[_File], list[Source]]:
    """The files by name that count one sample, and the others."""
    folder = _folder(source) + "/" if _folder(source) else ""
    keys = count_members(source.sidecars)
    given = [Source(source.sidecars[k], folder + _below(k) + source.sidecars[k].name) for k in keys]
    if with_main:
        beside = {k: path for k, path in source.sidecars.items() if k not in keys}
        given.append(replace(source, sidecars=beside))
    files, others = [], []
    for each in given:
        known = named(each.name)
        kind = kind_of(text.head(each.path), lone=known is None or known.pool not in ANY_TABLE)
        base = text.base_name(each.name)
        if kind is None:
            others.append(each)
        else:
            last = each.name.removeprefix(folder)
            files.append(_File(each.path, each.name, last, known or Named("", base, ""), kind))
    return sorted(files, key=lambda file: _natural(file.name)), others


def _folder(source: Source) -> str:
    """The folder of the count files, as the user knows it."""
    for key in count_members(source.sidecars)[:1]:
        own, at = source.name.rpartition("/")[0], source.sidecars[key].parent
        if at.name != source.path.parent.name and _RAW.fullmatch(at.name):
            return f"{own}/{at.name}" if own else at.name
    nested = any(map(_below, count_members(source.sidecars)))
    return home(source.name) if nested else source.name.rpartition("/")[0]


def _below(key: str) -> str:
    """The folder of a file of one sample below that of the dataset, by its key."""
    below, slash, _ = key.removeprefix(KEY).rpartition("/")
    return below + slash


def _natural(name: str) -> list[tuple[int, int | str]]:
    """By numbers within names, so that GSM9 comes before GSM10."""
    parts = _DIGITS.split(name)
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in parts]


def _kinds(files: Sequence[_File]) -> dict[str, list[_File]]:
    """Files of one kind by its label; a sample's further files by the measure in their names."""
    by_key: dict[tuple[str, ...], list[_File]] = defaultdict(list)
    for file in files:
        by_key[file.kind.key].append(file)
    programs = Counter(key[0] for key in by_key)
    found: dict[str, list[_File]] = defaultdict(list)
    for key, members in by_key.items():
        label = key[0] if programs[key[0]] == 1 else "_".join(key)
        counted = Counter(file.named.sample for file in members)
        twice = max(counted.values()) > 1
        for file in members:
            measures = _MEASURE.findall(file.named.rest) if twice else []
            found["_".join([label, *(m.lower() for m in measures[-1:])])].append(file)
    return found


def _by_own_reader(each: Source, alone: bool) -> Iterator[ParsedDataset | FailedDataset]:
    try:
        reader = registry.reader_for(each.name, text.head(each.path), besides=CountFilesReader.name)
        yield from reader.read(each)
    except BadInput as error:
        if alone:
            raise
        yield FailedDataset(text.dataset_id_from_name(each.name), error)


class _Whole:
    """Files of one kind, on their way to one dataset, or one for each set of features."""

    def __init__(
        self, source: Source, files: Sequence[_File], first: Named, label: str, with_main: bool
    ) -> None:
        self._source, self._files, self._label = source, files, label
        self._several = len(files) > 1 or bool(count_members(source.sidecars))
        self._sidecars = read_sidecars(source) if with_main else ()
        self.dataset_id = self._id(first)
        self._names = self._sample_ids()

    def _id(self, first: Named) -> str:
        """The given id, that of the series, the folder's name, or the first sample's."""
        given = next((side.dataset_id for side in self._sidecars if side.dataset_id), "")
        folder = _folder(self._source).rpartition("/")[2]
        series = _RAW.fullmatch(folder)
        if given:
            found = given
        elif not self._several:
            own = "_".join(filter(None, [first.sample, first.level, first.rest]))
            found = text.safe_id(own) or text.dataset_id_from_name(self._source.name)
        elif series:
            found = series[1].upper()
        else:
            found = self._named_by_folder(first, folder)
        return "_".join(filter(None, [found, text.safe_id(self._label)]))

    def _named_by_folder(self, first: Named, folder: str) -> str:
        pool = "" if first.pool == "geo" else first.pool
        if known := text.safe_id(folder):
            return known if known.lower() == pool or not pool else f"{known}_{pool}"
        nested = any(map(_below, count_members(self._source.sidecars)))
        own = text.safe_id(first.sample) or "samples"
        return "_".join(filter(None, [own, "and_others", pool if nested else first.level]))

    def _sample_ids(self) -> list[str]:
        """The accession or the sample of each file; the whole name where another has it, too."""
        counted = Counter(file.named.sample for file in self._files)
        names = [
            file.named.sample if counted[file.named.sample] == 1 else text.base_name(file.last)
            for file in self._files
        ]
        return unique_names(names)

    def datasets(self) -> Iterator[ParsedDataset]:
        """The datasets. Raises BadInput where one of the files is at fault."""
        sets: list[tuple[Union, list[int], list[_Told]]] = []
        for at, file in enumerate(self._files):
            counts = read_counts(file.path, file.name, file.kind)
            held = next(
                (each for each in sets if each[0].fits(counts.features["feature_id"])), None
            )
            if held is None:
                held = (Union(file.kind), [], [])
                sets.append(held)
            held[0].add(file.last, counts)
            held[1].append(at)
            held[2].append(_Told(counts.totals, counts.notices))
        for number, (union, places, read) in enumerate(sets, start=1):
            own = self.dataset_id if len(sets) == 1 else f"{self.dataset_id}_{number}"
            yield self._dataset(own, union, places, read, len(sets))

    def _dataset(
        self, own: str, union: Union, places: Sequence[int], read: Sequence[_Told], sets: int
    ) -> ParsedDataset:
        features, doubts = check_features(union.features())
        samples = self._samples(places, read)
        described = describe(self._source, samples, features, self._sidecars)
        kind = self._files[places[0]].kind
        notices = [*union.notices(), *doubts, *self._doubts(places, sets)]
        notices += [notice for counts in read for notice in counts.notices]
        metadata = {"program": kind.program} if kind.program != ONE_COLUMN else {}
        comments = {"comments": list(kind.comments)} if kind.comments else {}
        return ParsedDataset(
            dataset_id=own,
            format=CountFilesReader.name,
            metadata=metadata | comments | dict(described.metadata),
            samples=described.samples,
            features=described.features,
            matrices=union.matrices(),
            data_type=described.data_type or "Bulk transcriptomics",
            notices=(*notices, *described.notices),
        )

    def _samples(self, places: Sequence[int], read: Sequence[_Told]) -> pl.DataFrame:
        files = [self._files[at] for at in places]
        columns: dict[str, Sequence[str | float | None]] = {"file": [file.last for file in files]}
        if any(file.named.rest for file in files):
            columns["name"] = [file.named.rest or None for file in files]
        if any(_own_column(file.kind) for file in files):
            columns["column"] = [_own_column(file.kind) for file in files]
        for total in dict.fromkeys(name for counts in read for name in counts.totals):
            columns[total] = [counts.totals.get(total) for counts in read]
        ids = pl.Series("sample_id", [self._names[at] for at in places], pl.String)
        return pl.DataFrame([ids, *(_column(name, values) for name, values in columns.items())])

    def _doubts(self, places: Sequence[int], sets: int) -> Iterator[Notice]:
        if self._label:
            message = (
                "the folder has count files of several kinds, each a dataset; these are "
                f"{self._label}"
            )
            yield Notice("several_kinds", message)
        if sets > 1:
            message = f"files share too few features: they became {sets} datasets of like features"
            yield Notice("features_disagree", message, self._files[places[0]].last)
        if any(key.startswith(ALSO) for key in self._source.sidecars):
            message = "abundance.h5 has the values of abundance.tsv; its bootstraps are not loaded"
            yield Notice("not_loaded", message)
        counted = Counter(self._files[at].named.sample for at in places)
        twice = [name for name, count in counted.items() if count > 1]
        if twice:
            message = f"several files of one sample, each called by its name: {len(twice)} times"
            yield Notice("several_files_per_sample", message, ", ".join(twice[:5]))


def _own_column(kind: Kind) -> str | None:
    """What the file calls its sample, where its header does."""
    named_so = kind.program in (ONE_COLUMN, "featurecounts") and len(kind.values) == 1
    return kind.names[kind.values[0]] if named_so else None


def _column(name: str, values: Sequence[str | float | None]) -> pl.Series:
    numbers = [value for value in values if isinstance(value, float)]
    if not numbers:
        return pl.Series(name, values, pl.String)
    whole = all(value.is_integer() and abs(value) < EXACT for value in numbers)
    found = pl.Series(name, values, pl.Float64)
    return found.cast(pl.Int64) if whole else found
