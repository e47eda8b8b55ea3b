"""Matrices put aside: the same blocks whatever was held in memory, and whichever way round."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polly_assets.ingest.formats.base import Matrix
from polly_assets.ingest.formats.streams.spool import Spool


def whole(matrix: Matrix, features: int) -> np.ndarray:
    blocks = [np.asarray(block) for block in matrix.blocks(features)]
    assert all(len(block) == features for block in blocks[:-1])
    return np.vstack(blocks) if blocks else np.empty(matrix.shape)


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 9), max_size=6),
    st.integers(1, 9),
    st.integers(1, 8),
    st.sampled_from([0, 100, 400, 10**6]),
    st.booleans(),
    st.booleans(),
)
def test_what_is_added_is_given_back(
    runs: list[int], width: int, features: int, memory: int, transposed: bool, mixed: bool
) -> None:
    spool = Spool("x", transposed=transposed, memory_bytes=memory)
    expected = np.arange(sum(runs) * width).reshape(-1, width)
    first = 0
    for position, count in enumerate(runs):
        kind = np.float64 if mixed and position == 1 else np.int64
        spool.add(expected[first : first + count].astype(kind))
        first += count
    matrix = spool.matrix(width)
    del spool
    gc.collect()
    expected = expected.T if transposed else expected
    assert matrix.shape == expected.shape
    assert matrix.dtype == ("float64" if not expected.size or _mixes(runs, mixed) else "int64")
    for _ in range(2):
        found = whole(matrix, features)
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == matrix.dtype


def _mixes(runs: list[int], mixed: bool) -> bool:
    return mixed and len(runs) > 1 and runs[1] > 0


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc")
def test_the_file_is_gone_with_the_matrix() -> None:
    gc.collect()
    before = open_files()
    spool = Spool("x", memory_bytes=0)
    spool.add(np.ones((3, 2)))
    matrix = spool.matrix(2)
    del spool
    assert open_files() == before + 1
    assert whole(matrix, 2).sum() == 6
    del matrix
    gc.collect()
    assert open_files() == before


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    program = (
        "import resource, numpy as np\n"
        "from polly_assets.ingest.formats.streams.spool import Spool\n"
        "from polly_resources.errors import Unavailable\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))\n"
        "try:\n"
        "    Spool('x.gct', memory_bytes=0).add(np.ones((100, 10)))\n"
        "except Unavailable as error:\n"
        "    print(error.code, error.file, bool(error.hint))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert done.stdout.split() == ["no_temporary_space", "x.gct", "True"]
