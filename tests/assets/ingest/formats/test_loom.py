"""Loom: names, attributes, layers, types, and each fault.

The layout is what loompy 3.0.8 writes; values, names and attributes equal what it reads back.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from polly_assets.ingest.formats.base import ParsedDataset, Source
from polly_assets.ingest.formats.hdf5 import dense as h5_dense
from polly_assets.ingest.formats.loom import LoomReader
from polly_assets.ingest.reading import datasets
from polly_resources.errors import BadInput

X = np.array([[1, 2, 0, 4], [0, 0, 3, 0], [9, 8, 7, 6.5]])
GENES = {"Gene": ["A", "B", "C"], "Accession": ["E1", "E2", "E3"]}
CELLS = {"CellID": ["c1", "c2", "c3", "c4"], "age": [1, 2, 3, 4]}


def loom(folder: Path, **parts: Any) -> Path:
    """A file of these parts; a value of None leaves a part out."""
    path = folder / "x.loom"
    content = {
        "matrix": X,
        **{f"row_attrs/{name}": values for name, values in GENES.items()},
        **{f"col_attrs/{name}": values for name, values in CELLS.items()},
        "attrs/LOOM_SPEC_VERSION": "3.0.0",
        "attrs/title": "T",
        **{name.replace("__", "/"): values for name, values in parts.items()},
    }
    with h5py.File(path, "w") as file:
        for name, values in content.items():
            if values is not None:
                file[name] = values
        for name in ("col_graphs", "row_graphs"):
            file.require_group(name)
        file.attrs["last_modified"] = "today"
    return path


def parse(path: Path, **sidecars: Path) -> ParsedDataset:
    (found,) = LoomReader().read(Source(path, path.name, sidecars))
    assert isinstance(found, ParsedDataset)
    return found


def values(found: ParsedDataset, place: int = 0) -> np.ndarray:
    return np.vstack(list(found.matrices[place].blocks(2)))  # type: ignore[arg-type]


def test_the_whole_file(tmp_path: Path) -> None:
    path = loom(tmp_path, layers__spliced=X.astype("int16"))
    (found,) = datasets(Source(path, path.name))
    assert isinstance(found, ParsedDataset)
    assert (found.format, found.dataset_id, found.data_type) == ("loom", "x", "Single cell")
    assert found.features.rows() == [("A", "E1"), ("B", "E2"), ("C", "E3")]
    assert found.features.columns == ["feature_id", "Accession"]
    assert found.samples.rows() == [("c1", 1), ("c2", 2), ("c3", 3), ("c4", 4)]
    assert found.metadata == {"LOOM_SPEC_VERSION": "3.0.0", "title": "T", "last_modified": "today"}
    assert [(m.name, m.dtype) for m in found.matrices] == [
        ("X", "float64"),
        ("layers/spliced", "int32"),
    ]
    np.testing.assert_array_equal(values(found), X)
    np.testing.assert_array_equal(values(found, 1), X.astype("int16"))
    assert [notice.code for notice in found.notices] == ["type_widened"]


def test_names_that_others_give(tmp_path: Path) -> None:
    found = parse(
        loom(
            tmp_path,
            row_attrs__Gene=None,
            row_attrs__var_names=["v1", "v2", "v3"],
            col_attrs__CellID=None,
            col_attrs__mine=["x", "y", "z", "w"],
        )
    )
    assert found.features["feature_id"].to_list() == ["v1", "v2", "v3"]
    assert found.samples["sample_id"].to_list() == ["x", "y", "z", "w"]


def test_text_of_older_versions(tmp_path: Path) -> None:
    found = parse(loom(tmp_path, row_attrs__Gene=np.array([b"A&amp;B", b"B", b"&#946;"])))
    assert found.features["feature_id"].to_list() == ["A&B", "B", "β"]


def test_what_is_left_in_the_file(tmp_path: Path) -> None:
    path = loom(tmp_path, col_attrs__tsne=np.zeros((4, 2)), col_graphs__knn__a=np.zeros(3))
    assert parse(path).notices[0].message.endswith(": col_attrs/tsne, col_graphs")


@pytest.mark.parametrize("part", ["attrs__tags", "attrs", "layers"])
def test_parts_of_other_kinds_are_told(tmp_path: Path, part: str) -> None:
    none = {"attrs__LOOM_SPEC_VERSION": None, "attrs__title": None}
    found = parse(loom(tmp_path, **none, **{part: [b"a", b"b"]}))
    assert found.notices[-1].message.endswith(f": {part.replace('__', '/')}")


def test_large_ones_stay_in_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(h5_dense, "WHOLE_BYTES", 64)
    path = loom(tmp_path)
    found = parse(path)
    path.unlink()
    for _ in range(2):
        np.testing.assert_array_equal(values(found), X)


def test_sidecars(tmp_path: Path) -> None:
    table = tmp_path / "x.samples.csv"
    table.write_text("CellID,tissue\nc2,b\nc1,a\nc3,a\nc4,b\n")
    found = parse(loom(tmp_path), csv=table)
    assert found.samples["tissue"].to_list() == ["a", "b", "a", "b"]


@pytest.mark.parametrize(
    ("parts", "code", "place"),
    [
        ({"matrix": None}, "missing_element", "/matrix"),
        ({"matrix": np.zeros(3)}, "bad_matrix", "/matrix"),
        ({"matrix": np.zeros((0, 4))}, "no_rows", "/matrix"),
        ({"matrix": None, "matrix__x": 1}, "bad_matrix", "/matrix"),
        ({"matrix": np.array([[b"a"]])}, "column_length", "/row_attrs/Accession"),
        ({"layers__b": np.zeros((4, 3))}, "shape_mismatch", "/layers/b"),
        ({"row_attrs__Gene": ["A"]}, "column_length", "/row_attrs/Gene"),
        ({"col_attrs__CellID": None}, "missing_index", "/col_attrs"),
        ({"col_attrs__CellID": ["a", "b", "a", "c"]}, "duplicate_sample_ids", "/col_attrs[2]"),
        ({"col_attrs__CellID": ["a", "b", "", "c"]}, "missing_sample_id", "/col_attrs[2]"),
        ({"layers__b": np.full((3, 4), b"x")}, "bad_values", "/layers/b"),
        ({"layers__b": h5py.SoftLink("/matrix")}, "linked_element", "/layers/b"),
    ],
)
def test_faults(tmp_path: Path, parts: dict[str, Any], code: str, place: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse(loom(tmp_path, **parts))
    error = caught.value
    assert (error.code, error.place, error.file) == (code, place, "x.loom")
    assert error.hint
