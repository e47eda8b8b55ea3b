"""How fast GCT files are read, beside cmapPy and bare `polars.read_csv`, in one process.

    pip install --no-deps --target /tmp/cmappy cmappy      # it needs pandas < 3, and no more here
    PYTHONPATH=/tmp/cmappy python benchmarks/gct.py [FILE.gct ...]

Readers take turns (A B C, A B C, ...) on the same file; the best of each counts. cmapPy parses
to three pandas frames; ours to checked ids, metadata tables and a matrix; polars only reads the
body with a schema given, and is the floor. Without arguments, two built files are read.
"""

from __future__ import annotations

import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
import polars as pl

from polly_assets.ingest.formats.base import Source
from polly_assets.ingest.formats.gct import GctReader

ROUNDS = 5
SHAPES = ((20_000, 12), (12_000, 500))


def build(folder: Path, rows: int, columns: int) -> Path:
    """A GCT 1.3 of random values with 4 decimals and one metadata field on each side."""
    numbers = np.random.default_rng(0).normal(8, 3, (rows, columns)).round(4)
    samples = [f"S{i}" for i in range(columns)]
    lines = [["#1.3"], [str(n) for n in (rows, columns, 1, 1)], ["id", "symbol", *samples]]
    lines.append(["tissue", "na", *["liver"] * columns])
    lines += [[f"g{i}", f"SYM{i}", *map(repr, row)] for i, row in enumerate(numbers.tolist())]
    path = folder / f"built_{rows}x{columns}.gct"
    path.write_text("\n".join("\t".join(line) for line in lines) + "\n")
    return path


def read_ours(path: Path) -> None:
    """One dataset, whole."""
    for _ in GctReader().read(Source(path, path.name)):
        pass


def read_polars(path: Path) -> None:
    """The body only, text and numbers."""
    with path.open("rb") as file:
        assert file.readline().startswith(b"#1.3")
        _, columns, fields, skip = (int(cell) for cell in file.readline().split())
    kinds = [pl.String] * (1 + fields) + [pl.Float64] * columns
    schema = {f"c{i}": kind for i, kind in enumerate(kinds)}
    pl.read_csv(
        path,
        separator="\t",
        has_header=False,
        skip_lines=3 + skip,
        schema=schema,
        quote_char=None,
        null_values="NA",
    )


def read_cmappy(path: Path) -> None:
    """The file as cmapPy's GCToo."""
    from cmapPy.pandasGEXpress.parse import parse

    parse(str(path))


def compare(path: Path) -> None:
    """Time the readers in turns and print one line."""
    readers: dict[str, Callable[[Path], None]] = {
        "polly": read_ours,
        "cmapPy": read_cmappy,
        "polars": read_polars,
    }
    best = dict.fromkeys(readers, float("inf"))
    for _ in range(ROUNDS):
        for name, read in readers.items():
            start = time.perf_counter()
            read(path)
            best[name] = min(best[name], time.perf_counter() - start)
    times = "  ".join(f"{name} {seconds * 1000:8.1f} ms" for name, seconds in best.items())
    print(
        f"{path.name:24} {path.stat().st_size / 1e6:6.1f} MB  {times}  "
        f"cmapPy/polly {best['cmapPy'] / best['polly']:5.1f}x  "
        f"polly/polars {best['polly'] / best['polars']:4.1f}x"
    )


def main() -> None:
    """Read the files named, or built ones."""
    warnings.simplefilter("ignore")
    for package in ("polly-open", "cmapPy", "pandas", "polars"):
        print(package, version(package), end="  ")
    print()
    with tempfile.TemporaryDirectory() as folder:
        built = (build(Path(folder), *shape) for shape in SHAPES)
        for path in map(Path, sys.argv[1:]) if sys.argv[1:] else built:
            compare(path)


if __name__ == "__main__":
    main()
