"""The lists of names beside a MatrixMarket matrix."""

from __future__ import annotations

from pathlib import Path

import pytest

from polly_assets.ingest.formats.tenx.lists import read_list
from polly_assets.ingest.formats.tenx.names import FEATURES
from polly_resources.errors import BadInput


@pytest.mark.parametrize("more", ["", "x" * 200_000])
def test_a_quote_that_does_not_end_in_its_line(tmp_path: Path, more: str):
    path = tmp_path / "features.csv"
    path.write_text(f'G1,one\nG2,"two\nG3,three{more}\nG4,four\n')
    with pytest.raises(BadInput) as caught:
        read_list(path, FEATURES)
    error = caught.value
    assert (error.code, error.file, error.place) == ("bad_quotes", "features.csv", "line 2")
