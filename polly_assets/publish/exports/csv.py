"""Datasets as three CSV files: the matrix, the samples, the features.

Owns the CSV layout and the guard against text that a spreadsheet would run as a formula.
Keep out: which datasets are exported, and the text forms of values (`tables`).
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import polars as pl

from polly_assets.publish.content import DatasetContent
from polly_assets.publish.exports.base import Export, check_room, replacing
from polly_assets.publish.exports.tables import (
    column_names,
    dense_blocks,
    exact_floats,
    main_matrix,
    only_samples,
    only_variants,
    plain,
    text_bytes,
)

_FORMULA = r"^\s*[=+\-@]"
_NUMBER = r"^[+-]?((\d+\.?\d*|\.\d+)([eE][+-]?\d+)?)?$"
"""What no spreadsheet runs: a number, or a sign alone, as strands and deleted alleles are."""


class CsvExport(Export):
    """`NAME.csv`, `NAME.samples.csv` and `NAME.features.csv`, UTF-8, comma, header row.

    Of a dataset of variants the first is the table of these, with the columns of `variants`. Of one
    without matrices it is the table of samples, and features have a file where there are any.
    The matrix has `feature_id` first and one column per sample; numbers are written so
    that they read back equal as float64, missing ones as `NaN`. In the tables a missing
    value is an empty cell, empty text is `""`, and lists are joined with `|`. Text that
    begins with `=`, `+`, `-` or `@` and is neither a number nor a sign alone gets a `'` before
    it, ids included, so that no spreadsheet runs it.
    """

    name: ClassVar[str] = "csv"
    suffix: ClassVar[str] = ".csv"

    def write(self, content: DatasetContent, out: Path) -> None:
        """Write `out` and its two tables beside it."""
        if only_samples(content):
            _write_samples(content, out)
            return
        tables = [out.with_name(f"{out.stem}.{kind}.csv") for kind in ("samples", "features")]
        if (variants := only_variants(content)) is not None:
            with replacing(*tables, out) as (samples, features, main):
                _guarded(content.samples).write_csv(samples)
                _guarded(content.features).write_csv(features)
                _guarded(variants).write_csv(main)
            return
        matrix = main_matrix(content)
        ids = _guarded(content.features.select("feature_id"))
        names = _guarded(content.samples.select("sample_id")).to_series().to_list()
        header = ["feature_id", *column_names(names, "feature_id")]
        with replacing(*tables, out) as (samples, features, main):
            check_room(out, text_bytes(matrix))
            _guarded(content.samples).write_csv(samples)
            _guarded(content.features).write_csv(features)
            with main.open("wb") as file:
                for start, block in dense_blocks(matrix):
                    values = exact_floats(block, header[1:])
                    rows = pl.concat([ids.slice(start, len(block)), values], how="horizontal")
                    rows.write_csv(file, include_header=start == 0)


def _write_samples(content: DatasetContent, out: Path) -> None:
    beside = out.with_name(f"{out.stem}.features.csv")
    tables = {beside: content.features} if content.features.height else {}
    tables[out] = content.samples
    with replacing(*tables) as parts:
        for part, frame in zip(parts, tables.values(), strict=True):
            _guarded(frame).write_csv(part)


def _guarded(frame: pl.DataFrame) -> pl.DataFrame:
    """Plain columns and names in which text that reads as a formula begins with `'`."""
    columns = plain(frame).get_columns()
    names = _guarded_text(pl.Series(frame.columns, dtype=pl.String)).to_list()
    guarded = [_guarded_text(c) if c.dtype == pl.String else c for c in columns]
    return pl.DataFrame(dict(zip(column_names(names), guarded, strict=True)))


def _guarded_text(column: pl.Series) -> pl.Series:
    risky = column.str.contains(_FORMULA) & ~column.str.contains(_NUMBER)
    return pl.select(pl.when(risky).then("'" + column).otherwise(column)).to_series()
