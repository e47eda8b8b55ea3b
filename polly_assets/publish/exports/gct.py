"""Datasets as GCT 1.3, the text format of the Broad Institute (GSEA, Morpheus, cmapPy).

Owns the GCT layout and what its cells cannot hold.
Keep out: which datasets are exported, and the text forms of values (`tables`).
"""

from __future__ import annotations

from pathlib import Path
from typing import IO, ClassVar

import polars as pl

from polly_assets.publish.content import DatasetContent
from polly_assets.publish.exports.base import Export, check_room, replacing
from polly_assets.publish.exports.tables import (
    column_names,
    dense_blocks,
    exact_floats,
    main_matrix,
    plain,
    text_bytes,
)

_MISSING = "NaN"
_FILLER = "na"


class GctExport(Export):
    """One `.gct` with the columns of both tables as row and column metadata.

    Numbers are written so that they read back equal as float64, missing ones as `NaN`.
    Missing metadata is `NaN` too, which cmapPy and pandas read as missing. GCT has no
    quoting: a tab or line end in text becomes a space, and text that begins with `"` gets
    `'` for each `"`. Lists are joined with `|`.
    """

    name: ClassVar[str] = "gct"
    suffix: ClassVar[str] = ".gct"

    def write(self, content: DatasetContent, out: Path) -> None:
        """Write `out`."""
        matrix = main_matrix(content)
        samples, features = _cells(content.samples), _cells(content.features)
        with replacing(out) as (part,), part.open("wb") as file:
            check_room(out, text_bytes(matrix))
            sizes = (*matrix.shape, features.width - 1, samples.width - 1)
            _line(file, ["#1.3"])
            _line(file, [str(size) for size in sizes])
            notes = features.columns[1:]
            _line(file, ["id", *notes, *samples.to_series(0).to_list()])
            for column in samples.get_columns()[1:]:
                filler = [_FILLER] * len(notes)
                _line(file, [column.name, *filler, *column.to_list()])
            for start, block in dense_blocks(matrix):
                names = [f"sample {i}" for i in range(block.shape[1])]
                left = features.slice(start, len(block))
                left.columns = [f"note {i}" for i in range(left.width)]
                rows = pl.concat([left, exact_floats(block, names)], how="horizontal")
                rows.write_csv(file, include_header=False, separator="\t", quote_style="never")


def _line(file: IO[bytes], cells: list[str]) -> None:
    file.write(("\t".join(cells) + "\n").encode())


def _cells(frame: pl.DataFrame) -> pl.DataFrame:
    """The table as text that a GCT cell can hold, without gaps, under names that it can hold."""
    text = plain(frame).with_columns(pl.all().cast(pl.String)).with_columns(_clean(pl.all()))
    cells = text.with_columns(pl.all().fill_null(_MISSING)).get_columns()
    names = [str(pl.select(_clean(pl.lit(name))).item()) for name in frame.columns]
    return pl.DataFrame(dict(zip(column_names(names), cells, strict=True)))


def _clean(cell: pl.Expr) -> pl.Expr:
    flat = cell.str.replace_all(r"\r\n|[\t\r\n\x0b\x0c\x1c-\x1e\x85\u2028\u2029]", " ")
    quoted = flat.str.starts_with('"')
    return pl.when(quoted).then(flat.str.replace_all('"', "'", literal=True)).otherwise(flat)
