"""The supplementary files of a series whose own table is empty, as for sequencing.

Owns how the columns of such a file find the samples of the series. The first rule counts by
which every column is a sample's, and no two are the same sample's; where every sample has
found its column, further columns describe features. Rules, in order:

1. a column is called as a value of one attribute, the same for all: accession, title,
   description, then the others in file order; exactly, then as file name without folder and
   ending, then in lower case by letters and digits alone, then without the `X` that R puts
   before digits. Of `key: value`, the value counts too.
2. a column's name holds the accession of one sample (`GSM1_liver`);
3. columns are `x1` to `xn` in this order for n samples: by order, with a warning.

One file that fits is the matrix of `GSE_GPL`; several are datasets of their own, named after
their files. What does not fit stands apart, and the series keeps its metadata.
Keep out: reading the file (`separated.reader`) and what describes the series.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from polly_assets.ingest.formats.base import FailedDataset, ParsedDataset, Reader, Source
from polly_assets.ingest.formats.geo import common
from polly_assets.ingest.formats.geo.files import supplements
from polly_assets.ingest.formats.geo.values import Chosen
from polly_assets.ingest.formats.registry import reader_for
from polly_assets.ingest.formats.separated.reader import CsvReader, TsvReader
from polly_assets.ingest.formats.streams.table import unique_names
from polly_assets.ingest.formats.streams.text import base_name, dataset_id_from_name, head, safe_id
from polly_assets.ingest.formats.wording import counted
from polly_resources.errors import BadInput
from polly_resources.records import Notice

_ACCESSION = re.compile(r"GSM\d+")
_FIRST = ("geo_accession", "title", "description")
_FOLDER_AND_ENDING = re.compile(r"^.*[/\\]|(\.(bam|sam|txt|tsv|csv|counts?|genes|results))+$")
_R_NAME = re.compile(r"^x(?=\d+[a-z]|\d{4})")
"""`X1_ctrl`; not `X1`, which may as well be the first sample."""
_OF_NO_VALUES = (
    *("no_matrix", "no_value_column", "samples_matched_by_order", "samples_without_values"),
    *("supplementary_matrix", "tables_not_given"),
)
"""Notices of a dataset of the series that other values make untrue."""
_NUMBERED = re.compile(r"(\D*)0*(\d+)")

Item = ParsedDataset | FailedDataset


@dataclass(frozen=True, slots=True)
class Match:
    """Which sample each column is, by position; `rule` says how that was found."""

    samples: Mapping[int, int]
    rule: str
    guessed: bool = False


def with_supplements(source: Source, series: Iterable[Item]) -> Iterator[Item]:
    """The datasets of a series, where they have no values with those of files beside it."""
    keys = supplements(source.sidecars)
    if not keys:
        yield from series
        return
    described, fitting = [*series], list[tuple[ParsedDataset, Match, str]]()
    bare = [d for d in described if isinstance(d, ParsedDataset) and not d.matrices]
    yield from (item for item in described if isinstance(item, FailedDataset) or item.matrices)
    records = {name: record for d in bare for name, record in _records(d.samples)}
    for key in keys:
        path = source.sidecars[key]
        for found in _read(Source(path, path.name)):
            if isinstance(found, FailedDataset) or not found.matrices or not bare:
                yield found  # among them tables of samples
                continue
            columns = found.samples["sample_id"].to_list()
            if matched := match(columns, [*records], [*records.values()]):
                fitting.append((found, matched, path.name))
            else:
                yield apart(found, str(bare[0].metadata.get("geo_accession") or source.name))
    places = {name: place for place, name in enumerate(records)}
    for item in bare:
        yield from _supplemented(item, [places[i] for i in item.samples["sample_id"]], fitting)


def _supplemented(
    series: ParsedDataset,
    places: Sequence[int],
    fitting: Sequence[tuple[ParsedDataset, Match, str]],
) -> Iterator[ParsedDataset]:
    """A dataset of the series with each of the matrices that have columns of its samples."""
    held = [each for each in fitting if set(each[1].samples.values()) & set(places)]
    for counts, matched, file in held:
        whole = joined(series, counts, matched, places, file)
        accession = str(series.metadata.get("geo_accession") or "")
        own = part_of(series.dataset_id, accession, file) if len(held) > 1 else whole.dataset_id
        yield replace(whole, dataset_id=own)
    if not held:
        yield series


def _records(samples: pl.DataFrame) -> Iterator[tuple[str, common.Attributes]]:
    """What is known of each sample, as lists of texts."""
    for row in samples.iter_rows(named=True):
        yield (
            row.pop("sample_id"),
            {
                name: [str(each) for each in (value if isinstance(value, list) else [value])]
                for name, value in row.items()
                if value is not None
            },
        )


def _read(source: Source) -> Iterator[Item]:
    """The datasets of a supplementary file: a separated one by its name, unless its bytes differ.

    Of one sample it is a matrix, too, as it is its columns that find the samples of the series.
    """
    lower, first = source.name.lower(), head(source.path)
    named: Reader = CsvReader() if lower.removesuffix(".gz").endswith(".csv") else TsvReader()
    try:
        reader = named if named.sniff(lower, first) else reader_for(source.name, first)
        yield from reader.read(source)
    except BadInput as error:
        yield FailedDataset(dataset_id_from_name(source.name), error)


def match(
    columns: Sequence[str], ids: Sequence[str], records: Sequence[common.Attributes]
) -> Match | None:
    """Which samples the columns are; None where no rule tells."""
    for how, form in _FORMS.items():
        for name, values in _attributes(ids, records):
            hits = _hits([form(column) for column in columns], _known(values, form))
            if _decides(hits, len(columns), len(ids)):
                return Match(hits, f"{name}{how}")
    positions = {accession: i for i, accession in enumerate(ids)}
    held = [set(_ACCESSION.findall(column)) & positions.keys() for column in columns]
    hits = {c: positions[next(iter(f))] for c, f in enumerate(held) if len(f) == 1}
    if _decides(hits, len(columns), len(ids)):
        return Match(hits, "the accession in their names")
    found = [_NUMBERED.fullmatch(column) for column in columns]
    numbers = [int(m[2]) for m in found if m]
    if numbers == [*range(1, len(ids) + 1)] and len({m[1] for m in found if m}) == 1:
        return Match({i: i for i in range(len(ids))}, "their order", guessed=True)
    return None


def _attributes(
    ids: Sequence[str], records: Sequence[common.Attributes]
) -> Iterator[tuple[str, list[list[str]]]]:
    names = dict.fromkeys((*_FIRST, *(key for record in records for key in record)))
    for name in names:
        values = [list(record.get(name, ())) for record in records]
        if name == "geo_accession":
            values = [[sample, *own] for sample, own in zip(ids, values, strict=True)]
        yield name, values


def _known(values: Sequence[Sequence[str]], form: Callable[[str], str]) -> dict[str, int]:
    """The sample of each value that only one sample has."""
    owners: dict[str, set[int]] = {}
    for sample, texts in enumerate(values):
        for text in texts:
            parts = common.key_value(text)
            for option in (text, parts[1]) if parts else (text,):
                owners.setdefault(form(option), set()).add(sample)
    return {text: min(found) for text, found in owners.items() if text and len(found) == 1}


def _hits(columns: Sequence[str], known: Mapping[str, int]) -> dict[int, int]:
    return {i: known[column] for i, column in enumerate(columns) if column in known}


def _decides(hits: Mapping[int, int], columns: int, samples: int) -> bool:
    once = len(set(hits.values())) == len(hits) > 0
    return once and len(hits) in (columns, samples)


def _stem(text: str) -> str:
    return _FOLDER_AND_ENDING.sub("", text.strip())


def _loose(text: str) -> str:
    return "".join(c for c in _stem(text).lower() if c.isalnum())


def _without_x(text: str) -> str:
    return _R_NAME.sub("", _loose(text))


_FORMS: Mapping[str, Callable[[str], str]] = {
    "": str.strip,
    " as file names": _stem,
    " by letters and digits": _loose,
    " without R's X": _without_x,
}


def joined(
    series: ParsedDataset, found: ParsedDataset, matched: Match, places: Sequence[int], file: str
) -> ParsedDataset:
    """The series with the file's matrices; `places` are its samples' positions in the match.

    What the file says of its samples is put to theirs. Samples without a column are NaN.
    """
    columns = {sample: column for column, sample in matched.samples.items()}
    chosen = [columns.get(place) for place in places]
    names = found.samples["sample_id"].to_list()
    own = [None if c is None else names[c] for c in chosen]
    further = found.samples.drop("sample_id")
    titles = unique_names([*series.samples.columns, "matrix_column", *further.columns])
    titles = titles[series.samples.width :]
    features, extra = _features(found, matched)
    lacking = [i for i, c in zip(series.samples["sample_id"], chosen, strict=True) if c is None]
    notices = [n for n in (*series.notices, *found.notices) if n.code not in _OF_NO_VALUES]
    notices.append(_told(matched, file))
    if extra:
        message = f"number columns that describe features: {common.named(extra)}"
        notices.append(Notice("columns_as_feature_metadata", message))
    if lacking:
        message = f"{counted(len(lacking), 'sample has', 'samples have')} no column in {file}"
        notices.append(Notice("samples_without_values", message, common.named(lacking)))
    return replace(
        series,
        metadata={**found.metadata, **series.metadata, "matrix_file": file},
        samples=series.samples.with_columns(
            pl.Series(titles[0], own, pl.String),
            *(
                further[name].gather(pl.Series(chosen, dtype=pl.UInt32)).alias(title)
                for name, title in zip(further.columns, titles[1:], strict=True)
            ),
        ),
        features=features,
        data_type=series.data_type or found.data_type,
        matrices=tuple(Chosen(each, chosen, each.name) for each in found.matrices),
        notices=tuple(notices),
    )


def _told(matched: Match, file: str) -> Notice:
    code = "samples_matched_by_order" if matched.guessed else "supplementary_matrix"
    return Notice(code, f"values are from {file}; its columns are the samples by {matched.rule}")


def _features(found: ParsedDataset, matched: Match) -> tuple[pl.DataFrame, list[str]]:
    """The file's features, with its columns that are no samples."""
    names = found.samples["sample_id"].to_list()
    extra = [i for i in range(len(names)) if i not in matched.samples]
    chosen = Chosen(found.matrices[0], extra)
    whole = [np.asarray(block) for block in chosen.blocks()] if extra else []
    titles = unique_names([*found.features.columns, *(names[i] for i in extra)])
    columns = [
        pl.Series(title, np.concatenate([block[:, i] for block in whole]), nan_to_null=True)
        for i, title in enumerate(titles[found.features.width :])
    ]
    return found.features.with_columns(columns), [names[i] for i in extra]


def apart(found: ParsedDataset, series: str) -> ParsedDataset:
    """A file whose columns no rule could give to samples, as a dataset of its own."""
    some = common.named(found.samples["sample_id"].to_list(), 3)
    message = (
        f"its columns ({some}) are not those of the samples of {series} by name, so it has "
        "none of their metadata; name the columns by accession or title"
    )
    return replace(found, notices=(*found.notices, Notice("samples_not_matched", message)))


def part_of(dataset_id: str, series: str, file: str) -> str:
    """The id of one matrix of several: that of the series, and what the file's name adds."""
    rest = base_name(file)
    rest = rest[len(series) :] if rest.lower().startswith(series.lower()) else rest
    return f"{dataset_id}_{safe_id(rest.strip('_.- ')) or 'matrix'}"
