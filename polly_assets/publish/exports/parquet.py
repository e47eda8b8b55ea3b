"""Datasets as one Parquet file: the matrix as columns, the rest as its metadata.

Owns the names of columns and of the metadata keys.
Keep out: which datasets are exported, and the text forms of values (`tables`).
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from polly_assets.publish.content import DatasetContent, LargeMatrix, Values
from polly_assets.publish.exports.base import Export, replacing
from polly_assets.publish.exports.tables import (
    column_names,
    dense_blocks,
    dtype_of,
    json_text,
    main_matrix,
    only_samples,
    only_variants,
    plain,
)
from polly_resources.errors import BadInput

GROUP_CELLS = 32_000_000
"""Cells of a group of rows. Each column of each group has an entry in the file's index."""

MAX_PIECES = 1_000_000
"""Entries of the index, which every reader reads whole: about 100 MB."""

MAX_COLUMNS = 200_000
"""Samples of a file. The writer holds 5 kB for each of its columns."""


class ParquetExport(Export):
    """`feature_id` and one column per sample, in the matrix's own value type.

    The file's key-value metadata holds JSON: `polly.dataset` (atlas, dataset id, original
    metadata, curated fields), `polly.samples` and `polly.features` (one object per row, in
    order), `polly.columns` (column name to sample id). A column is named as its sample;
    a sample called `feature_id` has column `feature_id.1`, one without a name `unnamed`.
    Missing values are NaN. Of a dataset of variants the columns are those of `variants`, of one
    without matrices those of its samples.
    """

    name: ClassVar[str] = "parquet"
    suffix: ClassVar[str] = ".parquet"

    def write(self, content: DatasetContent, out: Path) -> None:
        """Write `out`."""
        if (variants := only_variants(content)) is not None:
            table = variants.to_arrow().replace_schema_metadata(_metadata(content, {}))
            with replacing(out) as (part,):
                pq.write_table(table, part, compression="zstd")
            return
        if only_samples(content):
            _write_samples(content, out)
            return
        matrix = main_matrix(content)
        _check_pieces(matrix, out)
        columns = column_names(content.samples["sample_id"].to_list(), "feature_id")
        kind = pa.from_numpy_dtype(dtype_of(matrix))
        fields = [pa.field("feature_id", pa.string()), *(pa.field(name, kind) for name in columns)]
        schema = pa.schema(fields, _metadata(content, columns))
        ids = content.features["feature_id"]
        with (
            replacing(out) as (part,),
            part.open("wb") as file,
            pq.ParquetWriter(file, schema, compression="zstd") as writer,
        ):
            for start, block in dense_blocks(matrix, GROUP_CELLS):
                names = pa.array(ids.slice(start, len(block)).to_list(), pa.string())
                arrays = [names, *(pa.array(values) for values in block.T)]
                writer.write_table(pa.table(arrays, schema=schema), row_group_size=len(block) or 1)


def _check_pieces(matrix: Values | LargeMatrix, out: Path) -> None:
    """Raises BadInput `too_large` for more columns, or groups of rows, than a file can have."""
    features, samples = matrix.shape
    pieces = samples * -(-features * samples // GROUP_CELLS)
    if samples > MAX_COLUMNS or pieces > MAX_PIECES:
        raise BadInput(
            "too_large",
            f"the matrix has {features:,} x {samples:,} values: a file would have {samples:,} "
            f"columns and {pieces:,} entries in its index, expected at most {MAX_COLUMNS:,} and "
            f"{MAX_PIECES:,}",
            file=str(out),
            hint="export it as h5ad, which keeps it compact",
        )


def _write_samples(content: DatasetContent, out: Path) -> None:
    frame = plain(content.samples)
    frame = pl.DataFrame(dict(zip(column_names(frame.columns), frame.get_columns(), strict=True)))
    table = frame.to_arrow().replace_schema_metadata(_metadata(content, {}))
    with replacing(out) as (part,):
        pq.write_table(table, part, compression="zstd")


def _metadata(content: DatasetContent, columns: dict[str, str]) -> dict[str, str]:
    dataset = {
        "atlas": content.atlas,
        "dataset_id": content.dataset_id,
        "metadata": content.metadata,
        "curated": content.curated,
    }
    return {
        "polly.dataset": json_text(dataset),
        "polly.samples": json_text(content.samples.to_dicts()),
        "polly.features": json_text(content.features.to_dicts()),
        "polly.columns": json_text(columns),
    }
