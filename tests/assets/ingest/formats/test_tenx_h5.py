"""TenxH5Reader: Cell Ranger's HDF5 of every version, and the faults of each part."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from polly_assets.ingest.formats.base import FailedDataset, ParsedDataset, Source
from polly_assets.ingest.formats.hdf5 import sparse as h5_sparse
from polly_assets.ingest.formats.registry import reader_for
from polly_assets.ingest.formats.streams import spool_sparse
from polly_assets.ingest.formats.streams.text import head
from polly_assets.ingest.formats.tenx.h5 import TenxH5Reader
from polly_assets.ingest.formats.tenx.mtx import MtxReader
from polly_resources.errors import BadInput
from tests.assets.ingest.formats.tenx import (
    barcodes,
    counts,
    features,
    version_2,
    version_3,
    whole,
)


def read_all(path: Path, name: str = "", **sidecars: Path) -> list[ParsedDataset | FailedDataset]:
    name = name or path.name
    assert reader_for(name, head(path)).name == "tenx_h5"
    return list(TenxH5Reader().read(Source(path, name, sidecars)))


def read(path: Path, name: str = "", **sidecars: Path) -> ParsedDataset:
    (dataset,) = read_all(path, name, **sidecars)
    assert isinstance(dataset, ParsedDataset)
    return dataset


def codes(dataset: ParsedDataset) -> list[str]:
    return [notice.code for notice in dataset.notices]


def fails(path: Path) -> BadInput:
    with pytest.raises(BadInput) as caught:
        read(path)
    error = caught.value
    assert error.file == path.name and error.place and error.hint
    return error


class TestVersion3:
    @pytest.mark.parametrize("packed", [False, True])
    def test_everything_is_kept(self, tmp_path, packed):
        x = counts((4, 6))
        kinds = ["Gene Expression", "Gene Expression", "Antibody Capture", "CRISPR Guide Capture"]
        genomes = ["GRCh38", "mm10", "", ""]
        path = version_3(
            tmp_path / "run1.h5", x, feature_type=kinds, genome=genomes, pattern=["p"] * 4
        )
        if packed:
            path = path.with_name("run1.h5.gz")
            path.write_bytes(gzip.compress((tmp_path / "run1.h5").read_bytes()))
        dataset = read(path)
        assert (dataset.dataset_id, dataset.format) == ("run1", "tenx_h5")
        assert dataset.data_type == "Single cell"
        assert dataset.metadata == {
            "chemistry_description": "Single Cell 3' v3",
            "library_ids": ["lib1", "lib2"],
        }
        assert dataset.samples["sample_id"].to_list() == barcodes(6)
        assert dataset.features["feature_id"].to_list() == [row[0] for row in features(4)]
        assert dataset.features["name"].to_list() == [row[1] for row in features(4)]
        assert dataset.features["feature_type"].to_list() == kinds
        assert dataset.features["genome"].to_list() == genomes
        assert "pattern" in dataset.features.columns
        (matrix,) = dataset.matrices
        assert (matrix.dtype, matrix.shape, matrix.sparse) == ("int32", (4, 6), True)
        assert (whole(matrix) != x).nnz == 0
        assert dataset.notices == ()

    @pytest.mark.parametrize(
        ("found", "stored"),
        [
            ("int32", "int32"),
            ("int64", "int64"),
            ("float32", "float32"),
            ("float64", "float64"),
            ("uint8", "int32"),
            ("uint16", "int32"),
            ("uint32", "int64"),
            ("uint64", "int64"),
            ("float16", "float32"),
            (">i4", "int32"),
        ],
    )
    def test_types(self, tmp_path, found, stored):
        x = counts((5, 4))
        dataset = read(version_3(tmp_path / "a.h5", x, found))
        assert dataset.matrices[0].dtype == stored
        assert (whole(dataset.matrices[0]) != x).nnz == 0
        assert codes(dataset) == (
            [] if np.dtype(found).newbyteorder("=") == stored else ["type_widened"]
        )

    @pytest.mark.parametrize("kept", [0, 1 << 30])
    def test_portions(self, tmp_path, monkeypatch, kept):
        monkeypatch.setattr(h5_sparse, "WHOLE_BYTES", 0)
        monkeypatch.setattr(spool_sparse, "PORTION", 7)
        monkeypatch.setattr(spool_sparse, "_PER_FEATURE", 0)
        monkeypatch.setattr(spool_sparse, "KEPT_BYTES", kept)
        x = counts((130, 12))
        dataset = read(version_3(tmp_path / "a.h5", x))
        for step in (1, 64, 1000):
            assert (whole(dataset.matrices[0], step) != x).nnz == 0
        assert dataset.notices == ()

    def test_repeated_entries_are_summed(self, tmp_path, monkeypatch):
        monkeypatch.setattr(h5_sparse, "WHOLE_BYTES", 0)
        monkeypatch.setattr(spool_sparse, "PORTION", 3)
        monkeypatch.setattr(spool_sparse, "_PER_FEATURE", 0)
        path = version_3(tmp_path / "a.h5", sp.csc_matrix(np.ones((5, 3), int)))
        with h5py.File(path, "a") as file:
            file["matrix/indices"][:5] = [4, 1, 1, 0, 4]
            file["matrix/data"][:5] = [1, 2, 3, 4, 5]
        dataset = read(path)
        assert whole(dataset.matrices[0]).toarray()[:, 0].tolist() == [4, 5, 0, 0, 6]
        assert codes(dataset) == ["duplicate_entries"]
        assert dataset.notices[0].message.startswith("2 entries")

    @pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0)])
    def test_nothing_in_it(self, tmp_path, shape):
        dataset = read(version_3(tmp_path / "a.h5", sp.csc_matrix(shape, dtype=int)))
        assert dataset.matrices[0].shape == shape
        assert whole(dataset.matrices[0]).nnz == 0

    def test_what_else_is_there_is_named(self, tmp_path):
        path = version_3(tmp_path / "a.h5", counts((3, 3)))
        with h5py.File(path, "a") as file:
            file["droplet_latents/gamma"] = np.zeros(4)
            file["matrix/features/target_sets/panel"] = np.zeros(2)
        dataset = read(path)
        assert codes(dataset) == ["not_loaded"]
        assert "droplet_latents, matrix/features/target_sets" in dataset.notices[0].message

    def test_sidecars_describe_it(self, tmp_path):
        table, words = tmp_path / "m.csv", tmp_path / "a.json"
        table.write_text(f"sample_id,tissue\n{barcodes(3)[2]},liver\n")
        words.write_text('{"dataset_id": "GSE1", "chemistry_description": "mine"}')
        dataset = read(version_3(tmp_path / "a.h5", counts((3, 3))), csv=table, json=words)
        assert dataset.dataset_id == "GSE1"
        assert dataset.metadata["chemistry_description"] == "mine"
        assert dataset.samples["tissue"].to_list() == [None, None, "liver"]

    def test_the_folder_of_the_run_names_it(self, tmp_path):
        path = version_3(tmp_path / "filtered_feature_bc_matrix.h5", counts((3, 3)))
        assert read(path, f"run7/outs/{path.name}").dataset_id == "run7"
        assert read(path).dataset_id == "filtered_feature_bc_matrix"

    @settings(
        max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(st.integers(1, 80), st.integers(1, 9), st.integers(1, 40), st.integers(0, 99))
    def test_any_matrix(self, tmp_path, rows, columns, portion, seed):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(spool_sparse, "PORTION", portion)
            patch.setattr(spool_sparse, "_PER_FEATURE", 0)
            x = counts((rows, columns), seed)
            dataset = read(version_3(tmp_path / "a.h5", x))
            assert (whole(dataset.matrices[0], 64) != x).nnz == 0

    def test_real_file(self, real_data):
        """Equal to the triple of the same run (and, seen by hand, to scanpy.read_10x_h5)."""
        folder = real_data / "formats/tenx"
        dataset = read(folder / "v3_filtered_feature_bc_matrix.h5")
        paths = {p.name.split(".")[0]: p for p in (folder / "v3_mtx").iterdir()}
        (other,) = MtxReader().read(Source(paths["matrix"], "v3_mtx/matrix.mtx.gz", paths))
        assert isinstance(other, ParsedDataset)
        assert (whole(dataset.matrices[0], 64) != whole(other.matrices[0], 64)).nnz == 0
        assert dataset.samples.equals(other.samples)
        assert dataset.features.select(other.features.columns).equals(other.features)
        assert set(dataset.features["genome"]) == {"GRCh38_chr21"}
        assert dataset.metadata["chemistry_description"] == "Single Cell 3' v3"
        assert dataset.metadata["library_ids"] == ["test2"]


class TestVersions1And2:
    def test_one_genome_is_the_dataset(self, tmp_path):
        x = counts((5, 4))
        dataset = read(version_2(tmp_path / "pbmc.h5", hg19=x))
        assert (dataset.dataset_id, dataset.metadata) == ("pbmc", {"genome": "hg19"})
        assert dataset.features.columns == ["feature_id", "gene_names"]
        assert dataset.features.rows() == features(5)
        assert (whole(dataset.matrices[0]) != x).nnz == 0

    def test_each_of_several_genomes_is_a_dataset(self, tmp_path):
        genomes = {"hg19": counts((5, 4)), "mm10": counts((3, 4), 1)}
        found = read_all(version_2(tmp_path / "mix.h5", **genomes))
        assert [d.dataset_id for d in found] == ["mix_hg19", "mix_mm10"]
        for dataset, (genome, x) in zip(found, genomes.items(), strict=True):
            assert isinstance(dataset, ParsedDataset)
            assert dataset.metadata == {"genome": genome}
            assert (whole(dataset.matrices[0]) != x).nnz == 0

    def test_a_fault_in_one_genome_fails_it_alone(self, tmp_path):
        path = version_2(tmp_path / "mix.h5", hg19=counts((5, 4)), mm10=counts((3, 4)))
        with h5py.File(path, "a") as file:
            del file["mm10/indptr"]
        good, bad = read_all(path)
        assert isinstance(good, ParsedDataset) and isinstance(bad, FailedDataset)
        assert (bad.dataset_id, bad.error.code) == ("mix_mm10", "missing_element")
        assert (bad.error.file, bad.error.place) == ("mix.h5", "/mm10/indptr")

    def test_a_given_id_is_that_of_the_file(self, tmp_path):
        path = version_2(tmp_path / "mix.h5", hg19=counts((5, 4)), mm10=counts((3, 4)))
        words = tmp_path / "mix.json"
        words.write_text('{"dataset_id": "GSE1"}')
        found = [d.dataset_id for d in read_all(path, json=words)]
        assert found == ["GSE1_hg19", "GSE1_mm10"]


def replaced(name: str, values: object) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        del file[name]
        if values is not None:
            file[name] = values

    return change


def element(name: str, at: int, value: object) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        file[name][at] = value

    return change


class TestFaults:
    @pytest.mark.parametrize(
        ("change", "code", "place"),
        [
            *(
                (replaced(f"matrix/{part}", None), "missing_element", f"/matrix/{part}")
                for part in ("barcodes", "data", "indices", "indptr", "shape", "features/id")
            ),
            (replaced("matrix/features", None), "missing_element", "/matrix/features"),
            (element("matrix/shape", 0, 9), "shape_mismatch", "/matrix/shape"),
            (replaced("matrix/shape", [4, 6, 1]), "shape_mismatch", "/matrix/shape"),
            (replaced("matrix/shape", 4), "bad_sparse", "/matrix/shape"),
            (replaced("matrix/indptr", np.arange(3)), "shape_mismatch", "/matrix/indptr"),
            (element("matrix/indptr", 0, 1), "bad_sparse", "/matrix/indptr"),
            (element("matrix/indptr", 2, 99), "bad_sparse", "/matrix/indptr"),
            (replaced("matrix/data", np.zeros(3, "i4")), "shape_mismatch", "/matrix/data"),
            (replaced("matrix/data", np.zeros(3, "c8")), "shape_mismatch", "/matrix/data"),
            (replaced("matrix/indices", np.zeros(3, "i8")), "shape_mismatch", "/matrix/indices"),
            (element("matrix/indices", 1, 4), "bad_sparse", "/matrix/indices[1]"),
            (element("matrix/indices", 1, -1), "bad_sparse", "/matrix/indices[1]"),
            (element("matrix/barcodes", 1, b""), "missing_sample_id", "/matrix/barcodes[1]"),
            (
                element("matrix/barcodes", 1, barcodes(1)[0].encode()),
                "duplicate_sample_ids",
                "/matrix/barcodes[1]",
            ),
            (replaced("matrix/barcodes", np.zeros((6, 2))), "bad_sparse", "/matrix/barcodes"),
        ],
    )
    def test_of_the_parts(self, tmp_path, change, code, place):
        path = version_3(tmp_path / "a.h5", counts((4, 6)))
        with h5py.File(path, "a") as file:
            change(file)
        error = fails(path)
        assert (error.code, error.place) == (code, place)
        assert "expected" in error.message or code in ("missing_sample_id", "duplicate_sample_ids")

    @pytest.mark.parametrize("kind", ["c8", "S3"])
    def test_values_that_are_no_numbers(self, tmp_path, kind):
        path = version_3(tmp_path / "a.h5", counts((4, 6)))
        with h5py.File(path, "a") as file:
            count = len(file["matrix/data"])
            replaced("matrix/data", np.zeros(count, kind))(file)
        assert fails(path).code == "bad_values"

    def test_values_beyond_64_bits(self, tmp_path):
        path = version_3(tmp_path / "a.h5", counts((4, 6)), "uint64")
        with h5py.File(path, "a") as file:
            file["matrix/data"][0] = 2**63
        assert fails(path).code == "bad_values"

    def test_other_hdf5_files(self, tmp_path):
        """An AnnData file under another name says so; one under its own name is not ours."""
        ad.AnnData(np.ones((2, 2), "float32")).write_h5ad(tmp_path / "a.h5")
        error = fails(tmp_path / "a.h5")
        assert (error.code, error.place) == ("not_tenx", "/")
        assert ".h5ad" in error.hint
        with h5py.File(tmp_path / "b.h5", "w") as file:
            file["x"] = 1
        assert fails(tmp_path / "b.h5").code == "not_tenx"
        with h5py.File(tmp_path / "c.h5", "w") as file:
            file["expression/axis0"] = [b"s1"]
        assert "pandas" in fails(tmp_path / "c.h5").hint
        assert reader_for("a.h5ad", head(tmp_path / "a.h5")).name == "h5ad"

    def test_links_out_of_the_file(self, tmp_path):
        path = version_3(tmp_path / "a.h5", counts((4, 6)))
        with h5py.File(path, "a") as file:
            del file["matrix/data"]
            file["matrix/data"] = h5py.ExternalLink("other.h5", "/data")
        assert fails(path).code == "linked_element"

    def test_sizes_that_are_only_declared(self, tmp_path):
        path = version_3(tmp_path / "a.h5", counts((4, 6)))
        with h5py.File(path, "a") as file:
            del file["matrix/barcodes"]
            file.create_dataset("matrix/barcodes", (10**10,), "S18", chunks=(1024,))
        assert fails(path).code == "declared_too_large"

    @pytest.mark.parametrize("share", [0.05, 0.3, 0.6, 0.95])
    def test_a_file_cut_short(self, tmp_path, share):
        path = version_3(tmp_path / "a.h5", counts((60, 50)))
        content = path.read_bytes()
        path.write_bytes(content[: int(share * len(content))])
        assert fails(path).code == "corrupt_hdf5"

    @settings(
        max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(st.data())
    def test_damage_is_an_error_or_a_dataset(self, tmp_path, data):
        path = version_3(tmp_path / "a.h5", counts((6, 4)))
        content = bytearray(path.read_bytes())
        for _ in range(data.draw(st.integers(1, 4))):
            content[data.draw(st.integers(8, len(content) - 1))] = data.draw(st.integers(0, 255))
        path.write_bytes(content)
        try:
            dataset = next(TenxH5Reader().read(Source(path, "a.h5")))
        except BadInput as error:
            assert error.hint
        else:
            whole(dataset.matrices[0])
