"""A file becomes datasets or one error, whatever is the matter with it."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from polly_assets.ingest.formats.base import Source
from polly_assets.ingest.reading import datasets
from polly_resources.errors import BadInput

ENDINGS = ("", ".csv", ".gct", ".gctx", ".h5", ".h5ad", ".loom", ".parquet", ".soft", ".xml")
NAMES = tuple(f"x{ending}" for ending in ENDINGS)


def code(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    with pytest.raises(BadInput) as caught:
        list(datasets(Source(path, path.name)))
    assert caught.value.file == path.name
    return caught.value.code


@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_nothing_is_told_as_empty(tmp_path: Path, name: str) -> None:
    assert code(tmp_path / name, b"") == "empty_file"
    assert code(tmp_path / f"{name}.gz", b"") == "empty_file"
    assert code(tmp_path / f"{name}.gz", gzip.compress(b"")) == "empty_file"


@pytest.mark.parametrize("name", NAMES)
def test_a_gzip_without_a_readable_byte_is_told_as_damaged(tmp_path: Path, name: str) -> None:
    assert code(tmp_path / f"{name}.gz", b"\x1f\x8b\x08\0abc") == "corrupt_gzip"


def test_content_of_no_known_format_stays_unknown(tmp_path: Path) -> None:
    assert code(tmp_path / "x.h5ad", b"\xde\xad\0\1") == "unknown_format"
