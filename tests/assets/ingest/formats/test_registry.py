"""Which reader reads a file, which files belong together, and the text helpers below both."""

from __future__ import annotations

import gzip
import itertools
import subprocess
import sys
from pathlib import Path

import pytest

from polly_assets.ingest.formats.grouping import group_sources
from polly_assets.ingest.formats.registry import READERS, reader_for
from polly_assets.ingest.formats.streams.text import (
    base_name,
    dataset_id_from_name,
    decode,
    head,
    read_bytes,
    utf8_lines,
)
from polly_assets.ingest.formats.unsupported import KINDS
from polly_resources.errors import BadInput


def groups(*names: str) -> list[tuple[str, dict[str, str]]]:
    return [(group.main, dict(group.sidecars)) for group in group_sources(names)]


def test_the_table_is_alphabetical_and_true() -> None:
    assert [row.name for row in READERS] == sorted(row.name for row in READERS)
    for row in READERS:
        reader = row.load()
        assert (reader.name, reader.suffixes) == (row.name, row.suffixes)


@pytest.mark.parametrize(
    ("name", "start", "expected"),
    [
        ("x.GCT", b"#1.3\n", "gct"),
        ("a/x.gct.gz", b"nonsense", "gct"),
        ("x.txt", b"#1.2\n1\t1\n", "gct"),
        ("x.csv", b"id,S1\n", "csv"),
        ("x.tsv.gz", b"id\tS1\n", "tsv"),
        ("GSE1_counts.txt", b"id\tS1\n", "tsv"),
        ("GSE1_series_matrix.txt.gz", b'!Series_title\t"x"\n', "geo_series_matrix"),
        ("GSE1_family.soft.gz", b"^DATABASE = GeoMiame\n", "geo_soft"),
        ("x.txt", b"^SERIES = GSE1\n", "geo_soft"),
        ("x.txt", b'!Series_title\t"x"\n', "geo_series_matrix"),
        ("x.h5ad", b"\x89HDF\r\n\x1a\n", "h5ad"),
    ],
)
def test_reader_for(name: str, start: bytes, expected: str) -> None:
    assert reader_for(name, start).name == expected


@pytest.mark.parametrize("name", ["x.other", "x", "x.csv"])
def test_unknown_format_names_the_known(name: str) -> None:
    with pytest.raises(BadInput) as caught:
        reader_for(name, b"\xde\xad\0\1\0\0\0\2")
    assert caught.value.code == "unknown_format"
    assert caught.value.message.startswith("neither" if name != "x.csv" else "the name is that of")
    assert all(row.name in caught.value.hint for row in READERS)


def test_every_kind_that_is_not_read_says_what_to_do() -> None:
    for kind in KINDS:
        for name, start in (
            *((f"a/x{suffix}", b"something") for suffix in kind.suffixes),
            *((name, start + b"\n..") for start in kind.starts for name in ("x", "x.csv")),
        ):
            with pytest.raises(BadInput) as caught:
                reader_for(name, start)
            error = caught.value
            assert (error.code, error.file, error.hint) == ("unsupported_format", name, kind.hint)
            assert kind.what in error.message


def test_kinds_that_are_not_read_need_their_own_ending() -> None:
    for kind in KINDS:
        for row in READERS:
            assert not set(kind.suffixes) & set(row.suffixes)
            assert not any(suffix.endswith(kind.suffixes or "\n") for suffix in row.suffixes)


@pytest.mark.parametrize(
    ("name", "start", "hint"),
    [
        ("x.csv.bz2", b"BZh9", "unpack"),
        ("x.rds.gz", b"X\n\0\0\0\3", "zellkonverter"),
        ("x.xlsx", b"PK\3\4", "CSV"),
        ("counts.csv", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "CSV"),
        ("x.zarr/X/0.0", b"\2\1\x21", "read_zarr"),
        ("x.bam", b"BAM\1", "count"),
        ("x.fastq.gz", b"@read1\nACGT\n", "count"),
    ],
)
def test_what_to_do_instead(name: str, start: bytes, hint: str) -> None:
    with pytest.raises(BadInput) as caught:
        reader_for(name, start)
    assert caught.value.code == "unsupported_format"
    assert hint in caught.value.hint


@pytest.mark.parametrize("name", ["x.xls", "a/GSE1_counts.xls.gz"])
@pytest.mark.parametrize(
    "start",
    [b"gene\tA\tB\ng1\t1\t2\n", b"gene,A,B\ng1,1,2\n", "gene\tA\ng1\t1\n".encode("utf-16")],
)
def test_text_under_the_name_of_a_spreadsheet(name: str, start: bytes) -> None:
    assert reader_for(name, start).name == "tsv"
    assert base_name(name).lower().endswith(("x", "counts"))


@pytest.mark.parametrize(
    ("start", "what", "hint"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a spreadsheet", "CSV"),
        (b"PK\3\4\x14\0", "a spreadsheet", "CSV"),
        (b"\t\x08\x10\0\0\6\5\0", "a spreadsheet", "CSV"),
        (b"<?xml version='1.0'?><?mso-application progid='Excel.Sheet'?>", "a spreadsheet", "CSV"),
        (b"<html><body><table><tr><td>gene</td>", "an HTML page under", "download the file again"),
        (b"\r\n<TABLE border=1><tr><td>gene</td>", "an HTML page under", "save each sheet as CSV"),
    ],
)
def test_no_text_under_the_name_of_a_spreadsheet(start: bytes, what: str, hint: str) -> None:
    with pytest.raises(BadInput, match=what) as caught:
        reader_for("x.xls", start)
    assert (caught.value.code, hint in caught.value.hint) == ("unsupported_format", True)


def test_a_sheet_that_was_saved_as_csv_is_no_sidecar_of_it() -> None:
    assert groups("x.xls", "x.csv", "x_samples.csv") == [
        ("x.csv", {"csv": "x_samples.csv"}),
        ("x.xls", {"csv": "x_samples.csv"}),
    ]


@pytest.mark.parametrize(
    "name",
    ["metadata.csv", "a/x_coldata.tsv", "x.json", "a/x.cls", "x_metadata.csv", "x.metadata.tsv.gz"],
)
def test_sidecar_without_data(name: str) -> None:
    assert groups(name) == [(name, {})]
    with pytest.raises(BadInput) as caught:
        reader_for(name, b"{}")
    assert caught.value.code == "sidecar_without_data"


def test_a_gct_does_not_import_h5py() -> None:
    code = (
        "import sys; from polly_assets.ingest.formats.registry import reader_for; "
        "reader_for('x.gct', b'#1.3'); sys.exit('h5py' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a/x.gct", "a/X.JSON", "b/x.csv"], [("a/x.gct", {"json": "a/X.JSON"}), ("b/x.csv", {})]),
        (["x.gct.gz", "x.cls", "x.csv"], [("x.gct.gz", {"cls": "x.cls", "csv": "x.csv"})]),
        (["x.tsv", "x.csv"], [("x.tsv", {"csv": "x.csv"})]),
        (["x.txt.gz", "x.csv"], [("x.txt.gz", {"csv": "x.csv"})]),
        (["x.csv", "x_metadata.csv"], [("x.csv", {"csv": "x_metadata.csv"})]),
        (["x.csv", "x.samples.tsv.gz"], [("x.csv", {"tsv": "x.samples.tsv.gz"})]),
        (
            ["x.csv", "x.json", "X_Samples.CSV"],
            [("x.csv", {"json": "x.json", "csv": "X_Samples.CSV"})],
        ),
        (["all_samples.csv"], [("all_samples.csv", {})]),
        (
            ["x.csv", "x_sample_metadata.csv", "x.features.csv", "x_genes.tsv"],
            [
                (
                    "x.csv",
                    {
                        "csv": "x_sample_metadata.csv",
                        "features.csv": "x.features.csv",
                        "features.tsv": "x_genes.tsv",
                    },
                )
            ],
        ),
        (["x.vcf", "x.samples.csv"], [("x.vcf", {"csv": "x.samples.csv"})]),
        (["x.parquet", "x.csv"], [("x.parquet", {"csv": "x.csv"})]),
        (["x.pq", "x_coldata.csv"], [("x.pq", {"csv": "x_coldata.csv"})]),
        (
            ["a/counts.csv", "a/tpm.tsv", "a/Metadata.csv", "a/genes.csv", "b/metadata.csv"],
            [
                ("a/counts.csv", {"csv": "a/Metadata.csv", "features.csv": "a/genes.csv"}),
                ("a/tpm.tsv", {"csv": "a/Metadata.csv", "features.csv": "a/genes.csv"}),
                ("b/metadata.csv", {}),
            ],
        ),
        (
            ["matrix.mtx", "barcodes.tsv", "genes.tsv", "metadata.csv"],
            [
                (
                    "matrix.mtx",
                    {
                        "barcodes": "barcodes.tsv",
                        "features": "genes.tsv",
                        "csv": "metadata.csv",
                    },
                )
            ],
        ),
        (
            ["counts.csv", "tpm.csv", "metadata.csv", "samples.csv"],
            [
                ("counts.csv", {"csv": "metadata.csv", "csv.2": "samples.csv"}),
                ("tpm.csv", {"csv": "metadata.csv", "csv.2": "samples.csv"}),
            ],
        ),
        (["a.zarr/X/0.0", "a.zarr/X/0.1", "a.zarr/zarr.json"], [("a.zarr/X/0.0", {})]),
        (["x.h5ad", "x.json", "y.csv"], [("x.h5ad", {"json": "x.json"}), ("y.csv", {})]),
        (["x.h5ad", "x.cls"], [("x.cls", {}), ("x.h5ad", {})]),
        (
            ["x.gct", "x.csv", "x_metadata.csv"],
            [("x.csv", {"csv": "x_metadata.csv"}), ("x.gct", {"csv": "x_metadata.csv"})],
        ),
        (
            ["x.csv", "x_metadata.csv", "x_samples.csv"],
            [("x.csv", {"csv": "x_metadata.csv", "csv.2": "x_samples.csv"})],
        ),
        (
            ["G_series_matrix.txt", "G.json", "G.csv"],
            [("G.csv", {"json": "G.json"}), ("G_series_matrix.txt", {"json": "G.json"})],
        ),
        (
            ["x.gct", "x.json", "x.json.gz"],
            [("x.gct", {"json": "x.json", "twice.json": "x.json.gz"})],
        ),
        (
            [
                ".x.csv",
                ".git/x.csv",
                "Thumbs.db",
                "a/manifest.csv",
                "README",
                "readme.txt",
                "LICENSE.txt",
                "notes.md",
            ],
            [],
        ),
    ],
)
def test_group_sources(names: list[str], expected: list[tuple[str, dict[str, str]]]) -> None:
    for order in itertools.islice(itertools.permutations(names), 24):
        assert groups(*order) == expected


def test_no_file_is_lost_or_used_for_nothing() -> None:
    names = ["x.gct", "x.csv", "x.tsv", "x.txt", "x.json", "x.cls", "x_samples.csv", "x.h5ad"]
    for size in range(1, len(names) + 1):
        for some in itertools.combinations(names, size):
            found = group_sources(some)
            used = {name for g in found for name in (g.main, *g.sidecars.values())}
            assert used == set(some)
            assert not {g.main for g in found} & {n for g in found for n in g.sidecars.values()}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a/GSE1 x.gct.gz", "GSE1_x"),
        ("GSE9_family.soft.gz", "GSE9"),
        ("GSE9-GPL1_series_matrix.txt", "GSE9-GPL1"),
        ("v1.2.CSV", "v1.2"),
        ("..hidden.tsv", "hidden"),
        ("a\\b é.txt", "b_"),
    ],
)
def test_dataset_id_from_name(name: str, expected: str) -> None:
    assert dataset_id_from_name(name) == expected


@pytest.mark.parametrize("name", ["数据.csv", "..", ".csv", "-.gz"])
def test_unusable_names(name: str) -> None:
    with pytest.raises(BadInput) as caught:
        dataset_id_from_name(name)
    assert caught.value.code == "unusable_name"


def test_base_name_takes_one_ending() -> None:
    assert base_name("x.csv.txt.gz") == "x.csv"


def test_head_of_plain_packed_and_damaged_files(tmp_path: Path) -> None:
    path, content = tmp_path / "x", b"line\n" * 5000
    packed = gzip.compress(content[:7]) + gzip.compress(content[7:])
    for data in (content, packed, packed[:-4]):
        path.write_bytes(data)
        assert head(path) == content[:4096]
        assert head(path, 10) == content[:10]
    path.write_bytes(b"\x1f\x8b")
    assert head(path) == b""


def test_read_bytes_checks_the_checksum(tmp_path: Path) -> None:
    path = tmp_path / "x"
    packed = bytearray(gzip.compress(b"content"))
    packed[-8] ^= 1
    path.write_bytes(packed)
    with pytest.raises(BadInput) as caught:
        read_bytes(path, "name.gz")
    assert (caught.value.code, caught.value.file) == ("corrupt_gzip", "name.gz")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_decode(encoding: str) -> None:
    text, notices = decode("é\n".encode(encoding), "x")
    assert text == "é\n"
    assert [n.code for n in notices] == ([] if encoding.startswith("utf-8") else ["not_utf8"])


def test_a_text_has_no_nul() -> None:
    for encoding in ("utf-8", "utf-16", "latin-1"):
        with pytest.raises(BadInput) as caught:
            utf8_lines("é\r\nab\0c".encode(encoding), "x")
        error = caught.value
        assert (error.code, error.file, error.place) == ("binary_content", "x", "line 2, byte 3")


def test_utf8_lines() -> None:
    assert utf8_lines(b"a\r\nb\rc\n", "x") == (b"a\nb\nc\n", ())
