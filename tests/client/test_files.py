"""Files that appear whole or not at all."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from polly_api.words import BadInput, Unavailable
from polly_client.files import replacing


def test_whole_or_as_it_was(tmp_path: Path):
    out = tmp_path / "x"
    out.write_text("before")
    with pytest.raises(ValueError, match="bad"), replacing(out) as fresh:
        fresh.write_text("half")
        raise ValueError("bad")
    assert out.read_text() == "before"
    with replacing(out) as fresh:
        fresh.write_text("after")
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
    assert out.read_text() == "after"


def test_no_such_folder(tmp_path: Path):
    for out in (tmp_path, tmp_path / "none" / "x"):
        with pytest.raises(BadInput) as caught, replacing(out):
            pass
        assert (caught.value.code, caught.value.file) == ("bad_output", str(out))


def test_a_full_disk(tmp_path: Path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, before[1]))
    try:
        with pytest.raises(Unavailable) as caught, replacing(tmp_path / "x") as fresh:
            fresh.write_bytes(b"x" * 2_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (caught.value.code, caught.value.file) == ("cannot_write", str(tmp_path / "x"))
    assert not list(tmp_path.iterdir())
