"""What each column of a table is: the ids, a description, values of the matrix, or nothing.

Owns the rules that turn a table with named columns into a matrix and its two tables, whatever
the file was (CSV, Parquet). Features are rows unless a sidecar says otherwise, its sample ids are
those of the rows, the column of ids is called `sample`, `cell`, ... and does not list genes, or
`orientation.looks_like_samples_as_rows` holds.
Keep out: reading files, and the patterns of names and cells (`orientation`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import polars as pl

from polly_assets.ingest.formats.beside.sample_names import (
    folded,
    names_features,
    names_metadata_number,
)
from polly_assets.ingest.formats.beside.sidecars import Sidecar
from polly_assets.ingest.formats.checks import check_features, check_samples
from polly_assets.ingest.formats.counts.kinds import is_total
from polly_assets.ingest.formats.matching import loosest
from polly_assets.ingest.formats.separated.no_matrix import (
    check_described,
    check_long,
    check_square,
    is_statistic,
    only_statistics,
)
from polly_assets.ingest.formats.separated.orientation import (
    is_annotation,
    is_number,
    is_sample_column,
    looks_like_genes,
    looks_like_samples_as_rows,
    shape_of,
)
from polly_assets.ingest.formats.streams.table import unique_names
from polly_assets.ingest.formats.wording import counted
from polly_resources.errors import BadInput
from polly_resources.records import Notice

_TEXT_COLUMNS = 5
"""A matrix without a sidecar may have this many columns of text, and two per sample."""

_LISTED = 10

_TITLE = re.compile(
    r"(?:^|_)(?:ids?|ref|names?|genes?|symbols?|probes?|features?|samples?|index|rows?|tags?)(?:_|$)"
)
"""Words of names of columns."""

_INTENSITIES = ("lfq intensity ", "reporter intensity corrected ", "ibaq ", "intensity ")
"""How MaxQuant calls the columns of samples, the best first; it has many other numbers."""


@dataclass(frozen=True, slots=True)
class Columns:
    """What is known of a table before its values are read.

    `numbers` and `empty` mark the columns that hold numbers, and nothing at all; an unnamed
    column that is empty is none. `first_ids` are the row ids that the file begins with,
    `row_ids` gives all of them, or as many as are cheap to look at; both are of column `ids`.
    `rows` says how many rows there are.
    `place` is where a fault of the whole table is told, `names_place` one of the names.
    """

    names: tuple[str, ...]
    numbers: tuple[bool, ...]
    ids: int
    first_ids: Sequence[str]
    row_ids: Callable[[], Iterable[str]]
    rows: Callable[[], int]
    place: str = ""
    names_place: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """`values` marks the columns of the matrix; those that are none describe the rows."""

    transposed: bool
    ids: int
    values: tuple[bool, ...]
    notices: tuple[Notice, ...] = ()

    def others(self) -> list[int]:
        """The columns that are no values: first the ids, then those that describe the rows."""
        rest = [i for i, value in enumerate(self.values) if not value and i != self.ids]
        return [self.ids, *rest]


def plan(table: Columns, sidecars: Sequence[Sidecar], file: str) -> Plan:
    """What each column is.

    Raises BadInput `no_numeric_columns`, `no_sample_columns`, `no_header`, `long_table`,
    `square_matrix` or `plate_layout`.
    """
    values = [number and i != table.ids for i, number in enumerate(table.numbers)]
    described = {loosest(name) for sidecar in sidecars for name in sidecar.sample_ids()}
    count = sum(values)
    if not count or (not described and len(values) - count > _TEXT_COLUMNS + 2 * count):
        raise _no_matrix(table, count, file)
    found, kept = _described_columns(table, values, described)
    left = [name for name, value in zip(table.names, found, strict=True) if value]
    results = not left or bool(kept and all(map(is_statistic, left))) or only_statistics(left)
    _check_matrix(table, values, sidecars, bool(described) or results, file)
    transposed, notices = _orientation(table, values, sidecars, described)
    if transposed:
        found, kept = _without_metadata(table, values)
        return Plan(True, table.ids, found, (*notices, *kept))
    if results:
        raise _no_samples(table, file)
    if not sidecars:
        kept = (*kept, *_numbered(table, found, file))
    return Plan(False, table.ids, found, (*notices, *kept))


def _check_matrix(
    table: Columns, values: Sequence[bool], sidecars: Sequence[Sidecar], known: bool, file: str
) -> None:
    """Raises BadInput where numbers are no matrix; one that is `known` is no long table."""
    if not known:
        check_long(table.names, values, table.ids, table.row_ids, file=file, place=table.place)
    if not any(sidecar.orientation for sidecar in sidecars):
        names = [name for name, value in zip(table.names, values, strict=True) if value]
        check_square(names, table.first_ids, table.row_ids, file=file, place=table.place)


def _without_metadata(
    table: Columns, values: Sequence[bool]
) -> tuple[tuple[bool, ...], tuple[Notice, ...]]:
    """Which columns are features where samples are rows, and a Notice on numbers that are none.

    Ages, doses and totals beside features describe the samples, as text does.
    """
    totals = is_total(pl.Series(table.names, dtype=pl.String))
    columns = zip(values, table.names, totals, strict=True)
    beside = [value and (total or names_metadata_number(name)) for value, name, total in columns]
    if not any(beside) or beside == list(values):
        return tuple(values), ()
    shown = _some([name for name, other in zip(table.names, beside, strict=True) if other])
    message = f"columns that describe samples: {shown}"
    found = tuple(value and not other for value, other in zip(values, beside, strict=True))
    return found, (Notice("columns_as_sample_metadata", message),)


def _described_columns(
    table: Columns, values: Sequence[bool], described: set[str]
) -> tuple[tuple[bool, ...], tuple[Notice, ...]]:
    """Which columns are samples, and a Notice on those that one might take for samples."""
    named = (
        [i for i, name in enumerate(table.names) if i != table.ids and loosest(name) in described]
        if described
        else []
    )
    alike = {shape_of(table.names[i]) for i in named} - {table.names[i].strip() for i in named}
    measured = None if named else _measured(table.names)
    found, kept, seen = [], [], False
    for i, name in enumerate(table.names):
        before = bool(named) and i < named[0] and shape_of(name) not in alike
        other = measured is not None and i not in measured
        value = values[i] and (i in named or not (is_annotation(name) or before or other))
        if i != table.ids and not value and name.strip() and (values[i] or seen):
            kept.append(name)
        found.append(value)
        seen = seen or value
    if not kept:
        return tuple(found), ()
    message = f"columns that describe features: {_some(kept)}"
    return tuple(found), (Notice("columns_as_feature_metadata", message),)


def _measured(names: Sequence[str]) -> set[int] | None:
    """The columns of samples in a table of MaxQuant; None in others."""
    lower = [name.strip().lower() for name in names]
    if not {"protein ids", "majority protein ids", "id", "peptide ids"} & {*lower}:
        return None
    for start in _INTENSITIES:
        if found := {i for i, name in enumerate(lower) if name.startswith(start)}:
            return found
    return None


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"{', '.join(names[:_LISTED])}{more}"


def _no_matrix(table: Columns, numbers: int, file: str) -> BadInput:
    if len(table.names) == 1:
        return BadInput(
            "no_numeric_columns",
            f"found one column ({table.names[0][:60]!r}), expected ids and columns of values",
            file=file,
            place=table.place,
            hint="remove lines above the names of the columns, or begin them with #; columns are "
            "separated by comma, tab or semicolon",
        )
    return BadInput(
        "no_numeric_columns",
        f"found numbers in {numbers} of the {counted(len(table.names) - 1, 'column')} after the "
        "first: this is a table of text, expected a matrix, or a table of samples",
        file=file,
        place=table.place,
        hint="numbers need decimal points, and TRUE and FALSE are written 1 and 0; a table of "
        "samples has their ids in a column sample_id, and is named after its matrix where that is "
        "beside it, as counts.csv and counts_metadata.csv",
    )


def _no_samples(table: Columns, file: str) -> BadInput:
    shown = ", ".join(name for i, name in enumerate(table.names[:_LISTED]) if i != table.ids)
    return BadInput(
        "no_sample_columns",
        f"all columns describe features ({shown}), expected columns of samples",
        file=file,
        place=table.place,
        hint="this may be a table of results or annotation: give the matrix; a JSON sidecar that "
        "lists the samples says which columns are samples",
    )


def _orientation(
    table: Columns, values: Sequence[bool], sidecars: Sequence[Sidecar], described: set[str]
) -> tuple[bool, tuple[Notice, ...]]:
    """Whether samples are rows; a Notice where that was guessed."""
    for sidecar in sidecars:
        if sidecar.orientation:
            return sidecar.orientation == "samples_as_rows", ()
    names = [name for i, name in enumerate(table.names) if values[i]]
    if described:
        rows = described & {loosest(name) for name in table.row_ids()}
        across = len(rows) > len(described & {loosest(name) for name in names})
        if across:
            check_described(sidecars, names)
        return across, ()
    first, corner = table.first_ids, table.names[table.ids]
    if is_sample_column(corner) and not looks_like_genes(first):
        message = f"the column of ids is called {corner!r}: rows were read as samples"
        return True, (Notice("orientation_guessed", message),)
    if not looks_like_samples_as_rows(names, first, len(first)):
        return False, ()
    count = table.rows()
    if not looks_like_samples_as_rows(names, first, count):
        return False, ()
    message = (
        f"{len(names)} columns named like genes and {count} rows named like samples "
        "were read as samples in rows"
    )
    return True, (Notice("orientation_guessed", message),)


def _numbered(table: Columns, values: Sequence[bool], file: str) -> tuple[Notice, ...]:
    """A Notice where samples are called by numbers; BadInput `no_header` where these are values.

    They are where one has a point, comes twice or is alone, or where the cell before them is an
    id like those below it, or as genes are called.
    """
    names = [name.strip() for i, name in enumerate(table.names) if values[i]]
    if not all(map(is_number, names)):
        return ()
    corner = table.names[table.ids].strip()
    alike = [shape_of(name) == shape_of(corner) for name in table.first_ids]
    whole = all(name.isdecimal() for name in names)
    several = len(names) > 1 and len(set(names)) == len(names)
    told = corner and (sum(alike) * 2 > len(alike) or _names_gene(corner))
    if whole and several and not told:
        message = f"samples are called by numbers ({', '.join(names[:3])}): is that the header?"
        return (Notice("numbers_as_sample_ids", message),)
    raise BadInput(
        "no_header",
        f"found the values {', '.join(names[:3])} in the first row, expected names of samples",
        file=file,
        place=table.names_place,
        hint="put a first row before it, with the name of each column",
    )


def _names_gene(corner: str) -> bool:
    """Whether a cell is spelled as genes are and is no name of a column: `TP53`, `MYC`."""
    capital = len(corner) > 1 and corner.upper() == corner and corner[:1].isalpha()
    header = is_annotation(corner) or is_sample_column(corner) or names_features(corner)
    return capital and not header and _TITLE.search(folded(corner)) is None


def split(
    table: Columns,
    planned: Plan,
    rows: pl.DataFrame,
    places: tuple[Callable[[int], str], Callable[[int], str]],
    file: str,
) -> tuple[pl.DataFrame, pl.DataFrame, tuple[Notice, ...]]:
    """Samples, features and Notices; the ids of both are checked.

    `rows` has the columns `planned.others()`, in this order; `places` tell where a column's
    name and a row's id are.
    """
    key = "sample_id" if planned.transposed else "feature_id"
    others = planned.others()
    kept = [
        ((table.names[i].strip() and table.names[i]) or f"unnamed_{i + 1}", column)
        for i, column in zip(others, rows.get_columns(), strict=True)
        if i == planned.ids or table.names[i].strip() or column.null_count() < len(column)
    ]
    names = [key, *unique_names([name for name, _ in kept[1:]], key)]
    described = pl.DataFrame(
        [column.alias(name) for name, (_, column) in zip(names, kept, strict=True)]
    )
    at = [i for i, value in enumerate(planned.values) if value]
    columns = [table.names[i] for i in at]
    if planned.transposed:
        found, notices = check_features(pl.DataFrame({"feature_id": columns}))
        ids = described[key].fill_null("").to_list()
        check_samples(ids, _Places(places[1], range(len(ids))), file)
        return described, found, notices
    found, notices = check_features(described)
    check_samples(columns, _Places(places[0], at), file)
    return pl.DataFrame({"sample_id": columns}), found, notices


class _Places(Sequence[str]):
    """Places that are put into words when they are asked for."""

    def __init__(self, words: Callable[[int], str], at: Sequence[int]) -> None:
        self._words, self._at = words, at

    def __len__(self) -> int:
        return len(self._at)

    def __getitem__(self, index: int) -> str:  # type: ignore[override]
        return self._words(self._at[index])
