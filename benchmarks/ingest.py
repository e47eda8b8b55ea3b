"""Storing prebuilt AnnData (h5ad files), beside `tiledbsoma.io.from_anndata`.

Two of ours: `tables` stores what SOMA stores (matrix, samples, features) and the table by gene;
`whole pipeline` also curates, indexes and reports each step to Dagster. Both sides read the same
files, into an empty store each round, and give the same sum of values.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from benchmarks import data, stores
from benchmarks.common import OURS, Bench, Result, Side, turns
from polly_assets import atlases, batches, knowledge
from polly_assets.batch_data import datasets_of
from polly_assets.ingest import landing, steps
from polly_assets.publish.measurements import measurements
from polly_assets.schema import MEASUREMENTS
from polly_assets.work import Work
from polly_client import Polly
from polly_resources.backends import Backends
from polly_resources.records import Priority
from polly_resources.settings import load


def run(bench: Bench) -> None:
    """Measure and tell."""
    files = stores.h5ad_files(bench)[: 8 if bench.quick else 24]
    fresh = count()

    def in_new(store: Callable[[Path, list[Path]], float]) -> float:
        folder = bench.folder / f"ingest-{next(fresh)}"
        total = store(folder, files)
        shutil.rmtree(folder)
        return total

    sides: dict[str, Side] = {
        OURS: lambda: in_new(_tables),
        "polly, whole pipeline": lambda: in_new(_pipeline),
    }
    if bench.peer("tiledbsoma"):
        sides["tiledbsoma from_anndata"] = lambda: in_new(_soma)
    times = turns(sides, 2 if bench.quick else 3, _equal)
    what = f"{len(files)} h5ad files of {data.SAMPLES} samples x {data.GENES:,} genes"
    goal = ">= 30x from_anndata"
    bench.add(Result("ingest", what, times, goal, float(len(files)), "datasets"))


def _tables(home: Path, files: list[Path]) -> float:
    """The raw files' matrices, features, samples and measurements, stored."""
    settings = load(home)
    backends = Backends(settings)
    atlas = atlases.get_or_create(backends.tables, stores.ATLAS)
    requests = landing.land(backends.objects, atlas, files, Priority.MEDIUM)
    backends.jobs.submit(requests)
    batch = batches.new_batch_id()
    jobs = batches.claim(backends.jobs, settings, batch)
    work = Work(atlas, batch, backends.jobs, backends.objects, backends.tables, backends.search)
    genes = knowledge.genes(backends.ontologies)
    steps.normalized(work, jobs, genes, workers=settings.workers)
    measurements(work, datasets_of(work, jobs))
    return _total(backends)


def _pipeline(home: Path, files: list[Path]) -> float:
    Polly(home=home).ingest(files, atlas=stores.ATLAS).wait()
    return _total(Backends(load(home)))


def _total(backends: Backends) -> float:
    rows = backends.tables.read(f"{stores.ATLAS}/{MEASUREMENTS.name}", columns=["value"])
    return float(rows["value"].to_numpy().sum())


def _soma(folder: Path, files: list[Path]) -> float:
    """Each file into the experiment, as its API has it; then the sum of what is stored."""
    import tiledbsoma  # type: ignore[import-not-found, unused-ignore]

    uri = str(folder)
    for path in files:
        stores.append(uri, stores.labelled(path))
    with tiledbsoma.Experiment.open(uri) as opened:
        stored = opened.ms[stores.MEASUREMENT].X["data"].read().tables().concat()
        return float(stored["soma_data"].to_numpy().astype("float64").sum())


def _equal(totals: dict[str, Any]) -> None:
    for name, total in totals.items():
        if abs(total / totals[OURS] - 1) > 1e-9:
            raise AssertionError(f"{name} stored {total}, we {totals[OURS]}")
