"""No damage to a file surfaces as anything but a PollyError. `scripts/fuzz.py` tries many more."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polly_assets.ingest.formats.registry import READERS
from tests.assets.ingest.formats.fuzzing import damaged, read
from tests.assets.ingest.formats.seeds import SEEDS

TRIED = 2000
"""Of higher numbers a few crash the HDF5 library itself; `scripts/fuzz.py` survives that."""

NAMES = [row.name for row in READERS]


def test_every_reader_has_a_seed():
    assert set(NAMES) <= set(SEEDS)


@pytest.mark.parametrize("reader", NAMES)
def test_seeds_are_valid(reader, tmp_path):
    assert read(reader, SEEDS[reader](), tmp_path) == "read"


@pytest.mark.parametrize("reader", NAMES)
def test_damage_is_told_by_a_clear_error(reader, tmp_path_factory):
    folder = tmp_path_factory.mktemp("fuzz")

    @settings(max_examples=200, deadline=None)
    @given(number=st.integers(0, TRIED - 1))
    def attempt(number):
        read(reader, damaged(reader, number), folder)

    attempt()
