"""How fast, and in how much memory, single-cell matrices are read, beside their own libraries.

Ours reads a file and takes all blocks, features first (once by its reader alone, once as ingest
does, where HDF5 is read in a process of its own); anndata and scanpy read it into memory as it
lies, cells first, and scipy a MatrixMarket file as coordinates. Ours also checks ids and indices.
The memory of reading many cells is measured in a process of its own:
`python -m benchmarks.sparse CELLS [FOLDER]`.
"""

from __future__ import annotations

import gzip
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from benchmarks.common import OURS, Bench, Result, Side, turns
from polly_assets.ingest.formats.base import ParsedDataset, Source, SparseBlock
from polly_assets.ingest.formats.registry import READERS, reader_for
from polly_assets.ingest.formats.streams.text import head

GENES, PER_CELL, SLAB = 36_000, 500, 20_000
"""Genes, entries of a cell, and cells that are drawn; more cells repeat them."""

APART = "polly, as ingest reads it"

Slab = tuple[npt.NDArray[np.int64], npt.NDArray[np.int32], npt.NDArray[np.float32]]


def run(bench: Bench) -> None:
    """Measure and tell."""
    import scipy.io

    cells = 5_000 if bench.quick else 40_000
    anndata, scanpy = bench.peer("anndata"), bench.peer("scanpy")
    for how, kwargs in (("plain", {}), ("gzip", {"compression": "gzip"})):
        path = write_h5ad(bench.folder / f"sparse-{how}.h5ad", cells, **kwargs)
        peers = {"anndata.read_h5ad": partial(anndata.read_h5ad, path)} if anndata else {}
        _compare(bench, f"h5ad, CSR, {how}", path, peers, ">= 1x read_h5ad, features first")
    path = write_tenx(bench.folder / "raw_feature_bc_matrix.h5", cells)
    peers = {"scanpy.read_10x_h5": partial(scanpy.read_10x_h5, path)} if scanpy else {}
    _compare(bench, "10x h5", path, peers, ">= 1x scanpy")
    for ending in ("", ".gz"):
        path = write_mtx(bench.folder / f"mtx{ending}", cells // 4, ending)
        peers = {"scipy.io.mmread": partial(scipy.io.mmread, path)}
        _compare(bench, f"10x mtx{ending}", path, peers, ">= 2x mmread")


def _compare(
    bench: Bench, what: str, path: Path, peers: dict[str, Callable[[], Any]], goal: str
) -> None:
    sides: dict[str, Side] = {OURS: partial(consume, path), APART: partial(consume, path, True)}
    sides |= {name: partial(_total, read) for name, read in peers.items()}
    size = path.stat().st_size / 1e6
    times = turns(sides, bench.rounds, _equal)
    bench.add(Result("sparse", f"{what}, {size:.0f} MB", times, goal, size, "MB"))
    path.unlink()


def consume(path: Path, apart: bool = False) -> tuple[int, float]:
    """Read a file, taking all its blocks: how many entries, and their sum.

    `apart`: as ingest reads it, which is in a process of its own where it is HDF5.
    """
    beside = {
        role: path.parent / f"{role}.tsv{path.suffix if path.suffix == '.gz' else ''}"
        for role in ("barcodes", "features")
    }
    sidecars = {role: each for role, each in beside.items() if each.exists()}
    name = f"{path.parent.name}/{path.name}"
    reader = reader_for(name, head(path))
    if not apart:
        reader = next(row for row in READERS if row.name == reader.name).bare()
    (found,) = reader.read(Source(path, name, sidecars))
    if not isinstance(found, ParsedDataset):
        raise found.error
    entries, total = 0, 0.0
    for block in found.matrices[0].blocks():
        values = block.values if isinstance(block, SparseBlock) else block
        entries += values.size
        total += float(values.sum(dtype=np.float64))
    return entries, total


def _total(read: Callable[[], Any]) -> tuple[int, float]:
    found = read()
    values = found.X.data if hasattr(found, "X") else found.data
    return values.size, float(values.sum(dtype=np.float64))


def _equal(answers: dict[str, Any]) -> None:
    if len(set(answers.values())) != 1:
        raise AssertionError(f"other entries: {answers}")


def slabs(cells: int) -> Iterator[Slab]:
    """Cells with counts of genes that differ in how often they are seen, in compressed rows."""
    rng = np.random.default_rng(0)
    popular = np.cumsum(rng.lognormal(0, 2, GENES))
    drawn = np.searchsorted(popular, rng.random((min(SLAB, cells), PER_CELL)) * popular[-1])
    drawn.sort(axis=1)
    fresh = np.ones(drawn.shape, bool)
    fresh[:, 1:] = drawn[:, 1:] > drawn[:, :-1]
    sizes, genes = fresh.sum(axis=1), drawn[fresh].astype(np.int32)
    counts = (1 + rng.poisson(0.7, len(genes))).astype(np.float32)
    while cells > 0:
        taken = min(cells, len(sizes))
        last = int(sizes[:taken].sum())
        yield sizes[:taken], genes[:last], counts[:last]
        cells -= taken


def _lists(group: h5py.Group, cells: int, **how: Any) -> None:
    """Data, indices and offsets, written slab by slab."""
    lists = {
        name: group.create_dataset(
            name, (0,), kind, maxshape=(None,), **({"chunks": (20_000,)} | how)
        )
        for name, kind in (("data", "f4"), ("indices", "i4"))
    }
    ends = [np.zeros(1, np.int64)]
    for sizes, genes, counts in slabs(cells):
        for dataset, part in ((lists["data"], counts), (lists["indices"], genes)):
            dataset.resize((len(dataset) + len(part),))
            dataset[len(dataset) - len(part) :] = part
        ends.append(ends[-1][-1] + np.cumsum(sizes))
    group["indptr"] = np.concatenate(ends)


def write_h5ad(path: Path, cells: int, **how: Any) -> Path:
    """A sparse h5ad as anndata writes it, whatever its size."""
    with h5py.File(path, "w") as file:
        file.attrs.update({"encoding-type": "anndata", "encoding-version": "0.1.0"})
        group = file.create_group("X")
        group.attrs.update({"encoding-type": "csr_matrix", "encoding-version": "0.1.0"})
        group.attrs["shape"] = (cells, GENES)
        _lists(group, cells, **how)
        for name, count, word in (("obs", cells, "CELL"), ("var", GENES, "GENE")):
            frame = file.create_group(name)
            frame.attrs.update({"encoding-type": "dataframe", "encoding-version": "0.2.0"})
            frame.attrs.update({"_index": "_index", "column-order": np.zeros(0, "S1")})
            names = np.array([f"{word}{i:08d}" for i in range(count)], object)
            frame.create_dataset("_index", data=names, dtype=h5py.string_dtype())
            frame["_index"].attrs.update(
                {"encoding-type": "string-array", "encoding-version": "0.2.0"}
            )
    return path


def write_tenx(path: Path, cells: int) -> Path:
    """Cell Ranger's layout: gzipped and shuffled chunks of 80,000."""
    with h5py.File(path, "w") as file:
        group = file.create_group("matrix")
        _lists(group, cells, chunks=(80_000,), compression="gzip", shuffle=True)
        group["shape"] = np.array([GENES, cells], np.int32)
        group["barcodes"] = np.array([f"CELL{i:08d}-1" for i in range(cells)], "S18")
        features = group.create_group("features")
        for name, word in (("id", "ENSG"), ("name", "GENE")):
            features[name] = np.array([f"{word}{i:011d}" for i in range(GENES)], "S18")
        for name, word in (("feature_type", "Gene Expression"), ("genome", "GRCh38")):
            features[name] = np.array([word] * GENES, "S18")
    return path


def write_mtx(folder: Path, cells: int, ending: str) -> Path:
    """A triple of integers, by cell."""
    folder.mkdir()
    packed: Callable[[Path, str], Any] = gzip.open if ending else open
    entries = sum(len(genes) for _, genes, _ in slabs(cells))
    path = folder / f"matrix.mtx{ending}"
    with packed(path, "wb") as file:
        banner = "%%MatrixMarket matrix coordinate integer general\n"
        file.write(f"{banner}{GENES} {cells} {entries}\n".encode())
        first = 1
        for sizes, genes, counts in slabs(cells):
            columns = np.repeat(np.arange(first, first + len(sizes)), sizes)
            first += len(sizes)
            rows = np.column_stack((genes + 1, columns, counts.astype(np.int64)))
            file.write("".join(f"{i} {j} {v}\n" for i, j, v in rows.tolist()).encode())
    for name, count, word in (("barcodes", cells, "CELL"), ("features", GENES, "GENE")):
        with packed(folder / f"{name}.tsv{ending}", "wb") as file:
            file.write("".join(f"{word}{i:08d}\n" for i in range(count)).encode())
    return path


def write_dense(path: Path, cells: int, genes: int = 2_000, **how: Any) -> Path:
    """A dense h5ad, contiguous or in chunks."""
    write_h5ad(path, cells)
    with h5py.File(path, "r+") as file:
        del file["X"], file["var"]["_index"]
        names = np.array([f"GENE{i}" for i in range(genes)], object)
        file["var"].create_dataset("_index", data=names, dtype=h5py.string_dtype())
        x = file.create_dataset("X", (cells, genes), "f4", **how)
        values = np.random.default_rng(0).random((10_000, genes), np.float32)
        for start in range(0, cells, len(values)):
            x[start : start + len(values)] = values[: cells - start]
    return path


def memory(cells: int, folder: Path) -> None:
    """Peak memory and seconds of reading each kind of file with so many cells."""
    makers: dict[str, Callable[[], Path]] = {
        "h5ad, CSR": lambda: write_h5ad(folder / "plain.h5ad", cells),
        "10x h5": lambda: write_tenx(folder / "raw_feature_bc_matrix.h5", cells),
        "10x mtx.gz of a quarter": lambda: write_mtx(folder / "mtx", cells // 4, ".gz"),
        "h5ad, dense": lambda: write_dense(folder / "dense.h5ad", cells),
        "h5ad, dense, chunks": lambda: write_dense(folder / "chunks.h5ad", cells, chunks=True),
    }
    for what, make in makers.items():
        path = make()
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.sparse", str(path)], check=True, capture_output=True
        )
        size = path.stat().st_size / 1e9
        print(f"{what}, {cells:,} cells, {size:.2f} GB: {done.stdout.decode().strip()}", flush=True)
        path.unlink()


def _measured(path: Path) -> None:
    start = time.perf_counter()
    entries, _ = consume(path)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (
        1e6 if os.uname().sysname == "Linux" else 1e9
    )
    print(f"{entries:,} entries, {seconds:.1f} s, peak {peak:.2f} GB")


if __name__ == "__main__":
    if sys.argv[1].isdigit():
        with tempfile.TemporaryDirectory(dir=sys.argv[2] if len(sys.argv) > 2 else None) as made:
            memory(int(sys.argv[1]), Path(made))
    else:
        _measured(Path(sys.argv[1]))
