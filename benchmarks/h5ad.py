"""How fast small h5ad files are read, beside `anndata.read_h5ad`.

Two of ours: `polly` reads as ingest does, in a process of its own whose answer is taken over;
`polly, in this process` is the reader without that, so that the difference is what safety costs.
All give samples, features and every value; sums of values are checked to be equal. `h5py alone`
opens and reads the same arrays at the lowest level and makes nothing of them: what HDF5 takes.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from benchmarks.common import OURS, Bench, Result, Side, turns
from polly_assets.ingest.formats.base import ParsedDataset, Reader, Source
from polly_assets.ingest.formats.registry import READERS

_H5AD = next(row for row in READERS if row.name == "h5ad")

SHAPES = (
    ("dense", 100, 500, {}),
    ("sparse", 100, 500, {}),
    ("dense", 2_000, 1_000, {}),
    ("dense, gzip", 2_000, 1_000, {"compression": "gzip"}),
    ("sparse", 2_000, 8_000, {}),
    ("sparse, gzip", 2_000, 8_000, {"compression": "gzip"}),
)

_SPARSE = (b"X/data", b"X/indices", b"X/indptr")
_TABLES = (
    b"obs/_index",
    b"obs/batch/categories",
    b"obs/batch/codes",
    b"obs/cell_type/categories",
    b"obs/cell_type/codes",
    b"obs/n_counts",
    b"obs/n_genes",
    b"uns/title",
    b"var/_index",
    b"var/symbol",
    b"var/variable",
)


def run(bench: Bench) -> None:
    """Measure and tell."""
    anndata = bench.peer("anndata")
    if anndata is None:
        return
    for path, what in _files(bench.folder):
        sides: dict[str, Side] = {
            OURS: partial(_read, _H5AD.load(), path),
            "polly, in this process": partial(_read, _H5AD.bare(), path),
            "anndata.read_h5ad": partial(_peer, anndata, path),
            "h5py alone": partial(_arrays, path),
        }
        times = turns(sides, 4 * bench.rounds, _equal)
        size = path.stat().st_size / 1e6
        notes = "cpu of polly is that of this process alone: the other one has its own"
        bench.add(Result("h5ad", what, times, ">= 5x anndata", size, "MB", notes))


def _files(folder: Path) -> Iterator[tuple[Path, str]]:
    for kind, cells, genes, how in SHAPES:
        path = folder / f"{kind}-{cells}.h5ad"
        _annotated(kind.startswith("sparse"), cells, genes).write_h5ad(path, **how)
        size = path.stat().st_size / 1e6
        yield path, f"{kind}, {cells:,} cells x {genes:,} genes, {size:.1f} MB"


def _annotated(sparse: bool, cells: int, genes: int) -> Any:
    import anndata
    import pandas as pd
    import scipy.sparse

    rng = np.random.default_rng(1)
    counts = rng.poisson(0.1, (cells, genes)).astype("float32")
    obs = pd.DataFrame(
        {
            "cell_type": pd.Categorical(rng.choice(list("abcdef"), cells)),
            "batch": pd.Categorical(rng.choice(["x", "y"], cells)),
            "n_counts": counts.sum(axis=1),
            "n_genes": (counts > 0).sum(axis=1),
        },
        index=[f"cell{i}" for i in range(cells)],
    )
    var = pd.DataFrame(
        {"symbol": [f"S{i}" for i in range(genes)], "variable": rng.random(genes) > 0.5},
        index=[f"ENSG{i:011}" for i in range(genes)],
    )
    made = anndata.AnnData(scipy.sparse.csr_matrix(counts) if sparse else counts, obs=obs, var=var)
    made.uns["title"] = "A study"
    return made


def _read(reader: Reader, path: Path) -> float:
    """All of a file; the sum of its values."""
    total = 0.0
    for item in reader.read(Source(path, path.name)):
        if not isinstance(item, ParsedDataset):
            raise item.error
        for block in item.matrices[0].blocks():
            values = block if isinstance(block, np.ndarray) else block.values
            total += float(values.sum(dtype="float64"))
    return total


def _arrays(path: Path) -> float:
    """The arrays of tables and matrix, opened by their paths; the sum of the matrix."""
    file = h5py.h5f.open(bytes(path), h5py.h5f.ACC_RDONLY)
    sparse = isinstance(h5py.h5o.open(file, b"X"), h5py.h5g.GroupID)
    values, *_ = [_array(file, name) for name in (_SPARSE if sparse else (b"X",))]
    for name in _TABLES:
        _array(file, name)
    return float(values.sum(dtype="float64"))


def _array(file: h5py.h5f.FileID, name: bytes) -> Any:
    found = h5py.h5d.open(file, name)
    values = np.empty(found.shape, found.dtype)
    found.read(h5py.h5s.ALL, h5py.h5s.ALL, values)
    return values


def _peer(anndata: Any, path: Path) -> float:
    return float(anndata.read_h5ad(path).X.sum(dtype="float64"))


def _equal(totals: dict[str, Any]) -> None:
    if len(set(totals.values())) != 1:
        raise AssertionError(f"the sums of values differ: {totals}")
