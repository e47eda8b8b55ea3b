"""One series that several files describe: their datasets of one id become one.

Owns which values count, how samples, features and metadata of one file complete those of another,
and telling what was set aside. Rules:

- The values are of the first file that has any: series matrices come first, then SOFT, MINiML.
- What only one file says is kept; where two differ, the file of the values counts.
- A dataset without a platform, as of GEO's brief form, and without values is one with those of
  its samples.
- Samples that only another file has come behind. Their values come along where both files list the
  same features; else they are a dataset of their own, `GSE1_GPL1_others`.
- A file that fails, fails alone.

Keep out: reading files, and which belong together (`files`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from polly_assets.ingest.formats.base import FailedDataset, Matrix, ParsedDataset
from polly_assets.ingest.formats.geo import common
from polly_assets.ingest.formats.geo.values import Chosen, SideBySide
from polly_assets.ingest.formats.streams.text import dataset_id_from_name
from polly_assets.ingest.formats.wording import counted
from polly_resources.records import Notice

Item = ParsedDataset | FailedDataset
Part = tuple[str, ParsedDataset]
"""A dataset and the file that it is of."""

_OF_VALUES = (
    *(
        "columns_not_loaded",
        "duplicate_id_ref",
        "duplicate_platform_id",
        "features_not_in_platform",
    ),
    *("no_matrix", "no_value_column", "row_count_differs", "samples_without_values"),
    *("spreadsheet_errors", "tables_not_given"),
)
"""Notices that say nothing once the values of a file are set aside."""


def united(files: Sequence[tuple[str, Sequence[Item]]]) -> list[Item]:
    """The datasets of files, those of one id as one; failures under an id that no dataset has.

    The files are by precedence.
    """
    parts: dict[str, list[Part]] = {}
    for file, items in files:
        for item in items:
            if isinstance(item, ParsedDataset):
                parts.setdefault(item.dataset_id, []).append((file, item))
    found: list[Item] = [item for each in _spread(parts).values() for item in _one(each)]
    for file, items in files:
        for item in items:
            if isinstance(item, FailedDataset):
                taken = item.dataset_id in parts
                own = dataset_id_from_name(file) if taken else item.dataset_id
                found.append(FailedDataset(own, item.error))
    return found


def _spread(parts: Mapping[str, list[Part]]) -> dict[str, list[Part]]:
    """The parts, those that name no platform (`GSE1`) put to the datasets of their samples."""
    spread = {key: list(each) for key, each in parts.items()}
    for key in parts:
        homes = [each for other, each in spread.items() if other.startswith(f"{key}_")]
        bare = [part for part in spread[key] if homes and not part[1].matrices]
        spread[key] = [part for part in spread[key] if all(part is not each for each in bare)]
        for file, whole in bare:
            left = whole.samples
            for home in homes:
                known = pl.concat(dataset.samples["sample_id"] for _, dataset in home)
                mine = left["sample_id"].is_in(known.implode())
                if mine.any():
                    home.append((file, replace(whole, samples=left.filter(mine))))
                left = left.filter(~mine)
            if left.height:
                spread[key].append((file, replace(whole, samples=left)))
    return {key: each for key, each in spread.items() if each}


def _one(parts: Sequence[Part]) -> list[ParsedDataset]:
    """The dataset that these make, and others of samples whose values do not fit into it."""
    valued = [part for part in parts if part[1].matrices] or [parts[0]]
    whole = _valued(valued)
    for file, other in (part for part in parts if all(part is not each for each in valued)):
        ids = other.samples["sample_id"]
        known = pl.concat(dataset.samples["sample_id"] for _, dataset in whole)
        strange = ~ids.is_in(known.implode())
        for at, (of, dataset) in enumerate(whole):
            mine = ids.is_in(dataset.samples["sample_id"].implode())
            told = replace(other, samples=other.samples.filter(mine | strange if not at else mine))
            whole[at] = of, _completed(dataset, of, file, told)[0]
    return [dataset for _, dataset in whole]


def _valued(parts: Sequence[Part]) -> list[Part]:
    """The datasets that files with values make: the first, and what does not fit into it."""
    (file, dataset), *others = parts
    left: list[Part] = []
    for name, other in sorted(others, key=lambda part: not _same_features(dataset, part[1])):
        dataset, rest = _completed(dataset, file, name, other)
        left += [(name, rest)] if rest else []
    return [(file, dataset), *(_valued(left) if left else [])]


def _completed(
    dataset: ParsedDataset, file: str, other_file: str, other: ParsedDataset
) -> tuple[ParsedDataset, ParsedDataset | None]:
    """The dataset with what another file says of it, and samples of that which do not fit."""
    ids, theirs = dataset.samples["sample_id"], other.samples["sample_id"]
    new = (~theirs.is_in(ids.implode())).arg_true().to_list()
    aside = ["values"] if other.matrices and len(new) < len(theirs) else []
    rest = None
    if new and other.matrices and not _same_features(dataset, other):
        rest = _rest(other, new, file)
        new = []
    samples, differing = _samples(dataset.samples, other.samples, new)
    metadata, contradicted = _metadata(dataset.metadata, other.metadata)
    notices = [*dataset.notices, *(n for n in other.notices if n.code not in _OF_VALUES)]
    notices.append(_told(file, other_file, aside, [*contradicted, *differing]))
    matrices = tuple(_widened(each, other, new) for each in dataset.matrices)
    if lacking := [theirs[i] for i in new] if matrices and not other.matrices else []:
        many = counted(len(lacking), "sample is", "samples are")
        message = f"{many} in {other_file} only, which has no values"
        notices.append(Notice("samples_without_values", message, common.named(lacking)))
    whole = replace(
        dataset,
        metadata=metadata,
        samples=samples,
        features=_features(dataset.features, other.features),
        matrices=matrices,
        data_type=dataset.data_type or other.data_type,
        notices=tuple(dict.fromkeys(notices)),
    )
    return whole, rest


def _same_features(dataset: ParsedDataset, other: ParsedDataset) -> bool:
    return dataset.features["feature_id"].equals(other.features["feature_id"])


def _rest(other: ParsedDataset, places: list[int], file: str) -> ParsedDataset:
    """The samples that the dataset lacks, whose values are of other features."""
    samples = other.samples[places]
    message = f"{file} has no samples {common.named(samples['sample_id'].to_list())}, and lists "
    return replace(
        other,
        dataset_id=f"{other.dataset_id}_others",
        samples=samples,
        matrices=tuple(Chosen(each, places, each.name) for each in other.matrices),
        notices=(*other.notices, Notice("features_disagree", f"{message}other features")),
    )


def _widened(matrix: Matrix, other: ParsedDataset, places: list[int]) -> Matrix:
    """The matrix with columns of the other's, which are NaN where that has no values."""
    if not places:
        return matrix
    width = matrix.shape[1]
    if not other.matrices:
        return Chosen(matrix, [*range(width), *(None for _ in places)], matrix.name)
    return SideBySide(matrix, Chosen(other.matrices[0], places))


def _samples(
    own: pl.DataFrame, other: pl.DataFrame, new: list[int]
) -> tuple[pl.DataFrame, list[str]]:
    """All samples with what either file says of them; and the columns in which both differ."""
    ids = pl.concat([own["sample_id"], other["sample_id"][new]])
    mine = ids.to_frame().join(own, on="sample_id", how="left", maintain_order="left")
    theirs = ids.to_frame().join(other, on="sample_id", how="left", maintain_order="left")
    columns, differing = [ids], []
    for name in dict.fromkeys([*own.columns[1:], *other.columns[1:]]):
        pairs = [
            frame[name].to_list() if name in frame.columns else [None] * len(ids)
            for frame in (mine, theirs)
        ]
        if any(not _agree(*pair) for pair in zip(*pairs, strict=True)):
            differing.append(name)
        whole = [b if a is None else a for a, b in zip(*pairs, strict=True)]
        if any(isinstance(value, list) for value in whole):
            lists = [
                value if value is None or isinstance(value, list) else [value] for value in whole
            ]
            columns.append(pl.Series(name, lists, pl.List(pl.String)))
        else:
            columns.append(pl.Series(name, whole, pl.String))
    return pl.DataFrame(columns), differing


def _metadata(own: Mapping[str, Any], other: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """What either file says of the dataset, and the keys in which both differ."""
    whole = dict(own)
    for key, value in other.items():
        if whole.get(key) is None:
            whole[key] = value
    return whole, [key for key, value in other.items() if not _agree(own.get(key), value)]


def _agree(one: object, other: object) -> bool:
    """Whether two values say the same, or one says nothing; a list may be one text, too."""
    return one is None or other is None or one == other or _words(one) == _words(other)


def _words(value: object) -> list[str]:
    return " ".join(map(str, value)).split() if isinstance(value, list) else str(value).split()


def _features(own: pl.DataFrame, other: pl.DataFrame) -> pl.DataFrame:
    """The features with the columns that only the other file has for them."""
    more = [name for name in other.columns if name not in own.columns]
    if not own.height or not more:
        return own
    once = other.select("feature_id", *more).unique("feature_id", keep="first")
    return own.join(once, on="feature_id", how="left", maintain_order="left")


def _told(file: str, other: str, aside: Sequence[str], differing: Sequence[str]) -> Notice:
    message = f"{other} describes the same dataset as {file}, and completes it"
    if aside:
        message += f"; its values are set aside, as those of {file} count"
    if differing:
        message += f"; where they differ, {file} counts: {common.named(differing)}"
    return Notice("files_united", message)
