"""Folders as people have them: what belongs together, and nothing that stops the others."""

from __future__ import annotations

import gzip
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl

from polly_assets.ingest.formats.base import ParsedDataset, Source
from polly_assets.ingest.reading import datasets
from polly_assets.ingest.validate import FileFinding, validate
from polly_assets.publish.content import DatasetContent
from polly_assets.publish.exports.csv import CsvExport
from polly_assets.publish.exports.parquet import ParquetExport

MATRIX = "gene,S1,S2\nTP53,1,2\nMYC,3,4\n"


def found(folder: Path) -> dict[str, list[FileFinding]]:
    """Findings by file."""
    result: dict[str, list[FileFinding]] = {}
    for finding in validate([folder], workers=2):
        result.setdefault(finding.file, []).append(finding)
    return result


def codes(findings: list[FileFinding]) -> list[str]:
    return [finding.code for finding in findings]


def test_a_folder_of_everything(tmp_path: Path) -> None:
    frame = pd.DataFrame({"S1": [1.5, 2], "S2": [3, 4]}, index=["TP53", "MYC"])
    frame.to_parquet(tmp_path / "p.parquet")
    for name, data in {
        "a.csv": MATRIX,
        "a.samples.csv": "sample,t\ns1,x\ns2,y\n",
        "a_features.csv": "id,name\nTP53,p53\nMYC,c-Myc\n",
        "b.tsv.gz": gzip.compress(MATRIX.replace(",", "\t").encode()),
        "b.json": '{"title": "B"}',
        "c.csv": "<!DOCTYPE html><html>not found</html>",
        "d.rds": b"X\n\0\0\0\3",
        "e.xlsx": b"PK\3\4...",
        "f.csv": "gene,S1\nTP53,high\nMYC,low\n",
        "g.csv.bz2": b"BZh9...",
        "h.txt": "Dear all,\nhere are the data.\n",
        "i.csv": "",
        "k.bin": bytes(range(200, 256)),
        "p_metadata.tsv": "sample\tt\nS1\tx\nS2\ty\n",
        "z.zarr/X/0.0": b"\1\2\3",
        "z.zarr/obs/0": b"\1\2\3",
        "study/counts.csv": MATRIX,
        "study/metadata.csv": "sample,t\nS1,x\nS2,y\n",
        "lone/metadata.csv": "sample,t\nS1,x\nS2,y\n",
        "README.md": "read me",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
    assert {name: codes(findings) for name, findings in found(tmp_path).items()} == {
        "a.csv": ["readable", "ids_respelled"],
        "b.tsv.gz": ["readable"],
        "c.csv": ["unsupported_format"],
        "d.rds": ["unsupported_format"],
        "e.xlsx": ["unsupported_format"],
        "f.csv": ["no_numeric_columns"],
        "g.csv.bz2": ["unsupported_format"],
        "h.txt": ["unknown_format"],
        "i.csv": ["empty_file"],
        "k.bin": ["unknown_format"],
        "p.parquet": ["readable"],
        "z.zarr/X/0.0": ["unsupported_format"],
        "study/counts.csv": ["readable"],
        "lone/metadata.csv": ["sidecar_without_data"],
        "README.md": ["not_data"],
        "z.zarr/obs/0": ["not_data"],
    }


CONTENT = DatasetContent(
    atlas="geo",
    dataset_id="GSE1",
    metadata={"title": "A study", "n": 3},
    curated={"version": 2, "ingested_at": datetime(2026, 1, 2, tzinfo=UTC)},
    samples=pl.DataFrame({"sample_id": ["s1", "feature_id"], "age": [61, None]}),
    features=pl.DataFrame({"feature_id": ["g1", "g2"], "symbol": ["TP53", None]}),
    matrices={"X": np.array([[1.5, np.nan], [0.1, -2]])},
)


def test_downloads_come_in_again(tmp_path: Path) -> None:
    ParquetExport().write(CONTENT, tmp_path / "GSE1.parquet")
    source = Source(tmp_path / "GSE1.parquet", "GSE1.parquet")
    (parquet,) = datasets(source)
    assert isinstance(parquet, ParsedDataset)
    assert parquet.metadata == {"title": "A study", "n": 3}
    assert parquet.samples.equals(CONTENT.samples)
    assert parquet.features.equals(CONTENT.features)
    np.testing.assert_array_equal(next(iter(parquet.matrices[0].blocks())), CONTENT.matrices["X"])


def test_a_download_as_csv_is_one_dataset(tmp_path: Path) -> None:
    samples = pl.DataFrame({"sample_id": ["s1", "s2"], "age": [61, None]})
    CsvExport().write(replace(CONTENT, samples=samples), tmp_path / "GSE1.csv")
    (name, findings), *others = found(tmp_path).items()
    assert (name, codes(findings), others) == ("GSE1.csv", ["readable"], [])
