"""What the rows of a MAF become: columns of `variants`, many rows at a time.

Owns the meaning of cells. A row's `alt` is Tumor_Seq_Allele2, or Tumor_Seq_Allele1 where only
that differs from the reference. Keep out: what is wrong with a row (`rows`).
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from polly_assets.ingest.formats.maf.columns import NAMES
from polly_assets.ingest.formats.tabbed import SCIENTIFIC, position, whole_number

ROW_IDENTITY = "identity"
"""A number that is the same for rows of the same sample, place and alleles."""

_MISSING = ("", "na", "n/a", "nan", "null", "none", ".", "[not available]")
_PLACES = ("start", "end")
_COUNTS = ("depth", "ref_depth", "alt_depth")


class Frame:
    """Rows of one width: `values` are the known cells, null where missing, by meaning.

    `rows` has the columns of `variants` that are not the same in each row, and ROW_IDENTITY.
    """

    def __init__(self, cells: pl.DataFrame, at: Mapping[str, int]) -> None:
        text = pl.DataFrame(
            [
                cells.to_series(at[what]).alias(what)
                if what in at
                else pl.Series(what, [None], dtype=pl.String).extend_constant(
                    None, cells.height - 1
                )
                for what in NAMES
            ]
        )
        stripped = pl.all().str.strip_chars()
        missing = stripped.str.to_lowercase().is_in(_MISSING)
        self.values = text.select(pl.when(~missing).then(stripped))
        numbers = self.values.select(
            *map(position, _PLACES),
            *map(whole_number, _COUNTS),
            pl.col("qual").cast(pl.Float64, strict=False),
        )
        self._numbers = numbers
        known = self.values.with_columns(numbers)
        self.rows = known.select(*_expressions()).with_columns(_json(cells), _identity())

    def no_number(self, what: str) -> pl.Series:
        """Rows whose cell should be a number, is there, and is none."""
        return self.values[what].is_not_null() & self._numbers[what].is_null()

    def rounded(self, what: str) -> pl.Series:
        """Rows whose whole number is written such as 1e+05."""
        return self.values[what].str.contains(SCIENTIFIC) & self._numbers[what].is_not_null()


def _expressions() -> list[pl.Expr]:
    """The columns of `variants`, of known cells by meaning."""
    ref, second, first = pl.col("ref"), pl.col("alt"), pl.col("other")
    of_first = (second.is_null() | (second == ref)) & first.is_not_null() & first.ne_missing(ref)
    alt = pl.when(of_first).then(first).otherwise(second)
    mutated = first.is_not_null() & second.is_not_null() & alt.ne_missing(ref)
    copies = (first == alt).cast(pl.Int32) + (second == alt).cast(pl.Int32)
    ids, filters = pl.col("ids"), pl.col("filters")
    return [
        pl.col("sample").alias("sample_id"),
        alt.is_not_null().cast(pl.Int32).alias("allele_index"),
        pl.when(ids != "novel").then(ids).alias("variant_id"),
        pl.col("chromosome"),
        pl.col("start").alias("position"),
        pl.col("end").alias("end_position"),
        ref,
        alt.alias("alt"),
        pl.coalesce("gene", "entrez").alias("gene"),
        pl.col("consequence"),
        pl.col("protein").alias("protein_change"),
        pl.when(mutated).then(copies).alias("copies"),
        pl.coalesce("depth", pl.col("ref_depth") + pl.col("alt_depth")).alias("depth"),
        pl.col("alt_depth"),
        pl.col("qual"),
        filters.str.replace_all(",", ";", literal=True).str.split(";").alias("filters"),
    ]


def _json(cells: pl.DataFrame) -> pl.Series:
    """Each row whole, as JSON, with null for empty cells."""
    return cells.to_struct("metadata").struct.json_encode()


def _identity() -> pl.Expr:
    known = [pl.col(n).cast(pl.String).fill_null("") for n in
             ("sample_id", "chromosome", "position", "ref", "alt")]  # fmt: skip
    return pl.concat_str(known, separator="\t").hash().alias(ROW_IDENTITY)
