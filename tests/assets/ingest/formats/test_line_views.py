"""Views of lines are the file's lines, wherever its pieces are cut."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from polly_assets.ingest.formats.streams import line_views, text
from polly_resources.errors import BadInput


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    text=st.lists(st.sampled_from(["ab", "c", "\n", "\r\n", "\r", "d e f"]), max_size=30),
    size=st.integers(1, 9),
    mark=st.booleans(),
)
def test_lines_however_pieces_are_cut(tmp_path: Path, text: list[str], size: int, mark: bool):
    path = tmp_path / "x.mtx"
    content = "".join(text)
    path.write_bytes((b"\xef\xbb\xbf" if mark and size > 2 else b"") + content.encode())
    blocks = list(map(bytes, line_views.line_views(path, "x.mtx", size)))
    plain = content.replace("\r\n", "\n").replace("\r", "\n")
    expected = plain + ("\n" if plain and not plain.endswith("\n") else "")
    assert b"".join(blocks).decode() == expected
    assert all(block.endswith(b"\n") for block in blocks)


def test_a_line_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(text, "MAX_LINE_BYTES", 100)
    path = tmp_path / "x.mtx"
    path.write_bytes(b"1 1 1\n" + b"1" * 300)
    with pytest.raises(BadInput) as caught:
        list(line_views.line_views(path, "x.mtx", 50))
    assert (caught.value.code, caught.value.file) == ("line_too_long", "x.mtx")
