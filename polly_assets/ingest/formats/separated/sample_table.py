"""Tables of samples alone: rows are samples, columns their metadata, and there is no matrix.

Owns the rule that tells such a table from a damaged matrix, a long table or results, the column
that names its samples, and what types its columns have. The rule, where no sidecar tells the
orientation and none describes samples that are columns:

1. The first column does not list genes by its name or its ids, no column has results (fold
   changes, p values), and most columns are not called alike but for their digits (`S1`, `S2`).
2. The names in the first row are no values: one is called as ids of samples are, or the first is
   not spelled as an id below it and less than half of the names are found in their own columns.
3. Samples are named by a column that is called so (`sample_names`) or has accessions; else by
   the first column that is not empty, if it has neither numbers nor genes, two columns or one
   without numbers beside it are called as metadata is (`tissue`, `sex`), and none as
   annotation of features is.
4. There are fewer columns of numbers than others, which are text, truth values, dates, and
   numbers that are called as those that describe samples are (`age`, `n_counts`; beside barcodes
   and accessions also `survival_status`).

Keep out: reading files (`reader`, `parquet`), and what a matrix is (`roles`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from polly_assets.ingest.formats.beside.sample_names import (
    ACCESSION_RANK,
    ID_RANKS,
    folded,
    is_accession,
    names_axis,
    names_features,
    names_metadata,
    names_metadata_number,
    names_results,
)
from polly_assets.ingest.formats.beside.sidecars import Sidecar
from polly_assets.ingest.formats.h5ad.exchanged import exchanged
from polly_assets.ingest.formats.matching import loosest
from polly_assets.ingest.formats.separated.orientation import (
    is_annotation,
    is_barcodes,
    is_number,
    looks_like_genes,
    shape_of,
)
from polly_assets.ingest.formats.streams.table import MISSING, is_missing, unique_names
from polly_resources.errors import BadInput
from polly_resources.records import Notice

NO_FEATURES = pl.DataFrame(schema={"feature_id": pl.String})
"""The features of a table of samples."""

_LONGEST_ID = 200
_LISTED = 5
_TRUTH = {"true": True, "false": False}
_WHOLE = r"^[+-]?(0|[1-9]\d*)$"
_NUMBER = r"^[+-]?((0|[1-9]\d*)(\.\d*)?|\.\d+)([eE][+-]?\d+)?$|^(?i)[+-]?inf(inity)?$"


@dataclass(frozen=True, slots=True)
class Look:
    """What is known of a table before it is read.

    `numbers` marks the columns that hold numbers. `ids` is the column that names the rows where
    nothing else is known; `cells` gives the first cells of a column.
    """

    names: tuple[str, ...]
    numbers: tuple[bool, ...]
    ids: int
    cells: Callable[[int], Sequence[str]]

    def present(self, column: int) -> list[str]:
        """The first cells of a column that are not missing."""
        return [cell for cell in self.cells(column) if not is_missing(cell)]


def id_columns(look: Look, sidecars: Sequence[Sidecar]) -> tuple[int, ...]:
    """The columns that may name the samples, the best first; none where this is no such table."""
    if any(sidecar.orientation for sidecar in sidecars) or not _few_numbers(look):
        return ()
    others = [name for i, name in enumerate(look.names) if i != look.ids and name.strip()]
    if names_features(look.names[look.ids]) or any(map(names_results, others)):
        return ()
    described = {loosest(name) for sidecar in sidecars for name in sidecar.sample_ids()}
    if not described.isdisjoint(map(loosest, look.names)) or _alike(others) or _no_header(look):
        return ()
    first = [*look.present(look.ids)]
    if exchanged(pl.Series(first, dtype=pl.String), pl.Series(others, dtype=pl.String)):
        return ()
    ranked = _ranked(look)
    if ranked and not (_is_long(look) or _annotates(look, first, others)):
        return (*ranked, *(_unnamed_ids(look, first, others) - set(ranked)))
    return tuple(_unnamed_ids(look, first, others))


def _few_numbers(look: Look) -> bool:
    """Rule 4."""
    named = [i for i, name in enumerate(look.names) if i != look.ids and name.strip()]
    sure = is_barcodes(look.present(look.ids))
    perhaps = [
        i
        for i in named
        if look.numbers[i]
        and not (_describes(look.names[i]) or (sure and names_metadata(look.names[i])))
    ]
    if not perhaps:
        return bool(named)
    full = [i for i in named if not all(map(is_missing, look.cells(i)))]
    return 2 * len({*perhaps} & {*full}) < len(full)


def _describes(name: str) -> bool:
    """Whether numbers of this name describe samples."""
    return names_metadata_number(name) or names_axis(name)


def _alike(names: Sequence[str]) -> bool:
    """Whether all names, or most of three and more, differ in their digits only."""
    shapes = [shape_of(name) for name in names if not names_axis(name)]
    most = max((shapes.count(shape) for shape in set(shapes) if "0" in shape), default=0)
    return most > 0 and (most == len(shapes) or (most > 2 and 2 * most > len(shapes)))


def _no_header(look: Look) -> bool:
    """Whether rule 2 does not hold: the first row has values, and no names."""
    if any(folded(name) in ID_RANKS for name in look.names):
        return False
    corner = shape_of(look.names[look.ids])
    alike = sum(shape_of(cell) == corner for cell in look.present(look.ids))
    if is_accession(look.names[look.ids]) or ("0" in corner and alike):
        return True
    named = [i for i, name in enumerate(look.names) if i != look.ids and name.strip()]
    found = sum(look.names[i].strip() in map(str.strip, look.cells(i)) for i in named)
    return bool(found) and 2 * found >= len(named)


def _is_long(look: Look) -> bool:
    """Whether a column of genes and one of numbers stand beside each other."""
    named = [i for i, name in enumerate(look.names) if i != look.ids and name.strip()]
    return sum(look.numbers[i] for i in named) == 1 and any(
        names_features(look.names[i]) for i in named
    )


def _annotates(look: Look, first: Sequence[str], others: Sequence[str]) -> bool:
    """Whether rows seem to be genes after all, though their column is called `sample`."""
    return bool(first) and looks_like_genes(first) and any(map(is_annotation, others))


def _ranked(look: Look) -> list[int]:
    """The columns that are called as ids of samples are, or have accessions."""
    ranks = {}
    for i, name in enumerate(look.names):
        rank = ID_RANKS.get(folded(name))
        if rank is None and not look.numbers[i]:
            cells = look.cells(i)
            told = bool(cells) and (all(map(is_accession, cells)) or is_barcodes(cells))
            rank = ACCESSION_RANK if told else None
        if rank is not None:
            ranks[i] = rank
    return sorted(ranks, key=lambda i: (ranks[i], i))


def _unnamed_ids(look: Look, first: Sequence[str], others: Sequence[str]) -> set[int]:
    """The first column, where it may name samples though it is not called so."""
    cells = look.cells(look.ids)
    good = len(cells) > 1 and len(set(cells)) == len(cells) == len(first)
    if not good or any(len(cell) > _LONGEST_ID for cell in cells):
        return set()
    if looks_like_genes(cells) or is_annotation(look.names[look.ids]):
        return set()
    if any(map(is_annotation, others)):
        return set()
    words = sum(names_metadata(name) or _describes(name) for name in others)
    if any(map(is_number, cells)) and (words < 2 or not look.names[look.ids].strip()):
        return set()
    numbers = sum(look.numbers[i] for i in range(len(look.names)) if i != look.ids)
    return {look.ids} if words > (numbers > 0) else set()


def chosen(
    columns: Sequence[tuple[str, pl.Series]],
    ids: Sequence[int],
    place: Callable[[int, int], str],
    file: str,
) -> int:
    """The first of the columns `ids` that gives each row an id of its own.

    `columns` have their names in the file; `place` tells where a cell is by its row and column.
    Raises BadInput `no_sample_ids`.
    """
    for at in ids:
        found = _ids(columns[at][1])
        if not _empty(found).any() and found.n_unique() == len(found):
            return at
    raise _no_sample_ids(columns, ids, place, file)


def as_samples(
    columns: Sequence[tuple[str, pl.Series]], at: int, ids: pl.Series, file: str
) -> tuple[pl.DataFrame, tuple[Notice, ...]]:
    """The samples, and Notices that say which column names them, and that there is no matrix.

    `ids` are those of column `at` as the file writes them. They become `sample_id`, and their
    column is kept, too, unless that is its name.
    """
    own = columns[at][0]
    kept = [*_kept(columns, at)]
    names = ["sample_id", *unique_names([name for name, _ in kept], "sample_id")]
    table = [_ids(ids), *(column for _, column in kept)]
    frame = pl.DataFrame([c.alias(name) for name, c in zip(names, table, strict=True)])
    where = f"column {own!r}" if own.strip() else "a column without a name"
    told = Notice("sample_ids_from", f"the ids of the samples are from {where}")
    alone = f"{file} describes samples and has no values"
    return frame, (told, Notice("no_matrix", alone))


def _kept(columns: Sequence[tuple[str, pl.Series]], ids: int) -> Iterator[tuple[str, pl.Series]]:
    """All columns but unnamed ones that are empty, and ids that have no other name."""
    for i, (name, column) in enumerate(columns):
        if i == ids and name.strip() in ("", "sample_id"):
            continue
        if name.strip() or column.null_count() < len(column):
            yield (name if name.strip() else f"unnamed_{i + 1}"), column


def _ids(column: pl.Series) -> pl.Series:
    return column.cast(pl.String).str.strip_chars()


def _empty(ids: pl.Series) -> pl.Series:
    return ids.is_null() | ids.str.to_lowercase().is_in(MISSING)


def _no_sample_ids(
    columns: Sequence[tuple[str, pl.Series]],
    ids: Sequence[int],
    place: Callable[[int, int], str],
    file: str,
) -> BadInput:
    """What is wrong with the best of the columns that may name the samples."""
    name, column = columns[ids[0]]
    cells = _ids(column)
    empty, again = _empty(cells), ~cells.is_first_distinct()
    row = int((empty | again).arg_max() or 0)
    what = "is empty here" if empty[row] else f"has {str(cells[row])[:60]!r} a second time here"
    tried = ", ".join(repr(columns[i][0]) for i in ids[:_LISTED])
    return BadInput(
        "no_sample_ids",
        f"this is a table of samples, and column {name!r} {what}; expected one column (looked at "
        f"{tried}) that gives each row an id of its own",
        file=file,
        place=place(row, ids[0]),
        hint="add a column sample_id; one value per gene and sample is a long table: widen it",
    )


def typed(column: pl.Series) -> pl.Series:
    """A column of text in the type that all its cells have, missing ones null.

    Whole numbers are int64, others float64, TRUE and FALSE truth values; all else is text. So are
    whole numbers beyond int64 and those with a zero before them (`007`), which are no numbers.
    """
    bare = column.str.strip_chars()
    lower = bare.str.to_lowercase()
    missing = lower.is_in(MISSING)
    column, bare = (pl.select(pl.when(~missing).then(c)).to_series() for c in (column, bare))
    present = bare.drop_nulls()
    if present.is_empty():
        return column
    if lower.filter(~missing.fill_null(True)).is_in([*_TRUTH]).all():
        return lower.replace_strict(_TRUTH, default=None, return_dtype=pl.Boolean)
    if present.str.contains(_WHOLE).all():
        whole = bare.cast(pl.Int64, strict=False)
        return whole if whole.null_count() == bare.null_count() else column
    if present.str.contains(_NUMBER).all():
        return bare.cast(pl.Float64)
    return column
