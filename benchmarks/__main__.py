"""The command: `python -m benchmarks [NAME ...] [--quick] [--json FILE]`.

Owns the table of benchmarks and the choice among them. Add a benchmark as one module with
`run(bench)` and one row here, in alphabetical order.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import tempfile
import warnings
from pathlib import Path

from benchmarks.common import Bench, versions

BENCHMARKS = {
    "append": "what one more commit costs as a table grows",
    "curation": "the dictionary annotator on labelled samples (needs POLLY_TEST_DATA)",
    "endtoend": "`polly ingest` of GCT text, from the command's start to its end",
    "gct": "reading GCT text, beside cmapPy and polars",
    "genes": "one gene across datasets, beside TileDB-SOMA and h5ad files",
    "geo": "reading GEO SOFT families, beside GEOparse",
    "h5ad": "reading small AnnData files, beside anndata",
    "ingest": "storing prebuilt AnnData, beside tiledbsoma.io.from_anndata",
    "matrices": "one dataset to arrays and AnnData, beside TileDB-SOMA, anndata and h5py",
    "memory": "the memory of `polly ingest` and `polly get`, of files larger than it",
    "profiles": "the same work on embedded backends and on the servers of `make up-servers`",
    "search": "full text and facets, beside SQLite FTS5",
    "sparse": "reading single-cell matrices, beside anndata, scanpy and scipy",
    "sql": "metadata SQL as the atlas grows",
    "variants": "reading VCF and MAF, beside pysam, cyvcf2 and pandas, and its memory",
}


def main() -> None:
    """Run what is asked for; print as it comes, and write JSON at the end."""
    options = _options()
    warnings.simplefilter("ignore")
    print(*(f"{name} {number}" for name, number in versions().items()), sep="  ")
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"{os.cpu_count()} cores, load {load}; times are medians (least to most)\n")
    with tempfile.TemporaryDirectory(prefix="polly-bench-", dir=options.folder) as folder:
        sizes = (options.datasets, options.rounds, options.cells, options.rows, options.per_cell)
        bench = Bench(Path(folder), options.quick, *sizes)
        try:
            for name in options.names:
                importlib.import_module(f"benchmarks.{name}").run(bench)
        finally:
            if options.json:
                options.json.write_text(json.dumps(bench.record(), indent=1) + "\n")


def _options() -> argparse.Namespace:
    rows = "\n".join(f"  {name:10} {what}" for name, what in BENCHMARKS.items())
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=f"Measure the platform beside its peers.\n\n{rows}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="which (default: all)")
    parser.add_argument("--quick", action="store_true", help="small sizes, under two minutes")
    parser.add_argument("--datasets", type=int, help="datasets in the stores that are read")
    parser.add_argument("--rounds", type=int, help="turns that each side has")
    parser.add_argument("--cells", type=int, default=100_000, help="cells for `memory`")
    parser.add_argument("--per-cell", type=int, default=600, help="values in each of them")
    parser.add_argument("--rows", type=int, default=10_000, help="rows of a GCT for `memory`")
    parser.add_argument("--folder", type=Path, help="where to work (default: the system's)")
    parser.add_argument("--json", type=Path, help="write every figure to this file")
    options = parser.parse_args()
    unknown = set(options.names) - set(BENCHMARKS)
    if unknown:
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; see --help")
    options.names = options.names or list(BENCHMARKS)
    options.datasets = options.datasets or (12 if options.quick else 100)
    options.rounds = options.rounds or (3 if options.quick else 5)
    return options


if __name__ == "__main__":
    main()
