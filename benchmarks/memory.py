"""What memory `polly ingest` and `polly get` take of much data: single cells, and GCT text.

Measured is the whole command, on a new instance, embedded: the most that its processes hold
together (resident memory; what they share is counted for each), every 0.1 s. No peer does this
work. Sizes are chosen with `--cells` (values in each: `--per-cell`) and `--rows`; of 0 nothing is
measured. Linux only.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import h5py
import numpy as np

from benchmarks import data
from benchmarks.common import OURS, Bench, Result, Times

COMMAND = [sys.executable, "-c", "from polly_client.cli.main import run; run()"]
GENES, CELLS_AT_ONCE = 20_000, 20_000
WORDS = {
    "cell_type": ("T cell", "B cell", "monocyte"),
    "tissue": ("blood", "bone marrow", "spleen"),
    "disease": ("normal", "asthma", "COVID-19"),
    "sex": ("female", "male"),
    "donor_id": tuple(f"D{number}" for number in range(40)),
}
SAMPLES = 10_000
"""Columns of the GCT; a row is about 70 kB."""

GOAL = "< 2 GB for 1 million cells and for text of 10 GB"


def run(bench: Bench) -> None:
    """Measure and tell."""
    if not Path("/proc/self/status").exists():
        bench.skip("memory: this system does not tell what processes hold")
        return
    cells, rows = (20_000, 2_000) if bench.quick else (bench.cells, bench.rows)
    if cells:
        path = _written(bench, write_cells, "cells.h5ad", cells, bench.per_cell)
        _measure(bench, path, f"{cells:,} cells x {bench.per_cell:,} values", "h5ad")
    if rows:
        path = _written(bench, write_gct, "rows.gct", rows)
        _measure(bench, path, f"{rows:,} x {SAMPLES:,} values", "h5ad", "csv")


def _written(bench: Bench, write: Callable[..., None], name: str, *sizes: int) -> Path:
    """The file, made by another process, whose memory is its own."""
    path = bench.folder / name
    call = f"memory.{write.__name__}(Path({str(path)!r}), *{sizes})"
    code = f"from pathlib import Path; from benchmarks import memory; {call}"
    subprocess.run([sys.executable, "-c", code], check=True)
    return path


def _measure(bench: Bench, path: Path, what: str, *formats: str) -> None:
    """Ingest the file, then get it in each of these formats."""
    home, kind = bench.folder / "home", path.suffix[1:]
    times, peak = _timed(bench, home, "ingest", str(path), "--atlas", "bench", "--json")
    stored = sum(f.stat().st_size for f in (home / "tables").rglob("*") if f.is_file())
    sizes = {"file": path.stat().st_size, "tables": stored}
    _tell(bench, f"{kind}: {what}", times, peak, sizes)
    path.unlink()
    for name in formats:
        out = bench.folder / f"out.{name}"
        asked = ("--atlas", "bench", "--format", name, "-o", str(out))
        times, peak = _timed(bench, home, "get", path.stem, *asked)
        _tell(bench, f"get {name}: {what}", times, peak, {"file": out.stat().st_size})
        out.unlink()
    shutil.rmtree(home)


def _timed(bench: Bench, home: Path, *arguments: str) -> tuple[Times, int]:
    """What a command takes, and the most memory that it and its processes hold."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    with (bench.folder / "out").open("w") as out:
        command = [*COMMAND, "--home", str(home), *arguments]
        child = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
        peak = _peak(child)
    wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if child.returncode:
        told = (bench.folder / "out").read_text()[-2000:]
        raise RuntimeError(f"polly {arguments[0]} gave {child.returncode}: {told}")
    cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return Times([wall], [cpu]), peak


def _tell(bench: Bench, name: str, times: Times, peak: int, sizes: Mapping[str, int]) -> None:
    held = (f"{what} {n / 2**20:,.0f} MB" for what, n in sizes.items())
    notes = f"peak {peak / 2**20:,.0f} MB of memory; {', '.join(held)}"
    bench.add(Result("memory", name, {OURS: times}, GOAL, 1, "datasets", notes))


def _peak(child: subprocess.Popen[bytes]) -> int:
    """Wait for the child; the most bytes that it and its descendants held at once."""
    peak = 0
    while child.poll() is None:
        peak = max(peak, sum(_resident(pid) for pid in _tree(child.pid)))
        time.sleep(0.1)
    return peak


def _tree(pid: int) -> Iterator[int]:
    yield pid
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            for each in (task / "children").read_text().split():
                yield from _tree(int(each))
    except OSError:  # it has ended
        return


def _resident(pid: int) -> int:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def write_cells(path: Path, cells: int, per_cell: int) -> None:
    """An h5ad of counts, CSR, `per_cell` of GENES in each cell, as anndata writes it."""
    rng = np.random.default_rng(0)
    step = GENES // per_cell
    with h5py.File(path, "w") as file:
        file.attrs.update({"encoding-type": "anndata", "encoding-version": "0.1.0"})
        x = file.create_group("X")
        x.attrs.update({"encoding-type": "csr_matrix", "encoding-version": "0.1.0"})
        x.attrs["shape"] = np.array([cells, GENES], np.int64)
        entries = cells * per_cell
        values = x.create_dataset("data", (entries,), np.float32, chunks=(1 << 18,))
        indices = x.create_dataset("indices", (entries,), np.int32, chunks=(1 << 18,))
        x["indptr"] = np.arange(cells + 1, dtype=np.int64) * per_cell
        for first in range(0, cells, CELLS_AT_ONCE):
            count = min(CELLS_AT_ONCE, cells - first)
            at = slice(first * per_cell, (first + count) * per_cell)
            offsets = rng.integers(0, step, (count, per_cell), dtype=np.int32)
            indices[at] = (offsets + np.arange(per_cell, dtype=np.int32) * step).ravel()
            values[at] = rng.geometric(0.4, count * per_cell).astype(np.float32)
        _frame(file, "var", np.array(data.symbols(GENES), object), {})
        barcodes = np.array([f"{i * 2654435761 % 2**32:08X}-{i}" for i in range(cells)], object)
        _frame(file, "obs", barcodes, {**_words(rng, cells), "score": rng.random(cells)})


def _words(rng: np.random.Generator, cells: int) -> dict[str, np.ndarray]:
    """What is said of each cell, as atlases of cells do: the same few words again and again."""
    words = {name: np.array(few, object) for name, few in WORDS.items()}
    return {name: few[rng.integers(0, len(few), cells)] for name, few in words.items()}


def _frame(file: h5py.File, key: str, index: np.ndarray, columns: dict[str, np.ndarray]) -> None:
    group = file.create_group(key)
    group.attrs.update({"encoding-type": "dataframe", "encoding-version": "0.2.0"})
    group.attrs["_index"] = "_index"
    group.attrs.create("column-order", list(columns), dtype=h5py.string_dtype())
    for name, values in {"_index": index, **columns}.items():
        text = values.dtype == object
        kind = {"encoding-type": "string-array" if text else "array", "encoding-version": "0.2.0"}
        node = group.create_dataset(name, data=values, dtype=h5py.string_dtype() if text else None)
        node.attrs.update(kind)


def write_gct(path: Path, rows: int) -> None:
    """A GCT 1.2 whose rows are drawn from a pool of stretches of 100 values."""
    rng = np.random.default_rng(0)
    pool = ["\t".join(f"{v:.4f}" for v in rng.gamma(2, 2, 100)) for _ in range(2_000)]
    with path.open("w") as file:
        samples = "\t".join(f"S{i}" for i in range(SAMPLES))
        file.write(f"#1.2\n{rows}\t{SAMPLES}\nName\tDescription\t{samples}\n")
        for row in range(rows):
            parts = rng.integers(0, len(pool), SAMPLES // 100)
            file.write(f"G{row}\tna\t" + "\t".join(pool[i] for i in parts) + "\n")
