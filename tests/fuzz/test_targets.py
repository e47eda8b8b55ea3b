"""No input, however damaged, gives anything but a result or one clear error."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.assets.ingest.formats.seeds import Seed
from tests.fuzz.targets import OTHERS, TARGETS, attempt, made, seed_of

TEXTS = st.text(st.sampled_from("aA1.-\t,;\"'#!^=\n\r %\0é数\ufeff{}[]<>&/\\*"), max_size=200)


@pytest.mark.parametrize("target", OTHERS)
def test_seeds_are_valid(target, tmp_path):
    assert attempt(target, seed_of(target), tmp_path) == "read"


@pytest.mark.parametrize("target", OTHERS)
def test_damage_is_told_by_a_clear_error(target, tmp_path_factory):
    folder = tmp_path_factory.mktemp("fuzz")

    @settings(max_examples=150, deadline=None)
    @given(number=st.integers(0, 100_000))
    def one(number):
        attempt(target, made(target, number), folder)

    one()


@pytest.mark.parametrize("target", TARGETS)
def test_any_bytes(target, tmp_path_factory):
    """After the beginning of a seed, so that the content gets past the first look."""
    folder, seed = tmp_path_factory.mktemp("fuzz"), seed_of(target)
    contents = st.binary(max_size=300) | TEXTS.map(str.encode)

    @settings(max_examples=40, deadline=None)
    @given(part=st.floats(0, 1), content=contents)
    def one(part, content):
        data = seed.data[: int(part * len(seed.data))] + content
        if not data.startswith(b"\x89HDF"):  # such may crash the library, and us with it
            attempt(target, Seed(seed.name, data, seed.sidecars), folder)

    one()
