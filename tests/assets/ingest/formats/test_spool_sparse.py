"""Sparse matrices put together: the same however their entries were parted, and by whom sorted."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from polly_assets.ingest.formats.base import SparseBlock
from polly_assets.ingest.formats.streams.spool_sparse import Assembly, Entries, SpooledMatrix

FEATURES, SAMPLES = 7, 5
ENTRY = st.tuples(
    st.integers(0, FEATURES - 1), st.integers(0, SAMPLES - 1), st.integers(-9, 2**31 - 1)
)


def portions(entries: list[tuple[int, int, int]], size: int) -> Iterator[Entries]:
    for start in range(0, len(entries), size):
        features, samples, values = (
            np.array(each, np.int32) for each in zip(*entries[start : start + size], strict=True)
        )
        yield features, samples, values


def whole(matrix: SpooledMatrix) -> np.ndarray:
    parts = []
    for block in matrix.blocks(2):
        assert isinstance(block, SparseBlock)
        shape = (len(block.indptr) - 1, SAMPLES)
        parts.append(sp.csr_matrix((block.values, block.indices, block.indptr), shape).toarray())
    return np.vstack(parts)


@settings(deadline=None)
@given(st.lists(ENTRY, max_size=40), st.integers(1, 9), st.integers(1, 20))
def test_portions_are_summed_whatever_their_size(
    entries: list[tuple[int, int, int]], size: int, portion: int
) -> None:
    expected = np.zeros((FEATURES, SAMPLES), np.int64)
    for feature, sample, value in entries:
        expected[feature, sample] += value
    one_by_one = Assembly(FEATURES, SAMPLES, len(entries))
    at_once = Assembly(FEATURES, SAMPLES, len(entries))
    one_by_one.portion = at_once.portion = portion
    for each in portions(entries, size):
        one_by_one.add(*each)
    at_once.extend(portions(entries, size))
    repeated = len(entries) - len({entry[:2] for entry in entries})
    for assembly in (one_by_one, at_once):
        matrix, found = assembly.finish("int32")
        assert found == repeated
        for _ in range(2):
            assert (whole(matrix) == expected).all()


def test_what_is_wrong_with_a_later_portion_is_told() -> None:
    def broken() -> Iterator[Entries]:
        yield from portions([(1, 1, 1)] * 40, 4)
        raise ValueError("line 41")

    assembly = Assembly(FEATURES, SAMPLES, 80)
    assembly.portion = 4
    with pytest.raises(ValueError, match="line 41"):
        assembly.extend(broken())
