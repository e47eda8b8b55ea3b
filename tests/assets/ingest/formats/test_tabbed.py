"""Rows of tables separated by tabs: what is a row, the line of each, and blocks of any size."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polly_assets.ingest.formats import tabbed
from polly_assets.ingest.formats.tabbed import Tabbed, beginning, first_row
from polly_resources.errors import BadInput

CELLS = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z"), exclude_characters='"'))
LINES = st.one_of(
    st.lists(CELLS.filter(lambda cell: not cell.startswith("#")), min_size=3, max_size=3),
    st.sampled_from([["#said"], [""], ["", "", ""], ["  "]]),
)


@pytest.fixture
def table(tmp_path):
    def opened(content):
        path = tmp_path / "x.tsv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return Tabbed(path, "x.tsv")

    return opened


def taken(found):
    return [(int(line), *row) for frame, lines in found.frames(["a", "b", "c"])
            for row, line in zip(frame.iter_rows(), lines, strict=True)]  # fmt: skip


def test_comments_the_header_and_rows(table):
    found = table(
        '\ufeff#one\n\n# two \na\tb\tc\r\n1\t\t"x"\n#three\n \n2\ty\tz\t\t\n3\t"p""q"\ts"t'
    )
    assert (found.comments, found.header, found.line) == (["one", " two "], "a\tb\tc", 4)
    assert taken(found) == [(5, "1", None, "x"), (8, "2", "y", "z"), (9, "3", 'p"q', 's"t')]


@pytest.mark.parametrize("content", ["\n", "#a\n\n#b\n"])
def test_no_header(table, content):
    found = table(content)
    assert found.header == "" and found.line == content.count("\n") and not taken(found)


def test_rows_before_a_ragged_one_are_given(table):
    found = table("a\tb\tc\n1\t2\t3\n4\t5\n6\t7\t8\n")
    frames = found.frames(["a", "b", "c"])
    assert next(frames)[0].rows() == [("1", "2", "3")]
    with pytest.raises(BadInput, match="2 columns, expected 3") as caught:
        next(frames)
    assert (caught.value.code, caught.value.place) == ("ragged_row", "line 3, column 2")


@given(lines=st.lists(LINES, max_size=20), block=st.integers(1, 40), piece=st.integers(1, 5))
def test_blocks_of_any_size(tmp_path_factory, lines, block, piece):
    path = tmp_path_factory.mktemp("tabbed") / "x.tsv"
    path.write_text("a\tb\tc\n" + "".join("\t".join(line) + "\n" for line in lines), newline="\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tabbed, "_BLOCK_BYTES", block)
        patch.setattr(tabbed, "PIECE_ROWS", piece)
        found = taken(Tabbed(path, "x.tsv"))
    expected = [
        (number, *(cell or None for cell in line))
        for number, line in enumerate(lines, 2)
        if len(line) == 3 and any(line)
    ]
    assert found == expected


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16", "latin-1"])
def test_beginning(codec):
    assert beginning("##x\n".encode(codec)) == "##x\n"


def test_first_row():
    assert first_row(pl.Series([None, False, True, True])) == 2
    assert first_row(pl.Series([None, False])) is None
    assert first_row(pl.Series([], dtype=pl.Boolean)) is None
