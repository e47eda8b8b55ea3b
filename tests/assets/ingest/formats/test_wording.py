"""What was found is told in words that a person can read."""

from __future__ import annotations

from pathlib import Path

import pytest

from polly_assets.ingest.formats.base import Source
from polly_assets.ingest.formats.registry import reader_for
from polly_assets.ingest.formats.streams.packed import FREE_BYTES, check_growth
from polly_assets.ingest.formats.wording import beginning, counted, fault_of_hdf5
from polly_assets.ingest.reading import datasets
from polly_resources.errors import BadInput


def test_a_number_has_its_noun() -> None:
    assert [counted(n, "row") for n in (0, 1, 2)] == ["0 rows", "1 row", "2 rows"]
    assert counted(1, "entry", "entries") == "1 entry"
    assert counted(3, "sample has", "samples have") == "3 samples have"


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (b"words\r\nmore\n", "'words'"),
        (b"\n  <a b='c'>", "\"<a b='c'>\""),
        (b"x" * 90, "'" + "x" * 40 + "'"),
        (b"ab" + "é".encode()[:1], "'ab'"),  # cut within a character
        (b"\xff\xd9\0\1", "the bytes ff d9 00 01"),
        (b"a\x1b[31m", "the bytes 61 1b 5b 33 31 6d"),
        (b"\n", "''"),
    ],
)
def test_how_a_file_begins(head: bytes, said: str) -> None:
    assert beginning(head) == said


@pytest.mark.parametrize(
    ("name", "head", "message"),
    [
        ("x.gctx", b"no HDF5\n", "the name is that of gctx, and the content is not: it begins with "
         "'no HDF5'"),
        ("x.bin", b"\x00\x01", "neither name nor content is of a known format: it begins with the "
         "bytes 00 01"),
    ],
)  # fmt: skip
def test_an_unknown_format_is_told_by_its_beginning(name: str, head: bytes, message: str) -> None:
    with pytest.raises(BadInput) as caught:
        reader_for(name, head)
    assert (caught.value.code, caught.value.message) == ("unknown_format", message)
    assert len(caught.value.hint) < 300


@pytest.mark.parametrize("name", ["x.csv", "x.txt", "x"])
def test_a_nul_byte_in_a_table_has_its_place(name: str) -> None:
    with pytest.raises(BadInput) as caught:
        reader_for(name, b"gene,S1\nTP53,1\nEG\0FR,2\n")
    assert (caught.value.code, caught.value.place) == ("binary_content", "line 3, byte 3")


def test_a_short_hdf5_file_is_told_by_its_sizes() -> None:
    said = "truncated file: eof = 30, sblock->base_addr = 0, stored_eof = 96"
    assert fault_of_hdf5(OSError(said)) == "found 30 bytes, expected 96: the file was cut short"
    assert fault_of_hdf5(OSError("other")) == "HDF5 cannot read it: other"


def test_growth_is_told_in_times() -> None:
    with pytest.raises(BadInput, match="expected at most 200 times as many, and"):
        check_growth(FREE_BYTES + 1, 10, "x.gz")


@pytest.mark.parametrize(
    ("name", "text", "code", "place"),
    [
        ("x.csv", 'g,S1,S2\nA,1,2\n"B,1,2\nC,1,2\n', "bad_quotes", "line 3"),
        ("x.csv", 'g,S1,S2\nA,1,2\n"B\nb",1\nC,1,2\n', "ragged_row", "line 3, column 2"),
        ("x.csv", f"g,{'H' * 5000},S2\nA,x,2\nB,1,2\nC,1,2\n", "not_a_number", "line 2, column 2"),
    ],
)
def test_a_broken_row_is_told_shortly(
    tmp_path: Path, name: str, text: str, code: str, place: str
) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(BadInput) as caught:
        list(datasets(Source(path, name)))
    assert (caught.value.code, caught.value.place) == (code, place)
    assert len(caught.value.message) < 200
