"""Datasets per second through `polly ingest`: GCT text in, queryable out.

Measured is the whole command, from its start to its end: interpreter, imports, databases,
reading, curation, tables, index. No peer does this work. The conditions are:

- `first ever`: no instance and an empty cache, so the lexicon is compiled (not with --quick).
- `new instance`: no instance, but the cache of an earlier one (with --quick the user's own).
- `more data`: a second landing in the same instance.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

from benchmarks import data
from benchmarks.common import OURS, Bench, Result, Times
from polly_client import Polly
from polly_resources.settings import load

COMMAND = [sys.executable, "-c", "from polly_client.cli.main import run; run()"]
ATLAS = "bench"


def run(bench: Bench) -> None:
    """Measure and tell."""
    shapes = [min(24, bench.datasets)] + ([] if bench.quick else [bench.datasets])
    cache = load().cache if bench.quick else bench.folder / "cache"
    if not bench.quick:
        first = _landing(bench, shapes[0], 0)
        _tell(bench, "first ever", shapes[0], [_ingest(bench, first, "home-0", cache)])
    for count in sorted(set(shapes)):
        again = range(1 if bench.quick else min(bench.rounds, 3))
        files = _landing(bench, count, 0)
        runs = [_ingest(bench, files, f"home-{count}-{n}", cache, keep=n == 0) for n in again]
        _tell(bench, "new instance", count, runs)
        more = _landing(bench, count, count)
        _tell(bench, "more data", count, [_ingest(bench, more, f"home-{count}-0", cache)])
        shutil.rmtree(bench.folder / f"home-{count}-0")


def _landing(bench: Bench, count: int, first: int) -> Path:
    folder = bench.folder / f"gct-{first}-{count}"
    if not folder.exists():
        folder.mkdir()
        for study in data.studies(count, first=first):
            data.write_gct(folder, study)
    return folder


def _ingest(
    bench: Bench, landing: Path, home: str, cache: Path, *, keep: bool = True
) -> tuple[float, float]:
    """Seconds of the command by the clock and of processors; checks that all is queryable."""
    instance = bench.folder / home
    command = [
        *COMMAND,
        "--home",
        str(instance),
        "ingest",
        str(landing),
        "--atlas",
        ATLAS,
        "--json",
    ]
    files = sorted(path.stem for path in landing.iterdir())
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "POLLY_CACHE": str(cache)},
    )
    wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    reports = [json.loads(line) for line in done.stdout.splitlines()]
    if done.returncode or sorted(r["dataset_id"] for r in reports) != files:
        raise RuntimeError(f"polly ingest gave {done.returncode}: {done.stderr[-2000:]}")
    found = set(Polly(home=instance).door.gene(data.PROBE, ATLAS)["dataset_id"].to_pylist())
    if not found.issuperset(files):
        raise AssertionError(f"{len(set(files) - found)} datasets cannot be queried")
    if not keep:
        shutil.rmtree(instance)
    cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return wall, cpu


def _tell(bench: Bench, condition: str, count: int, runs: list[tuple[float, float]]) -> None:
    times = Times([wall for wall, _ in runs], [cpu for _, cpu in runs])
    what = f"{condition}: {count} GCT files of {data.GENES:,} genes x {data.SAMPLES} samples"
    goal = ">= 10 datasets/s on 2 cores"
    bench.add(Result("endtoend", what, {OURS: times}, goal, float(count), "datasets"))
