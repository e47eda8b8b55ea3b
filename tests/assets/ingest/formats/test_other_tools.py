"""Matrices of single cells as other tools than Cell Ranger name their files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from polly_assets.ingest.formats.base import ParsedDataset, Source
from polly_assets.ingest.formats.grouping import group_sources
from polly_assets.ingest.formats.tenx.mtx import MtxReader
from polly_assets.ingest.formats.tenx.names import dataset_name, within_run
from polly_resources.errors import BadInput

MTX = b"%%MatrixMarket matrix coordinate integer general\n3 2 2\n1 1 5\n3 2 7\n"
CELLS_AS_ROWS = b"%%MatrixMarket matrix coordinate integer general\n2 3 2\n1 1 5\n2 3 7\n"
CELLS, GENES = b"AAAC\nGGGT\n", b"ENSG01\nENSG02\nENSG03\n"
R_CELLS = b'"","x"\n"1","AAAC"\n"2","GGGT"\n'
R_GENES = b'"","x"\n"1","ENSG01"\n"2","ENSG02"\n"3","ENSG03"\n'
PARSE_CELLS = b"bc_wells,sample,tscp_count\nAAAC,s1,5\nGGGT,s2,7\n"
PARSE_GENES = b"gene_id,gene_name,genome\nENSG01,TP53,hg38\nENSG02,MYC,hg38\nENSG03,,hg38\n"

TOOLS: Mapping[str, Mapping[str, bytes]] = {
    "alevin": {
        "quants_mat.mtx": CELLS_AS_ROWS,
        "quants_mat_rows.txt": CELLS,
        "quants_mat_cols.txt": GENES,
    },
    "kallisto": {
        "cells_x_genes.mtx": CELLS_AS_ROWS,
        "cells_x_genes.barcodes.txt": CELLS,
        "cells_x_genes.genes.txt": GENES,
        "cells_x_genes.genes.names.txt": b"TP53\nMYC\nACTB\n",
    },
    "parse 1": {"DGE.mtx": CELLS_AS_ROWS, "cell_metadata.csv": PARSE_CELLS,
                "all_genes.csv": PARSE_GENES},
    "parse 2": {"count_matrix.mtx": CELLS_AS_ROWS, "cell_metadata.csv": PARSE_CELLS,
                "all_genes.csv": PARSE_GENES},
    "scripts": {"matrix.mtx": MTX, "barcodes.csv": CELLS, "genes.csv": GENES},
    "prefixed scripts": {"a.mtx": MTX, "a_barcodes.csv": CELLS, "a_genes.csv": GENES},
    "r": {"counts.mtx": MTX, "barcodes.csv": R_CELLS, "genes.csv": R_GENES},
    "words": {"matrix.mtx": MTX, "cells.tsv": CELLS, "gene.tsv": GENES},
    "other words": {"counts.mtx": MTX, "cell_ids.txt": CELLS, "gene_names.csv": GENES},
    "prefixed words": {"a.mtx": MTX, "a_barcode.tsv": CELLS, "a.rownames.txt": GENES},
    "series": {
        "GSM1_a_matrix.mtx": MTX,
        "GSM1_a_barcodes.tsv": CELLS,
        "GSE9_features.tsv": GENES,
    },
}  # fmt: skip


def read(folder: Path, files: Mapping[str, bytes]) -> ParsedDataset:
    for name, data in files.items():
        (folder / name).write_bytes(data)
    (group,) = group_sources(sorted(files))
    sidecars = {key: folder / name for key, name in group.sidecars.items()}
    (dataset,) = MtxReader().read(Source(folder / group.main, group.main, sidecars))
    assert isinstance(dataset, ParsedDataset)
    return dataset


@pytest.mark.parametrize("tool", TOOLS)
def test_the_lists_of_a_tool(tmp_path: Path, tool: str) -> None:
    dataset = read(tmp_path, TOOLS[tool])

    assert dataset.samples["sample_id"].to_list() == ["AAAC", "GGGT"]
    assert dataset.features["feature_id"].to_list() == ["ENSG01", "ENSG02", "ENSG03"]
    assert dataset.matrices[0].shape == (3, 2)


def test_parse_describes_cells_and_genes(tmp_path: Path) -> None:
    dataset = read(tmp_path, TOOLS["parse 1"])

    assert dataset.samples["sample"].to_list() == ["s1", "s2"]
    assert dataset.features["gene_name"].to_list() == ["TP53", "MYC", None]


def test_kallisto_names_genes_apart(tmp_path: Path) -> None:
    files = dict(TOOLS["kallisto"])
    assert read(tmp_path, files).features["name"].to_list() == ["TP53", "MYC", "ACTB"]

    with pytest.raises(BadInput) as found:
        read(tmp_path, files | {"cells_x_genes.genes.names.txt": b"TP53\n"})
    assert found.value.code == "shape_mismatch"
    assert "cells_x_genes.genes.names.txt has 1 name," in found.value.message


def test_matrices_of_one_run_share_lists() -> None:
    lists = ("cells_x_genes.barcodes.txt", "cells_x_genes.genes.txt")
    names = "cells_x_genes.genes.names.txt"
    matrices = ["cells_x_genes.mature.mtx", "cells_x_genes.nascent.mtx"]
    groups = group_sources([*matrices, *lists, names])
    assert [group.main for group in groups] == matrices
    assert all(set(group.sidecars.values()) == {*lists, names} for group in groups)
    matrices = ["UniqueAndMult-EM.mtx", "matrix.mtx"]
    groups = group_sources([*matrices, "barcodes.tsv", "features.tsv"])
    assert [group.main for group in groups] == matrices
    assert all({*group.sidecars} == {"barcodes", "features"} for group in groups)


def test_names_with_commas_stay_whole(tmp_path: Path) -> None:
    files = {"matrix.mtx": MTX, "barcodes.tsv": CELLS, "features.tsv": b"a, b\nc, d\ne, f\n"}
    assert read(tmp_path, files).features["feature_id"].to_list() == ["a, b", "c, d", "e, f"]


def test_peaks_are_called_by_their_place(tmp_path: Path) -> None:
    peaks = b"chr1\t10\t20\nchr1\t30\t40\nchrX\t5\t9\n"
    dataset = read(tmp_path, {"matrix.mtx": MTX, "barcodes.tsv": CELLS, "peaks.bed": peaks})

    assert dataset.features["feature_id"].to_list() == ["chr1:10-20", "chr1:30-40", "chrX:5-9"]
    assert dataset.features.columns[1:] == ["chromosome", "start", "end"]


def test_own_lists_come_before_those_of_other_tools() -> None:
    names = ["x.mtx", "x_barcodes.tsv", "x_genes.tsv", "x_genes.csv"]
    (group,) = group_sources(names)
    assert group.sidecars == {
        "barcodes": "x_barcodes.tsv",
        "features": "x_genes.tsv",
        "features.csv": "x_genes.csv",
    }


def test_usual_names_come_before_other_words() -> None:
    names = ["x.mtx", "x_barcodes.tsv", "x_genes.tsv", "cells.tsv", "x_gene_ids.txt"]
    found = {group.main: set(group.sidecars.values()) for group in group_sources(names)}
    assert found == {"x.mtx": {*names[1:3]}, "cells.tsv": set(), "x_gene_ids.txt": set()}


def test_a_list_without_a_matrix_is_a_table() -> None:
    assert [group.main for group in group_sources(["cells.tsv", "x.csv"])] == ["cells.tsv", "x.csv"]


def test_features_of_two_series_are_nobodys() -> None:
    names = ["GSM1_matrix.mtx", "GSM1_barcodes.tsv", "GSE1_genes.tsv", "GSE2_genes.tsv"]
    found = {group.main: set(group.sidecars) for group in group_sources(names)}
    assert found["GSM1_matrix.mtx"] == {"barcodes"}


def test_metadata_describes_the_one_matrix_called_counts() -> None:
    names = ["counts.mtx", "barcodes.csv", "genes.csv", "metadata.csv"]
    (group,) = group_sources(names)
    assert group.sidecars["csv"] == "metadata.csv"


def test_matrices_that_are_called_alike_are_named_by_their_run(tmp_path: Path) -> None:
    folder = tmp_path / "run1" / "alevin"
    folder.mkdir(parents=True)
    for name in TOOLS["alevin"]:
        (folder / name).touch()

    names = {within_run(f"alevin/{name}", folder / name) for name in TOOLS["alevin"]}
    assert names == {f"run1/alevin/{name}" for name in TOOLS["alevin"]}
    assert dataset_name("run1/alevin/quants_mat.mtx") == "run1"
    assert dataset_name("lung/all-sample/DGE_filtered/DGE.mtx") == "lung"
