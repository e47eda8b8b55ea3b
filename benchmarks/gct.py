"""How fast GCT files are read, beside cmapPy and bare `polars.read_csv`.

cmapPy parses to three pandas frames; ours to checked ids, metadata tables and a matrix; polars
only reads the body with a schema given, and is the floor. Values are checked to be equal: bit
for bit with polars, as float32 with cmapPy, which keeps no more.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from benchmarks import data
from benchmarks.common import OURS, Bench, Result, Side, turns
from polly_assets.ingest.formats.base import ParsedDataset, Source
from polly_assets.ingest.formats.gct import GctReader


def run(bench: Bench) -> None:
    """Measure and tell."""
    shapes = ((data.GENES, data.SAMPLES), (6_000 if bench.quick else 12_000, 500))
    for genes, samples in shapes:
        study = next(data.studies(1, genes=genes, samples=samples))
        folder = bench.folder / f"gct-{genes}x{samples}"
        folder.mkdir()
        path = data.write_gct(folder, study)
        sides: dict[str, Side] = {OURS: partial(_ours, path)}
        if bench.peer("cmapPy"):
            sides["cmapPy parse"] = partial(_cmappy, path)
        sides["polars.read_csv, the body only"] = partial(_polars, path)
        size = path.stat().st_size / 1e6
        what = f"{genes:,} genes x {samples} samples, {size:.1f} MB of text"
        goal = ">= 25x cmapPy (first issue: 8x), >= 2x polars"
        times = turns(sides, bench.rounds, _equal)
        bench.add(Result("gct", what, times, goal, size, "MB"))


def _ours(path: Path) -> ParsedDataset:
    (found,) = GctReader().read(Source(path, path.name))
    if not isinstance(found, ParsedDataset):
        raise found.error
    return found


def _polars(path: Path) -> pl.DataFrame:
    with path.open("rb") as file:
        file.readline()
        _, columns, fields, skip = (int(cell) for cell in file.readline().split())
    kinds = [pl.String] * (1 + fields) + [pl.Float64] * columns
    return pl.read_csv(
        path,
        separator="\t",
        has_header=False,
        skip_lines=3 + skip,
        schema={f"c{i}": kind for i, kind in enumerate(kinds)},
        quote_char=None,
        null_values="NA",
    )


def _cmappy(path: Path) -> Any:
    from cmapPy.pandasGEXpress.parse import (  # type: ignore[import-not-found, unused-ignore]
        parse,
    )

    return parse(str(path))


def _equal(answers: dict[str, Any]) -> None:
    ours = _values(answers[OURS])
    for name, answer in answers.items():
        theirs = _values(answer)
        if not np.array_equal(ours.astype(theirs.dtype), theirs, equal_nan=True):
            raise AssertionError(f"{name} gives other values")


def _values(answer: Any) -> npt.NDArray[Any]:
    if isinstance(answer, ParsedDataset):
        return np.vstack([np.asarray(block) for block in answer.matrices[0].blocks()])
    if isinstance(answer, pl.DataFrame):
        return answer[:, 2:].to_numpy()
    return np.asarray(answer.data_df.to_numpy())
