"""GCT: versions, odd but legal files, exact values, errors with line and column, sidecars."""

from __future__ import annotations

import gzip
import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polly_assets.ingest.formats import gct
from polly_assets.ingest.formats.base import ParsedDataset, Source
from polly_assets.ingest.formats.gct import GctReader
from polly_assets.ingest.formats.streams.lines import Blocks
from polly_assets.ingest.formats.streams.spool import Spool
from polly_resources.errors import BadInput

V12 = "#1.2\n2\t3\nName\tDescription\tS1\tS2\tS3\ng1\tfirst\t1.5\t2\t-3e-2\ng2\tna\t0\tNA\t4\n"
V13 = (
    "#1.3\n2\t2\t2\t1\nid\tsymbol\tcode\tS1\tS2\n"
    "dose\tna\tna\t1.50\t-666\n"
    "g1\tTP53\t007\t1\t2\ng2\tNA\t\t3\t4\n"
)


def write(folder: Path, content: str | bytes, name: str = "x.gct") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def parse(path: Path, name: str | None = None, **sidecars: Path) -> ParsedDataset:
    (found,) = GctReader().read(Source(path, name or path.name, sidecars))
    assert isinstance(found, ParsedDataset)
    return found


def values(dataset: ParsedDataset) -> np.ndarray:
    return np.vstack(list(dataset.matrices[0].blocks()))  # type: ignore[arg-type]


def refuse(folder: Path, content: str | bytes) -> BadInput:
    with pytest.raises(BadInput) as caught:
        parse(write(folder, content))
    assert caught.value.file == "x.gct"
    assert caught.value.hint
    return caught.value


def test_version_1_2(tmp_path: Path) -> None:
    found = parse(write(tmp_path, V12, "GSE1 x.gct"))
    assert (found.dataset_id, found.format, found.notices) == ("GSE1_x", "gct", ())
    assert found.samples.to_dict(as_series=False) == {"sample_id": ["S1", "S2", "S3"]}
    assert found.features.to_dict(as_series=False) == {
        "feature_id": ["g1", "g2"],
        "Description": ["first", "na"],
    }
    np.testing.assert_array_equal(values(found), [[1.5, 2, -0.03], [0, np.nan, 4]])
    assert found.matrices[0].dtype == "float64"


def test_version_1_3_keeps_metadata_as_text(tmp_path: Path) -> None:
    found = parse(write(tmp_path, V13))
    assert found.samples.to_dict(as_series=False) == {
        "sample_id": ["S1", "S2"],
        "dose": ["1.50", "-666"],
    }
    assert found.features.to_dict(as_series=False) == {
        "feature_id": ["g1", "g2"],
        "symbol": ["TP53", "NA"],
        "code": ["007", None],
    }


@pytest.mark.parametrize(
    "content",
    [
        V12.replace("\n", "\r\n"),
        V12.replace("\n", "\r\n", 1),
        V12.replace("\n", "\r"),
        V12.rstrip("\n"),
        V12 + "\n\n\t\t\n",
        V12.replace("#1.2\n2\t3\n", "#1.2\t\t \n2\t3\t\t\n"),
        V12.replace("\n", "\t\n"),
        V12.replace("-3e-2\n", "-3e-2\t\t\n"),
        V12.replace("\tS3\n", "\tS3\t\n"),
        "\ufeff" + V12,
        V12.replace("2\t3\n", "2 3\n"),
        V12.replace("\t-3e-2", "\t -3e-2 "),
        V12.replace("\nName\tDescription", '\n"NAME"\t"Description"').replace("1.5", '"1.5"'),
    ],
)
def test_odd_but_legal_files_read_alike(tmp_path: Path, content: str) -> None:
    found, plain = parse(write(tmp_path, content)), parse(write(tmp_path, V12, "plain.gct"))
    assert found.samples.equals(plain.samples)
    assert found.features.equals(plain.features)
    np.testing.assert_array_equal(values(found), values(plain))


def test_gzip_is_known_by_content(tmp_path: Path) -> None:
    packed = gzip.compress(V12[:40].encode()) + gzip.compress(V12[40:].encode())
    assert parse(write(tmp_path, packed, "x.gct")).matrices[0].shape == (2, 3)
    assert parse(write(tmp_path, V12, "x.gct.gz")).dataset_id == "x"


def test_missing_forms_and_infinities(tmp_path: Path) -> None:
    cells = ["", "NA", "na", "NaN", "nan", "null", "N/A", " ", "inf", "-Inf", "1e400"]
    rows = "".join(f"g{i}\t\t{cell}\t1\n" for i, cell in enumerate(cells))
    found = parse(write(tmp_path, f"#1.2\n{len(cells)}\t2\nName\tDescription\tA\tB\n{rows}"))
    expected = [math.nan] * 8 + [math.inf, -math.inf, math.inf]
    np.testing.assert_array_equal(values(found)[:, 0], expected)
    assert found.features["Description"].null_count() == len(cells)


def test_quotes_are_taken_off_whole_cells_only(tmp_path: Path) -> None:
    content = V12.replace("first", '"a ""b"", c"').replace("\tna\t", '\t5" UTR\t')
    assert parse(write(tmp_path, content)).features["Description"].to_list() == [
        'a "b", c',
        '5" UTR',
    ]


def test_names_that_clash_are_numbered(tmp_path: Path) -> None:
    content = V13.replace("symbol\tcode", "feature_id\tfeature_id").replace("dose", "sample_id")
    found = parse(write(tmp_path, content))
    assert found.features.columns == ["feature_id", "feature_id.1", "feature_id.2"]
    assert found.samples.columns == ["sample_id", "sample_id.1"]


def test_repeated_and_empty_feature_ids_are_noticed(tmp_path: Path) -> None:
    found = parse(write(tmp_path, V12.replace("g2", "g1")))
    assert [notice.code for notice in found.notices] == ["duplicate_feature_ids"]
    found = parse(write(tmp_path, V12.replace("g2", "")))
    assert [notice.code for notice in found.notices] == ["empty_feature_ids"]
    assert found.features["feature_id"].to_list() == ["g1", ""]


def test_latin_1_is_noticed(tmp_path: Path) -> None:
    found = parse(write(tmp_path, V12.replace("first", "Sjögren").encode("latin-1")))
    assert found.features["Description"][0] == "Sjögren"
    assert [(n.code, n.place) for n in found.notices] == [("not_utf8", "line 4")]


@pytest.mark.parametrize("end", ["", "\n", "\n\n", "\n\t\t\n"])
def test_no_rows_is_a_dataset_without_matrix(tmp_path: Path, end: str) -> None:
    found = parse(write(tmp_path, "#1.3\n0\t2\t0\t1\nid\tA\tB\nsex\tf\t" + end))
    assert (found.matrices, found.features.height) == ((), 0)
    assert found.samples["sex"].to_list() == ["f", None]
    assert [notice.code for notice in found.notices] == ["no_matrix"]


@pytest.mark.parametrize(
    ("old", "new", "code", "place"),
    [
        ("#1.2", "#1.1", "unsupported_version", "line 1, column 1"),
        ("2\t3", "2\t3\t0\t0", "dimension_mismatch", "line 2, column 4"),
        ("2\t3", "-2\t3", "dimension_mismatch", "line 2, column 1"),
        ("2\t3", "2\tx", "dimension_mismatch", "line 2, column 2"),
        ("2\t3", "2", "dimension_mismatch", "line 2, column 1"),
        ("2\t3", "2\t4", "dimension_mismatch", "line 3, column 5"),
        ("2\t3", "2\t2", "dimension_mismatch", "line 3, column 5"),
        ("2\t3", "999999999999999999\t3", "dimension_mismatch", "line 2, column 1"),
        ("2\t3", "1\t3", "dimension_mismatch", "line 2, column 1"),
        ("2\t3", "2\t0", "no_samples", "line 2, column 2"),
        ("S2", "S1", "duplicate_sample_ids", "line 3, column 4"),
        ("\tS2", "\t", "missing_header_field", "line 3, column 4"),
        ("Description", "", "missing_header_field", "line 3, column 2"),
        ("0\tNA\t4", "0\tNA", "ragged_row", "line 5, column 4"),
        ("0\tNA\t4", "0\tNA\t4\t5", "ragged_row", "line 5, column 6"),
        ("0\tNA", "0\tabc", "not_a_number", "line 5, column 4"),
        ("0\tNA", "0\t1_0", "not_a_number", "line 5, column 4"),
        ("0\tNA", "0\t0x1", "not_a_number", "line 5, column 4"),
        ("g2\tna\t0\tNA\t4", "\n\t\t\ng2\tna\t0\t1\t4,5", "not_a_number", "line 7, column 5"),
    ],
)
def test_errors_have_line_and_column(
    tmp_path: Path, old: str, new: str, code: str, place: str
) -> None:
    error = refuse(tmp_path, V12.replace(old, new, 1))
    assert (error.code, error.place) == (code, place)


def test_errors_say_what_was_found(tmp_path: Path) -> None:
    error = refuse(tmp_path, V12.replace("-3e-2", "1,5"))
    assert "'1,5' for column 'S3' of row 'g1'" in error.message
    assert "decimal points" in error.hint


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty_file"),
        (gzip.compress(b""), "empty_file"),
        (gzip.compress(V12.encode())[:-9], "corrupt_gzip"),
        (b"\x1f\x8bnothing", "corrupt_gzip"),
        (b"#1.2", "dimension_mismatch"),
        (b"#1.2\n2\t3\n", "dimension_mismatch"),
        (b"#1.3\n1\t1\t0\t3\nid\tA\nsex\tf\n", "dimension_mismatch"),
        (b"#1.3\n1\t1\t0\t999999999999999999\nid\tA\nsex\tf\n", "dimension_mismatch"),
        (b"#1.3\n1\t1\t999999999999999999\t0\nid\tA\n", "dimension_mismatch"),
        (b"#1.2\n1\t999999999999999999\nid\tDescription\tA\n", "dimension_mismatch"),
        (b"#1.2\n1\t" + b"9" * 5000 + b"\nid\tDescription\tA\n", "dimension_mismatch"),
        (b"#1.3\n1\t1\t0\t1\nid\tA\n\tf\ng\t1\n", "missing_header_field"),
        (b"#1.3\n1\t1\t0\t1\nid\tA\nsex\nx\t1\n", "ragged_row"),
        (b"PK\x03\x04 not text", "unsupported_version"),
    ],
)
def test_hopeless_files(tmp_path: Path, content: bytes, code: str) -> None:
    assert refuse(tmp_path, content).code == code


@pytest.mark.parametrize("size", [4, 7, 30, 64, 1000])
@pytest.mark.parametrize("memory", [0, 20, 10**6])
@pytest.mark.parametrize("native", ["0", "1"])
def test_a_file_in_blocks_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, memory: int, native: str
) -> None:
    """Whatever the size of the blocks, and of what is held in memory."""
    odd = V13.replace("\ng2", '\r\n\n\t\t\ng"3\t"q ""x"""\tSjögren\t"7"\t NA\r\ng2', 1)
    odd = odd.replace("2\t2\t2\t1", "3\t2\t2\t1")
    path = write(tmp_path, odd)
    expected = parse(path)
    monkeypatch.setattr(Blocks.__init__, "__defaults__", (size,))
    monkeypatch.setattr(
        Spool.__init__, "__kwdefaults__", {"transposed": False, "memory_bytes": memory}
    )
    monkeypatch.setenv("POLLY_NATIVE", native)
    found = parse(path)
    assert found.samples.equals(expected.samples)
    assert found.features.equals(expected.features)
    assert found.features.rows() == [
        ("g1", "TP53", "007"),
        ('g"3', 'q "x"', "Sjögren"),
        ("g2", "NA", None),
    ]
    np.testing.assert_array_equal(values(found), [[1, 2], [7, np.nan], [3, 4]])
    for old, new, place in [("\t4", "\tx", "line 9, column 5"), ("\t4", "", "line 9, column 4")]:
        assert refuse(tmp_path, odd.replace(old, new)).place == place


def test_metadata_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gct, "_MAX_METADATA_BYTES", 60)
    error = refuse(tmp_path, V13.replace("2\t1", f"2\t{10**9}", 1))
    assert (error.code, error.place) == ("metadata_too_large", "line 2, column 4")


def test_sniff() -> None:
    reader = GctReader()
    assert reader.sniff("a/x.gct.gz", b"")
    assert reader.sniff("x.txt", b"\xef\xbb\xbf#1.3\n")
    assert not reader.sniff("x.txt", b"id\tS1\n")


CELL = st.text(
    st.characters(codec="utf-8", exclude_characters='\t\n\r"', exclude_categories=["Cc", "Cs"]),
    max_size=6,
)
NUMBER = st.one_of(
    st.floats().map(repr),
    st.integers(-(10**25), 10**25).map(str),
    st.decimals(allow_nan=False, allow_infinity=False).map(str),
)


@settings(deadline=None)
@given(st.data(), st.integers(1, 4), st.integers(1, 4), st.integers(0, 2), st.integers(0, 2))
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory,
    data: st.DataObject,
    rows: int,
    columns: int,
    row_fields: int,
    column_fields: int,
) -> None:
    def grid(cells: st.SearchStrategy[str], height: int, width: int) -> list[list[str]]:
        return data.draw(
            st.lists(
                st.lists(cells, min_size=width, max_size=width), min_size=height, max_size=height
            )
        )

    numbers, about = grid(NUMBER, rows, columns), grid(CELL, rows, row_fields)
    sample_cells = grid(CELL, column_fields, columns)
    samples = [f"S{i}" for i in range(columns)]
    lines = [["#1.3"], [str(n) for n in (rows, columns, row_fields, column_fields)]]
    lines.append(["id", *(f"r{i}" for i in range(row_fields)), *samples])
    lines += [[f"c{i}", *["na"] * row_fields, *cells] for i, cells in enumerate(sample_cells)]
    lines += [[f"g{i}", *a, *n] for i, (a, n) in enumerate(zip(about, numbers, strict=True))]
    text = "\n".join("\t".join(line) for line in lines) + "\n"
    found = parse(write(tmp_path_factory.getbasetemp(), text, "round.gct"))
    expected = np.array([[float(cell) for cell in row] for row in numbers])
    assert np.array_equal(values(found).view(np.int64), expected.view(np.int64)) or (
        np.isnan(expected).any() and np.array_equal(values(found), expected, equal_nan=True)
    )
    assert [list(row[1:]) for row in found.features.rows()] == [
        [c or None for c in a] for a in about
    ]
    for i, cells in enumerate(sample_cells):
        assert found.samples[f"c{i}"].to_list() == [cell or None for cell in cells]


def test_json_sidecar(tmp_path: Path) -> None:
    content = {
        "dataset_id": "GSE9",
        "data_type": "Bulk transcriptomics",
        "title": "A study",
        "samples": [{"sample_id": "S1", "age": 7, "sex": "f"}, {"sample_id": "S3", "age": 8}],
        "features": {"g2": {"symbol": "TP53"}},
    }
    sidecar = write(tmp_path, json.dumps(content), "x.json")
    found = parse(write(tmp_path, V12), json=sidecar)
    assert (found.dataset_id, found.data_type) == ("GSE9", "Bulk transcriptomics")
    assert found.metadata == {"title": "A study"}
    assert found.samples["age"].to_list() == [7, None, 8]
    assert found.samples["sex"].to_list() == ["f", None, None]
    assert found.features["symbol"].to_list() == [None, "TP53"]
    assert [notice.code for notice in found.notices] == ["samples_without_metadata"]
    assert "S2" in found.notices[0].message


@pytest.mark.parametrize(
    ("content", "code", "place"),
    [
        ("{", "bad_json", "line 1, column 2"),
        ("[]", "bad_sidecar", ""),
        ('{"a": 1, "a": 2}', "bad_sidecar", ""),
        ('{"samples": 3}', "bad_sidecar", ""),
        ('{"orientation": "x"}', "bad_sidecar", ""),
        ('{"samples": [{"age": 3}]}', "missing_sample_id", "samples[0]"),
        ('{"samples": [{"id": "S1"}, {"id": "S1"}]}', "duplicate_sample_ids", "samples[1]"),
        ('{"samples": {"T1": {}}}', "sidecar_matches_nothing", ""),
    ],
)
def test_bad_json_sidecars(tmp_path: Path, content: str, code: str, place: str) -> None:
    sidecar = write(tmp_path, content, "x.json")
    with pytest.raises(BadInput) as caught:
        parse(write(tmp_path, V12), json=sidecar)
    assert (caught.value.code, caught.value.place, caught.value.file) == (code, place, "x.json")


def test_table_sidecar_beside_own_metadata(tmp_path: Path) -> None:
    sidecar = write(tmp_path, "dose;sample\n3;S2\n4;S1\n5;S9\n", "x.csv")
    found = parse(write(tmp_path, V13), csv=sidecar)
    assert found.samples.columns == ["sample_id", "dose", "dose.1"]
    assert found.samples["dose.1"].to_list() == ["4", "3"]
    assert [notice.code for notice in found.notices] == ["metadata_without_samples"]
    assert "S9" in found.notices[0].message


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("3 2 1\n# ctrl case\nctrl case case\n", ["ctrl", "case", "case"]),
        ("3 2 1\r\n#ctrl case\r\n0 1 1\r\n", ["ctrl", "case", "case"]),
        ("3\t2\t1\n#\tctrl\tcase\n2\t1\t1", ["ctrl", "case", "case"]),
        ("3 2 1\n# ctrl case\nx y y\n", ["ctrl", "case", "case"]),
    ],
)
def test_class_labels(tmp_path: Path, content: str, expected: list[str]) -> None:
    found = parse(write(tmp_path, V12), cls=write(tmp_path, content, "x.cls"))
    assert found.samples["class"].to_list() == expected
    assert found.notices == ()


def test_class_indices_out_of_order_are_noticed(tmp_path: Path) -> None:
    sidecar = write(tmp_path, "3 2 1\n# ctrl case\n1 0 0\n", "x.cls")
    found = parse(write(tmp_path, V12), cls=sidecar)
    assert found.samples["class"].to_list() == ["case", "ctrl", "ctrl"]
    assert [notice.code for notice in found.notices] == ["ambiguous_class_labels"]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("3 2 1\n# ctrl case\nctrl case\n", "bad_classes"),
        ("3 3 1\n# ctrl case\nctrl case case\n", "bad_classes"),
        ("3 2 1\n# ctrl case\na b c\n", "bad_classes"),
        ("#numeric\n# a b\n1 2 3\n", "bad_classes"),
        ("x", "bad_classes"),
        ("2 2 1\n# ctrl case\nctrl case\n", "class_count_mismatch"),
    ],
)
def test_wrong_class_labels(tmp_path: Path, content: str, code: str) -> None:
    sidecar = write(tmp_path, content, "x.cls")
    with pytest.raises(BadInput) as caught:
        parse(write(tmp_path, V12), cls=sidecar)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("name", "skip", "leading", "shape"),
    [
        ("mini_gctoo_for_testing.gct", 5, 6, (6, 6)),
        ("test_l1000.gct", 35, 12, (978, 377)),
        ("test_v1point2_n5x10.gct", 0, 2, (10, 5)),
        ("Leukemia_hgu95av2.gct.gz", 0, 2, (12564, 48)),
    ],
)
def test_real_files_equal_pandas(
    real_data: Path, name: str, skip: int, leading: int, shape: tuple[int, int]
) -> None:
    path = real_data / "formats/gct" / name
    found = parse(path)
    frame = pd.read_csv(path, sep="\t", skiprows=2, dtype=str, keep_default_na=False)
    body = frame.iloc[skip:]
    assert found.matrices[0].shape == shape
    expected = body.iloc[:, leading:].map(lambda cell: float(cell or "nan")).to_numpy()
    np.testing.assert_array_equal(values(found), expected)
    assert found.samples["sample_id"].to_list() == list(frame.columns[leading:])
    for i, column in enumerate(found.features.columns):
        assert found.features[column].fill_null("").to_list() == body.iloc[:, i].to_list()
    for i, column in enumerate(found.samples.columns[1:]):
        assert column == frame.iloc[i, 0]
        assert found.samples[column].fill_null("").to_list() == frame.iloc[i, leading:].to_list()


def test_real_class_labels(real_data: Path) -> None:
    folder = real_data / "formats/gct"
    found = parse(folder / "Leukemia_hgu95av2.gct.gz", cls=folder / "Leukemia.cls")
    assert found.samples["class"].to_list() == ["ALL"] * 24 + ["AML"] * 24


def test_real_file_whose_dimension_line_is_wrong(real_data: Path) -> None:
    with pytest.raises(BadInput) as caught:
        parse(real_data / "formats/gct/modzs_n25x50.gct")
    assert caught.value.code == "dimension_mismatch"
    assert "found 51 rows below the header" in caught.value.message
