"""Count files of a GEO series and the file that describes it: series matrix, SOFT or MINiML.

Owns giving the samples of count files the metadata of those of their accessions. A dataset of the
series without a matrix takes theirs; where it has one, or several kinds of count files are there,
these are datasets of their own, with the same metadata. Samples that the series does not have are a
dataset of their own, too. Keep out: reading either.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from polly_assets.ingest.formats.base import FailedDataset, ParsedDataset, Source
from polly_assets.ingest.formats.counts.names import count_members
from polly_assets.ingest.formats.counts.reader import CountFilesReader, read_count_files
from polly_assets.ingest.formats.geo import common
from polly_assets.ingest.formats.geo.supplement import Match, joined
from polly_assets.ingest.formats.geo.values import Chosen
from polly_assets.ingest.formats.streams.text import dataset_id_from_name
from polly_resources.errors import BadInput
from polly_resources.records import Notice

_RULE = "the accession in the files' names"

Item = ParsedDataset | FailedDataset


def with_count_files(source: Source, series: Iterable[Item]) -> Iterator[Item]:
    """The datasets of a GEO file, with those of the count files that belong to it."""
    if not count_members(source.sidecars):
        yield from series
        return
    described, counted = [*series], [*_counted(source)]
    taken: dict[int, int] = {}
    for item in counted:
        if isinstance(item, FailedDataset) or item.format != CountFilesReader.name:
            continue
        for at in _of(item, described):
            taken[at] = taken.get(at, 0) + 1
    for at, item in enumerate(described):
        bare = isinstance(item, ParsedDataset) and not item.matrices
        if not (bare and taken.get(at) == 1):
            yield item
    for item in counted:
        if isinstance(item, FailedDataset) or item.format != CountFilesReader.name:
            yield item
        else:
            yield from _described(item, described, taken)


def _counted(source: Source) -> Iterator[Item]:
    try:
        yield from read_count_files(source, with_main=False)
    except BadInput as error:
        yield FailedDataset(f"{dataset_id_from_name(source.name)}_counts", error)


def _of(counts: ParsedDataset, described: Iterable[Item]) -> dict[int, ParsedDataset]:
    """The datasets that have samples of these count files, by position."""
    own = set(counts.samples["sample_id"])
    return {
        at: item
        for at, item in enumerate(described)
        if isinstance(item, ParsedDataset) and own & set(item.samples["sample_id"])
    }


def _described(
    counts: ParsedDataset, described: Iterable[Item], taken: Mapping[int, int]
) -> Iterator[ParsedDataset]:
    """The count files once for each dataset of the series, and those that are in none."""
    columns = {name: i for i, name in enumerate(counts.samples["sample_id"].to_list())}
    left = dict(columns)
    for at, series in _of(counts, described).items():
        ids = series.samples["sample_id"].to_list()
        match = Match({columns[s]: i for i, s in enumerate(ids) if s in columns}, _RULE)
        for name in ids:
            left.pop(name, None)
        own = [i for i, name in enumerate(ids) if name in columns]
        bare = not series.matrices and taken[at] == 1
        told = series if bare else replace(series, samples=series.samples[own])
        yield _joined(told, counts, match, [*range(len(ids))] if bare else own, bare)
    if left:
        yield _rest(counts, [*left.values()], len(left) < len(columns))


def _joined(
    series: ParsedDataset, counts: ParsedDataset, match: Match, places: list[int], bare: bool
) -> ParsedDataset:
    program = str(counts.metadata.get("program", "count"))
    only = _chosen(counts, sorted(match.samples))
    kept = {column: place for place, column in enumerate(sorted(match.samples))}
    match = replace(match, samples={kept[c]: sample for c, sample in match.samples.items()})
    found = joined(series, only, match, places, f"{program} files of its samples")
    if bare:
        return found
    rest = counts.dataset_id.partition("_")[2] or program
    return replace(found, dataset_id=f"{series.dataset_id}_{rest}_files")


def _chosen(counts: ParsedDataset, columns: list[int]) -> ParsedDataset:
    """Some samples of the count files."""
    if len(columns) == counts.samples.height:
        return counts
    matrices = tuple(Chosen(each, columns, each.name) for each in counts.matrices)
    return replace(counts, samples=counts.samples[columns], matrices=matrices)


def _rest(counts: ParsedDataset, columns: list[int], some: bool) -> ParsedDataset:
    """The samples that no dataset of the series has."""
    found = _chosen(counts, columns)
    names = common.named(found.samples["sample_id"].to_list())
    message = f"the series beside the files has no samples {names}, so these have no metadata of it"
    return replace(
        found,
        dataset_id=f"{counts.dataset_id}_others" if some else counts.dataset_id,
        notices=(*found.notices, Notice("samples_not_matched", message)),
    )
