"""Which files make a triple, what describes it, and which dataset its names stand for."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from polly_assets.ingest.formats.grouping import beginnings_of, group_sources
from polly_assets.ingest.formats.streams.text import dataset_id_from_name
from polly_assets.ingest.given import collect


def groups(*names: str) -> list[tuple[str, dict[str, str]]]:
    return [(group.main, dict(group.sidecars)) for group in group_sources(names)]


@pytest.mark.parametrize(
    ("matrix", "cells", "genes"),
    [
        ("a/matrix.mtx.gz", "a/barcodes.tsv.gz", "a/features.tsv.gz"),
        ("a/matrix.mtx", "a/barcodes.tsv", "a/genes.tsv"),
        ("GSM1_s_matrix.mtx.gz", "GSM1_s_barcodes.tsv.gz", "GSM1_s_genes.tsv.gz"),
        ("GSM1.matrix.mtx", "GSM1.barcodes.tsv", "GSM1.features.tsv"),
        ("p-matrix.mtx", "p-barcodes.tsv", "p-features.tsv.gz"),
        ("P_Matrix.MTX", "p_barcodes.tsv", "p_Features.TSV"),
        ("x.mtx", "x_barcodes.tsv", "x_genes.tsv"),
        ("cells_x_genes.mtx", "cells_x_genes.barcodes.txt", "cells_x_genes.genes.txt"),
        ("GSE1_s1_matrix.mtx", "GSE1_s1_barcodes.tsv", "GSE1_features.tsv"),
        ("a/counts.mtx", "a/barcodes.tsv", "a/genes.tsv"),
        ("GSE1_counts.mtx", "GSE1_barcodes.tsv", "genes.tsv"),
    ],
)
def test_a_triple(matrix: str, cells: str, genes: str) -> None:
    for order in itertools.permutations((matrix, cells, genes)):
        assert groups(*order) == [(matrix, {"barcodes": cells, "features": genes})]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (
            ["a_matrix.mtx", "b_matrix.mtx", "a_barcodes.tsv", "b_barcodes.tsv", "genes.tsv"],
            [
                ("a_matrix.mtx", {"barcodes": "a_barcodes.tsv", "features": "genes.tsv"}),
                ("b_matrix.mtx", {"barcodes": "b_barcodes.tsv", "features": "genes.tsv"}),
            ],
        ),
        (
            ["spliced.mtx", "unspliced.mtx", "barcodes.tsv", "genes.tsv"],
            [
                ("spliced.mtx", {"barcodes": "barcodes.tsv", "features": "genes.tsv"}),
                ("unspliced.mtx", {"barcodes": "barcodes.tsv", "features": "genes.tsv"}),
            ],
        ),
        (
            ["matrix.mtx", "barcodes.tsv", "genes.tsv", "a_matrix.mtx"],
            [
                ("a_matrix.mtx", {}),
                ("matrix.mtx", {"barcodes": "barcodes.tsv", "features": "genes.tsv"}),
            ],
        ),
        (["a/matrix.mtx", "barcodes.tsv"], [("a/matrix.mtx", {}), ("barcodes.tsv", {})]),
        (["barcodes.tsv", "genes.tsv"], [("barcodes.tsv", {"features": "genes.tsv"})]),
        (["genes.tsv"], [("genes.tsv", {})]),
        (
            ["x_genes.tsv", "x_genes_metadata.csv"],
            [("x_genes.tsv", {"csv": "x_genes_metadata.csv"})],
        ),
        (
            ["matrix.mtx", "features.tsv", "genes.tsv"],
            [("matrix.mtx", {"features": "features.tsv", "features_2": "genes.tsv"})],
        ),
        (
            ["r/matrix.mtx", "r/metadata.csv", "r/metadata.json"],
            [("r/matrix.mtx", {"csv": "r/metadata.csv", "json": "r/metadata.json"})],
        ),
        (
            ["r/matrix.mtx", "r/samples.tsv", "r/matrix.json", "metadata.csv"],
            [
                ("metadata.csv", {}),
                ("r/matrix.mtx", {"tsv": "r/samples.tsv", "json": "r/matrix.json"}),
            ],
        ),
        (
            ["G_matrix.mtx", "G.json", "g_metadata.csv", "G.cls"],
            [("G_matrix.mtx", {"json": "G.json", "csv": "g_metadata.csv", "cls": "G.cls"})],
        ),
        (
            ["G_matrix.mtx", "G_matrix.json", "G_matrix_samples.tsv"],
            [("G_matrix.mtx", {"json": "G_matrix.json", "tsv": "G_matrix_samples.tsv"})],
        ),
        (
            ["G_matrix.mtx", "G.gct", "G.json"],
            [("G.gct", {"json": "G.json"}), ("G_matrix.mtx", {"json": "G.json"})],
        ),
        (["x.h5", "x.json", "x.csv"], [("x.h5", {"json": "x.json", "csv": "x.csv"})]),
    ],
)
def test_group_sources(names: list[str], expected: list[tuple[str, dict[str, str]]]) -> None:
    for order in itertools.islice(itertools.permutations(names), 24):
        assert groups(*order) == expected


def test_no_file_is_lost_or_both_read_and_used() -> None:
    names = ["matrix.mtx", "a_matrix.mtx", "barcodes.tsv", "a_barcodes.tsv", "genes.tsv"]
    names += ["a_features.tsv", "metadata.csv", "a.json", "matrix.json"]
    for size in range(1, len(names) + 1):
        for some in itertools.combinations(names, size):
            found = group_sources(some)
            used = {name for g in found for name in (g.main, *g.sidecars.values())}
            assert used == set(some)
            assert not {g.main for g in found} & {n for g in found for n in g.sidecars.values()}


def test_what_is_found_from_one_file_is_enough_to_find_the_group() -> None:
    """As events do: from one name to the names that begin alike, and once more."""
    files = ["GSE1_s1_matrix.mtx", "GSE1_s1_barcodes.tsv", "GSE1_features.tsv", "GSE1_s1.json"]
    files += ["counts.mtx", "barcodes.tsv", "genes.tsv", "metadata.csv"]
    for group in group_sources(files):
        members = {group.main, *group.sidecars.values()}
        for name in members:
            found = {name}
            for _ in range(2):
                starts = tuple(start for each in found for start in beginnings_of(each))
                found |= {each for each in files if each.startswith(starts)}
            assert members <= found, name


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("GSM1_s_matrix.mtx.gz", "GSM1_s"),
        ("a/GSM1.matrix.mtx", "GSM1"),
        ("a/p-matrix.mtx", "p"),
        ("a/counts.mtx", "counts"),
        ("matrix.mtx", "matrix"),
        ("run1/matrix.mtx", "run1"),
        ("x/run 1/barcodes.tsv.gz", "run_1"),
        ("run1/outs/filtered_feature_bc_matrix/matrix.mtx.gz", "run1"),
        ("run1/outs/raw_feature_bc_matrix/matrix.mtx.gz", "run1_raw"),
        ("p/outs/per_sample_outs/s1/count/sample_filtered_feature_bc_matrix/matrix.mtx.gz", "s1"),
        ("run1/filtered_gene_bc_matrices/hg19/matrix.mtx", "run1_hg19"),
        ("run1/raw_gene_bc_matrices/GRCh38_and_mm10/matrix.mtx", "run1_raw_GRCh38_and_mm10"),
        ("run1/filtered_gene_bc_matrices_mex/GRCh38-2020-A/matrix.mtx", "run1_GRCh38-2020-A"),
        ("filtered_feature_bc_matrix/matrix.mtx", "filtered_feature_bc_matrix"),
        ("filtered_gene_bc_matrices/hg19/matrix.mtx", "filtered_gene_bc_matrices_hg19"),
        ("s1/Solo.out/Gene/filtered/matrix.mtx", "s1"),
        ("run1\\outs\\filtered_feature_bc_matrix\\matrix.mtx", "run1"),
        ("run1/outs/filtered_feature_bc_matrix.h5", "run1"),
        ("run1/outs/raw_feature_bc_matrix.h5", "run1_raw"),
        ("run1/filtered_gene_bc_matrices_h5.h5", "run1"),
        ("filtered_feature_bc_matrix.h5", "filtered_feature_bc_matrix"),
        ("GSM1_filtered_feature_bc_matrix.h5", "GSM1_filtered_feature_bc_matrix"),
        ("run1/genes.tsv", "genes"),
        ("run1/x_features.tsv", "x_features"),
    ],
)
def test_dataset_ids(name: str, expected: str) -> None:
    assert dataset_id_from_name(name) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("run1/outs/filtered_feature_bc_matrix", "run1/outs/filtered_feature_bc_matrix"),
        ("run1/outs", "run1/outs/filtered_feature_bc_matrix"),
        ("run1", "run1/outs/filtered_feature_bc_matrix"),
        (".", "run1/outs/filtered_feature_bc_matrix"),
        ("run1/outs/filtered_feature_bc_matrix/*", "run1/outs/filtered_feature_bc_matrix"),
    ],
)
def test_files_of_a_run_land_under_its_name(tmp_path: Path, given: str, expected: str) -> None:
    folder = tmp_path / "run1/outs/filtered_feature_bc_matrix"
    folder.mkdir(parents=True)
    names = ["matrix.mtx.gz", "barcodes.tsv.gz", "features.tsv.gz", "metadata.csv"]
    for name in names:
        (folder / name).touch()
    paths = sorted(tmp_path.glob(given)) if "*" in given else [tmp_path / given]
    assert set(collect(paths)) == {f"{expected}/{name}" for name in names}


def test_other_files_land_as_they_are_called(tmp_path: Path) -> None:
    names = ["matrix.mtx", "x.csv", "x_matrix.mtx", "count", "filtered_feature_bc_matrix.h5"]
    names += ["filtered_feature_bc_matrix.json", "GSM1_raw_feature_bc_matrix.h5"]
    alone = ["genes.tsv", "metadata.csv"]
    for folder, files in (("a", names), ("b", alone)):
        (tmp_path / folder).mkdir()
        for name in files:
            (tmp_path / folder / name).touch()
    assert set(collect([tmp_path / "a"])) == {
        "a/filtered_feature_bc_matrix.h5",
        "a/filtered_feature_bc_matrix.json",
        "a/matrix.mtx",
        "GSM1_raw_feature_bc_matrix.h5",
        "count",
        "x.csv",
        "x_matrix.mtx",
    }
    assert set(collect([tmp_path / "b"])) == set(alone)
