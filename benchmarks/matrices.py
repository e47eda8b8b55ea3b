"""One dataset of an atlas, whole: as arrays with its tables, and as AnnData.

Beside us: TileDB-SOMA's `axis_query(obs_query)` (its tables, and `to_anndata`),
`anndata.read_h5ad` of the dataset's own file, and `h5py` reading the bare matrix, which is
the floor. The matrices are checked to be equal, bit for bit.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks import stores
from benchmarks.common import OURS, Bench, Result, Side, turns
from benchmarks.data import GENES, SAMPLES
from polly_assets.publish.load import load_dataset
from polly_resources.backends import Backends
from polly_resources.settings import load

Matrix = npt.NDArray[np.float32]


def run(bench: Bench) -> None:
    """Measure and tell."""
    stores.atlas(bench)
    tables = Backends(load(bench.folder / "home")).tables
    file = _middle(bench)
    soma = bench.peer("tiledbsoma")
    sides: dict[str, Side] = {OURS: lambda: load_dataset(tables, stores.ATLAS, file.stem)}
    if soma:
        uri = stores.experiment(bench)
        sides["TileDB-SOMA tables"] = lambda: _soma_tables(soma, uri, file.stem)
    sides["h5py, the matrix only"] = lambda: _h5py(file)
    what = f"{GENES:,} genes x {SAMPLES} samples, one of {bench.datasets} datasets"
    times = turns(sides, bench.rounds * 3, _equal)
    bench.add(Result("matrices", f"to arrays: {what}", times, "<= 2x raw h5py"))
    _anndata(bench, soma, file, what)


def _anndata(bench: Bench, soma: Any, file: Path, what: str) -> None:
    import anndata

    polly = stores.atlas(bench)
    sides: dict[str, Side] = {
        OURS: lambda: polly.dataset(file.stem, stores.ATLAS).to_anndata(),
        "anndata.read_h5ad": lambda: anndata.read_h5ad(file),
    }
    if soma:
        uri = stores.experiment(bench)
        sides["TileDB-SOMA to_anndata"] = lambda: _soma_anndata(soma, uri, file.stem)
    times = turns(sides, bench.rounds * 3, _equal)
    bench.add(Result("matrices", f"to AnnData: {what}", times, ">= 4x anndata.read_h5ad"))


def _middle(bench: Bench) -> Path:
    files = stores.h5ad_files(bench)
    return files[len(files) // 2]


def _soma_query(soma: Any, opened: Any, dataset_id: str) -> Any:
    wanted = soma.AxisQuery(value_filter=f"dataset_id == '{dataset_id}'")
    return opened.axis_query(stores.MEASUREMENT, obs_query=wanted)


def _soma_tables(soma: Any, uri: str, dataset_id: str) -> tuple[Any, Any, Any]:
    with soma.Experiment.open(uri) as opened, _soma_query(soma, opened, dataset_id) as query:
        return query.X("data").tables().concat(), query.obs().concat(), query.var().concat()


def _soma_anndata(soma: Any, uri: str, dataset_id: str) -> Any:
    with soma.Experiment.open(uri) as opened, _soma_query(soma, opened, dataset_id) as query:
        return query.to_anndata(X_name="data")


def _h5py(file: Path) -> Matrix:
    import h5py

    with h5py.File(file) as opened:
        return np.asarray(opened["X"][:])


def _equal(answers: dict[str, Any]) -> None:
    ours = _matrix(answers[OURS])
    for name, answer in answers.items():
        if not np.array_equal(ours, _matrix(answer)):
            raise AssertionError(f"{name} gives other values")


def _matrix(answer: Any) -> Matrix:
    """Samples x genes, dense."""
    if isinstance(answer, np.ndarray):
        return answer
    if isinstance(answer, tuple):
        stored, samples, genes = answer
        rows = {number: i for i, number in enumerate(samples["soma_joinid"].to_pylist())}
        dense = np.zeros((samples.num_rows, genes.num_rows), dtype=np.float32)
        at = [rows[number] for number in stored["soma_dim_0"].to_pylist()]
        dense[at, stored["soma_dim_1"].to_numpy()] = stored["soma_data"].to_numpy()
        return dense
    if hasattr(answer, "matrices"):
        return np.asarray(answer.matrices["X"]).T
    return np.asarray(answer.X.toarray() if hasattr(answer.X, "toarray") else answer.X)
