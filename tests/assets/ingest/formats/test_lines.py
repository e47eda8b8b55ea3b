"""Text in blocks: the same lines however the file is cut, packed, ended and encoded."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polly_assets.ingest.formats.streams.lines import Blocks, Lines, Stretch, ahead
from polly_assets.ingest.formats.streams.text import MAX_LINE_BYTES, utf8_lines
from polly_resources.errors import BadInput


def blocks(folder: Path, content: bytes, size: int) -> tuple[list[Stretch], list[str]]:
    path = folder / "x.txt"
    path.write_bytes(content)
    found = Blocks(path, "x.txt", size)
    return list(found), [f"{notice.code} {notice.place}" for notice in found.notices]


LINE = st.sampled_from(["", "a", "g1\t1.5", "é", "x" * 30, "名"])
END = st.sampled_from(["\n", "\r\n", "\r"])


@settings(deadline=None, max_examples=300)
@given(
    st.lists(st.tuples(LINE, END), min_size=1, max_size=12),
    st.integers(4, 40),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    st.booleans(),
    st.booleans(),
)
def test_lines_are_those_of_the_whole_file(
    tmp_path_factory: pytest.TempPathFactory,
    lines: list[tuple[str, str]],
    size: int,
    encoding: str,
    packed: bool,
    ended: bool,
) -> None:
    text = "".join(line + end for line, end in lines)
    text = text if ended else text.rstrip("\r\n") or "a"
    content = text.encode(encoding)
    whole, _ = utf8_lines(content, "x.txt")
    content = gzip.compress(content) if packed else content
    found, _ = blocks(tmp_path_factory.getbasetemp(), content, size)
    assert b"".join(block.data for block in found) == whole.removesuffix(b"\n") + b"\n" or (
        whole.endswith(b"\n") and b"".join(block.data for block in found) == whole
    )
    line = 1
    for block in found:
        assert (block.start, block.line, block.data[-1:]) == (0, line, b"\n")
        line += block.data.count(b"\n")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("length", [7, 1000, 40_000, 300_000])
@pytest.mark.parametrize("packed", [False, True])
def test_blocks_are_about_as_large_as_asked(
    tmp_path: Path, end: str, length: int, packed: bool
) -> None:
    size = 100_000
    lines = [str(at).ljust(length - len(end), "x") for at in range(2_000_000 // length)]
    content = (end.join(lines) + end).encode()
    found, _ = blocks(tmp_path, gzip.compress(content, 1) if packed else content, size)
    assert b"".join(block.data for block in found) == "".join(f"{x}\n" for x in lines).encode()
    if not packed and length < size:
        assert max(len(block.data) for block in found) <= size + length
        assert len(found) <= len(content) // (size - 40_000) + 1


def test_lines_that_are_no_utf8_are_latin_1(tmp_path: Path) -> None:
    content = "é\n".encode() + b"a\nb\nSj\xf6gren\n" + "ü\n".encode() + b"\xe9\n"
    for size in (1, 4, 100):
        found, notices = blocks(tmp_path, content, size)
        assert b"".join(b.data for b in found).decode() == "é\na\nb\nSjögren\nü\né\n"
        assert notices == ["not_utf8 line 4"]
    assert utf8_lines(content, "x")[0].decode() == "é\na\nb\nSjögren\nü\né\n"


@pytest.mark.parametrize(
    ("content", "code", "place"),
    [
        (b"", "empty_file", ""),
        (gzip.compress(b""), "empty_file", ""),
        (gzip.compress(b"abc\n" * 99)[:-9], "corrupt_gzip", ""),
        (b"a\nb\nc\0d\n", "binary_content", "line 3, byte 2"),
        (b"\xff\xfea\0\n\0b", "binary_content", ""),
        (b"x" * (MAX_LINE_BYTES + 1), "line_too_long", "line 1"),
        (b"a\nb\n" + b"x" * (MAX_LINE_BYTES + 1), "line_too_long", "line 3"),
    ],
)
def test_faults(tmp_path: Path, content: bytes, code: str, place: str) -> None:
    with pytest.raises(BadInput) as caught:
        blocks(tmp_path, content, 2 if len(content) < 100 else 2**20)
    assert (caught.value.code, caught.value.place, caught.value.file) == (code, place, "x.txt")
    assert caught.value.hint


def test_a_byte_order_mark_alone_is_an_empty_line(tmp_path: Path) -> None:
    assert blocks(tmp_path, b"\xef\xbb\xbf", 9)[0] == [Stretch(b"\n", 0, 1)]


@pytest.mark.parametrize("lines", [1, 2, 50])
def test_blocks_made_ahead_are_the_same_and_so_are_faults(tmp_path: Path, lines: int) -> None:
    path = tmp_path / "x.txt"
    path.write_bytes(b"abc\n" * lines)
    assert list(ahead(iter(Blocks(path, "x", 9)))) == list(Blocks(path, "x", 9))
    path.write_bytes(b"abc\n" * lines + b"\0")
    with pytest.raises(BadInput, match="NUL"):
        list(ahead(iter(Blocks(path, "x", 9))))


def lines_of(folder: Path, content: bytes) -> tuple[list[str], list[str], bool]:
    path = folder / "x.txt"
    path.write_bytes(content)
    lines = Lines(path, "x.txt")
    found = [line for _, line in lines]
    return found, [notice.code for notice in lines.notices], lines.whole


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_single_lines_of_utf16(
    tmp_path: Path, codec: str, pack: Callable[[bytes], bytes], end: str
) -> None:
    rows = ["#größe", *(f"{i}\t名" for i in range(5000))]
    content = ("\ufeff" + "".join(row + end for row in rows)).encode(codec)
    assert lines_of(tmp_path, pack(content)) == (rows, ["not_utf8"], True)
    assert lines_of(tmp_path, pack(content[: -2 * len(end)])) == (rows, ["not_utf8"], False)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("rest", [b"c", b"\x00\xd8d\0"])
def test_single_lines_that_begin_as_utf16(
    tmp_path: Path, pack: Callable[[bytes], bytes], rest: bytes
) -> None:
    with pytest.raises(BadInput, match="begins as UTF-16") as caught:
        lines_of(tmp_path, pack("a\nb\n".encode("utf-16") + rest))
    assert (caught.value.code, caught.value.file) == ("binary_content", "x.txt")
