"""Files in, every export out: what other libraries read back is what our readers found.

The readers themselves are compared with independent ones in `tests/assets/ingest/formats`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import polars as pl
import pyarrow.parquet as pq
import pytest
import scipy.sparse as sp

from polly_assets.ingest.formats.base import ParsedDataset, Source, SparseBlock
from polly_assets.ingest.formats.grouping import group_sources
from polly_assets.ingest.reading import datasets
from polly_assets.publish import load
from polly_assets.publish.exports import h5ad, parquet, tables
from polly_assets.publish.exports.registry import EXPORTS, export_named
from polly_assets.publish.load import load_dataset
from polly_resources.errors import NotFound
from tests.assets.instance import Instance
from tests.assets.publish.test_exports import parse_gct

FILES = (
    *("gct/mini_gctoo_for_testing.gct", "gct/modzs_n25x50.gctx", "gct/test_v1point2_n5x10.gct"),
    *("geo/GDS507.soft.gz", "geo/GSE13657_family.soft.gz", "geo/GSE2388_family.soft.gz"),
    *("geo/GSE60450_series_matrix.txt", "geo/GSE60450_Lactation-GenewiseCounts.txt.gz"),
    *("h5ad/anndata_v0.5.0.h5ad", "h5ad/anndata_v0.7.8.h5ad", "h5ad/cellxgene_example_valid.h5ad"),
    *("mutation/tcga_laml.maf.gz", "mutation/vcf43/passed/passed_body_samples.vcf"),
    *("tenx/v3_filtered_feature_bc_matrix.h5", "tenx/v3_mtx"),
)


@pytest.fixture(scope="module")
def instance(real_data: Path, tmp_path_factory) -> Instance:
    """An instance that holds what is in FILES."""
    made = Instance(tmp_path_factory.mktemp("round_trips") / "home")
    jobs = made.ingest(*(real_data / "formats" / name for name in FILES))
    assert not [job.error for job in jobs if job.error]
    return made


@pytest.fixture(scope="module")
def parsed(real_data: Path) -> dict[str, ParsedDataset]:
    """What our readers find in FILES, by dataset."""
    return {one.dataset_id: one for one in _read(real_data / "formats")}


@pytest.fixture(params=[load.HELD_CELLS, 0], ids=["held", "not held"], autouse=True)
def held(request, monkeypatch) -> None:
    """Every dataset twice: as a small one is, and as a large one."""
    monkeypatch.setattr(load, "HELD_CELLS", request.param)
    if not request.param:
        monkeypatch.setattr(tables, "BLOCK_CELLS", 50_000)
        monkeypatch.setattr(parquet, "GROUP_CELLS", 500_000)
        monkeypatch.setattr(h5ad, "TURNED_ENTRIES", 10_000)
        monkeypatch.setattr(h5ad, "RUN_ENTRIES", 1_000)


def _read(folder: Path) -> Iterator[ParsedDataset]:
    given = [folder / name for name in FILES]
    files = [f for each in given for f in (sorted(each.iterdir()) if each.is_dir() else [each])]
    paths = {str(path.relative_to(folder)): path for path in files}
    for group in group_sources(sorted(paths)):
        beside = {key: paths[name] for key, name in group.sidecars.items()}
        for one in datasets(Source(paths[group.main], group.main, beside)):
            assert isinstance(one, ParsedDataset)
            yield one


def values_of(parsed: ParsedDataset, name: str) -> np.ndarray:
    """A matrix as features x samples."""
    (matrix,) = (m for m in parsed.matrices if m.name == name)
    blocks = [
        sp.csr_matrix(
            (b.values, b.indices, b.indptr), (len(b.indptr) - 1, matrix.shape[1])
        ).todense()
        if isinstance(b, SparseBlock)
        else b
        for b in matrix.blocks()
    ]
    return np.asarray(np.concatenate(blocks))


def text(values: pl.Series | pd.Series) -> list[str | None]:
    items = values.to_list()
    return [None if item is None or pd.isna(item) else str(item) for item in items]


def export(instance: Instance, dataset_id: str, name: str, folder: Path) -> Path:
    out = folder / f"{dataset_id}.{name}"
    export_named(name).write(load_dataset(instance.tables, "demo", dataset_id), out)
    return out


def test_every_dataset_is_there(instance, parsed):
    assert instance.ids("datasets") == sorted(parsed)
    assert {one.format for one in parsed.values()} >= {"gct", "gctx", "geo_soft", "h5ad", "maf"}


def test_h5ad_by_anndata(instance, parsed, tmp_path):
    for dataset_id, one in parsed.items():
        data = ad.read_h5ad(export(instance, dataset_id, "h5ad", tmp_path))
        assert data.obs_names.to_list() == one.samples["sample_id"].to_list(), dataset_id
        assert data.var_names.to_list() == one.features["feature_id"].to_list(), dataset_id
        for table, frame in ((data.obs, one.samples), (data.var, one.features)):
            for column in frame.columns[1:]:
                if "/" not in column and frame[column].dtype != pl.List(pl.String):
                    assert text(table[column]) == text(frame[column]), (dataset_id, column)
        for matrix in one.matrices:
            place = matrix.name.removeprefix("layers/")
            found = (
                data.X if place == "X" else data.raw.X if place == "raw/X" else data.layers[place]
            )
            dense = found.toarray() if sp.issparse(found) else found
            assert sp.issparse(found) == matrix.sparse
            assert found.dtype == matrix.dtype
            assert np.array_equal(dense.T, values_of(one, matrix.name), equal_nan=True), dataset_id
        assert "curated_disease" in data.obs and "curie" in data.var
        assert data.uns["provenance"]["dataset_id"] == dataset_id
        assert data.uns["provenance"]["fingerprint"]
        titled = [key for key, value in one.metadata.items() if isinstance(value, str)]
        assert all(data.uns[key] == one.metadata[key] for key in titled if "/" not in key)


@pytest.mark.parametrize("name", sorted(set(EXPORTS) - {"h5ad"}))
def test_tables_by_pandas_and_arrow(instance, parsed, tmp_path, name):
    for dataset_id, one in parsed.items():
        if "X" not in {matrix.name for matrix in one.matrices}:
            _variants(instance, one, name, tmp_path)
            continue
        out = export(instance, dataset_id, name, tmp_path)
        if name == "parquet":
            found = pq.read_table(out).to_pandas().set_index("feature_id")
        elif name == "gct":
            found = parse_gct(out)[0]
        else:
            found = pd.read_csv(out, index_col=0, float_precision="round_trip")
            beside = pd.read_csv(out.with_suffix(".samples.csv"), dtype=str)
            assert len(beside) == len(one.samples) and "curated_disease" in beside
        assert [str(i) for i in found.index] == one.features["feature_id"].to_list(), dataset_id
        assert found.columns.to_list() == one.samples["sample_id"].to_list(), dataset_id
        wanted = values_of(one, "X")
        assert np.array_equal(found.to_numpy(), wanted, equal_nan=True), dataset_id


def _variants(instance: Instance, one: ParsedDataset, name: str, folder: Path) -> None:
    rows = sum(table.num_rows for table in one.variants or ())
    if name == "gct":
        with pytest.raises(NotFound, match="no matrix X"):
            export(instance, one.dataset_id, name, folder)
        return
    out = export(instance, one.dataset_id, name, folder)
    found = pl.read_parquet(out) if name == "parquet" else pl.read_csv(out, infer_schema=False)
    assert found.height == rows > 0
