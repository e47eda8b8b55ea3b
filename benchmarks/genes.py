"""One gene across all datasets of an atlas.

Beside us: `axis_query(var_query)` of TileDB-SOMA over one experiment of all studies, and a
loop over h5ad files. Each gives the value of every sample; all are checked to be equal.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks import stores
from benchmarks.common import OURS, Bench, Result, Side, turns
from benchmarks.data import GENES, PROBE, SAMPLES

Values = dict[str, float]


def run(bench: Bench) -> None:
    """Measure and tell."""
    polly = stores.atlas(bench)
    sides: dict[str, Side] = {OURS: lambda: polly.door.gene(PROBE, stores.ATLAS)}
    soma = bench.peer("tiledbsoma")
    if soma:
        uri = stores.experiment(bench)
        sides["TileDB-SOMA axis_query"] = lambda: _soma(soma, uri)
    sides["h5ad files, one by one"] = lambda: _files(bench)
    what = f"{PROBE} in {bench.datasets} datasets of {GENES:,} genes x {SAMPLES} samples"
    times = turns(sides, bench.rounds, _equal)
    bench.add(Result("genes", what, times, ">= 20x TileDB-SOMA at 1,000 datasets"))


def _soma(soma: Any, uri: str) -> tuple[Any, Any]:
    wanted = soma.AxisQuery(value_filter=f"symbol == '{PROBE}'")
    with (
        soma.Experiment.open(uri) as opened,
        opened.axis_query(stores.MEASUREMENT, var_query=wanted) as query,
    ):
        samples = query.obs(column_names=["soma_joinid", "sample_id", "dataset_id"]).concat()
        return query.X("data").tables().concat(), samples


def _files(bench: Bench) -> Values:
    import anndata

    found: Values = {}
    for path in stores.h5ad_files(bench):
        one = anndata.read_h5ad(path)
        values = one.X[:, one.var_names.get_loc(PROBE)]
        found |= zip(one.obs_names, values.tolist(), strict=True)
    return found


def _equal(answers: dict[str, Any]) -> None:
    """Compare by sample, as float32; what SOMA does not store is zero."""
    values = {name: _by_sample(answer) for name, answer in answers.items()}
    ours = values[OURS]
    for name, theirs in values.items():
        same = ours.keys() == theirs.keys() and all(
            np.float32(ours[sample]) == np.float32(theirs[sample]) for sample in ours
        )
        if not same:
            raise AssertionError(f"{name} gives other values for {PROBE}")


def _by_sample(answer: Any) -> Values:
    if isinstance(answer, dict):
        return answer
    if isinstance(answer, tuple):
        stored, samples = answer
        at = dict(
            zip(stored["soma_dim_0"].to_pylist(), stored["soma_data"].to_pylist(), strict=True)
        )
        return {row["sample_id"]: at.get(row["soma_joinid"], 0.0) for row in samples.to_pylist()}
    pairs = zip(answer["sample_id"].to_pylist(), answer["value"].to_pylist(), strict=True)
    return dict(pairs)
