"""How fast small h5ad files are read, beside `anndata.read_h5ad`.

Two of ours: `polly` reads as ingest does, in a process of its own whose answer is taken over;
`polly, in this process` is the reader without that, so that the difference is what safety costs.
All give samples, features and every value; sums of values are checked to be equal. `h5py alone`
opens and reads all arrays of the file at the lowest level and makes nothing of them: what HDF5
takes. Files with `annotations` have 13 columns of cells, 7 of genes and a `uns`, as those of
repositories have. Many files after one another are read ahead by ours, as ingest does.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from shutil import copyfile
from typing import Any

import h5py
import numpy as np

from benchmarks.common import OURS, Bench, Result, Side, turns
from polly_assets.ingest.ahead import ahead
from polly_assets.ingest.formats.base import FailedDataset, ParsedDataset, Reader, Source
from polly_assets.ingest.formats.registry import READERS

_H5AD = next(row for row in READERS if row.name == "h5ad")

SHAPES = (
    ("dense", 100, 500, {}),
    ("sparse", 100, 500, {}),
    ("dense, annotations", 150, 1_500, {}),
    ("sparse, annotations", 400, 2_000, {}),
    ("sparse, annotations, gzip", 400, 2_000, {"compression": "gzip"}),
    ("dense", 2_000, 1_000, {}),
    ("dense, gzip", 2_000, 1_000, {"compression": "gzip"}),
    ("sparse", 2_000, 8_000, {}),
    ("sparse, gzip", 2_000, 8_000, {"compression": "gzip"}),
)

MANY = 50
_WORKERS = 2


def run(bench: Bench) -> None:
    """Measure and tell."""
    anndata = bench.peer("anndata")
    if anndata is None:
        return
    notes = "cpu of polly is that of this process alone: the other one has its own"
    for path, what in _files(bench.folder):
        sides: dict[str, Side] = {
            OURS: partial(_read, _H5AD.load(), path),
            "polly, in this process": partial(_read, _H5AD.bare(), path),
            "anndata.read_h5ad": partial(_peer, anndata, path),
            "h5py alone": partial(_arrays, path, _paths(path)),
        }
        times = turns(sides, 4 * bench.rounds, _equal)
        size = path.stat().st_size / 1e6
        bench.add(Result("h5ad", what, times, ">= 5x anndata", size, "MB", notes))
    paths = [*_many(bench.folder)]
    sides = {
        OURS: partial(_read_ahead, paths),
        "polly, in this process": lambda: sum(_read(_H5AD.bare(), path) for path in paths),
        "anndata.read_h5ad": lambda: sum(_peer(anndata, path) for path in paths),
    }
    what = f"{MANY} sparse files with annotations, {_WORKERS} read ahead"
    times = turns(sides, bench.rounds, _equal)
    bench.add(Result("h5ad", what, times, ">= 5x anndata", MANY, "files", notes))


def _files(folder: Path) -> Iterator[tuple[Path, str]]:
    for kind, cells, genes, how in SHAPES:
        path = folder / f"{kind}-{cells}.h5ad"
        made = _annotated(kind.startswith("sparse"), cells, genes, "annotations" in kind)
        made.write_h5ad(path, **how)
        size = path.stat().st_size / 1e6
        yield path, f"{kind}, {cells:,} cells x {genes:,} genes, {size:.1f} MB"


def _many(folder: Path) -> Iterator[Path]:
    first = folder / "many-0.h5ad"
    _annotated(True, 400, 2_000, rich=True).write_h5ad(first)
    yield first
    for i in range(1, MANY):
        yield Path(copyfile(first, folder / f"many-{i}.h5ad"))


def _annotated(sparse: bool, cells: int, genes: int, rich: bool = False) -> Any:
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
    if rich:
        _enrich(made, rng)
    return made


def _enrich(made: Any, rng: np.random.Generator) -> None:
    """Add the columns and the metadata that files of repositories have."""
    import pandas as pd

    for name, words in {"cluster": 12, "donor": 6, "tissue": 3, "disease": 2, "sex": 2}.items():
        made.obs[name] = pd.Categorical(rng.integers(0, words, made.n_obs).astype(str))
    made.obs["barcode"] = [f"ACGT{i:012}" for i in range(made.n_obs)]
    made.obs["note"] = [f"sample {i % 50}" for i in range(made.n_obs)]
    made.obs["fraction"] = rng.random(made.n_obs)
    made.obs["doublet"] = rng.random(made.n_obs) > 0.9
    made.var["kind"] = pd.Categorical(["Gene Expression"] * made.n_vars)
    made.var["chromosome"] = pd.Categorical(rng.integers(1, 23, made.n_vars).astype(str))
    made.var["mean"] = rng.random(made.n_vars).astype("float32")
    made.var["cells"] = rng.integers(0, made.n_obs, made.n_vars)
    made.var["dispersion"] = rng.random(made.n_vars)
    made.uns["description"] = "What was done. " * 20
    made.uns["organism"] = "Homo sapiens"
    made.uns["colors"] = ["#ffffff", "#000000"]
    made.uns["log1p"] = {"base": 2.0}
    made.uns["pca"] = {"variance": rng.random(50), "params": {"centred": True, "n": 50}}


def _read(reader: Reader, path: Path) -> float:
    """All of a file; the sum of its values."""
    return _sum(reader.read(Source(path, path.name)))


def _read_ahead(paths: Sequence[Path]) -> float:
    return sum(_sum(items) for _, items in ahead(paths, _items, _WORKERS))


def _items(path: Path) -> Generator[ParsedDataset | FailedDataset, None, None]:
    yield from _H5AD.load().read(Source(path, path.name))


def _sum(items: Iterable[ParsedDataset | FailedDataset]) -> float:
    total = 0.0
    for item in items:
        if not isinstance(item, ParsedDataset):
            raise item.error
        for block in item.matrices[0].blocks():
            values = block if isinstance(block, np.ndarray) else block.values
            total += float(values.sum(dtype="float64"))
    return total


def _paths(path: Path) -> list[bytes]:
    """Where a file has its arrays; that of the values first."""
    found: list[str] = []
    with h5py.File(path) as file:
        file.visititems(lambda name, node: found.append(name) if hasattr(node, "dtype") else None)
    return [name.encode() for name in sorted(found, key=lambda name: name not in ("X", "X/data"))]


def _arrays(path: Path, names: Sequence[bytes]) -> float:
    """The arrays of a file, opened by their paths; the sum of the first."""
    file = h5py.h5f.open(bytes(path), h5py.h5f.ACC_RDONLY)
    values, *_ = [_array(file, name) for name in names]
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
