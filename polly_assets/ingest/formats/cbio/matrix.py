"""cBioPortal's matrices: wide, long (a line for each gene and sample), or with limits.

Owns which columns describe features, and the long and the limited forms. Numbers of a wide
matrix are read as those of any text matrix (`table`). Keep out: meta files and samples.

Format: https://docs.cbioportal.org/file-formats/.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from polly_assets.ingest.formats.base import DenseMatrix
from polly_assets.ingest.formats.checks import check_features, check_samples
from polly_assets.ingest.formats.separated.layout import Separated, open_separated
from polly_assets.ingest.formats.separated.orientation import is_whole
from polly_assets.ingest.formats.streams.table import (
    MISSING,
    Layout,
    Values,
    read_table,
    unique_names,
)
from polly_assets.ingest.formats.wording import counted
from polly_resources.errors import BadInput
from polly_resources.records import Notice

_IDS = (
    "hugo_symbol", "gene_symbol", "gene symbol", "entity_stable_id", "composite.element.ref",
    "geneset_id", "entrez_gene_id", "locus id",
)  # fmt: skip
_LEADING = frozenset(
    (*_IDS, "cytoband", "name", "description", "url", "generic_entity_meta_properties")
)
_LONG = ("sample_id", "value")
_ENTREZ = "entrez_gene_id"
_NUMBER = r"^\s*(?:-?[0-9]+(\.0*)?|NA|)\s*$"
_LISTED = 10
_LIMITED = r"^\s*([<>])=?\s*"


@dataclass(frozen=True, slots=True)
class Profile:
    """A matrix with its features; `samples` are in the order of its columns."""

    samples: list[str]
    features: pl.DataFrame
    matrices: tuple[DenseMatrix, ...]
    notices: tuple[Notice, ...]


def read_profile(path: Path, file: str, *, also: Collection[str] = (), limits: bool) -> Profile:
    """Read a matrix in any of its forms.

    Args:
        path: where the file can be read.
        file: its name in errors.
        also: columns besides the usual ones that describe features.
        limits: whether cells such as `>8` are values beyond which nothing was measured; X
            has the number and the matrix `layers/limit` 1 for `>`, -1 for `<`, else 0.

    Raises BadInput as `read_table` does, and `missing_columns`, `duplicate_sample_ids`,
    `missing_sample_id`, `no_samples` or `repeated_values`.
    """
    opened = open_separated(path, file)
    header = _without_end(opened.header)
    lower = [name.strip().lower() for name in header]
    known = _LEADING | {name.strip().lower() for name in also}
    if lower[0] not in known:
        raise BadInput(
            "missing_columns",
            f"the first column is {header[0][:60]!r}, expected one of {', '.join(_IDS)}",
            file=file,
            place=f"line {opened.first_line - 1}, column 1",
            hint="matrices of cBioPortal have the ids of genes or other features first",
        )
    if set(_LONG) <= set(lower):
        return _long(opened, header, lower, file)
    text = tuple(name in known for name in lower)
    samples = [name.strip() for name, is_text in zip(header, text, strict=True) if not is_text]
    places = [i for i, is_text in enumerate(text) if not is_text]
    line = opened.first_line - 1
    if not samples:
        raise _no_samples(header, line, file)
    check_samples(samples, [f"line {line}, column {i + 1}" for i in places], file)
    if limits:
        return _limited(opened, header, text, samples, file)
    whole = all(is_whole(row[i]) for row in opened.probe for i in places if i < len(row))
    layout = Layout(header, text, opened.first_line, opened.separator, opened.quoted, whole)
    table = read_table(opened.data, opened.start, layout, file)
    features, notices = _features(table.text, [h for h, t in zip(header, text, strict=True) if t])
    matrices = (DenseMatrix(table.values),) if features.height else ()
    return Profile(samples, features, matrices, (*opened.notices, *notices))


def _without_end(header: Sequence[str]) -> tuple[str, ...]:
    names = list(header)
    while len(names) > 1 and not names[-1].strip():
        names.pop()
    return tuple(names)


def _no_samples(header: Sequence[str], line: int, file: str) -> BadInput:
    return BadInput(
        "no_samples",
        f"all {len(header)} columns describe features, expected at least one sample",
        file=file,
        place=f"line {line}",
        hint="export the file with its samples as columns",
    )


def _features(text: pl.DataFrame, names: Sequence[str]) -> tuple[pl.DataFrame, tuple[Notice, ...]]:
    """Features whose id is the best id column's value, with all columns kept."""
    own = unique_names([name.strip() for name in names], "feature_id")
    frame = text.rename(dict(zip(text.columns, own, strict=True)))
    lower = {name.lower(): name for name in reversed(own)}
    ids = [pl.col(lower[name]).replace("", None) for name in _IDS if name in lower]
    ids = ids or [pl.col(own[0])]
    features, notices = check_features(frame.select(pl.coalesce(ids).alias("feature_id"), pl.all()))
    return features, (*_odd_gene_numbers(features, lower), *notices)


def _odd_gene_numbers(features: pl.DataFrame, names: Mapping[str, str]) -> Iterator[Notice]:
    """A notice where Entrez numbers are none, as cBioPortal finds genes by them."""
    if _ENTREZ not in names:
        return
    found = features[names[_ENTREZ]]
    odd = found.filter(~found.str.contains(_NUMBER)).to_list()
    if odd:
        some = ", ".join(repr(cell[:60]) for cell in odd[:_LISTED])
        message = (
            f"no number of a gene in {names[_ENTREZ]}: {counted(len(odd), 'value')}, such as {some}"
        )
        yield Notice("odd_gene_number", message)


def _limited(
    opened: Separated, header: Sequence[str], text: Sequence[bool], samples: list[str], file: str
) -> Profile:
    """Numbers, of which some only say that the true one is beyond them."""
    whole = Layout(tuple(header), (True,) * len(header), opened.first_line, opened.separator)
    frame = read_table(opened.data, opened.start, whole, file).text
    columns = [name for name, is_text in zip(frame.columns, text, strict=True) if not is_text]
    signs, numbers = [], []
    for position, name in enumerate(columns):
        cells = frame[name].fill_null("")
        sign = cells.str.extract(_LIMITED, 1)
        bare = cells.str.replace(_LIMITED, "").str.strip_chars()
        values = bare.cast(pl.Float64, strict=False)
        wrong = values.is_null() & ~bare.str.to_lowercase().is_in(MISSING)
        if wrong.any():
            row = int(wrong.arg_max() or 0)
            raise BadInput(
                "not_a_number",
                f"found {cells[row][:60]!r} for sample {samples[position]!r}, expected a number, "
                "perhaps after > or <",
                file=file,
                place=f"line {opened.first_line + row}, column {int(name[1:]) + 1}",
                hint="correct the cell; a missing value is an empty cell or NA",
            )
        numbers.append(values.fill_null(float("nan")).to_numpy())
        over, under = ((sign == mark).fill_null(value=False).cast(pl.Int32) for mark in "><")
        signs.append((over - under).to_numpy())
    described = [name for name, is_text in zip(frame.columns, text, strict=True) if is_text]
    names = [name for name, is_text in zip(header, text, strict=True) if is_text]
    features, notices = _features(frame.select(described), names)
    limits = np.column_stack(signs)
    matrices: tuple[DenseMatrix, ...] = (DenseMatrix(np.column_stack(numbers)),)
    if count := int(np.count_nonzero(limits)):
        matrices = (*matrices, DenseMatrix(limits, "layers/limit"))
        many = counted(count, "value is a limit", "values are limits")
        message = f"{many} (such as >8); see the matrix layers/limit"
        notices = (*notices, Notice("limit_values", message))
    return Profile(samples, features, matrices, (*opened.notices, *notices))


def _long(opened: Separated, header: Sequence[str], lower: Sequence[str], file: str) -> Profile:
    """One value in each line, with its gene and sample."""
    at_sample, at_value = (lower.index(name) for name in _LONG)
    text = tuple(i != at_value for i in range(len(header)))
    layout = Layout(tuple(header), text, opened.first_line, opened.separator, opened.quoted)
    table = read_table(opened.data, opened.start, layout, file)
    frame = table.text.rename({f"c{i}": header[i] for i in range(len(header)) if i != at_value})
    ids = [header[i] for i, name in enumerate(lower) if name in _IDS]
    sample_column = frame[header[at_sample]].fill_null("").str.strip_chars()
    frame = frame.with_columns(
        sample_column.alias("sample"),
        gene=pl.struct(ids).rank("dense"),
        line=pl.int_range(0, frame.height) + opened.first_line,
    ).with_columns(value=pl.Series(table.values[:, 0].astype(np.float64)))
    samples = sample_column.unique(maintain_order=True).to_list()
    if "" in samples:
        row = int((sample_column == "").arg_max() or 0)
        place = f"line {opened.first_line + row}, column {at_sample + 1}"
        check_samples([""], [place], file)
    first = frame.unique(subset="gene", keep="first", maintain_order=True)
    row_of = dict(zip(first["gene"].to_list(), range(first.height), strict=True))
    column_of = {sample: i for i, sample in enumerate(samples)}
    rows = np.array([row_of[gene] for gene in frame["gene"].to_list()], dtype=np.int64)
    columns = np.array([column_of[s] for s in frame["sample"].to_list()], dtype=np.int64)
    _check_once(rows * len(samples) + columns, frame, opened.first_line, file)
    values = np.full((first.height, len(samples)), np.nan)
    values[rows, columns] = frame["value"].to_numpy()
    features, notices = _features(first.select(ids), ids)
    rest = [h for i, h in enumerate(header) if h not in ids and i not in (at_sample, at_value)]
    lost = [name for name in rest if frame[name].null_count() < frame.height]
    if lost:
        message = f"columns of single values, not loaded: {', '.join(lost)}"
        notices = (*notices, Notice("columns_not_loaded", message))
    return Profile(samples, features, (DenseMatrix(_whole(values)),), (*opened.notices, *notices))


def _check_once(
    cells: npt.NDArray[np.int64], frame: pl.DataFrame, first_line: int, file: str
) -> None:
    order = np.argsort(cells, kind="stable")
    again = order[1:][cells[order][1:] == cells[order][:-1]]
    if len(again):
        row = int(again.min())
        raise BadInput(
            "repeated_values",
            f"gene {frame.row(row)[0]!r} has a second value for sample {frame['sample'][row]!r}, "
            "expected one",
            file=file,
            place=f"line {first_line + row}",
            hint="keep one line for each gene and sample",
        )


def _whole(values: npt.NDArray[np.float64]) -> Values:
    """As int64 where every value is there and whole."""
    if np.isfinite(values).all() and (values == np.round(values)).all():
        return values.astype(np.int64)
    return values
