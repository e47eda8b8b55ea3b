"""One file that counts one sample, read whole: ids, values, totals, and what describes features.

Owns taking the reads that are in no feature out of the features. Keep out: what the columns mean
(`kinds`) and other files (`join`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from polly_assets.ingest.formats.counts.kinds import Kind, totals
from polly_assets.ingest.formats.geo.values import Floats
from polly_assets.ingest.formats.streams.lines import Blocks, Stretch
from polly_assets.ingest.formats.streams.table import Layout, read_blocks, unique_names
from polly_resources.errors import BadInput
from polly_resources.records import Notice


@dataclass(frozen=True, slots=True)
class Counts:
    """What a file holds, without its totals.

    `features` has `feature_id` and the further columns of text; `values` and `described` are
    features x columns, as the kind orders these. `whole` says of each column of values whether
    all are whole numbers.
    """

    features: pl.DataFrame
    values: Floats
    whole: tuple[bool, ...]
    described: Floats
    totals: Mapping[str, float]
    notices: tuple[Notice, ...]


def read_counts(path: Path, name: str, kind: Kind) -> Counts:
    """The counts of a file of this kind.

    Raises BadInput `no_rows`, and at the line what `table.read_blocks` and `lines.Blocks` raise.
    """
    blocks = Blocks(path, name)
    numbers = sorted((*kind.values, *kind.described))
    layout = Layout(
        kind.names,
        tuple(i not in numbers for i in range(len(kind.names))),
        kind.first_line,
        kind.separator,
        csv_quotes=kind.separator == ",",
        integers=False,
    )
    frame, matrix = read_blocks(_body(blocks, kind.first_line), layout, name)
    whole = np.concatenate(
        [np.asarray(block) for block in matrix.blocks(1 << 16)] or [_none(layout)]
    )
    ids = frame["c0"].fill_null("").str.strip_chars().alias("feature_id")
    total = totals(ids, kind.program).to_numpy()
    if total.all():
        raise BadInput(
            "no_rows",
            "found no row of a feature, expected an id and a number in each",
            file=name,
            place=f"line {kind.first_line}",
            hint="the file was cut short: download it again",
        )
    values = whole[:, [numbers.index(i) for i in kind.values]]
    kept = values[~total]
    keep = pl.Series(~total)
    texts = [i for i in range(1, len(kind.names)) if i not in numbers]
    titles = unique_names(["feature_id", *(kind.names[i] for i in texts)])[1:]
    return Counts(
        values=kept,
        whole=tuple(i in kind.whole and _whole(kept[:, at]) for at, i in enumerate(kind.values)),
        described=whole[~total][:, [numbers.index(i) for i in kind.described]],
        features=pl.DataFrame(
            [ids, *(frame[f"c{i}"].alias(t) for i, t in zip(texts, titles, strict=True))]
        ).filter(keep),
        totals=_totals(ids.filter(~keep).to_list(), values[total], kind),
        notices=tuple(blocks.notices),
    )


def _none(layout: Layout) -> Floats:
    return np.empty((0, sum(layout.numbers)))


def _body(blocks: Blocks, first_line: int) -> Iterator[Stretch]:
    """The blocks from a line on."""
    for data, start, begun in blocks:
        place, line = start, begun
        while line < first_line and place < len(data):
            place = data.index(b"\n", place) + 1
            line += 1
        if place < len(data):
            yield Stretch(data, place, line)


def _whole(column: Floats) -> bool:
    return bool(np.isfinite(column).all() and (column == np.rint(column)).all())


def _totals(names: list[str], values: Floats, kind: Kind) -> dict[str, float]:
    """Reads outside of features by name; those of layers with the layer's name behind."""
    found = {}
    for at, column in enumerate(kind.values):
        for name, value in zip(names, values[:, at], strict=True):
            if not np.isnan(value):
                found[f"{name}.{kind.names[column]}" if at else name] = float(value)
    return found
