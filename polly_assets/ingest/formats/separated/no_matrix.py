"""Tables of numbers that are no matrix: results, long tables, pairs, correlations, plates.

Owns the rules that tell them, and the errors that say what to do. Add a kind as one function, or a
word to a row. A wrong guess here costs a dataset, so each rule needs what a matrix does not have.
Keep out: what the columns of a matrix are (`roles`), and tables of samples (`sample_table`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from polly_assets.ingest.formats.beside.sample_names import (
    folded,
    names_features,
    names_metadata,
)
from polly_assets.ingest.formats.beside.sidecars import Sidecar
from polly_assets.ingest.formats.separated.orientation import (
    is_annotation,
    is_number,
    is_sample_column,
    looks_like_genes,
)
from polly_assets.ingest.formats.streams.table import is_missing
from polly_resources.errors import BadInput

_LISTED = 10
_MOST_VALUES = 3
"""A long table has this many measures of each pair of feature and sample at most."""

_SUMMARIES = """
average beta cv hr iqr lower max mean median min n p q1 q3 sd se sem std stddev stderr stdev upper
var variance
"""
_PLAIN_STATISTICS = frozenset(_SUMMARIES.split())
"""Two and more of these alone sum up the rows."""

_BESIDE_RESULTS = """
b bp cluster coef coefficient count counts difference effect effect_size es estimate f
final_sigma_sq log2err logodds lr mean_obs nes odds_ratio or pos position rank rank_at_max ratio
score scores se_b sigma_sq size smooth_sigma_sq stat statistic t tech_var test_stat value_1
value_2 var_obs z z_score zscore
"""
_STATISTICS = _PLAIN_STATISTICS.union(_BESIDE_RESULTS.split())
"""What stands beside fold changes or places of features, and might be a sample elsewhere."""

_GROUP_MEAN = re.compile(r"(?:mean|avg|average|median|base_?mean)_.*")
_PAIRS = (
    {"col", "row"}, {"column", "row"}, {"from", "to"}, {"gene1", "gene2"}, {"gene_1", "gene_2"},
    {"gene_a", "gene_b"}, {"i", "j"}, {"ligand", "receptor"}, {"node1", "node2"},
    {"protein1", "protein2"}, {"regulator", "target"}, {"source", "target"}, {"tf", "target"},
    {"interactor_a", "interactor_b"},
)  # fmt: skip
"""Names of columns (as `folded`) of which each row has one pair."""

_PROBED = 100
_MELTED = {"value", "variable"}
_WELL = re.compile(r"[A-P](?:0?[1-9]|1\d|2[0-4])")
_PLATE_ROWS = "ABCDEFGHIJKLMNOP"


def is_statistic(name: str) -> bool:
    """Whether a column of this name, beside fold changes or p values, is one more of these."""
    plain = folded(name)
    return plain in _STATISTICS or _GROUP_MEAN.fullmatch(plain) is not None


def only_statistics(names: Sequence[str]) -> bool:
    """Whether columns of these names sum up what others measured, as `mean` and `sd` do."""
    return len(names) > 1 and {folded(name) for name in names} <= _PLAIN_STATISTICS


def check_long(
    names: Sequence[str],
    values: Sequence[bool],
    ids: int,
    row_ids: Callable[[], Iterable[str]],
    *,
    file: str,
    place: str,
) -> None:
    """Raises BadInput `long_table` where each row has the values of one pair, or of one well.

    `values` marks the columns of numbers, few of which are no ids of samples.
    """
    samples = {i for i, name in enumerate(names) if is_sample_column(name)}
    measures = sum(value and i not in samples for i, value in enumerate(values))
    if not 0 < measures <= _MOST_VALUES or len(names) < 3:
        return
    texts = [
        name
        for i, name in enumerate(names)
        if i != ids and not values[i] and name.strip() and not is_annotation(name)
    ]
    rows = list(row_ids())
    if looks_like_genes(rows):
        samples.discard(ids)
    pairs = _names_pairs(names, ids) or _has_pairs(
        names, bool(samples), bool(texts), measures, rows
    )
    if not pairs:
        return
    shown = ", ".join(name for name in names[:_LISTED] if name.strip())
    raise BadInput(
        "long_table",
        f"found one value per row of the columns {shown}, expected a matrix: one row per feature "
        "and one column per sample",
        file=file,
        place=place,
        hint="widen it first, such as with pandas: table.pivot(index=..., columns=..., "
        "values=...); pairs of features are no dataset",
    )


def _names_pairs(names: Sequence[str], ids: int) -> bool:
    """Whether two columns, that of the ids among them, are called as pairs are; or as melted."""
    plain, own = {folded(name) for name in names}, folded(names[ids])
    return plain >= _MELTED or any(own in pair and pair <= plain for pair in _PAIRS)


def _has_pairs(
    names: Sequence[str], samples: bool, texts: bool, measures: int, ids: Sequence[str]
) -> bool:
    """Whether rows are pairs, as ids are given again and again.

    Beside a column of samples that need happen but once, or a column tells features; beside
    other text half of the rows repeat one, and there is one value. Ids may be wells, too.
    """
    again = len(ids) - len(set(ids))
    if samples:
        return again > 0 or (measures == 1 and any(map(names_features, names)))
    wells = bool(ids) and all(map(_WELL.fullmatch, ids))
    return measures == 1 and (wells or (texts and 2 * again >= len(ids) > 1))


def check_header(
    rows: Sequence[Sequence[str]], values: Sequence[bool], file: str, line: int
) -> None:
    """Raises BadInput `not_a_number` where the first row has names as the header has.

    It is that of this line; `values` marks the columns of numbers.
    """
    places = [i for i, value in enumerate(values) if value]
    first, *others = [[(i, row[i]) for i in places if i < len(row)] for row in rows[:2]] or [[]]
    names = [(i, cell) for i, cell in first if not _is_value(cell)]
    if 2 * len(names) <= len(places) or len(names) < 2 or not others:
        return
    if not all(_is_value(cell) for _, cell in others[0]):
        return
    shown = ", ".join(cell[:60] for _, cell in names[:3])
    raise BadInput(
        "not_a_number",
        f"found a second line of names ({shown}), expected a number",
        file=file,
        place=f"line {line}, column {names[0][0] + 1}",
        hint="leave one line with the names of the samples, and begin the others with #, or give "
        "them as a table of samples: x_samples.csv beside x.csv",
    )


def _is_value(cell: str) -> bool:
    return is_missing(cell) or is_number(cell)


def check_described(sidecars: Sequence[Sidecar], columns: Sequence[str]) -> None:
    """Raises BadInput `sidecar_is_matrix` where the rows are those of a second matrix.

    It has nothing but numbers, and its rows are called like genes or its columns like these.
    """
    for sidecar in sidecars:
        if sidecar.samples is None or sidecar.samples.width < 2:
            continue
        ids, *others = sidecar.samples.head(_PROBED).get_columns()
        alike = not {column.name for column in others}.isdisjoint(columns)
        if any(names_metadata(column.name) for column in others) or not all(
            all(_is_value(str(cell)) for cell in column.drop_nulls()) for column in others
        ):
            continue
        if alike or looks_like_genes(ids.to_list()):
            raise BadInput(
                "sidecar_is_matrix",
                f"its rows are those of the matrix ({', '.join(ids.head(3).to_list())}) and all "
                "its cells are numbers: a second matrix, expected a table of samples",
                file=sidecar.file,
                hint="give it a name and an id of its own; where rows are samples after all, say "
                'so in a JSON sidecar: {"orientation": "samples_as_rows"}',
            )


def check_square(
    names: Sequence[str],
    first_ids: Sequence[str],
    row_ids: Callable[[], Iterable[str]],
    *,
    file: str,
    place: str,
) -> None:
    """Raises BadInput `square_matrix` where rows and columns are called alike, as in correlations.

    And `plate_layout` where they are called as the wells of a plate.
    """
    if not first_ids or len(names) < 2:
        return
    columns = {name.strip() for name in names}
    if columns.issuperset(first_ids) and columns == {each.strip() for each in row_ids()}:
        raise BadInput(
            "square_matrix",
            f"rows and columns are called alike ({', '.join(first_ids[:3])}): these are "
            "correlations, distances or neighbours, expected features x samples",
            file=file,
            place=place,
            hint="give the matrix that they were computed from",
        )
    wide = [str(number) for number in range(1, len(names) + 1)]
    rows = [each.strip() for each in row_ids()] if [name.strip() for name in names] == wide else []
    if len(names) in (6, 12, 24) and "".join(rows) == _PLATE_ROWS[: len(rows)] and len(rows) > 3:
        raise BadInput(
            "plate_layout",
            f"rows A to {rows[-1]} and columns 1 to {len(names)} are the wells of a plate, "
            "expected features x samples",
            file=file,
            place=place,
            hint="write one row per measured feature and one column per sample, named after it",
        )
