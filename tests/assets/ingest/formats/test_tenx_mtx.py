"""MtxReader: MatrixMarket triples of every age, against scipy, and the faults of each part."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import scipy.sparse as sp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from polly_assets.genes import GeneIndex
from polly_assets.ingest.formats.base import ParsedDataset, Source
from polly_assets.ingest.formats.registry import reader_for
from polly_assets.ingest.formats.streams import spool_sparse
from polly_assets.ingest.formats.streams.text import head
from polly_assets.ingest.formats.tenx import matrix_market
from polly_assets.ingest.formats.tenx.mtx import MtxReader
from polly_resources.errors import BadInput
from polly_resources.ontologies.packages import PackageOntologies
from tests.assets.ingest.formats.tenx import (
    BANNER,
    GENES,
    barcodes,
    counts,
    features,
    market,
    triple,
    whole,
)

SMALL = BANNER + "3 2 3\n1 1 5\n3 1 2\n2 2 7\n"


def read(paths: dict[str, Path], name: str = "", **sidecars: Path) -> ParsedDataset:
    beside = {role: path for role, path in paths.items() if role != "matrix"}
    path = paths["matrix"]
    name = name or f"{path.parent.name}/{path.name}"
    assert reader_for(name, head(path)).name == "tenx_mtx"
    (dataset,) = MtxReader().read(Source(path, name, beside | sidecars))
    assert isinstance(dataset, ParsedDataset)
    return dataset


def small(tmp_path: Path, matrix: str | bytes = SMALL, **names: str) -> dict[str, Path]:
    return triple(tmp_path / "run1", matrix, barcodes(2), list(GENES), names)


def fails(paths: dict[str, Path]) -> BadInput:
    with pytest.raises(BadInput) as caught:
        read(paths)
    error = caught.value
    assert error.file and error.hint and "expected" in error.message
    return error


def codes(dataset: ParsedDataset) -> list[str]:
    return [notice.code for notice in dataset.notices]


class TestTriples:
    @pytest.mark.parametrize("packed", ["", ".gz"])
    def test_version_3(self, tmp_path, packed):
        kinds = ["Gene Expression", "Antibody Capture", "CRISPR Guide Capture"]
        rows = [(*gene, kind) for gene, kind in zip(GENES, kinds, strict=True)]
        names = {
            role: f"{file}{packed}"
            for role, file in (("matrix", "matrix.mtx"), ("features", "features.tsv"))
        }
        dataset = read(triple(tmp_path / "run1", SMALL, barcodes(2), rows, names))
        assert (dataset.dataset_id, dataset.format) == ("run1", "tenx_mtx")
        assert dataset.data_type == "Single cell"
        assert dataset.samples["sample_id"].to_list() == barcodes(2)
        assert dataset.features.columns == ["feature_id", "name", "feature_type"]
        assert dataset.features.rows() == rows
        (matrix,) = dataset.matrices
        assert (matrix.name, matrix.dtype, matrix.shape, matrix.sparse) == (
            "X",
            "int32",
            (3, 2),
            True,
        )
        assert whole(matrix).toarray().tolist() == [[5, 0], [0, 7], [2, 0]]
        assert dataset.notices == ()

    def test_version_2_has_genes(self, tmp_path):
        dataset = read(small(tmp_path, features="genes.tsv"))
        assert dataset.features.rows() == list(GENES)

    def test_genes_are_annotated(self, tmp_path):
        genes = GeneIndex(PackageOntologies("packages://").terms("HGNC"))
        symbols, curies = genes.annotate(read(small(tmp_path)).features)
        assert symbols == ["TP53", "BRCA1", "BRCA2"]
        assert curies[0] == "HGNC:11998"

    def test_positions_of_multiome(self, tmp_path):
        rows = [(*GENES[0], "Gene Expression", "chr17", "1", "9"), (*GENES[1], "Peaks"), GENES[2]]
        dataset = read(triple(tmp_path / "r", SMALL, barcodes(2), rows))
        assert dataset.features.columns[2:] == ["feature_type", "chromosome", "start", "end"]
        assert dataset.features.row(1) == (*GENES[1], "Peaks", None, None, None)

    def test_further_columns_of_barcodes(self, tmp_path):
        dataset = read(triple(tmp_path / "r", SMALL, "A\tx\nB\ty\n", list(GENES)))
        assert dataset.samples.rows(named=True)[1] == {"sample_id": "B", "column_2": "y"}

    def test_comments_are_metadata(self, tmp_path):
        text = SMALL.replace("\n", '\n%metadata_json: {"software_version": "3.1"}\n% by hand\n', 1)
        assert read(small(tmp_path, text)).metadata == {
            "software_version": "3.1",
            "comments": ["by hand"],
        }

    def test_sidecars_describe_it(self, tmp_path):
        table, words = tmp_path / "metadata.csv", tmp_path / "matrix.json"
        table.write_text(f"barcode,tissue\n{barcodes(2)[1]},liver\n")
        words.write_text('{"title": "t", "dataset_id": "GSE1", "data_type": "Spatial"}')
        dataset = read(small(tmp_path), csv=table, json=words)
        assert (dataset.dataset_id, dataset.data_type) == ("GSE1", "Spatial")
        assert dataset.metadata == {"title": "t"}
        assert dataset.samples["tissue"].to_list() == [None, "liver"]

    def test_cells_x_features_are_recognised(self, tmp_path):
        x = counts((3, 5))
        dataset = read(triple(tmp_path / "r", market(x.T), barcodes(5), features(3)))
        assert (whole(dataset.matrices[0]) != x).nnz == 0
        assert codes(dataset) == ["transposed_x"]

    def test_as_many_cells_as_features_are_features_x_cells(self, tmp_path):
        x = counts((4, 4))
        dataset = read(triple(tmp_path / "r", market(x), barcodes(4), features(4)))
        assert (whole(dataset.matrices[0]) != x).nnz == 0
        assert dataset.notices == ()

    @pytest.mark.parametrize("cells", ['"x"\n"A"\n"B"\n', "barcode\nA\nB\n", "V1\tn\nA\t1\nB\t2\n"])
    def test_a_header_is_recognised(self, tmp_path, cells):
        dataset = read(triple(tmp_path / "r", SMALL, cells, list(GENES)))
        assert dataset.samples["sample_id"].to_list() == ["A", "B"]
        assert codes(dataset) == ["header_in_list"]
        assert dataset.samples.columns[1:] == (["n"] if "\t" in cells else [])

    def test_repeated_features_are_kept(self, tmp_path):
        dataset = read(triple(tmp_path / "r", SMALL, barcodes(2), [GENES[0]] * 3))
        assert codes(dataset) == ["duplicate_feature_ids"]

    @pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0)])
    def test_nothing_in_it(self, tmp_path, shape):
        text = f"{BANNER}{shape[0]} {shape[1]} 0\n"
        dataset = read(triple(tmp_path / "r", text, barcodes(shape[1]), features(shape[0])))
        assert dataset.matrices[0].shape == shape
        assert whole(dataset.matrices[0]).nnz == 0
        assert (dataset.samples.height, dataset.features.height) == shape[::-1]

    def test_empty_droplets_and_unseen_genes_are_kept(self, tmp_path):
        text = BANNER + "1000 100000 1\n999 99999 3\n"
        dataset = read(triple(tmp_path / "r", text, barcodes(100_000), features(1000)))
        assert whole(dataset.matrices[0])[998, 99_998] == 3
        assert dataset.samples.height == 100_000

    def test_real_file(self, real_data):
        """Equal to scipy.io.mmread (and, seen by hand, to scanpy.read_10x_mtx)."""
        folder = real_data / "formats/tenx/v3_mtx"
        paths = {p.name.split(".")[0]: p for p in folder.iterdir()}
        dataset = read(paths)
        found, expected = whole(dataset.matrices[0], 64), scipy.io.mmread(paths["matrix"]).tocsr()
        assert dataset.dataset_id == "v3_mtx"
        assert found.nnz == expected.nnz == 23_866
        assert (found != expected).nnz == 0
        lines = gzip.decompress(paths["barcodes"].read_bytes()).decode().split()
        assert dataset.samples["sample_id"].to_list() == lines
        assert set(dataset.features["feature_type"]) == {"Gene Expression"}
        assert dataset.metadata == {"format_version": 2, "software_version": "4009.30.5"}


class TestMarket:
    @pytest.mark.parametrize(
        ("banner", "body", "expected", "kind"),
        [
            (
                "coordinate real general",
                "2 2 2\n1 1 0.1\n2 1 -1e-300\n",
                [[0.1, 0], [-1e-300, 0]],
                "float64",
            ),
            (
                "coordinate real general",
                "2 2 2\n1 1 nan\n2 1 inf\n",
                [[np.nan, 0], [np.inf, 0]],
                "float64",
            ),
            ("coordinate pattern general", "2 2 2\n1 1\n2 1\n", [[1, 0], [1, 0]], "int32"),
            ("coordinate integer symmetric", "2 2 2\n1 1 3\n2 1 4\n", [[3, 4], [4, 0]], "int32"),
            ("coordinate integer skew-symmetric", "2 2 1\n2 1 4\n", [[0, -4], [4, 0]], "int32"),
            ("coordinate pattern symmetric", "2 2 1\n2 1\n", [[0, 1], [1, 0]], "int32"),
            (
                "coordinate integer general",
                "2 2 1\n2 1 3000000000\n",
                [[0, 0], [3 * 10**9, 0]],
                "int64",
            ),
            ("array integer general", "2 2\n1\n2\n3\n4\n", [[1, 3], [2, 4]], "int32"),
            ("array real general", "2 2\n1\n2.5\n3\n4\n", [[1, 3], [2.5, 4]], "float64"),
            ("array real symmetric", "2 2\n1\n2\n3\n", [[1, 2], [2, 3]], "float64"),
            ("array integer skew-symmetric", "2 2\n5\n", [[0, -5], [5, 0]], "int32"),
        ],
    )
    def test_kinds_and_symmetries(self, tmp_path, banner, body, expected, kind):
        paths = triple(
            tmp_path / "r", f"%%MatrixMarket matrix {banner}\n{body}", barcodes(2), features(2)
        )
        (matrix,) = read(paths).matrices
        found = whole(matrix)
        found = found.toarray() if matrix.sparse else found
        assert matrix.dtype == kind == str(found.dtype)
        assert np.array_equal(found, np.array(expected), equal_nan=True)
        peer = scipy.io.mmread(paths["matrix"])
        peer = peer.toarray() if sp.issparse(peer) else peer
        assert np.array_equal(found, peer, equal_nan=True)

    @pytest.mark.parametrize(
        "change",
        [
            lambda text: text.replace("\n", "\r\n"),
            lambda text: text.replace("\n", "\r"),
            lambda text: "\ufeff" + text,
            lambda text: text.replace("1 1 5", "  1\t 1   5  "),
            lambda text: text.replace("1 1 5\n", "\n \n1 1 5\n\n"),
            lambda text: text.replace("1 1 5", "+1 01 +5"),
            lambda text: text + "\n\n",
            lambda text: text.rstrip("\n"),
            lambda text: text.replace("MatrixMarket matrix coord", "matrixmarket MATRIX Coord"),
            lambda text: text.replace("\n", "\n%\n\n% caf\u00e9\n", 1),
        ],
    )
    def test_ways_of_writing_it(self, tmp_path, change):
        dataset = read(small(tmp_path, change(SMALL)))
        assert whole(dataset.matrices[0]).toarray().tolist() == [[5, 0], [0, 7], [2, 0]]

    def test_latin_1_comments(self, tmp_path):
        text = SMALL.replace("\n", "\n% caf\u00e9\n", 1).encode("latin-1")
        assert read(small(tmp_path, text)).matrices[0].shape == (3, 2)

    def test_repeated_places_are_summed(self, tmp_path):
        text = SMALL.replace("3 2 3", "3 2 5") + "1 1 2147483647\n3 1 1\n"
        dataset = read(small(tmp_path, text))
        assert dataset.matrices[0].dtype == "int64"
        assert whole(dataset.matrices[0]).toarray()[:, 0].tolist() == [2147483652, 0, 3]
        assert codes(dataset) == ["duplicate_entries"]

    def test_stored_zeros_stay(self, tmp_path):
        dataset = read(small(tmp_path, SMALL.replace("1 1 5", "1 1 0")))
        assert whole(dataset.matrices[0]).nnz == 3

    @pytest.mark.parametrize("order", ["cells", "features", "none"])
    @pytest.mark.parametrize("kept", [0, 1 << 30])
    def test_many_portions_in_any_order(self, tmp_path, monkeypatch, order, kept):
        """Blocks of 64 bytes, so that entries of one cell and one feature are far apart."""
        monkeypatch.setattr(spool_sparse, "KEPT_BYTES", kept)
        monkeypatch.setattr(spool_sparse, "PORTION", 5)
        monkeypatch.setattr(spool_sparse, "_PER_FEATURE", 0)
        monkeypatch.setattr(spool_sparse, "BAND", 40)
        monkeypatch.setattr(matrix_market, "_ROOM", 4)
        monkeypatch.setattr(
            matrix_market, "line_views", lambda path, name, size: _real_views(path, name, 64)
        )
        x = counts((70, 9), seed=3)
        coo = sp.coo_matrix(x)
        rng = np.random.default_rng(0)
        sequence = {
            "cells": np.lexsort((coo.row, coo.col)),
            "features": np.lexsort((coo.col, coo.row)),
            "none": rng.permutation(coo.nnz),
        }[order]
        lines = [f"{coo.row[i] + 1} {coo.col[i] + 1} {coo.data[i]}\n" for i in sequence]
        repeated = [lines[0], lines[-1]]
        text = f"{BANNER}70 9 {len(lines) + 2}\n{''.join([*lines, *repeated])}"
        dataset = read(triple(tmp_path / "r", text, barcodes(9), features(70)))
        expected = scipy.io.mmread(tmp_path / "r/matrix.mtx").tocsr()
        for step in (1, 7, 64, 100):
            assert (whole(dataset.matrices[0], step) != expected).nnz == 0
        assert codes(dataset) == ["duplicate_entries"]
        assert "2 entries" in dataset.notices[0].message

    @settings(
        max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(st.data())
    def test_any_matrix_as_scipy_writes_it(self, tmp_path, data):
        rows, columns = data.draw(st.tuples(st.integers(1, 70), st.integers(1, 5)))
        kind = data.draw(st.sampled_from(["int64", "float64"]))
        values = st.integers(-(2**63), 2**63 - 1) if kind == "int64" else st.floats(width=64)
        cells = data.draw(
            st.dictionaries(
                st.tuples(st.integers(0, rows - 1), st.integers(0, columns - 1)),
                values,
                max_size=20,
            )
        )
        places = list(cells) or [(0, 0)]
        numbers = np.array(list(cells.values()) or [0], kind)
        x = sp.coo_matrix((numbers, np.array(places).T), (rows, columns))
        paths = triple(tmp_path / "r", "", barcodes(columns), features(rows))
        scipy.io.mmwrite(paths["matrix"], x, symmetry="general", precision=17)
        found = whole(read(paths).matrices[0]).toarray()
        assert np.array_equal(found, x.toarray(), equal_nan=True)


_real_views = matrix_market.line_views


class TestFaults:
    @pytest.mark.parametrize(
        ("change", "code", "place"),
        [
            (("1 1 5", "4 1 5"), "index_out_of_range", "line 3, column 1"),
            (("2 2 7", "2 3 7"), "index_out_of_range", "line 5, column 2"),
            (("3 1 2", "0 1 2"), "index_out_of_range", "line 4, column 1"),
            (("3 1 2", "-1 1 2"), "index_out_of_range", "line 4, column 1"),
            (("3 1 2", "99999999999999999999 1 2"), "index_out_of_range", "line 4, column 1"),
            (("3 1 2", "3 1 x"), "not_a_number", "line 4, column 3"),
            (("3 1 2", "3 1 2.5"), "not_a_number", "line 4, column 3"),
            (("3 1 2", "3 1 99999999999999999999"), "not_a_number", "line 4, column 3"),
            (("3 1 2", "3 1.0 2"), "not_a_number", "line 4, column 2"),
            (("3 1 2", "3 1"), "ragged_row", "line 4"),
            (("3 1 2", "3 1 2 4"), "ragged_row", "line 4"),
            (("3 1 2", "3\0 1 2"), "not_a_number", "line 4, column 1"),
            (("3 1 2\n", ""), "entry_count_mismatch", "line 4"),
            (("3 2 3", "3 2 2"), "entry_count_mismatch", "line 5"),
            (("3 2 3", "3 2 999999999999"), "entry_count_mismatch", "line 5"),
            (("3 2 3", "3 2"), "bad_header", "line 2"),
            (("3 2 3", "3 2 x"), "bad_header", "line 2"),
            (("3 2 3", "3 99999999999 3"), "bad_header", "line 2"),
            (("3 2 3", "999999999 999999999 3"), "shape_mismatch", "line 2"),
            (("%%Matrix", "%Matrix"), "bad_header", "line 1"),
            (("integer", "complex"), "unsupported_matrix", "line 1, column 4"),
            (("general", "hermitian"), "unsupported_matrix", "line 1, column 5"),
            (("general", "symmetric"), "bad_header", "line 2"),
            (("coordinate integer", "array pattern"), "bad_header", "line 1"),
        ],
    )
    def test_of_the_matrix(self, tmp_path, change, code, place):
        error = fails(small(tmp_path, SMALL.replace(*change)))
        assert (error.code, error.place, error.file) == (code, place, "run1/matrix.mtx")

    def test_a_fault_far_down_has_its_line(self, tmp_path, monkeypatch):
        monkeypatch.setattr(
            matrix_market, "line_views", lambda path, name, size: _real_views(path, name, 64)
        )
        text = market(counts((50, 9))).replace("\n", "\n\n", 3)
        lines = text.split("\n")
        lines[-5] += " 1"
        error = fails(triple(tmp_path / "r", "\n".join(lines), barcodes(9), features(50)))
        assert (error.code, error.place) == ("ragged_row", f"line {len(lines) - 4}")

    def test_comments_longer_than_a_block(self, tmp_path, monkeypatch):
        monkeypatch.setattr(
            matrix_market, "line_views", lambda path, name, size: _real_views(path, name, 64)
        )
        text = SMALL.replace("\n", "\n" + "% more of this\n" * 50, 1)
        dataset = read(small(tmp_path, text))
        assert dataset.metadata["comments"] == ["more of this"] * 50
        assert whole(dataset.matrices[0]).nnz > 0

    @pytest.mark.parametrize("big", [2**31, -(2**31) - 1, 2**63 - 1])
    def test_one_value_beyond_32_bits(self, tmp_path, big):
        text = SMALL.replace("3 1 2\n", f"3 1 {big}\n")
        matrix = read(small(tmp_path, text)).matrices[0]
        assert (matrix.dtype, whole(matrix)[2, 0]) == ("int64", big)

    def test_no_size_line(self, tmp_path):
        assert fails(small(tmp_path, BANNER + "% only\n")).code == "bad_header"

    def test_lists_of_another_run(self, tmp_path):
        error = fails(triple(tmp_path / "r", SMALL, barcodes(2), features(7)))
        assert error.code == "shape_mismatch"
        assert "features.tsv has 7" in error.message

    def test_an_empty_list(self, tmp_path):
        error = fails(triple(tmp_path / "r", SMALL, "", list(GENES)))
        assert (error.code, "barcodes.tsv has 0" in error.message) == ("shape_mismatch", True)

    @pytest.mark.parametrize(
        ("cells", "code"),
        [("A\nA\n", "duplicate_sample_ids"), ("A\n \n", "missing_sample_id")],
    )
    def test_of_the_barcodes(self, tmp_path, cells, code):
        with pytest.raises(BadInput) as caught:
            read(triple(tmp_path / "r", SMALL, cells, list(GENES)))
        error = caught.value
        assert (error.code, error.file, error.place) == (code, "barcodes.tsv", "line 2, column 1")

    def test_line_numbers_below_a_header(self, tmp_path):
        with pytest.raises(BadInput) as caught:
            read(triple(tmp_path / "r", SMALL, "barcode\nA\nA\n", list(GENES)))
        assert caught.value.place == "line 3, column 1"

    @pytest.mark.parametrize("role", ["matrix", "barcodes", "features"])
    def test_a_damaged_gzip(self, tmp_path, role):
        text = market(counts((40, 30)))
        names = {"matrix": "matrix.mtx.gz", "barcodes": "barcodes.tsv.gz", "features": "f.tsv.gz"}
        paths = triple(tmp_path / "r", text, barcodes(30), features(40), names)
        paths[role].write_bytes(paths[role].read_bytes()[:-9])
        with pytest.raises(BadInput) as caught:
            read(paths)
        assert caught.value.code == "corrupt_gzip"
        assert caught.value.file.endswith(paths[role].name)

    def test_an_empty_matrix(self, tmp_path):
        assert fails_empty(small(tmp_path, "")).code == "empty_file"

    @pytest.mark.parametrize(
        ("missing", "named"),
        [("barcodes", "barcodes.tsv"), ("features", "features.tsv or genes.tsv")],
    )
    def test_a_missing_member_is_named(self, tmp_path, missing, named):
        paths = small(tmp_path)
        del paths[missing]
        error = fails(paths)
        assert (error.code, f"no {named} beside" in error.message) == ("missing_member", True)

    @pytest.mark.parametrize("name", ["r/barcodes.tsv.gz", "GSM1_genes.tsv", "x.features.tsv"])
    def test_a_list_without_its_matrix(self, tmp_path, name):
        path = tmp_path / "list"
        path.write_text("ENSG1\tTP53\nENSG2\tBRCA1\nENSG3\tBRCA2\n")
        assert reader_for(name, head(path)).name == "tenx_mtx"
        with pytest.raises(BadInput) as caught:
            list(MtxReader().read(Source(path, name)))
        assert caught.value.code == "missing_member"
        assert "no matrix.mtx" in caught.value.message

    def test_a_table_called_genes_is_a_table(self):
        assert reader_for("genes.tsv", b"gene\tS1\nTP53\t5\nBRCA1\t7\n").name == "tsv"

    @settings(
        max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(st.data())
    def test_damage_is_an_error_or_a_dataset(self, tmp_path, data):
        paths = triple(tmp_path / "r", market(counts((6, 4))), barcodes(4), features(6))
        path = paths[data.draw(st.sampled_from(sorted(paths)))]
        content = bytearray(path.read_bytes())
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        path.write_bytes(content)
        try:
            dataset = next(MtxReader().read(Source(paths["matrix"], "r/matrix.mtx", paths)))
        except BadInput as error:
            assert error.hint
        else:
            whole(dataset.matrices[0])


def fails_empty(paths: dict[str, Path]) -> BadInput:
    beside = {role: path for role, path in paths.items() if role != "matrix"}
    with pytest.raises(BadInput) as caught:
        list(MtxReader().read(Source(paths["matrix"], "run1/matrix.mtx", beside)))
    return caught.value
